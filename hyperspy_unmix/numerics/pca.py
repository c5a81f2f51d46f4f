"""Weighted PCA of a stream of row blocks: the only place that touches pixels x channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .blocks import Block, RowBlocks
from .first_pass import Summary
from .noise import (
    LEAST_COUNTS,
    ChannelWhitening,
    Floats,
    NoiseModel,
    channel_whitening,
    column_scales,
    pixel_weights,
    project_scales,
)
from .products import GramSum
from .scree import (
    Scree,
    channel_rescaling,
    leading_directions,
    measure_scree,
    whitened_variance,
)

NEGLIGIBLE = 0.02  # of the noise edge: directions that hold less are dropped
PIXELS = 4096  # whose scores are worked on at once


@dataclass(frozen=True)
class LowRank:
    """Spectra in compressed form: ``scores @ components``, and the noise in the scores.

    Parameters
    ----------
    scores : array, shape (pixels, rank)
    components : array, shape (rank, channels)
        In the units of the data.
    weights : array, shape (pixels,)
        One over the noise variance of each pixel, relative to ``whitening``.
    whitening : ChannelWhitening
        Noise of the channels at unit weight.
    noise : array, shape (rank, rank)
        Mean covariance of the noise of ``sqrt(weights) * scores``.
    model_error : array, shape (rank, rank)
        Mean second moment of what the physics stages may have got wrong, likewise.
    shape_noise : array, shape (any, channels)
        Whitened spectra along which the components themselves are uncertain.
    """

    scores: Floats
    components: Floats
    weights: Floats
    whitening: ChannelWhitening
    noise: Floats
    model_error: Floats
    shape_noise: Floats

    @property
    def rank(self) -> int:
        """Number of components."""
        return len(self.components)

    def truncate(self, rank: int) -> LowRank:
        """The first ``rank`` components."""
        return replace(
            self,
            scores=self.scores[:, :rank],
            components=self.components[:rank],
            noise=self.noise[:rank, :rank],
            model_error=self.model_error[:rank, :rank],
        )

    def at(self, pixels: NDArray[np.intp]) -> LowRank:
        """The spectra of some pixels."""
        return replace(self, scores=self.scores[pixels], weights=self.weights[pixels])

    def having(self, keep: NDArray[np.bool_]) -> LowRank:
        """The spectra in some of the channels."""
        white = self.whitening.having(keep)
        shapes = white.whiten(self.whitening.colour(self.shape_noise)[:, keep])
        components = self.components[:, keep]
        return replace(self, components=components, whitening=white, shape_noise=shapes)

    def appended(self, scores: Floats, components: Floats) -> LowRank:
        """With more components, whose scores and spectra are known without noise."""
        more = (0, len(components))
        return replace(
            self,
            scores=np.concatenate([self.scores, scores], 1),
            components=np.concatenate([self.components, components]),
            noise=np.pad(self.noise, more),
            model_error=np.pad(self.model_error, more),
        )

    def recompressed(self, least: float, rank: int) -> LowRank:
        """With as few components as there are directions of at least this sum of squares.

        ``rank`` are kept in any case.
        """
        moment = self.second_moment() * len(self.scores)
        turn, components = recompression(self.components, moment, self.whitening, least, rank)
        return replace(
            self,
            scores=self.scores @ turn,
            components=components,
            noise=turn.T @ self.noise @ turn,
            model_error=turn.T @ self.model_error @ turn,
        )

    def second_moment(self) -> Floats:
        """Mean over the pixels of the weighted scores' products, shape (rank, rank)."""
        return moment_sum(self.scores.__getitem__, self.weights, self.rank) / len(self.scores)

    def component_errors(self) -> Floats:
        """Covariance of the components' noise, in units of the channels' variance."""
        products = self.second_moment() * len(self.scores)
        level, axes = np.linalg.eigh(products)
        least = np.finfo(float).eps * level[-1]
        if level[0] > least:
            return np.asarray(np.linalg.inv(products))
        # a component without scores may be next to anything
        return np.asarray(axes / np.maximum(level, least) @ axes.T)


def moment_sum(scores: Callable[[slice], Floats], weights: Floats, rank: int) -> Floats:
    """Sum over the pixels of the weighted scores' products, in double precision.

    ``scores`` gives those of some pixels, shape (pixels, rank): all at once may be too much.
    """
    total = np.zeros((rank, rank))
    for piece in pieces(len(weights)):
        some = scores(piece).astype(float)
        total += (some.T * weights[piece]) @ some
    return total


def pieces(n: int) -> list[slice]:
    """Some pixels after the others."""
    return [slice(start, start + PIXELS) for start in range(0, n, PIXELS)]


def recompression(
    components: Floats, moment: Floats, whitening: ChannelWhitening, least: float, rank: int
) -> tuple[Floats, Floats]:
    """The few directions in which ``scores @ components`` are more than next to nothing.

    Parameters
    ----------
    components : array, shape (any, channels)
    moment : array, shape (any, any)
        Sum over the pixels of the weighted scores' products.
    whitening : ChannelWhitening
    least : float
        Sum of squares (of whitened, weighted spectra) of a direction that is kept.
    rank : int
        Directions that are kept in any case.

    Returns
    -------
    turn : array, shape (any, kept)
        New scores are ``scores @ turn``.
    components : array, shape (kept, channels)
    """
    basis, to_basis = np.linalg.qr(whitening.whiten(components).T)
    values, axes = np.linalg.eigh(to_basis @ moment @ to_basis.T)
    kept = min(max(int((values > least).sum()), rank), len(values))
    axes = axes[:, ::-1][:, :kept]
    return to_basis.T @ axes, whitening.colour((basis @ axes).T)


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
