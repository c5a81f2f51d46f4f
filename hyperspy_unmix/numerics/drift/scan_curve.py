"""A smooth curve along the scan through noisy values, and what of them departs from it for real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline

from hyperspy_unmix.numerics.types import Floats

COEFFICIENTS_TRIED = (1, 4, 5, 6, 8, 10, 13, 17, 22, 29, 38, 50)  # numbers of them
MOST_BINS = 1024  # along the scan, in which values are averaged before curves are tried
SIGMAS_OF_JITTER = 3.0  # by which the scatter must exceed its error to be more than that


@dataclass(frozen=True)
class ScanCurve:
    """Values along the scan, smoothed as far as their errors allow.

    Parameters
    ----------
    values, error : array, shape (any,)
        At the times asked for; ``error`` is one standard deviation.
    smooth : array, shape (any,)
        The curve without what departs from it.
    coefficients : int
        Of the smooth curve.
    scatter : float
        Standard deviation of what departs from the curve beyond the errors; zero if nothing does.
    criterion : float
        That of Hannan and Quinn: of the same values in two orders of time the one with the lower
        criterion has the smoother course.
    """

    values: Floats
    error: Floats
    smooth: Floats
    coefficients: int
    scatter: float
    criterion: float = np.inf


def spline_basis(time: Floats, number: int) -> Floats:
    """Cubic B-splines on [0, 1], shape (times, number); fewer than four are polynomials."""
    if number < 4:
        return np.asarray(np.vander(2 * time - 1, number, increasing=True))
    knots = np.r_[[0.0] * 3, np.linspace(0, 1, number - 2), [1.0] * 3]
    return np.asarray(BSpline.design_matrix(np.clip(time, 0, 1), knots, 3).toarray())


def scan_curve(time: Floats, values: Floats, error: Floats, at: Floats | None = None) -> ScanCurve:
    """Smooth values along the scan.

    Cubic splines with as many coefficients as the criterion of Hannan and Quinn supports. What
    departs from the curve by more than the errors explain is kept in proportion to its share of
    the scatter (empirical Bayes), so that jumps of single pixels stay where they can be measured.

    Parameters
    ----------
    time : array, shape (n,)
        From 0 to 1, in the order of the scan.
    values, error : array, shape (n,)
        NaN where there is no value.
    at : array, shape (any,), optional
        Other times at which the smooth curve is wanted, without what departs from it.

    Returns
    -------
    ScanCurve
        Zero with infinite error where no value is known.

    References
    ----------
    E. J. Hannan, B. G. Quinn, J. R. Stat. Soc. B 41 (1979) 190,
    https://doi.org/10.1111/j.2517-6161.1979.tb01072.x;
    B. Efron, C. Morris, J. Am. Stat. Assoc. 70 (1975) 311,
    https://doi.org/10.1080/01621459.1975.10479864
    """
    known = np.isfinite(values) & np.isfinite(error) & (error > 0)
    wanted = time if at is None else at
    n = int(known.sum())
    if n == 0:
        zero = np.zeros(len(wanted))
        return ScanCurve(zero, np.full(len(wanted), np.inf), zero, 0, 0.0)
    binned = _bin_neighbours(time[known], values[known], error[known])
    spline = _fit_spline(binned, n)
    number, degrees = len(spline.coefficients), spline.degrees_of_freedom

    # Scatter about the curve that the errors do not explain is that of the values themselves.
    excess = spline.rest - degrees
    scatter2 = 0.0
    if excess > SIGMAS_OF_JITTER * np.sqrt(2 * max(degrees, 1)):
        scatter2 = excess / float(binned.weight.sum())
    scatter = float(np.sqrt(scatter2))

    # The curve where it is wanted; its error is not smaller than its scatter tells.
    basis = spline_basis(wanted, number)
    curve = basis @ spline.coefficients
    scale = max(spline.rest / max(degrees, 1), 1.0)
    variance = np.sum((basis @ spline.inverse) * basis, 1) * scale
    if scatter2 == 0 or at is not None:
        return ScanCurve(curve, np.sqrt(variance), curve, number, scatter, spline.criterion)

    # Each value keeps a share of its departure: that of the scatter in scatter and own variance.
    own_variance = np.where(known, error, np.inf) ** 2
    share = scatter2 / (scatter2 + own_variance)
    departure = np.where(known, share * (np.where(known, values, 0) - curve), 0)
    own_part = share * np.where(known, error, 0) ** 2
    departure_variance = np.where(np.isfinite(own_variance), own_part, scatter2)
    total_error = np.sqrt((1 - share) ** 2 * variance + departure_variance)
    values = curve + departure
    return ScanCurve(values, total_error, curve, number, scatter, spline.criterion)


class _Binned(NamedTuple):
    """Weighted means of neighbours: their times, values, weights, and the squares within them."""

    time: Floats
    values: Floats
    weight: Floats
    within: float


def _bin_neighbours(time: Floats, values: Floats, error: Floats) -> _Binned:
    """Average neighbours to `MOST_BINS` values at most."""
    weight = 1 / error**2
    starts = np.arange(0, len(time), -(-len(time) // MOST_BINS))
    total = np.add.reduceat(weight, starts)
    means = np.add.reduceat(weight * values, starts) / total
    within = float(np.sum(weight * values**2) - np.sum(total * means**2))
    times = np.add.reduceat(weight * time, starts) / total
    return _Binned(times, means, total, max(within, 0.0))


@dataclass(frozen=True)
class _Spline:
    """A smooth curve fitted by weighted least squares.

    ``inverse`` is that of the normal equations, the covariance of the coefficients for values of
    unit weight; ``rest`` the weighted squares that it leaves of ``n`` values.
    """

    coefficients: Floats
    inverse: Floats
    rest: float
    n: int

    @property
    def degrees_of_freedom(self) -> int:
        """Values more than coefficients."""
        return self.n - len(self.coefficients)

    @property
    def criterion(self) -> float:
        """Least for as many coefficients as the values support (Hannan and Quinn)."""
        penalty = 2 * len(self.coefficients) * np.log(np.log(self.n + 2))
        return float(self.n * np.log(max(self.rest, 1e-300) / self.n) + penalty)


def _fit_spline(binned: _Binned, n: int) -> _Spline:
    """The spline with as many coefficients as ``n`` values support."""
    splines = []
    for number in COEFFICIENTS_TRIED:
        if number > 1 and 2 * number > len(binned.time):
            break
        basis = spline_basis(binned.time, number)
        root = np.sqrt(binned.weight)[:, None]
        inverse = np.linalg.pinv((basis * root).T @ (basis * root))
        coefficients = inverse @ (basis.T @ (binned.values * binned.weight))
        residual = binned.values - basis @ coefficients
        rest = binned.within + float(np.sum(binned.weight * residual**2))
        splines.append(_Spline(coefficients, inverse, rest, n))
    return min(splines, key=lambda spline: spline.criterion)
