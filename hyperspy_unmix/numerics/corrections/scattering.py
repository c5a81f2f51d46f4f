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
    NEGLIGIBLE,
    LowRank,
    moment_sum,
    pieces,
    recompression,
)
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.types import Floats

from .chain import OfCounts
from .convolution import Channels, Transforms, combine, common_kernels, convolve_rows

MODEL_ERROR = 0.03  # share of the plural scattering taken out that may be wrong
NEGATIVE_LAGS = 32  # channels
LEAST = 1e-14  # of the sum of squares; below it is rounding
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
    axis : Channels
    method : {"ratio", "log"}
        ``"ratio"``: of a core loss, whose electrons are scattered once more by the low loss.
        ``"log"``: of the low loss itself.
    """

    scores: Floats
    transforms: Transforms
    axis: Channels
    method: Method = "ratio"

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
            In single-scattering counts. ``noise`` is propagated; ``model_error`` is three percent
            of what was taken out.
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

        def expanded(piece: slice) -> Floats:
            # every component with every kernel is too much to be held for all pixels
            scores = spectra.scores[piece]
            return np.concatenate([scores, combine(scores, weights[piece])], 1)

        moment = moment_sum(expanded, spectra.weights, len(components))
        error = np.zeros_like(moment)
        error[rank:, rank:] = MODEL_ERROR**2 / n * moment[rank:, rank:]
        least = max(NEGLIGIBLE * edge, LEAST * float(np.trace(moment)))
        turn, kept = recompression(components, moment, spectra.whitening, least, rank)
        single = replace(
            spectra,
            scores=np.concatenate([expanded(piece) @ turn for piece in pieces(n)]),
            components=kept,
            noise=turn.T @ np.kron(_second_moments(weights), spectra.noise) @ turn,
            model_error=turn.T @ error @ turn,
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

    def of_counts(self, fit: None = None) -> OfCounts:
        """How plural scattering is taken out of spectra that are not compressed."""
        weights, transforms = self.inverse
        axis, one_for_all = self.axis, len(weights) == 1

        def remove(spectra: Floats, given: tuple[Floats, ...]) -> Floats:
            return convolve_rows(spectra, weights if one_for_all else given[0], transforms, axis)

        return OfCounts(() if one_for_all else (weights,), remove)

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
        """Shapes known from ``below`` channels before the spectra on, with each forward kernel.

        Parameters
        ----------
        shapes : array, shape (any, below + regular channels)

        Returns
        -------
        array, shape (any, kernels, channels)
        """
        kernels = irfft(self.forward[1], self.axis.length)
        # lags beyond the reach are those of the filtered peak, to lower energies
        lags = np.concatenate([kernels[:, -NEGATIVE_LAGS:], kernels[:, : self.reach + 1]], 1)
        padded = np.pad(shapes, ((0, 0), (0, NEGATIVE_LAGS)), mode="edge")
        found = fftconvolve(padded[:, None], lags[None], axes=-1)
        start = below + NEGATIVE_LAGS
        return np.asarray(found[..., start + self.axis.channels])

    @property
    def reach(self) -> int:
        """Channels by which plural scattering reaches upwards."""
        return (self.axis.length - len(self.axis.empty)) // 3

    def _kernels(self, function: Any) -> tuple[Floats, Transforms]:
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
        As in `Channels`.
    method : {"ratio", "log"}
        As in `PluralScattering`.
    """
    reach = int(np.ceil(3 * low_loss.energies[-1] / scale))
    length = int(next_fast_len(len(empty) + reach, real=True))
    frequency = np.arange(length // 2 + 1) / (length * scale)

    def transform(energies: Floats, values: Floats) -> Transforms:
        return np.asarray(values @ np.exp(-2j * np.pi * np.outer(energies, frequency)))

    peak = transform(low_loss.peak_energies, low_loss.peak.shape)
    inelastic = transform(low_loss.energies, low_loss.inelastic)
    low_loss_scale = float(np.median(np.diff(low_loss.energies)))
    known = frequency <= 0.5 / low_loss_scale
    floor = max(1e-3, 3 * float(np.median(np.abs(peak[known][-max(known.sum() // 10, 1) :]))))
    power, floor = np.abs(peak) ** 2, min(floor, 0.1)
    # exact at zero frequency: plural scattering keeps its integral
    wiener = np.where(known, peak.conj() * (1 + floor**2) / (power + floor**2), 0)
    axis = Channels(length, channels, empty, begins=method == "log")
    return PluralScattering(low_loss.scores, inelastic * wiener, axis, method)
