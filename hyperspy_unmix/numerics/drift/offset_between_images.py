"""By how much the energies of two spectrum images of the same components differ."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

MOST_OFFSET_CHANNELS = 10.0
GRID_STEP_CHANNELS = 0.25


def resample(spectra: Floats, energies: Floats, new_energies: Floats) -> Floats:
    """Rows of ``spectra`` at other energies (cubic spline); beyond their ends as at the ends."""
    order = np.argsort(energies)
    ordered = energies[order]
    inside = np.clip(new_energies, ordered[0], ordered[-1])
    return np.asarray(CubicSpline(ordered, spectra[:, order], axis=1)(inside))


def energy_offset(
    measured: LowRank, measured_energies: Floats, spectra: Floats, energies: Floats
) -> tuple[float, float]:
    """Offset of the energies at which spectra that are known appear in a compressed image.

    The offset at which combinations of the known spectra leave least of the image (variable
    projection, a grid and Brent's method), and its standard deviation from the curvature there.

    Parameters
    ----------
    measured : LowRank
    measured_energies : array, shape (channels,)
        Its energies.
    spectra : array, shape (components, any)
        The known spectra.
    energies : array, shape (any,)
        Of the known spectra.

    Returns
    -------
    offset, error : float
        In channels of the image; the energies of the image are too high by the offset.

    References
    ----------
    G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, https://doi.org/10.1137/0710036
    """
    channel_width = float(np.median(np.diff(measured_energies)))
    white = measured.whitening.whiten(measured.components)
    moment = measured.second_moment() * len(measured.scores)

    def squares_left(offset: float) -> float:
        moved = resample(spectra, energies, measured_energies - offset * channel_width)
        basis = np.linalg.qr(measured.whitening.whiten(moved).T)[0]
        unexplained = white - (white @ basis) @ basis.T
        return float(np.sum(moment * (unexplained @ unexplained.T)))

    step = GRID_STEP_CHANNELS
    grid = np.arange(-MOST_OFFSET_CHANNELS, MOST_OFFSET_CHANNELS + step / 2, step)
    best = grid[int(np.argmin([squares_left(offset) for offset in grid]))]
    bounds = (best - step, best + step)
    offset = minimize_scalar(squares_left, bounds=bounds, method="bounded").x
    change = squares_left(offset + step) + squares_left(offset - step) - 2 * squares_left(offset)
    curvature = change / step**2
    return float(offset), float(np.sqrt(2 / max(curvature, 1e-12)))
