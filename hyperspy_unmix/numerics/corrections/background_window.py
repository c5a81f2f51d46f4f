"""Where the background before an edge can be fitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .channel_sums import LEAST_SUMS, LEAST_WINDOW_CHANNELS, channels_to_sum, sums_of
from .falling_window import MOST_DEVIATION_FROM_LAW, Window, longest_falling
from .power_law import power_law, relative_forecast_error, relative_noise
from .pre_edge_bumps import (
    LEAST_HEIGHT,
    bump_before,
    is_bump_between,
    start_behind_bump,
)
from .rise_before import rises_before

NEAREST_SHARE = 0.9  # of the energy of an edge: where a window before a bump before it ends
BEFORE_ONSET, BEHIND_ONSET = 0.99, 1.05  # energies at which an edge begins, and has its tail
MOST_SIGMAS_LEFT = 3.0  # of the mean counts before an edge: more are a background
LEAST_BACKGROUND_SHARE = 0.01  # of the highest counts behind: less before all edges is none


def window_before_onsets(
    energies: Floats, mean: Floats, onsets: Mapping[str, float], edges: Iterable[float] = ()
) -> Window:
    """Window before the lowest edge that leaves room for one.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
        Energy axis and mean spectrum.
    onsets : dict
        Names and energies of the edges expected.
    edges : iterable of float, optional
        Onsets of all edges that may be there, weak ones too: none of them is in a window, nor the
        structure behind it.
    """
    edges = sorted({*edges, *onsets.values()})
    factor = channels_to_sum(energies, mean)
    sums, summed = sums_of(energies, factor), sums_of(mean, factor)
    on_axis = {k: e for k, e in onsets.items() if energies[0] < e < energies[-1]}
    for name, onset in sorted(on_axis.items(), key=lambda item: item[1]):
        # Edges begin before their tabulated onset.
        stop = int(np.searchsorted(sums, BEFORE_ONSET * onset))
        stop = min(stop, int(np.searchsorted(sums, onset)) - 2)
        if nothing_before(summed, stop):
            reason = f"next to no counts before {name}: there is no background"
            return Window(0, 0, reason, absent=True)
        window = _last_falling(sums, summed, stop, behind_edges(sums, edges, stop))
        if window.found:
            window = replace(window, reason=f"before {name} at {onset:.0f}")
            return _in_channels(_beside_bump(sums, summed, window, stop), factor)
    return Window(0, 0, "no falling pre-edge region before the edges of the elements given")


def behind_edges(energies: Floats, edges: Iterable[float], stop: int) -> int:
    """First channel behind all of these edges that begin before ``stop``, and their structure."""
    if stop <= 0:
        return 0
    end = float(energies[min(stop, len(energies)) - 1])
    behind = max((BEHIND_ONSET * e for e in edges if BEFORE_ONSET * e <= end), default=0.0)
    return int(np.searchsorted(energies, behind))


def is_on_foot(energies: Floats, mean: Floats, window: Window, before: Window) -> bool:
    """Whether a window ends where the edge behind it rises already.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
        Energy axis and mean spectrum.
    window : Window
        Before a tabulated onset.
    before : Window
        Before the first rise of the data; one that is far below tells nothing of this edge.
    """
    end = energies[window.stop - 1]
    is_near = before.found and energies[before.stop - 1] >= NEAREST_SHARE * end
    if not is_near or before.stop >= window.stop:
        return False
    energies_before, mean_before = (x[before.start : before.stop] for x in (energies, mean))
    law = power_law(energies_before, mean_before)
    last = slice(max(before.stop, window.stop - LEAST_WINDOW_CHANNELS // 2), window.stop)
    ratio = mean[last] / law(energies[last])
    noise = relative_noise(mean_before / law(energies_before)) / np.sqrt(len(ratio))
    of_law = relative_forecast_error(energies_before, mean_before, law, float(end))
    least = max(5 * float(np.hypot(noise, of_law)), MOST_DEVIATION_FROM_LAW)
    return float(np.mean(ratio)) - 1 > least


def _last_falling(energies: Floats, mean: Floats, stop: int, first: int = 0) -> Window:
    """Longest falling window up to ``stop``, or before what rises just before it.

    It begins at the channel ``first`` or later.
    """
    if stop <= 0:
        return Window(0, 0, "")
    earliest = int(np.searchsorted(energies, NEAREST_SHARE * energies[min(stop, len(mean) - 1)]))
    step = _step(len(mean))
    for end in range(stop, max(earliest, 0), -max(1, step // 4)):
        window = longest_falling(energies, mean, end, first)
        if window.found:
            return window
    return Window(0, 0, "")


def scatters_about_zero(mean: Floats, error: Floats, window: Window) -> bool:
    """Whether no background is left before an edge: next to no counts, beside their error.

    Parameters
    ----------
    mean, error : array, shape (channels,)
        Mean spectrum and its standard error.
    window : Window
        Before the edge; where there is none, the lowest region before the largest rise is judged.
    """
    n = len(mean)
    size = min(max(LEAST_WINDOW_CHANNELS, n // LEAST_SUMS), max(n // 2, 1))
    levels = np.convolve(mean, np.full(size, 1 / size), mode="valid")
    start, stop = window.start, window.stop
    if not window.found and len(levels) <= size:
        start, stop = 0, n
    elif not window.found:
        largest = int(np.argmax(levels[size:] - levels[:-size]))
        start = int(np.argmin(levels[: largest + 1]))
        stop = start + size
    level = float(mean[start:stop].mean())
    error_of_level = float(np.sqrt(np.sum(error[start:stop] ** 2))) / (stop - start)
    behind = float(levels[min(stop, len(levels) - 1) :].max())
    return level < max(MOST_SIGMAS_LEFT * error_of_level, LEAST_BACKGROUND_SHARE * behind)


def _in_channels(window: Window, factor: int) -> Window:
    """The same window, found in sums of ``factor`` channels, in channels of the axis."""
    return replace(window, start=window.start * factor, stop=window.stop * factor)


def _beside_bump(energies: Floats, mean: Floats, window: Window, edge: int) -> Window:
    """The same window, with what rises before it, or between it and the ``edge``."""
    smoothed = max(1, _step(len(mean)) // 4)
    span = (window.start, window.stop)
    bump = bump_before(energies, mean, span, smoothed)
    if bump is not None:
        start = start_behind_bump(energies, mean, span, LEAST_WINDOW_CHANNELS)
        return replace(window, start=start, bump=bump)
    if window.stop < edge - smoothed:
        law = power_law(energies[slice(*span)], mean[slice(*span)])
        between = slice(window.stop, edge)
        share = mean[between] / law(energies[between]) - 1
        highest = int(np.argmax(share))
        # What is highest at the last channel is the foot of the edge.
        if share[highest] > LEAST_HEIGHT and highest < len(share) - smoothed:
            bump = float(energies[window.stop + highest])
    return replace(window, bump=bump)


def nothing_before(mean: Floats, stop: int) -> bool:
    """Whether there are next to no counts in the channels before ``stop``, and some behind.

    The spectrum then begins with an edge, and a later window would hold that edge's tail.
    """
    if stop < LEAST_WINDOW_CHANNELS:
        return False
    before, behind = mean[stop - LEAST_WINDOW_CHANNELS : stop], mean[stop:]
    return bool(before.mean() < LEAST_BACKGROUND_SHARE * behind.max())


def window_from_data(
    energies: Floats, mean: Floats, error: Floats, until: int | None = None
) -> Window:
    """Window before the first edge: an abrupt rise of the mean spectrum above its own power law.

    A rise behind which the spectrum is back at its law, and which is small beside what follows,
    is a bump; the window is then behind it.

    Parameters
    ----------
    energies, mean, error : array, shape (channels,)
        Energy axis, mean spectrum and its standard error.
    until : int, optional
        Last channel behind which an edge is looked for; default the last of all.
    """
    if energies[0] <= 0:
        return Window(0, 0, "the axis reaches zero energy; give background=(start, end)")
    factor = channels_to_sum(energies, mean)
    sums, summed = sums_of(energies, factor), sums_of(mean, factor)
    summed_error = np.sqrt(sums_of(error**2, factor) / factor)
    last = len(sums) if until is None else until // factor + 1
    windows = _windows_before_rises(sums, summed, summed_error, last)
    chosen = next(windows, None)
    if chosen is None:
        return Window(0, 0, _why_none(sums, summed))
    smoothed, is_behind = max(1, _step(len(summed)) // 4), False
    for later in windows:
        spans = (chosen.start, chosen.stop), (later.start, later.stop)
        if is_bump_between(sums, summed, *spans, smoothed):
            chosen, is_behind = later, True
    if is_behind:
        span = (chosen.start, chosen.stop)
        start = start_behind_bump(sums, summed, span, LEAST_WINDOW_CHANNELS)
        chosen = replace(chosen, start=start)
    chosen = _beside_bump(sums, summed, chosen, chosen.stop)
    if chosen.bump is not None:
        chosen = replace(chosen, reason="before the rise of the mean spectrum")
    if factor > 1 and chosen.stop - chosen.start > LEAST_WINDOW_CHANNELS:
        # The last sum may hold the first channels of the edge.
        chosen = replace(chosen, stop=chosen.stop - 1)
    return _in_channels(chosen, factor)


def _why_none(energies: Floats, mean: Floats) -> str:
    """Why there is no window, and what to do."""
    n = len(mean)
    ends = range(n // 8, n + 1, max(1, n // 8))
    falls = any(longest_falling(energies, mean, stop).found for stop in ends)
    why = (
        "no edge rises above a falling background"
        if falls
        else "no region of the mean spectrum falls as a background does"
    )
    return f"{why}; if there is one, give background=(start, end) before an edge"


def _step(channels: int) -> int:
    """Channels in which a rise must show."""
    return max(4, channels // 64)


def _windows_before_rises(
    energies: Floats, mean: Floats, error: Floats, last: int
) -> Iterator[Window]:
    """Falling windows that the mean spectrum rises behind, from low energies to ``last``."""
    n = len(mean)
    step = _step(n)
    end = min(n - step, last)
    for stop in range(max(LEAST_WINDOW_CHANNELS, n // 32), end, max(1, step // 4)):
        ahead = slice(stop, stop + step)
        window = longest_falling(energies, mean, stop)
        if not window.found:
            continue
        start = window.start
        law = power_law(energies[start:stop], mean[start:stop])
        if rises_before(energies, mean, (start, stop), law, max(2, step // 4)):
            continue
        expected = law(energies[ahead])
        excess = np.mean(mean[ahead] - expected)
        # A detector whose channels differ scatters more than its noise.
        scatter = relative_noise(mean[start:stop] / law(energies[start:stop]))
        known_to = np.maximum(error, scatter * law(energies))
        uncertainty = np.sqrt(
            np.mean(known_to[ahead] ** 2) / step + _forecast_error(window, known_to)
        )
        if excess > max(5 * uncertainty, 0.03 * np.mean(expected)):
            # The test looks ahead by one step, and the rise may begin anywhere in it.
            margin = max(2, step // 4)
            stop = stop - margin
            if stop - start < LEAST_WINDOW_CHANNELS:
                continue
            yield Window(start, stop, "before the first rise of the mean spectrum")


def _forecast_error(window: Window, error: Floats) -> float:
    """Variance of a power law just beyond the window it was fitted in (a straight-line fit)."""
    return float(8 * np.mean(error[window.start : window.stop] ** 2) / (window.stop - window.start))
