"""How many pixels' counts one low loss for all holds: its end, continued to the core loss."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

CHANNELS_COMPARED = 8  # at least, at the end of the low loss and the start of the core loss
POWER_ERROR, FACTOR_ERROR = 1.0, 2.0  # of the power law continued, and of its level
LEAST_FACTOR_IN_ERRORS = 2.5  # of the logarithm of the number of pixels
USUAL_POWER = 3.0  # of inelastic spectra, where the low loss is too short to show it
POWER_LIMITS = (1.5, 6.0)


def pixels_in_one(
    low: Floats, low_energies: Floats, core: Floats, core_energies: Floats, pixels: int
) -> int | None:
    """Whether a low loss holds the counts of one pixel or of all.

    The spectrum goes on as a power law from the end of the low loss to the start of the core loss.
    A sum over a map is off by the number of its pixels, which no power law of inelastic spectra
    is off by if the gap is not too wide.

    Parameters
    ----------
    low, core : array, shape (channels,)
        Counts of the low loss as if of the core loss's exposure, and mean counts of its pixels; per
        eV.
    low_energies, core_energies : array, shape (channels,)
        In eV, rising.
    pixels : int
        Of the core loss's scan.

    Returns
    -------
    int or None
        1 or ``pixels``; None where it cannot be told.
    """
    n, m = max(len(low) // 16, CHANNELS_COMPARED), max(len(core) // 64, CHANNELS_COMPARED)
    if pixels < 2 or len(low) < 2 * n or len(core) < m:
        return None
    first, last, start = low[-2 * n : -n].mean(), low[-n:].mean(), core[:m].mean()
    if min(first, last, start) <= 0:
        return None
    before, end = float(low_energies[-2 * n : -n].mean()), float(low_energies[-n:].mean())
    at = float(core_energies[:m].mean())
    if not 0 < before < end or at <= 0:
        return None
    gap = float(np.log(at / end))
    power = float(np.clip(np.log(first / last) / np.log(end / before), *POWER_LIMITS))
    # Among the plasmons the slope says nothing of what follows.
    power = power if gap < 1 else USUAL_POWER
    error = float(np.log(FACTOR_ERROR) + POWER_ERROR * abs(gap))
    ratio = float(np.log(last / start) - power * gap)
    of_all = float(np.log(pixels))
    if of_all < LEAST_FACTOR_IN_ERRORS * error:
        return None
    if abs(ratio) < error:
        return 1
    return pixels if abs(ratio - of_all) < error else None
