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

LEAST_KERNEL_AMPLITUDE = 3e-4  # of the strongest common kernel; weaker ones are left out
MOST_KERNELS = 12
CHANNELS_OF_AN_END = 8  # that tell its value and slope, where it is continued
REPRESENTATIVE_PIXELS = 256  # in whose kernels the common ones are found


@dataclass(frozen=True)
class RegularAxis:
    """A regular energy axis, padded for transforms, and where on it the spectra have channels.

    Parameters
    ----------
    length : int
        Channels of the padded axis, on which spectra are taken as periodic.
    channels : int array
        Position on the regular energy axis of each channel of the spectra.
    empty : bool array, shape (regular channels,)
        Where the regular axis holds no counts at all; other gaps are interpolated.
    starts_from_zero : bool
        Whether there is nothing before the first channel, as before the losses of a low loss.
    continues_smoothly : bool
        Whether the ends are continued without a bend, as interpolation needs it: every step or
        bend that the padding makes rings through the spectra that are moved.
    """

    length: int
    channels: NDArray[np.intp]
    empty: NDArray[np.bool_]
    starts_from_zero: bool = False
    continues_smoothly: bool = False

    def transform(self, spectra: Floats) -> Transforms:
        """Fourier transforms of rows led smoothly from their last value back to their first."""
        spectra = self._to_regular(spectra)
        n = spectra.shape[1]
        if self.continues_smoothly:
            return np.asarray(rfft(np.concatenate([spectra, self._bridge(spectra)], 1)))
        averaged = max(1, min(8, n // 20))
        first = spectra[:, :averaged].mean(1, keepdims=True) * (not self.starts_from_zero)
        last = spectra[:, -averaged:].mean(1, keepdims=True)
        # Plural scattering reaches far: what the fading tail scatters must end before the start.
        fade = 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.linspace(0, 3, self.length - n), 1))
        return np.asarray(rfft(np.concatenate([spectra, first + (last - first) * fade], 1)))

    def inverse_transform(self, transforms: Transforms) -> Floats:
        """The channels of the spectra whose transforms these are."""
        return np.asarray(irfft(transforms, self.length)[..., self.channels])

    def convolve(self, components: Floats, transforms: Transforms) -> Floats:
        """Each component with each kernel, shape (kernels * rank, channels), kernels slowest."""
        products = self.transform(components)[None] * transforms[:, None]
        convolved = self.inverse_transform(products)
        return convolved.reshape(-1, len(self.channels))

    def _bridge(self, spectra: Floats) -> Floats:
        """From the last channel of each row back to its first, smooth also where they meet."""
        n_ends = min(CHANNELS_OF_AN_END, spectra.shape[1])
        beyond = np.arange(1, self.length - spectra.shape[1] + 1)
        after = _continued(spectra[:, -n_ends:], beyond)
        before = _continued(spectra[:, n_ends - 1 :: -1][:, -n_ends:], beyond)[:, ::-1]
        share = 0.5 + 0.5 * np.cos(np.pi * beyond / (len(beyond) + 1))
        return np.asarray(share * after + (1 - share) * before)

    def _to_regular(self, spectra: Floats) -> Floats:
        """Rows on the regular energy axis: gaps interpolated, empty channels zero."""
        regular = np.arange(len(self.empty))
        if len(regular) == len(self.channels):
            return spectra
        filled = np.zeros((len(spectra), len(regular)))
        for row, values in zip(filled, spectra, strict=True):
            row[:] = np.interp(regular, self.channels, values)
        filled[:, self.empty] = 0
        return filled


def _continued(ends: Floats, beyond: NDArray[np.intp]) -> Floats:
    """Rows past their last channel: value and slope of a parabola there, then level."""
    channel = np.arange(1 - ends.shape[1], 1)
    powers = np.vander(channel, min(3, len(channel)), increasing=True)
    value, slope, *_ = np.linalg.pinv(powers) @ ends.T
    reach = ends.shape[1] / 2
    return np.asarray(value[:, None] + slope[:, None] * reach * (1 - np.exp(-beyond / reach)))


def combine(scores: Floats, weights: Floats) -> Floats:
    """Scores of every kernel and component, shape (pixels, kernels * rank), kernels slowest."""
    return np.asarray((weights[:, :, None] * scores[:, None, :]).reshape(len(scores), -1))


def convolve_rows(
    block: Floats, weights: Floats, transforms: Transforms, axis: RegularAxis
) -> Floats:
    """Convolve spectra (pixels, channels) that are not compressed, each with its own kernel.

    ``weights`` (pixels or one, kernels) are those of the kernels, to which the spectrum itself is
    added.
    """
    own_kernels = 1 + np.broadcast_to(weights, (len(block), weights.shape[1])) @ transforms
    return axis.inverse_transform(axis.transform(block) * own_kernels)


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

    Parameters
    ----------
    scores : array, shape (pixels, rank)
    transforms : complex array, shape (rank, frequencies)
    length : int
        Channels of which these are the transforms.
    function : callable
        Of an array of transforms, number by number.

    Returns
    -------
    weights : array, shape (pixels, kernels)
    transforms : complex array, shape (kernels, frequencies)

    References
    ----------
    Z. Drmac, S. Gugercin, SIAM J. Sci. Comput. 38 (2016) A631,
    https://doi.org/10.1137/15M1019271
    """
    # Representative pixels: as many as are needed, from the least scattering to the most.
    strength = np.abs(scores @ transforms[:, 0].real)
    order = np.argsort(strength, kind="stable")
    evenly = np.linspace(0, len(order) - 1, REPRESENTATIVE_PIXELS).astype(int)
    representatives = np.unique(order[evenly])

    # The common kernels are the principal directions of theirs.
    shapes = irfft(function(scores[representatives] @ transforms), length)
    eigenvalues, axes = np.linalg.eigh(shapes @ shapes.T)
    strong = eigenvalues > LEAST_KERNEL_AMPLITUDE**2 * eigenvalues[-1]
    rank = min(max(int(strong.sum()), 1), MOST_KERNELS)
    kernels = rfft((axes[:, ::-1][:, :rank] / np.sqrt(eigenvalues[::-1][:rank])).T @ shapes)

    # Every pixel's weights, by least squares at a few frequencies.
    _, _, pivots = qr(kernels, mode="economic", pivoting=True)
    sampled = _add_low_frequencies(pivots, rank, kernels.shape[1])
    values = function(scores @ transforms[:, sampled])
    design = np.concatenate([kernels[:, sampled].real, kernels[:, sampled].imag], 1)
    target = np.concatenate([values.real, values.imag], 1)
    return target @ np.linalg.pinv(design), kernels


def _add_low_frequencies(pivots: NDArray[np.intp], rank: int, n: int) -> NDArray[np.intp]:
    """The first pivots, and as many low frequencies again, where kernels have their weight."""
    low = np.unique(np.geomspace(1, n, 3 * rank).astype(int) - 1)
    return np.union1d(pivots[:rank], low)
