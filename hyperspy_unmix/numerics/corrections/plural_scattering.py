"""Plural scattering: deconvolution of compressed spectra by Fourier ratio or log, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len
from scipy.signal import fftconvolve

from hyperspy_unmix.numerics.compression.low_rank import (
    NEGLIGIBLE_SHARE_OF_EDGE,
    LowRank,
    moment_sum,
    pixel_slices,
    recompression,
)
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.types import Floats

from .chain import RemovalFromCounts
from .convolution import RegularAxis, Transforms, combine, common_kernels, convolve_rows
from .inelastic_transforms import inelastic_transforms

MODEL_ERROR = 0.03  # share of the plural scattering taken out that may be wrong
NEGATIVE_LAG_CHANNELS = 32  # to which the filtered peak reaches on its low-energy side
ROUNDING_SHARE_OF_SQUARES = 1e-14  # of the sum of squares; less is rounding
Method = Literal["ratio", "log"]


@dataclass(frozen=True)
class PluralScattering:
    """What plural scattering does to each pixel's single scattering.

    Parameters
    ----------
    scores : array, shape (pixels, rank)
        Per zero-loss electron, as in `LowLoss`.
    transforms : complex array, shape (rank, frequencies)
        Fourier transforms of the inelastic kernels with the zero-loss peak's width taken out.
    axis : RegularAxis
    method : {"ratio", "log"}
        ``"ratio"``: of a core loss, whose electrons are scattered once more by the low loss.
        ``"log"``: of the low loss itself.
    error : float
        Share of the plural scattering that may be wrong.
    """

    scores: Floats
    transforms: Transforms
    axis: RegularAxis
    method: Method = "ratio"
    error: float = MODEL_ERROR

    name: ClassVar[str] = "plural scattering"
    adds: ClassVar[bool] = False

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, None]:
        """Take plural scattering out of compressed spectra, the zero-loss width put back.

        Parameters
        ----------
        spectra : LowRank
            Without background; of as many pixels as the kernels, unless there is one for all.
        edge : float
            Noise edge of the counts as recorded; what is far below it is dropped.

        Returns
        -------
        LowRank
            In single-scattering counts. ``noise`` is propagated, and ``model_error`` too, to which
            three percent of what was taken out are added.
        None
            Nothing is fitted.

        References
        ----------
        R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
        sect. 4.3, https://doi.org/10.1007/978-1-4419-9583-4
        """
        n, rank = spectra.scores.shape
        if self.is_none:
            return spectra, None
        weights, transforms = self.inverse
        weights = np.broadcast_to(weights, (n, weights.shape[1]))
        components = np.concatenate(
            [spectra.components, self.axis.convolve(spectra.components, transforms)]
        )

        def expand_scores(pixels: slice) -> Floats:
            # Every component with every kernel is too much to be held for all pixels.
            scores = spectra.scores[pixels]
            return np.concatenate([scores, combine(scores, weights[pixels])], 1)

        # The model error is that of what is taken out, and that which the spectra have already.
        moment = moment_sum(expand_scores, spectra.weights, len(components))
        of_weights = _second_moments(weights)
        model_error = np.kron(of_weights, spectra.model_error)
        model_error[rank:, rank:] += self.error**2 / n * moment[rank:, rank:]
        rounding = ROUNDING_SHARE_OF_SQUARES * float(np.trace(moment))
        least = max(NEGLIGIBLE_SHARE_OF_EDGE * edge, rounding)
        transform, components = recompression(components, moment, spectra.whitening, least, rank)
        single = replace(
            spectra,
            scores=np.concatenate(
                [expand_scores(pixels) @ transform for pixels in pixel_slices(n)]
            ),
            components=components,
            noise=transform.T @ np.kron(of_weights, spectra.noise) @ transform,
            model_error=transform.T @ model_error @ transform,
        )
        return single, None

    def restore(
        self, scores: Floats, components: Floats, fit: None = None
    ) -> tuple[Floats, Floats]:
        """Put plural scattering into single-scattering spectra: (scores, components)."""
        weights, transforms = self.forward
        weights = np.broadcast_to(weights, (len(scores), weights.shape[1]))
        return (
            np.concatenate([scores, combine(scores, weights)], 1),
            np.concatenate([components, self.axis.convolve(components, transforms)]),
        )

    def removal_from_counts(self, fit: None = None) -> RemovalFromCounts:
        """How plural scattering is taken out of spectra that are not compressed."""
        weights, transforms = self.inverse
        axis, one_for_all = self.axis, len(weights) == 1

        def remove(spectra: Floats, per_pixel: tuple[Floats, ...]) -> Floats:
            row_weights = weights if one_for_all else per_pixel[0]
            return convolve_rows(spectra, row_weights, transforms, axis)

        return RemovalFromCounts(() if one_for_all else (weights,), remove)

    @property
    def is_none(self) -> bool:
        """Whether there is no plural scattering at all."""
        return not self.transforms.any() or not self.scores.any()

    @cached_property
    def forward(self) -> tuple[Floats, Transforms]:
        """Weights and kernels that put plural scattering in, besides the spectrum itself."""
        if self.method == "ratio" or self.is_none:
            return self.scores, self.transforms
        return self._kernels(lambda ratio: 1 / _single_share(ratio) - 1)

    @cached_property
    def inverse(self) -> tuple[Floats, Transforms]:
        """Weights and kernels that take plural scattering out, besides the spectrum itself."""
        if self.method == "ratio":
            return self._kernels(lambda ratio: -ratio / (1 + ratio))
        return self._kernels(lambda ratio: _single_share(ratio) - 1)

    def scattered_shapes(self, shapes: Floats, below: int) -> Floats:
        """Spectral shapes after plural scattering with each forward kernel.

        Parameters
        ----------
        shapes : array, shape (any, below + regular channels)
        below : int
            Channels by which the shapes begin before the spectra.

        Returns
        -------
        array, shape (any, kernels, channels)
        """
        kernels = irfft(self.forward[1], self.axis.length)
        # Lags beyond the reach are those of the filtered peak, to lower energies.
        lags = np.concatenate(
            [kernels[:, -NEGATIVE_LAG_CHANNELS:], kernels[:, : self.reach + 1]], 1
        )
        padded = np.pad(shapes, ((0, 0), (0, NEGATIVE_LAG_CHANNELS)), mode="edge")
        scattered = fftconvolve(padded[:, None], lags[None], axes=-1)
        start = below + NEGATIVE_LAG_CHANNELS
        return np.asarray(scattered[..., start + self.axis.channels])

    @property
    def reach(self) -> int:
        """Channels by which plural scattering reaches upwards."""
        return (self.axis.length - len(self.axis.empty)) // 3

    def _kernels(self, function: Any) -> tuple[Floats, Transforms]:
        """A function of every pixel's kernel, as weights of common kernels."""
        return common_kernels(self.scores, self.transforms, self.axis.length, function)


def _second_moments(weights: Floats) -> Floats:
    """Mean products of the weights (pixels, kernels), those of the spectrum itself, one, first."""
    n, total = len(weights), weights.sum(0)
    sums = np.block([[np.full((1, 1), n), total[None]], [total[:, None], weights.T @ weights]])
    return np.asarray(sums / n)


def _single_share(ratio: NDArray[Any]) -> NDArray[Any]:
    """Single over all inelastic scattering, ``ln(1 + x) / x``."""
    small = np.abs(ratio) < 1e-6
    safe = np.where(small, 1, ratio)
    return np.asarray(np.where(small, 1 - ratio / 2, np.log(1 + safe) / safe))


def scattering(
    low_loss: LowLoss,
    scale: float,
    channels: NDArray[np.intp],
    empty: NDArray[np.bool_],
    method: Method = "ratio",
) -> PluralScattering:
    """Kernels of plural scattering on the core loss's energy axis.

    The transforms are evaluated at the core loss's own frequencies, so that neither the low loss's
    dispersion nor the position of its peak within a channel needs interpolation. The zero-loss
    peak is divided out with a Wiener filter; where it holds no information, at high frequencies,
    the kernel goes to zero and the spectrum stays as it was recorded.

    Parameters
    ----------
    low_loss : LowLoss
    scale : float
        Channel width of the core loss, in the low loss's energy units.
    channels, empty
        As in `RegularAxis`.
    method : {"ratio", "log"}
        As in `PluralScattering`.
    """
    # Spectra are taken as periodic, on an axis longer by three times the reach of the low loss.
    reach = int(np.ceil(3 * low_loss.energies[-1] / scale))
    length = int(next_fast_len(len(empty) + reach, real=True))
    frequency = np.arange(length // 2 + 1) / (length * scale)

    transforms = inelastic_transforms(low_loss, frequency)
    axis = RegularAxis(length, channels, empty, starts_from_zero=method == "log")
    # What is beyond the end of the low loss is lacking in the kernels.
    error = max(MODEL_ERROR, low_loss.beyond)
    return PluralScattering(low_loss.scores, transforms, axis, method, error)
