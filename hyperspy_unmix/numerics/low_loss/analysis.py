"""The low loss: t/lambda, zero-loss counts, and its inelastic part in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .log_ratio import complete_above, log_ratio, zero_loss_counts
from .per_pixel import PixelProducts, ReadingPlan, make_reading_plan
from .systematic import SystematicErrors, systematic_errors, tail_unknown
from .vacuum_tail import GroupSpectra, VacuumTail, vacuum_tail
from .zero_loss import (
    ZeroLossPeak,
    centre_finder,
    find_zero_loss_peak,
    most_likely_offsets,
    whole_channel_shifts,
    why_clipped,
)

POSITION_ERROR_IN_FWHM = 5e-4  # what losses under the peak may do to its position
LEAST_CHANNELS_BEHIND_PEAK = 4


@dataclass(frozen=True)
class LowLoss:
    """Inelastic part of the low loss per zero-loss electron: ``scores @ inelastic``.

    Parameters
    ----------
    t_over_lambda, t_error : array, shape (pixels,)
        With its standard deviation by counting noise; NaN where it cannot be had.
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
    systematic : SystematicErrors, optional
        Errors of ``t_over_lambda`` that are no counting noise; None where it was given.
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
    systematic: SystematicErrors | None = None


@dataclass(frozen=True)
class MeasuredLowLoss:
    """What was measured of every low-loss spectrum: all that t/lambda is made of.

    Parameters
    ----------
    energies : array, shape (channels,)
    plan : ReadingPlan
    products : PixelProducts
    summary : Summary
        Of the spectra lined up.
    moved : int array, shape (pixels,)
        Channels by which each was moved for it.
    clipped : str
        Why the peak seems clipped; empty where it does not.
    given_t : array, shape (pixels,), optional
        t/lambda from elsewhere, used where the peak is clipped.
    tail : VacuumTail, optional
        Of the zero-loss peak, where it was measured in vacuum.
    """

    energies: Floats
    plan: ReadingPlan
    products: PixelProducts
    summary: Summary
    moved: NDArray[np.intp]
    clipped: str = ""
    given_t: Floats | None = None
    tail: VacuumTail | None = None

    def in_vacuum(
        self, vacuum: NDArray[np.bool_], beside: RowBlocks | None = None
    ) -> MeasuredLowLoss:
        """The same with the peak's own tail, measured in vacuum, where that is better known.

        Parameters
        ----------
        vacuum : bool array, shape (pixels,)
            Pixels without specimen.
        beside : RowBlocks, optional
            The low loss of pixels that were left out because their core loss is empty.
        """
        if self.clipped:
            return self
        peak, mean = self.plan.peak, self.summary.mean
        spectra = GroupSpectra.within(self.summary, vacuum)
        if beside is not None:
            others = GroupSpectra.beside(beside, self.energies, mean, peak)
            spectra = spectra.joined(others)
        # Losses have to show where there is a specimen, or nothing tells a thin one from vacuum.
        specimen = GroupSpectra.within(self.summary, ~vacuum)
        if not specimen.show_losses(self.energies, peak, self.plan.noise):
            return self
        tail = vacuum_tail(spectra, self.energies, peak, self.plan.noise)
        if tail is None or tail.error > tail_unknown(self.energies, mean, self.plan):
            return self
        noise = float((tail.error * peak.share_below_threshold) ** 2)
        plan = replace(self.plan, peak=replace(peak, tail=tail.values), tail_noise=noise)
        return replace(self, plan=plan, tail=tail)

    def analysed(self) -> LowLoss:
        """Split every spectrum at the zero-loss peak's threshold, by what was measured of it."""
        plan, measured, energies, mean = self.plan, self.products, self.energies, self.summary.mean
        peak, split = plan.peak, len(plan.peak.shape)

        # Counts near the threshold, and beyond the end of the axis, go to where they belong.
        zero_loss = zero_loss_counts(plan, measured, energies, mean)
        above, past_end, beyond = complete_above(plan, measured, energies, mean)

        # The thickness, from the ratio of all counts to those of the zero-loss peak.
        systematic = None
        if self.clipped and self.given_t is not None:
            # The inelastic electrons are all there: they tell how many were not scattered.
            t: Floats = self.given_t
            t_error: Floats = np.zeros(len(above))
            zero_loss = measured.above / np.expm1(np.where(t > 0, t, np.nan))
        else:
            below, share = measured.below, peak.share_below_threshold
            channels = np.array([split, len(energies) - split])
            t, t_error = log_ratio(below, above, zero_loss, share, plan.noise, channels)
            tail = tail_unknown(energies, mean, plan) if self.tail is None else self.tail.error
            systematic = systematic_errors(below, above, zero_loss, past_end, tail, share)

        # What the core loss needs: kernels per zero-loss electron, and shifts.
        good = np.isfinite(t) & (zero_loss > 0)
        per_electron = measured.scores / np.where(good, zero_loss, 1)[:, None]
        channel_width = float(np.median(np.diff(energies)))
        offsets = most_likely_offsets(measured.likelihood_slopes)
        return LowLoss(
            t_over_lambda=np.where(good, np.maximum(t, 0), np.nan),
            t_error=np.where(good, t_error, np.nan),
            zero_loss=np.where(good, zero_loss, np.nan),
            # The peak's own tail is taken off, the same for every zero-loss electron.
            scores=np.where(good[:, None], np.insert(per_electron, 0, -1.0, axis=1), 0),
            inelastic=np.concatenate(
                [peak.tail[None] * peak.share_below_threshold, plan.inelastic]
            ),
            energies=energies[split:] - peak.centre,
            peak=peak,
            peak_energies=energies[:split] - peak.centre,
            beyond=beyond,
            shift=channel_width * (offsets - self.moved),
            shift_error=_shift_error(plan, measured, channel_width, mean),
            clipped=self.clipped,
            noise=np.insert(plan.component_noise, 0, plan.tail_noise),
            correlation=plan.noise.correlation,
            systematic=systematic,
        )


def measure_low_loss(
    blocks: RowBlocks,
    energies: Floats,
    given_t: Floats | None = None,
    summary: Summary | None = None,
) -> MeasuredLowLoss:
    """Align a low-loss spectrum image and read it; see `analyse_low_loss`."""
    summary = summarise(blocks) if summary is None else summary
    clipped = why_clipped(summary.sample, energies)
    plan, products, summary, moved = _read_lined_up(blocks, energies, summary, bool(clipped))
    columns = plan.split_columns(products)
    return MeasuredLowLoss(energies, plan, columns, summary, moved, clipped, given_t)


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
    return measure_low_loss(blocks, energies, given_t, summary).analysed()


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


def _shift_error(
    plan: ReadingPlan, measured: PixelProducts, channel_width: float, mean: Floats
) -> Floats:
    """Standard deviation of each peak's position, from its counts (Cramer-Rao) and the losses."""
    counts = measured.below + measured.above
    peak_counts = counts * mean[plan.peak_channels].sum() / max(mean.sum(), 1e-300)
    information = np.maximum(peak_counts * plan.information, 1e-300)
    counting_error = channel_width * np.sqrt(plan.noise.gain / information)
    return np.asarray(np.hypot(counting_error, POSITION_ERROR_IN_FWHM * plan.peak.fwhm))
