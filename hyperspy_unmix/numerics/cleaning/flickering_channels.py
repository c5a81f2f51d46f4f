"""Channels of a camera that are hot in some pixels of the scan, and not in others."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index, Mask

LEAST_PIXELS = 64  # fewer do not tell a variance
SHARE_TRIMMED = 0.01  # of the pixels: stray events are replaced later, one by one
LEAST_TRIMMED = 4
LEAST_RATIO = 1.5  # of a channel's variance to the greatest beside it
SIGMAS_OF_RATIO = 8.0
MOST_SHARED = 0.05  # of what changes, by the channel beside; a detector draws lines wider
SIGMAS_OF_SHARED = 3.0
MOST_OF_ALL_COUNTS = 0.2  # in one channel; more may be a zero-loss peak
VARIANCE_OF_COVARIANCE = 5.0  # of two differences with one channel in common, of one pixel
MOST_BRIGHTER = 4.0  # than the next channel, the top of a line of 1.5 channels
REACH = 6  # channels on both sides that are compared


def flickering_channels(sample: Floats, may_be_zero_loss: Mask | None = None) -> Mask:
    """Single channels that change by more than noise, alone.

    What a spectrum has in one channel is also in the next, for a detector draws a line over at
    least two. Only the signal of a channel itself, of a hot pixel of the camera, is not.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra, finite.
    may_be_zero_loss : bool array, shape (channels,), optional
        Where a zero-loss peak may be, of which one channel may hold much of all counts. All
        channels by default.

    Returns
    -------
    bool array, shape (channels,)
    """
    n_pixels, n_channels = sample.shape
    flickering = np.zeros(n_channels, bool)
    if n_pixels < LEAST_PIXELS or n_channels < 2 * REACH + 1:
        return flickering
    variance, mean = _own_variance(sample), np.abs(sample.mean(0))
    stands_out = variance > LEAST_RATIO * _expected(variance, mean)
    is_peak = mean >= MOST_OF_ALL_COUNTS * mean.sum()
    stands_out &= ~(is_peak if may_be_zero_loss is None else is_peak & may_be_zero_loss)
    for channel in np.flatnonzero(stands_out):
        near = slice(channel - REACH, channel + REACH + 1)
        flickering[channel] = _changes_alone(sample[:, near], mean[near])
    return flickering


def _own_variance(spectra: Floats) -> Floats:
    """What every channel has that neither of those two away has: noise, and what only it shows.

    Infinite near the ends.
    """
    above_before = spectra[:, 2:-2] - spectra[:, :-4]
    above_after = spectra[:, 2:-2] - spectra[:, 4:]
    variance = np.full(spectra.shape[1], np.inf)
    product = np.einsum("ij,ij->j", above_before, above_after) / len(spectra)
    variance[2:-2] = product - above_before.mean(0) * above_after.mean(0)
    return variance


def _expected(variance: Floats, mean: Floats) -> Floats:
    """Greatest variance of the channels about each, but for those of which it is a part itself.

    Counts scatter more where there are more; infinite near the ends.
    """
    n = len(variance)
    inner = slice(REACH, n - REACH)
    beside = [np.roll(variance, -k)[inner] for k in (-4, -3, -1, 1, 3, 4)]
    levels = [np.roll(mean, -k)[inner] for k in (-1, 1)]
    darkest = np.minimum(*levels)
    brighter = np.divide(
        mean[inner], darkest, out=np.full(n - 2 * REACH, np.inf), where=darkest > 0
    )
    expected = np.full(n, np.inf)
    expected[inner] = np.maximum(np.max(beside, 0), 0) * np.clip(brighter, 1, MOST_BRIGHTER)
    return expected


def _changes_alone(window: Floats, mean: Floats) -> bool:
    """Whether the channel in the middle changes, and those beside it do not with it."""
    middle = REACH
    change = window[:, middle] - (window[:, middle - 2] + window[:, middle + 2]) / 2
    window = window[_common(change)]
    n_pixels = len(window)
    variance = _own_variance(window)
    expected = float(_expected(variance, mean)[middle])
    least = max(LEAST_RATIO, 1 + SIGMAS_OF_RATIO * np.sqrt(VARIANCE_OF_COVARIANCE / n_pixels))
    if not variance[middle] > least * expected:
        return False
    excess = float(variance[middle]) - expected
    for side in (-1, 1):
        # Differences of other channels each, so that their noise is not the same.
        own = window[:, middle] - window[:, middle - 2 * side]
        of_next = window[:, middle + side] - window[:, middle + 2 * side]
        shared = float(np.cov(own, of_next)[0, 1]) / excess
        error = np.sqrt(own.var() * of_next.var() / n_pixels) / excess
        if shared - SIGMAS_OF_SHARED * error > MOST_SHARED or error > MOST_SHARED:
            return False
    return True


def _common(change: Floats) -> Index:
    """Pixels without those that change most."""
    n_trimmed = max(LEAST_TRIMMED, int(SHARE_TRIMMED * len(change)))
    return np.argsort(np.abs(change - np.median(change)))[: len(change) - n_trimmed]
