"""What a model leaves of compressed spectra, against what noise alone leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank, pixel_slices
from hyperspy_unmix.numerics.types import Floats

HALF = 0.5  # of what is left, that the fewest pixels hold


@dataclass(frozen=True)
class LeftOver:
    """The strongest spectrum in the residual, and where it is.

    Parameters
    ----------
    values : array, falling
        Squared singular values of the whitened residual in units of the noise edge: more than 1
        is not left by noise alone.
    spectrum : array, shape (channels,)
        That of the first, in the units of the data, of a pixel where its map is one.
    map : array, shape (pixels,)
        How much of it a pixel has; its mean square is one.
    """

    values: Floats
    spectrum: Floats
    map: Floats

    @property
    def greatest(self) -> float:
        """The greatest of the values."""
        return float(self.values[0])

    @property
    def share_of_pixels(self) -> float:
        """The fewest pixels that hold half of the map's squares, as a share of all."""
        squares = np.sort(self.map**2)[::-1]
        held = np.cumsum(squares) < HALF * squares.sum()
        return float((np.sum(held) + 1) / len(squares))


def left_over(
    raw: LowRank, scores: Floats, components: Floats, edge: float, beyond: float
) -> LeftOver:
    """What ``scores @ components`` leave of the counts; no pass over them.

    The compressed counts hold all that is above the noise, and some components of noise, and the
    others are noise that no model describes. So the singular values above the noise edge are those
    of the whole residual.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded, compressed.
    scores, components : array, shape (pixels, any) and (any, channels)
        The model, as recorded.
    edge : float
        Noise edge: squared singular value that white noise reaches.
    beyond : float
        The largest squared singular value that is not in ``raw``, in units of the noise edge.
    """
    both = np.concatenate([raw.components, components])
    basis, to_basis = np.linalg.qr(raw.whitening.whiten(both).T)
    moment = np.zeros((len(to_basis),) * 2)

    def along(pixels: slice, axes: Floats) -> Floats:
        """Weighted scores of the residual along the axes."""
        parts = np.concatenate([raw.scores[pixels], -scores[pixels]], 1)
        return np.asarray(np.sqrt(raw.weights[pixels])[:, None] * (parts @ (to_basis.T @ axes)))

    slices, all_axes = pixel_slices(len(raw.weights)), np.eye(len(to_basis))
    for pixels in slices:
        part = along(pixels, all_axes)
        moment += part.T @ part
    values, vectors = np.linalg.eigh(moment)
    first = vectors[:, -1:]
    strength = np.concatenate([along(pixels, first)[:, 0] for pixels in slices])
    strength = strength / np.sqrt(raw.weights)
    size = float(np.sqrt(np.mean(strength**2))) or 1.0
    # A spectrum and its map may both be reversed.
    sign = 1.0 if np.sum(strength**3) >= 0 else -1.0
    return LeftOver(
        values=np.sort(np.maximum(np.append(values / edge, beyond), 0))[::-1],
        spectrum=sign * size * raw.whitening.colour((basis @ first).T)[0],
        map=sign * strength / size,
    )
