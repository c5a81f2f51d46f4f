"""The zero-loss peak: where it is, what it looks like, whether the detector has clipped it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d

from hyperspy_unmix.numerics.types import Floats

SEARCH_RANGE_EV = 10.0  # either side of zero in which a pixel's zero-loss peak is looked for
OFFSETS_IN_CHANNELS = np.linspace(-1.5, 1.5, 25)  # at which the likelihood's slope is taken
LEAST_CLIPPED_SHARE = 0.05  # of the pixels, with one greatest value: it is then the detector's
LEAST_CEILING_COUNTS = 200.0  # below, equal greatest values are chance
MOST_PEAK_SHARE_AT_THRESHOLD = 0.25  # of the spectrum, where its inelastic part begins
LEAST_FLAT_TOP_SHARE = 0.5  # of the width at half height, within 5 % of the top; Gaussian: 0.27


@dataclass(frozen=True)
class ZeroLossPeak:
    """Mean zero-loss peak.

    ``centre`` and ``threshold`` (where the inelastic part begins) are energies, ``shape`` (channels
    below the threshold,) and ``tail`` (the others,) are what it puts into each channel, in units of
    its counts below the threshold; ``fwhm`` is in energy.
    """

    centre: float
    threshold: float
    shape: Floats
    tail: Floats
    fwhm: float

    @property
    def share_below_threshold(self) -> float:
        """Share of the peak that is below the threshold."""
        return 1 / (1 + float(self.tail.sum()))


def find_zero_loss_peak(energies: Floats, mean: Floats) -> ZeroLossPeak:
    """Find the zero-loss peak of a mean low-loss spectrum, and the valley behind it.

    Beyond the valley the peak's tail is that of its other side, which holds no losses.

    Raises
    ------
    ValueError
        If there is no peak at zero energy loss.
    """
    # The highest channel has to be a peak at zero energy loss.
    top = int(np.argmax(mean))
    scale = float(np.median(np.diff(energies)))
    background = float(np.median(mean[:top])) if top else np.inf
    near_zero = abs(energies[top]) <= max(SEARCH_RANGE_EV, 5 * scale)
    if not near_zero or top < 2 or top > len(mean) - 5 or mean[top] < 3 * max(background, 0):
        raise ValueError(
            "The low loss has no zero-loss peak: its largest value is at "
            f"{energies[top]:.4g}, on an axis from {energies[0]:.4g} to {energies[-1]:.4g}. "
            "Give a low loss that holds the zero-loss peak at 0 eV (shift its axis if it is off)."
        )
    # Its centre is that of the channels above a quarter of its height.
    half = mean[top] / 2
    left = top - int(np.argmax(mean[top::-1] < half))
    right = top + int(np.argmax(mean[top:] < half))
    core = slice(max(left - 1, 0), right + 2)
    centre = float(np.average(energies[core], weights=np.maximum(mean[core] - half / 2, 0)))
    width = max(right - left, 1)
    # Below the threshold the peak is the spectrum, as far as the threshold is on either side.
    split = _threshold_channel(energies, mean, centre, top, width)
    shape = np.maximum(mean[:split], 0)
    shape = np.where(np.abs(energies[:split] - centre) <= energies[split] - centre, shape, 0)
    counts_below = shape.sum()
    # Above it the peak is its own mirror image, and never more than the spectrum.
    mirrored = np.interp(2 * centre - energies[split:], energies, mean, left=0.0)
    tail = np.clip(mirrored, 0, np.maximum(mean[split:], 0)) / counts_below
    return ZeroLossPeak(
        centre=centre,
        threshold=float(energies[split]),
        shape=shape / counts_below,
        tail=tail,
        fwhm=width * scale,
    )


def _threshold_channel(energies: Floats, mean: Floats, centre: float, top: int, width: int) -> int:
    """First channel in which the peak is only a small part of the spectrum.

    There the peak is taken from its other side, which holds no losses. At most the channel of the
    valley, where the smoothed spectrum stops falling.
    """
    smooth = uniform_filter1d(mean, max(3, 2 * (width // 2) + 1), mode="nearest")
    first = top + max(width, 2)
    last = min(first + 13 * width + 10, len(mean) - 2)
    rising = np.flatnonzero(np.diff(smooth[first + width : last]) >= 0)
    valley = first + width + int(rising[0]) if len(rising) else last
    mirrored = np.interp(2 * centre - energies[first:valley], energies, mean)
    is_small = mirrored < MOST_PEAK_SHARE_AT_THRESHOLD * mean[first:valley]
    small = np.flatnonzero(is_small)
    return first + int(small[0]) if len(small) else valley


def why_clipped(sample: Floats, energies: Floats) -> str:
    """Why the zero-loss peak seems clipped or saturated; empty where it does not.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Low-loss spectra as recorded. Copies of one another count once: they say nothing of a
        ceiling.
    energies : array, shape (channels,)
    """
    sample = np.unique(sample, axis=0)
    # A detector that clips gives many pixels the same greatest value, or several channels of one.
    greatest = sample.max(1)
    ceiling = float(greatest.max())
    at_ceiling = greatest >= ceiling * (1 - 1e-6)
    several = np.sum(sample >= ceiling * (1 - 1e-6)) > at_ceiling.sum()
    if ceiling >= LEAST_CEILING_COUNTS and len(sample) > 1 and at_ceiling.sum() > 1:
        share = float(at_ceiling.mean())
        if share > LEAST_CLIPPED_SHARE and (several or at_ceiling.sum() > 5):
            return f"{100 * share:.0f} % of the peaks end at the same value, {ceiling:g}"
    if ceiling >= LEAST_CEILING_COUNTS and len(sample) == 1 and np.sum(sample == ceiling) > 1:
        return f"several channels hold the greatest value, {ceiling:g}"
    # One that saturates flattens the top, which shows where a peak is wide and its noise low.
    top_width = _count_channels_above(sample, 0.95 * greatest)
    half_width = _count_channels_above(sample, 0.5 * greatest)
    is_wide = half_width >= 6
    is_precise = np.sqrt(np.maximum(greatest, 1)) < 0.01 * greatest
    judged = is_wide & is_precise
    if judged.sum() <= 0.5 * len(sample):
        return ""
    top_share = np.median(top_width[judged] / half_width[judged])
    return "its top is flat" if top_share > LEAST_FLAT_TOP_SHARE else ""


def _count_channels_above(sample: Floats, level: Floats) -> NDArray[np.intp]:
    """Channels about the greatest value of each row that are above a level."""
    above = sample > level[:, None]
    channel = np.arange(sample.shape[1])
    top = sample.argmax(1)[:, None]
    # The peak ends at the first channel on either side that is not above the level.
    left = np.where(~above & (channel < top), channel, -1).max(1)
    right = np.where(~above & (channel > top), channel, sample.shape[1]).min(1)
    return np.asarray(right - left - 1)


def centre_finder(energies: Floats, peak: ZeroLossPeak) -> Callable[[Floats], Floats]:
    """A function that finds the channel of each spectrum's zero-loss peak, NaN without a peak."""
    scale = float(np.median(np.diff(energies)))
    searched = np.abs(energies - peak.centre) <= max(SEARCH_RANGE_EV, 3 * peak.fwhm)
    channels = np.flatnonzero(searched)
    window = slice(channels[0], channels[-1] + 1)
    channel = np.arange(len(energies), dtype=float)[window]
    width = max(round(peak.fwhm / scale), 1)

    def centres(spectra: Floats) -> Floats:
        inside = np.maximum(spectra[:, window], 0)
        half = 0.5 * inside.max(1, keepdims=True)
        # The first peak that reaches half the maximum, since a thick specimen's plasmon may too.
        first = np.argmax(inside >= np.maximum(half, 1e-30), axis=1)[:, None]
        offset = np.arange(inside.shape[1]) - first
        # Only the upper half of the peak: its tails hold the phonons and the noise.
        upper = np.where((offset >= -width) & (offset <= 2 * width), inside - half, 0)
        upper = np.maximum(upper, 0)
        total = upper.sum(1)
        return np.where(total > 0, upper @ channel / np.where(total > 0, total, 1), np.nan)

    return centres


def whole_channel_shifts(centres: Floats) -> NDArray[np.intp]:
    """Channels by which spectra are to be moved so that their zero-loss peaks line up."""
    known = np.isfinite(centres)
    reference = float(np.median(centres[known])) if known.any() else 0.0
    shifts = np.rint(np.where(known, reference - centres, 0)).astype(int)
    # One channel either way is the noise of a narrow peak, and `most_likely_offsets` reaches it.
    return shifts if np.abs(shifts).max() > 1 else np.zeros_like(shifts)


def position_scores(
    energies: Floats, mean: Floats, peak: ZeroLossPeak
) -> tuple[NDArray[np.intp], Floats, float]:
    """What each channel says about the position of the peak, by maximum likelihood.

    A spectrum's product with row k is the slope of its likelihood at an offset of
    ``OFFSETS_IN_CHANNELS[k]``; its zero is the peak's position.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
        Of spectra lined up to a channel.
    peak : ZeroLossPeak

    Returns
    -------
    channels : int array, shape (channels of the peak,)
    scores : array, shape (offsets, channels of the peak)
    information : float
        Of one Poisson count in these channels on the position, in 1/channels squared.

    References
    ----------
    H. Cramer, Mathematical Methods of Statistics (1946), ch. 32 (the efficient score).
    """
    channels = np.flatnonzero(np.abs(energies - peak.centre) <= peak.fwhm + 1e-9)
    channels = np.arange(max(channels[0] - 1, 0), min(channels[-1] + 2, len(mean)))
    level = np.maximum(mean, 1e-4 * mean.max())
    log_shape = CubicSpline(np.arange(len(mean)), np.log(level))
    moved_back = channels - OFFSETS_IN_CHANNELS[:, None]
    slope, shape = -log_shape(moved_back, 1), np.exp(log_shape(moved_back))
    # The counts of the pixel are free, so that only the shape tells.
    scores = slope - np.sum(slope * shape, 1, keepdims=True) / shape.sum(1, keepdims=True)
    middle = len(OFFSETS_IN_CHANNELS) // 2
    information = np.average(scores[middle] ** 2, weights=shape[middle])
    return channels, scores, float(information)


def most_likely_offsets(slopes: Floats) -> Floats:
    """Offset in channels at which each row of likelihood slopes falls through zero.

    Parameters
    ----------
    slopes : array, shape (pixels, offsets)
        Products of spectra and the scores of `position_scores`.
    """
    positive = slopes > 0
    last = np.clip(positive.sum(1) - 1, 0, len(OFFSETS_IN_CHANNELS) - 2)
    rows = np.arange(len(slopes))
    before, after = slopes[rows, last], slopes[rows, last + 1]
    falls = before > after
    fall = np.where(falls, before - after, 1.0)
    part = np.where(falls, np.clip(before / fall, 0, 1), 0.5)
    step = OFFSETS_IN_CHANNELS[1] - OFFSETS_IN_CHANNELS[0]
    return np.asarray(OFFSETS_IN_CHANNELS[last] + part * step)
