"""Components that are a step where two parts of a detector meet: offset or gain of one of them."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

PARTS = 4  # of a detector along the energy, at most: it is read by its halves or quarters
LEAST_CHANNELS = 16  # of either part
NEAR, FAR = 8, 16  # channels on both sides of a step: of the lines through them, and of its height
LEAST_ABRUPT = 0.7  # of its height, that the lines are apart; of a slope there is nothing left
LEAST_SIGMAS = 5.0
LEAST_OF_LEVEL = 0.5  # of the higher side, that the step is
LEAST_EXPLAINED = 0.8  # of a component without its noise, by a step alone
SIGMA_PER_MEDIAN = 1.48  # of the absolute deviations of a normal distribution


def step_channel(spectrum: Floats, mean: Floats, channels: Index, n_channels: int) -> int:
    """The channel of the detector at which a component is a step; 0 if it is none.

    Parameters
    ----------
    spectrum : array, shape (channels that count,)
        Of the component, per channel.
    mean : array, shape (channels that count,)
        Mean spectrum as recorded, per channel.
    channels : int array, shape (channels that count,)
        Which they are of the detector.
    n_channels : int
        That the detector has.
    """
    noise = SIGMA_PER_MEDIAN * float(np.median(np.abs(np.diff(spectrum)))) / np.sqrt(2)
    for part in range(1, PARTS):
        channel = part * n_channels // PARTS
        first = int(np.searchsorted(channels, channel))
        if not LEAST_CHANNELS <= first <= len(channels) - LEAST_CHANNELS:
            continue
        if _is_abrupt(spectrum, first, noise) and _is_step(spectrum, mean, first, noise):
            return channel
    return 0


def _is_abrupt(spectrum: Floats, first: int, noise: float) -> bool:
    """Whether a component jumps from one channel to the next, by much of its level.

    Lines through the channels on both sides meet where it has a slope, and do not at a step.
    """
    channel = np.arange(NEAR)
    before = np.polyfit(channel, spectrum[first - NEAR : first], 1)
    behind = np.polyfit(channel, spectrum[first : first + NEAR], 1)
    gap = float(np.polyval(behind, -0.5) - np.polyval(before, NEAR - 0.5))
    far = float(spectrum[first : first + FAR].mean() - spectrum[first - FAR : first].mean())
    level = max(abs(float(part.mean())) for part in (spectrum[:first], spectrum[first:]))
    # Of a line at half a channel beyond its end: a constant's variance, and that of its slope.
    error = noise * np.sqrt(2 * (1 / NEAR + 3 * NEAR / (NEAR**2 - 1)))
    is_clear = abs(gap) > LEAST_SIGMAS * error
    is_whole = gap * np.sign(far) > LEAST_ABRUPT * abs(far)
    return bool(is_clear and is_whole and abs(gap) > LEAST_OF_LEVEL * level)


def _is_step(spectrum: Floats, mean: Floats, first: int, noise: float) -> bool:
    """Whether a component is, on both sides, a constant or a part of the mean spectrum."""
    power = float(spectrum @ spectrum) - len(spectrum) * noise**2
    for shape in (np.ones(len(mean)), mean):
        left = 0.0
        for side in (slice(None, first), slice(first, None)):
            values, known = spectrum[side], shape[side]
            height = float(known @ values) / max(float(known @ known), np.finfo(float).tiny)
            left += float(np.sum((values - height * known) ** 2)) - len(values) * noise**2
        if left < (1 - LEAST_EXPLAINED) * power:
            return True
    return False
