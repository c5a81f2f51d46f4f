"""Smooth curves along the scan, against straight lines, jitter and errors that were put in."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.drift.scan_curve import scan_curve, spline_basis

N = 400
TIME = (np.arange(N) + 0.5) / N
SMOOTH = {
    "nothing": np.zeros(N),
    "line": 3 * TIME - 1,
    "parabola": 4 * (TIME - 0.4) ** 2,
    "wave": np.sin(6 * TIME),
    "waves": np.sin(40 * TIME),
}


def noisy(truth, error, seed=0, jitter=0.0):
    """What is there, jitter included, and what is measured of it."""
    rng = np.random.default_rng(seed)
    there = truth + jitter * rng.standard_normal(N)
    return there, there + error * rng.standard_normal(N), np.full(N, error)


def rms(values):
    return float(np.sqrt(np.nanmean(np.square(values))))


# ------------------------------------------------------------------------------------ splines


@pytest.mark.parametrize("number", [1, 2, 3, 4, 7, 20])
def test_basis_holds_the_polynomials(number):
    """Closed form: cubic splines are cubic polynomials at least; rows of B-splines sum to one."""
    basis = spline_basis(TIME, number)
    assert basis.shape == (N, number)
    for degree in range(min(number, 4)):
        rest = np.linalg.lstsq(basis, TIME**degree)[0]
        np.testing.assert_allclose(basis @ rest, TIME**degree, atol=1e-10)
    if number >= 4:
        np.testing.assert_allclose(basis.sum(1), 1)


# ------------------------------------------------------------------------------------- smoothing


def test_straight_line_without_noise():
    """Closed form: itself, wherever it is asked for."""
    found = scan_curve(TIME, SMOOTH["line"], np.full(N, 0.1))
    np.testing.assert_allclose(found.values, SMOOTH["line"], atol=1e-9)
    assert found.scatter == 0
    at = np.linspace(0, 1, 33)
    elsewhere = scan_curve(TIME, SMOOTH["line"], np.full(N, 0.1), at=at)
    np.testing.assert_allclose(elsewhere.values, 3 * at - 1, atol=1e-9)


def test_straight_line_with_unequal_errors():
    """Closed form: weighted least squares of a cubic polynomial, ``numpy.polyfit``, and its error.

    Means of neighbours stand for them, each at one time: a hundredth of the error.
    """
    rng = np.random.default_rng(1)
    error = rng.uniform(0.05, 0.5, 100)
    time = (np.arange(100) + 0.5) / 100
    values = 3 * time - 1 + error * rng.standard_normal(100)
    found = scan_curve(time, values, error)
    assert found.coefficients == 4
    fit, covariance = np.polyfit(time, values, 3, w=1 / error, cov="unscaled")
    design = np.vander(time, 4)
    truth = np.sqrt(np.sum((design @ covariance) * design, 1))
    np.testing.assert_allclose(found.values, np.polyval(fit, time), atol=0.01 * truth.min())
    scale = found.error / truth
    np.testing.assert_allclose(scale, scale[0], rtol=0.01)
    assert 1 - 1e-6 < scale[0] < 1.3


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("error", [0.01, 0.1, 1.0])
def test_smooth_courses_come_out_better_and_errors_cover(name, error):
    """Truth: the course put in. 20 scans of at least one coefficient know their pull to 16 %."""
    pulls, gains = [], []
    for seed in range(20):
        there, values, errors = noisy(SMOOTH[name], error, seed)
        found = scan_curve(TIME, values, errors)
        gains.append(rms(found.values - there) / error)
        pulls.append(rms((found.values - there) / found.error))
    # k coefficients of 400 values: sqrt(k / 400), 0.35 of fifty
    assert rms(gains) < (0.4 if name == "waves" else 0.25)
    assert rms(pulls) < 1.4


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("error", [0.01, 0.1])
def test_jitter_that_can_be_measured_is_kept(name, error):
    """Truth: a smooth course and 0.3 from pixel to pixel; as well known as measured or better."""
    pulls, scatter, gains = [], [], []
    for seed in range(20):
        there, values, errors = noisy(SMOOTH[name], error, seed, jitter=0.3)
        found = scan_curve(TIME, values, errors)
        gains.append(rms(found.values - there) / error)
        pulls.append(rms((found.values - there) / found.error))
        scatter.append(found.scatter)
    assert rms(gains) < 1.02
    assert rms(pulls) == pytest.approx(1, abs=0.06)
    # 400 values know their scatter to 3.5 %, less the coefficients
    assert np.mean(scatter) == pytest.approx(0.3, rel=0.06)


def test_shrinkage_of_jitter_as_large_as_its_error():
    """Closed form: half of it is kept, and half of the variance is left (Efron and Morris)."""
    there, values, errors = noisy(SMOOTH["nothing"], 0.3, 2, jitter=0.3)
    found = scan_curve(TIME, values, errors)
    assert rms(found.values - there) == pytest.approx(0.3 / np.sqrt(2), rel=0.08)
    np.testing.assert_allclose(found.error, 0.3 / np.sqrt(2), rtol=0.08)


@pytest.mark.parametrize("error", [0.01, 0.03, 0.1])
def test_jump(error):
    """Truth: a jump by one half way. No worse than as measured, known as well as is said where it
    is clear that no smooth curve describes it."""
    there, values, errors = noisy(np.where(TIME < 0.5, 0.0, 1.0), error)
    found = scan_curve(TIME, values, errors)
    assert rms(found.values - there) < 1.1 * error
    if error < 0.05:
        assert rms((found.values - there) / found.error) < 1.3


def test_single_jump_of_one_pixel_stays_where_it_is():
    """Truth: one pixel 30 errors away from its neighbours."""
    there, values, errors = noisy(SMOOTH["wave"], 0.02)
    values[200] += 0.6
    found = scan_curve(TIME, values, errors)
    others = np.arange(N) != 200
    assert rms((found.values - there)[others]) < 0.021
    assert abs(found.values[200] - there[200]) > 0.3


# ----------------------------------------------------------------------------- missing, too few


@pytest.mark.parametrize("name", SMOOTH)
def test_missing_values_are_filled_by_the_curve(name):
    """Truth: the course, over 20 scans; errors cover."""
    pulls, deviations = [], []
    for seed in range(20):
        there, values, errors = noisy(SMOOTH[name], 0.1, seed)
        gone = np.random.default_rng([seed, 4]).random(N) < 0.3
        found = scan_curve(TIME, np.where(gone, np.nan, values), errors)
        assert np.isfinite(found.values).all()
        pulls.append(rms(((found.values - there) / found.error)[gone]))
        deviations.append(rms((found.values - there)[gone]))
    assert rms(pulls) < 1.4
    assert rms(deviations) < 0.045


def test_what_stands_where_there_is_no_value_does_not_matter():
    """No value, no error, an endless one or none at all: the same bits."""
    _, values, errors = noisy(SMOOTH["wave"], 0.1, 3)
    gone = np.random.default_rng(4).random(N) < 0.3
    results = []
    for value, error in ((np.nan, 0.1), (7.0, np.nan), (7.0, np.inf), (7.0, 0.0)):
        found = scan_curve(TIME, np.where(gone, value, values), np.where(gone, error, errors))
        assert np.isfinite(found.error).all()
        results.append(found.values)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_missing_values_have_the_error_of_the_jitter():
    """Truth: 0.3 from pixel to pixel that nothing is known of where there is no value."""
    there, values, errors = noisy(SMOOTH["wave"], 0.05, 5, jitter=0.3)
    gone = np.random.default_rng(4).random(N) < 0.3
    values[gone] = np.nan
    found = scan_curve(TIME, values, errors)
    np.testing.assert_allclose(found.error[gone], 0.3, rtol=0.15)
    np.testing.assert_allclose(found.error[~gone], 0.05, rtol=0.15)
    assert rms(((found.values - there) / found.error)[gone]) == pytest.approx(1, abs=0.2)


def test_no_values_at_all():
    """Zero, and known not at all."""
    found = scan_curve(TIME, np.full(N, np.nan), np.ones(N))
    assert not found.values.any()
    assert np.isinf(found.error).all()
    assert found.scatter == 0


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_few_values(n):
    """One to nine: their mean, or a curve where they support one; finite and covered."""
    time = (np.arange(n) + 0.5) / n
    found = scan_curve(time, np.linspace(0, 1, n), np.full(n, 0.5))
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.error).all()
    np.testing.assert_array_less(np.abs(found.values - np.linspace(0, 1, n)), 3 * found.error)


def test_many_values():
    """A scan of 300 000 pixels is as well described, and its jitter kept."""
    rng = np.random.default_rng(6)
    time = np.linspace(0, 1, 300_000)
    truth = np.sin(12 * time)
    found = scan_curve(time, truth + 0.1 * rng.standard_normal(len(time)), np.full(len(time), 0.1))
    assert rms(found.values - truth) < 0.01
    assert found.scatter < 0.01


def test_nothing_is_modified():
    _, values, errors = noisy(SMOOTH["wave"], 0.1)
    values[3] = np.nan
    before = values.copy(), errors.copy()
    scan_curve(TIME, values, errors)
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(errors, before[1])
