"""The low loss: t/lambda, zero-loss counts, and its inelastic part in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .per_pixel import PixelProducts, ReadingPlan, make_reading_plan
from .zero_loss import (
    ZeroLossPeak,
    centre_finder,
    find_zero_loss_peak,
    most_likely_offsets,
    whole_channel_shifts,
    why_clipped,
)

RISE_POWER_LIMITS = (1.0, 8.0)  # powers of the energy, by which inelastic spectra begin
FALL_POWER_LIMITS = (2.0, 6.0)  # powers of one over the energy, by which they end
MOST_SHARE_BEYOND_AXIS = 0.01  # of the inelastic electrons, that a power law is trusted with
POSITION_ERROR_IN_FWHM = 5e-4  # what losses under the peak may do to its position
LEAST_CHANNELS_BEHIND_PEAK = 4


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
    noise : array, shape (rank,)
        Variance of the sum over the channels of each of ``inelastic``; empty where it is not known.
    correlation : array, shape (lags,)
        Of the noise of channels 1, 2, ... apart.
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
    noise: Floats = field(default_factory=lambda: np.zeros(0))
    correlation: tuple[float, ...] = ()


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
    clipping = why_clipped(summary.sample, energies)
    plan, products, summary, moved = _read_lined_up(blocks, energies, summary, bool(clipping))
    peak, split = plan.peak, len(plan.peak.shape)
    measured = plan.split_columns(products)

    # Counts near the threshold, and beyond the end of the axis, go to where they belong.
    zero_loss = _zero_loss_counts(plan, measured, energies, summary.mean)
    above, beyond = _complete_above(plan, measured, energies, summary.mean)

    # The thickness, from the ratio of all counts to those of the zero-loss peak.
    if clipping and given_t is not None:
        # The inelastic electrons are all there: they tell how many were not scattered.
        t: Floats = given_t
        t_error: Floats = np.zeros(len(above))
        zero_loss = measured.above / np.expm1(np.where(given_t > 0, given_t, np.nan))
    else:
        t, t_error = _log_ratio(
            below=measured.below,
            above=above,
            zero_loss=zero_loss,
            share=peak.share_below_threshold,
            noise=plan.noise,
            channels=np.array([split, len(energies) - split]),
        )

    # What the core loss needs: kernels per zero-loss electron, and shifts.
    good = np.isfinite(t) & (zero_loss > 0)
    per_electron = measured.scores / np.where(good, zero_loss, 1)[:, None]
    channel_width = float(np.median(np.diff(energies)))
    return LowLoss(
        t_over_lambda=np.where(good, np.maximum(t, 0), np.nan),
        t_error=np.where(good, t_error, np.nan),
        zero_loss=np.where(good, zero_loss, np.nan),
        # The peak's own tail is taken off, the same for every zero-loss electron.
        scores=np.where(good[:, None], np.insert(per_electron, 0, -1.0, axis=1), 0),
        inelastic=np.concatenate([peak.tail[None] * peak.share_below_threshold, plan.inelastic]),
        energies=energies[split:] - peak.centre,
        peak=peak,
        peak_energies=energies[:split] - peak.centre,
        beyond=beyond,
        shift=channel_width * (most_likely_offsets(measured.likelihood_slopes) - moved),
        shift_error=_shift_error(plan, measured, channel_width, summary.mean),
        clipped=clipping,
        noise=np.insert(plan.component_noise, 0, plan.tail_noise),
        correlation=plan.noise.correlation,
    )


def _read_lined_up(
    blocks: RowBlocks, energies: Floats, summary: Summary, is_clipped: bool
) -> tuple[ReadingPlan, Floats, Summary, NDArray[np.intp]]:
    """Read every pixel, its peak moved to the others' by whole channels.

    Where no spectrum of the sample has to be moved, most likely none has, and one pass will do.

    Returns
    -------
    plan : ReadingPlan
    products : array, shape (pixels, columns)
        What is measured of every pixel.
    summary : Summary
        Of the spectra lined up.
    moved : int array, shape (pixels,)
        Channels by which each spectrum was moved.
    """
    peak = find_zero_loss_peak(energies, summary.mean)
    _check_inelastic(energies, summary.mean, peak)
    centres = centre_finder(energies, peak)
    plan: ReadingPlan | None = None
    products: Floats = np.empty(0)
    if whole_channel_shifts(centres(summary.sample)).any():
        pixel_centres = blocks.rows(lambda b: centres(b.spectra), stage="zero-loss peak")
        moved = whole_channel_shifts(pixel_centres)
    else:
        plan = make_reading_plan(energies, summary, is_clipped)
        with_centres = plan.read(blocks, centres)
        products, moved = with_centres[:, :-1], whole_channel_shifts(with_centres[:, -1])
    if moved.any():
        shifts = np.zeros(len(blocks.pixels), int)
        shifts[blocks.pixels] = moved
        blocks, plan = replace(blocks, shifts=shifts), None
        summary = summarise(blocks, "low loss, lined up")
    if plan is None:
        plan = make_reading_plan(energies, summary, is_clipped)
        products = plan.read(blocks)
    return plan, products, summary, moved


def _check_inelastic(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> None:
    """Refuse a low loss that holds nothing but its zero-loss peak."""
    behind = mean[len(peak.shape) :]
    if len(behind) < LEAST_CHANNELS_BEHIND_PEAK or not behind.any():
        raise ValueError(
            f"low_loss holds nothing behind its zero-loss peak, whose end is {peak.threshold:g} eV "
            f"(of the axis {energies[-1]:g}): record it with the plasmons, or say low_loss=None."
        )


def _zero_loss_counts(
    plan: ReadingPlan, measured: PixelProducts, energies: Floats, mean: Floats
) -> Floats:
    """Zero-loss counts: those below the threshold without the inelastic ones, and the tail's."""
    peak = plan.peak
    factor, n_channels = _inelastic_below(energies - peak.centre, mean, peak)
    tail = measured.below * peak.tail[:n_channels].mean()
    behind = measured.scores @ plan.inelastic[:, :n_channels].mean(1) - tail
    without_inelastic = measured.below - factor * np.maximum(behind, 0)
    return np.asarray(without_inelastic / peak.share_below_threshold)


def _complete_above(
    plan: ReadingPlan, measured: PixelProducts, energies: Floats, mean: Floats
) -> tuple[Floats, float]:
    """Counts above the threshold with those beyond the axis, if few; the share that is beyond."""
    factor, n_channels = _inelastic_beyond(energies - plan.peak.centre, mean, plan.peak)
    at_end = measured.scores @ plan.inelastic[:, -n_channels:].mean(1)
    beyond = np.maximum(factor * at_end, 0)
    share = float(beyond.sum() / max((measured.above + beyond).sum(), 1e-300))
    # A spectrum that ends among the plasmons does not go on as a power.
    return measured.above + beyond * (share < MOST_SHARE_BEYOND_AXIS), share


def _shift_error(
    plan: ReadingPlan, measured: PixelProducts, channel_width: float, mean: Floats
) -> Floats:
    """Standard deviation of each peak's position, from its counts (Cramer-Rao) and the losses."""
    counts = measured.below + measured.above
    peak_counts = counts * mean[plan.peak_channels].sum() / max(mean.sum(), 1e-300)
    information = np.maximum(peak_counts * plan.information, 1e-300)
    counting_error = channel_width * np.sqrt(plan.noise.gain / information)
    return np.asarray(np.hypot(counting_error, POSITION_ERROR_IN_FWHM * plan.peak.fwhm))


def _inelastic_below(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons below the threshold for each in a channel behind it, and how many such.

    The mean inelastic spectrum behind the threshold is continued to zero energy as a power.
    """
    split = len(peak.shape)
    inelastic = mean[split:] - peak.tail * mean[:split].sum()
    channel_width = float(np.median(np.diff(energies)))
    n_channels = max(4, round(peak.fwhm / channel_width))
    first, second = inelastic[:n_channels].mean(), inelastic[n_channels : 2 * n_channels].mean()
    if min(first, second) <= 0:
        return 0.0, n_channels
    middle = energies[split] + channel_width * (n_channels - 1) / 2
    power = np.log(second / first) / np.log(1 + n_channels * channel_width / middle)
    power = float(np.clip(power, *RISE_POWER_LIMITS))
    start = energies[split] - channel_width / 2
    return float((start / middle) ** power * start / (power + 1) / channel_width), n_channels


def _inelastic_beyond(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons beyond the axis for each in a channel at its end, and how many such.

    The mean spectrum is continued as a power of one over the energy.
    """
    channel_width = float(np.median(np.diff(energies)))
    n_channels = max(len(energies) // 16, 4)
    first, second = mean[-2 * n_channels : -n_channels].mean(), mean[-n_channels:].mean()
    if min(first, second) <= 0 or len(energies) - 2 * n_channels < len(peak.shape):
        return 0.0, n_channels
    middle = energies[-1] - channel_width * (n_channels - 1) / 2
    power = -np.log(second / first) / np.log(middle / (middle - n_channels * channel_width))
    power = float(np.clip(power, *FALL_POWER_LIMITS))
    end = energies[-1] + channel_width / 2
    return float((end / middle) ** -power * end / (power - 1) / channel_width), n_channels


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
