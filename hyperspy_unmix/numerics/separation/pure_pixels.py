"""Components from the pixels that hold one of them alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import chi2

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

LIKE_SHARE, FEWEST_LIKE, MOST_LIKE = 0.01, 5, 400  # pixels averaged to look for corners
MOST_PIXELS = 8192
ROUNDS = 30
WITHIN = 0.5  # share of noise within the limit of a corner
WIDEST = 8.0  # times the limit in the first round


@dataclass(frozen=True)
class PurePixels:
    """Spectra ``unmixing @ components``; ``pixels`` (components,) were averaged for each.

    ``covariance`` (components, components, components, components) is that of ``E[i, j]`` and
    ``E[k, l]``: with the noise of these pixels the spectra are ``(1 + E) @ unmixing @ components``.
    """

    unmixing: Floats
    pixels: NDArray[np.intp]
    covariance: Floats


def pure_components(spectra: LowRank, sums: Floats) -> PurePixels:
    """Spectra of the pixels that hold a single component within their noise.

    The corners of the cloud of normalised spectra are found on averages of like pixels (largest
    simplex). Each corner then becomes the mean of the pixels that differ from it by less than the
    median of what noise alone gives, until it stays.

    Parameters
    ----------
    spectra : LowRank
    sums : array, shape (rank,)
        Integral of each component; spectra are normalised by theirs.

    Raises
    ------
    ValueError
        If too few pixels hold counts.

    References
    ----------
    M. E. Winter, Proc. SPIE 3753 (1999) 266, https://doi.org/10.1117/12.366289 (largest simplex)
    """
    rank = spectra.rank
    if rank == 1:
        everywhere = np.array([len(spectra.scores)])
        return PurePixels(np.ones((1, 1)), everywhere, np.zeros((1, 1, 1, 1)))
    covariance = spectra.noise + spectra.model_error
    total = spectra.scores @ sums
    size = np.sqrt(spectra.weights)
    known = total * size > 3 * np.sqrt(sums @ covariance @ sums)
    if known.sum() < 2 * rank * FEWEST_LIKE:
        raise ValueError(
            f'assume="pure": only {known.sum()} of {len(known)} pixels hold counts above noise, '
            f"{2 * rank * FEWEST_LIKE} are needed for {rank} components."
        )
    # noise is the same in all directions here
    white = spectra.scores[known] @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    total, size = total[known], size[known]
    corners = _largest_simplex(_averages(white, total, float(np.median(total * size))))
    limit, alone = float(chi2.ppf(WITHIN, rank - 1)), np.full(len(white), -1)
    for i in range(ROUNDS):
        # wide at first: the corners found may be the outermost noise
        before, wider = corners, max(WIDEST * 0.5**i, 1.0)
        corners, alone = _means_of_pure(white, total, size, corners, wider * limit)
        if wider == 1 and np.allclose(corners, before, rtol=1e-9):
            break
    back = np.linalg.inv(corners)
    noise = _noise_of_means(total, size, alone, rank)
    error = np.einsum("i,ik,aj,al->ijkl", noise, np.eye(rank), back, back)
    unmixing = corners @ np.linalg.cholesky(covariance).T
    return PurePixels(unmixing, _numbers(alone, rank), _without_scale(error))


def _numbers(alone: NDArray[np.intp], rank: int) -> NDArray[np.intp]:
    """Pixels of each corner."""
    return np.bincount(alone[alone >= 0], minlength=rank)


def _noise_of_means(total: Floats, size: Floats, alone: NDArray[np.intp], rank: int) -> Floats:
    """Variance of each corner, where noise is white and a pixel's is one over its size squared.

    That of a mean of these pixels, times what it costs that they were chosen by their distance from
    it: the variance of an M-estimate (Huber, Ann. Math. Stat. 35 (1964) 73,
    https://doi.org/10.1214/aoms/1177703732) whose influence ends at the limit. It is the share of
    the noise within the limit over that of its variance there.
    """
    limit = chi2.ppf(WITHIN, rank - 1)
    chosen = WITHIN / chi2.cdf(limit, rank + 1)
    noise = np.zeros(rank)
    for i in range(rank):
        own = alone == i
        noise[i] = chosen * np.sum(1 / size[own] ** 2) / max(total[own].sum() ** 2, 1e-300)
    return noise


def _without_scale(error: Floats) -> Floats:
    """Covariance without the diagonal of E, which is a change of scale."""
    own = np.arange(len(error))
    kept = error.copy()
    kept[own, own], kept[:, :, own, own] = 0, 0
    return kept


def _averages(white: Floats, total: Floats, scale: float) -> Floats:
    """Normalised spectra (or an even choice of them), each the mean of those next to it."""
    points, n = white / total[:, None], len(white)
    like = min(max(int(LIKE_SHARE * n), FEWEST_LIKE), MOST_LIKE, n)
    chosen = np.unique(np.linspace(0, n - 1, min(n, MOST_PIXELS)).astype(int))
    nearest = cKDTree(points * scale).query(points[chosen] * scale, like)[1]
    return np.stack([white[index].sum(0) / total[index].sum() for index in nearest])


def _largest_simplex(points: Floats) -> Floats:
    """Corners among the points, of the largest volume."""
    rank, chosen = points.shape[1], []
    left = points.copy()
    for _ in range(rank):
        farthest = int(np.argmax(np.sum(left**2, 1)))
        chosen.append(farthest)
        axis = left[farthest] / max(np.linalg.norm(left[farthest]), 1e-300)
        left = left - np.outer(left @ axis, axis)
    corners = points[chosen]
    for _ in range(ROUNDS):
        changed = False
        for i in range(rank):
            # ratio of the volumes, were the corner replaced
            ratio = np.abs(points @ np.linalg.pinv(corners)[:, i])
            best = int(np.argmax(ratio))
            if ratio[best] > 1 + 1e-9:
                corners[i], changed = points[best], True
        if not changed:
            break
    return np.asarray(corners)


def _means_of_pure(
    white: Floats, total: Floats, size: Floats, corners: Floats, limit: float
) -> tuple[Floats, NDArray[np.intp]]:
    """Mean of the pixels nearest to each corner and not farther from it than noise.

    The second: which corner a pixel was averaged for, -1 for none, shape (pixels,).
    """
    distance = np.full((len(white), len(corners)), np.inf)
    for i, corner in enumerate(corners):
        along = white @ corner / (corner @ corner)
        beside = np.sum((white - along[:, None] * corner) ** 2, 1) * size**2
        distance[:, i] = np.where(along > 0, beside, np.inf)
    nearest = distance.argmin(1)
    pure = distance[np.arange(len(white)), nearest] < limit
    moved, alone = corners.copy(), np.where(pure, nearest, -1)
    for i in range(len(corners)):
        chosen = alone == i
        if chosen.sum() >= FEWEST_LIKE:
            moved[i] = white[chosen].sum(0) / total[chosen].sum()
    return moved, alone
