"""Sums of pixels that differ by noise only: few spectra that say what all of them say."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.linear_algebra import with_signs
from hyperspy_unmix.numerics.types import Floats, Index

LEAST_SUMS_OF_COMPONENT = 4  # for each component: fewer would leave its spectrum open
SIGMAS_OF_COUNTS = 3.0  # above zero, from which a pixel's sum is one of counts


class SumsOfPixels(NamedTuple):
    """Sums of the spectra of like pixels.

    Parameters
    ----------
    scores : array, shape (groups, rank)
        Sums of the pixels' scores.
    weights : array, shape (groups,)
        One over the noise variance of each sum, as in `LowRank`.
    sizes : int array, shape (groups,)
        Pixels in each.
    """

    scores: Floats
    weights: Floats
    sizes: Index


def sum_like_pixels(spectra: LowRank, most: int) -> SumsOfPixels:
    """Pixels put into groups of like spectra, whatever their intensity, and summed.

    The group that differs within itself by the most, over what noise explains, is split in two at
    its mean, until there are ``most``, or all differ by noise only and they are four times as many
    as the components. The sum of Poisson spectra of one composition is all that these say of it.
    Pixels without counts are left out.

    Parameters
    ----------
    spectra : LowRank
    most : int

    Returns
    -------
    SumsOfPixels

    Raises
    ------
    ValueError
        If no pixel holds counts above noise.
    """
    sums, covariance = spectra.components.sum(1), spectra.noise + spectra.model_error
    totals, root_weights = spectra.scores @ sums, np.sqrt(spectra.weights)
    holds_counts = totals * root_weights > SIGMAS_OF_COUNTS * np.sqrt(sums @ covariance @ sums)
    if not holds_counts.any():
        raise ValueError("no pixel holds counts above noise.")
    scores, weights = spectra.scores[holds_counts].astype(float), spectra.weights[holds_counts]
    # Noise of the whitened compositions is one over these precisions in all directions.
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    totals, least = totals[holds_counts], LEAST_SUMS_OF_COMPONENT * spectra.rank
    groups = _groups(scores @ whitening / totals[:, None], weights * totals**2, least, most)
    return SumsOfPixels(
        np.stack([scores[group].sum(0) for group in groups]),
        np.array([1 / np.sum(1 / weights[group]) for group in groups]),
        np.array([len(group) for group in groups]),
    )


def _groups(points: Floats, precision: Floats, least: int, most: int) -> list[Index]:
    """Numbers of the points (any, rank) in each group; ``least`` as far as there are so many."""
    whole = np.arange(len(points))
    excess, axis = _excess(points, precision, whole)
    heap, number = [(-excess, 0, whole, axis)], 1
    while len(heap) < most:
        excess, _, group, axis = heap[0]
        if (excess >= 0 and len(heap) >= least) or len(group) == 1:
            break
        heapq.heappop(heap)
        along = points[group] @ axis
        is_beyond = along > np.average(along, weights=precision[group])
        if is_beyond.all() or not is_beyond.any():
            is_beyond = np.arange(len(group)) % 2 == 0  # all alike
        for part in (group[~is_beyond], group[is_beyond]):
            excess, axis = _excess(points, precision, part)
            heapq.heappush(heap, (-excess, number, part, axis))
            number += 1
    return [group for *_, group, _ in sorted(heap, key=lambda entry: entry[1])]


def _excess(points: Floats, precision: Floats, group: Index) -> tuple[float, Floats]:
    """By how much a group is wider than noise along its longest axis, and this axis.

    The limit is the largest singular value of noise (Davidson & Szarek 2001), squared.
    """
    own, weights = points[group], precision[group]
    if len(group) == 1:
        return -np.inf, np.zeros(own.shape[1])
    centred = own - np.average(own, axis=0, weights=weights)
    values, axes = np.linalg.eigh((centred.T * weights) @ centred)
    limit = (np.sqrt(len(group) - 1) + np.sqrt(own.shape[1])) ** 2
    widest = with_signs(axes[:, -1:])[:, 0]
    return float(values[-1] - limit), np.asarray(widest)
