"""Shifts of a fraction of a channel, in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE, LowRank
from hyperspy_unmix.numerics.types import Floats

from .chain import OfCounts
from .convolution import Channels, Transforms, combine, convolve_rows

PAD = 128  # channels over which spectra fade back to their start
STEPS = 129  # fractions of a channel that represent all
PRECISION = 1e-3


@dataclass(frozen=True)
class FractionalShift:
    """Shift of each spectrum to higher channels that is left after whole channels.

    Parameters
    ----------
    shift : array, shape (pixels,)
        In channels, within half of one.
    axis : Channels
    """

    shift: Floats
    axis: Channels

    name: ClassVar[str] = "energy shift"
    adds: ClassVar[bool] = False

    @classmethod
    def build(
        cls, shift: Floats, channels: NDArray[np.intp], empty: NDArray[np.bool_]
    ) -> FractionalShift:
        """Of spectra on these channels, see `Channels`."""
        length = int(next_fast_len(len(empty) + PAD, real=True))
        return cls(shift, Channels(length, channels, empty))

    @cached_property
    def _common(self) -> tuple[Floats, Floats, Transforms]:
        """Shifts, weights (shifts, kernels) and kernels: all shifts are made of few."""
        reach = max(float(np.abs(self.shift).max()), 1e-6)
        steps = np.linspace(-reach, reach, STEPS)
        omega = 2 * np.pi * np.arange(self.axis.length // 2 + 1) / self.axis.length
        kernels = np.exp(1j * omega * steps[:, None]) - 1
        real = np.concatenate([kernels.real, kernels.imag], 1)
        u, s, vt = np.linalg.svd(real, full_matrices=False)
        rank = max(int((s > PRECISION * s[0]).sum()), 1)
        half = vt.shape[1] // 2
        return steps, u[:, :rank] * s[:rank], vt[:rank, :half] + 1j * vt[:rank, half:]

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
        if self.significance(spectra, edge) < NEGLIGIBLE:
            return spectra, None
        scores, components, weights = self._move(spectra.scores, spectra.components, self.shift)
        factors = np.concatenate([np.ones((len(scores), 1)), weights], 1)
        moved = replace(
            spectra,
            scores=scores,
            components=components,
            noise=np.kron(factors.T @ factors / len(scores), spectra.noise),
            model_error=np.zeros((len(components),) * 2),
        )
        return moved.recompressed(NEGLIGIBLE * edge, spectra.rank), None

    def restore(
        self, scores: Floats, components: Floats, fit: None = None
    ) -> tuple[Floats, Floats]:
        """Spectra moved back to where they were recorded."""
        return self._move(scores, components, -self.shift)[:2]

    def of_counts(self, fit: None = None) -> OfCounts:
        """How spectra that are not compressed are moved to where they belong."""
        kernels, axis = self._common[2], self.axis

        def remove(spectra: Floats, given: tuple[Floats, ...]) -> Floats:
            return convolve_rows(spectra, given[0], kernels, axis)

        return OfCounts((self._weights(self.shift),), remove)

    def _move(
        self, scores: Floats, components: Floats, shift: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Scores and components moved, and the weights of the kernels beside the spectrum."""
        weights, kernels = self._weights(shift), self._common[2]
        return (
            np.concatenate([scores, combine(scores, weights)], 1),
            np.concatenate([components, self.axis.convolve(components, kernels)]),
            weights,
        )

    def _weights(self, shift: Floats) -> Floats:
        """Weight of each common kernel in that of each pixel's shift, shape (pixels, kernels)."""
        steps, common, _ = self._common
        return np.stack([np.interp(shift, steps, column) for column in common.T], 1)

    def significance(self, spectra: LowRank, edge: float) -> float:
        """Variance that the shifts add to the spectra, in units of the noise edge."""
        slopes = spectra.whitening.whiten(np.gradient(spectra.components, axis=1))
        moved = spectra.scores * (np.sqrt(spectra.weights) * self.shift)[:, None]
        return float(np.trace(moved.T @ moved @ (slopes @ slopes.T))) / edge
