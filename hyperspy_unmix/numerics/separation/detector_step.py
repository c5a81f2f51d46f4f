"""Components that are a step where two parts of a detector meet: offset or gain of one of them."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

PARTS = 4  # of a detector along the energy, at most: it is read by its halves or quarters
LEAST_CHANNELS = 16  # of either part
NEAR, FAR = 8, 16  # channels on both sides of a step: of the lines through them, and of its height
LEAST_ABRUPT = 0.7  # of its height, that the lines are apart; of a slope there is nothing left
LEAST_SIGMAS = 5.0
JUMP = np.array([0.5, -1.5, 1.5, -0.5])  # a difference less the mean of those beside it
SIGMAS_OF_JUMP = 1.5
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

    Lines through the channels on both sides meet where it has a slope, and do not at a step; nor
    at the foot of a line, which jumps no more there than beside.
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
    # How much the jump between two channels exceeds that from them to the next: of a flank, little.
    jump = float(spectrum[first - 2 : first + 2] @ JUMP) * np.sign(gap)
    error_of_jump = noise * float(np.linalg.norm(JUMP))
    is_sharp = jump > LEAST_ABRUPT * abs(gap) - SIGMAS_OF_JUMP * error_of_jump
    is_whole = gap * np.sign(far) > LEAST_ABRUPT * abs(far)
    return bool(is_clear and is_sharp and is_whole and abs(gap) > LEAST_OF_LEVEL * level)


def _is_step(spectrum: Floats, mean: Floats, first: int, noise: float) -> bool:
    """Whether a component is, on both sides, a constant or a part of the mean spectrum.

    The two parts must differ, and as much just beside the step.
    """
    sides = slice(None, first), slice(first, None)
    near = slice(first - FAR, first), slice(first, first + FAR)
    power = float(spectrum @ spectrum) - len(spectrum) * noise**2
    for shape in (np.ones(len(mean)), mean):
        before, behind = (_height(spectrum[side], shape[side]) for side in sides)
        near_before, near_behind = (_height(spectrum[side], shape[side]) for side in near)
        step, near_step = behind - before, near_behind - near_before
        is_step = abs(step) > LEAST_OF_LEVEL * max(abs(before), abs(behind))
        is_step &= near_step * np.sign(step) > LEAST_ABRUPT * abs(step)
        heights = np.where(np.arange(len(spectrum)) < first, before, behind)
        left = float(np.sum((spectrum - heights * shape) ** 2)) - len(spectrum) * noise**2
        if is_step and left < (1 - LEAST_EXPLAINED) * power:
            return True
    return False


def _height(spectrum: Floats, shape: Floats) -> float:
    """How much of a shape there is (least squares)."""
    return float(shape @ spectrum) / max(float(shape @ shape), np.finfo(float).tiny)
