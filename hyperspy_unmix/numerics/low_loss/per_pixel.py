"""What is to be known of every low-loss spectrum, as products with a narrow matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.estimate import estimate_noise
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.types import Floats

from .zero_loss import ZeroLossPeak, find_zero_loss_peak, position_scores

MOST_COMPONENTS = 8


@dataclass(frozen=True)
class Plan:
    """What is to be known of every pixel, as one product of its spectrum with a narrow matrix.

    The columns of ``matrix`` are the counts below and above the peak's threshold, the scores of
    the inelastic components, and the slopes of the peak's likelihood (on the channels ``near``).
    """

    peak: ZeroLossPeak
    noise: NoiseModel
    inelastic: Floats
    near: NDArray[np.intp]
    information: float
    matrix: Floats

    def read(self, blocks: RowBlocks, centres: Callable[[Floats], Floats] | None = None) -> Floats:
        """The products, shape (pixels, columns); with ``centres``, what these find as the last."""
        narrow = self.matrix.astype(blocks.dtype)

        def on_block(block: Block) -> Floats:
            products: Floats = block.spectra @ narrow
            if centres is None:
                return products
            return np.concatenate([products, centres(block.spectra)[:, None]], 1)

        return blocks.rows(on_block, stage="low loss").astype(float)


def make_plan(energies: Floats, summary: Summary, is_clipped: bool) -> Plan:
    """From the mean spectra of groups of pixels.

    Parameters
    ----------
    energies : array, shape (channels,)
    summary : Summary
        Of a low loss.
    is_clipped : bool
        Whether its zero-loss peak is.

    Raises
    ------
    ValueError
        If there is no zero-loss peak.
    """
    peak = find_zero_loss_peak(energies, summary.mean)
    if is_clipped:
        # of a clipped peak it is too large
        peak = replace(peak, tail=np.zeros_like(peak.tail))
    noise = estimate_noise(summary.sample, summary.integers)
    if summary.integers:
        # of few spectra the estimate is too low; no electron counts for less than one
        noise = replace(noise, gain=max(noise.gain, 1.0))
    split = len(peak.shape)
    inelastic, projector = _subspace(summary, noise, split)
    near, slopes, information = position_scores(energies, summary.mean, peak)
    rank = projector.shape[1]
    matrix = np.zeros((len(energies), 2 + rank + len(slopes)))
    matrix[:split, 0] = matrix[split:, 1] = 1
    matrix[split:, 2 : 2 + rank] = projector
    matrix[near, 2 + rank :] = slopes.T
    return Plan(peak, noise, inelastic, near, information, matrix)


def _subspace(summary: Summary, noise: NoiseModel, split: int) -> tuple[Floats, Floats]:
    """Components (rank, channels) of the inelastic part, and what takes spectra to their scores.

    Found from the sums of groups of pixels: averages over pixels show every component that the
    plural scattering of the core loss could feel, at a fraction of the cost.
    """
    if len(summary.groups) == 1:
        spectrum = summary.mean[None, split:]
        return spectrum, spectrum.T / np.sum(spectrum**2)
    sums = summary.groups[:, split:] * summary.group_size[:, None]
    size = float(np.median(summary.group_size))
    variance = replace(noise, read_variance=noise.read_variance * size)
    if noise.channel_variance is not None:
        variance = replace(variance, channel_variance=noise.channel_variance[split:] * size)
    grouped = row_blocks(sums)
    compressed, scree = compress(grouped, summarise(grouped), variance)
    kept = compressed.truncate(min(max(scree.above_noise_edge, 1), MOST_COMPONENTS))
    return kept.components, _projector(kept)


def _projector(spectra: LowRank) -> Floats:
    """Matrix (channels, rank) that takes a spectrum to its scores by weighted least squares."""
    white = spectra.whitening.whiten(spectra.components)
    return spectra.whitening.projector(np.linalg.pinv(white))
