"""What is measured of every low-loss spectrum, as products with a narrow matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

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

MOST_INELASTIC_COMPONENTS = 8


class PixelProducts(NamedTuple):
    """What is measured of every pixel.

    Parameters
    ----------
    below, above : array, shape (pixels,)
        Counts below and above the peak's threshold.
    scores : array, shape (pixels, rank)
        Of the inelastic components.
    likelihood_slopes : array, shape (pixels, offsets)
        See `zero_loss.position_scores`.
    """

    below: Floats
    above: Floats
    scores: Floats
    likelihood_slopes: Floats


@dataclass(frozen=True)
class ReadingPlan:
    """How all that is measured of a pixel is one product of its spectrum with a narrow matrix.

    Parameters
    ----------
    peak : ZeroLossPeak
    noise : NoiseModel
    inelastic : array, shape (rank, channels above the threshold)
        Components of the inelastic part.
    peak_channels : int array
        Those that tell the position of the peak.
    information : float
        Of one count in these channels on the position, in 1/channels squared.
    matrix : array, shape (channels, columns)
        Its columns are those of `PixelProducts`, in their order.
    component_noise : array, shape (rank,)
        Variance of the sum over the channels of each of ``inelastic``.
    tail_noise : float
        The same of the peak's tail.
    """

    peak: ZeroLossPeak
    noise: NoiseModel
    inelastic: Floats
    peak_channels: NDArray[np.intp]
    information: float
    matrix: Floats
    component_noise: Floats
    tail_noise: float

    def read(self, blocks: RowBlocks, centres: Callable[[Floats], Floats] | None = None) -> Floats:
        """The products, shape (pixels, columns); with ``centres``, what these find as the last."""
        matrix = self.matrix.astype(blocks.dtype)

        def on_block(block: Block) -> Floats:
            products: Floats = block.spectra @ matrix
            if centres is None:
                return products
            return np.concatenate([products, centres(block.spectra)[:, None]], 1)

        return blocks.rows(on_block, stage="low loss").astype(float)

    def split_columns(self, products: Floats) -> PixelProducts:
        """The columns of products (pixels, columns), each by its name."""
        last_score = 2 + len(self.inelastic)
        return PixelProducts(
            below=products[:, 0],
            above=products[:, 1],
            scores=products[:, 2:last_score],
            likelihood_slopes=products[:, last_score:],
        )


def make_reading_plan(energies: Floats, summary: Summary, is_clipped: bool) -> ReadingPlan:
    """Plan what is measured of every pixel, from the mean spectra of groups of pixels.

    Parameters
    ----------
    energies : array, shape (channels,)
    summary : Summary
        Of the low loss.
    is_clipped : bool
        Whether its zero-loss peak is clipped.

    Raises
    ------
    ValueError
        If there is no zero-loss peak.
    """
    peak = find_zero_loss_peak(energies, summary.mean)
    if is_clipped:
        # The tail is in units of the peak's counts, of which a clipped peak lacks some.
        peak = replace(peak, tail=np.zeros_like(peak.tail))
    noise = estimate_noise(summary.sample, summary.integers)
    if summary.integers:
        # Few spectra give too low an estimate, but no electron counts for less than one.
        noise = replace(noise, gain=max(noise.gain, 1.0))
    split = len(peak.shape)
    inelastic, projector, component_noise = _find_inelastic_components(summary, noise, split)
    peak_channels, slopes, information = position_scores(energies, summary.mean, peak)
    rank = projector.shape[1]
    matrix = np.zeros((len(energies), 2 + rank + len(slopes)))
    matrix[:split, 0] = matrix[split:, 1] = 1
    matrix[split:, 2 : 2 + rank] = projector
    matrix[peak_channels, 2 + rank :] = slopes.T
    return ReadingPlan(
        peak=peak,
        noise=noise,
        inelastic=inelastic,
        peak_channels=peak_channels,
        information=information,
        matrix=matrix,
        component_noise=component_noise,
        tail_noise=_tail_noise(peak, summary, noise),
    )


def _tail_noise(peak: ZeroLossPeak, summary: Summary, noise: NoiseModel) -> float:
    """Variance of the sum over the channels of the peak's tail, which is its other side."""
    tail, split = peak.tail * peak.share_below_threshold, len(peak.shape)
    counts = float(summary.mean[:split].sum())
    n_channels = np.count_nonzero(tail)
    variance = _variance_of_mean(summary, noise)
    return float(variance[max(split - n_channels, 0) : split].sum()) / max(counts, 1e-300) ** 2


def _variance_of_mean(summary: Summary, noise: NoiseModel) -> Floats:
    """Variance of the mean spectrum, shape (channels,)."""
    variance = noise.variance(summary.mean[None])[0]
    return np.asarray(variance / summary.group_size.sum(), float)


def _find_inelastic_components(
    summary: Summary, noise: NoiseModel, split: int
) -> tuple[Floats, Floats, Floats]:
    """Components (rank, channels) of the inelastic part, the projector onto their scores, noise.

    The noise is the variance of each component's sum over the channels.

    Found from the sums of groups of pixels: averages over pixels show every component that the
    plural scattering of the core loss could feel, at a fraction of the cost.
    """
    if len(summary.groups) == 1:
        spectrum = summary.mean[None, split:]
        variance = _variance_of_mean(summary, noise)[split:].sum()
        return spectrum, spectrum.T / np.sum(spectrum**2), np.array([variance])
    sums = summary.groups[:, split:] * summary.group_size[:, None]
    size = float(np.median(summary.group_size))
    sum_noise = replace(noise, read_variance=noise.read_variance * size)
    if noise.channel_variance is not None:
        channel_variance = noise.channel_variance[split:] * size
        sum_noise = replace(sum_noise, channel_variance=channel_variance)
    grouped = row_blocks(sums)
    compressed, scree = compress(
        grouped, summarise(grouped, with_extremes=False), sum_noise, split=False
    )
    rank = min(max(scree.above_noise_edge, 1), MOST_INELASTIC_COMPONENTS)
    spectra = compressed.truncate(rank)
    errors = np.diag(spectra.component_errors()) * np.sum(spectra.whitening.channel_sd**2)
    return spectra.components, _projector(spectra), errors


def _projector(spectra: LowRank) -> Floats:
    """Matrix (channels, rank) that takes a spectrum to its scores by weighted least squares."""
    white = spectra.whitening.whiten(spectra.components)
    return spectra.whitening.projector(np.linalg.pinv(white))
