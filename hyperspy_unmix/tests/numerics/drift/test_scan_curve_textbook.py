"""The curve along the scan against a slow version: least squares for every number of knots."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from hyperspy_unmix.numerics.drift.scan_curve import (
    COEFFICIENTS_TRIED,
    MOST_BINS,
    _bin_neighbours,
    scan_curve,
    spline_basis,
)


def textbook(time, values, error, at=None):
    """Values, error, smooth, coefficients and scatter of ``scan_curve``, by its formulas.

    For fewer values than bins: each is a bin of its own.
    """
    known = np.isfinite(values) & np.isfinite(error) & (error > 0)
    t, y, s = time[known], values[known], error[known]
    n, best = len(t), None
    for number in COEFFICIENTS_TRIED:
        if number > 1 and 2 * number > n:
            continue
        design = basis(t, number) / s[:, None]
        fit, *_ = np.linalg.lstsq(design, y / s, rcond=None)
        chi2 = np.sum((design @ fit - y / s) ** 2)
        criterion = n * np.log(chi2 / n) + 2 * number * np.log(np.log(n + 2))
        if best is None or criterion < best[0]:
            best = criterion, number, fit, np.linalg.pinv(design), chi2
    _, number, fit, inverse, chi2 = best
    free = n - number
    scatter2 = 0.0
    if chi2 - free > 3 * np.sqrt(2 * max(free, 1)):
        scatter2 = (chi2 - free) / np.sum(1 / s**2)
    asked = basis(time if at is None else at, number)
    smooth = asked @ fit
    # errors that are too small are scaled up by chi squared
    variance = np.sum((asked @ inverse) ** 2, 1) * max(chi2 / max(free, 1), 1)
    if scatter2 == 0 or at is not None:
        return smooth, np.sqrt(variance), smooth, number, np.sqrt(scatter2)
    found, spread = smooth.copy(), np.zeros(len(time))
    for k in range(len(time)):
        share = scatter2 / (scatter2 + error[k] ** 2) if known[k] else 0.0
        left = share * error[k] ** 2 if known[k] else scatter2
        found[k] += share * (values[k] - smooth[k]) if known[k] else 0
        spread[k] = np.sqrt((1 - share) ** 2 * variance[k] + left)
    return found, spread, smooth, number, np.sqrt(scatter2)


def basis(time, number):
    """Splines one by one, or powers of the time about its middle."""
    if number < 4:
        return np.stack([(2 * time - 1) ** k for k in range(number)], 1)
    knots = np.concatenate([[0] * 3, np.linspace(0, 1, number - 2), [1] * 3])
    each = [BSpline(knots, np.eye(number)[k], 3)(time) for k in range(number)]
    return np.stack(each, 1)


def scene(n, jitter, wave, missing, seed):
    rng = np.random.default_rng(seed)
    time = (np.arange(n) + 0.5) / n
    error = rng.uniform(0.5, 2, n)
    values = 30 * np.sin(wave * time) + rng.normal(0, error) + jitter * rng.standard_normal(n)
    if missing:
        values[rng.random(n) < 0.2] = np.nan
        error[rng.random(n) < 0.1] = np.nan
        error[1] = 0
    return time, values, error


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 13])
def test_basis(number):
    """Independent: B-splines one at a time, powers below four of them."""
    time = np.linspace(0, 1, 41)
    np.testing.assert_allclose(spline_basis(time, number), basis(time, number), atol=1e-12)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("wave", [0.0, 3.0, 25.0])
@pytest.mark.parametrize("jitter", [0.0, 0.8, 20.0])
@pytest.mark.parametrize("n", [6, 40, 300])
def test_curve_against_the_textbook(n, jitter, wave, missing):
    """Slow version; the same sums in another order."""
    time, values, error = scene(n, jitter, wave, missing, seed=n)
    elsewhere = np.linspace(0, 1, 17)
    for at in (None, elsewhere):
        found = scan_curve(time, values, error, at)
        truth = textbook(time, values, error, at)
        for name, known in zip(
            ("values", "error", "smooth", "coefficients", "scatter"), truth, strict=True
        ):
            np.testing.assert_allclose(getattr(found, name), known, rtol=1e-7, atol=1e-7)


def test_scatter_counts_from_three_of_its_errors():
    """Closed form: chi squared of a constant on either side of n - 1 + 3 sqrt(2 (n - 1))."""
    n = 41
    time, pattern = np.linspace(0, 1, n), np.tile([1.0, -1.0], n)[:n]
    pattern -= pattern.mean()
    limit = n - 1 + 3 * np.sqrt(2 * (n - 1))
    for factor, scatters in ((0.99, False), (1.01, True)):
        values = pattern * np.sqrt(factor * limit / np.sum(pattern**2))
        found = scan_curve(time, values, np.ones(n))
        assert found.coefficients == 1
        assert (found.scatter > 0) == scatters


@pytest.mark.parametrize("n", [MOST_BINS, MOST_BINS + 1, 3000])
def test_bins_against_a_loop(n):
    """Truth: weighted means of as few neighbours as there must be; nothing is lost."""
    rng = np.random.default_rng(9)
    time, values, error = np.sort(rng.random(n)), rng.normal(5, 1, n), rng.uniform(0.5, 2, n)
    together = -(-n // MOST_BINS)
    when, means, weights, within = [], [], [], 0.0
    for first in range(0, n, together):
        part = slice(first, first + together)
        w = 1 / error[part] ** 2
        when.append(np.average(time[part], weights=w))
        means.append(np.average(values[part], weights=w))
        weights.append(w.sum())
        within += np.sum(w * (values[part] - means[-1]) ** 2)
    found = _bin_neighbours(time, values, error)
    for one, known in zip(found, (when, means, weights), strict=False):
        np.testing.assert_allclose(one, known, rtol=1e-12)
    assert found[3] == pytest.approx(within, rel=1e-9, abs=1e-9 * n)


def test_no_values_have_no_curve():
    """Definition: zero, and nothing known about it, at as many times as were asked for."""
    nothing = np.full(5, np.nan)
    for at, number in ((None, 5), (np.zeros(3), 3)):
        found = scan_curve(np.linspace(0, 1, 5), nothing, np.ones(5), at)
        assert len(found.values) == len(found.smooth) == number
        assert not found.values.any()
        assert np.isinf(found.error).all()
        assert (found.coefficients, found.scatter) == (0, 0.0)
