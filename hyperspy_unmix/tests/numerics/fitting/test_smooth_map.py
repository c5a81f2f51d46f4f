"""Smoothed maps: what they gain and what they must not cost, against the maps put in."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.fitting.smooth_map import smooth_map

Y, X = np.mgrid[:48, :48]
GRAINS = 1 / (1 + np.exp(-4 * (np.sin(X / 6) + np.cos(Y / 7))))
PARTICLES = np.full((48, 48), 0.05)
for row, column in ((8, 9), (20, 33), (37, 14), (30, 40)):
    PARTICLES[row - 1 : row + 2, column - 1 : column + 2] = 1
STACK = np.stack([GRAINS[:24, :24], GRAINS[24:, :24], GRAINS[:24, 24:], GRAINS[24:, 24:]])
SMOOTH = {
    "flat": np.ones((48, 48)),
    "wedge": 0.2 + Y / 48,
    "grains": GRAINS,
    "line": np.repeat([0.1, 1.0, 0.4], 40),
    "stack": STACK,
}
SHARP = {
    "particles": PARTICLES,
    "step": np.where(X < 24, 0.1, 1.0),
    "layers": 0.3 + 0.6 * ((X // 4) % 2),
    "checks": 0.4 + 0.4 * ((X + Y) % 2),
    "scatter": np.random.default_rng(7).random((48, 48)),
}
UNDER = 0.3  # counts of other components in the same pixel, whose noise the map has too


def measured(shape, counts, seed):
    """A map of Poisson noise less what lies under it, and the variance without bias."""
    total = np.random.default_rng(seed).poisson(counts * (shape + UNDER)).astype(float)
    return total - counts * UNDER, total


def rms(values):
    return float(np.sqrt(np.nanmean(values**2)))


def scores(shape, counts):
    """Error over that without smoothing, and error stated over error, of five measurements."""
    found, before, stated = [], [], []
    for seed in range(5):
        raw, variance = measured(shape, counts, seed)
        smooth = smooth_map(raw, variance)
        found.append(rms(smooth.values - counts * shape))
        before.append(rms(raw - counts * shape))
        stated.append(smooth.error)
    return rms(np.array(found)) / rms(np.array(before)), rms(np.array(stated)) / rms(
        np.array(found)
    )


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("counts", [2, 10, 100])
def test_few_counts_come_out_better(name, counts):
    """Truth: the map. Less than six tenths of the error; that stated is none too small."""
    ratio, stated = scores(SMOOTH[name], counts)
    assert ratio < 0.6
    # 100 pixels of a line know their error to a tenth at best
    assert stated > 0.8


@pytest.mark.parametrize("name", [*SMOOTH, *SHARP])
@pytest.mark.parametrize("counts", [2, 100, 1e4, 1e6])
def test_nothing_comes_out_worse(name, counts):
    """Truth: the map. Never a per cent more error than without."""
    ratio, stated = scores((SMOOTH | SHARP)[name], counts)
    assert ratio < 1.01
    assert stated > 0.8


@pytest.mark.parametrize("counts", [30, 100])
def test_a_bright_pixel_stays(counts):
    """Truth: one pixel ten times as bright as the rest. Four fifths of it stay, and stay there."""
    shape = np.full((48, 48), 0.1)
    shape[20, 31] = 1
    kept, beside, around = [], [], []
    for seed in range(5):
        raw, variance = measured(shape, counts, seed)
        smooth = smooth_map(raw, variance).values
        kept.append((smooth[20, 31] - 0.1 * counts) / (raw[20, 31] - 0.1 * counts))
        beside.append(np.delete(smooth[19:22, 30:33].ravel(), 4).mean() / counts)
        around.append(rms(smooth[:15] - 0.1 * counts) / rms(raw[:15] - 0.1 * counts))
    assert np.mean(kept) > 0.8
    # of the eight beside it, whose mean has a third of the noise of one
    assert np.mean(beside) == pytest.approx(0.1, abs=0.06)
    assert np.mean(around) < 0.4


def test_a_plain_is_averaged_as_far_as_it_goes():
    """Closed form: the mean of independent values; 300 pixels and more are averaged."""
    raw = np.random.default_rng(0).normal(5, 1, (64, 64))
    smooth = smooth_map(raw, np.ones((64, 64)))
    assert smooth.pixels > 100
    assert rms(smooth.values - 5) < 0.15
    assert smooth.error_before == 1


def test_images_of_a_stack_that_differ_are_smoothed_by_themselves():
    """Truth: the maps; no more error than where each is smoothed alone."""
    rng = np.random.default_rng(0)
    shape = np.stack([GRAINS, 1 - GRAINS, GRAINS.T])
    raw, variance = measured(shape, 20, 0)
    together = smooth_map(raw, variance).values
    alone = np.stack([smooth_map(*parts).values for parts in zip(raw, variance, strict=True)])
    assert rms(together - 20 * shape) < 1.1 * rms(alone - 20 * shape)
    # And such as are alike help each other.
    alike = np.stack([GRAINS] * 6)
    raw = rng.poisson(2 * alike).astype(float)
    single = smooth_map(raw[0], raw[0]).values
    assert rms(smooth_map(raw, raw).values[0] - 2 * GRAINS) < rms(single - 2 * GRAINS)


def test_masked_pixels_stay_so_and_give_nothing():
    """Truth: whatever stands in the excluded pixels, the others come out the same."""
    out = np.random.default_rng(1).random(GRAINS.shape) < 0.3
    raw, variance = measured(GRAINS, 10, 0)
    first = smooth_map(np.where(out, np.nan, raw), variance).values
    second = smooth_map(np.where(out, np.nan, raw), np.where(out, 1e9, variance)).values
    np.testing.assert_array_equal(first, second)
    assert np.isnan(first[out]).all() and np.isfinite(first[~out]).all()
    assert rms((first - 10 * GRAINS)[~out]) < 0.6 * rms((raw - 10 * GRAINS)[~out])


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (2, 3), (1, 40), (40, 1), (2, 2, 2)])
def test_small_maps(shape):
    raw = np.random.default_rng(0).normal(3, 1, shape)
    smooth = smooth_map(raw, np.ones(shape))
    assert smooth.values.shape == shape and np.isfinite(smooth.values).all()
    assert np.ptp(smooth.values) <= np.ptp(raw) + 1e-9


@pytest.mark.parametrize("number", [9, 25, 60])
def test_short_lines_are_not_worse(number):
    """Truth: values that have nothing to do with their neighbours, three times the noise."""
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shape = 3 * rng.standard_normal(number)
        raw = shape + rng.standard_normal(number)
        smooth = smooth_map(raw, np.ones(number)).values
        errors.append((np.mean((smooth - shape) ** 2), np.mean((raw - shape) ** 2)))
    found, before = np.mean(errors, 0)
    # the choice among twenty estimates, by few pixels, costs a little
    assert found < 1.03 * before


def test_what_is_not_known_is_left_alone():
    nothing = np.full((4, 5), np.nan)
    assert np.isnan(smooth_map(nothing, nothing).values).all()
    exact = smooth_map(GRAINS, np.zeros_like(GRAINS))
    np.testing.assert_array_equal(exact.values, GRAINS)
    assert exact.pixels == 1 and exact.error == 0


def test_nothing_is_modified_and_the_same_comes_again():
    raw, variance = measured(GRAINS, 10, 0)
    before = raw.copy(), variance.copy()
    first, second = smooth_map(raw, variance), smooth_map(raw, variance)
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(raw, before[0])
    np.testing.assert_array_equal(variance, before[1])


def test_a_variance_that_is_right_in_the_mean_only():
    """Truth: the map. Variances of both signs, as those of unmixed single counts are."""
    rng = np.random.default_rng(0)
    raw = GRAINS + rng.standard_normal(GRAINS.shape)
    exact = smooth_map(raw, np.ones_like(raw))
    rough = smooth_map(raw, 1 + 4 * rng.standard_normal(raw.shape))
    # thresholds are known to some tens of per cent then
    assert rms(rough.values - GRAINS) < 1.6 * rms(exact.values - GRAINS)
    assert rms(rough.values - GRAINS) < 0.3 * rms(raw - GRAINS)
    assert rough.pixels == pytest.approx(exact.pixels, rel=0.6)
    assert rough.error_before == pytest.approx(1, rel=0.1)
