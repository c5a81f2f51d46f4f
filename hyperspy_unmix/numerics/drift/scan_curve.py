"""A smooth curve along the scan through noisy values, and what of them departs from it for real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from hyperspy_unmix.numerics.types import Floats

SIZES = (1, 4, 5, 6, 8, 10, 13, 17, 22, 29, 38, 50)  # numbers of coefficients tried
BINS = 1024
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
    """

    values: Floats
    error: Floats
    smooth: Floats
    coefficients: int
    scatter: float


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

    References
    ----------
    E. J. Hannan, B. G. Quinn, J. R. Stat. Soc. B 41 (1979) 190,
    https://doi.org/10.1111/j.2517-6161.1979.tb01072.x;
    B. Efron, C. Morris, J. Am. Stat. Assoc. 70 (1975) 311,
    https://doi.org/10.1080/01621459.1975.10479864
    """
    known = np.isfinite(values) & np.isfinite(error) & (error > 0)
    n = int(known.sum())
    if n == 0:
        asked = time if at is None else at
        none = np.zeros(len(asked))
        return ScanCurve(none, np.full(len(asked), np.inf), none, 0, 0.0)
    when, means, weight, within = _binned(time[known], values[known], error[known])
    best = None
    for number in (k for k in SIZES if k == 1 or 2 * k <= len(when)):
        inside = spline_basis(when, number)
        root = np.sqrt(weight)[:, None]
        normal = np.linalg.pinv((inside * root).T @ (inside * root))
        fit = normal @ (inside.T @ (means * weight))
        rest = within + float(np.sum(weight * (means - inside @ fit) ** 2))
        criterion = n * np.log(max(rest, 1e-300) / n) + 2 * number * np.log(np.log(n + 2))
        if best is None or criterion < best[0]:
            best = criterion, number, fit, normal, rest
    assert best is not None
    _, number, fit, normal, rest = best
    excess = rest - (n - number)
    scatter2 = 0.0
    if excess > SIGMAS_OF_JITTER * np.sqrt(2 * max(n - number, 1)):
        scatter2 = excess / float(weight.sum())
    basis = spline_basis(time if at is None else at, number)
    curve = basis @ fit
    variance = np.sum((basis @ normal) * basis, 1) * max(rest / max(n - number, 1), 1.0)
    if scatter2 == 0 or at is not None:
        return ScanCurve(curve, np.sqrt(variance), curve, number, float(np.sqrt(scatter2)))
    own = np.where(known, error, np.inf) ** 2
    share = scatter2 / (scatter2 + own)
    departed = np.where(known, share * (np.where(known, values, 0) - curve), 0)
    left = np.where(np.isfinite(own), share * np.where(known, error, 0) ** 2, scatter2)
    spread = np.sqrt((1 - share) ** 2 * variance + left)
    return ScanCurve(curve + departed, spread, curve, number, float(np.sqrt(scatter2)))


def _binned(time: Floats, values: Floats, error: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Weighted means of neighbours, `BINS` at most, with their weights and the scatter within."""
    weight = 1 / error**2
    starts = np.arange(0, len(time), -(-len(time) // BINS))
    total = np.add.reduceat(weight, starts)
    means = np.add.reduceat(weight * values, starts) / total
    within = float(np.sum(weight * values**2) - np.sum(total * means**2))
    return np.add.reduceat(weight * time, starts) / total, means, total, max(within, 0.0)
