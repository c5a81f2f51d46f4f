"""Edges before a window: what falls behind them is no background."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .power_law import PowerLaw, relative_noise
from .pre_edge_bumps import FARTHEST, Span

MOST_BENT, MOST_BENT_FAR = 0.1, 0.5  # below its law: just before a window, at half its energy
SIGMAS_BELOW = 5.0
USUAL_EXPONENT = 4.0  # of a background, at most


def rises_before(
    energies: Floats, mean: Floats, window: Span, law: PowerLaw, smoothed: int
) -> bool:
    """Whether an edge rises before a window: its own flank is then no background.

    Before it there is less than half of the law; or less by more than a background bends, and by
    more than what rises behind the window: a detector's first channels may be dark.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
    window : (start, stop)
    law : PowerLaw
        Of the mean spectrum in the window.
    smoothed : int
        Channels of which heights are averages.
    """
    start, stop = window
    if start < smoothed:
        return bool((mean[:start] < MOST_BENT_FAR * law(energies[:start])).any())
    share = mean / law(energies)
    if (share[:start] < MOST_BENT_FAR).any():
        return True
    averaged = np.full(smoothed, 1 / smoothed)
    before = 1 - np.convolve(share[:start], averaged, mode="valid")
    octaves = np.minimum(np.log2(energies[start] / energies[: len(before)]), 1)
    bends = MOST_BENT + (MOST_BENT_FAR - MOST_BENT) * octaves
    noise = relative_noise(share[start:stop]) / smoothed**0.5
    is_below = before > bends + SIGMAS_BELOW * noise
    if not is_below.any():
        return False
    end = int(np.searchsorted(energies, (1 + FARTHEST) * energies[stop - 1]))
    # The flank of a white line is steeper than a background, and what it falls to no edge.
    steeper = max(law.exponent - USUAL_EXPONENT, 0.0)
    share[stop:end] *= (energies[stop:end] / energies[stop - 1]) ** -steeper
    behind = np.convolve(share[stop:end] - 1, averaged, mode="valid")
    return bool(before[is_below].max() > behind.max(initial=0.0))
