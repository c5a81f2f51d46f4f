"""The zero-loss peak: where it is, what it looks like, whether the detector has clipped it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d

from hyperspy_unmix.numerics.types import Floats

SEARCH = 10.0  # eV either side of zero in which a pixel's zero-loss peak is looked for
OFFSETS = np.linspace(-1.5, 1.5, 25)  # channels at which the likelihood's slope is taken
CLIPPED_SHARE = 0.05  # of the pixels whose greatest value is the same: it is the detector's
LEAST_CEILING = 200.0  # counts: below, equal greatest values are chance
SMALL = 0.25  # of the spectrum: what may be left of the peak where the inelastic part begins
FLAT_TOP = 0.5  # of the width at half height that is within 5 % of the top; a Gaussian has 0.27


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
    def below(self) -> float:
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
    top = int(np.argmax(mean))
    scale = float(np.median(np.diff(energies)))
    background = float(np.median(mean[:top])) if top else np.inf
    near_zero = abs(energies[top]) <= max(SEARCH, 5 * scale)
    if not near_zero or top < 2 or top > len(mean) - 5 or mean[top] < 3 * max(background, 0):
        raise ValueError(
            "The low loss has no zero-loss peak: its largest value is at "
            f"{energies[top]:.4g}, on an axis from {energies[0]:.4g} to {energies[-1]:.4g}. "
            "Give a low loss that holds the zero-loss peak at 0 eV (shift its axis if it is off)."
        )
    half = mean[top] / 2
    left = top - int(np.argmax(mean[top::-1] < half))
    right = top + int(np.argmax(mean[top:] < half))
    near = slice(max(left - 1, 0), right + 2)
    centre = float(np.average(energies[near], weights=np.maximum(mean[near] - half / 2, 0)))
    width = max(right - left, 1)
    valley = _end(energies, mean, centre, top, width)
    shape = np.maximum(mean[:valley], 0)
    shape = np.where(np.abs(energies[:valley] - centre) <= energies[valley] - centre, shape, 0)
    total = shape.sum()
    mirrored = np.interp(2 * centre - energies[valley:], energies, mean, left=0.0)
    tail = np.clip(mirrored, 0, np.maximum(mean[valley:], 0)) / total
    return ZeroLossPeak(centre, float(energies[valley]), shape / total, tail, width * scale)


def _end(energies: Floats, mean: Floats, centre: float, top: int, width: int) -> int:
    """First channel in which the peak, as its other side has it, is less than what is behind.

    At most the valley: where the smoothed spectrum stops falling.
    """
    smooth = uniform_filter1d(mean, max(3, 2 * (width // 2) + 1), mode="nearest")
    first = top + max(width, 2)
    last = min(first + 13 * width + 10, len(mean) - 2)
    rising = np.flatnonzero(np.diff(smooth[first + width : last]) >= 0)
    valley = first + width + int(rising[0]) if len(rising) else last
    mirrored = np.interp(2 * centre - energies[first:valley], energies, mean)
    small = np.flatnonzero(mirrored < SMALL * mean[first:valley])
    return first + int(small[0]) if len(small) else valley


def clipped(sample: Floats, energies: Floats) -> str:
    """Why the zero-loss peak seems clipped or saturated; empty where it does not.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Low-loss spectra as recorded.
    energies : array, shape (channels,)
    """
    greatest = sample.max(1)
    ceiling = float(greatest.max())
    at_ceiling = greatest >= ceiling * (1 - 1e-6)
    several = np.sum(sample >= ceiling * (1 - 1e-6)) > at_ceiling.sum()
    if ceiling >= LEAST_CEILING and len(sample) > 1 and at_ceiling.sum() > 1:
        share = float(at_ceiling.mean())
        if share > CLIPPED_SHARE and (several or at_ceiling.sum() > 5):
            return f"{100 * share:.0f} % of the peaks end at the same value, {ceiling:g}"
    if ceiling >= LEAST_CEILING and len(sample) == 1 and np.sum(sample == ceiling) > 1:
        return f"several channels hold the greatest value, {ceiling:g}"
    flat, half = (_width_above(sample, part * greatest) for part in (0.95, 0.5))
    wide = half >= 6  # of fewer channels the share is too coarse
    noise = np.sqrt(np.maximum(greatest, 1)) < 0.01 * greatest
    judged = wide & noise
    if judged.sum() > 0.5 * len(sample) and np.median(flat[judged] / half[judged]) > FLAT_TOP:
        return "its top is flat"
    return ""


def _width_above(sample: Floats, level: Floats) -> NDArray[np.intp]:
    """Channels about the greatest value of each row that are above a level."""
    above = sample > level[:, None]
    number = np.arange(sample.shape[1])
    top = sample.argmax(1)[:, None]
    # the peak ends at the first channel on either side that is not
    left = np.where(~above & (number < top), number, -1).max(1)
    right = np.where(~above & (number > top), number, sample.shape[1]).min(1)
    return np.asarray(right - left - 1)


def centre_finder(energies: Floats, peak: ZeroLossPeak) -> Callable[[Floats], Floats]:
    """What finds the channel of each spectrum's zero-loss peak, NaN where there is none."""
    scale = float(np.median(np.diff(energies)))
    near = np.flatnonzero(np.abs(energies - peak.centre) <= max(SEARCH, 3 * peak.fwhm))
    window = slice(near[0], near[-1] + 1)
    channel = np.arange(len(energies), dtype=float)[window]
    width = max(round(peak.fwhm / scale), 1)

    def centres(spectra: Floats) -> Floats:
        inside = np.maximum(spectra[:, window], 0)
        half = 0.5 * inside.max(1, keepdims=True)
        # the first peak of those that reach half the maximum: a thick specimen's plasmon may too
        first = np.argmax(inside >= np.maximum(half, 1e-30), axis=1)[:, None]
        offset = np.arange(inside.shape[1]) - first
        # the upper half of the peak only: its tails hold the phonons and the noise
        upper = np.where((offset >= -width) & (offset <= 2 * width), inside - half, 0)
        upper = np.maximum(upper, 0)
        total = upper.sum(1)
        return np.where(total > 0, upper @ channel / np.where(total > 0, total, 1), np.nan)

    return centres


def whole_channels(centres: Floats) -> NDArray[np.intp]:
    """Channels by which spectra are to be moved so that their zero-loss peaks line up."""
    known = np.isfinite(centres)
    reference = float(np.median(centres[known])) if known.any() else 0.0
    moved = np.rint(np.where(known, reference - centres, 0)).astype(int)
    # one channel either way is the noise of a narrow peak, and within reach of `positions`
    return moved if np.abs(moved).max() > 1 else np.zeros_like(moved)


def position_scores(
    energies: Floats, mean: Floats, peak: ZeroLossPeak
) -> tuple[NDArray[np.intp], Floats, float]:
    """What each channel says about the position of the peak, by maximum likelihood.

    A spectrum's product with row k is the slope of its likelihood at an offset of ``OFFSETS[k]``
    channels; its zero is the peak's position.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
        Of spectra lined up to a channel.
    peak : ZeroLossPeak

    Returns
    -------
    channels : int array, shape (near,)
    scores : array, shape (offsets, near)
    information : float
        Of one Poisson count in these channels on the position, in 1/channels squared.

    References
    ----------
    H. Cramer, Mathematical Methods of Statistics (1946), ch. 32 (the efficient score).
    """
    near = np.flatnonzero(np.abs(energies - peak.centre) <= peak.fwhm + 1e-9)
    near = np.arange(max(near[0] - 1, 0), min(near[-1] + 2, len(mean)))
    level = np.maximum(mean, 1e-4 * mean.max())
    log_shape = CubicSpline(np.arange(len(mean)), np.log(level))
    at = near - OFFSETS[:, None]
    slope, shape = -log_shape(at, 1), np.exp(log_shape(at))
    # the counts of the pixel are free: only the shape tells
    scores = slope - np.sum(slope * shape, 1, keepdims=True) / shape.sum(1, keepdims=True)
    middle = len(OFFSETS) // 2
    information = np.average(scores[middle] ** 2, weights=shape[middle])
    return near, scores, float(information)


def positions(slopes: Floats) -> Floats:
    """Offset in channels at which each row of likelihood slopes falls through zero.

    Parameters
    ----------
    slopes : array, shape (pixels, offsets)
        Products of spectra and `position_scores`.
    """
    positive = slopes > 0
    last = np.clip(positive.sum(1) - 1, 0, len(OFFSETS) - 2)
    rows = np.arange(len(slopes))
    before, after = slopes[rows, last], slopes[rows, last + 1]
    fall = np.where(before > after, before - after, 1.0)
    part = np.where(before > after, np.clip(before / fall, 0, 1), 0.5)
    step = OFFSETS[1] - OFFSETS[0]
    return np.asarray(OFFSETS[last] + part * step)
