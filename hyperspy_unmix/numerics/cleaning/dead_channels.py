"""Channels of the detector that are dead, stuck or hot: what no spectrum can look like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats, Mask

from .channel_runs import chance_of_mean, channels_beside, channels_inside, variance_beside
from .hot_channels import hot_channels
from .local_noise import LocalNoise

PARTS_OF_SCAN = 16  # each of which must show a channel dead or hot
WIDEST_RUN = 3  # adjacent channels that may be dead or stuck
LEAST_CHANNELS_CHECKED = 4 * WIDEST_RUN
DEAD_SHARE = 0.2  # of the channels beside
MOST_RATIO_ON_ONE_SIDE = 1.5  # of the two channels there; a line's flank is steeper
MOST_RATIO_OF_SIDES = 3.0
STUCK_DEVIATION = 0.2  # of the channels beside, that a stuck one is off
SIGMAS_OF_STUCK = 3.0  # that a stuck channel is off
LEAST_PIXELS_STUCK = 16  # fewer do not show that a channel never scatters
MOST_EMPTIED = 0.1  # of the channels
LEAST_SHARE_MOVED = 0.95  # of the spectra, by no more than these
LEAST_COUNTS_FILLED = 30  # in a channel that is not empty by chance
SIGMAS_OF_RATIO = 6.0  # above zero, of a filled channel over a full one
SIGMA_PER_MEDIAN = 1.48  # of the absolute deviations of a normal distribution


def bad_channels(summary: Summary, noise: LocalNoise, may_be_zero_loss: Mask | None = None) -> Mask:
    """Channels that are dead, stuck or hot in all pixels whose counts can tell.

    Dead: up to three channels below a fifth of the two channels on either side, which agree with
    one another. Stuck: up to three without any scatter, and off their neighbours. Hot: see
    `hot_channels`.

    Parameters
    ----------
    summary : Summary
    noise : LocalNoise
        Of its sample.
    may_be_zero_loss : bool array, shape (channels,), optional
        Where a zero-loss peak may be, of which one channel may hold much of all counts. All
        channels by default.

    Returns
    -------
    bool array, shape (channels,)
    """
    n_channels = summary.groups.shape[1]
    bad = np.zeros(n_channels, bool)
    if n_channels < LEAST_CHANNELS_CHECKED or len(summary.sample) < 2:
        return bad

    # Mean spectra of parts of the scan, and the numbers of pixels in them.
    n_groups = len(summary.groups)
    parts = np.array_split(np.arange(n_groups), min(PARTS_OF_SCAN, n_groups))
    size = np.array([summary.group_size[part].sum() for part in parts], float)
    sums = np.array([summary.group_size[part] @ summary.groups[part] for part in parts])
    mean = sums / size[:, None]

    # Dead and stuck runs of every width; a run begins two channels after the first one beside it.
    is_still = (summary.sample == summary.sample[0]).all(0) & (summary.sample[0] != 0)
    for width in range(1, WIDEST_RUN + 1):
        is_bad = _are_dead(mean, size, noise, width)
        if is_still.any():
            is_bad |= _are_stuck(summary.sample, is_still, noise, width)
        for k in range(width):
            bad[k + 2 : k + 2 + len(is_bad)] |= is_bad

    if may_be_zero_loss is None:
        may_be_zero_loss = np.ones(n_channels, bool)
    return bad | hot_channels(mean, size, summary.sample, noise, may_be_zero_loss)


def _are_dead(mean: Floats, size: Floats, noise: LocalNoise, width: int) -> Mask:
    """Runs far below two channels on either side that agree with one another."""
    a, b, c, d = channels_beside(mean, width)
    least = np.minimum.reduce([a, b, c, d])
    is_smooth = np.maximum(a, b) < MOST_RATIO_ON_ONE_SIDE * np.minimum(a, b)
    is_smooth &= np.maximum(c, d) < MOST_RATIO_ON_ONE_SIDE * np.minimum(c, d)
    is_smooth &= np.maximum(a + b, c + d) < MOST_RATIO_OF_SIDES * np.minimum(a + b, c + d)
    brightest = channels_inside(mean, width).max(0)
    can_tell = least * (1 - DEAD_SHARE) > chance_of_mean(size, noise, width)
    is_dead = (brightest < DEAD_SHARE * least) & is_smooth
    return np.asarray(can_tell.any(0) & (is_dead | ~can_tell).all(0))


def _are_stuck(sample: Floats, is_still: Mask, noise: LocalNoise, width: int) -> Mask:
    """Runs of channels that never change, and are not what the channels beside say."""
    inside, beside = channels_inside(sample, width), np.array(channels_beside(sample, width))
    level = beside.mean(0)
    stands_still = channels_inside(is_still[None], width).all((0, 1))
    stands_still &= (np.ptp(beside, 1) > 0).all(0)
    scatter = np.sqrt(variance_beside(noise, width)[0])
    deviation = np.median(np.abs(inside - level), 1).min(0)
    least_deviation = STUCK_DEVIATION * np.abs(np.median(level, 0))
    is_far = deviation > np.maximum(least_deviation, SIGMAS_OF_STUCK * scatter)
    return np.asarray(stands_still & is_far & (len(sample) >= LEAST_PIXELS_STUCK))


def emptied_channels(sample: Floats) -> NDArray[np.bool_]:
    """End channels that are zero in some spectra though all others are well filled.

    A correction of drift that moves spectra by whole channels leaves such ends.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra.

    Returns
    -------
    bool array, shape (channels,)
    """
    n_channels = sample.shape[1]
    emptied = np.zeros(n_channels, bool)
    for order in (np.arange(n_channels), np.arange(n_channels)[::-1]):
        # A single spectrum that was moved too far says nothing of the others.
        run = (sample[:, order] != 0).argmax(1)
        moved = run <= MOST_EMPTIED * n_channels
        spectra = sample[moved] if moved.mean() > LEAST_SHARE_MOVED else sample
        share_of_zeros = (spectra == 0).mean(0)
        # The channels of this end, up to the first that is full in all spectra.
        n_end = int(np.argmax(share_of_zeros[order] == 0))
        if share_of_zeros[order[n_end]] or not 0 < n_end <= MOST_EMPTIED * n_channels:
            continue
        end = order[:n_end]
        full_channel = spectra[:, order[n_end]]
        is_zero_in_some = any(0 < share_of_zeros[k] < 1 for k in end)
        emptied[end] = is_zero_in_some and all(
            _is_zero_or_full(spectra[:, k], full_channel) for k in end
        )
    return emptied


def _is_zero_or_full(channel: Floats, full_channel: Floats) -> bool:
    """Whether a channel is either zero or about the same share of a full one near by."""
    filled = channel != 0
    if not filled.any():
        return True
    values = np.unique(channel[filled])
    if len(values) < 2:
        return False
    if np.median(channel[filled]) < LEAST_COUNTS_FILLED * np.diff(values).min():
        # The counts are so few that a zero may be chance.
        return False
    ratio = channel[filled] / full_channel[filled]
    spread = SIGMA_PER_MEDIAN * np.median(np.abs(ratio - np.median(ratio)))
    return bool(np.median(ratio) > SIGMAS_OF_RATIO * spread)
