"""The low loss: zero-loss peak, t/lambda, and its inelastic part in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .blocks import RowBlocks
from .first_pass import summarise
from .noise import Floats
from .noise_estimate import estimate_noise
from .pca import compress

SEARCH = 10.0  # eV either side of zero in which a pixel's zero-loss peak is looked for
MOST_COMPONENTS = 8


@dataclass(frozen=True)
class ZeroLossPeak:
    """Mean zero-loss peak.

    ``centre`` and ``threshold`` (where the inelastic part begins) are energies, ``shape`` (channels
    below the threshold,) sums to one, ``fwhm`` is in energy.
    """

    centre: float
    threshold: float
    shape: Floats
    fwhm: float


@dataclass(frozen=True)
class LowLoss:
    """Inelastic part of the low loss per zero-loss electron: ``scores @ inelastic``.

    Parameters
    ----------
    t_over_lambda : array, shape (pixels,)
        NaN where it cannot be had.
    zero_loss : array, shape (pixels,)
        Zero-loss counts.
    scores : array, shape (pixels, rank)
    inelastic : array, shape (rank, channels)
    energies : array, shape (channels,)
        Energy loss from the zero-loss peak's centre.
    peak : ZeroLossPeak
    peak_energies : array, shape (channels below the threshold,)
        Energies of ``peak.shape``, from its centre.
    shifts : int array, shape (pixels,)
        Whole channels by which each spectrum was moved to line the peaks up.
    """

    t_over_lambda: Floats
    zero_loss: Floats
    scores: Floats
    inelastic: Floats
    energies: Floats
    peak: ZeroLossPeak
    peak_energies: Floats
    shifts: NDArray[np.intp]


def find_zero_loss_peak(energies: Floats, mean: Floats) -> ZeroLossPeak:
    """Find the zero-loss peak of a mean low-loss spectrum, and the valley behind it.

    Raises
    ------
    ValueError
        If there is no peak at zero energy loss.
    """
    top = int(np.argmax(mean))
    scale = float(np.median(np.diff(energies)))
    background = float(np.median(mean[:top])) if top else np.inf
    near_zero = abs(energies[top]) <= max(SEARCH, 5 * scale)
    if not near_zero or top < 2 or top > len(mean) - 5 or mean[top] < 3 * max(background, 0):
        raise ValueError(
            "The low loss has no zero-loss peak: its largest value is at "
            f"{energies[top]:.4g}, on an axis from {energies[0]:.4g} to {energies[-1]:.4g}. "
            "Give a low loss that holds the zero-loss peak at 0 eV (shift its axis if it is off)."
        )
    half = mean[top] / 2
    left = top - int(np.argmax(mean[top::-1] < half))
    right = top + int(np.argmax(mean[top:] < half))
    near = slice(max(left - 1, 0), right + 2)
    centre = float(np.average(energies[near], weights=np.maximum(mean[near] - half / 2, 0)))
    width = max(right - left, 1)
    valley = _valley(mean, top, width)
    shape = np.maximum(mean[:valley], 0)
    shape = np.where(np.abs(energies[:valley] - centre) <= energies[valley] - centre, shape, 0)
    return ZeroLossPeak(centre, float(energies[valley]), shape / shape.sum(), width * scale)


def _valley(mean: Floats, top: int, width: int) -> int:
    """First channel behind the peak where the smoothed spectrum stops falling."""
    kernel = np.ones(max(3, 2 * (width // 2) + 1))
    smooth = np.convolve(mean, kernel / kernel.sum(), "same")
    first = top + 2 * width
    last = min(first + 12 * width + 10, len(mean) - 2)
    rising = np.flatnonzero(np.diff(smooth[first:last]) >= 0)
    return first + int(rising[0]) if len(rising) else last


def analyse_low_loss(blocks: RowBlocks, energies: Floats) -> LowLoss:
    """Align, split at the zero-loss peak's threshold, and compress a low-loss spectrum image.

    Parameters
    ----------
    blocks : RowBlocks
        One pixel, or as many as the core loss.
    energies : array, shape (channels,)

    Returns
    -------
    LowLoss
        ``t_over_lambda`` is ``ln(total / zero-loss)``, the log-ratio.

    Raises
    ------
    ValueError
        If there is no zero-loss peak.

    References
    ----------
    T. Malis, S. C. Cheng, R. F. Egerton, J. Electron Microsc. Tech. 8 (1988) 193,
    https://doi.org/10.1002/jemt.1060080206
    """
    mean = summarise(blocks).mean
    peak = find_zero_loss_peak(energies, mean)
    blocks, shifts = _line_up(blocks, energies, peak)
    summary = summarise(blocks)
    peak = find_zero_loss_peak(energies, summary.mean)
    split = int(np.searchsorted(energies, peak.threshold))

    def integrals(spectra: Floats, _: None) -> Floats:
        return np.stack([spectra[:, :split].sum(1), spectra.sum(1)], 1).astype(float)

    zero_loss, total = np.concatenate(list(blocks.map(integrals))).T
    with np.errstate(divide="ignore", invalid="ignore"):
        t_over_lambda = np.log(total / zero_loss)
    good = np.isfinite(t_over_lambda) & (zero_loss > 0)
    t_over_lambda = np.where(good, np.maximum(t_over_lambda, 0), np.nan)
    scores, inelastic = _compress_inelastic(blocks.with_channels(blocks.channels[split:]))
    scores = np.where(good[:, None], scores / np.where(good, zero_loss, 1)[:, None], 0)
    return LowLoss(
        t_over_lambda,
        np.where(good, zero_loss, np.nan),
        scores,
        inelastic,
        energies[split:] - peak.centre,
        peak,
        energies[:split] - peak.centre,
        shifts,
    )


def _line_up(
    blocks: RowBlocks, energies: Floats, peak: ZeroLossPeak
) -> tuple[RowBlocks, NDArray[np.intp]]:
    """Move every pixel's zero-loss peak to the mean one's, by whole channels."""
    scale = float(np.median(np.diff(energies)))
    near = np.abs(energies - peak.centre) <= max(SEARCH, 3 * peak.fwhm)
    channel = np.arange(len(energies), dtype=float)[near]

    width = max(round(peak.fwhm / scale), 1)

    def centres(spectra: Floats, _: None) -> Floats:
        inside = np.maximum(spectra[:, near], 0)
        half = 0.5 * inside.max(1, keepdims=True)
        # the first peak of those that reach half the maximum: a thick specimen's plasmon may too
        first = np.argmax(inside >= np.maximum(half, 1e-30), axis=1)[:, None]
        offset = np.arange(inside.shape[1]) - first
        # the upper half of the peak only: its tails hold the phonons and the noise
        upper = np.where((offset >= -width) & (offset <= 2 * width), inside - half, 0)
        upper = np.maximum(upper, 0)
        total = upper.sum(1)
        return np.where(total > 0, upper @ channel / np.where(total > 0, total, 1), np.nan)

    found = np.concatenate(list(blocks.map(centres)))
    reference = float(np.interp(peak.centre, energies, np.arange(len(energies))))
    reference = float(np.nanmedian(found)) if np.isfinite(found).any() else reference
    moved = np.rint(np.nan_to_num(reference - found)).astype(int)
    # one channel either way is the noise of a narrow peak
    if np.abs(moved).max() * scale <= max(0.25 * peak.fwhm, 1.01 * scale):
        return blocks, np.zeros(len(found), int)
    shifts = np.zeros(len(blocks.pixels), int)
    shifts[blocks.pixels] = moved
    return replace(blocks, shifts=shifts), moved


def _compress_inelastic(blocks: RowBlocks) -> tuple[Floats, Floats]:
    """Denoised inelastic part: (scores, components) in counts."""
    if blocks.shape[0] == 1:
        spectrum = next(iter(blocks.map(lambda spectra, _: spectra.astype(float))))
        return np.ones((1, 1)), spectrum
    summary = summarise(blocks)
    noise = estimate_noise(summary.sample, summary.integers)
    compressed, scree = compress(blocks, summary, noise)
    compressed = compressed.truncate(min(max(scree.above_noise_edge, 1), MOST_COMPONENTS))
    return compressed.scores, compressed.components
