"""Noise of component maps, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank, pieces
from hyperspy_unmix.numerics.corrections.convolution import combine
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.types import Floats

MOST_FITTED = 4096  # pixels
FEW_COUNTS = 2.0  # typical ones beside a pixel's own
SPARSE = 1e-3  # times these: a typical spectrum of fewer counts has none
UNUSED = 1e-9  # of the largest coefficient


def map_variance(
    raw: LowRank,
    noise: NoiseModel,
    maps: Floats,
    weights: Floats | None = None,
    structure: int = 1,
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
        Of the pixel's kernel that takes plural scattering out.
    structure : int
        Components of ``raw`` that are more than noise; others belong to a pixel's mean spectrum
        only where the maps are made of them.

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
    coefficients = _coefficients(raw.scores, kernels, maps)
    used = np.abs(coefficients).max((0, 2)) > UNUSED * np.abs(coefficients).max(initial=1e-300)
    rank = int(np.flatnonzero(used).max(initial=0)) + 1
    coefficients = coefficients[:, :rank]
    least, covariance = _score_noise(raw.truncate(max(rank, structure)), noise, rank)
    variance = np.empty_like(maps, dtype=float)
    for piece in pieces(n):
        back = np.einsum("pk,krn->prn", kernels[piece], coefficients)
        either = [np.einsum("prn,prn->pn", back, c @ back) for c in (least, covariance(piece))]
        variance[piece] = np.maximum(*either)
    # a spectrum of few counts may come out negative, and so may one with a dark offset
    return np.maximum(variance, 0)


def _coefficients(scores: Floats, kernels: Floats, maps: Floats) -> Floats:
    """Of the maps, linear in the scores and in each pixel's kernels: (kernels, rank, n)."""
    few = np.unique(np.linspace(0, len(maps) - 1, min(len(maps), MOST_FITTED)).astype(int))
    design = combine(scores[few].astype(float), kernels[few])
    found = np.linalg.lstsq(design, maps[few], rcond=1e-10)[0]
    return np.asarray(found.reshape(kernels.shape[1], scores.shape[1], maps.shape[1]))


def _score_noise(
    raw: LowRank, noise: NoiseModel, rank: int
) -> tuple[Floats, Callable[[slice], Floats]]:
    """Covariance of the noise of the first scores: the least, and that of some pixels.

    Shapes (rank, rank) and (pixels, rank, rank).
    """
    white = raw.whitening
    directions = white.whiten(raw.components[:rank])
    # scores are spectra @ projector; what the noise of a channel does to its neighbours' is shared
    own = white.projector(directions.T) * white.channel_sd[:, None]
    neighbours = (white.variance * directions).T
    if white.factor is not None:
        neighbours = white.factor @ neighbours

    def covariance(variance: Floats) -> Floats:
        # of channels with this variance in units of their noise at unit weight
        found = np.einsum("er,...e,es->...rs", own, variance, neighbours, optimize=True)
        return np.asarray(found)

    if noise.kind not in ("poisson", "gain"):
        even = covariance(np.ones(len(white.channel_sd)))
        return np.zeros((rank, rank)), lambda piece: even / raw.weights[piece, None, None]
    gain, read = (
        (1.0, 0.0) if noise.kind == "poisson" else (noise.channel_gain, noise.read_variance)
    )
    relative = 1 / white.channel_sd**2
    typical = raw.scores.mean(0)
    counts, added = float(typical @ raw.components.sum(1)), FEW_COUNTS * noise.gain
    # data of mean zero, as after a background subtraction, have no counts to add
    few = np.asarray(typical * (added / counts if counts > SPARSE * added else 0.0))
    slopes, still = covariance(gain * raw.components * relative), covariance(read * relative)
    least = still + np.einsum("k,krs->rs", few, slopes)
    return least, lambda piece: least + np.einsum("pk,krs->prs", raw.scores[piece], slopes)
