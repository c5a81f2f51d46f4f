"""Runs of adjacent channels, and the channels beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

from .local_noise import LocalNoise


def channels_beside(spectra: Floats, width: int) -> list[Floats]:
    """The two channels before and the two after every run of ``width`` channels."""
    n_runs = spectra.shape[1] - width - 3
    return [spectra[:, k : k + n_runs] for k in (0, 1, width + 2, width + 3)]


def channels_inside(spectra: NDArray[Any], width: int) -> NDArray[Any]:
    """The channels of every run, shape (width, spectra, runs)."""
    n_runs = spectra.shape[1] - width - 3
    return np.stack([spectra[:, k + 2 : k + 2 + n_runs] for k in range(width)])


def variance_beside(noise: LocalNoise, width: int) -> Floats:
    """Median of the variances of the four channels beside every run, shape (1, runs)."""
    return np.asarray(np.median(channels_beside(noise.variance[None], width), axis=0))


def chance_of_mean(size: Floats, noise: LocalNoise, width: int) -> Floats:
    """By how much chance may change a mean of ``size`` pixels beside every run."""
    total = size[:, None] * variance_beside(noise, width)
    return noise.threshold(total) / size[:, None]
