"""The shape of what one pixel has alone: whether a detector can have drawn it.

A detector draws every spectrum, however sharp its lines, as a sum of its own line shape: smooth
flanks, and no dip or step within less than its resolution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.optimize import nnls

from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .filling import LEAST_RELATIVE_SIGMA
from .local_noise import LocalNoise
from .spike_candidates import FLANK

SIGMAS_OF_END = 3.0  # above which a channel next to others belongs to them
LONGEST_TRACK = 14  # channels
HALF_WINDOW = LONGEST_TRACK + FLANK
NARROWEST_LINE = 2.4  # FWHM in channels; lines of single pixels that are narrower count as spikes
LINES_PER_CHANNEL = 2  # of the sums that stand for any spectrum
LEAST_MISFIT = 0.1  # share of a track that no sum of lines has; a Lorentzian leaves 0.03
ERROR_OF_LINE_SHAPE = 0.03  # of its height
CHANCE_EXPONENT = 8.0  # what a pixel has alone is as far from the best sum once in exp(8)
CHANNELS_BESIDE = 2  # on both sides of a track, which show how abruptly it ends
OFFSETS = np.arange(-HALF_WINDOW, HALF_WINDOW + 1)
CENTRES = np.arange(
    OFFSETS[0] - NARROWEST_LINE, OFFSETS[-1] + NARROWEST_LINE, 1 / LINES_PER_CHANNEL
)
LINES = np.exp(-4 * np.log(2) * (np.subtract.outer(OFFSETS, CENTRES) / NARROWEST_LINE) ** 2)
IS_FLANK = np.abs(OFFSETS) > LONGEST_TRACK


class Feature(NamedTuple):
    """What a pixel has and those beside it have not: its channels, and its height in each."""

    is_run: Mask
    excess: Floats
    noise: Floats


def own_feature(window: Floats, usual: Floats, channels: Index, noise: LocalNoise) -> Feature:
    """What the pixel has beyond a line and the neighbours' shape, as its flanks have them."""
    known = np.isfinite(window)
    near = IS_FLANK & known
    power = float(usual[near] @ usual[near])
    scale = max(float(usual[near] @ window[near]) / power, 0.0) if power > 0 else 0.0
    rest = window - scale * usual
    levels = [
        np.median(rest[near & side]) for side in (OFFSETS < 0, OFFSETS > 0) if near[side].any()
    ]
    middle = LONGEST_TRACK + (FLANK + 1) / 2
    line = np.interp(OFFSETS, [-middle, middle], [levels[0], levels[-1]])
    excess = np.where(known, rest - line, 0)

    sigma = _noise_at(np.where(known, np.maximum(window, usual), 0), channels, noise)
    return Feature(_run_about_middle(excess > SIGMAS_OF_END * sigma), excess, sigma)


def _run_about_middle(is_high: Mask) -> Mask:
    """The middle, and what is next to it without a gap of more than one channel."""
    is_run = np.zeros(len(is_high), bool)
    is_run[HALF_WINDOW] = True
    for side in (-1, 1):
        last = HALF_WINDOW
        for step in range(1, HALF_WINDOW + 1):
            place = HALF_WINDOW + side * step
            if is_high[place] and abs(place - last) <= 2:
                last = place
        first, end = sorted((HALF_WINDOW, last))
        is_run[first : end + 1] = True
    return is_run


def is_real(
    feature: Feature,
    window: Floats,
    recorded: Floats,
    usual: Floats,
    channels: Index,
    noise: LocalNoise,
) -> bool:
    """Whether it is a spectrum, as recorded or once spikes are replaced (``window``)."""
    of_spikes = feature.is_run & (window != recorded)
    if not of_spikes.any():
        return _is_spectrum(feature, window, usual, channels, noise)
    as_recorded = own_feature(recorded, usual, channels, noise)
    if _is_spectrum(as_recorded, recorded, usual, channels, noise):
        return True
    # Two spikes do not meet on one line by chance: they were parts of a track.
    is_by_chance = _number_of_groups(of_spikes) == 1
    return is_by_chance and _is_spectrum(feature, window, usual, channels, noise)


def _is_spectrum(
    feature: Feature, window: Floats, usual: Floats, channels: Index, noise: LocalNoise
) -> bool:
    """Whether lines as wide as detectors draw them add up to it, within errors and noise."""
    known = np.isfinite(window)
    # A level below would let lines take any shape: they would be ripples of a bright background.
    lowest = window[known].min()
    fit = _best_sum_of_lines(window - lowest, usual, known, feature.noise)
    if fit is None:
        return True
    fitted, centres = fit
    place = np.flatnonzero(feature.is_run)
    near = slice(max(place[0] - CHANNELS_BESIDE, 0), place[-1] + CHANNELS_BESIDE + 1)
    misfit = np.where(known, window - lowest - fitted, 0)[near]
    share = np.linalg.norm(misfit) / np.linalg.norm(feature.excess[feature.is_run])

    sigma = _noise_at(np.maximum(fitted + lowest, usual), channels, noise)[near]
    least_sigma = LEAST_RELATIVE_SIGMA * feature.excess.max()
    chi_square = np.sum((misfit / np.maximum(sigma, least_sigma)) ** 2)
    # Tail of chi-square, doi:10.1214/aos/1015957395, lemma 1.
    is_near = (centres >= OFFSETS[near][0]) & (centres <= OFFSETS[near][-1])
    n = max(len(misfit) - is_near.sum(), 1)
    most_by_chance = n + 2 * np.sqrt(n * CHANCE_EXPONENT) + 2 * CHANCE_EXPONENT
    return bool(share < LEAST_MISFIT or chi_square < most_by_chance)


def _best_sum_of_lines(
    over_lowest: Floats, usual: Floats, known: Mask, noise: Floats
) -> tuple[Floats, Floats] | None:
    """What lines, the neighbours' shape and a slope add up to at best, and where the lines are.

    None if that is not to be found. Lines are as wide as the narrowest, of which wider ones are
    sums.
    """
    ramp = (OFFSETS - OFFSETS[0]) / (OFFSETS[-1] - OFFSETS[0])
    usual_size = max(float(np.abs(usual).max()), np.finfo(float).tiny)
    size = over_lowest[known].max()
    parts = size * np.column_stack([usual / usual_size, ramp, 1 - ramp, LINES])

    # A detector's lines are not quite those; a line may be higher between the channels.
    level = maximum_filter1d(np.where(known, over_lowest, 0), 3)
    sigma = np.hypot(noise, ERROR_OF_LINE_SHAPE * level)[known]
    sigma = np.maximum(sigma, LEAST_RELATIVE_SIGMA * size)
    try:
        amounts, _ = nnls(parts[known] / sigma[:, None], over_lowest[known] / sigma)
    except RuntimeError:  # no convergence, as where the fit is exact
        return None
    n_others = parts.shape[1] - len(CENTRES)
    return np.asarray(parts @ amounts), CENTRES[amounts[n_others:] > 0]


def _noise_at(level: Floats, channels: Index, noise: LocalNoise) -> Floats:
    """Standard deviation at this level; one event more, for where next to none are expected."""
    return np.asarray(np.sqrt(noise.variance_at(channels, level) + noise.event_size**2))


def _number_of_groups(is_marked: Mask) -> int:
    """How many runs of neighbouring channels are marked."""
    return int((np.diff(is_marked.astype(int), prepend=0) == 1).sum())
