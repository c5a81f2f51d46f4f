"""Scatter of channels and what chance may do to one value, against closed forms."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.cleaning.local_noise import (
    CHANCE_EXPONENT,
    CHANNELS_APART,
    LocalNoise,
    local_noise,
)

M = 60
WITHIN = slice(
    CHANNELS_APART + 2, -CHANNELS_APART - 2
)  # no channel beside is mirrored, nor its neighbours'


def test_what_is_straight_within_a_few_channels_is_no_noise():
    """Closed form: a second difference leaves nothing of a line, whatever pixels differ by."""
    rng = np.random.default_rng(0)
    level, slope = rng.uniform(100, 200, (2, 400, 1))
    found = local_noise(level + slope * np.arange(M), False)
    np.testing.assert_allclose(found.variance[WITHIN], 0, atol=1e-12 * found.mean.max() ** 2)
    assert (found.variance[:CHANNELS_APART] > 0).all()


@pytest.mark.parametrize("pixels", [1, 512, 4096])
def test_variance_of_white_noise(pixels):
    """Truth: that of the draw; where neighbouring channels agree on more, theirs.

    Of 512 pixels the variance of a channel is known to 10 %: the greater of it and of the median of
    five is a little too large, a median of eight means a little too small. A single pixel tells
    the variance only on average.
    """
    sample = 50 + 3 * np.random.default_rng(1).standard_normal((pixels, 3000 if pixels == 1 else M))
    found = local_noise(sample, False)
    if pixels > 1:
        assert found.variance.mean() == pytest.approx(9, rel=0.08)
        assert found.variance.min() > 0.8 * 9
        np.testing.assert_allclose(found.mean, 50, atol=4 * 3 / np.sqrt(512) * np.sqrt(np.pi / 2))
    else:
        # a channel's own, or the median of the five about it where that is more
        rough = (
            sample[0]
            - (np.roll(sample[0], CHANNELS_APART) + np.roll(sample[0], -CHANNELS_APART)) / 2
        )
        own = rough**2 / 1.5
        assert own[WITHIN].mean() == pytest.approx(9, rel=0.1)
        for k in range(CHANNELS_APART + 2, M, 7):
            assert found.variance[k] == max(own[k], np.median(own[k - 2 : k + 3]))


@pytest.mark.parametrize("bad", [[3], [3, 120, 220]])
def test_spikes_in_few_pixels_do_not_count(bad):
    """Truth: the mean and the variance without them, to their error."""
    sample = np.random.default_rng(2).poisson(100.0, (400, M)).astype(float)
    sample[bad, 30] = 1e6
    found = local_noise(sample, True)
    assert found.mean[30] == pytest.approx(100, abs=5)
    assert found.variance[30] == pytest.approx(100, rel=0.6)


@pytest.mark.parametrize("gain", [0.5, 1.0, 7.0])
@pytest.mark.parametrize("counts", [0.05, 2.0, 100.0])
def test_an_event_is_the_gain(counts, gain):
    """Truth: gain times Poisson counts; few of them, some and many."""
    sample = gain * np.random.default_rng(3).poisson(counts, (500, M))
    found = local_noise(sample, False)
    # a median over channels is known better than the variance of one
    assert found.event_size == pytest.approx(gain, rel=0.12 if counts > 1 else 1e-12)
    assert local_noise(sample, True).event_size == max(found.event_size, 1)


def test_an_event_is_no_more_than_the_scatter_where_there_are_no_counts():
    """Closed form: noise about zero has no gain; the standard deviation is what is left."""
    sample = 4 * np.random.default_rng(4).standard_normal((500, M))
    assert local_noise(sample, False).event_size == pytest.approx(4, rel=0.1)


def test_nothing_at_all():
    """Closed form: no events, or those of a counter."""
    found = local_noise(np.zeros((50, M)), False)
    assert found.event_size == 0
    assert not found.variance.any()
    assert local_noise(np.zeros((50, M)), True).event_size == 1


def test_threshold_is_that_of_bernstein():
    """Closed form: exp(-t^2 / (2 (variance + event t / 3))) is exp(-40)."""
    variance = np.array([0.0, 1.0, 100.0, 1e8])
    for event in (0.0, 1.0, 5.0):
        t = LocalNoise(np.zeros(4), variance, event).threshold(variance)
        np.testing.assert_allclose(
            t**2, 2 * CHANCE_EXPONENT * (variance + event * t / 3), rtol=1e-12
        )
    many = LocalNoise(np.zeros(1), np.ones(1), 1.0)
    assert many.threshold(np.array([1e10]))[0] == pytest.approx(9e5, rel=0.01)
    assert many.threshold(np.array([0.0]))[0] == pytest.approx(27, rel=0.02)


def test_variance_of_brighter_pixels():
    """Closed form: an event more for each count above the mean, and the rounding of float32."""
    noise = LocalNoise(np.array([10.0, 20.0]), np.array([3.0, 5.0]), 2.0)
    found = noise.variance_at(np.array([0, 1, 1, 0]), np.array([10.0, 20.0, 120.0, -4.0]))
    np.testing.assert_allclose(found, [3, 5, 205, 3], rtol=1e-9)
    silent = LocalNoise(np.array([1e9]), np.zeros(1), 0.0)
    assert silent.variance_at(np.array([0]), np.array([1e9]))[0] == pytest.approx(1e6, rel=1e-12)
    half = noise.select_channels(np.array([False, True]))
    assert (half.mean, half.variance, half.event_size) == ([20], [5], 2)


def test_one_value_that_stands_out_of_one_pixel():
    """Closed form: a value less the mean of two others has 1.5 times the variance of one."""
    sample = np.zeros((1, M))
    sample[0, M // 2] = 6.0
    found = local_noise(sample, False).variance
    assert found[M // 2] == pytest.approx(6.0**2 / 1.5)
    np.testing.assert_array_equal(found[: M // 2 - CHANNELS_APART], 0)
