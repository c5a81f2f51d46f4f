"""The Gram matrix of the weighted and whitened data, in one pass over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Mask

from .gram_sum import GramSum, strong_directions
from .row_weights import RowScales, row_scales
from .scree import Leading, channel_rescaling, leading_directions, measure_scree
from .sparse_gram import SparseGramSum, frequent_channels

DIRECTIONS_IN_DOUBLE_PRECISION = 8  # the strongest, in the Gram matrix


def leading_by_gram(
    blocks: RowBlocks, summary: Summary, noise: NoiseModel, v: Floats, *, split: bool
) -> Leading:
    """The scree and the leading directions, from the Gram matrix; parameters as of `compress`.

    ``v`` (channels,) are the column scales.
    """
    n, m = blocks.shape
    scales = row_scales(summary, noise, v, blocks.dtype)
    products, weights, profile = _weighted_products(blocks, summary, noise, v, scales)
    shot_share = noise.shot_share(summary.mean)
    whitening, white = _whiten_products(products, noise, 1 / np.sqrt(v), shot_share, n)
    profile = whitening.variance_of(profile)
    gram = white @ white.T if n < m else white
    calibrated = noise.kind != "poisson"
    scree, spectrum = measure_scree(gram, n, profile, calibrated, split=split)

    def directions(number: int) -> Floats:
        return leading_directions(white, number, spectrum)

    return Leading(scree, weights, profile, whitening, directions)


def _whiten_products(
    products: Floats, noise: NoiseModel, channel_sd: Floats, shot_share: Floats, n: int
) -> tuple[ChannelWhitening, Floats]:
    """Whitening of the channels, and the ``products`` (overwritten) of the whitened data."""
    wide = n < len(channel_sd)
    whitening = channel_whitening(channel_sd, noise.correlation, shot_share)
    white = _decorrelate(products, whitening, wide)
    if noise.kind != "scatter":
        return whitening, white
    # The sample told the channels' noise to a few percent; all pixels tell it better.
    rescaling = channel_rescaling(products, white, whitening, n)
    whitening = channel_whitening(channel_sd * rescaling, noise.correlation, shot_share)
    products /= rescaling if wide else np.outer(rescaling, rescaling)
    return whitening, _decorrelate(products, whitening, wide)


def _decorrelate(products: Floats, whitening: ChannelWhitening, wide: bool) -> Floats:
    """Make the channels independent in a Gram matrix, or where it is ``wide`` in weighted data."""
    if whitening.factor is None:
        return products
    decorrelation = replace(whitening, channel_sd=np.ones(products.shape[1]))
    white = decorrelation.whiten(products)
    return white if wide else decorrelation.whiten(white.T)


def _weighted_products(
    blocks: RowBlocks, summary: Summary, noise: NoiseModel, v: Floats, scales: RowScales
) -> tuple[Floats, Floats, Floats]:
    """Gram matrix of the biwhitened data, pixel weights, and the columns' mean scaled variance.

    Where pixels are fewer than channels, the biwhitened data are returned instead of the larger
    Gram matrix.
    """
    (n, m), dtype = blocks.shape, blocks.dtype
    # One number keeps float32 in range; the columns' own scales need no pass over the pixels.
    unit = float(np.sqrt(np.median(v)))
    column_scale, wide = np.sqrt(v) / unit, n < m
    frequent = None if wide else frequent_channels(summary.sample)
    new_sum = _kind_of_sum(summary, column_scale, dtype, frequent)

    def weigh(block: Block) -> tuple[Floats, Floats, Floats]:
        variance = noise.variance(block.spectra, block.variance)
        u = scales.weights(variance)
        return u, (unit * np.sqrt(u)).astype(dtype), u @ variance

    def sum_gram(parts: Iterator[Block]) -> tuple[tuple[Floats, Floats], Floats]:
        gram = new_sum()
        profile, weights = np.zeros(m), []
        for block in parts:
            u, root, scaled_variance = weigh(block)
            gram.add(block.spectra, root)
            profile += scaled_variance
            weights.append(u)
        return (gram.matrix(), profile), np.concatenate(weights)

    def keep_rows(parts: Iterator[Block]) -> tuple[tuple[Floats, Floats], Floats]:
        # The weights come as the first column of the rows.
        rows, profile = [], np.zeros(m)
        for block in parts:
            u, root, scaled_variance = weigh(block)
            rows.append(np.column_stack([u, block.spectra * root[:, None]]))
            profile += scaled_variance
        return (np.zeros((0, m)), profile), np.concatenate(rows)

    # Products of dense matrices keep all cores busy by themselves.
    is_dense = not wide and frequent is None
    (gram, profile), rows = blocks.reduce(
        keep_rows if wide else sum_gram, _add_totals, stage="Gram matrix", at_once=is_dense
    )
    if wide:
        return rows[:, 1:] * column_scale, rows[:, 0], profile * v / n
    np.multiply(gram, column_scale, out=gram)
    np.multiply(gram, column_scale[:, None], out=gram)
    return gram, rows, profile * v / n


def _kind_of_sum(
    summary: Summary, column_scale: Floats, dtype: Any, frequent: Mask | None
) -> Callable[[], GramSum | SparseGramSum]:
    """What sums up the Gram matrix: sparse where most values are zero, or strongest apart."""
    if frequent is not None:
        return partial(SparseGramSum, frequent)
    axes = strong_directions(summary.groups * column_scale, DIRECTIONS_IN_DOUBLE_PRECISION)
    return partial(
        GramSum, len(column_scale), dtype, column_scale[:, None] * axes.T, axes / column_scale
    )


def _add_totals(totals: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Sums of the Gram matrices and of the columns' variances."""
    gram, profile = totals[0][0].copy(), totals[0][1].copy()
    for other_gram, other_profile in totals[1:]:
        gram += other_gram
        profile += other_profile
    return gram, profile
