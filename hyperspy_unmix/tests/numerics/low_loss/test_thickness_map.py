"""Maps of t/lambda: what smoothing gains and what it must not cost, against the maps put in."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.thickness_map import (
    SIGMAS_OF_SPECIMEN,
    SMOOTHING_WIDTHS_IN_PIXELS,
    VACUUM_T_OVER_LAMBDA,
    thickness_map,
)

Y, X = np.mgrid[:40, :48]
LINE = np.arange(60)
STACK = np.mgrid[:6, :16, :16]
SMOOTH = {
    "flat": np.full((40, 48), 0.5),
    "wedge": 0.2 + Y / 39.0,
    "waves": 0.5 + 0.3 * np.sin(Y / 9) * np.cos(X / 11),
    "line": np.linspace(0.2, 1.2, 60),
    "stack": 0.5 + 0.3 * np.sin(STACK[0] / 3 + STACK[1] / 9),
}
SHARP = {
    "step": np.where(X < 24, 0.3, 0.9),
    "layers": 0.3 + 0.3 * ((X // 6) % 2),
    "checks": 0.4 + 0.2 * ((X + Y) % 2),
    "line": np.where(LINE < 30, 0.3, 0.9),
    "stack": np.where(STACK[2] < 8, 0.3, 0.9),
}


def measured(t, electrons, seed=0):
    """Closed form: t = ln(total / zero loss) of Poisson counts, its variance 1/I0 - 1/total."""
    rng = np.random.default_rng(seed)
    zero_loss = rng.poisson(electrons * np.exp(-t)).astype(float)
    total = zero_loss + rng.poisson(electrons * -np.expm1(-t))
    return np.log(total / zero_loss), np.sqrt(1 / zero_loss - 1 / total), zero_loss


def rms(values):
    return float(np.sqrt(np.nanmean(values**2)))


# ------------------------------------------------------------------------------- what it gains


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("electrons", [50, 1e3])
def test_smooth_maps_come_out_better(name, electrons):
    """Truth: the map. Less than half the error of the log-ratio by itself, and covered.

    A smoothed line has five independent values only; 20 of them know their pull to 10 %.
    """
    t, pulls, ratios = SMOOTH[name], [], []
    for seed in range(20):
        raw = measured(t, electrons, seed)
        found = thickness_map(*raw)
        assert found.width in SMOOTHING_WIDTHS_IN_PIXELS
        ratios.append(rms(found.values - t) / rms(raw[0] - t))
        # few pixels of few counts: the risk is hardly known, the error may be stated far too large
        assert electrons < 1e3 or not found.vacuum.any()
        pulls.append(rms((found.values - t) / found.error))
    assert rms(np.array(ratios)) < 0.5
    assert rms(np.array(pulls)) < 1.2


@pytest.mark.parametrize("electrons", [50, 1e3, 1e6])
def test_a_plane_is_averaged_to_the_widest_gaussian(electrons):
    """Closed form: n = 4 pi width^2 pixels are averaged; 1920 pixels hold five of them.

    Up to four times as much is left: of 5 numbers the r.m.s. is known to 30 %, and widths near to
    the best are as good.
    """
    t = SMOOTH["wedge"]
    raw = measured(t, electrons)
    found = thickness_map(*raw)
    averaged = np.sqrt(4 * np.pi) * SMOOTHING_WIDTHS_IN_PIXELS[-1]
    assert rms(found.values - t) < 4 * rms(raw[0] - t) / averaged


def test_wedge_has_no_bias_at_its_ends():
    """Truth: the wedge; means of first and last row over 100 maps, within four standard errors."""
    t, ends = SMOOTH["wedge"], []
    for seed in range(100):
        found = thickness_map(*measured(t, 1e3, seed))
        ends.append([(found.values - t)[row].mean() for row in (0, 1, -2, -1)])
    mean, error = np.mean(ends, 0), np.std(ends, 0) / 10
    np.testing.assert_array_less(np.abs(mean), 4 * error)


def test_counts_are_averaged_not_logarithms():
    """Closed form: ln of sums. Logarithms of 20 counts are 1/(2 x 20) too high on average."""
    t = np.full((40, 48), 1.0)
    found = thickness_map(*measured(t, 55))
    assert found.width
    # 1/I0 of each pixel: bias of a mean of logarithms 0.018; s.e. of the mean of the map 0.004
    assert abs(np.mean(found.values) - 1) < 0.008


# --------------------------------------------------------------------------- what it must not do


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("electrons", [50, 1e3, 1e4, 1e6])
def test_sharp_maps_are_not_blurred(name, electrons):
    """Truth: the map. Nowhere a larger error than without smoothing, and covered."""
    t = SHARP[name]
    ratios, pulls = [], []
    for seed in range(4):
        raw = measured(t, electrons, seed)
        found = thickness_map(*raw)
        ratios.append(rms(found.values - t) / rms(raw[0] - t))
        pulls.append(rms((found.values - t) / found.error))
    # choosing the least of eight estimated risks costs next to nothing
    assert np.mean(ratios) < 1.02
    assert np.mean(pulls) < 1.35


@pytest.mark.parametrize("name", SHARP)
def test_enough_counts_are_left_alone(name):
    raw = measured(SHARP[name], 1e6)
    found = thickness_map(*raw)
    assert found.width == 0
    np.testing.assert_array_equal(found.values, raw[0])
    np.testing.assert_array_equal(found.error, raw[1])


def test_known_exactly_is_left_alone():
    t = SMOOTH["waves"]
    found = thickness_map(t, np.zeros_like(t), np.ones_like(t))
    assert found.width == 0
    np.testing.assert_array_equal(found.values, t)


# ---------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("name", SMOOTH)
def test_masked_pixels_stay_so_and_give_nothing(name):
    """Truth: whatever stands in the excluded pixels, the others come out the same."""
    t = SMOOTH[name]
    out = np.random.default_rng(1).random(t.shape) < 0.3
    raw = measured(t, 1e3)
    results = []
    for value in (np.nan, 7.0):
        given = [np.where(out, value, part) for part in raw]
        given[0] = np.where(out, np.nan, given[0])
        results.append(thickness_map(*given))
    first, second = results
    np.testing.assert_array_equal(first.values, second.values)
    assert np.isnan(first.values[out]).all()
    assert np.isfinite(first.values[~out]).all()
    assert not first.vacuum[out].any()
    assert rms((first.values - t)[~out]) < 0.6 * rms((raw[0] - t)[~out])
    assert rms(((first.values - t) / first.error)[~out]) < 1.2


def test_nothing_known():
    nothing = np.full((4, 5), np.nan)
    found = thickness_map(nothing, nothing, nothing)
    assert np.isnan(found.values).all()
    assert not found.vacuum.any()
    one = nothing.copy()
    one[1, 1] = 0.5
    found = thickness_map(one, np.where(np.isnan(one), np.nan, 0.1), np.ones((4, 5)))
    assert found.values[1, 1] == 0.5
    assert found.width == 0


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (2, 3), (1, 40), (40, 1), (2, 2, 2)])
def test_small_maps(shape):
    t = np.full(shape, 0.4)
    found = thickness_map(*measured(t, 1e3))
    assert found.values.shape == shape
    assert rms((found.values - t) / found.error) < 4


# --------------------------------------------------------------------------------------- vacuum


@pytest.mark.parametrize("electrons", [300, 1e4, 1e6])
def test_vacuum_beside_the_specimen(electrons):
    """Truth: t = 0 on the left, 0.5 on the right; few pixels of either are taken for the other."""
    t = np.where(X < 16, 0.0, 0.5)
    found = thickness_map(*measured(t, electrons))
    assert found.vacuum[X < 15].mean() > 0.99
    assert not found.vacuum[X >= 18].any()


def test_vacuum_is_below_its_limits():
    """The rule, by hand: 0.02, or three standard deviations where that is more."""
    t = np.array([0.3, 5, 0.3, 5, 0.019, 5, 0.021, 5])
    error = np.array([0.099, 0.1, 0.101, 0.1, 1e-3, 0.1, 1e-3, 0.1])
    found = thickness_map(t, error, np.ones(8))
    assert found.width == 0
    assert (VACUUM_T_OVER_LAMBDA, SIGMAS_OF_SPECIMEN) == (0.02, 3.0)
    assert np.flatnonzero(found.vacuum).tolist() == [2, 4]


def test_nothing_is_modified():
    raw = measured(SMOOTH["wedge"], 100)
    before = [part.copy() for part in raw]
    thickness_map(*raw)
    for part, old in zip(raw, before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_a_pixel_without_error_does_not_switch_smoothing_off():
    """Truth: the width without that pixel; an error of zero says nothing about the others."""
    rng = np.random.default_rng(0)
    error = np.full((24, 24), 0.1)
    t, counts = 0.5 + error * rng.standard_normal(error.shape), np.full(error.shape, 1000.0)
    width = thickness_map(t, error, counts).width
    t[3, 4] = error[3, 4] = 0.0
    with np.errstate(divide="raise", invalid="raise"):
        with_zero = thickness_map(t, error, counts)
    assert with_zero.width == width > 1
    assert np.isfinite(with_zero.values).all()
