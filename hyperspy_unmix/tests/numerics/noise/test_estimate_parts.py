"""Steps of the noise estimate against closed forms, loops and planted noise."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.noise.estimate import (
    _average_by_brightness,
    _biwhiten,
    _estimate_scatter,
    _fill_dead_channels,
    _fit_slope_and_read_variance,
    _is_poisson,
    _means_are_zero,
    _raise_to_floor,
    _smooth_variance,
    estimate_noise,
    estimate_uniform,
)
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.sample_residual import (
    Residual,
    rank_and_level,
    remove_components,
    residual_correlation,
    white_noise_variance,
)
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.tests.numerics.low_loss import low_loss_scenes

MEAN = np.geomspace(0.5, 500, 80)


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e5])
@pytest.mark.parametrize(("gain", "read"), [(1.0, 0.0), (3.0, 20.0), (0.2, 100.0), (2.0, -0.8)])
def test_line_through_variances_that_lie_on_it(gain, read, unit):
    """Closed form, in any unit, to the scatter put in; the intercept may be negative."""
    scatter = (gain * MEAN + read) * (1 + 1e-7 * np.random.default_rng(0).standard_normal(80))
    found = _fit_slope_and_read_variance(unit * MEAN, unit**2 * scatter)
    assert found == pytest.approx((unit * gain, unit**2 * read), rel=1e-6, abs=1e-6 * unit**2)


def test_line_does_not_follow_a_tenth_of_the_channels():
    """Truth: the line of the others; Huber's weights leave 4 % of it (0.4 normal errors' worth)."""
    scatter = 3 * MEAN + 20
    scatter[::10] *= 30
    gain, read = _fit_slope_and_read_variance(MEAN, scatter)
    assert gain == pytest.approx(3, rel=0.04)
    assert read == pytest.approx(20, rel=0.04)


def test_scatter_that_falls_with_the_mean_is_no_gain():
    """Closed form: the best line that does not fall is flat."""
    gain, read = _fit_slope_and_read_variance(MEAN, 10 - 0.01 * MEAN)
    assert gain == pytest.approx(0, abs=1e-9)
    assert 5 < read < 10


@pytest.mark.parametrize(("pixels", "groups"), [(20, 1), (255, 1), (256, 2), (400, 3), (2000, 4)])
def test_groups_of_brightness_against_a_loop(pixels, groups):
    """Truth: pixels by their mean, in as many parts as there are 128, four at most."""
    rng = np.random.default_rng(0)
    sample, square = rng.normal(0, 1, (pixels, 5)), rng.random((pixels, 5))
    order = sorted(range(pixels), key=lambda p: sample[p].mean())
    mean, variance = [], []
    for part in np.array_split(order, groups):
        for channel in range(5):
            mean.append(max(np.mean([sample[p, channel] for p in part]), 0))
            variance.append(np.mean([square[p, channel] for p in part]))
    found = _average_by_brightness(sample, square)
    np.testing.assert_allclose(found[0], mean, atol=1e-12)
    np.testing.assert_allclose(found[1], variance, atol=1e-12)


def test_means_that_are_zero_within_their_errors():
    """Truth: normal means; chi squared of 500 channels is below 1 + 6 of its standard errors."""
    mean, error = np.random.default_rng(1).normal(0, 1, 500), np.ones(500)
    assert _means_are_zero(mean, error)
    # 6 sqrt(2 / 500) is 0.38: a mean that is off by half its error adds a quarter, one by all one
    assert _means_are_zero(mean + 0.5, error)
    assert not _means_are_zero(mean + 1, error)
    assert _means_are_zero(np.zeros(20), np.zeros(20))
    assert not _means_are_zero(np.append(np.zeros(19), 1e-9), np.zeros(20))


def test_channels_without_anything_get_the_typical_variance():
    """Definition: the median of the others."""
    alive = np.array([True, False, True, True, False])
    variance = np.array([1.0, 9.0, 4.0])
    found = _fill_dead_channels(NoiseModel("scatter", channel_variance=variance), alive)
    np.testing.assert_array_equal(found.channel_variance, [1, 4, 9, 4, 4])
    plain = NoiseModel("gain", 2.0)
    assert _fill_dead_channels(plain, alive) is plain


def test_smooth_variance_of_a_product():
    """Closed form: a sample of rank one is the product of its margins; none weighs as certain."""
    rows, columns = np.array([1.0, 2, 4]), np.array([3.0, 1, 5, 2])
    sample = np.outer(rows, columns)
    np.testing.assert_allclose(_smooth_variance(sample, 2.0, 7.0), 2 * sample + 7, rtol=1e-12)
    odd = np.outer(rows, [3.0, -1, 5, 0])
    found = _smooth_variance(odd, 1.0, 0.0)
    assert found[:, [1, 3]] == pytest.approx(np.full((3, 2), 1e-3 * found.mean()), rel=0.01)
    np.testing.assert_array_equal(_raise_to_floor(np.zeros(3)), np.ones(3))
    np.testing.assert_allclose(_raise_to_floor(np.array([0.0, 2.0, 4.0])), [2e-3, 2, 4], rtol=1e-12)


def test_weighted_product_has_unit_variance():
    """Closed form: variance that is a product is one after weighing."""
    rng = np.random.default_rng(2)
    variance = np.outer(rng.uniform(1, 5, 30), rng.uniform(1, 9, 20))
    spectra = rng.random((30, 20))
    found, u, v = _biwhiten(spectra, variance)
    np.testing.assert_allclose(np.outer(u, v) * variance, 1, rtol=1e-6)
    np.testing.assert_allclose(found**2 * variance, spectra**2, rtol=1e-6)


@pytest.mark.parametrize("shape", [(400, 60), (60, 400), (200, 200)])
@pytest.mark.parametrize("rank", [0, 3])
@pytest.mark.parametrize("sd", [0.1, 5.0])
def test_level_and_rank_of_planted_components(shape, rank, sd):
    """Truth: noise as drawn; its variance from a median of many values is good to 3 %."""
    rng = np.random.default_rng(3)
    n, m = shape
    data = sd * rng.standard_normal(shape)
    data += 3 * sd * rng.standard_normal((n, rank)) @ rng.standard_normal((rank, m))
    assert white_noise_variance(data) == pytest.approx(sd**2, rel=0.03)
    power = np.linalg.svd(data, compute_uv=False) ** 2
    found, level = rank_and_level(power, n, np.ones(m))
    assert found == rank
    assert level == pytest.approx(sd**2, rel=0.03)
    assert estimate_uniform(data).read_variance == pytest.approx(sd**2, rel=0.03)


def test_level_of_unequal_channels():
    """Truth: noise as drawn, whose variance is the level times that of each channel; to 10 %.

    What the profile makes of the median is known from a coarse profile of it.
    """
    rng = np.random.default_rng(4)
    variance = np.repeat([0.4, 1.6], 50)
    data = 2 * rng.standard_normal((400, 100)) * np.sqrt(variance)
    data += 5 * rng.standard_normal((400, 2)) @ rng.standard_normal((2, 100))
    found, level = rank_and_level(np.linalg.svd(data, compute_uv=False) ** 2, 400, variance)
    assert found == 2
    assert level == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("shape", [(500, 40), (60, 300)], ids=["tall", "wide"])
@pytest.mark.parametrize("white", [True, False])
def test_residual_is_the_noise_and_what_is_lost_a_projection(shape, white):
    """Closed form: as many directions as components, and noise as drawn, to 3 %, in the others."""
    rng = np.random.default_rng(5)
    n, m = shape
    data = rng.standard_normal(shape)
    data += 4 * rng.standard_normal((n, 3)) @ rng.standard_normal((3, m))
    found = remove_components(data, ChannelWhitening(np.ones(m)), white)
    lost = found.directions.T @ found.directions
    assert np.trace(lost) == pytest.approx(3, rel=1e-6)
    np.testing.assert_allclose(lost @ lost, lost, atol=1e-6)
    for lag in (0, 1, 5):
        np.testing.assert_allclose(found.lost(lag), np.diag(lost, lag), atol=1e-12)
    assert np.mean(found.noise**2) == pytest.approx(1, rel=0.03)
    # each channel on its own, by five of its standard errors
    np.testing.assert_allclose(np.mean(found.noise**2, 0), 1, atol=5 * np.sqrt(2 / n))


def test_correlation_of_neighbours_as_drawn():
    """Truth: a moving average; lags beyond it are none, and without it there is no correlation."""
    rng = np.random.default_rng(6)
    white = rng.standard_normal((3000, 82))
    weights = np.array([1.0, 0.5, 0.25])
    moving = sum(w * white[:, k : 80 + k] for k, w in enumerate(weights))
    truth = np.correlate(weights, weights, "full")[3:] / (weights @ weights)
    found = residual_correlation(_residual_of(moving), np.ones(80))
    # 240 000 products each, of which every few are independent
    assert found == pytest.approx(truth, abs=0.01)
    assert residual_correlation(_residual_of(white), np.ones(82)) == ()
    near = white[:, :80] + 0.5 * white[:, 1:81]
    assert residual_correlation(_residual_of(near), np.ones(80)) == pytest.approx((0.4,), abs=0.01)
    # read noise, which no neighbour shares, is not shot noise that is less correlated
    mixed = moving / np.linalg.norm(weights) + rng.standard_normal((3000, 80))
    assert residual_correlation(_residual_of(mixed), np.full(80, 0.5)) == pytest.approx(
        truth, abs=0.02
    )


def _residual_of(noise):
    """Noise beside which no components were taken out."""
    return Residual(noise, np.zeros((noise.shape[1],) * 2))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_whole_numbers_that_are_not_counts(scale):
    """Truth: counts, and counts of which the variance was made half or twice as large."""
    rng = np.random.default_rng(7)
    mean = np.outer(rng.uniform(0.5, 2, 300), np.linspace(50, 200, 40))
    counts = np.rint(mean + np.sqrt(scale) * (rng.poisson(mean) - mean))
    assert _is_poisson(counts) == (scale == 1)


def test_few_pixels_have_the_scatter_about_their_mean():
    """Closed form: the variance about the mean spectrum, where components cannot be told."""
    sample = np.random.default_rng(8).normal(100, 3, (5, 400))
    found = estimate_noise(sample, False)
    assert found.kind == "uniform"
    assert found.read_variance == pytest.approx(np.var(sample - sample.mean(0)), rel=1e-12)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize(("noise", "measured"), [(3e-6, False), (3e-5, True)])
def test_scatter_of_rounding_is_no_noise(noise, measured, unit):
    """Definition: less than 1e-5 of the values, in any unit; then it is 1e-4 of them."""
    rng = np.random.default_rng(9)
    values = unit * rng.uniform(1, 2, (300, 2)) @ rng.uniform(1, 2, (2, 40))
    sample = values + noise * unit * 4.5 * rng.standard_normal(values.shape)
    found = estimate_noise(sample, False)
    level = found.gain * values + found.read_variance
    if measured:
        assert np.sqrt(np.median(level)) == pytest.approx(noise * unit * 4.5, rel=0.1)
    else:
        assert found.kind == "uniform"
        assert found.read_variance == pytest.approx(1e-8 * np.mean(sample**2), rel=1e-6)


def test_scatter_of_channels_that_are_a_component_of_their_own():
    """Truth: noise as drawn; what two channels share is a component, so their neighbours say."""
    sample = np.random.default_rng(10).standard_normal((600, 60)) * np.linspace(1, 2, 60)
    sample[:, 30:32] += 20 * np.random.default_rng(11).standard_normal((600, 1))
    found = _estimate_scatter(sample)
    np.testing.assert_allclose(found.channel_variance, np.linspace(1, 2, 60) ** 2, rtol=0.3)


def test_scatter_is_no_less_than_rounding():
    """Definition: 1e-5 of the values, squared."""
    sample = 100 * (1 + 1e-7 * np.random.default_rng(12).standard_normal((200, 40)))
    np.testing.assert_allclose(_estimate_scatter(sample).channel_variance, 1e-6, rtol=1e-5)


def test_line_that_leaves_a_mean_without_variance_is_none():
    """Closed form: 2 x mean - 3 fits all means but the first, of which it makes less than none."""
    mean = np.concatenate([[1.0], np.linspace(2, 40, 400)])
    scatter = 2 * mean - 3 + 1e-3 * np.sin(mean)
    # a dark offset that was left in the data leaves every mean its variance
    gain, read = _fit_slope_and_read_variance(mean[1:], scatter[1:])
    assert (gain, read) == pytest.approx((2, -3), abs=0.02)
    scatter[0] = 1.0
    gain, read = _fit_slope_and_read_variance(mean, scatter)
    assert gain > 0
    assert read == 0


@pytest.mark.parametrize(("mean", "told"), [(0.45, False), (0.8, True)])
def test_whole_numbers_too_sparse_to_tell(mean, told):
    """Truth: pairs of counts, twice the variance; with less than half a count nobody can know."""
    pairs = 2.0 * np.random.default_rng(9).poisson(mean / 2, (600, 60))
    assert _is_poisson(pairs) != told


def test_correlation_beside_channels_that_are_nearly_lost():
    """Closed form: products of neighbours, each as large as what components left of its noise.

    What is left of a channel's noise was scaled back to one; where 93 % were lost, the products
    count 7 %, and what was lost together is added.
    """
    rng = np.random.default_rng(10)
    white = rng.standard_normal((4000, 41))
    noise = white[:, :40] + white[:, 1:]
    directions = np.diag(np.sqrt(np.where(np.arange(40) % 2, 0.93, 0.0)))
    found = residual_correlation(Residual(noise, directions), np.ones(40))
    standard = (noise - noise.mean(0)) / noise.std(0)
    products = np.mean(standard[:, 1:] * standard[:, :-1], 0)
    assert found == pytest.approx((products.mean() * np.sqrt(0.07),), rel=1e-9)


@pytest.mark.parametrize("read_noise", [10.0, 100.0, 300.0])
def test_thickness_is_not_noise_that_neighbours_share(read_noise):
    """Truth: gain 1, this read noise, channels independent, and plural scattering of any thickness.

    A component that is left in the residual is alike in all channels. Five percent of the variance:
    750 channels of 60 pixels are off by one percent, the components take a twentieth.
    """
    energies = low_loss_scenes.axis(0.1, end=60.0)
    thickness = np.linspace(0.2, 0.9, 60)
    expected = 1e6 * low_loss_scenes.low_loss(energies, thickness, 0.4)
    generator = np.random.default_rng(0)
    counts = generator.poisson(expected) + generator.normal(0, read_noise, expected.shape)
    model = estimate_noise(counts, integers=False)
    assert model.correlation == ()
    mean = expected.mean(0)
    np.testing.assert_allclose(model.variance(mean[None])[0], mean + read_noise**2, rtol=0.05)
