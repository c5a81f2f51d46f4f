"""Channels that are hot: counts that the detector adds in all pixels, whatever the specimen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .channel_runs import chance_of_mean, channels_beside, variance_beside
from .local_noise import LocalNoise

WIDEST_HOT = 3  # adjacent channels
SHARE_OF_PARTS_HOT = 0.95  # more than this share of the parts of the scan must show it
HOT_RATIO = 5.0  # times the channels beside
MOST_EXCESS_SHARED = 0.05  # of a hot channel's excess, that its neighbours may have
SIGMAS_OF_SHARED = 3.0  # by which the excess of a neighbour is above (or below) the most
LEAST_OF_GREATEST = 0.6  # excess in a run; lines that end as abruptly are less even
LEAST_RATIO = 1.0  # of the excess to what is expected, where it is seen to be even and abrupt
EXPECTED_FROM = np.array([2, 3, 4])  # channels on either side of a run
MOST_OF_ALL_COUNTS = 0.2  # in one channel, where a zero-loss peak may be
MOST_VARIATION = 0.25  # of the excess from pixel to pixel, beside what the other channels explain
SIGMAS_OF_VARIATION = 4.0
LEAST_PIXELS_COMPARED = 16
SHARE_TRIMMED = 0.01  # of the pixels: stray events are replaced later, one by one
VARIANCE_LEFT_BY_TRIM = 0.92  # of a normal distribution


def hot_channels(
    mean: Floats, size: Floats, sample: Floats, noise: LocalNoise, may_be_zero_loss: Mask
) -> Mask:
    """Up to three adjacent channels far above those beside them, which end abruptly.

    The lines of a spectrum are drawn over at least two channels. So a single channel five times
    above those beside it is hot if these are not seen to share its excess, nor the excess to vary
    from pixel to pixel other than the counts about it do. Two or three adjacent channels, and
    single ones on a line, are hot if the excess is seen not to be shared and not to vary: a line
    of 1.2 channels FWHM has more than a twentieth of its top in the next channel.

    Parameters
    ----------
    mean : array, shape (parts of the scan, channels)
    size : array, shape (parts of the scan,)
        Pixels of each.
    sample : array, shape (pixels, channels)
        Raw spectra.
    noise : LocalNoise
        Of the sample.
    may_be_zero_loss : bool array, shape (channels,)
        Where a zero-loss peak may be.

    Returns
    -------
    bool array, shape (channels,)
    """
    hot = np.zeros(mean.shape[1], bool)
    whole = size @ mean / size.sum()
    is_peak = may_be_zero_loss & (whole > MOST_OF_ALL_COUNTS * np.abs(whole).sum())
    for first in np.flatnonzero(_stand_out(mean, size, noise)) + 2:
        of_excess = _variance_of_excess(sample, noise, slice(first, first + 1), beside_linear=True)
        hot[first] = of_excess is None or not of_excess.is_seen
    for width in range(1, WIDEST_HOT + 1):
        for first in _abrupt_runs(whole, float(size.sum()), noise, width):
            run = slice(first, first + width)
            of_excess = _variance_of_excess(sample, noise, run, beside_linear=False)
            hot[run] |= of_excess is not None and of_excess.is_none
    return np.asarray(hot & ~is_peak)


def _stand_out(mean: Floats, size: Floats, noise: LocalNoise) -> Mask:
    """Channels far above those beside, which are not seen to share the excess, (channels - 4,)."""
    a, b, c, d = channels_beside(mean, 1)
    base = np.maximum(a, d)
    excess = mean[:, 2:-2] - base
    is_hot = excess > chance_of_mean(size, noise, 1)
    is_hot &= excess > HOT_RATIO * np.maximum(base, 0)
    error = np.sqrt(variance_beside(noise, 1) / size[:, None])
    beside = np.maximum(b, c) - base
    is_hot &= beside - SIGMAS_OF_SHARED * error <= MOST_EXCESS_SHARED * excess
    # A faint line is seen to share its counts where all parts are taken together.
    weight = size / size.sum()
    error_of_all = np.sqrt(weight**2 @ error**2)
    shared = weight @ beside - MOST_EXCESS_SHARED * (weight @ excess)
    is_hot &= shared <= SIGMAS_OF_SHARED * error_of_all
    return np.asarray(is_hot.mean(0) > SHARE_OF_PARTS_HOT)


def _abrupt_runs(mean: Floats, pixels: float, noise: LocalNoise, width: int) -> Index:
    """First channels of runs that are seen to end abruptly on a spectrum that is smooth there.

    What is expected in the run and in the two channels beside it is a parabola through three
    channels on either side.
    """
    half = (width - 1) / 2
    outside = np.concatenate([-half - EXPECTED_FROM[::-1], half + EXPECTED_FROM])
    place = np.arange(-half - 1, half + 2)
    fit = np.linalg.pinv(np.vander(outside, 3))
    first = np.arange(EXPECTED_FROM[-1], len(mean) - EXPECTED_FROM[-1] - width + 1)
    about = mean[first[:, None] + np.rint(outside + half).astype(int)]
    expected = about @ fit.T @ np.vander(place, 3).T
    misfit = about - about @ fit.T @ np.vander(outside, 3).T
    excess = mean[first[:, None] + np.arange(-1, width + 1)] - expected
    inside, beside = excess[:, 1:-1], excess[:, [0, -1]]
    # Of a channel beside and of what is expected there.
    leverage = np.sum((np.vander(place[:1], 3) @ fit) ** 2)
    variance = np.median(noise.variance[first[:, None] + np.rint(outside + half).astype(int)], 1)
    error = np.sqrt(variance * (1 + leverage) / pixels)
    least, greatest = inside.min(1), inside.max(1)
    unlike = np.maximum(np.abs(beside).max(1) + SIGMAS_OF_SHARED * error, np.abs(misfit).max(1))
    is_abrupt = unlike < MOST_EXCESS_SHARED * least
    is_abrupt &= least > LEAST_OF_GREATEST * greatest
    is_abrupt &= least > LEAST_RATIO * np.maximum(expected[:, 1:-1].max(1), 0)
    chance = noise.threshold(pixels * variance) / pixels
    return np.asarray(first[is_abrupt & (least > chance)])


def _variance_of_excess(
    sample: Floats, noise: LocalNoise, run: slice, *, beside_linear: bool
) -> _OfExcess | None:
    """By how much more than chance the excess of a run varies over the pixels.

    ``beside_linear``: what goes with the counts beside the run does not count.
    None where there are too few pixels to tell.
    """
    if len(sample) < LEAST_PIXELS_COMPARED:
        return None
    near = [run.start - 2, run.start - 1, run.stop, run.stop + 1]
    beside = sample[:, near].mean(1)
    excess = sample[:, run].mean(1) - beside
    level = float(np.median(excess))
    order = np.argsort(np.abs(excess - level))
    kept = order[: len(order) - int(SHARE_TRIMMED * len(order))]
    excess = excess[kept] - excess[kept].mean()
    if beside_linear:
        about = beside[kept] - beside[kept].mean()
        excess = excess - about * (about @ excess) / max(about @ about, np.finfo(float).tiny)
    scatter = float(excess @ excess) / len(kept) / VARIANCE_LEFT_BY_TRIM
    width = run.stop - run.start
    of_counts = noise.event_size * max(level, 0.0) / width
    of_rest = float(noise.variance[near].mean()) * (1 / width + 1 / len(near))
    error = SIGMAS_OF_VARIATION * scatter * np.sqrt(2 / len(kept))
    return _OfExcess(scatter - of_counts - of_rest, error, (MOST_VARIATION * level) ** 2)


class _OfExcess(NamedTuple):
    """Variance beyond chance, its error, and the most that is no variation."""

    variance: float
    error: float
    most: float

    @property
    def is_seen(self) -> bool:
        """Whether it certainly varies."""
        return self.variance - self.error > self.most

    @property
    def is_none(self) -> bool:
        """Whether it certainly does not."""
        return self.variance + self.error < self.most
