"""What is left of a sample of spectra beside its components: its level, and its correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .noise_edge import (
    elbow,
    leading_count,
    marchenko_pastur_median,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from .whitening import ChannelWhitening

MOST_COMPONENTS_REMOVED = 20  # from a sample, before its scatter is looked at
MOST_LAGS = 12  # channels over which noise may be correlated
LEAST_CORRELATION = 0.001
MOST_OF_NEIGHBOURS = 0.5  # of their correlation, that noise has so many channels apart
LEAST_SHARE_LEFT = 0.05  # of a channel's noise beside the components, for its correction


@dataclass(frozen=True)
class Residual:
    """What is left of a sample beside its significant components.

    ``noise`` (pixels, channels) is corrected for the share of each channel's noise that went with
    the components, whose directions (rank, channels) these are: the products of two channels'
    entries are that share.
    """

    noise: Floats
    directions: Floats

    def lost(self, lag: int = 0) -> Floats:
        """Share that went with the components, of channels ``lag`` apart, (channels - lag,)."""
        after, before = self.directions[:, lag:], self.directions[:, : len(self.directions.T) - lag]
        return np.asarray(np.sum(after * before, 0))


def rank_and_level(
    power: Floats, n: int, variance: Floats, white: bool = True
) -> tuple[int, float]:
    """Number of components and noise variance, from the squared singular values ``power``.

    ``variance`` (channels,) is that of the noise, relative to the level. For ``white`` see
    `remove_components`.
    """
    m = len(variance)
    most = min(MOST_COMPONENTS_REMOVED, min(n, m) // 4)
    edge, median = noise_edge_of_profile(n, variance), noise_median_of_profile(n, variance)
    median /= marchenko_pastur_median(n, m)
    rank, level = 0, 0.0
    for _ in range(5):
        expected_median = median * marchenko_pastur_median(n - rank, m - rank)
        level = float(np.median(power[rank:])) / expected_median
        new_rank = int((power > level * edge).sum()) if white else elbow(power)
        new_rank = min(new_rank, most)
        if new_rank == rank:
            break
        rank = new_rank
    return rank, level


def remove_components(
    weighted: Floats, whitening: ChannelWhitening, white: bool = True
) -> Residual:
    """Take the components above the noise edge out of a weighted sample.

    Where the whitening is not known to make the noise ``white``, the elbow takes the place of the
    edge: correlated noise would be taken for structure, and what is left would look uncorrelated.
    """
    # The squared singular values, from the smaller Gram matrix.
    whitened = whitening.whiten(weighted)
    n, m = whitened.shape
    tall = n > m
    gram = whitened.T @ whitened if tall else whitened @ whitened.T
    power, vectors = np.linalg.eigh(gram)
    power, vectors = power[::-1], vectors[:, ::-1]
    # The components above the noise, fitted to the sample as it is before the whitening.
    rank, _ = rank_and_level(power, n, whitening.variance, white)
    scores = whitened @ vectors[:, :rank] if tall else vectors[:, :rank] * np.sqrt(power[:rank])
    components = np.linalg.lstsq(scores, weighted, rcond=None)[0]
    # Noise along a whitened direction is, among the channels, as correlated as all noise is.
    share_left = _share_left(np.sum(components**2, 0)) * (1 - rank / n)
    return Residual((weighted - scores @ components) / np.sqrt(share_left), components)


def _share_left(lost: Floats) -> Floats:
    """Share of each channel's noise that did not go with the components; never next to nothing."""
    return np.clip(1 - lost, LEAST_SHARE_LEFT, None)


def residual_correlation(residual: Residual, shot_share: Floats) -> tuple[float, ...]:
    """Correlation of neighbouring channels' shot noise, up to the last lag that matters.

    ``shot_share`` (channels,) is the share of each channel's variance that comes with the signal.
    """
    noise = residual.noise - residual.noise.mean(0)
    noise = noise / np.maximum(noise.std(0), 1e-12)
    shot_sd, sd_left = np.sqrt(shot_share), np.sqrt(_share_left(residual.lost()))
    # Products of channels some lag apart, with what the components took of them added again.
    lags = range(1, min(MOST_LAGS, noise.shape[1] - 2) + 1)
    weight = np.array([np.sum(shot_share[lag:] * shot_share[:-lag]) for lag in lags])
    moment = np.array(
        [
            np.sum(
                (
                    (noise[:, lag:] * noise[:, :-lag]).mean(0) * sd_left[lag:] * sd_left[:-lag]
                    + residual.lost(lag)
                )
                * shot_sd[lag:]
                * shot_sd[:-lag]
            )
            for lag in lags
        ]
    )
    weight = np.maximum(weight, 1e-12)
    correlation = _without_structure(np.clip(moment / weight, -1, 1))
    # Shared charge correlates all lags with the same sign; the far ones are next to nothing.
    statistical_error = 4 / np.sqrt(len(noise) * weight)
    significant = correlation * np.sign(correlation[0]) > LEAST_CORRELATION + statistical_error
    if not significant.any() or not significant[0]:
        return ()
    return tuple(float(value) for value in correlation[: leading_count(significant)])


def _without_structure(correlation: Floats) -> Floats:
    """Correlation (lags,) of the noise alone, where components were left in the residual.

    Shared charge fades over a few channels; what the farthest ones have in common nearly as much as
    neighbours is the course of a spectrum.
    """
    of_structure = correlation[-1] if len(correlation) == MOST_LAGS else 0.0
    if of_structure <= MOST_OF_NEIGHBOURS * abs(correlation[0]):
        return correlation
    return np.asarray((correlation - of_structure) / max(1 - of_structure, 1e-12))


def white_noise_variance(sample: Floats) -> float:
    """Noise variance of a sample whose noise is white, from the floor of its singular values."""
    n, m = sample.shape
    power = np.linalg.eigvalsh(sample.T @ sample if n > m else sample @ sample.T)[::-1]
    return rank_and_level(power, n, np.ones(m))[1]
