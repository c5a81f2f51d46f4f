"""The leading directions of the weighted data without their Gram matrix, by Krylov iteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge_of_profile
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .edge_iteration import (
    MOST_ABOVE_EDGE,
    VALUES_BELOW_EDGE,
    VALUES_SHOWN,
    iterate_to_edge,
)
from .gram_sum import strong_directions
from .row_weights import RowScales, row_scales
from .scree import (
    LEAST_FOR_ITERATION,
    Leading,
    is_flat,
    mean_level,
    repeats_of_leading,
    scree_of_leading,
)
from .sparse_gram import frequent_channels

KNOWN_DIRECTIONS = 8  # to begin with, from means of pixels
ROWS_IN_CACHE = 2**8


def can_be_iterated(
    blocks: RowBlocks, summary: Summary, noise: NoiseModel, least_rank: int
) -> bool:
    """Whether a dozen passes take less time than a Gram matrix, and are as exact.

    They do for dense Poisson counts of many channels that are in memory.
    """
    is_in_memory = not blocks.is_lazy and not isinstance(blocks.data, np.memmap)
    is_white = noise.kind == "poisson" and not noise.correlation
    is_wide = min(blocks.shape) >= LEAST_FOR_ITERATION and least_rank <= MOST_ABOVE_EDGE
    return is_in_memory and is_white and is_wide and frequent_channels(summary.sample) is None


def leading_by_iteration(
    blocks: RowBlocks,
    summary: Summary,
    noise: NoiseModel,
    v: Floats,
    least_rank: int,
    *,
    split: bool,
) -> Leading | None:
    """The scree and the leading directions by block Lanczos iteration; parameters as of `compress`.

    ``v`` (channels,) are the column scales; None where it does not converge, see
    `iterate_to_edge`, and where the split half needs the Gram matrix, see `is_flat`.
    """
    whitening = ChannelWhitening(1 / np.sqrt(v))
    weights, profile, trace = _weigh(blocks, noise, v, row_scales(summary, noise, v, blocks.dtype))
    if split and not is_flat(profile):
        return None
    edge = noise_edge_of_profile(blocks.shape[0], profile)
    known = strong_directions(whitening.whiten(summary.groups), KNOWN_DIRECTIONS)

    def product(vectors: Floats) -> Floats:
        projector = whitening.projector(vectors).astype(blocks.dtype)
        return whitening.whiten(_products(blocks, weights, projector).T).T

    above = iterate_to_edge(product, blocks.shape[1], edge, known)
    if above is None:
        return None
    space = above.space
    number = max(VALUES_SHOWN, above.number + VALUES_BELOW_EDGE, least_rank)
    vectors = space.vectors(number)
    scree = scree_of_leading(space.values(number), trace, edge, blocks.shape)
    scree = replace(scree, calibration=mean_level(scree, profile))
    if split:
        scree = replace(scree, repeats=repeats_of_leading(scree, profile))
    return Leading(scree, weights, profile, whitening, lambda rank: vectors[:, :rank])


def _weigh(
    blocks: RowBlocks, noise: NoiseModel, v: Floats, scales: RowScales
) -> tuple[Floats, Floats, float]:
    """Weights of the pixels, the columns' mean scaled variance, and the sum of all squares."""
    n, m = blocks.shape

    def weigh(parts: Iterator[Block]) -> tuple[Floats, Floats]:
        sums, weights = np.zeros((2, m)), []
        for block in parts:
            variance = noise.variance(block.spectra, block.variance)
            u = scales.weights(variance)
            sums += u @ variance, u @ np.square(block.spectra)
            weights.append(u)
        return sums, np.concatenate(weights)

    (variance, squares), weights = blocks.reduce(weigh, _sum, stage="weights")
    return weights, variance * v / n, float(squares @ v)


def _products(blocks: RowBlocks, weights: Floats, projector: Floats) -> Floats:
    """The counts times their scores along some directions: shape (channels, directions)."""

    def add(parts: Iterator[Block]) -> tuple[Floats, None]:
        total = np.zeros(projector.shape)
        for block in parts:
            of_block = np.zeros(total.shape, projector.dtype)
            for start in range(0, len(block.spectra), ROWS_IN_CACHE):
                rows = block.spectra[start : start + ROWS_IN_CACHE]
                scores = rows @ projector
                scores *= block.per_pixel[0][start : start + ROWS_IN_CACHE, None]
                of_block += rows.T @ scores
            total += of_block
        return total, None

    return blocks.reduce(add, _sum, weights.astype(projector.dtype), stage="components")[0]


def _sum(totals: Sequence[Floats]) -> Floats:
    return np.asarray(np.sum(totals, 0))
