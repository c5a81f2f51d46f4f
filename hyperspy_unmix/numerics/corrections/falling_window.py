"""Windows of a spectrum that falls as a background does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

from .channel_sums import LEAST_WINDOW_CHANNELS
from .power_law import power_law, relative_noise
from .pre_edge_bumps import holds_bump

LEAST_EXPONENT, GREATEST_EXPONENT = 0.5, 8.0
MOST_DEVIATION_FROM_LAW = 0.015  # of the mean spectrum: more is no power law


@dataclass(frozen=True)
class Window:
    """Channels ``start`` to ``stop`` (exclusive), or none, and why.

    ``absent`` tells that there is no background, so that no other window need be looked for;
    ``others`` are further (start, stop) fitted together with the first; ``bump`` is the energy of
    what rises before the window, or between it and the edge, and is none.
    """

    start: int
    stop: int
    reason: str
    absent: bool = False
    others: tuple[tuple[int, int], ...] = ()
    bump: float | None = None

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


def longest_falling(energies: Floats, mean: Floats, stop: int, first: int = 0) -> Window:
    """Longest window up to ``stop``, of 15 % of the energy at most, that falls as a power law.

    It begins at the channel ``first`` or later.
    """
    if stop <= 0:
        return Window(0, 0, "")
    start = int(np.searchsorted(energies, 0.85 * energies[min(stop, len(energies) - 1)]))
    start = max(start, first)
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
    noise = relative_noise(residual)
    if holds_bump(residual, noise):
        return False
    quarters = np.array([part.mean() for part in np.array_split(residual, 4)])
    three_sigmas = 3 * noise / np.sqrt(len(mean) / 4)
    return bool(np.abs(quarters).max() < MOST_DEVIATION_FROM_LAW + three_sigmas)
