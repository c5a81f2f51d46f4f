"""Convolution of compressed spectra with kernels that differ from pixel to pixel.

Each pixel's kernel is one plus a combination of a few common ones, so that neither a pixel's kernel
nor its spectrum is ever formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.linalg import qr

from hyperspy_unmix.numerics.types import Floats

Transforms = NDArray[np.complexfloating]

PRECISION = 3e-4
MOST_KERNELS = 12
REPRESENTATIVES = 256


@dataclass(frozen=True)
class Channels:
    """Where spectra stand on a regular energy axis.

    Parameters
    ----------
    length : int
        Channels of the padded axis, on which spectra are taken as periodic.
    channels : int array
        Position on the regular energy axis of each channel of the spectra.
    empty : bool array, shape (regular channels,)
        Where the regular axis holds no counts at all; other gaps are interpolated.
    begins : bool
        Whether there is nothing before the first channel, as before the losses of a low loss.
    """

    length: int
    channels: NDArray[np.intp]
    empty: NDArray[np.bool_]
    begins: bool = False

    def transform(self, spectra: Floats) -> Transforms:
        """Fourier transforms of rows led smoothly from their last value back to their first."""
        spectra = self._regular(spectra)
        n = spectra.shape[1]
        few = max(1, min(8, n // 20))
        first = spectra[:, :few].mean(1, keepdims=True) * (not self.begins)
        last = spectra[:, -few:].mean(1, keepdims=True)
        # plural scattering reaches far: what the fading tail scatters must end before the start
        fade = 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.linspace(0, 3, self.length - n), 1))
        return np.asarray(rfft(np.concatenate([spectra, first + (last - first) * fade], 1)))

    def back(self, transforms: Transforms) -> Floats:
        """The channels of the spectra whose transforms these are."""
        return np.asarray(irfft(transforms, self.length)[..., self.channels])

    def convolve(self, components: Floats, transforms: Transforms) -> Floats:
        """Each component with each kernel, shape (kernels * rank, channels), kernels slowest."""
        convolved = self.back(self.transform(components)[None] * transforms[:, None])
        return convolved.reshape(-1, len(self.channels))

    def _regular(self, spectra: Floats) -> Floats:
        """Rows on the regular energy axis: gaps interpolated, empty channels zero."""
        regular = np.arange(len(self.empty))
        if len(regular) == len(self.channels):
            return spectra
        filled = np.stack([np.interp(regular, self.channels, row) for row in spectra])
        filled[:, self.empty] = 0
        return filled


def combine(scores: Floats, weights: Floats) -> Floats:
    """Scores of every kernel and component, shape (pixels, kernels * rank), kernels slowest."""
    return np.asarray((weights[:, :, None] * scores[:, None, :]).reshape(len(scores), -1))


def convolve_rows(block: Floats, weights: Floats, transforms: Transforms, axis: Channels) -> Floats:
    """Spectra (pixels, channels) that are not compressed, each with its own kernel.

    ``weights`` (pixels or one, kernels) are those of the kernels beside the spectrum itself.
    """
    own = 1 + np.broadcast_to(weights, (len(block), weights.shape[1])) @ transforms
    return axis.back(axis.transform(block) * own)


def common_kernels(
    scores: Floats,
    transforms: Transforms,
    length: int,
    function: Callable[[NDArray[Any]], NDArray[Any]],
) -> tuple[Floats, Transforms]:
    """A function of each pixel's kernel ``scores @ transforms``, as a combination of few kernels.

    The function is not linear in the scores, but its values lie in a space of few dimensions. That
    space is found from representative pixels; the others' weights from a few frequencies chosen by
    pivoted QR, so that no pixel's full kernel is formed.

    Returns
    -------
    weights : array, shape (pixels, kernels)
    transforms : complex array, shape (kernels, frequencies)

    References
    ----------
    Z. Drmac, S. Gugercin, SIAM J. Sci. Comput. 38 (2016) A631,
    https://doi.org/10.1137/15M1019271
    """
    strength = np.abs(scores @ transforms[:, 0].real)
    chosen = np.argsort(strength, kind="stable")
    chosen = np.unique(chosen[np.linspace(0, len(chosen) - 1, REPRESENTATIVES).astype(int)])
    full = function(scores[chosen] @ transforms)
    shapes = irfft(full, length)
    values, axes = np.linalg.eigh(shapes @ shapes.T)
    rank = min(max(int((values > PRECISION**2 * values[-1]).sum()), 1), MOST_KERNELS)
    kernels = rfft((axes[:, ::-1][:, :rank] / np.sqrt(values[::-1][:rank])).T @ shapes)
    _, _, pivots = qr(kernels, mode="economic", pivoting=True)
    sampled = _spread(pivots, rank, kernels.shape[1])
    seen = function(scores @ transforms[:, sampled])
    design = np.concatenate([kernels[:, sampled].real, kernels[:, sampled].imag], 1)
    target = np.concatenate([seen.real, seen.imag], 1)
    return target @ np.linalg.pinv(design), kernels


def _spread(pivots: NDArray[np.intp], rank: int, n: int) -> NDArray[np.intp]:
    """The pivots, and as many low frequencies again where kernels have their weight."""
    low = np.unique(np.geomspace(1, n, 3 * rank).astype(int) - 1)
    return np.union1d(pivots[:rank], low)
