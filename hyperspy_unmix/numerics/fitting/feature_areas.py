"""How much of a spectrum is in an X-ray line or behind an edge, over what is beside it."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Mask

LEAST_CHANNELS = 2  # of each of the windows


def line_areas(
    energies: Floats, spectra: Floats, variance: Floats, centre: float, width: float
) -> tuple[Floats, Floats]:
    """Area of a line over the level on both sides of it, and its standard deviation.

    Parameters
    ----------
    energies : array, shape (channels,)
    spectra, variance : array, shape (spectra, channels)
    centre, width : float
        Of the line; its full width at half maximum.

    Returns
    -------
    areas, errors : array, shape (spectra,)
        Sums over channels; zero and infinite where the line is not in the range.
    """
    distance = np.abs(energies - centre)
    return _over_level(spectra, variance, distance <= 0.6 * width, _between(distance, width))


def edge_areas(
    energies: Floats, spectra: Floats, variance: Floats, onset: float, width: float
) -> tuple[Floats, Floats]:
    """Area within ``width`` behind an edge over the level before it; as `line_areas`."""
    behind = energies - onset
    before = (behind > -1.5 * width) & (behind <= -0.5 * width)
    return _over_level(spectra, variance, (behind >= 0) & (behind < width), before)


def _between(distance: Floats, width: float) -> Mask:
    return np.asarray((distance > width) & (distance <= 2 * width))


def _over_level(
    spectra: Floats, variance: Floats, inside: Mask, beside: Mask
) -> tuple[Floats, Floats]:
    """Sum inside a window over the mean level beside it."""
    known = np.isfinite(spectra).all(0) & np.isfinite(variance).all(0)
    inside, beside = inside & known, beside & known
    n_inside, n_beside = int(inside.sum()), int(beside.sum())
    if min(n_inside, n_beside) < LEAST_CHANNELS:
        return np.zeros(len(spectra)), np.full(len(spectra), np.inf)
    areas = spectra[:, inside].sum(1) - n_inside * spectra[:, beside].mean(1)
    of_level = variance[:, beside].sum(1) / n_beside**2
    return areas, np.sqrt(variance[:, inside].sum(1) + n_inside**2 * of_level)
