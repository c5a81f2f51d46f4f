"""Weighted PCA of a stream of row blocks: the only place that touches pixels x channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import GramSum
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.weights import (
    LEAST_COUNTS,
    column_scales,
    pixel_weights,
    project_scales,
)
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank
from .scree import Scree, channel_rescaling, leading_directions, measure_scree, whitened_variance


def compress(
    blocks: RowBlocks, summary: Summary, noise: NoiseModel, least_rank: int = 0
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
    v = column_scales(_group_variance(summary, noise))
    correlated = (noise.correlation, noise.shot_share(summary.mean))
    whitening = channel_whitening(1 / np.sqrt(v), *correlated)
    products, weights, profile = _products(blocks, noise, v, _row_scales(summary, noise, v))
    white = _decorrelated(products, whitening, wide=n < m)
    if noise.kind == "scatter":
        # the sample told the channels' noise to a few percent; all pixels tell it better
        rescale = channel_rescaling(products, white, whitening, n)
        whitening = channel_whitening(whitening.channel_sd * rescale, *correlated)
        products /= rescale if n < m else np.outer(rescale, rescale)
        white = _decorrelated(products, whitening, wide=n < m)
    profile = whitened_variance(whitening, profile)
    gram = white @ white.T if n < m else white
    scree = measure_scree(gram, n, profile, calibrated=noise.kind != "poisson")
    rank = min(max(scree.above_noise_edge, least_rank, 1), len(scree.values))
    directions = leading_directions(white, rank)
    projector = whitening.projector(directions).astype(blocks.dtype)
    scores = blocks.rows(lambda block: block.spectra @ projector, stage="scores")
    components = whitening.colour(directions.T)
    certain = {
        "model_error": np.zeros((rank, rank)),
        "shape_noise": np.zeros((0, m)),
    }
    return LowRank(scores, components, weights, whitening, np.eye(rank), **certain), scree


def _decorrelated(products: Floats, whitening: ChannelWhitening, wide: bool) -> Floats:
    """Gram matrix, or ``wide`` weighted data, of spectra whose channels are independent."""
    if whitening.factor is None:
        return products
    unit = replace(whitening, channel_sd=np.ones(products.shape[1]))
    white = unit.whiten(products)
    return white if wide else unit.whiten(white.T)


def _group_variance(summary: Summary, noise: NoiseModel) -> Floats:
    """Mean variance of the groups, kept from zero where a channel or a group is all but empty."""
    variance = np.array(noise.variance(summary.groups, summary.group_variance), float)
    if noise.kind == "poisson":
        # a channel of a few counts in all must not weigh as if its variance were known to be tiny
        return variance + LEAST_COUNTS
    return np.asarray(np.maximum(variance, 1e-3 * variance.mean()))


def _row_scales(
    summary: Summary, noise: NoiseModel, v: Floats
) -> tuple[Floats, float, float | None]:
    """Projected column scales, a typical pixel's scaled variance, and its counts if Poisson."""
    if noise.kind in ("poisson", "gain"):
        sample = np.array(noise.variance(summary.sample), float)
        scales = project_scales(sample, v)
    else:
        scales = v
    variance = noise.variance(summary.groups, summary.group_variance)
    typical = float(np.average(variance @ scales, weights=summary.group_size)) / len(v)
    return scales, typical, float(summary.mean.sum()) if noise.kind == "poisson" else None


def _products(
    blocks: RowBlocks, noise: NoiseModel, v: Floats, row_scales: tuple[Floats, float, float | None]
) -> tuple[Floats, Floats, Floats]:
    """Gram matrix of the biwhitened data, pixel weights, and the columns' mean scaled variance.

    Where pixels are fewer than channels, the biwhitened data are returned instead of the larger
    Gram matrix.
    """
    (n, m), dtype = blocks.shape, blocks.dtype
    # one number keeps float32 in range; the columns' own scales need no pass over the pixels
    unit = float(np.sqrt(np.median(v)))
    scales, typical, typical_counts = row_scales[0].astype(dtype), *row_scales[1:]

    def weigh(block: Block) -> tuple[Floats, Floats, Floats]:
        variance = noise.variance(block.spectra, block.variance)
        counts = None if typical_counts is None else variance.sum(1)
        u = pixel_weights(variance @ scales / m, typical, counts, typical_counts)
        return u, (unit * np.sqrt(u)).astype(dtype), u @ variance

    def on_blocks(parts: Iterator[Block]) -> tuple[tuple[Floats, Floats], Floats]:
        gram, profile, weights = GramSum(m, dtype), np.zeros(m), []
        for block in parts:
            u, root, columns = weigh(block)
            gram.add(block.spectra, root)
            profile += columns
            weights.append(u)
        return (gram.matrix(), profile), np.concatenate(weights)

    def of_few(parts: Iterator[Block]) -> tuple[tuple[Floats, Floats], Floats]:
        rows, profile = [], np.zeros(m)
        for block in parts:
            u, root, columns = weigh(block)
            rows.append(np.column_stack([u, block.spectra * root[:, None]]))
            profile += columns
        return (np.zeros((0, m)), profile), np.concatenate(rows)

    wide = n < m
    (gram, profile), rows = blocks.reduce(
        of_few if wide else on_blocks, _added, stage="Gram matrix"
    )
    root = np.sqrt(v) / unit
    if wide:
        return rows[:, 1:] * root, rows[:, 0], profile * v / n
    np.multiply(gram, root, out=gram)
    np.multiply(gram, root[:, None], out=gram)
    return gram, rows, profile * v / n


def _added(totals: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    gram, profile = totals[0][0].copy(), totals[0][1].copy()
    for other in totals[1:]:
        gram += other[0]
        profile += other[1]
    return gram, profile
