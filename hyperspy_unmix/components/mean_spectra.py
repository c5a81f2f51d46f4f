"""Mean spectra of groups of pixels, and the noise of their counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats, Index

from .as_signals import as_spectra

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def mean_values(pca: Compressed, compressed: LowRank, groups: list[Index]) -> tuple[Floats, Floats]:
    """Spectra (groups, channels) of integral one, and the counts of a pixel of each group."""
    image = pca.prepared.image
    scores = np.array([compressed.scores[rows].mean(0) for rows in groups])
    values = scores.reshape(len(groups), compressed.rank) @ compressed.components
    values = values / image.widths_in_values
    sums = values @ image.channel_widths
    return values / np.where(np.abs(sums) > 0, sums, 1.0)[:, None], sums


def mean_spectra(
    pca: Compressed, compressed: LowRank, groups: list[Index], title: str
) -> BaseSignal:
    """Mean spectra of groups of pixels, given by their rows: (Component | energy), integral one.

    Their variance is that of the counts in the pixels, channel by channel.
    """
    image = pca.prepared.image
    values, sums = mean_values(pca, compressed, groups)
    scale = np.where(np.abs(sums) > 0, sums, 1.0)[:, None] * image.widths_in_values
    variance = _variance(pca, groups) / scale**2
    return as_spectra(image, values, title, "Intensity", variance=variance, is_binned=False)


def _variance(pca: Compressed, groups: list[Index]) -> Floats:
    """Variance of the mean counts as recorded, (groups, channels); components do not change it."""
    recorded, noise = pca.recorded, pca.prepared.noise
    structure = recorded.truncate(max(pca.above_noise_edge, 1))
    variance = np.empty((len(groups), recorded.components.shape[1]))
    for i, rows in enumerate(groups):
        n = max(len(rows), 1)
        if noise.kind in ("poisson", "gain", "uniform"):
            mean = structure.scores[rows].sum(0)[None] / n @ structure.components
            # Channels that hold next to nothing are as sure as if one count had been in them.
            variance[i] = noise.variance(np.maximum(mean, noise.gain / n))[0] / n
        else:
            at_unit_weight = recorded.whitening.channel_sd**2
            variance[i] = at_unit_weight * np.sum(1 / recorded.weights[rows]) / n**2
    return variance
