"""Scores of pixels with their noise, their distances, and two shares of independent noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from hyperspy_unmix.numerics.types import Floats, Index

GROUPS_PER_AXIS = 4  # of like pixels, whose noise is taken as the same before phases are known
GROUPING_ROUNDS = 8
LEAST_POWER = 1e-6  # of a covariance, over its mean: estimates of few counts may have none
LEAST_ALONG = 3.0  # standard deviations of a pixel that has a direction
NoiseOf = Callable[[Index], Floats]


@dataclass(frozen=True)
class Scattered:
    """Scores of pixels, and their noise.

    Parameters
    ----------
    scores : array, shape (pixels, k)
    weights : array, shape (pixels,)
        One over the variance of a pixel's noise, relative to what ``noise_of`` says.
    noise_of : callable
        Mean covariance (k, k) of the noise of some pixels, given by their rows, at unit weight.
    """

    scores: Floats
    weights: Floats
    noise_of: NoiseOf

    @property
    def k(self) -> int:
        """Number of scores of a pixel."""
        return int(self.scores.shape[1])

    def covariance(self, rows: Index) -> Floats:
        """Noise of these pixels at unit weight, positive definite."""
        return positive(self.noise_of(rows))

    def mean(self, rows: Index, like: Mean | None = None) -> Mean:
        """Sum of some pixels, a direction, with its noise: that of a mean ``like`` it, if given."""
        covariance = self.covariance(rows) if like is None else like.covariance
        return Mean(
            self.scores[rows].sum(0), covariance * np.sum(1 / self.weights[rows]), covariance
        )

    def squared_distances(self, mean: Mean, rows: Index | slice = slice(None)) -> Floats:
        """Distances of pixels from the ray of a mean spectrum, in units of its pixels' noise.

        Chi-square with k - 1 degrees of freedom where pixels differ from it by noise and intensity
        only; infinite on the other side of zero.
        """
        across = transverse(self.scores[rows], mean.direction, mean.covariance)
        along, squares = across.along, across.squares
        return np.where(along > 0, squares * self.weights[rows], np.inf)


@dataclass(frozen=True)
class Mean:
    """A direction in the scores: that of a sum of pixels.

    Parameters
    ----------
    direction : array, shape (k,)
    noise : array, shape (k, k)
        Covariance of ``direction``.
    covariance : array, shape (k, k)
        Noise of single pixels of this spectrum, at unit weight.
    """

    direction: Floats
    noise: Floats
    covariance: Floats


@dataclass(frozen=True)
class Transverse:
    """Scores (pixels, k) in white coordinates: along a direction, and what is across it."""

    along: Floats
    across: Floats
    squares: Floats


def transverse(scores: Floats, direction: Floats, covariance: Floats) -> Transverse:
    """Scores in coordinates whose noise is white, split along and across a direction."""
    white = whitening(covariance)
    turned, unit = scores @ white, direction @ white
    unit = unit / max(float(np.linalg.norm(unit)), 1e-300)
    along = turned @ unit
    across = turned - along[:, None] * unit
    return Transverse(along, across, np.sum(across**2, 1))


def whitening(covariance: Floats) -> Floats:
    """Matrix that makes noise of this covariance white: scores times it."""
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T)


def positive(covariance: Floats) -> Floats:
    """The covariance, its eigenvalues no less than next to nothing of their mean."""
    covariance = (covariance + covariance.T) / 2
    scale = np.sqrt(np.maximum(np.abs(np.diag(covariance)), 1e-300))
    values, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    # Of next to no counts even the mean may be estimated below zero.
    values = np.maximum(values, LEAST_POWER * max(float(np.abs(values).mean()), 1e-12))
    return np.asarray((axes * values) @ axes.T * np.outer(scale, scale))


def cone_distance(mean: Mean, others: list[Mean]) -> float:
    """Squared distance of a direction from all non-negative mixtures of others, in its noise."""
    directions = np.stack([other.direction for other in others], 1)
    noise = mean.noise
    squared = 0.0
    for _ in range(2):
        white = whitening(positive(noise))
        shares, distance = nnls((directions.T @ white).T, mean.direction @ white)
        squared = float(distance**2)
        # The noise of the others counts as far as they are in it.
        noise = mean.noise + sum(
            (share**2 * other.noise for share, other in zip(shares, others, strict=True)),
            np.zeros_like(mean.noise),
        )
    return squared


def thinned(pixels: Scattered, generator: np.random.Generator) -> tuple[Scattered, Scattered]:
    """Two shares of the same pixels, the noise of one independent of that of the other.

    Noise of the data's own covariance is added to one and taken from the other: both have twice the
    variance. What is found in one can be judged in the other as if it had been known before.

    References
    ----------
    A. Neufeld et al., J. Mach. Learn. Res. 25 (2024) 57, https://jmlr.org/papers/v25/23-0446.html
    """
    group = like_pixels(pixels)
    drawn = generator.standard_normal(pixels.scores.shape)
    noise = np.empty_like(drawn)
    for i in np.unique(group):
        rows = np.flatnonzero(group == i)
        noise[rows] = drawn[rows] @ np.linalg.cholesky(pixels.covariance(rows)).T
    noise /= np.sqrt(pixels.weights)[:, None]
    half = pixels.weights / 2
    return (
        replace(pixels, scores=pixels.scores + noise, weights=half),
        replace(pixels, scores=pixels.scores - noise, weights=half),
    )


def like_pixels(pixels: Scattered) -> Index:
    """Numbers of groups of pixels of like spectra, shape (pixels,): k-means of the directions."""
    white = pixels.scores @ whitening(pixels.covariance(np.arange(len(pixels.scores))))
    length = np.linalg.norm(white, axis=1, keepdims=True)
    units = white / np.maximum(length, 1e-300)
    number = min(GROUPS_PER_AXIS * pixels.k, max(len(units) // (4 * pixels.k), 1))
    # Begin with the pixels that are the farthest from those before.
    centres = [units.mean(0)]
    nearest = np.sum((units - centres[0]) ** 2, 1)
    for _ in range(number - 1):
        centres.append(units[int(np.argmax(nearest))])
        nearest = np.minimum(nearest, np.sum((units - centres[-1]) ** 2, 1))
    means = np.stack(centres)
    group = np.zeros(len(units), np.intp)
    for _ in range(GROUPING_ROUNDS):
        group = np.argmax(units @ means.T - np.sum(means**2, 1) / 2, 1)
        for i in range(len(means)):
            if np.any(group == i):
                means[i] = units[group == i].mean(0)
    # Noise is not known of few pixels: they get that of the group that is nearest.
    large = np.bincount(group, minlength=number) >= 2 * pixels.k
    if large.any():
        group = np.flatnonzero(large)[
            np.argmax(units @ means[large].T - np.sum(means[large] ** 2, 1) / 2, 1)
        ]
    return group
