"""Weighted PCA of a stream of row blocks: the only place that touches pixels x channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array

from .blocks import RowBlocks
from .edge import marchenko_pastur_median, noise_edge_of_profile, noise_median_of_profile
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

GROUPS = 512
SAMPLE = 1024


@dataclass(frozen=True)
class Summary:
    """What the first pass over the data found.

    ``finite`` (pixels,) marks spectra without NaN or infinity; ``groups`` (groups, channels) are
    mean spectra (and ``group_variance`` mean given variances) of consecutive pixels, ``group_size``
    their numbers; ``sample`` (pixels, channels) is every n-th spectrum, ``integers`` whether it
    holds whole numbers only, ``least`` and
    ``greatest`` the extreme values; ``least_variance`` is that of the given variance.
    """

    finite: NDArray[np.bool_]
    groups: Floats
    group_variance: Floats | None
    group_size: NDArray[np.integer]
    sample: Floats
    integers: bool
    greatest: float
    least: float
    least_variance: float

    @property
    def mean(self) -> Floats:
        """Mean spectrum of the finite pixels, shape (channels,)."""
        return np.asarray(self.group_size @ self.groups / self.group_size.sum())


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

    def second_moment(self) -> Floats:
        """Mean over the pixels of the weighted scores' products, shape (rank, rank)."""
        weighted = self.scores * self.weights[:, None]
        return np.asarray(self.scores.T @ weighted / len(self.scores))


@dataclass(frozen=True)
class Scree:
    """Squared singular values of the whitened data in units of the noise edge (1 is the floor).

    ``edge`` is the noise edge, ``calibration`` the median squared singular value over what noise
    alone would give: 1 where the noise model is right.
    """

    values: Floats
    edge: float
    calibration: float

    @property
    def above_noise_edge(self) -> int:
        """Number of components that white noise alone would not produce."""
        return int(np.argmin(np.append(self.values, 0.0) > 1))


def summarise(blocks: RowBlocks) -> Summary:
    """Pass over the data once: which pixels are finite, group means, a sample, the range."""
    n, m = blocks.shape
    size = -(-n // min(GROUPS, n))
    stride = -(-n // min(SAMPLE, n))
    order = np.arange(n)

    def on_block(spectra: Floats, variance: Floats | None, index: NDArray[np.intp]) -> Any:
        # a sum is finite only where every term is, and is much the quicker look
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(spectra @ np.ones(m, spectra.dtype))
        kept = spectra if finite.all() else spectra[finite]
        index = index[finite]
        chosen = kept[index % stride == 0]
        first = index[0] // size if len(index) else 0
        group = index // size - first
        members = (np.ones(len(index), spectra.dtype), (group, np.arange(len(index))))
        member = csr_array(members, shape=(group[-1] + 1 if len(index) else 0, len(index)))
        sums_variance, least_variance = None, np.inf
        if variance is not None and kept.size:
            sums_variance = member @ variance[finite]
            # NaN must not hide behind a minimum of the others
            least_variance = float(np.min(variance[finite], initial=np.inf))
        extremes = (float(kept.min()), float(kept.max())) if kept.size else (np.inf, -np.inf)
        sums = (np.bincount(group, minlength=member.shape[0]), member @ kept, sums_variance)
        return finite, chosen, first, *sums, (*extremes, least_variance)

    parts = list(blocks.map(on_block, order))
    groups = np.zeros((n // size + 1, m))
    group_variance = None if blocks.variance is None else np.zeros_like(groups)
    number = np.zeros(len(groups), int)
    for _, _, first, count, sums, sums_variance, _ in parts:
        group = slice(first, first + len(count))
        groups[group] += sums
        number[group] += count.astype(int)
        if group_variance is not None and sums_variance is not None:
            group_variance[group] += sums_variance
    filled = number > 0
    share = number[filled, None]
    sample = np.concatenate([p[1] for p in parts]).astype(float)
    return Summary(
        finite=np.concatenate([p[0] for p in parts]),
        groups=groups[filled] / share,
        group_variance=None if group_variance is None else group_variance[filled] / share,
        group_size=number[filled],
        sample=sample,
        integers=bool((sample == np.rint(sample)).all()),
        least=min(p[6][0] for p in parts),
        greatest=max(p[6][1] for p in parts),
        least_variance=float(np.min([p[6][2] for p in parts])),
    )


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
    group_variance = _group_variance(summary, noise)
    v = column_scales(group_variance)
    whitening = channel_whitening(1 / np.sqrt(v), noise.correlation, noise.shot_share(summary.mean))
    products, weights, profile = _products(blocks, noise, v, _row_scales(summary, noise, v))
    eigenvalues, vectors = _eigen(products, whitening, wide=n < m)
    scree = _scree(eigenvalues, n, profile, calibrated=noise.kind != "poisson")
    rank = min(max(scree.above_noise_edge, least_rank, 1), min(n, m))
    directions = np.ascontiguousarray(vectors[:, :rank])
    projector = whitening.projector(directions).astype(blocks.dtype)
    scores = np.concatenate(list(blocks.map(lambda spectra, _: spectra @ projector))).astype(float)
    components = whitening.colour(directions.T)
    certain = {"model_error": np.zeros((rank, rank)), "shape_noise": np.zeros((0, m))}
    return LowRank(scores, components, weights, whitening, np.eye(rank), **certain), scree


def _eigen(products: Floats, whitening: ChannelWhitening, wide: bool) -> tuple[Floats, Floats]:
    """Squared singular values, falling, and right singular vectors of the decorrelated data.

    ``products`` is the Gram matrix, or the weighted data themselves where they are ``wide`` (fewer
    pixels than channels).
    """
    unit = replace(whitening, channel_sd=np.ones(products.shape[1]))
    white = unit.whiten(products)
    gram = white @ white.T if wide else unit.whiten(white.T)
    eigenvalues, vectors = eigh(gram, driver="evd")
    eigenvalues, vectors = np.maximum(eigenvalues[::-1], 0), vectors[:, ::-1]
    if wide:
        # QR rather than a division by the singular values: null directions stay orthogonal
        vectors, triangle = np.linalg.qr(white.T @ vectors)
        vectors = vectors * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return eigenvalues, vectors


def _group_variance(summary: Summary, noise: NoiseModel) -> Floats:
    """Mean variance of the groups, kept from zero where a channel or a group is all but empty."""
    variance = np.array(noise.variance(summary.groups, summary.group_variance), float)
    if noise.kind == "poisson":
        # a channel of a few counts in all must not weigh as if its variance were known to be tiny
        return variance + LEAST_COUNTS
    return np.asarray(np.maximum(variance, 1e-3 * variance.mean()))


def _row_scales(summary: Summary, noise: NoiseModel, v: Floats) -> tuple[Floats, float]:
    """Projected column scales, and the typical scaled variance of a pixel."""
    if noise.kind in ("poisson", "gain"):
        sample = np.array(noise.variance(summary.sample), float)
        scales = project_scales(sample, v)
    else:
        scales = v
    variance = noise.variance(summary.groups, summary.group_variance)
    typical = float(np.average(variance @ scales, weights=summary.group_size)) / len(v)
    return scales, typical


def _products(
    blocks: RowBlocks, noise: NoiseModel, v: Floats, row_scales: tuple[Floats, float]
) -> tuple[Floats, Floats, Floats]:
    """Gram matrix of the biwhitened data, pixel weights, and the columns' mean scaled variance.

    Products are taken in the blocks' type and summed over the blocks in float64. Where pixels are
    fewer than channels, the biwhitened data are returned instead of the larger Gram matrix.
    """
    wide = blocks.shape[0] < blocks.shape[1]
    root = np.sqrt(v).astype(blocks.dtype)
    scales, typical = row_scales[0].astype(blocks.dtype), row_scales[1]

    def on_block(spectra: Floats, given: Floats | None) -> tuple[Floats, Floats, Floats]:
        variance = noise.variance(spectra, given)
        u = pixel_weights(variance, scales, typical)
        columns = u.astype(blocks.dtype) @ variance
        spectra *= root
        spectra *= np.sqrt(u).astype(blocks.dtype)[:, None]
        return (spectra if wide else spectra.T @ spectra), u, columns

    gram, profile = np.zeros((0 if wide else len(v), len(v))), np.zeros(len(v))
    rows, weights = [gram], []
    for product, u, columns in blocks.map(on_block):
        if wide:
            rows.append(product)
        else:
            gram += product
        profile += columns
        weights.append(u)
    u = np.concatenate(weights)
    return np.concatenate(rows) if wide else gram, u, profile * v / len(u)


def _scree(eigenvalues: Floats, n: int, profile: Floats, calibrated: bool) -> Scree:
    """Squared singular values over the noise edge."""
    m = len(profile)
    rank = min(n, m)
    eigenvalues = eigenvalues[:rank]
    edge = noise_edge_of_profile(n, profile)
    noise_median = noise_median_of_profile(n, profile)
    level, structure = 1.0, 0
    for _ in range(5):
        # the noise median of what is left once the structure took its share of the dimensions
        expected = noise_median * marchenko_pastur_median(n - structure, m - structure)
        expected /= marchenko_pastur_median(n, m)
        level = float(np.median(eigenvalues[structure:])) / expected
        structure = min(int((eigenvalues > level * edge).sum()), rank - 1)
    # below that the eigenvalues of a float32 product are rounding
    rounding = 1e-8 * float(eigenvalues[0]) / edge
    scale = max(level, rounding, 1e-300) if calibrated else 1.0
    return Scree(eigenvalues / (edge * scale), edge * scale, level)
