"""Where the background before an edge can be fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

LEAST_WINDOW_CHANNELS = 8
LEAST_EXPONENT, GREATEST_EXPONENT = 0.5, 8.0
MOST_DEVIATION_FROM_LAW = 0.015  # of the mean spectrum: more is no power law
LEAST_BACKGROUND_SHARE = 0.01  # of the highest counts behind: less before all edges is none


@dataclass(frozen=True)
class Window:
    """Channels ``start`` to ``stop`` (exclusive), or none, and why.

    ``absent`` tells that there is no background, so that no other window need be looked for;
    ``others`` are further (start, stop) fitted together with the first.
    """

    start: int
    stop: int
    reason: str
    absent: bool = False
    others: tuple[tuple[int, int], ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is a window at all."""
        return self.stop > self.start

    @property
    def channels(self) -> NDArray[np.intp]:
        """Channels of all windows."""
        spans = ((self.start, self.stop), *self.others)
        return np.unique(np.concatenate([np.arange(*span) for span in spans]))

    def moved(self, channels: int) -> Window:
        """The same window on an axis that begins so many channels later."""
        others = tuple((start - channels, stop - channels) for start, stop in self.others)
        return replace(self, start=self.start - channels, stop=self.stop - channels, others=others)


def window_before_onsets(energies: Floats, mean: Floats, onsets: dict[str, float]) -> Window:
    """Window before the lowest edge that leaves room for one.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
        Energy axis and mean spectrum.
    onsets : dict
        Names and energies of the edges expected.
    """
    on_axis = {k: e for k, e in onsets.items() if energies[0] < e < energies[-1]}
    for name, onset in sorted(on_axis.items(), key=lambda item: item[1]):
        # Edges begin before their tabulated onset.
        stop = int(np.searchsorted(energies, 0.99 * onset))
        stop = min(stop, int(np.searchsorted(energies, onset)) - 2)
        if nothing_before(mean, stop):
            reason = f"next to no counts before {name}: there is no background"
            return Window(0, 0, reason, absent=True)
        window = _longest_falling(energies, mean, stop)
        if window.found:
            return replace(window, reason=f"before {name} at {onset:.0f}")
    return Window(0, 0, "no falling pre-edge region before the edges of the elements given")


def nothing_before(mean: Floats, stop: int) -> bool:
    """Whether there are next to no counts in the channels before ``stop``, and some behind.

    The spectrum then begins with an edge, and a later window would hold that edge's tail.
    """
    if stop < LEAST_WINDOW_CHANNELS:
        return False
    before, behind = mean[stop - LEAST_WINDOW_CHANNELS : stop], mean[stop:]
    return bool(before.mean() < LEAST_BACKGROUND_SHARE * behind.max())


def window_from_data(energies: Floats, mean: Floats, error: Floats) -> Window:
    """Window before the first abrupt rise of the mean spectrum above its own power law.

    Parameters
    ----------
    energies, mean, error : array, shape (channels,)
        Energy axis, mean spectrum and its standard error.
    """
    n = len(mean)
    step = max(4, n // 64)
    if energies[0] <= 0:
        return Window(0, 0, "the axis reaches zero energy; give background=(start, end)")
    for stop in range(max(LEAST_WINDOW_CHANNELS, n // 32), n - step, max(1, step // 4)):
        ahead = slice(stop, stop + step)
        window = _longest_falling(energies, mean, stop)
        if not window.found:
            continue
        start = window.start
        law = power_law(energies[start:stop], mean[start:stop])
        if _rises_before(energies, mean, window, law):
            break
        expected = law(energies[ahead])
        excess = np.mean(mean[ahead] - expected)
        uncertainty = np.sqrt(np.mean(error[ahead] ** 2) / step + _forecast_error(window, error))
        if excess > max(5 * uncertainty, 0.03 * np.mean(expected)):
            # The test looks ahead by one step, and the rise may begin anywhere in it.
            margin = max(2, step // 4)
            stop = stop - margin
            if stop - start < LEAST_WINDOW_CHANNELS:
                continue
            return Window(start, stop, "before the first rise of the mean spectrum")
    return Window(0, 0, "no falling pre-edge region before a rise was found")


def _forecast_error(window: Window, error: Floats) -> float:
    """Variance of a power law just beyond the window it was fitted in (a straight-line fit)."""
    return float(8 * np.mean(error[window.start : window.stop] ** 2) / (window.stop - window.start))


def _longest_falling(energies: Floats, mean: Floats, stop: int) -> Window:
    """Longest window up to ``stop``, of 15 % of the energy at most, that falls as a power law."""
    if stop <= 0:
        return Window(0, 0, "")
    start = int(np.searchsorted(energies, 0.85 * energies[min(stop, len(energies) - 1)]))
    while stop - start >= LEAST_WINDOW_CHANNELS:
        window = Window(start, stop, "")
        if _falls(energies, mean, window):
            return window
        start += max(1, (stop - start) // 5)
    return Window(0, 0, "")


def _falls(energies: Floats, mean: Floats, window: Window) -> bool:
    """Whether the mean spectrum is positive and falls like a background in the window."""
    energies, mean = energies[window.start : window.stop], mean[window.start : window.stop]
    if energies[0] <= 0 or (mean <= 0).any():
        return False
    law = power_law(energies, mean)
    if not LEAST_EXPONENT < law.exponent < GREATEST_EXPONENT:
        return False
    # What bends away from the law shows in the quarters of the window, beyond their noise.
    residual = mean / law(energies) - 1
    noise = np.std(np.diff(residual)) / np.sqrt(2)
    quarters = np.array([part.mean() for part in np.array_split(residual, 4)])
    three_sigmas = 3 * noise / np.sqrt(len(mean) / 4)
    return bool(np.abs(quarters).max() < MOST_DEVIATION_FROM_LAW + three_sigmas)


@dataclass(frozen=True)
class PowerLaw:
    """``value * (energies / reference) ** -exponent``."""

    value: float
    exponent: float
    reference: float

    def __call__(self, energies: Floats) -> Floats:
        """Its values at ``energies``."""
        return self.value * (energies / self.reference) ** -self.exponent


def _rises_before(energies: Floats, mean: Floats, window: Window, law: PowerLaw) -> bool:
    """Whether an edge rises before the window: its own flank is then no background."""
    before = slice(0, window.start)
    return bool((mean[before] < 0.5 * law(energies[before])).any())


def power_law(energies: Floats, mean: Floats) -> PowerLaw:
    """Power law of a mean spectrum, by log-log fit weighted with the mean.

    References
    ----------
    R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
    sect. 4.4, https://doi.org/10.1007/978-1-4419-9583-4
    """
    positive = np.maximum(mean, 1e-12 * max(float(np.max(mean)), 1e-300))
    reference = float(np.exp(np.log(energies).mean()))
    weight = np.sqrt(positive)
    slope, intercept = np.polyfit(np.log(energies / reference), np.log(positive), 1, w=weight)
    return PowerLaw(float(np.exp(intercept)), float(-slope), reference)
