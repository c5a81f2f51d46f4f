"""Noise of component maps, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank, pixel_slices
from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.corrections.convolution import combine
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.types import Floats, Index

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
    turned = _Turned.of(raw, noise, maps, weights, signal_rank, counts_added)
    variance = np.empty_like(maps, dtype=float)
    for piece in pixel_slices(len(maps)):
        to_maps = turned.to_maps(piece)
        least_variance, own_variance = (
            np.einsum("prn,prn->pn", to_maps, score_covariance @ to_maps)
            for score_covariance in (turned.least, turned.covariance(piece))
        )
        variance[piece] = np.maximum(least_variance, own_variance) if counts_added else own_variance
    # A spectrum of few counts may come out negative, and so may one with a dark offset.
    return np.maximum(variance, 0) if counts_added else variance


def map_covariance(
    raw: LowRank,
    noise: NoiseModel,
    maps: Floats,
    weights: Floats | None = None,
    signal_rank: int = 1,
    excess: Floats | None = None,
) -> Callable[[Index], Floats]:
    """Covariance that the noise of the counts gives to the maps of each pixel.

    Of a pixel's own spectrum as it is: unbiased, so that means over pixels of one spectrum are
    right; of few counts it need not be positive.

    Parameters
    ----------
    raw, noise, maps, weights, signal_rank
        As in `map_variance`.
    excess : array, shape (rank of raw,), optional
        Variance of the noise in each score of ``raw``, over what is projected: see `score_excess`.

    Returns
    -------
    callable
        Takes rows of pixels to covariances, shape (pixels, n, n).
    """
    turned = _Turned.of(raw, noise, maps, weights, signal_rank, 0.0)
    if excess is not None:
        rank = turned.coefficients.shape[1]
        scaled = turned.coefficients * np.sqrt(excess[:rank])[:, None]
        turned = replace(turned, coefficients=scaled)

    def covariance(rows: Index) -> Floats:
        to_maps = turned.to_maps(rows)
        return np.asarray(to_maps.swapaxes(1, 2) @ turned.covariance(rows) @ to_maps)

    return covariance


def score_excess(values: Floats, n: int, m: int, rank: int) -> Floats:
    """Variance of the noise in scores of principal components, over that of noise projected.

    A component just above the noise edge is turned towards the noise of its own pixels: what is
    not the true map in its scores is more than noise that is projected on a given spectrum.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge, falling.
    n, m : int
        Numbers of pixels and channels.
    rank : int
        Scores that are asked for.

    Returns
    -------
    array, shape (rank,)
        One or more.

    References
    ----------
    F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120,
    https://doi.org/10.1016/j.jmva.2012.04.019
    """
    known = values[:rank]
    _, of_maps = expected_squared_cosines(known, n, m)
    excess: Floats = np.ones(rank)
    excess[: len(known)] = np.maximum(known * noise_edge(n, m) / n * (1 - of_maps), 1.0)
    return np.asarray(excess)


@dataclass(frozen=True)
class _Turned:
    """What turns the noise of the scores of each pixel into that of its maps."""

    kernels: Floats
    coefficients: Floats
    least: Floats
    covariance: Callable[[slice | Index], Floats]

    @classmethod
    def of(
        cls,
        raw: LowRank,
        noise: NoiseModel,
        maps: Floats,
        weights: Floats | None,
        signal_rank: int,
        counts_added: float,
    ) -> _Turned:
        n = len(maps)
        weights = np.zeros((n, 0)) if weights is None else weights
        own_kernels = np.broadcast_to(weights, (n, weights.shape[1]))
        kernels = np.concatenate([np.ones((n, 1)), own_kernels], 1)
        # Maps are scores times these; leave out the last components, which no map is made of.
        coefficients = _fit_coefficients(raw.scores, kernels, maps)
        largest = np.abs(coefficients).max((0, 2))
        is_used = largest > NEGLIGIBLE_COEFFICIENT * np.abs(coefficients).max(initial=1e-300)
        rank = int(np.flatnonzero(is_used).max(initial=0)) + 1
        kept = raw.truncate(max(rank, signal_rank))
        return cls(kernels, coefficients[:, :rank], *_score_noise(kept, noise, rank, counts_added))

    def to_maps(self, piece: slice | Index) -> Floats:
        """Maps of these pixels from their scores, shape (pixels, rank, n)."""
        return np.asarray(np.einsum("pk,krn->prn", self.kernels[piece], self.coefficients))


def _fit_coefficients(scores: Floats, kernels: Floats, maps: Floats) -> Floats:
    """Weights that make the maps of scores and of each pixel's kernels: (kernels, rank, n)."""
    sample = np.linspace(0, len(maps) - 1, min(len(maps), MOST_PIXELS_FITTED))
    pixels = np.unique(sample.astype(int))
    design = combine(scores[pixels].astype(float), kernels[pixels])
    coefficients = np.linalg.lstsq(design, maps[pixels], rcond=1e-10)[0]
    return np.asarray(coefficients.reshape(kernels.shape[1], scores.shape[1], maps.shape[1]))


def _score_noise(
    raw: LowRank, noise: NoiseModel, rank: int, counts_added: float
) -> tuple[Floats, Callable[[slice | Index], Floats]]:
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
    directions = raw.white_directions[:rank]
    # Scores are spectra @ projector; what the noise of a channel does to its neighbours' is shared.
    own = whitening.projector(directions.T) * whitening.channel_sd[:, None]
    neighbours: Floats = whitening.variance * directions
    if whitening.factor is not None:
        neighbours = whitening.factor.multiply(neighbours)
    covariance = np.einsum("er,...e,se->...rs", own, variance, neighbours, optimize=True)
    return np.asarray(covariance)
