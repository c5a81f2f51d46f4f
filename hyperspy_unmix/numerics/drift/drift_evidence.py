"""Whether a curve of shifts is a drift: what it leaves less, and what moves with it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.types import Floats

from .group_shifts import (
    COARSE_WIDTH_CHANNELS,
    END_MARGIN_CHANNELS,
    FINE_WIDTH_CHANNELS,
    _Comparison,
    merge_neighbours,
    shift_share_in_spectra,
)
from .scan_groups import ScanGroups

SIGMAS_OF_SHARE = 3.0  # by which a part of the spectra must follow a drift, or not
WIDEST_EDGE = 60.0  # eV, between the lines of one edge: M4 and M5 of the heaviest lanthanides
LEAST_PART = 0.1  # of what tells of a drift, on either side of where energies are parted
LEAST_CHANNELS_COMPARED = 32
Movement = Literal["together", "one edge", "apart"]


def likelihood_gain(scan: ScanGroups, shift: Floats, rank: int) -> float:
    """Chi-square that ``rank`` components leave less of the groups once a drift is taken out.

    Noise in groups that are smoothed is shared by channels; what fits noise along a smooth spectrum
    gains one for each coefficient of the curve, at most.

    Parameters
    ----------
    scan : ScanGroups
    shift : array, shape (pixels,)
        In channels.
    rank : int
        Components, the same with and without.

    Returns
    -------
    float
        Negative where the spectra without the drift are described better.
    """
    merged, pixels = merge_neighbours(scan.groups, scan.size)
    moved = merge_neighbours(scan.means(shift)[:, None], scan.size)[0][:, 0]
    moved = moved - np.average(moved, weights=pixels)
    comparison = _Comparison(merged, pixels, int(np.ceil(np.abs(moved).max())) + 1)
    channels = comparison.compared.stop - comparison.compared.start
    if channels < LEAST_CHANNELS_COMPARED:
        return 0.0
    aligned = comparison.squares_left(moved, rank)[0]
    before = comparison.squares_left(np.zeros(len(moved)), rank)[0]
    degrees_of_freedom = max(len(merged) * channels - rank * (len(merged) + channels), 1)
    noise_variance = max(aligned / degrees_of_freedom, 1e-300)
    return float((before - aligned) / noise_variance / _noise_shared())


def _noise_shared() -> float:
    """Most power of the noise along one spectrum, over the mean, once groups are filtered."""
    pulse = np.zeros(257)
    pulse[128] = 1
    fine = gaussian_filter1d(pulse, FINE_WIDTH_CHANNELS)
    power = np.abs(np.fft.rfft(fine - gaussian_filter1d(pulse, COARSE_WIDTH_CHANNELS))) ** 2
    return float(power.max() / power.mean())


def quiet_channel(scan: ScanGroups, middle: int) -> int:
    """The channel that parts low and high energies best: far from all that tells of a drift.

    Parameters
    ----------
    scan : ScanGroups
    middle : int
        Where no channel has a tenth of what tells of a drift on either side.

    Returns
    -------
    int
    """
    told = _told_of_shift(scan)
    around = gaussian_filter1d(told, 2 * END_MARGIN_CHANNELS)
    share = np.cumsum(told) / max(float(told.sum()), 1e-300)
    may_be = np.flatnonzero((share > LEAST_PART) & (share < 1 - LEAST_PART))
    return int(may_be[around[may_be].argmin()]) if len(may_be) else middle


def movement(scan: ScanGroups, shift: Floats, energies: Floats) -> Movement:
    """Whether all edges move by the same energy, along a drift found in the spectra.

    Where only one edge tells of it, a change of valence along the scan looks the same.

    Parameters
    ----------
    scan : ScanGroups
    shift : array, shape (pixels,)
        In channels.
    energies : array, shape (channels,)
        In eV.

    Returns
    -------
    {"together", "one edge", "apart"}
    """
    told = _told_of_shift(scan)
    cut = quiet_channel(scan, len(told) // 2)
    shares = [_share(scan, half, shift) for half in (slice(None, cut), slice(cut, None))]
    if any(share + SIGMAS_OF_SHARE * error < 0.5 for share, error in shares):
        return "apart"
    strongest = told[:cut].argmax(), cut + told[cut:].argmax()
    are_two = abs(energies[strongest[1]] - energies[strongest[0]]) > WIDEST_EDGE
    both_follow = all(share - SIGMAS_OF_SHARE * error > 0.5 for share, error in shares)
    return "together" if are_two and both_follow else "one edge"


def _told_of_shift(scan: ScanGroups) -> Floats:
    """Information on a shift in each channel of the mean spectrum, none at its ends."""
    mean = scan.size @ scan.groups / scan.size.sum()
    fine = gaussian_filter1d(mean, FINE_WIDTH_CHANNELS)
    slope = np.gradient(fine - gaussian_filter1d(mean, COARSE_WIDTH_CHANNELS))
    told = slope**2 / np.maximum(mean, max(0.02 * float(np.abs(mean).mean()), 1e-30))
    # The filter sees beyond the ends what is not there.
    ends = int(COARSE_WIDTH_CHANNELS)
    told[:ends], told[-ends:] = 0, 0
    return np.asarray(told)


def _share(scan: ScanGroups, channels: slice, shift: Floats) -> tuple[float, float]:
    """Share of the drift that is in these channels, and its error."""
    part, ordered = scan.select_channels(channels), shift[scan.order]
    return shift_share_in_spectra(part.groups, part.size, ordered, ordered)
