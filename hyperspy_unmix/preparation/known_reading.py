"""Components that the user knows: spectra, or the pixels that hold them; each checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.arguments.checks import check_signal
from hyperspy_unmix.numerics.types import Floats, Index

from .metadata import EV
from .spectrum_image import Image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

EXPLANATION = (
    "a spectrum (HyperSpy signal), a mask of pixels (array or signal of True and False), a "
    "HyperSpy ROI or a rectangle (left, top, right, bottom) in pixels"
)
NO_UNITS = ("", "<undefined>", "None")
MOST_CHANNELS_LACKING = 6.0  # at an end of a spectrum, which goes on there as it ends
MOST_SHARE_LACKING = 0.03  # of the channels


@dataclass(frozen=True)
class GivenSpectrum:
    """A spectrum per unit of energy, ``values`` at ``energies`` in the units of the image."""

    name: str
    energies: Floats
    values: Floats


@dataclass(frozen=True)
class GivenPixels:
    """Pixels whose mean is known to be one component: ``rows`` among those that count."""

    name: str
    rows: Index


def read_known(known: Any, image: Image) -> list[GivenSpectrum | GivenPixels]:
    """All that is known, in the order in which it was given.

    Raises
    ------
    TypeError, ValueError
        If something in it is none of what can be known, or does not fit the image.
    """
    if not isinstance(known, Mapping) or not known:
        raise TypeError(
            f"known is a {type(known).__name__}; names with what they are, known={{'film': "
            f"spectrum}}, are needed: {EXPLANATION}."
        )
    for name in known:
        if not isinstance(name, str) or not name.isprintable() or not name or name.isdigit():
            raise TypeError(
                f"known has the name {name!r}: words of one line are needed as names, not numbers, "
                "which the other components have."
            )
    return [_read(name, given, f"known[{name!r}]", image) for name, given in known.items()]


def _read(name: str, given: Any, what: str, image: Image) -> GivenSpectrum | GivenPixels:
    from hyperspy.roi import BaseROI
    from hyperspy.signal import BaseSignal

    if isinstance(given, BaseSignal) and given.data.dtype.kind != "b":
        return _spectrum(name, given, what, image)
    if isinstance(given, BaseROI):
        selected = _of_roi(given, what, image)
    elif isinstance(given, (BaseSignal, np.ndarray)):
        values = np.asarray(given.data if isinstance(given, BaseSignal) else given)
        selected = _of_mask(values, what, image)
    elif isinstance(given, (tuple, list)):
        selected = _of_rectangle(given, what, image)
    else:
        raise TypeError(f"{what} is a {type(given).__name__}; what can be known is {EXPLANATION}.")
    if not selected.any():
        raise ValueError(f"{what} holds no pixel of the scan, at least one is needed.")
    rows = np.cumsum(image.blocks.pixels) - 1
    counted = selected & image.blocks.pixels
    if not counted.any():
        raise ValueError(
            f"{what} holds {int(selected.sum())} pixels, but none that counts: all are excluded by "
            "navigation_mask, hold no counts or repeat others. Choose other pixels."
        )
    return GivenPixels(name, rows[counted])


def _spectrum(name: str, given: BaseSignal, what: str, image: Image) -> GivenSpectrum:
    """One spectrum, known over the analysed range."""
    check_signal(given, what)
    axes = given.axes_manager
    if axes.navigation_size > 1:
        raise ValueError(
            f"{what} holds {axes.navigation_size} spectra, one is needed: signal.mean() or "
            "signal.inav[i] makes one."
        )
    axis, units = axes.signal_axes[0], str(axes.signal_axes[0].units)
    needed_units = str(image.axis.units)
    if units in NO_UNITS and needed_units not in NO_UNITS:
        raise ValueError(
            f"{what} has an axis without units, the signal's is in {needed_units}: if these are "
            f"energies in {needed_units}, set signal.axes_manager.signal_axes[0].units = "
            f"{needed_units!r}; channel numbers need offset and scale as well."
        )
    if units != needed_units and not (units in EV and needed_units in EV):
        raise ValueError(
            f"{what} has its axis in {units}, the signal in {needed_units}: give a spectrum over "
            f"{needed_units}, or set signal.axes_manager.signal_axes[0].units if it says the wrong."
        )
    factor = 1.0 if units == needed_units else EV[units] / EV[needed_units]
    data = given.data.compute() if hasattr(given.data, "dask") else given.data
    values, energies = np.array(data, float).ravel(), factor * np.asarray(axis.axis, float)
    if axis.is_binned and not axis.is_uniform:
        values = values / np.abs(np.gradient(energies))
    is_known = np.isfinite(values)
    values, energies = values[is_known], energies[is_known]
    wanted, widths = image.energies, image.channel_widths
    # One over the same channels that is not well calibrated lacks a few: that is to be said.
    lacking = min(MOST_CHANNELS_LACKING, MOST_SHARE_LACKING * len(wanted))
    margin = float(widths.max()) * (0.5 + lacking) * (1 + 1e-6)
    low, high = float(wanted.min()) + margin, float(wanted.max()) - margin
    if len(values) < 2 or energies.min() > low or energies.max() < high:
        span = f"{energies.min():g} to {energies.max():g}" if len(values) else "nowhere"
        raise ValueError(
            f"{what} is known from {span} {needed_units}, the analysed range goes from "
            f"{wanted.min():g} to {wanted.max():g} {needed_units}: give a spectrum over all of it, "
            "with a calibrated energy axis, or unmix a part with signal_range."
        )
    _check_values(values, energies, float(widths.max()), lacking, needed_units, what)
    return GivenSpectrum(name, energies, values)


def _check_values(
    values: Floats, energies: Floats, width: float, lacking: float, units: str, what: str
) -> None:
    """Raise where a spectrum is not known within, holds nothing, or is one upside down."""
    if not np.any(values):
        raise ValueError(f"{what} is zero everywhere: a spectrum is needed.")
    at = np.sort(energies)
    gap = int(np.argmax(np.diff(at)))
    most = max(float(np.median(np.diff(at))), width) * (1 + lacking) * (1 + 1e-6)
    if at[gap + 1] - at[gap] > most:
        raise ValueError(
            f"{what} has no finite values between {at[gap]:g} and {at[gap + 1]:g} {units}: give a "
            "spectrum that is known there, or leave the range out with signal_range or "
            "signal_mask."
        )
    if values.max() <= 0 or values.sum() < -np.abs(values).sum() / 2:
        raise ValueError(
            f"{what} is negative: its values sum to {values.sum():.4g}. A phase has positive "
            "counts: give its spectrum with background out, or minus it if its sign was turned."
        )


def _of_mask(values: Any, what: str, image: Image) -> Any:
    """Pixels (flat) of a mask in array order; of a scan that is not square also in (x, y)."""
    shape = image.navigation_shape
    if values.dtype.kind != "b":
        raise TypeError(
            f"{what} has values of type {values.dtype}; a mask holds True (the pixels to average) "
            "and False, and a spectrum is a HyperSpy signal with an energy axis."
        )
    if values.shape not in (shape, shape[::-1]):
        values = values.squeeze()
    if values.shape == shape:
        return values.ravel()
    if values.shape == shape[::-1]:
        return values.T.ravel()
    raise ValueError(
        f"{what} has shape {values.shape}, {shape} is needed (array order, as signal.data.shape "
        "without the energy; True are the pixels to average)."
    )


def _of_rectangle(given: Any, what: str, image: Image) -> Any:
    """Pixels (flat) of a rectangle, its right and lower ends exclusive."""
    shape = image.navigation_shape
    are_whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in given)
    if len(shape) != 2 or len(given) != 4 or not are_whole:
        raise ValueError(
            f"{what}={given!r} is not understood: (left, top, right, bottom) are four whole "
            "numbers of pixels, of a scan with two axes. Of a line scan give a mask or a SpanROI."
        )
    left, top, right, bottom = (int(v) for v in given)
    if not (0 <= left < right <= shape[1] and 0 <= top < bottom <= shape[0]):
        raise ValueError(
            f"{what}=({left}, {top}, {right}, {bottom}) is not within the scan of {shape[1]} x "
            f"{shape[0]} pixels: 0 <= left < right <= {shape[1]} and 0 <= top < bottom <= "
            f"{shape[0]} are needed."
        )
    selected = np.zeros(shape, bool)
    selected[top:bottom, left:right] = True
    return selected.ravel()


def _of_roi(roi: Any, what: str, image: Image) -> Any:
    """Pixels (flat) that a HyperSpy ROI selects: it is asked for their numbers."""
    from hyperspy.signals import BaseSignal

    shape = image.navigation_shape
    numbers = BaseSignal(np.arange(float(np.prod(shape))).reshape(shape)).transpose(
        navigation_axes=len(shape)
    )
    pairs = zip(
        numbers.axes_manager.navigation_axes, image.frame.axes_manager.navigation_axes, strict=True
    )
    for own, axis in pairs:
        own.name, own.units = axis.name, axis.units
        if axis.is_uniform:
            own.offset, own.scale = axis.offset, axis.scale
    try:
        inside = np.asarray(roi(numbers).data, float).ravel()
    except Exception as error:
        raise ValueError(
            f"{what}, {roi!r}, does not fit the scan of {' x '.join(map(str, shape[::-1]))} "
            f"pixels: {error}. Its coordinates are those of the navigation axes, in their units."
        ) from error
    inside = inside[np.isfinite(inside)]
    if (inside != np.round(inside)).any():
        raise ValueError(
            f"{what}, {roi!r}, is no choice of pixels but mixes them: give a RectangularROI, "
            "CircleROI, PolygonROI, a point, a SpanROI or a mask."
        )
    selected = np.zeros(int(np.prod(shape)), bool)
    selected[inside.astype(int)] = True
    return selected
