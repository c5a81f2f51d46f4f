"""The peak at 0 keV that the electronics of an X-ray detector make: where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from hyperspy_unmix.numerics.types import Floats, Index, Mask

# X-rays have no negative energies, and the lowest line that is recorded is Li K at 54 eV; an axis
# may be some tens of eV off.
LOWEST_CENTRE, HIGHEST_CENTRE = -150.0, 45.0  # eV
WIDEST_SIGMA = 80.0  # eV, of the noise of the electronics alone: it is 15 to 50 usually
BIN_WIDTH = 10.0  # eV; narrower channels are added up
WIDEST_CHANNEL = 50.0  # eV; wider ones do not show the shape of a peak
FURTHEST_BEFORE, FURTHEST_BEHIND = 150.0, 300.0  # eV from its top, that are compared with shapes
SIGMAS_OF_RISE = 5.0  # above the minimum, where a line begins
WIDTHS_TO_END = 6.0  # standard deviations of the peak behind its centre
LEAST_EVIDENCE = 36.0  # of chi-square, for a peak: 6 standard deviations
LEAST_EVIDENCE_OF_SHAPE = 16.0  # of chi-square, against a hump or a continuum that grows to 0 keV
SHAPE_ERROR = 0.01  # of the peak's height, that it may be off a Gaussian in every bin
BINS_OF_LIKE_NOISE = 3

# Shapes that are compared: beyond what is taken for the peak, so that another one can be told.
CENTRES_ABOUT_TOP = np.arange(-60.0, 60.1, 2.5)  # eV
SIGMAS = np.geomspace(6.0, 300.0, 45)  # eV
FALLS = np.geomspace(4.0, 400.0, 40)  # eV, of an exponential, or in which 1/E falls to one half


@dataclass(frozen=True)
class ZeroPeak:
    """The peak of electronic noise in an X-ray spectrum.

    Parameters
    ----------
    centre, sigma : float
        In eV.
    is_whole : bool
        Whether both flanks are on the axis, so that the centre is known and not supposed.
    n_channels : int
        Channels from the start of the axis up to where it ends.
    """

    centre: float
    sigma: float
    is_whole: bool
    n_channels: int


def find_zero_peak(energies: Floats, counts: Floats, variance: Floats) -> ZeroPeak | None:
    """Find a peak at 0 keV and where it ends.

    It stands out of its noise, is as narrow as electronic noise is, and has the shape of a Gaussian
    (or of a part of one, where a discriminator or the axis cuts it) rather than that of a continuum
    that grows to low energies.

    Parameters
    ----------
    energies : array, shape (channels,)
        In eV, rising.
    counts, variance : array, shape (channels,)
        Of all pixels together.

    Returns
    -------
    ZeroPeak, optional
        None if there is none.
    """
    spacing = np.diff(energies)
    if len(energies) < 2 or spacing.min() <= 0 or np.median(spacing) > WIDEST_CHANNEL:
        return None
    per_bin = max(1, int(BIN_WIDTH / np.median(spacing) + 1e-6))
    x, y, noise = _in_bins(energies, counts, variance, per_bin)
    may_be_top = np.flatnonzero((x >= LOWEST_CENTRE) & (x <= HIGHEST_CENTRE))
    if len(may_be_top) == 0:
        return None
    top = int(may_be_top[np.argmax(y[may_be_top])])
    behind = _up_to_first_line(x, y, noise, top)
    if len(behind) == 0 or y[top] <= 0:
        return None
    near = slice(
        int(np.searchsorted(x, x[top] - FURTHEST_BEFORE)), int(behind[np.argmin(y[behind])]) + 1
    )
    shape = _as_gaussian(x[near], y[near] / y[top], noise[near] / y[top] ** 2, x[top])
    if shape is None:
        return None
    centre, sigma, is_whole = shape
    close = behind[x[behind] <= max(max(centre, 0) + WIDTHS_TO_END * sigma, x[behind[0]])]
    end = int(close[y[close] == y[close].min()][-1])
    return ZeroPeak(centre, sigma, is_whole, (end + 1) * per_bin)


def _in_bins(
    energies: Floats, counts: Floats, variance: Floats, per_bin: int
) -> tuple[Floats, Floats, Floats]:
    """Mean energies, counts and variances of every ``per_bin`` channels; a rest is left out."""
    n_bins = len(energies) // per_bin
    bins = np.stack([energies, counts, variance])[:, : n_bins * per_bin]
    mean, summed, its_variance = bins.reshape(3, n_bins, per_bin).sum(2)
    return mean / per_bin, summed, its_variance


def _up_to_first_line(x: Floats, y: Floats, noise: Floats, top: int) -> Index:
    """Bins above the peak that are not yet those of a line.

    They begin where no peak at 0 keV can have its top, so that a dip between two (of detectors that
    are not at the same energy) does not count.
    """
    first = max(top + 1, int(np.searchsorted(x, HIGHEST_CENTRE, side="right")))
    last = int(np.searchsorted(x, max(x[top], 0.0) + FURTHEST_BEHIND, side="right"))
    behind = np.arange(first, last)
    if len(behind) == 0:
        return behind
    is_least = y[behind] <= np.minimum.accumulate(y[behind])
    least = behind[np.maximum.accumulate(np.where(is_least, np.arange(len(behind)), 0))]
    error = np.sqrt(noise[behind] + noise[least])
    rises = y[behind] - y[least] > SIGMAS_OF_RISE * error
    return behind[: int(np.argmax(rises))] if rises.any() else behind


def _as_gaussian(
    x: Floats, y: Floats, noise: Floats, top: float
) -> tuple[float, float, bool] | None:
    """Centre and width of the Gaussian that the bins hold, and if it is whole; None without one.

    ``y`` is in units of the peak's height. Gaussians, whole and cut off below ``top`` or the first
    bin that holds counts, are compared with falling continua that begin there.
    """
    filled = np.flatnonzero(y > 0)
    starts = {0, int(filled[0]) if len(filled) else 0, int(np.searchsorted(x, top))}
    parts = [np.arange(len(x)) >= start for start in sorted(starts)]
    centre, sigma = (grid.ravel() for grid in np.meshgrid(top + CENTRES_ABOUT_TOP, SIGMAS))
    gaussians = np.exp(-(((x - centre[:, None]) / sigma[:, None]) ** 2) / 2)
    continua = np.concatenate([_continua(x, part) for part in parts])

    # The variance of few counts is not known from one bin.
    noise = np.maximum(noise, uniform_filter1d(noise, BINS_OF_LIKE_NOISE))
    weight = 1 / (noise + SHAPE_ERROR**2)

    def least_squares(shapes: Floats) -> Floats:
        return np.asarray(np.min([_chi_square(shapes, floor, y, weight) for floor in parts], 0))

    of_whole = least_squares(gaussians)
    of_gaussians = np.min([of_whole] + [least_squares(gaussians * part) for part in parts], axis=0)
    is_wide = sigma > WIDEST_SIGMA
    of_others = min(least_squares(continua).min(), of_gaussians[is_wide].min())
    best = int(np.argmin(np.where(is_wide, np.inf, of_gaussians)))
    without = least_squares(np.zeros((1, len(x)))).min()
    is_peak = of_gaussians[best] + LEAST_EVIDENCE < without
    is_peak &= of_gaussians[best] + LEAST_EVIDENCE_OF_SHAPE < of_others
    if not is_peak or centre[best] > HIGHEST_CENTRE:
        return None
    is_whole = of_whole[best] < of_gaussians[best] + LEAST_EVIDENCE_OF_SHAPE
    is_whole &= x[0] < centre[best] - sigma[best]
    return float(centre[best]), float(sigma[best]), bool(is_whole)


def _continua(x: Floats, part: Mask) -> Floats:
    """Exponentials, and 1/E, that fall from the start of a part on, shape (shapes, bins)."""
    distance = np.maximum(x - x[part][0], 0) / FALLS[:, None]
    return np.asarray(part * np.concatenate([np.exp(-distance), 1 / (1 + distance)]))


def _chi_square(shapes: Floats, floor: Mask, y: Floats, weight: Floats) -> Floats:
    """Amount of every shape beside a floor, neither of which is negative, shape (shapes,)."""
    of_shapes, of_floor = (shapes**2) @ weight, float(weight[floor].sum())
    both = shapes @ (weight * floor)
    y_shapes, y_floor = shapes @ (weight * y), float((weight * y)[floor].sum())
    gain_of_floor = max(y_floor, 0) ** 2 / of_floor
    tiny = np.finfo(float).tiny
    gain_of_shape = np.maximum(y_shapes, 0) ** 2 / np.maximum(of_shapes, tiny)
    determinant = of_shapes * of_floor - both**2
    height = y_shapes * of_floor - y_floor * both
    level = y_floor * of_shapes - y_shapes * both
    # What both together explain counts only where neither is negative.
    are_positive = (determinant > 1e-9 * of_shapes * of_floor) & (height > 0) & (level > 0)
    gain_of_both = (height * y_shapes + level * y_floor) / np.maximum(determinant, tiny)
    gain = np.maximum(gain_of_floor, gain_of_shape)
    return np.asarray(weight @ y**2 - np.where(are_positive, gain_of_both, gain))
