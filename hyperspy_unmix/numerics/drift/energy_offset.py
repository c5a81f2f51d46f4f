"""By how much the energies of two spectrum images of the same components differ."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

MOST = 10.0  # channels
STEP = 0.25


def resampled(spectra: Floats, energies: Floats, asked: Floats) -> Floats:
    """Rows of ``spectra`` at other energies (cubic spline); beyond their ends as at the ends."""
    order = np.argsort(energies)
    known = energies[order]
    return np.asarray(
        CubicSpline(known, spectra[:, order], axis=1)(np.clip(asked, known[0], known[-1]))
    )


def energy_offset(
    measured: LowRank, at: Floats, spectra: Floats, energies: Floats
) -> tuple[float, float]:
    """Offset of the energies at which spectra that are known appear in a compressed image.

    The offset at which combinations of the known spectra leave least of the image (variable
    projection, a grid and Brent's method), and its standard deviation from the curvature there.

    Parameters
    ----------
    measured : LowRank
    at : array, shape (channels,)
        Its energies.
    spectra : array, shape (components, any)
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
    step = float(np.median(np.diff(at)))
    white = measured.whitening.whiten(measured.components)
    moment = measured.second_moment() * len(measured.scores)

    def left(offset: float) -> float:
        moved = resampled(spectra, energies, at - offset * step)
        basis = np.linalg.qr(measured.whitening.whiten(moved).T)[0]
        beside = white - (white @ basis) @ basis.T
        return float(np.sum(moment * (beside @ beside.T)))

    grid = np.arange(-MOST, MOST + STEP / 2, STEP)
    best = grid[int(np.argmin([left(x) for x in grid]))]
    found = minimize_scalar(left, bounds=(best - STEP, best + STEP), method="bounded").x
    curvature = (left(found + STEP) + left(found - STEP) - 2 * left(found)) / STEP**2
    return float(found), float(np.sqrt(2 / max(curvature, 1e-12)))
