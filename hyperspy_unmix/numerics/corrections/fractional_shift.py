"""Shifts of a fraction of a channel, in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.types import Floats

from .chain import RemovalFromCounts
from .convolution import RegularAxis, Transforms, combine, convolve_rows

PADDING_CHANNELS = 128  # over which spectra fade back to their start
REPRESENTATIVE_SHIFTS = 129  # fractions of a channel in whose kernels the common ones are found
LEAST_SHIFT_KERNEL_AMPLITUDE = 1e-3  # of the strongest; weaker kernels are left out


@dataclass(frozen=True)
class FractionalShift:
    """Shift of each spectrum to higher channels that is left after whole channels.

    Parameters
    ----------
    shift : array, shape (pixels,)
        In channels, within half of one.
    axis : RegularAxis
    """

    shift: Floats
    axis: RegularAxis

    name: ClassVar[str] = "energy shift"
    adds: ClassVar[bool] = False

    @classmethod
    def build(
        cls, shift: Floats, channels: NDArray[np.intp], empty: NDArray[np.bool_]
    ) -> FractionalShift:
        """Shifts of spectra on these channels; see `RegularAxis` for ``channels`` and ``empty``."""
        length = int(next_fast_len(len(empty) + PADDING_CHANNELS, real=True))
        return cls(shift, RegularAxis(length, channels, empty, continues_smoothly=True))

    @cached_property
    def _common_kernels(self) -> tuple[Floats, Floats, Transforms]:
        """Shifts, weights (shifts, kernels) and kernels: all shifts are made of few kernels.

        By singular values of the kernels of evenly spaced shifts.
        """
        reach = max(float(np.abs(self.shift).max()), 1e-6)
        shifts = np.linspace(-reach, reach, REPRESENTATIVE_SHIFTS)
        omega = 2 * np.pi * np.arange(self.axis.length // 2 + 1) / self.axis.length
        kernels = np.exp(1j * omega * shifts[:, None]) - 1
        real = np.concatenate([kernels.real, kernels.imag], 1)
        u, s, vt = np.linalg.svd(real, full_matrices=False)
        rank = max(int((s > LEAST_SHIFT_KERNEL_AMPLITUDE * s[0]).sum()), 1)
        half = vt.shape[1] // 2
        return shifts, u[:, :rank] * s[:rank], vt[:rank, :half] + 1j * vt[:rank, half:]

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, None]:
        """Move compressed spectra to where they belong.

        Parameters
        ----------
        spectra : LowRank
            Counts as recorded, less whole channels.
        edge : float
            Noise edge; what is far below it is dropped.

        Returns
        -------
        LowRank
            With about as many components. Unchanged where the shifts are far below the noise.
        None
            Nothing is fitted.
        """
        if self.significance(spectra, edge) < NEGLIGIBLE_SHARE_OF_EDGE:
            return spectra, None
        scores, components, weights = self._move(spectra.scores, spectra.components, self.shift)
        # The spectrum itself has the weight one.
        factors = np.concatenate([np.ones((len(scores), 1)), weights], 1)
        moved = replace(
            spectra,
            scores=scores,
            components=components,
            noise=np.kron(factors.T @ factors / len(scores), spectra.noise),
            model_error=np.zeros((len(components),) * 2),
        )
        return moved.recompress(NEGLIGIBLE_SHARE_OF_EDGE * edge, spectra.rank), None

    def restore(
        self, scores: Floats, components: Floats, fit: None = None
    ) -> tuple[Floats, Floats]:
        """Spectra moved back to where they were recorded."""
        return self._move(scores, components, -self.shift)[:2]

    def removal_from_counts(self, fit: None = None) -> RemovalFromCounts:
        """How spectra that are not compressed are moved to where they belong."""
        kernels, axis = self._common_kernels[2], self.axis

        def remove(spectra: Floats, per_pixel: tuple[Floats, ...]) -> Floats:
            return convolve_rows(spectra, per_pixel[0], kernels, axis)

        return RemovalFromCounts((self._weights(self.shift),), remove)

    def _move(
        self, scores: Floats, components: Floats, shift: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Scores and components moved, and the weights of the kernels (pixels, kernels)."""
        weights, kernels = self._weights(shift), self._common_kernels[2]
        return (
            np.concatenate([scores, combine(scores, weights)], 1),
            np.concatenate([components, self.axis.convolve(components, kernels)]),
            weights,
        )

    def _weights(self, shift: Floats) -> Floats:
        """Weight of each common kernel in that of each pixel's shift, shape (pixels, kernels)."""
        shifts, weights, _ = self._common_kernels
        return np.stack([np.interp(shift, shifts, column) for column in weights.T], 1)

    def significance(self, spectra: LowRank, edge: float) -> float:
        """Variance that the shifts add to the spectra, in units of the noise edge."""
        slopes = spectra.whitening.whiten(np.gradient(spectra.components, axis=1))
        moved = spectra.scores * (np.sqrt(spectra.weights) * self.shift)[:, None]
        return float(np.trace(moved.T @ moved @ (slopes @ slopes.T))) / edge
