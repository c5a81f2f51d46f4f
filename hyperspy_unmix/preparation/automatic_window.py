"""The background window that the data and the edges of the listed elements allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.cleaning.local_noise import local_noise
from hyperspy_unmix.numerics.corrections.background_window import (
    behind_edges,
    is_on_foot,
    nothing_before,
    scatters_about_zero,
    window_before_onsets,
    window_from_data,
)
from hyperspy_unmix.numerics.corrections.channel_sums import LEAST_WINDOW_CHANNELS
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.types import Floats

from .elements import onsets
from .metadata import base_type
from .spectrum_image import Image

MOST_NEGATIVE = 0.01  # share of values before an edge: more, and there may be no background left
_NO_ROOM = "no window holds none of the listed edges; give background=(start, end) before an edge"
SUBTRACTED = "negative values, zero on average before an edge: it seems to be subtracted already"


@dataclass(frozen=True)
class NextWindow:
    """First and last energy of a window, and the edge behind it."""

    start: float
    end: float
    edge: str


def next_window(image: Image, window: Window) -> NextWindow | None:
    """The window before the next edge of the listed elements that has room for one behind this."""
    if base_type(image.frame) != "EELS":
        return None
    energies, last = image.energies, image.energies[window.channels[-1]]
    every = onsets(image.frame, weak=True).values()
    for name, onset in sorted(onsets(image.frame).items(), key=lambda item: item[1]):
        if onset <= last:
            continue
        found = window_before_onsets(energies, image.summary.mean, {name: onset}, every)
        if found.found and found.start > window.channels[-1]:
            first, end = float(energies[found.start]), float(energies[found.stop - 1])
            return NextWindow(first, end, f"{name} at {onset:.0f}")
    return None


def automatic_window(image: Image) -> Window:
    """Before the lowest edge of the listed elements; else where the data show one; else none.

    No edge of a listed element is in it, weak ones neither.
    """
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
    window = _before_edges(image)
    if window.absent:
        return window
    if _is_subtracted(image, window):
        return Window(0, 0, SUBTRACTED, absent=True)
    return window


def _before_edges(image: Image) -> Window:
    """Before the lowest listed edge, before the first rise of the data, or before a later edge."""
    energies, mean = image.energies, image.summary.mean
    every = onsets(image.frame, weak=True).values()
    listed = {k: e for k, e in onsets(image.frame).items() if energies[0] < e < energies[-1]}
    lowest = dict(sorted(listed.items(), key=lambda item: item[1])[:1])
    window = window_before_onsets(energies, mean, lowest, every)
    if window.absent:
        return window
    # The energies of the axis may be off, and what is before the edge by the table may be its foot.
    # The data are asked up to there; only if it is, whether what they show is a bump.
    if window.found and not is_on_foot(
        energies, mean, window, _of_data(image, every, until=window.stop)
    ):
        return window
    of_data = _of_data(image, every)
    if window.found and not is_on_foot(energies, mean, window, of_data):
        return window
    # What the data show comes before another edge.
    if of_data.found:
        return of_data
    later = window_before_onsets(energies, mean, listed, every)
    if later.found or later.absent:
        return later
    return replace(of_data, reason=_NO_ROOM if of_data.stop else of_data.reason)


def _of_data(image: Image, edges: Iterable[float], until: int | None = None) -> Window:
    """Before the first rise of the data, and behind the listed edges before it."""
    energies = image.energies
    window = window_from_data(energies, image.summary.mean, _error_of_mean(image), until)
    if not window.found:
        return window
    first = max(window.start, behind_edges(energies, edges, window.stop))
    is_clear = window.stop - first >= LEAST_WINDOW_CHANNELS
    return replace(window, start=first if is_clear else window.stop)


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
