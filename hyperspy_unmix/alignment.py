"""Energy drift: found in the zero-loss peak or in the spectra, taken out where it can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from .dual import Dual
from .image import Image
from .inputs import EV, check_choice
from .numerics.energy_shift import GroupShifts, followed, group_shifts
from .numerics.low_loss import SYSTEMATIC
from .numerics.noise import Floats
from .numerics.scan_curve import ScanCurve, scan_curve
from .numerics.sub_channel import Remainder
from .settings import Choice, Settings
from .wrapping import base_type

SURE = 3.0  # standard deviations by which spectra must not follow a drift to be said not to
CLEAR = 2.0  # times its own error that a drift must have to be taken out
WITHIN = 3.0  # channels, peak to peak, that are taken out in compressed form alone
LEAST_PIXELS, LEAST_CHANNELS = 16, 64


@dataclass(frozen=True)
class Alignment:
    """Energy shift of every pixel that counts, in channels of the signal.

    ``shift`` is how far each spectrum is above the mean position, ``error`` its standard deviation;
    ``applied`` tells whether it was taken out, ``whole`` the channels that were taken out while the
    counts were read.
    """

    shift: Floats
    error: Floats
    applied: bool
    whole: NDArray[np.intp]

    def remainder(self, image: Image) -> Remainder | None:
        """What is left of the shift after whole channels."""
        if not self.applied:
            return None
        return Remainder.build(self.shift - self.whole, image.positions, image.empty)


def align(
    image: Image, dual: Dual | None, energy_shift: str | None, settings: Settings
) -> tuple[Alignment | None, Image]:
    """Find the energy drift; the image with whole channels of it taken out.

    Raises
    ------
    ValueError
        If ``energy_shift`` is neither "auto" nor None.
    """
    check_choice("energy_shift", energy_shift, ("auto", None))
    axis = image.frame.axes_manager.signal_axes[0]
    if energy_shift is None:
        settings["energy shift"] = Choice(None, "not asked for")
        return None, image
    if base_type(image.frame) != "EELS" or not axis.is_uniform:
        return None, image
    if image.blocks.shape[0] < LEAST_PIXELS or image.blocks.shape[1] < LEAST_CHANNELS:
        return None, image
    # on a hundred mean spectra threads would only wait for each other
    with threadpool_limits(1, user_api="blas"):
        curve, words = _found(image, dual)
    return _applied(image, curve, words, settings)


def _found(image: Image, dual: Dual | None) -> tuple[ScanCurve, str]:
    """The drift of the zero-loss peak, if there is one and the core loss follows; else its own."""
    time = np.flatnonzero(image.blocks.pixels) / len(image.blocks.pixels)
    curve, words, otherwise = None, "", ""
    if dual is not None and len(dual.low_loss.shift) == image.blocks.shape[0]:
        curve, words = _from_zero_loss(image, dual, time)
        otherwise = " (the zero-loss peak drifts otherwise)"
    if curve is None:
        curve, words = _from_spectra(image, time)
        words = words.replace("of the spectra", f"of the spectra{otherwise}")
    return curve, words


def _from_zero_loss(image: Image, dual: Dual, time: Floats) -> tuple[ScanCurve | None, str]:
    """The drift of the zero-loss peak; None if the core loss does not drift with it."""
    axis = image.frame.axes_manager.signal_axes[0]
    channel = abs(float(axis.scale)) * EV.get(str(axis.units), 1.0)
    low_loss = dual.low_loss
    shift = (low_loss.shift - np.nanmedian(low_loss.shift)) / channel
    curve = scan_curve(time, shift, low_loss.shift_error / channel)
    # smoothing averages counts, not what losses under the peak do to its position
    floor = SYSTEMATIC * low_loss.peak.fwhm / channel
    curve = replace(curve, error=np.hypot(curve.error, floor))
    words = "of the zero-loss peak"
    if dual.method == "log":
        return curve, words
    jitter = curve.values - curve.smooth
    if _does_not_follow(image, curve.values, jitter):
        words += ", its smooth course only: the core loss does not follow from pixel to pixel"
        spread = np.sqrt(np.mean(curve.error**2))
        curve = replace(curve, values=curve.smooth, error=np.full(len(time), spread), scatter=0.0)
        if not np.ptp(curve.smooth) > 0:
            return None, words
    follows = not _does_not_follow(image, curve.values, curve.smooth)
    return (curve if follows else None), words


def _does_not_follow(
    image: Image, shift: Floats, part: Floats, channels: slice = slice(None)
) -> bool:
    """Whether these channels clearly do not have this part of the shift."""
    if not np.ptp(part) > 0:
        return False
    groups, size = _groups(image)
    share, error = followed(groups[:, channels], size, shift, part)
    return share + SURE * error < 0.5


def _groups(image: Image) -> tuple[Floats, NDArray[np.integer]]:
    return image.summary.groups, image.summary.group_size


def _from_spectra(image: Image, time: Floats) -> tuple[ScanCurve, str]:
    """The drift that makes the spectra need fewer components, along a smooth curve of the scan."""
    groups, size = _groups(image)
    index = (np.arange(len(time)) + 0.5) / len(time)

    def curve_of(shifts: GroupShifts) -> ScanCurve:
        error = np.sqrt(shifts.variance)
        curve = scan_curve(shifts.time, shifts.free, error, at=index)
        return replace(curve, values=curve.values - curve.values.mean())

    found = group_shifts(groups, size)
    curve = curve_of(found)
    # every second group has the same drift and noise of its own
    parts = (slice(0, None, 2), slice(1, None, 2))
    first, second = (curve_of(group_shifts(groups, size, part)).values for part in parts)
    error = np.maximum(curve.error, np.std(first - second) / 2)
    curve = replace(curve, error=error)
    words = "of the spectra, along a smooth curve of the scan"
    if not np.mean(first * second) > CLEAR**2 * np.mean(error**2):
        return replace(curve, values=np.zeros(len(time))), words
    halves = (slice(None, found.middle), slice(found.middle, None))
    if any(_does_not_follow(image, curve.values, curve.values, half) for half in halves):
        words += "; low and high energies do not drift alike, so it may be chemistry"
    return curve, words


def _applied(
    image: Image, curve: ScanCurve, words: str, settings: Settings
) -> tuple[Alignment, Image]:
    """Take the drift out where it exceeds its own error, and say so."""
    shift = curve.values - np.median(curve.values)
    spread, error = float(np.std(shift)), float(np.sqrt(np.mean(curve.error**2)))
    size = f"{spread:.2g} channels r.m.s., error {error:.2g}, {words}"
    clear = spread > CLEAR * error and ";" not in words
    # the detector's own pattern does not drift: it is moved against itself only where it must be
    far = clear and float(np.ptp(shift)) > WITHIN
    whole = np.rint(shift).astype(int) if far else np.zeros(len(shift), int)
    alignment = Alignment(shift, curve.error, clear, whole)
    if not clear:
        reason = "not taken out: " + (size if ";" in words else f"below its own error ({size})")
        settings["energy shift"] = Choice(0.0 if spread < error else spread, reason)
        return alignment, image
    if curve.scatter:
        size += f"; {curve.scatter:.2g} channels from pixel to pixel"
    settings["energy shift"] = Choice(float(np.ptp(shift)), f"channels, taken out: {size}")
    return alignment, image.shifted(-whole) if whole.any() else image
