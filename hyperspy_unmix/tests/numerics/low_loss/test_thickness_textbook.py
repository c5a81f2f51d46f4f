"""Smoothed maps of t/lambda against sums over all pairs of pixels."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.low_loss import thickness_map as thickness
from hyperspy_unmix.numerics.low_loss.thickness_map import (
    MOST_RISK_LEFT,
    SIGMAS_OF_SPECIMEN,
    SMOOTHING_WIDTHS_IN_PIXELS,
    VACUUM_T_OVER_LAMBDA,
    _plane,
    thickness_map,
)


def plane_of(t, known):
    """Least squares by hand; none where fewer than twice as many pixels are known as it needs."""
    index = np.indices(t.shape).reshape(t.ndim, -1).T
    design = np.column_stack([np.ones(t.size), index])
    if known.sum() < 2 * (t.ndim + 1):
        return np.zeros(t.shape)
    fit = np.linalg.lstsq(design[known.ravel()], t[known], rcond=None)[0]
    return (design @ fit).reshape(t.shape)


def textbook(t, error, zero_loss):
    """Width, values, error: Stein's estimate for every width, from the matrix of its Gaussian."""
    known = (np.isfinite(t) & np.isfinite(error) & (zero_loss > 0)).ravel()
    plane = plane_of(t, known.reshape(t.shape)).ravel()
    flat, sd, elastic = t.ravel(), error.ravel(), zero_loss.ravel()
    best, least = (0.0, flat, sd), MOST_RISK_LEFT
    for width in SMOOTHING_WIDTHS_IN_PIXELS:
        unit = np.eye(t.size).reshape(-1, *t.shape)
        kernel = np.array([gaussian_filter(u, width, mode="constant").ravel() for u in unit]).T
        kernel = np.where(known[None], kernel, 0)
        weights = kernel * np.where(known, elastic, 0)
        counts = np.where(known, np.exp(np.where(known, flat - plane, 0)), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            smooth = np.log(weights @ counts / weights.sum(1)) + plane
            kernel = kernel / kernel.sum(1, keepdims=True)
        own = np.diag(kernel)
        risk = np.mean((((smooth - flat) / sd)[known]) ** 2) - 1 + 2 * np.mean(own[known])
        if risk < least:
            # what noise leaves, and the detail that was lost, which is the same share for all
            averaged = np.sum(kernel**2, 1)
            detail = max(risk - np.mean(averaged[known]), 0)
            left = np.where(known, sd * np.sqrt(averaged + detail), np.nan)
            best, least = (width, np.where(known, smooth, np.nan), left), risk
    return tuple(np.reshape(x, t.shape) if np.ndim(x) else x for x in best)


def scene(name, shape, masked):
    rng = np.random.default_rng(len(name) + sum(shape))
    place = np.indices(shape) / np.reshape(shape, (-1,) + (1,) * len(shape))
    truth = {
        "flat": np.full(shape, 0.7),
        "wedge": 0.2 + 1.0 * place[-1],
        "wave": 0.8 + 0.5 * np.sin(9 * place[-1]),
        "noise": 0.8 + 0.5 * rng.standard_normal(shape),
    }[name]
    zero_loss = rng.uniform(300, 800, shape)
    error = rng.uniform(0.05, 0.2, shape)
    t = truth + error * rng.standard_normal(shape)
    if masked:
        t[rng.random(shape) < 0.15] = np.nan
        error[rng.random(shape) < 0.05] = np.nan
        zero_loss[rng.random(shape) < 0.05] = 0
    return t, error, zero_loss


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(150,), (14, 17)])
@pytest.mark.parametrize("name", ["flat", "wedge", "wave", "noise"])
def test_against_sums_over_pairs(name, shape, masked):
    """Slow version. The sum of squared weights of a Gaussian is known as one of less width.

    For narrow ones that is a few percent off.
    """
    t, error, zero_loss = scene(name, shape, masked)
    found = thickness_map(t, error, zero_loss)
    width, values, spread = textbook(t, error, zero_loss)
    assert found.width == width
    assert (found.width == 0) == (name == "noise")
    np.testing.assert_allclose(found.values, values, rtol=1e-9)
    np.testing.assert_allclose(found.error, spread, rtol=0.1 if width < 1 else 0.01)


@pytest.mark.parametrize(("pixels", "fitted"), [(5, False), (6, True)])
def test_planes_need_twice_as_many_pixels(pixels, fitted):
    """Closed form: a plane on a map, through pixels that are not on one line."""
    truth = 0.3 + 0.1 * np.arange(4)[:, None] - 0.05 * np.arange(5)
    known = np.zeros((4, 5), bool)
    known.ravel()[[0, 4, 7, 11, 15, 18][:pixels]] = True
    found = _plane(np.where(known, truth, np.nan), known)
    np.testing.assert_allclose(found, truth if fitted else 0 * truth, atol=1e-12)


def test_vacuum_is_below_both_limits():
    """Definition: t/lambda below 0.02, or below three of its standard deviations."""
    limits = np.maximum(VACUUM_T_OVER_LAMBDA, SIGMAS_OF_SPECIMEN * np.array([0.001, 0.1]))
    t = np.repeat(limits, 2) * np.tile([0.99, 1.01], 2)
    # sharp enough to be left as it is
    found = thickness_map(t, np.repeat([0.001, 0.1], 2), np.array([1e5, 1e5, 50, 50]))
    assert found.width == 0
    assert found.vacuum.tolist() == [True, False, True, False]


def test_widths_tried_follow_each_other_by_the_root_of_two(monkeypatch):
    """Definition: whatever the detail of a map, a width is tried within a fifth of the best."""
    tried = []

    def kept(*arguments):
        tried.append(arguments[-1])
        return smoothed(*arguments)

    smoothed = thickness._smooth
    monkeypatch.setattr(thickness, "_smooth", kept)
    thickness_map(np.full((4, 5), 0.3), np.full((4, 5), 0.1), np.full((4, 5), 100.0))
    assert (tried[0], tried[-1]) == (0.5, 5.6)
    np.testing.assert_allclose(np.diff(np.log2(tried)), 0.5, atol=0.02)
