"""Where the background is fitted, and with what shape."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hyperspy_unmix.arguments.checks import read_pair
from hyperspy_unmix.numerics.cleaning.local_noise import local_noise
from hyperspy_unmix.numerics.corrections.background_window import (
    LEAST_WINDOW_CHANNELS,
    Window,
    nothing_before,
    scatters_about_zero,
    window_before_onsets,
    window_from_data,
)
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, Settings, caution

from .elements import onsets
from .low_loss import AnalysedLowLoss
from .metadata import base_type
from .spectrum_image import Image

BACKGROUND_TYPES = ("auto", "power law", "exponential", "polynomial", "offset")
FALLS_FROM_ZERO = ("auto", "power law")
MOST_NEGATIVE = 0.01  # share of values before an edge: more, and there may be no background left
SUBTRACTED = "negative values, zero on average before an edge: it seems to be subtracted already"
LEAST_LEFT = 0.5  # of the channels, by a background window
LEAST_GIVEN = 3  # channels of a window that the user gives


@dataclass(frozen=True)
class BackgroundFinding:
    """Where the background is fitted, or why it is not.

    Parameters
    ----------
    ranges : tuple of (float, float)
        First and last energy of each window; none where nothing is fitted.
    shape : str
        As asked for, see `background_fit.subtract_background`.
    reason : str
        Why there, or why not.
    is_zero_loss_tail : bool
        Whether the background is the tail of the zero-loss peak, which needs no fit.
    channels_left, channels_before : int
        That count from the window on, and of the range asked for.
    bump : float, optional
        Energy of what rises beside the window, but is no edge.
    unit : str
        Of the energies.
    """

    ranges: tuple[tuple[float, float], ...]
    shape: str
    reason: str
    is_zero_loss_tail: bool = False
    channels_left: int = 0
    channels_before: int = 0
    bump: float | None = None
    unit: str = ""

    def choices(self) -> Settings:
        """In plain words."""
        if self.is_zero_loss_tail:
            tail = Choice("zero-loss tail", "taken from the other side of the peak")
            return {"background": tail}
        if not self.ranges:
            return {"background": Choice(None, f"left alone: {self.reason}")}
        several = len(self.ranges) > 1
        windows = f"{len(self.ranges)} windows" if several else "window"
        name = "power law" if self.shape == "auto" else self.shape
        value = self.ranges if several else self.ranges[0]
        beside = ""
        if self.bump is not None:
            beside = f", beside a bump at {self.bump:.4g} {self.unit}".rstrip()
        said = {"background": Choice(value, f"{name}, {windows} {self.reason}{beside}")}
        if self.channels_left < LEAST_LEFT * self.channels_before:
            hint = (
                f"the window leaves {self.channels_left} of {self.channels_before} channels: what "
                "is analysed begins at the window, for nothing is known of the background below "
                "it. Give one before the first edge"
            )
            said |= caution("background window", hint)
        return said


def choose_background(
    background: Any, shape: str, low_loss: AnalysedLowLoss | None, image: Image
) -> tuple[Image, Window, BackgroundFinding]:
    """The window, and the image from there on: below it the background is not known.

    Raises
    ------
    TypeError, ValueError
        If a window that is given does not fit.
    """
    window = background_window(background, shape, image)
    is_automatic = isinstance(background, str)
    if low_loss is not None and low_loss.method == "log" and is_automatic:
        window = Window(0, 0, "the low loss has none but the zero-loss peak's tail")
        finding = BackgroundFinding((), shape, window.reason, is_zero_loss_tail=True)
        return image, window, finding
    if not window.found:
        return image, window, BackgroundFinding((), shape, window.reason)
    energies, before = image.energies, len(image.blocks.channels)
    spans = ((window.start, window.stop), *window.others)
    ranges = tuple((float(energies[a]), float(energies[b - 1])) for a, b in spans)
    if _only_behind(shape, image):
        first = min(window.channels)
        image = image.drop_channels_before(int(image.blocks.channels[first]))
        window = window.moved(first)
    left = len(image.blocks.channels)
    finding = BackgroundFinding(
        ranges,
        shape,
        window.reason,
        channels_left=left,
        channels_before=before,
        bump=window.bump,
        unit=_unit(image),
    )
    return image, window, finding


def _unit(image: Image) -> str:
    units = image.frame.axes_manager.signal_axes[0].units
    return units if isinstance(units, str) else ""


def _only_behind(shape: str, image: Image) -> bool:
    """Whether a background of this shape is not known below its window."""
    return shape != "offset" and (shape != "polynomial" or base_type(image.frame) == "EELS")


def background_window(background: Any, shape: str, image: Image) -> Window:
    """Window of the pre-edge background: the one asked for, or the one that the data show."""
    if background is None:
        return Window(0, 0, "not asked for")
    if not isinstance(background, str):
        return _given_window(background, shape, image)
    if background == "auto":
        return _automatic_window(image)
    raise TypeError(f"background={background!r} is not understood: 'auto', None or (start, end).")


def _given_window(background: Any, shape: str, image: Image) -> Window:
    """One window or several, as the user gives them."""
    try:
        several = len(background) > 0 and all(np.ndim(pair) == 1 for pair in background)
    except TypeError:
        several = False
    pairs = list(background) if several else [background]
    spans = sorted(_span(pair, shape, image) for pair in pairs)
    for (_, stop), (start, _) in pairwise(spans):
        if start < stop:
            raise ValueError(f"background={background!r}: the windows overlap; give one of both.")
    (start, stop), *others = spans
    return Window(start, stop, "given", others=tuple(others))


def _span(pair: Any, shape: str, image: Image) -> tuple[int, int]:
    """First channel of a window, and the one behind its last."""
    energies, mean = image.energies, image.summary.mean
    start, end = read_pair(pair, "background")
    inside = np.flatnonzero((energies >= start) & (energies <= end))
    if start < energies[0] - 1e-9 or end > energies[-1] + 1e-9 or len(inside) < LEAST_GIVEN:
        raise ValueError(
            f"background=({start:g}, {end:g}) holds {len(inside)} channels of the analysed "
            f"range, which goes from {energies[0]:g} to {energies[-1]:g}. Give a window inside "
            f"it, before an edge, with at least {LEAST_GIVEN} channels."
        )
    falls = shape in ("auto", "power law", "exponential")
    if (falls and mean[inside].mean() <= 0) or (
        shape in FALLS_FROM_ZERO and energies[inside[0]] <= 0
    ):
        raise ValueError(
            f"background=({start:g}, {end:g}): a power law needs positive energies and counts "
            "in the window. Choose another one, background_type='polynomial', or background=None."
        )
    return int(inside[0]), int(inside[-1]) + 1


def _automatic_window(image: Image) -> Window:
    if base_type(image.frame) != "EELS":
        return Window(0, 0, "only EELS has a pre-edge background to find")
    energies, mean = image.energies, image.summary.mean
    if (np.diff(energies) <= 0).any():
        return Window(
            0, 0, "the energy axis does not rise; signal.isig[::-1] turns one that falls round"
        )
    left_out = ~image.masked_channels[image.first : image.blocks.channels[0]]
    if left_out.sum() >= LEAST_WINDOW_CHANNELS and nothing_before(mean, LEAST_WINDOW_CHANNELS):
        return Window(0, 0, "the first channels are empty: there is no background", absent=True)
    window = window_before_onsets(energies, mean, onsets(image.frame))
    if window.absent:
        return window
    if not window.found:
        window = _window_from_data(image)
    if _is_subtracted(image, window):
        return Window(0, 0, SUBTRACTED)
    return window


def _is_subtracted(image: Image, window: Window) -> bool:
    """Whether values before an edge are negative as often as noise about zero makes them."""
    sample, mean = image.summary.sample, image.summary.mean
    if image.energies[0] <= 0:
        return False
    # The noise of a camera makes some values of any weak background negative.
    inside = sample[:, window.start : window.stop] if window.found else sample
    if np.mean(inside < 0) <= MOST_NEGATIVE:
        return False
    return scatters_about_zero(mean, _error_of_mean(image), window)


def _window_from_data(image: Image) -> Window:
    return window_from_data(image.energies, image.summary.mean, _error_of_mean(image))


def _error_of_mean(image: Image) -> Floats:
    """Standard error of the mean spectrum, at least that of its counts."""
    summary, mean, size = image.summary, image.summary.mean, image.summary.group_size
    spread = np.sqrt(np.average((summary.groups - mean) ** 2, axis=0, weights=size))
    variance = np.maximum(mean, 0)
    if not summary.integers:
        # What is counts over a number, as normalised spectra are, scatters less than counts.
        variance = np.minimum(variance, local_noise(summary.sample, integers=False).variance)
    counts = np.sqrt(variance / size.sum())
    return np.asarray(np.maximum(counts, spread / np.sqrt(len(size))))
