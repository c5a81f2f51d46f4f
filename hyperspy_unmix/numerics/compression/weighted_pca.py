"""Weighted PCA of a stream of row blocks: the only place that touches pixels x channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge_of_profile
from hyperspy_unmix.numerics.noise.weights import column_scales
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .gram_matrix import leading_by_gram
from .gram_sum import ROWS_IN_CACHE
from .leading_space import can_be_iterated, leading_by_iteration
from .low_rank import LowRank
from .map_correlation import measure_neighbours
from .neighbouring_noise import correct_for_neighbours, noise_directions
from .row_weights import group_variance, row_scales
from .scree import Scree

ROUNDING = 1e-12  # of the sum of squares of the leading scores, that of float32 spectra


def compress(
    blocks: RowBlocks,
    summary: Summary,
    noise: NoiseModel,
    least_rank: int = 0,
    *,
    split: bool = True,
) -> tuple[LowRank, Scree]:
    """Weighted PCA of ``blocks``: leading directions, then scores.

    The directions come from the Gram matrix in one pass, or where that takes longer from a dozen
    passes over data in memory.

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
    v = column_scales(group_variance(summary, noise))
    found = None
    if can_be_iterated(blocks, summary, noise, least_rank):
        found = leading_by_iteration(blocks, summary, noise, v, least_rank, split=split)
    if found is None:
        found = leading_by_gram(blocks, summary, noise, v, split=split)
    scree, weights, whitening = found.scree, found.weights, found.whitening
    # The scores of the components above noise, and of noise, in the last pass.
    rank = min(max(scree.above_noise_edge, least_rank, 1), n, m)
    directions = found.directions(rank)
    projected = np.concatenate([directions, noise_directions(directions, n)], 1)
    projector = whitening.projector(projected)
    scores = blocks.rows(lambda block: _project(block.spectra, projector), stage="scores")
    scree = _look_at_neighbours(scree, scores, rank, weights, blocks, found.profile, noise)
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
    scales = row_scales(summary, noise, 1 / whitening.channel_sd**2, blocks.dtype)
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
