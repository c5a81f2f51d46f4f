"""Shifts of a fraction of a channel, in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from .convolution import Channels, Transforms, combine
from .noise import Floats
from .pca import NEGLIGIBLE, LowRank

PAD = 128  # channels over which spectra fade back to their start
STEPS = 129  # fractions of a channel that represent all
PRECISION = 1e-3


@dataclass(frozen=True)
class Remainder:
    """Shift of each spectrum to higher channels that is left after whole channels.

    Parameters
    ----------
    shift : array, shape (pixels,)
        In channels, within half of one.
    axis : Channels
    """

    shift: Floats
    axis: Channels

    @classmethod
    def build(
        cls, shift: Floats, channels: NDArray[np.intp], empty: NDArray[np.bool_]
    ) -> Remainder:
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

    def move(
        self, scores: Floats, components: Floats, back: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """Spectra moved to where they belong (or back to where they were recorded).

        Returns
        -------
        scores, components, weights
            ``weights`` (pixels, kernels) are those of the kernels beside the spectrum itself.
        """
        steps, common, kernels = self._common
        shift = -self.shift if back else self.shift
        weights = np.stack([np.interp(shift, steps, column) for column in common.T], 1)
        return (
            np.concatenate([scores, combine(scores, weights)], 1),
            np.concatenate([components, self.axis.convolve(components, kernels)]),
            weights,
        )

    def significance(self, spectra: LowRank, edge: float) -> float:
        """Variance that the shifts add to the spectra, in units of the noise edge."""
        slopes = spectra.whitening.whiten(np.gradient(spectra.components, axis=1))
        moved = spectra.scores * (np.sqrt(spectra.weights) * self.shift)[:, None]
        return float(np.trace(moved.T @ moved @ (slopes @ slopes.T))) / edge


def remove_shift(spectra: LowRank, remainder: Remainder, edge: float) -> LowRank:
    """Move compressed spectra by fractions of a channel to where they belong.

    Parameters
    ----------
    spectra : LowRank
        Counts as recorded, less whole channels.
    remainder : Remainder
    edge : float
        Noise edge; what is far below it is dropped.

    Returns
    -------
    LowRank
        With about as many components. Unchanged where the shifts are far below the noise.
    """
    if remainder.significance(spectra, edge) < NEGLIGIBLE:
        return spectra
    scores, components, weights = remainder.move(spectra.scores, spectra.components)
    factors = np.concatenate([np.ones((len(scores), 1)), weights], 1)
    moved = replace(
        spectra,
        scores=scores,
        components=components,
        noise=np.kron(factors.T @ factors / len(scores), spectra.noise),
        model_error=np.zeros((len(components),) * 2),
    )
    return moved.recompressed(NEGLIGIBLE * edge, spectra.rank)
