"""Noise of component maps, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank, pixel_slices
from hyperspy_unmix.numerics.corrections.convolution import combine
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.types import Floats

MOST_PIXELS_FITTED = 4096
COUNTS_ADDED = 2.0  # of the mean spectrum, to a pixel's own
LEAST_MEAN_COUNTS = 1e-3  # of the counts added: a mean spectrum of fewer has none to add
NEGLIGIBLE_COEFFICIENT = 1e-9  # of the largest one


def map_variance(
    raw: LowRank,
    noise: NoiseModel,
    maps: Floats,
    weights: Floats | None = None,
    signal_rank: int = 1,
    counts_added: float = COUNTS_ADDED,
) -> Floats:
    """Variance that the noise of the counts gives to each pixel of each map.

    Maps are linear in the scores of the counts as recorded, with coefficients that depend on the
    pixel's kernel of plural scattering only; the noise of the scores is that of the pixel's own
    spectrum, not of the mean one. Two counts are added to those of the pixel, so that two standard
    deviations hold 95 % where there are next to none.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded.
    noise : NoiseModel
    maps : array, shape (pixels, n)
        Made of ``raw`` without loss.
    weights : array, shape (pixels, kernels), optional
        Weights that make up each pixel's kernel, the one that takes plural scattering out.
    signal_rank : int
        Components of ``raw`` that are more than noise; others belong to a pixel's mean spectrum
        only where the maps are made of them.
    counts_added : float
        To those of each pixel; with none, the variance is right in the mean of pixels, and of few
        counts also negative.

    Returns
    -------
    array, shape (pixels, n)

    References
    ----------
    A. Agresti, B. A. Coull, Am. Stat. 52 (1998) 119,
    https://doi.org/10.1080/00031305.1998.10480550 (half the square of two deviations is added)
    """
    n = len(maps)
    weights = np.zeros((n, 0)) if weights is None else weights
    kernels = np.concatenate([np.ones((n, 1)), np.broadcast_to(weights, (n, weights.shape[1]))], 1)
    # Maps are scores times these; leave out the last components, which no map is made of.
    coefficients = _fit_coefficients(raw.scores, kernels, maps)
    largest = np.abs(coefficients).max((0, 2))
    is_used = largest > NEGLIGIBLE_COEFFICIENT * np.abs(coefficients).max(initial=1e-300)
    rank = int(np.flatnonzero(is_used).max(initial=0)) + 1
    coefficients = coefficients[:, :rank]
    # Noise of these scores, turned into that of the maps.
    least, covariance = _score_noise(
        raw.truncate(max(rank, signal_rank)), noise, rank, counts_added
    )
    variance = np.empty_like(maps, dtype=float)
    for piece in pixel_slices(n):
        to_maps = np.einsum("pk,krn->prn", kernels[piece], coefficients)
        least_variance, own_variance = (
            np.einsum("prn,prn->pn", to_maps, score_covariance @ to_maps)
            for score_covariance in (least, covariance(piece))
        )
        variance[piece] = np.maximum(least_variance, own_variance) if counts_added else own_variance
    # A spectrum of few counts may come out negative, and so may one with a dark offset.
    return np.maximum(variance, 0) if counts_added else variance


def _fit_coefficients(scores: Floats, kernels: Floats, maps: Floats) -> Floats:
    """Of the maps, linear in the scores and in each pixel's kernels: (kernels, rank, n)."""
    sample = np.linspace(0, len(maps) - 1, min(len(maps), MOST_PIXELS_FITTED))
    pixels = np.unique(sample.astype(int))
    design = combine(scores[pixels].astype(float), kernels[pixels])
    coefficients = np.linalg.lstsq(design, maps[pixels], rcond=1e-10)[0]
    return np.asarray(coefficients.reshape(kernels.shape[1], scores.shape[1], maps.shape[1]))


def _score_noise(
    raw: LowRank, noise: NoiseModel, rank: int, counts_added: float
) -> tuple[Floats, Callable[[slice], Floats]]:
    """Covariance of the noise of the first scores: the least, and that of some pixels.

    ``counts_added`` of the mean spectrum are added to each pixel's own, and are the least.

    Shapes (rank, rank) and (pixels, rank, rank).
    """
    channel_sd = raw.whitening.channel_sd
    if noise.kind not in ("poisson", "gain"):
        at_unit_weight = _score_covariance(raw, rank, np.ones(len(channel_sd)))
        return np.zeros((rank, rank)), lambda piece: at_unit_weight / raw.weights[piece, None, None]
    gain, read_variance = (
        (1.0, 0.0) if noise.kind == "poisson" else (noise.channel_gain, noise.read_variance)
    )
    relative = 1 / channel_sd**2
    mean_scores = raw.scores.mean(0)
    mean_counts, added = float(mean_scores @ raw.components.sum(1)), counts_added * noise.gain
    # Data of mean zero, as after a background subtraction, have no counts to add.
    has_counts = mean_counts > LEAST_MEAN_COUNTS * added
    added_scores = np.asarray(mean_scores * (added / mean_counts if has_counts else 0.0))
    # The noise of counts is linear in the scores.
    per_score = _score_covariance(raw, rank, gain * raw.components * relative)
    of_reading = _score_covariance(raw, rank, read_variance * relative)
    least = of_reading + np.einsum("k,krs->rs", added_scores, per_score)
    return least, lambda piece: least + np.einsum("pk,krs->prs", raw.scores[piece], per_score)


def _score_covariance(raw: LowRank, rank: int, variance: Floats) -> Floats:
    """Covariance of the first scores, from the variance of the channels' noise.

    ``variance`` (..., channels) is in units of the noise at unit weight.
    """
    whitening = raw.whitening
    directions = whitening.whiten(raw.components[:rank])
    # Scores are spectra @ projector; what the noise of a channel does to its neighbours' is shared.
    own = whitening.projector(directions.T) * whitening.channel_sd[:, None]
    neighbours: Floats = whitening.variance * directions
    if whitening.factor is not None:
        neighbours = whitening.factor.multiply(neighbours)
    covariance = np.einsum("er,...e,se->...rs", own, variance, neighbours, optimize=True)
    return np.asarray(covariance)
