"""Energy drift: found in the zero-loss peak or in the spectra, taken out where it can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.corrections.fractional_shift import FractionalShift
from hyperspy_unmix.numerics.drift.group_shifts import (
    GroupShifts,
    group_shifts,
    shift_share_in_spectra,
)
from hyperspy_unmix.numerics.drift.scan_curve import ScanCurve, scan_curve
from hyperspy_unmix.numerics.low_loss.analysis import POSITION_ERROR_IN_FWHM
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, Settings

from .low_loss import AnalysedLowLoss
from .metadata import EV, base_type
from .spectrum_image import Image

SIGMAS_NOT_FOLLOWED = 3.0  # by which spectra must not follow a drift to be said not to
SIGMAS_OF_DRIFT = 2.0  # of its own error, that a drift must exceed to be taken out
MOST_COMPRESSED_DRIFT = 3.0  # channels, peak to peak, that are taken out in compressed form alone
LEAST_PIXELS, LEAST_CHANNELS = 16, 64  # of an image, to look for a drift
Source = Literal["zero-loss peak", "spectra", ""]


@dataclass(frozen=True)
class Drift:
    """Energy shift of every pixel that counts, in channels of the signal, and what was done.

    Parameters
    ----------
    shift, error : array, shape (pixels,)
        How far each spectrum is above the mean position, and its standard deviation.
    applied : bool
        Whether it was taken out.
    whole : int array, shape (pixels,)
        Channels that were taken out while the counts were read.
    source : {"zero-loss peak", "spectra", ""}
        Where it was found; empty if that is not known.
    from_pixel_to_pixel : float
        Channels by which it jumps beside its smooth course.
    is_smooth_course : bool
        Whether the zero-loss peak jumps from pixel to pixel and the core loss does not.
    peak_drifts_otherwise : bool
        Whether there is a zero-loss peak whose drift the core loss does not share.
    energies_agree : bool
        Whether low and high energies drift alike; if not, it may be chemistry.
    offset : float
        By which all spectra are above those of other signals that they are unmixed with, in
        channels; it is taken out in any case.
    """

    shift: Floats
    error: Floats
    applied: bool
    whole: NDArray[np.intp]
    source: Source = ""
    from_pixel_to_pixel: float = 0.0
    is_smooth_course: bool = False
    peak_drifts_otherwise: bool = False
    energies_agree: bool = True
    offset: float = 0.0

    def correction(self, image: Image) -> FractionalShift | None:
        """What is left of the shift after whole channels."""
        if not self.applied and not self.offset:
            return None
        left = self.shift * self.applied + self.offset - self.whole
        return FractionalShift.build(left, image.positions, image.empty_at_ends)

    @property
    def spread(self) -> float:
        """Of the shifts, in channels r.m.s."""
        return float(np.std(self.shift))

    @property
    def typical_error(self) -> float:
        """Of the shifts, in channels r.m.s."""
        return float(np.sqrt(np.mean(self.error**2)))

    @property
    def described(self) -> str:
        """Size, error and source, in plain words."""
        words = f"{self.spread:.2g} channels r.m.s., error {self.typical_error:.2g}"
        if self.source == "zero-loss peak":
            words += ", of the zero-loss peak"
            if self.is_smooth_course:
                words += (
                    ", its smooth course only: the core loss does not follow from pixel to pixel"
                )
        elif self.source == "spectra":
            words += ", of the spectra"
            words += " (the zero-loss peak drifts otherwise)" * self.peak_drifts_otherwise
            words += ", along a smooth curve of the scan"
        if not self.energies_agree:
            words += "; low and high energies do not drift alike, so it may be chemistry"
        if self.applied and self.from_pixel_to_pixel:
            words += f"; {self.from_pixel_to_pixel:.2g} channels from pixel to pixel"
        return words

    def choices(self) -> Settings:
        """In plain words."""
        if self.applied:
            choice = Choice(float(np.ptp(self.shift)), f"channels, taken out: {self.described}")
        else:
            size = 0.0 if self.spread < self.typical_error else self.spread
            below = f"below its own error ({self.described})"
            why = below if self.energies_agree else self.described
            choice = Choice(size, f"not taken out: {why}")
        return {"energy shift": choice}


def take_out_offset(drift: Drift, image: Image, offset: float) -> tuple[Drift, Image]:
    """Take out that all spectra are ``offset`` channels too high, beside their drift."""
    # as with a drift: whole channels are moved where they must be
    whole = drift.whole
    if abs(offset) > MOST_COMPRESSED_DRIFT / 2:
        whole = whole + round(offset)
        image = image.shifted(-whole)
    return replace(drift, offset=offset, whole=whole), image


@dataclass(frozen=True)
class DriftNotAskedFor:
    """The user wants the spectra left where they are."""

    def choices(self) -> Settings:
        """In plain words."""
        return {"energy shift": Choice(None, "not asked for")}


@dataclass(frozen=True)
class _Candidate:
    """A curve of shifts along the scan, and where it comes from (see `Drift`)."""

    curve: ScanCurve
    source: Source
    is_smooth_course: bool = False
    peak_drifts_otherwise: bool = False
    energies_agree: bool = True


def align(
    image: Image, low_loss: AnalysedLowLoss | None, energy_shift: str | None
) -> tuple[Drift | None, Image, tuple[Drift | DriftNotAskedFor, ...]]:
    """Find the energy drift; the image with whole channels of it taken out, and what is said.

    Raises
    ------
    ValueError
        If ``energy_shift`` is neither "auto" nor None.
    """
    check_choice("energy_shift", energy_shift, ("auto", None))
    axis = image.frame.axes_manager.signal_axes[0]
    if energy_shift is None:
        return None, image, (DriftNotAskedFor(),)
    if base_type(image.frame) != "EELS" or not axis.is_uniform:
        return None, image, ()
    if image.blocks.shape[0] < LEAST_PIXELS or image.blocks.shape[1] < LEAST_CHANNELS:
        return None, image, ()
    # on a hundred mean spectra threads would only wait for each other
    with threadpool_limits(1, user_api="blas"):
        candidate = _find(image, low_loss)
    drift, image = _take_out(image, candidate)
    return drift, image, (drift,)


def _find(image: Image, low_loss: AnalysedLowLoss | None) -> _Candidate:
    """The drift of the zero-loss peak, if there is one and the core loss follows; else its own."""
    time = np.flatnonzero(image.blocks.pixels) / len(image.blocks.pixels)
    if low_loss is None or len(low_loss.analysis.shift) != image.blocks.shape[0]:
        return _from_spectra(image, time)
    candidate = _from_zero_loss(image, low_loss, time)
    if candidate is None:
        return replace(_from_spectra(image, time), peak_drifts_otherwise=True)
    return candidate


def _from_zero_loss(image: Image, low_loss: AnalysedLowLoss, time: Floats) -> _Candidate | None:
    """The drift of the zero-loss peak; None if the core loss does not drift with it."""
    axis = image.frame.axes_manager.signal_axes[0]
    channel = abs(float(axis.scale)) * EV.get(str(axis.units), 1.0)
    analysis = low_loss.analysis
    shift = (analysis.shift - np.nanmedian(analysis.shift)) / channel
    curve = scan_curve(time, shift, analysis.shift_error / channel)
    # smoothing averages counts, not what losses under the peak do to its position
    floor = POSITION_ERROR_IN_FWHM * analysis.peak.fwhm / channel
    curve = replace(curve, error=np.hypot(curve.error, floor))
    if low_loss.method == "log":
        return _Candidate(curve, "zero-loss peak")
    jitter = curve.values - curve.smooth
    is_smooth_course = _does_not_follow(image, curve.values, jitter)
    if is_smooth_course:
        spread = np.sqrt(np.mean(curve.error**2))
        curve = replace(curve, values=curve.smooth, error=np.full(len(time), spread), scatter=0.0)
        if not np.ptp(curve.smooth) > 0:
            return None
    if _does_not_follow(image, curve.values, curve.smooth):
        return None
    return _Candidate(curve, "zero-loss peak", is_smooth_course=is_smooth_course)


def _does_not_follow(
    image: Image, shift: Floats, part: Floats, channels: slice = slice(None)
) -> bool:
    """Whether these channels clearly do not have this part of the shift."""
    if not np.ptp(part) > 0:
        return False
    groups, size = image.summary.groups, image.summary.group_size
    share, error = shift_share_in_spectra(groups[:, channels], size, shift, part)
    return share + SIGMAS_NOT_FOLLOWED * error < 0.5


def _from_spectra(image: Image, time: Floats) -> _Candidate:
    """The drift that makes the spectra need fewer components, along a smooth curve of the scan."""
    groups, size = image.summary.groups, image.summary.group_size
    index = (np.arange(len(time)) + 0.5) / len(time)

    def curve_of(shifts: GroupShifts) -> ScanCurve:
        error = np.sqrt(shifts.variance)
        curve = scan_curve(shifts.time, shifts.free, error, at=index)
        return replace(curve, values=curve.values - curve.values.mean())

    shifts = group_shifts(groups, size)
    curve = curve_of(shifts)
    # every second group has the same drift and noise of its own
    parts = (slice(0, None, 2), slice(1, None, 2))
    first, second = (curve_of(group_shifts(groups, size, part)).values for part in parts)
    error = np.maximum(curve.error, np.std(first - second) / 2)
    curve = replace(curve, error=error)
    if not np.mean(first * second) > SIGMAS_OF_DRIFT**2 * np.mean(error**2):
        return _Candidate(replace(curve, values=np.zeros(len(time))), "spectra")
    halves = (slice(None, shifts.middle), slice(shifts.middle, None))
    differ = any(_does_not_follow(image, curve.values, curve.values, half) for half in halves)
    return _Candidate(curve, "spectra", energies_agree=not differ)


def _take_out(image: Image, candidate: _Candidate) -> tuple[Drift, Image]:
    """Take the drift out where it exceeds its own error."""
    curve = candidate.curve
    shift = curve.values - np.median(curve.values)
    drift = Drift(
        shift,
        curve.error,
        applied=False,
        whole=np.zeros(len(shift), int),
        source=candidate.source,
        from_pixel_to_pixel=curve.scatter,
        is_smooth_course=candidate.is_smooth_course,
        peak_drifts_otherwise=candidate.peak_drifts_otherwise,
        energies_agree=candidate.energies_agree,
    )
    is_clear = drift.spread > SIGMAS_OF_DRIFT * drift.typical_error
    if not is_clear or not drift.energies_agree:
        return drift, image
    # the detector's own pattern does not drift: it is moved against itself only where it must be
    far = float(np.ptp(shift)) > MOST_COMPRESSED_DRIFT
    drift = replace(drift, applied=True, whole=np.rint(shift).astype(int) if far else drift.whole)
    return drift, image.shifted(-drift.whole) if drift.whole.any() else image
