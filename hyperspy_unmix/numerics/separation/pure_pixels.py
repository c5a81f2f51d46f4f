"""Components from the pixels that hold one of them alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from scipy.stats import chi2

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

# Pixels whose mean is one point of the cloud in which corners are looked for.
SHARE_OF_PIXELS_AVERAGED, FEWEST_PIXELS_AVERAGED, MOST_PIXELS_AVERAGED = 0.01, 5, 400
MOST_CLOUD_POINTS = 8192
MOST_CORNER_ROUNDS = 30  # of exchanging corners, and of averaging pixels
SHARE_OF_NOISE_WITHIN_LIMIT = 0.5  # of a corner's pixels, that are averaged for it
FIRST_LIMIT_FACTOR = 8.0  # by which the limit is wider in the first round


@dataclass(frozen=True)
class Cloud:
    """Pixels that hold counts, in scores whose noise is the same in all directions.

    Parameters
    ----------
    white : array, shape (pixels, rank)
    totals : array, shape (pixels,)
        Integral of each spectrum.
    root_weights : array, shape (pixels,)
        One over the standard deviation of the noise of ``white``.
    whitening : array, shape (rank, rank)
        ``white`` are the scores times it.
    sums : array, shape (rank,)
        ``totals`` are ``white @ sums``.
    """

    white: Floats
    totals: Floats
    root_weights: Floats
    whitening: Floats
    sums: Floats

    @classmethod
    def of(cls, spectra: LowRank) -> Cloud:
        """The cloud of compressed spectra.

        Raises
        ------
        ValueError
            If too few pixels hold counts.
        """
        sums, rank = spectra.components.sum(1), spectra.rank
        covariance = spectra.noise + spectra.model_error
        totals = spectra.scores @ sums
        root_weights = np.sqrt(spectra.weights)
        holds_counts = totals * root_weights > 3 * np.sqrt(sums @ covariance @ sums)
        needed = 2 * rank * FEWEST_PIXELS_AVERAGED
        if holds_counts.sum() < needed:
            raise ValueError(
                f'assume="pure": only {holds_counts.sum()} of {len(holds_counts)} pixels hold '
                f"counts above noise, {needed} are needed for {rank} components."
            )
        # The noise of whitened scores is the same in all directions.
        whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
        return cls(
            white=spectra.scores[holds_counts] @ whitening,
            totals=totals[holds_counts],
            root_weights=root_weights[holds_counts],
            whitening=whitening,
            sums=np.linalg.solve(whitening, sums),
        )

    def thinned(self, most_pixels: int) -> Cloud:
        """An even choice of at most so many pixels."""
        n = len(self.white)
        if n <= most_pixels:
            return self
        kept = np.unique(np.linspace(0, n - 1, most_pixels).astype(int))
        return replace(
            self,
            white=self.white[kept],
            totals=self.totals[kept],
            root_weights=self.root_weights[kept],
        )

    def squared_distances(self, corners: Floats) -> Floats:
        """Distances of all pixels from the ray of each corner (corners, rank), in units of noise.

        Shape (pixels, corners); infinite on the other side of zero.
        """
        directions = corners / np.linalg.norm(corners, axis=1, keepdims=True)
        along = self.white @ directions.T
        across = np.sum(self.white**2, 1)[:, None] - along**2
        squared = np.maximum(across, 0) * self.root_weights[:, None] ** 2
        return np.where(along > 0, squared, np.inf)


@dataclass(frozen=True)
class PurePixels:
    """Spectra ``unmixing @ components``; ``pixels`` (components,) are numbers averaged for each.

    ``covariance`` (components, components, components, components) is that of ``E[i, j]`` and
    ``E[k, l]``: with the noise of these pixels the spectra are ``(1 + E) @ unmixing @ components``.
    """

    unmixing: Floats
    pixels: NDArray[np.intp]
    covariance: Floats


def pure_components(spectra: LowRank) -> PurePixels:
    """Spectra of the pixels that hold a single component within their noise.

    The corners of the cloud of normalised spectra are found on averages of like pixels (largest
    simplex). Each corner then becomes the mean of the pixels that differ from it by less than the
    median of what noise alone gives, until it stays.

    Parameters
    ----------
    spectra : LowRank

    Returns
    -------
    PurePixels

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
        all_pixels = np.array([len(spectra.scores)])
        return PurePixels(np.ones((1, 1)), all_pixels, np.zeros((1, 1, 1, 1)))
    cloud = Cloud.of(spectra)
    corners, corner_of_pixel = _average_until_settled(
        cloud, _find_largest_simplex(_average_neighbours(cloud))
    )
    # What the noise of its pixels adds to a corner, as shares of all corners.
    inverse = np.linalg.inv(corners)
    variance = _variance_of_means(cloud, corner_of_pixel, rank)
    error = np.einsum("i,ik,aj,al->ijkl", variance, np.eye(rank), inverse, inverse)
    unmixing = corners @ np.linalg.inv(cloud.whitening)
    return PurePixels(unmixing, _count_pixels(corner_of_pixel, rank), _drop_scale_errors(error))


def _average_until_settled(cloud: Cloud, corners: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Corners that are the means of the pixels around them, and the corner of each pixel."""
    limit = float(chi2.ppf(SHARE_OF_NOISE_WITHIN_LIMIT, corners.shape[1] - 1))
    corner_of_pixel = np.full(len(cloud.white), -1)
    for i in range(MOST_CORNER_ROUNDS):
        # The limit is wide at first: the corners of a simplex may be the outermost noise.
        before, factor = corners, max(FIRST_LIMIT_FACTOR * 0.5**i, 1.0)
        corners, corner_of_pixel = _average_pure(cloud, corners, factor * limit)
        if factor == 1 and np.allclose(corners, before, rtol=1e-9):
            break
    return corners, corner_of_pixel


def _count_pixels(corner_of_pixel: NDArray[np.intp], rank: int) -> NDArray[np.intp]:
    """Number of pixels averaged for each corner, shape (rank,)."""
    return np.bincount(corner_of_pixel[corner_of_pixel >= 0], minlength=rank)


def _variance_of_means(cloud: Cloud, corner_of_pixel: NDArray[np.intp], rank: int) -> Floats:
    """Variance of each corner, where the noise is white and a pixel's is one over its weight.

    That of a mean of these pixels, times what it costs that they were chosen by their distance from
    it: the variance of an M-estimate (Huber, Ann. Math. Stat. 35 (1964) 73,
    https://doi.org/10.1214/aoms/1177703732) whose influence ends at the limit. It is the share of
    the noise within the limit over that of its variance there.
    """
    limit = chi2.ppf(SHARE_OF_NOISE_WITHIN_LIMIT, rank - 1)
    cost_of_choice = SHARE_OF_NOISE_WITHIN_LIMIT / chi2.cdf(limit, rank + 1)
    variance = np.zeros(rank)
    for i in range(rank):
        averaged = corner_of_pixel == i
        noise_of_sum = cost_of_choice * np.sum(1 / cloud.root_weights[averaged] ** 2)
        variance[i] = noise_of_sum / max(cloud.totals[averaged].sum() ** 2, 1e-300)
    return variance


def _drop_scale_errors(covariance: Floats) -> Floats:
    """Covariance without the diagonal of E, which is a change of scale."""
    diagonal = np.arange(len(covariance))
    covariance = covariance.copy()
    covariance[diagonal, diagonal], covariance[:, :, diagonal, diagonal] = 0, 0
    return covariance


def _average_neighbours(cloud: Cloud) -> Floats:
    """Normalised spectra (or an even choice of them), each the mean of those next to it."""
    white, totals = cloud.white, cloud.totals
    scale = float(np.median(totals * cloud.root_weights))
    normalised, n = white / totals[:, None], len(white)
    number = max(int(SHARE_OF_PIXELS_AVERAGED * n), FEWEST_PIXELS_AVERAGED)
    number = min(number, MOST_PIXELS_AVERAGED, n)
    chosen = np.unique(np.linspace(0, n - 1, min(n, MOST_CLOUD_POINTS)).astype(int))
    tree = cKDTree(normalised * scale)
    neighbours = tree.query(normalised[chosen] * scale, number, workers=-1)[1]
    starts = np.arange(0, neighbours.size + 1, number)
    which = csr_array((np.ones(neighbours.size), neighbours.ravel(), starts), (len(chosen), n))
    return np.asarray((which @ white) / (which @ totals)[:, None])


def _find_largest_simplex(points: Floats) -> Floats:
    """Corners among the points (points, rank), of the largest volume: (rank, rank)."""
    rank = points.shape[1]
    # Begin with the points that are the farthest from the space of those before.
    chosen: list[int] = []
    residual = points.copy()
    for _ in range(rank):
        farthest = int(np.argmax(np.sum(residual**2, 1)))
        chosen.append(farthest)
        axis = residual[farthest] / max(np.linalg.norm(residual[farthest]), 1e-300)
        residual = residual - np.outer(residual @ axis, axis)
    corners = points[chosen]
    # Exchange one corner at a time for the point that makes the volume larger.
    for _ in range(MOST_CORNER_ROUNDS):
        exchanged = False
        for i in range(rank):
            volume_ratio = np.abs(points @ np.linalg.pinv(corners)[:, i])
            largest = int(np.argmax(volume_ratio))
            if volume_ratio[largest] > 1 + 1e-9:
                corners[i], exchanged = points[largest], True
        if not exchanged:
            break
    return np.asarray(corners)


def _average_pure(cloud: Cloud, corners: Floats, limit: float) -> tuple[Floats, NDArray[np.intp]]:
    """Mean of the pixels nearest to each corner and not farther from it than noise.

    The second: which corner a pixel was averaged for, -1 for none, shape (pixels,).
    """
    squared_distance = cloud.squared_distances(corners)
    nearest = squared_distance.argmin(1)
    is_pure = squared_distance[np.arange(len(nearest)), nearest] < limit
    corner_of_pixel = np.where(is_pure, nearest, -1)
    means = corners.copy()
    for i in range(len(corners)):
        averaged = corner_of_pixel == i
        if averaged.sum() >= FEWEST_PIXELS_AVERAGED:
            means[i] = cloud.white[averaged].sum(0) / cloud.totals[averaged].sum()
    return means, corner_of_pixel
