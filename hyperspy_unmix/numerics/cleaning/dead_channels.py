"""Channels of the detector that are dead, stuck or hot: what no spectrum can look like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats, Mask

from .local_noise import LocalNoise

PARTS = 16  # of the pixels, each of which must show it
MOST = 3  # adjacent channels
DEAD = 0.2  # of the channels beside
ALIKE = 1.5  # ratio of two neighbours on one side of a gap; a line's flank is steeper
LEVEL = 3.0  # ratio of the two sides
HOT = 5.0  # times the channels beside
SHARED = 0.05  # of a hot channel's excess, that its neighbours may have
LARGEST = 0.2  # of all counts; more may be a zero-loss peak
STUCK = 0.2  # of the channels beside, that a stuck one is off
MOST_EMPTIED = 0.1  # of the channels
LEAST_STEPS = 30  # counts in a channel that is not empty by chance


def bad_channels(summary: Summary, noise: LocalNoise) -> Mask:
    """Channels that are dead, stuck or hot in all pixels whose counts can tell.

    Dead: up to three channels below a fifth of the two channels on either side, which agree with
    one another. Stuck: up to three without any scatter, and off their neighbours. Hot: one channel
    five times above them that does not share its excess; the lines of a spectrum are drawn over at
    least two channels.

    Parameters
    ----------
    summary : Summary
    noise : LocalNoise
        Of its sample.

    Returns
    -------
    bool array, shape (channels,)
    """
    m = summary.groups.shape[1]
    bad = np.zeros(m, bool)
    if m < 4 * MOST or len(summary.sample) < 2:
        return bad
    parts = np.array_split(np.arange(len(summary.groups)), min(PARTS, len(summary.groups)))
    size = np.array([summary.group_size[p].sum() for p in parts], float)
    mean = np.array([summary.group_size[p] @ summary.groups[p] for p in parts]) / size[:, None]
    still = (summary.sample == summary.sample[0]).all(0) & (summary.sample[0] != 0)
    for width in range(1, MOST + 1):
        found = _dead(mean, size, noise, width)
        if still.any():
            found |= _stuck(summary.sample, still, noise, width)
        for k in range(width):
            bad[k + 2 : k + 2 + len(found)] |= found
    bad[2:-2] |= _hot(mean, size, noise)
    return bad


def _sides(spectra: Floats, width: int) -> list[Floats]:
    """The two channels before and the two after every run of ``width`` channels."""
    runs = spectra.shape[1] - width - 3
    return [spectra[:, k : k + runs] for k in (0, 1, width + 2, width + 3)]


def _inside(spectra: NDArray[Any], width: int) -> NDArray[Any]:
    """The channels of every run, shape (width, spectra, runs)."""
    runs = spectra.shape[1] - width - 3
    return np.stack([spectra[:, k + 2 : k + 2 + runs] for k in range(width)])


def _error(size: Floats, noise: LocalNoise, width: int) -> Floats:
    """By how much chance may change a mean of ``size`` pixels beside every run."""
    total = size[:, None] * np.median(_sides(noise.variance[None], width), axis=0)
    return noise.threshold(total) / size[:, None]


def _dead(mean: Floats, size: Floats, noise: LocalNoise, width: int) -> Mask:
    """Runs far below two channels on either side that agree with one another."""
    a, b, c, d = _sides(mean, width)
    least = np.minimum.reduce([a, b, c, d])
    smooth = np.maximum(a, b) < ALIKE * np.minimum(a, b)
    smooth &= np.maximum(c, d) < ALIKE * np.minimum(c, d)
    smooth &= np.maximum(a + b, c + d) < LEVEL * np.minimum(a + b, c + d)
    inside = _inside(mean, width).max(0)
    tells = least * (1 - DEAD) > _error(size, noise, width)
    dead = (inside < DEAD * least) & smooth
    return np.asarray(tells.any(0) & (dead | ~tells).all(0))


def _stuck(sample: Floats, still: Mask, noise: LocalNoise, width: int) -> Mask:
    """Runs of ``still`` channels that are not what the channels beside say."""
    inside, sides = _inside(sample, width), np.array(_sides(sample, width))
    level = sides.mean(0)
    frozen = _inside(still[None], width).all((0, 1)) & (np.ptp(sides, 1) > 0).all(0)
    scatter = np.sqrt(np.median(_sides(noise.variance[None], width), axis=0)[0])
    off = np.median(np.abs(inside - level), 1).min(0)
    far = off > np.maximum(STUCK * np.abs(np.median(level, 0)), 3 * scatter)
    return np.asarray(frozen & far & (len(sample) >= PARTS))


def _hot(mean: Floats, size: Floats, noise: LocalNoise) -> Mask:
    """Single hot channels, from the third to the last but two."""
    a, b, c, d = _sides(mean, 1)
    inside = mean[:, 2:-2]
    base = np.maximum(a, d)
    excess = inside - base
    beside = np.maximum(b, c) - base
    error = _error(size, noise, 1)
    side = np.median(_sides(noise.variance[None], 1), axis=0)
    shared = beside - 3 * np.sqrt(side / size[:, None]) > SHARED * excess
    tells = excess > error
    hot = tells & (excess > HOT * np.maximum(base, 0)) & ~shared
    hot &= inside < LARGEST * np.abs(mean).sum(1, keepdims=True)
    return np.asarray(hot.mean(0) > 0.95)


def emptied_channels(sample: Floats) -> NDArray[np.bool_]:
    """End channels that are zero in some spectra though all others are well filled.

    A correction of drift that moves spectra by whole channels leaves such ends.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra.
    """
    n_channels = sample.shape[1]
    share = (sample == 0).mean(0)
    emptied = np.zeros(n_channels, bool)
    for order in (np.arange(n_channels), np.arange(n_channels)[::-1]):
        full = int(np.argmax(share[order] == 0))
        if share[order[full]] or not 0 < full <= MOST_EMPTIED * n_channels:
            continue
        ends = order[:full]
        near = sample[:, order[full]]
        some = any(0 < share[j] < 1 for j in ends)
        emptied[ends] = some and all(_zero_or_full(sample[:, j], near) for j in ends)
    return emptied


def _zero_or_full(channel: Floats, near: Floats) -> bool:
    """Whether a channel is either zero or about the same share of one ``near`` by that is full."""
    filled = channel != 0
    if not filled.any():
        return True
    values = np.unique(channel[filled])
    if len(values) < 2 or np.median(channel[filled]) < LEAST_STEPS * np.diff(values).min():
        # counts so few that a zero is chance
        return False
    ratio = channel[filled] / near[filled]
    spread = 1.48 * np.median(np.abs(ratio - np.median(ratio)))
    return bool(np.median(ratio) > 6 * spread)
