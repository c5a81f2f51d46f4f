"""Weighted PCA of a stream of row blocks: the only place that touches pixels x channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge_of_profile
from hyperspy_unmix.numerics.noise.weights import (
    LEAST_COUNTS_OF_CHANNEL,
    LEAST_COUNTS_PER_PIXEL,
    column_scales,
    pixel_weights,
    project_scales,
)
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Mask

from .gram_sum import ROWS_IN_CACHE, GramSum, strong_directions
from .low_rank import LowRank
from .map_correlation import measure_neighbours
from .neighbouring_noise import correct_for_neighbours, noise_directions
from .scree import Scree, channel_rescaling, leading_directions, measure_scree
from .sparse_gram import SparseGramSum, frequent_channels

ROUNDING = 1e-12  # of the sum of squares of the leading scores, that of float32 spectra
DIRECTIONS_IN_DOUBLE_PRECISION = 8  # the strongest, in the Gram matrix


def compress(
    blocks: RowBlocks,
    summary: Summary,
    noise: NoiseModel,
    least_rank: int = 0,
    *,
    split: bool = True,
) -> tuple[LowRank, Scree]:
    """Weighted PCA in two passes over ``blocks``: Gram matrix, then scores.

    Parameters
    ----------
    blocks : RowBlocks
        Finite spectra.
    summary : Summary
        Of the same pixels and channels.
    noise : NoiseModel
    least_rank : int
        Components to keep where fewer are above the noise edge.
    split : bool
        Look which of them repeat in an independent share of the counts.

    Returns
    -------
    LowRank
        Components above the noise edge, at least ``least_rank`` and at least one.
    Scree
        Of all components.

    References
    ----------
    M. R. Keenan, P. G. Kotula, Surf. Interface Anal. 36 (2004) 203,
    https://doi.org/10.1002/sia.1657; Landa et al. 2022, see `column_scales`.
    """
    n, m = blocks.shape
    # The Gram matrix of the weighted and whitened data.
    v = column_scales(_group_variance(summary, noise))
    row_scales = _row_scales(summary, noise, v, blocks.dtype)
    products, weights, profile = _weighted_products(blocks, summary, noise, v, row_scales)
    shot_share = noise.shot_share(summary.mean)
    whitening, white = _whiten_products(products, noise, 1 / np.sqrt(v), shot_share, n)
    # The number of components.
    profile = whitening.variance_of(profile)
    gram = white @ white.T if n < m else white
    calibrated = noise.kind != "poisson"
    scree, spectrum = measure_scree(gram, n, profile, calibrated, split=split)
    rank = min(max(scree.above_noise_edge, least_rank, 1), n, m)
    # Their scores, in the second pass, and some of noise.
    directions = leading_directions(white, rank, spectrum)
    projected = np.concatenate([directions, noise_directions(directions, n)], 1)
    projector = whitening.projector(projected)
    scores = blocks.rows(lambda block: _project(block.spectra, projector), stage="scores")
    scree = _look_at_neighbours(scree, scores, rank, weights, blocks, profile, noise)
    rank = min(max(scree.above_noise_edge, least_rank, 1), rank)
    scores, directions = np.ascontiguousarray(scores[:, :rank]), directions[:, :rank]
    spectra = LowRank(
        scores=scores,
        components=whitening.colour(directions.T),
        weights=weights,
        whitening=whitening,
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, m)),
    )
    return spectra, scree


def project(blocks: RowBlocks, summary: Summary, noise: NoiseModel, spectra: LowRank) -> LowRank:
    """The spectra of ``blocks`` along components that are known, with their noise; one pass.

    Parameters
    ----------
    blocks, summary, noise
        As in `compress`.
    spectra : LowRank
        Of other pixels and the same channels; its directions are orthonormal.

    Returns
    -------
    LowRank
        With the components and the whitening of ``spectra``.
    """
    whitening = spectra.whitening
    scales = _row_scales(summary, noise, 1 / whitening.channel_sd**2, blocks.dtype)
    projector = whitening.projector(spectra.white_directions.T)

    def weights_and_scores(block: Block) -> Floats:
        weights = scales.weights(noise.variance(block.spectra, block.variance))
        return np.column_stack([weights, _project(block.spectra, projector)])

    rows = blocks.rows(weights_and_scores, stage="scores")
    return replace(spectra, weights=rows[:, 0].copy(), scores=rows[:, 1:].copy())


def _look_at_neighbours(
    scree: Scree,
    scores: Floats,
    rank: int,
    weights: Floats,
    blocks: RowBlocks,
    profile: Floats,
    noise: NoiseModel,
) -> Scree:
    """The scree with what neighbouring pixels' noise has in common, and corrected for it.

    ``scores`` are of the ``rank`` leading components, then of noise.
    """
    pixels, scan_shape = np.flatnonzero(blocks.pixels), blocks.data.shape[:-1]
    root = np.sqrt(weights)[:, None]
    of_noise = scores[:, rank:] * root
    rounding = ROUNDING * scree.edge * float(scree.values[0])
    if not (np.sum(of_noise**2, 0) > rounding).all():
        return scree
    scree = replace(scree, neighbours=measure_neighbours(of_noise, pixels, scan_shape))
    if scree.neighbours is None or not scree.neighbours.is_shared:
        return scree
    return correct_for_neighbours(
        scree,
        scores[:, :rank] * root,
        of_noise,
        pixels,
        scan_shape,
        white_edge=noise_edge_of_profile(len(scores), profile),
        calibrated=noise.kind != "poisson",
    )


def _project(rows: Floats, projector: Floats) -> Floats:
    """The product, summed in double precision: a score may be 10 000 times its noise."""
    projected = np.empty((len(rows), projector.shape[1]), rows.dtype)
    for start in range(0, len(rows), ROWS_IN_CACHE):
        part = slice(start, start + ROWS_IN_CACHE)
        projected[part] = rows[part].astype(float) @ projector
    return projected


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


def _group_variance(summary: Summary, noise: NoiseModel) -> Floats:
    """Mean variance of the groups, kept from zero where a channel or a group is all but empty."""
    variance = np.array(noise.variance(summary.groups, summary.group_variance), float)
    if noise.kind == "poisson":
        # A channel of a few counts in all must not weigh as if its variance were known to be tiny.
        n_pixels = float(np.sum(summary.group_size))
        return variance + max(LEAST_COUNTS_PER_PIXEL, LEAST_COUNTS_OF_CHANNEL / n_pixels)
    return np.asarray(np.maximum(variance, 1e-3 * variance.mean()))


@dataclass(frozen=True)
class _RowScales:
    """What the weights of the pixels are made of, see `pixel_weights`.

    ``column_scales`` (channels,) are the projected ones; ``typical`` is the scaled variance of a
    typical pixel, ``typical_counts`` its counts where they are Poisson.
    """

    column_scales: Floats
    typical: float
    typical_counts: float | None

    def weights(self, variance: Floats) -> Floats:
        """Weights of pixels from the ``variance`` (pixels, channels) of their values."""
        counts = None if self.typical_counts is None else variance.sum(1)
        scaled = variance @ self.column_scales / variance.shape[1]
        return pixel_weights(scaled, self.typical, counts, self.typical_counts)


def _row_scales(summary: Summary, noise: NoiseModel, v: Floats, dtype: Any) -> _RowScales:
    """What the weights are made of, from a sample of the pixels and the means of groups of them."""
    if noise.kind in ("poisson", "gain"):
        sample_variance = np.array(noise.variance(summary.sample), float)
        projected = project_scales(sample_variance, v)
    else:
        projected = v
    variance = noise.variance(summary.groups, summary.group_variance)
    typical = float(np.average(variance @ projected, weights=summary.group_size)) / len(v)
    typical_counts = float(summary.mean.sum()) if noise.kind == "poisson" else None
    return _RowScales(projected.astype(dtype), typical, typical_counts)


def _weighted_products(
    blocks: RowBlocks, summary: Summary, noise: NoiseModel, v: Floats, row_scales: _RowScales
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
        u = row_scales.weights(variance)
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
