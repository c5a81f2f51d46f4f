"""By what the pixels are weighed, so that the noise of all is the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.weights import (
    LEAST_COUNTS_OF_CHANNEL,
    LEAST_COUNTS_PER_PIXEL,
    pixel_weights,
    project_scales,
)
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats


def group_variance(summary: Summary, noise: NoiseModel) -> Floats:
    """Mean variance of the groups, kept from zero where a channel or a group is all but empty."""
    variance = np.array(noise.variance(summary.groups, summary.group_variance), float)
    if noise.kind == "poisson":
        # A channel of a few counts in all must not weigh as if its variance were known to be tiny.
        n_pixels = float(np.sum(summary.group_size))
        return variance + max(LEAST_COUNTS_PER_PIXEL, LEAST_COUNTS_OF_CHANNEL / n_pixels)
    return np.asarray(np.maximum(variance, 1e-3 * variance.mean()))


@dataclass(frozen=True)
class RowScales:
    """What the weights of the pixels are made of, see `pixel_weights`.

    ``column_scales`` (channels,) are the projected ones; ``typical`` is the scaled variance of a
    typical pixel, ``typical_counts`` its counts where they are Poisson.
    """

    column_scales: Floats
    typical: float
    typical_counts: float | None

    def weights(self, variance: Floats) -> Floats:
        """Weights of pixels from the ``variance`` (pixels, channels) of their values."""
        counts = None if self.typical_counts is None else variance.sum(1)
        scaled = variance @ self.column_scales / variance.shape[1]
        return pixel_weights(scaled, self.typical, counts, self.typical_counts)


def row_scales(summary: Summary, noise: NoiseModel, v: Floats, dtype: Any) -> RowScales:
    """What the weights are made of, from a sample of the pixels and the means of groups of them."""
    if noise.kind in ("poisson", "gain"):
        sample_variance = np.array(noise.variance(summary.sample), float)
        projected = project_scales(sample_variance, v)
    else:
        projected = v
    variance = noise.variance(summary.groups, summary.group_variance)
    typical = float(np.average(variance @ projected, weights=summary.group_size)) / len(v)
    typical_counts = float(summary.mean.sum()) if noise.kind == "poisson" else None
    return RowScales(projected.astype(dtype), typical, typical_counts)
