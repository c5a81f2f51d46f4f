"""Whether pixels gather at the corners of their cloud: what a phase does that is alone there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy.stats import chi2

from hyperspy_unmix.numerics.types import Floats, Index

from .pure_pixels import Cloud

MOST_PIXELS = 2048  # in which the population is estimated
SHARE_WITHIN_CORNER, SHARE_BEFORE_SHELLS = 0.9, 0.999  # of the noise about a corner
NEARNESS = (0.1, 0.2, 0.4)  # shares of other phases up to which mixtures near a corner reach
EDGE_NEARNESS = (0.15, 0.5)  # the same, of one other phase
MIXTURES_ON_EDGE, MIXTURES_NEAR_CORNER, MIXTURES_INSIDE = 16, 60, 300
MOST_CORNERS_WITH_EDGES = 10  # of more, mixtures of pairs are too many
EM_ROUNDS = 200
LEAST_LIKELIHOOD = 1e-9  # of a pixel, relative to the mixture that is the nearest to it
PIXELS_AT_ONCE = 128  # whose distances from all mixtures stay in the processor's cache


@dataclass(frozen=True)
class CornerPopulation:
    """How many pixels hold the composition of each corner, and how sure that is.

    Parameters
    ----------
    share : array, shape (corners,)
        Estimated share of the pixels that hold the corner's composition and nothing else.
    likelihood_gain : array, shape (corners,)
        Logarithm of the likelihood of the pixels, over that of mixtures alone that come near the
        corner.
    density_ratio : array, shape (corners,)
        Pixels within the noise of the corner, over the number that the density around it, continued
        inwards, predicts.
    pixels : int
        In which all that was estimated.
    """

    share: Floats
    likelihood_gain: Floats
    density_ratio: Floats
    pixels: int = 0


def corner_population(cloud: Cloud, corners: Floats) -> CornerPopulation:
    """Population of the corners of a cloud of spectra.

    The pixels are a mixture of point masses at the corners and of even distributions on the edges,
    in the whole simplex and near each corner, all widened by the noise. Their shares are those of
    maximum likelihood (expectation maximisation).

    Parameters
    ----------
    cloud : Cloud
    corners : array, shape (corners, rank)
        In the cloud's whitened scores, any length.

    Returns
    -------
    CornerPopulation

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1,
    https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
    """
    cloud = cloud.thinned(MOST_PIXELS)
    # Shares are of counts: corners of integral one.
    integral = corners @ cloud.sums
    corners = corners / np.where(integral > 0, integral, 1.0)[:, None]
    share, gain = _fit_shares(cloud, corners)
    return CornerPopulation(share, gain, _density_ratios(cloud, corners), len(cloud.white))


def _density_ratios(cloud: Cloud, corners: Floats) -> Floats:
    """Pixels within the noise of each corner, over those that two shells around it predict.

    The number within a radius r grows as a power of r, at most that of the directions there are;
    which one, the shells tell.
    """
    squared = cloud.squared_distances(corners)
    directions = max(corners.shape[1] - 1, 1)
    inner = float(chi2.ppf(SHARE_WITHIN_CORNER, directions))
    shell = float(chi2.ppf(SHARE_BEFORE_SHELLS, directions))
    within = np.sum(squared < inner, 0)
    near = np.maximum(np.sum((squared > shell) & (squared < 4 * shell), 0), 1)
    far = np.maximum(np.sum((squared > 4 * shell) & (squared < 16 * shell), 0), 1)
    power = np.clip(np.log2(far / near), 1, directions)
    predicted = near * (inner / shell) ** (power / 2) / (2**power - 1)
    return np.asarray(within / predicted)


def _fit_shares(cloud: Cloud, corners: Floats) -> tuple[Floats, Floats]:
    """Shares of the point masses, and the logarithm of the likelihood that each gains."""
    k = len(corners)
    near, elsewhere = _distributions(k)
    groups = [corners[i : i + 1] for i in range(k)]
    groups += [shares @ corners for corner in near for shares in corner]
    groups += [shares @ corners for shares in elsewhere]
    likelihoods = _likelihoods(cloud, groups)
    weights = _maximise_likelihood(likelihoods)
    gain, first = np.zeros(k), k
    for i in range(k):
        own = np.arange(first, first + len(near[i]))
        first += len(near[i])
        gain[i] = _gain_of_point_mass(likelihoods, weights, i, own)
    return weights[:k], gain


def _gain_of_point_mass(likelihoods: Floats, weights: Floats, corner: int, near: Index) -> float:
    """Logarithm of the likelihood with the point mass over that with mixtures near it alone."""
    others = np.setdiff1d(np.arange(len(weights)), [corner, *near])
    rest = likelihoods[:, others] @ weights[others] / max(weights[others].sum(), 1e-300)
    mixtures = np.column_stack([likelihoods[:, near], rest])
    with_mass = np.column_stack([likelihoods[:, corner], mixtures])
    values = [
        np.log(density @ _maximise_likelihood(density)).sum() for density in (with_mass, mixtures)
    ]
    return float(values[0] - values[1])


def _distributions(k: int) -> tuple[list[list[Floats]], list[Floats]]:
    """Shares (mixtures, k) that stand for even distributions: near each corner, and elsewhere."""
    generator = np.random.default_rng(0)
    identity = np.eye(k)
    evenly = (np.arange(MIXTURES_ON_EDGE)[:, None] + 0.5) / MIXTURES_ON_EDGE
    inside = generator.dirichlet(np.ones(k), MIXTURES_NEAR_CORNER)
    near: list[list[Floats]] = [
        [(1 - s) * identity[i] + s * inside for s in NEARNESS] for i in range(k)
    ]
    elsewhere: list[Floats] = [generator.dirichlet(np.ones(k), MIXTURES_INSIDE)]
    if k <= MOST_CORNERS_WITH_EDGES:
        for i, j in permutations(range(k), 2):
            near[i] += [
                (1 - s * evenly) * identity[i] + s * evenly * identity[j] for s in EDGE_NEARNESS
            ]
        elsewhere += [
            (1 - evenly) * identity[i] + evenly * identity[j] for i, j in combinations(range(k), 2)
        ]
    return near, elsewhere


def _likelihoods(cloud: Cloud, groups: list[Floats]) -> Floats:
    """Likelihood of every pixel under each group of mixtures, shape (pixels, groups).

    Relative to the mixture that is the nearest to the pixel, so that outliers weigh no more than
    others.
    """
    rays = np.concatenate(groups)
    directions = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).T
    starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
    sizes = np.array([len(group) for group in groups])
    likelihoods = np.empty((len(cloud.white), len(groups)))
    for first in range(0, len(likelihoods), PIXELS_AT_ONCE):
        pixels = slice(first, first + PIXELS_AT_ONCE)
        # The squared distance from a ray is what is left of the squared length along it.
        along = np.maximum(cloud.white[pixels] @ directions, 0)
        along *= cloud.root_weights[pixels, None]
        np.square(along, out=along)
        along -= along.max(1, keepdims=True)
        np.exp(0.5 * along, out=along)
        likelihoods[pixels] = np.add.reduceat(along, starts, axis=1) / sizes
    return likelihoods + LEAST_LIKELIHOOD


def _maximise_likelihood(likelihoods: Floats) -> Floats:
    """Shares of the groups, of maximum likelihood."""
    shares = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    for _ in range(EM_ROUNDS):
        density = likelihoods @ shares
        shares = shares * ((1 / density) @ likelihoods) / len(likelihoods)
    return shares
