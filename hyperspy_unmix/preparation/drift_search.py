"""Where an energy drift is found: zero-loss peak or spectra, in either order of the scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hyperspy_unmix.numerics.drift.drift_evidence import (
    likelihood_gain,
    movement,
    quiet_channel,
)
from hyperspy_unmix.numerics.drift.group_shifts import (
    MOST_MERGED_GROUPS,
    GroupShifts,
    group_shifts,
    shift_share_in_spectra,
)
from hyperspy_unmix.numerics.drift.scan_curve import ScanCurve, scan_curve
from hyperspy_unmix.numerics.drift.scan_groups import ScanGroups, other_order
from hyperspy_unmix.numerics.low_loss.analysis import POSITION_ERROR_IN_FWHM
from hyperspy_unmix.numerics.reading.first_pass import MOST_GROUPS
from hyperspy_unmix.numerics.reading.sums_of_pixels import sum_pixels
from hyperspy_unmix.numerics.types import Floats

from .low_loss import AnalysedLowLoss
from .metadata import EV
from .spectrum_image import Image

SIGMAS_NOT_FOLLOWED = 3.0  # by which spectra must not follow a drift to be said not to
SIGMAS_OF_DRIFT = 2.0  # of its own error, that a drift must exceed to be taken out
SIGMAS_BEYOND_PEAK = 3.0  # where a zero-loss peak says that there is none
LEAST_GAIN = 2.0  # chi-square for each coefficient of a drift found in the spectra
CLEAR_GAIN = 60.0  # chi-square, of a drift that the order of the scan, or the peak, speaks against
FEW_GROUPS = 32  # in which a drift that is worth a closer look shows
CLEAR_ORDER = 10.0  # by which the criterion of a curve must be less along the other order
Source = Literal["zero-loss peak", "spectra", ""]


@dataclass(frozen=True)
class Candidate:
    """A curve of shifts along the scan, and where it comes from (see `drift.Drift`).

    As many components as describe the spectra leave ``gain`` less of chi-square with it than
    without.
    """

    curve: ScanCurve
    source: Source
    is_smooth_course: bool = False
    peak_drifts_otherwise: bool = False
    energies_agree: bool = True
    is_other_order: bool = False
    beyond_peak: float = 0.0
    of_one_edge: float = 0.0
    gain: float = 0.0

    @property
    def is_none(self) -> bool:
        """Whether nothing was found."""
        return not np.ptp(self.curve.values) > 0


def find(image: Image, low_loss: AnalysedLowLoss | None, energy_shift: str) -> Candidate:
    """The drift of the zero-loss peak, if there is one and the core loss follows; and its own."""
    has_peak = low_loss is not None and len(low_loss.analysis.shift) == image.blocks.shape[0]
    if low_loss is None or not has_peak or energy_shift == "spectra":
        return _from_spectra(image, _has_other_course(image))
    peak = _from_zero_loss(image, low_loss)
    if peak is None:
        return replace(_from_spectra(image, _has_other_course(image)), peak_drifts_otherwise=True)
    return peak if low_loss.method == "log" else _with_own_drift(image, peak)


def _with_own_drift(image: Image, peak: Candidate) -> Candidate:
    """With what all edges drift beside the zero-loss peak, as they do in another range.

    The peak speaks against it, so it must be clear. What one edge does may be a valence that
    changes along the scan.
    """
    # Few groups tell whether there is something to look at, in a fraction of the time.
    shift = peak.curve.values
    has_other_course = _has_other_course(image, shift)
    if not has_other_course and not _has_course(_scan(image, shift=shift)):
        return peak
    own = _from_spectra(image, has_other_course, beyond=shift)
    spread, error = np.std(own.curve.values), np.sqrt(np.mean(own.curve.error**2))
    is_clear = spread > SIGMAS_BEYOND_PEAK * error and own.gain > CLEAR_GAIN
    if not is_clear or not own.energies_agree:
        return peak
    scan = _scan(image, own.is_other_order, peak.curve.values)
    energies = image.energies * _ev_of_unit(image)
    moves = movement(scan, own.curve.values, energies)
    if moves == "apart":
        return peak
    if moves == "one edge":
        return replace(peak, of_one_edge=float(np.ptp(own.curve.values)))
    if _is_at_rest(peak.curve):
        return replace(own, beyond_peak=float(spread))
    curve = replace(
        peak.curve,
        values=peak.curve.values + own.curve.values,
        smooth=peak.curve.smooth + own.curve.smooth,
        error=np.hypot(peak.curve.error, own.curve.error),
    )
    is_other = own.is_other_order or peak.is_other_order
    return replace(peak, curve=curve, beyond_peak=float(spread), is_other_order=is_other)


def _is_at_rest(curve: ScanCurve) -> bool:
    """Whether a drift does not exceed its own error."""
    return bool(np.std(curve.values) <= SIGMAS_OF_DRIFT * np.sqrt(np.mean(curve.error**2)))


def _ev_of_unit(image: Image) -> float:
    return EV.get(str(image.frame.axes_manager.signal_axes[0].units), 1.0)


def _scan(image: Image, is_other: bool = False, shift: Floats | None = None) -> ScanGroups:
    """Groups of pixels in the order in which they are stored, or along the other axis.

    ``shift`` (pixels,) was found, and is taken out of them.
    """
    summary, n = image.summary, image.blocks.shape[0]
    scan = ScanGroups(summary.groups, summary.group_size, np.arange(n))
    if is_other:
        order = other_order(image.blocks.pixels, image.navigation_shape)
        assert order is not None
        group = np.empty(n, int)
        group[order] = np.arange(n) // -(-n // MOST_GROUPS)
        sums = sum_pixels(image.blocks, group)[1].astype(float)
        size = np.bincount(group)
        scan = ScanGroups(sums / size[:, None], size, order)
    if shift is None or not np.ptp(shift) > 0:
        return scan
    return scan.moved_back(shift)


def _from_zero_loss(image: Image, low_loss: AnalysedLowLoss) -> Candidate | None:
    """The drift of the zero-loss peak; None if the core loss does not drift with it."""
    channel = abs(float(image.frame.axes_manager.signal_axes[0].scale)) * _ev_of_unit(image)
    analysis = low_loss.analysis
    shift = (analysis.shift - np.nanmedian(analysis.shift)) / channel
    curve, is_other = _along_scan(image, shift, analysis.shift_error / channel)
    # smoothing averages counts, not what losses under the peak do to its position
    floor = POSITION_ERROR_IN_FWHM * analysis.peak.fwhm / channel
    curve = replace(curve, error=np.hypot(curve.error, floor))
    if low_loss.method == "log" or _is_at_rest(curve):
        return Candidate(curve, "zero-loss peak", is_other_order=is_other)
    jitter = curve.values - curve.smooth
    scan = _scan(image)
    is_smooth_course = _does_not_follow(scan, curve.values, jitter)
    if is_smooth_course:
        spread = np.full(len(shift), np.sqrt(np.mean(curve.error**2)))
        curve = replace(curve, values=curve.smooth, error=spread, scatter=0.0)
        if not np.ptp(curve.smooth) > 0:
            return None
    if _does_not_follow(scan, curve.values, curve.smooth):
        return None
    return Candidate(
        curve, "zero-loss peak", is_smooth_course=is_smooth_course, is_other_order=is_other
    )


def _along_scan(image: Image, values: Floats, error: Floats) -> tuple[ScanCurve, bool]:
    """The values smoothed along the order of the scan in which they are smoother."""
    pixels = image.blocks.pixels
    curve = scan_curve(np.flatnonzero(pixels) / len(pixels), values, error)
    order = other_order(pixels, image.navigation_shape)
    if order is None:
        return curve, False
    along = scan_curve((np.arange(len(order)) + 0.5) / len(order), values[order], error[order])
    if not along.criterion < curve.criterion - CLEAR_ORDER:
        return curve, False
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return replace(
        along, values=along.values[back], error=along.error[back], smooth=along.smooth[back]
    ), True


def _does_not_follow(
    scan: ScanGroups, shift: Floats, part: Floats, channels: slice = slice(None)
) -> bool:
    """Whether these channels clearly do not have this part of the shift."""
    if not np.ptp(part) > 0:
        return False
    share, error = shift_share_in_spectra(
        scan.groups[:, channels], scan.size, shift[scan.order], part[scan.order]
    )
    return share + SIGMAS_NOT_FOLLOWED * error < 0.5


def _from_spectra(image: Image, has_other_course: bool, beyond: Floats | None = None) -> Candidate:
    """The drift that makes the spectra need fewer components, along a smooth curve of the scan.

    In the order in which pixels are stored; along the other axis where that explains clearly more.
    For this the data are read once more, so a sample of them must show it. ``beyond`` (pixels,) was
    found before, and is taken out of them.
    """
    stored = _of_groups(_scan(image, shift=beyond))
    if not has_other_course:
        return stored
    other = _of_groups(_scan(image, is_other=True, shift=beyond))
    if other.is_none or not other.gain > stored.gain + CLEAR_GAIN:
        return stored
    return replace(other, is_other_order=True)


def _sample_in_other_order(image: Image, shift: Floats | None) -> ScanGroups | None:
    """The pixels of the sample, in groups along the other axis of the scan."""
    order = other_order(image.blocks.pixels, image.navigation_shape)
    sampled = image.summary.sampled
    if order is None or sampled is None:
        return None
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    by = np.argsort(place[sampled])
    starts = np.arange(0, len(by), -(-len(by) // MOST_MERGED_GROUPS))
    size = np.diff(starts, append=len(by))
    sums = np.add.reduceat(image.summary.sample[by], starts)
    scan = ScanGroups(sums / size[:, None], size, sampled[by])
    return scan if shift is None or not np.ptp(shift) > 0 else scan.moved_back(shift)


def _has_other_course(image: Image, shift: Floats | None = None) -> bool:
    """Whether the sample seems to drift along the other axis of the scan."""
    sample = _sample_in_other_order(image, shift)
    return sample is not None and _has_course(sample)


def _has_course(scan: ScanGroups) -> bool:
    """Whether the groups seem to drift along a smooth curve, clearly or not."""
    scan = scan.merged(FEW_GROUPS)
    shifts = group_shifts(scan.groups, scan.size)
    curve = scan_curve(shifts.time, shifts.free, np.sqrt(shifts.variance))
    if not np.std(curve.smooth) > np.sqrt(np.mean(curve.error**2)):
        return False
    in_order = replace(scan, order=np.arange(int(scan.size.sum())))
    gain = likelihood_gain(in_order, np.repeat(curve.smooth, scan.size), shifts.rank)
    return gain > LEAST_GAIN * curve.coefficients


def _of_groups(scan: ScanGroups) -> Candidate:
    """The drift of groups of pixels in one order of the scan."""
    groups, size = scan.groups, scan.size
    index = (np.arange(len(scan.order)) + 0.5) / len(scan.order)

    def curve_of(shifts: GroupShifts) -> ScanCurve:
        curve = scan_curve(shifts.time, shifts.free, np.sqrt(shifts.variance), at=index)
        values = scan.to_pixels(curve.values - curve.values.mean())
        return replace(curve, values=values, smooth=values, error=scan.to_pixels(curve.error))

    shifts = group_shifts(groups, size)
    curve = curve_of(shifts)
    none = Candidate(replace(curve, values=np.zeros(len(index))), "spectra")
    if not np.std(curve.values) > SIGMAS_OF_DRIFT * np.sqrt(np.mean(curve.error**2)):
        return none
    # as many components describe the spectra worse without it
    gain = likelihood_gain(scan, curve.values, shifts.rank)
    if not gain > LEAST_GAIN * curve.coefficients:
        return none
    # every second group has the same drift and noise of its own
    parts = (slice(0, None, 2), slice(1, None, 2))
    first, second = (curve_of(group_shifts(groups, size, part)).values for part in parts)
    error = np.maximum(curve.error, np.std(first - second) / 2)
    curve = replace(curve, error=error)
    if not np.mean(first * second) > SIGMAS_OF_DRIFT**2 * np.mean(error**2):
        return Candidate(replace(none.curve, error=error), "spectra")
    cut = quiet_channel(scan, shifts.middle)
    halves = (slice(None, cut), slice(cut, None))
    differ = any(_does_not_follow(scan, curve.values, curve.values, half) for half in halves)
    return Candidate(curve, "spectra", energies_agree=not differ, gain=gain)
