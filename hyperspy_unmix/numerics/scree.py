"""Singular values of the whitened data against what noise alone would give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import split_half
from .edge import (
    marchenko_pastur_median,
    noise_edge,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from .noise import ChannelWhitening, Floats

MORE_TRIED, MOST_TRIED = 4, 40  # components in the split-half test


@dataclass(frozen=True)
class Scree:
    """Squared singular values of the whitened data in units of the noise edge (1 is the floor).

    Parameters
    ----------
    values : array, falling
    edge : float
        Noise edge.
    calibration : float
        Median squared singular value over what noise alone would give: 1 where the noise model is
        right.
    repeats : array
        Significance with which the leading components repeat in an independent share of the
        counts, see `split_half`.
    shape : (pixels, channels)
        Of the whitened data.
    """

    values: Floats
    edge: float
    calibration: float
    repeats: Floats
    shape: tuple[int, int]

    @property
    def above_noise_edge(self) -> int:
        """Number of components that white noise alone would not produce."""
        return int(np.argmin(np.append(self.values, 0.0) > 1))


def measure_scree(
    eigenvalues: Floats, vectors: Floats, n: int, profile: Floats, calibrated: bool
) -> Scree:
    """Squared singular values over the noise edge, and which of them repeat."""
    m = len(profile)
    rank = min(n, m)
    eigenvalues = eigenvalues[:rank]
    edge = noise_edge_of_profile(n, profile)
    noise_median = noise_median_of_profile(n, profile)
    level, structure = 1.0, 0
    for _ in range(5):
        # the noise median of what is left once the structure took its share of the dimensions
        expected = noise_median * marchenko_pastur_median(n - structure, m - structure)
        expected /= marchenko_pastur_median(n, m)
        level = float(np.median(eigenvalues[structure:])) / expected
        structure = min(int((eigenvalues > level * edge).sum()), rank - 1)
    # below that the eigenvalues of a float32 product are rounding
    rounding = 1e-8 * float(eigenvalues[0]) / edge
    scale = max(level, rounding, 1e-300) if calibrated else 1.0
    values = eigenvalues / (edge * scale)
    number = min(int(np.sum(values > 1)) + MORE_TRIED, MOST_TRIED, rank)
    if n >= m:
        split = (eigenvalues / scale, vectors, n, profile)
    else:
        # the side of the pixels is the small one; their noise is even
        split = (eigenvalues / scale, np.eye(n), m, np.full(n, profile.mean()))
    repeats = split_half.significance(*split, number)
    return Scree(values, edge * scale, level, repeats, (n, m))


def channel_rescaling(
    products: Floats, whitening: ChannelWhitening, eigenvalues: Floats, vectors: Floats, n: int
) -> Floats:
    """Standard deviation of every channel's residual beside the components, near one."""
    size = vectors.shape[0]
    level = float(np.median(eigenvalues[: min(n, size)])) / marchenko_pastur_median(n, size)
    if level <= 1e-8 * float(eigenvalues[0]) / n:
        # nothing is left beside the components but rounding
        return np.ones(len(whitening.channel_sd))
    rank = int(np.sum(eigenvalues > level * noise_edge(n, size)))
    unit = replace(whitening, channel_sd=np.ones(len(whitening.channel_sd)))
    lost = unit.colour(vectors[:, :rank].T) ** 2
    wide = len(products) == n and n < len(whitening.channel_sd)
    total = np.sum(products**2, 0) if wide else np.diag(products)
    left = np.clip(1 - lost.sum(0), 0.05, None) * (n - rank)
    variance = (total - eigenvalues[:rank] @ lost) / left
    # a channel that all but makes up a component of its own says nothing about its noise
    known = (lost.sum(0) < 0.3) & (variance > 0)
    return np.sqrt(np.where(known, variance, level))


def whitened_variance(whitening: ChannelWhitening, profile: Floats) -> Floats:
    """Variance of each whitened column where the channels' is ``profile`` times the model's."""
    if whitening.factor is None:
        return profile
    unit = replace(whitening, channel_sd=np.ones(len(profile)))
    coloured = whitening.factor * np.sqrt(profile)[:, None]
    return np.asarray(np.sum(unit.whiten(coloured.T) ** 2, 0))
