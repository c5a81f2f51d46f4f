"""An offset between the energies of two spectrum images, from their spectra alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

from .group_shifts import _Comparison, merge_neighbours

MOST_OFFSET_CHANNELS = 10
LEAST_CHANNELS_COMPARED = 32
STEP = 0.5  # channels
MOST_GROUPS = 64  # of each image


@dataclass(frozen=True)
class OffsetOfSpectra:
    """The offset at which two images need the fewest components.

    Parameters
    ----------
    channels, error : float
        By which the first is too high, and its standard deviation.
    as_they_are, moved : int
        Components that the mean spectra of groups need together.
    """

    channels: float
    error: float
    as_they_are: int
    moved: int


def offset_of_spectra(
    groups: tuple[Floats, Floats], sizes: tuple[NDArray[np.integer], NDArray[np.integer]]
) -> OffsetOfSpectra | None:
    """Offset of the first image's spectra to the second's, within `MOST_OFFSET_CHANNELS`.

    The one at which as many components as the aligned spectra need leave the least of both
    (variable projection, as in `group_shifts`).

    Parameters
    ----------
    groups : pair of arrays, shape (groups, channels)
        Mean spectra of both, over the same channels.
    sizes : pair of arrays, shape (groups,)
        Pixels of each.

    Returns
    -------
    OffsetOfSpectra, optional
        None where there are too few channels.
    """
    merged = [merge_neighbours(*image, MOST_GROUPS) for image in zip(groups, sizes, strict=True)]
    spectra, pixels = (np.concatenate(parts) for parts in zip(*merged, strict=True))
    comparison = _Comparison(spectra, pixels, MOST_OFFSET_CHANNELS)
    if comparison.compared.stop - comparison.compared.start < LEAST_CHANNELS_COMPARED:
        return None
    of_first = (np.arange(len(spectra)) < len(merged[0][0])).astype(float)

    # Components that describe an offset hide it: as many as are needed where the fewest are.
    tried = np.arange(-MOST_OFFSET_CHANNELS, MOST_OFFSET_CHANNELS + STEP / 2, STEP)
    counts = [comparison.count_components(x * of_first) for x in tried]
    rank = min(counts)
    squares = [comparison.squares_left(x * of_first, rank)[0] for x in tried]
    best = int(np.clip(np.argmin(squares), 1, len(tried) - 2))
    around = slice(best - 1, best + 2)
    bend, slope, _ = np.polyfit(tried[around] - tried[best], squares[around], 2)
    noise_variance = min(squares) / max(spectra.size - rank * sum(spectra.shape), 1)
    is_minimum = bend > 0 and abs(slope) < 2 * bend * STEP
    return OffsetOfSpectra(
        float(tried[best] - slope / (2 * bend)) if is_minimum else float(tried[best]),
        float(np.sqrt(noise_variance / bend)) if is_minimum else np.inf,
        counts[len(tried) // 2],
        counts[best],
    )
