"""The low loss: t/lambda, zero-loss counts, and its inelastic part in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .per_pixel import Plan, make_plan
from .zero_loss import (
    ZeroLossPeak,
    centre_finder,
    clipped,
    find_zero_loss_peak,
    positions,
    whole_channels,
)

FALLS = (2.0, 6.0)  # and of one over the energy, by which they end
SMALL_PART = 0.01  # of the inelastic electrons, beyond the axis, that a power law is trusted with
SYSTEMATIC = 5e-4  # of the peak's width: what losses under it may do to its position
LEAST_BEHIND = 4  # channels behind the zero-loss peak
POWERS = (1.0, 8.0)  # of the energy, by which inelastic spectra begin


@dataclass(frozen=True)
class LowLoss:
    """Inelastic part of the low loss per zero-loss electron: ``scores @ inelastic``.

    Parameters
    ----------
    t_over_lambda, t_error : array, shape (pixels,)
        With its standard deviation; NaN where it cannot be had.
    zero_loss : array, shape (pixels,)
        Zero-loss counts; NaN where there are none.
    scores : array, shape (pixels, rank)
    inelastic : array, shape (rank, channels)
    energies : array, shape (channels,)
        Energy loss from the zero-loss peak's centre.
    peak : ZeroLossPeak
    peak_energies : array, shape (channels below the threshold,)
        Energies of ``peak.shape``, from its centre.
    shift, shift_error : array, shape (pixels,)
        Energy by which each spectrum's peak is above the mean one's, and its standard deviation.
    beyond : float
        Share of the inelastic electrons that seem to be beyond the end of the axis.
    clipped : str
        Why the peak seems clipped; its counts are then those that ``t_over_lambda`` was given for.
    """

    t_over_lambda: Floats
    t_error: Floats
    zero_loss: Floats
    scores: Floats
    inelastic: Floats
    energies: Floats
    peak: ZeroLossPeak
    peak_energies: Floats
    shift: Floats
    shift_error: Floats
    beyond: float = 0.0
    clipped: str = ""


def analyse_low_loss(
    blocks: RowBlocks,
    energies: Floats,
    given_t: Floats | None = None,
    summary: Summary | None = None,
) -> LowLoss:
    """Align, split at the zero-loss peak's threshold, and compress a low-loss spectrum image.

    Parameters
    ----------
    blocks : RowBlocks
        One pixel, or as many as the core loss.
    energies : array, shape (channels,)
    given_t : array, shape (pixels,), optional
        t/lambda from elsewhere, used where the peak is clipped.
    summary : Summary, optional
        Of the blocks, where it is at hand.

    Returns
    -------
    LowLoss
        ``t_over_lambda`` is ``ln(total / zero-loss)``, the log-ratio. The peak's tail above the
        threshold, taken from its other side, counts as zero-loss, and inelastic electrons below it,
        continued as a power of the energy, as inelastic; so do those beyond the end of the axis,
        where they are few.

    Raises
    ------
    ValueError
        If there is no zero-loss peak.

    References
    ----------
    T. Malis, S. C. Cheng, R. F. Egerton, J. Electron Microsc. Tech. 8 (1988) 193,
    https://doi.org/10.1002/jemt.1060080206
    """
    summary = summarise(blocks) if summary is None else summary
    why = clipped(summary.sample, energies)
    plan, found, summary, moved = _read_lined_up(blocks, energies, summary, bool(why))
    peak, noise, inelastic, split = plan.peak, plan.noise, plan.inelastic, len(plan.peak.shape)
    rank = len(inelastic)
    below, above = found[:, 0], found[:, 1]
    scores, likelihood = found[:, 2 : 2 + rank], found[:, 2 + rank :]
    factor, few = _inelastic_below(energies - peak.centre, summary.mean, peak)
    behind = scores @ inelastic[:, :few].mean(1) - below * peak.tail[:few].mean()
    zero_loss = np.asarray((below - factor * np.maximum(behind, 0)) / peak.below)
    channels = np.array([split, len(energies) - split])
    factor, last = _inelastic_beyond(energies - peak.centre, summary.mean, peak)
    beyond = np.maximum(factor * (scores @ inelastic[:, -last:].mean(1)), 0)
    missing = float(beyond.sum() / max((above + beyond).sum(), 1e-300))
    # a spectrum that ends among the plasmons does not go on as a power
    total = above + beyond * (missing < SMALL_PART)
    t, t_error = _log_ratio(below, total, zero_loss, peak.below, noise, channels)
    if why and given_t is not None:
        # the inelastic electrons are all there: they tell how many were not scattered
        t, t_error = given_t, np.zeros(len(above))
        zero_loss = above / np.expm1(np.where(given_t > 0, given_t, np.nan))
    good = np.isfinite(t) & (zero_loss > 0)
    per_electron = scores / np.where(good, zero_loss, 1)[:, None]
    scale = float(np.median(np.diff(energies)))
    seen = (below + above) * summary.mean[plan.near].sum() / max(summary.mean.sum(), 1e-300)
    return LowLoss(
        t_over_lambda=np.where(good, np.maximum(t, 0), np.nan),
        t_error=np.where(good, t_error, np.nan),
        zero_loss=np.where(good, zero_loss, np.nan),
        # less the peak's own tail, the same for every zero-loss electron
        scores=np.where(good[:, None], np.insert(per_electron, 0, -1.0, axis=1), 0),
        inelastic=np.concatenate([peak.tail[None] * peak.below, inelastic]),
        energies=energies[split:] - peak.centre,
        peak=peak,
        peak_energies=energies[:split] - peak.centre,
        beyond=missing,
        shift=scale * (positions(likelihood) - moved),
        shift_error=np.hypot(
            scale * np.sqrt(noise.gain / np.maximum(seen * plan.information, 1e-300)),
            SYSTEMATIC * peak.fwhm,
        ),
        clipped=why,
    )


def _read_lined_up(
    blocks: RowBlocks, energies: Floats, summary: Summary, is_clipped: bool
) -> tuple[Plan, Floats, Summary, NDArray[np.intp]]:
    """What is to be known of every pixel, its peak moved to the others' by whole channels.

    Where no spectrum of the sample has to be moved, most likely none has, and one pass will do.
    """
    peak = find_zero_loss_peak(energies, summary.mean)
    _check_inelastic(energies, summary.mean, peak)
    centres = centre_finder(energies, peak)
    plan: Plan | None = None
    found: Floats = np.empty(0)
    if whole_channels(centres(summary.sample)).any():
        moved = whole_channels(blocks.rows(lambda b: centres(b.spectra), stage="zero-loss peak"))
    else:
        plan = make_plan(energies, summary, is_clipped)
        found = plan.read(blocks, centres)
        found, moved = found[:, :-1], whole_channels(found[:, -1])
    if moved.any():
        shifts = np.zeros(len(blocks.pixels), int)
        shifts[blocks.pixels] = moved
        blocks, plan = replace(blocks, shifts=shifts), None
        summary = summarise(blocks, "low loss, lined up")
    if plan is None:
        plan = make_plan(energies, summary, is_clipped)
        found = plan.read(blocks)
    return plan, found, summary, moved


def _check_inelastic(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> None:
    behind = mean[len(peak.shape) :]
    if len(behind) < LEAST_BEHIND or not behind.any():
        raise ValueError(
            f"low_loss holds nothing behind its zero-loss peak, whose end is {peak.threshold:g} eV "
            f"(of the axis {energies[-1]:g}): record it with the plasmons, or say low_loss=None."
        )


def _inelastic_below(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons below the threshold for each in a channel behind it, and how many such.

    The mean inelastic spectrum behind the threshold is continued to zero energy as a power.
    """
    split = len(peak.shape)
    inelastic = mean[split:] - peak.tail * mean[:split].sum()
    scale = float(np.median(np.diff(energies)))
    few = max(4, round(peak.fwhm / scale))
    first, second = inelastic[:few].mean(), inelastic[few : 2 * few].mean()
    if min(first, second) <= 0:
        return 0.0, few
    at = energies[split] + scale * (few - 1) / 2
    power = np.log(second / first) / np.log(1 + few * scale / at)
    power = float(np.clip(power, *POWERS))
    edge = energies[split] - scale / 2
    return float((edge / at) ** power * edge / (power + 1) / scale), few


def _inelastic_beyond(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons beyond the axis for each in a channel at its end, and how many such."""
    scale = float(np.median(np.diff(energies)))
    last = max(len(energies) // 16, 4)
    first, second = mean[-2 * last : -last].mean(), mean[-last:].mean()
    if min(first, second) <= 0 or len(energies) - 2 * last < len(peak.shape):
        return 0.0, last
    at = energies[-1] - scale * (last - 1) / 2
    power = -np.log(second / first) / np.log(at / (at - last * scale))
    power = float(np.clip(power, *FALLS))
    end = energies[-1] + scale / 2
    return float((end / at) ** -power * end / (power - 1) / scale), last


def _log_ratio(
    below: Floats,
    above: Floats,
    zero_loss: Floats,
    share: float,
    noise: NoiseModel,
    channels: NDArray[np.intp],
) -> tuple[Floats, Floats]:
    """t/lambda and its standard deviation, from the variance of the two sums of counts."""
    total = below + above
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.log(total / zero_loss)
        slopes = 1 / total - np.array([1.0, 0.0])[:, None] / (share * zero_loss)
        variance = noise.gain * np.maximum([below, above], 0)
        variance = variance + max(noise.read_variance, 0) * channels[:, None]
        error = np.sqrt(np.sum(slopes**2 * variance, 0))
    return t, error
