"""Where the background is fitted, and with what shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
from .given_window import NotCounting, given_window, not_counting, windows_asked_for
from .low_loss import AnalysedLowLoss
from .metadata import base_type
from .spectrum_image import Image

BACKGROUND_TYPES = ("auto", "power law", "exponential", "polynomial", "offset")
MOST_NEGATIVE = 0.01  # share of values before an edge: more, and there may be no background left
SUBTRACTED = "negative values, zero on average before an edge: it seems to be subtracted already"
LEAST_LEFT = 0.5  # of the channels, by a background window


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
    lost : NotCounting, optional
        Channels of a window that was given, which do not count; None where all of them do.
    """

    ranges: tuple[tuple[float, float], ...]
    shape: str
    reason: str
    is_zero_loss_tail: bool = False
    channels_left: int = 0
    channels_before: int = 0
    bump: float | None = None
    unit: str = ""
    lost: NotCounting | None = None

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
        if self.lost is not None:
            beside += f"; cut to the channels that count, {self.lost.described} left out"
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
    background: Any,
    shape: str,
    low_loss: AnalysedLowLoss | None,
    image: Image,
    *,
    is_cut: bool = False,
) -> tuple[Image, Window, BackgroundFinding]:
    """The window, and the image from there on: below it the background is not known.

    ``is_cut`` tells that the image is one from a former window on, in which the new one must lie.

    Raises
    ------
    TypeError, ValueError
        If a window that is given does not fit.
    """
    if low_loss is not None and low_loss.method == "log" and isinstance(background, str):
        window = background_window(background, shape, image)  # the words are checked
        window = Window(0, 0, "the low loss has none but the zero-loss peak's tail")
        return image, window, BackgroundFinding((), shape, window.reason, is_zero_loss_tail=True)
    window = background_window(background, shape, image, is_cut=is_cut)
    is_given = background is not None and not isinstance(background, str)
    lost = not_counting(windows_asked_for(background), image) if is_given else None
    return with_window(window, shape, image, lost)


def with_window(
    window: Window, shape: str, image: Image, lost: NotCounting | None = None
) -> tuple[Image, Window, BackgroundFinding]:
    """The image from a window on, the window in its channels, and what is said of it."""
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
        lost=lost if lost is not None and lost.described else None,
    )
    return image, window, finding


def _unit(image: Image) -> str:
    units = image.frame.axes_manager.signal_axes[0].units
    return units if isinstance(units, str) else ""


def is_cut_by(finding: BackgroundFinding, image: Image) -> bool:
    """Whether the image begins at this window."""
    return bool(finding.ranges) and _only_behind(finding.shape, image)


def _only_behind(shape: str, image: Image) -> bool:
    """Whether a background of this shape is not known below its window."""
    return shape != "offset" and (shape != "polynomial" or base_type(image.frame) == "EELS")


def background_window(background: Any, shape: str, image: Image, *, is_cut: bool = False) -> Window:
    """Window of the pre-edge background: the one asked for, or the one that the data show."""
    if background is None:
        return Window(0, 0, "not asked for")
    if not isinstance(background, str):
        return given_window(background, shape, image, is_cut)
    if background == "auto":
        return _automatic_window(image)
    raise TypeError(f"background={background!r} is not understood: 'auto', None or (start, end).")


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
        return Window(0, 0, SUBTRACTED, absent=True)
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
