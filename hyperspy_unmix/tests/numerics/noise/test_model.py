"""Noise models, whitening and weights against noise of known variance and correlation."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.estimate import estimate_noise, estimate_uniform
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.weights import (
    TYPICAL_COUNTS_ADDED,
    column_scales,
    pixel_weights,
    project_scales,
)
from hyperspy_unmix.numerics.noise.whitening import (
    LEAST_RELATIVE_POWER,
    ChannelWhitening,
    channel_whitening,
)
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

SEEDS = [0, 1, 2]


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def scene(rank, n=800, m=300, counts=200.0, seed=0):
    """Expected counts of a rising number of phases; falling spectra with edges, mixed maps."""
    rng = np.random.default_rng(seed)
    channel = np.arange(m) / m
    spectra = []
    for k in range(rank):
        edge = (channel > (k + 1) / (rank + 2)) * np.exp(-3 * channel)
        spectra.append(np.exp(-2.5 * channel) + 0.8 * edge)
    maps = rng.dirichlet(np.full(rank, 0.7), n) * rng.uniform(0.6, 1.4, (n, 1))
    expected = maps @ np.array(spectra)
    return counts * expected / expected.mean()


# ------------------------------------------------------------------------------ estimate_noise


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("counts", [0.02, 2.0, 1000.0])
def test_poisson_counts_are_recognised(rank, counts, seed):
    """Phantom: Poisson counts, sparse to bright, with structure."""
    expected = scene(rank, counts=counts, seed=seed)
    sample = np.random.default_rng(seed).poisson(expected).astype(float)
    assert estimate_noise(sample, True) == NoiseModel("poisson")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain", [0.3, 3.0, 10.0])
def test_scaled_counts_give_their_gain(gain, seed):
    """Phantom: whole multiples of Poisson counts are not Poisson, and parts of them neither.

    240 000 values with the variance of 100 to 500 counts: 1 % and less from statistics; the share
    that goes with the components is known to a percent or two.
    """
    electrons = np.random.default_rng(seed).poisson(scene(3, seed=seed))
    model = estimate_noise(gain * electrons, float(gain).is_integer())
    assert model.kind == "gain"
    assert model.gain == pytest.approx(gain, rel=0.04)
    # the scatter of an intercept: a few percent of the variance of the darkest channels
    assert model.read_variance < 0.1 * gain**2 * 200
    assert model.correlation == ()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain, read", [(2.0, 15.0), (10.0, 40.0), (0.5, 8.0)])
def test_gain_and_read_noise_of_a_ccd(gain, read, seed):
    """Phantom: ``gain * Poisson + normal``.

    Means differ by a factor of 12 over the channels, so that both terms are known to a few
    percent of the typical variance.
    """
    rng = np.random.default_rng(seed)
    expected = scene(2, counts=200, seed=seed)
    sample = gain * rng.poisson(expected) + rng.normal(0, read, expected.shape)
    model = estimate_noise(sample, False)
    truth = gain**2 * expected.mean(0) + read**2
    assert model.kind == "gain"
    assert model.gain == pytest.approx(gain, rel=0.05)
    assert model.read_variance == pytest.approx(read**2, abs=0.05 * truth.mean())
    np.testing.assert_allclose(model.variance(gain * expected.mean(0)[None])[0], truth, rtol=0.06)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("offset", [100.0, -60.0])
def test_dark_offset_of_a_detector(offset, seed):
    """Phantom: a constant added to the counts; the variance of a channel is known all the same."""
    expected = scene(2, counts=200, seed=seed)
    data = 2 * np.random.default_rng(seed).poisson(expected) + offset
    model = estimate_noise(data, True)
    assert model.kind == "gain"
    mean = expected.mean(0)
    found = model.variance((2 * mean + offset)[None])[0]
    np.testing.assert_allclose(found, 4 * mean, rtol=0.03)


def test_pure_read_noise_is_uniform():
    """Phantom: a bright scene with normal noise of one variance; s.e. of the variance 0.3 %."""
    for seed in SEEDS:
        expected = scene(2, counts=200, seed=seed)
        noise = np.random.default_rng(seed).normal(0, 7, expected.shape)
        model = estimate_noise(expected + noise, False)
        variance = model.variance(expected)
        np.testing.assert_allclose(variance.mean(), 49, rtol=0.03)
        np.testing.assert_allclose(variance, 49, rtol=0.1)
        assert model.correlation == ()


def shared_charge(expected, gain, read, rng, side=0.25):
    """Every electron's charge is shared with both neighbours; then white read noise."""
    padded = np.pad(expected, ((0, 0), (1, 1)), mode="edge")
    electrons = rng.poisson(padded)
    shared = side * (electrons[:, :-2] + electrons[:, 2:]) + (1 - 2 * side) * electrons[:, 1:-1]
    return gain * shared + rng.normal(0, read, expected.shape)


def shared_covariance(mean, gain, read):
    """Its exact covariance for the expected counts ``mean``: spread, Poisson, spread back."""
    m = len(mean)
    spread = sum(
        share * np.eye(m, m + 2, shift) for share, shift in [(0.25, 0), (0.5, 1), (0.25, 2)]
    )
    padded = np.pad(mean, 1, mode="edge")
    return gain**2 * (spread * padded) @ spread.T + read**2 * np.eye(m)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain, read", [(2.0, 12.0), (5.0, 50.0)])
def test_correlated_channels_become_white(gain, read, seed):
    """Closed form: the true covariance, whitened with what was estimated, is the unit matrix.

    The true correlation has no power at the highest frequency, where the model is bounded below by
    a few percent of the shot noise: correlations come out smaller by 5 % and more, and the whitened
    power there is low by that bound over the read noise (18 % in bright channels), plus 10 %.
    """
    rng = np.random.default_rng(seed)
    expected = scene(2, n=1000, m=200, counts=200, seed=seed)
    model = estimate_noise(shared_charge(expected, gain, read, rng), False)
    assert model.kind == "gain"
    # charge shared 1:2:1 has correlations 4/6 and 1/6, no others
    assert len(model.correlation) == 2
    np.testing.assert_allclose(model.correlation, [4 / 6, 1 / 6], atol=0.09)
    mean = expected.mean(0)
    sd = np.sqrt(model.variance(gain * mean[None])[0])
    whitening = channel_whitening(sd, model.correlation, model.shot_share(gain * mean))
    truth = shared_covariance(mean, gain, read)
    white = whitening.whiten(whitening.whiten(truth).T)
    assert np.diag(white).mean() == pytest.approx(1, abs=0.06)
    values = np.linalg.eigvalsh(white)
    assert values[0] > 0.7
    assert values[-1] < 1.2
    # without the correlation the same matrix is far from white: the test can fail
    plain = np.linalg.eigvalsh(truth / np.outer(sd, sd))
    assert plain[0] < 0.6
    assert plain[-1] > 1.8


@pytest.mark.parametrize("seed", SEEDS)
def test_data_with_the_background_subtracted_have_a_variance_per_channel(seed):
    """Phantom: means of both signs and a known variance of each channel.

    s.e. of a variance from 800 values is 5 %; five of them.
    """
    rng = np.random.default_rng(seed)
    n, m = 800, 120
    truth = np.linspace(0.5, 4, m) ** 2
    maps = rng.uniform(0, 1, (n, 2))
    spectra = 20 * np.stack([np.sin(np.arange(m) / 9), np.cos(np.arange(m) / 17)])
    sample = maps @ spectra + rng.standard_normal((n, m)) * np.sqrt(truth)
    model = estimate_noise(sample, False)
    assert model.kind == "scatter"
    assert model.correlation == ()
    np.testing.assert_allclose(model.channel_variance, truth, rtol=0.25)
    # an average over the channels is known to 0.5 %; what went with the components, to 1 %
    assert np.mean(model.channel_variance / truth) == pytest.approx(1, abs=0.03)


def test_noise_estimate_scales_with_the_unit():
    """Closed form: data times c have a gain times c and a read variance times c^2."""
    rng = np.random.default_rng(4)
    expected = scene(2, seed=4)
    sample = 3 * rng.poisson(expected) + rng.normal(0, 10, expected.shape)
    one, other = estimate_noise(sample, False), estimate_noise(1e-4 * sample, False)
    assert other.gain == pytest.approx(1e-4 * one.gain, rel=1e-3)
    assert other.read_variance == pytest.approx(1e-8 * one.read_variance, rel=1e-2)


@pytest.mark.parametrize("gain", [0.5, 4.0])
@pytest.mark.parametrize("read", [0.0, 5.0])
def test_empty_channels_do_not_matter(gain, read):
    """Truth: the estimate from the filled channels alone; numpy has nothing to complain of.

    Empty channels take part in robust means: 5 % of the gain, 0.05 of the correlation.
    """
    rng = np.random.default_rng(0)
    sample = shared_charge(scene(2, n=600, m=200, counts=100), gain, gain * read, rng, 0.15)
    alone = estimate_noise(sample[:, :160], False)
    sample[:, 160:] = rng.normal(0, gain * read, (600, 40))
    with np.errstate(divide="raise", invalid="raise"):
        model = estimate_noise(sample, False)
    assert model.kind == alone.kind == "gain"
    assert model.channel_gain == pytest.approx(alone.channel_gain, rel=0.05)
    # closed form: 2 * 0.15 * 0.7 / (0.7^2 + 2 * 0.15^2)
    assert alone.correlation[0] == pytest.approx(0.3925, abs=0.03)
    assert len(model.correlation) > 0
    assert model.correlation[0] == pytest.approx(alone.correlation[0], abs=0.05)


def test_noise_free_data_are_not_refused():
    """Phantom without noise: the variance is positive, and far below the data."""
    expected = scene(2)
    model = estimate_noise(expected, False)
    variance = model.variance(expected)
    assert (variance > 0).all()
    assert np.median(variance) < 1e-3 * np.mean(expected**2)


@pytest.mark.parametrize("value", [5.0, 0.5])
def test_constant_data_have_the_noise_of_rounding(value):
    """A sample that does not vary has no noise to estimate: any small, positive variance is right.

    Small is 1e-8 of the mean square, as the code says of noise-free data.
    """
    model = estimate_noise(np.full((50, 40), value), value == 5)
    assert model.kind == "uniform"
    assert 0 < model.read_variance <= 1e-8 * value**2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(600, 100), (60, 300)])
def test_uniform_noise_beside_structure(seed, shape):
    """Phantom: rank 3 and normal noise of variance 4; s.e. below 1.1 %, and the edge's share."""
    rng = np.random.default_rng(seed)
    n, m = shape
    structure = 30 * rng.standard_normal((n, 3)) @ rng.standard_normal((3, m))
    model = estimate_uniform(structure + 2 * rng.standard_normal(shape))
    assert model.kind == "uniform"
    assert model.read_variance == pytest.approx(4, rel=0.08 if n < 100 else 0.04)


def test_uniform_noise_of_few_pixels():
    """Truth: numpy's variance about the mean spectrum; too few spectra for anything else."""
    sample = np.random.default_rng(0).normal(50, 3, (4, 200))
    truth = np.mean((sample - sample.mean(0)) ** 2)
    assert estimate_uniform(sample).read_variance == pytest.approx(truth)


# --------------------------------------------------------------------------------- NoiseModel


def test_variance_of_every_kind():
    """Closed form."""
    spectra = np.array([[4.0, -2.0, 0.0], [1.0, 9.0, 3.0]])
    positive = np.array([[4.0, 0.0, 0.0], [1.0, 9.0, 3.0]])
    given = np.arange(6.0).reshape(2, 3)
    per_channel = np.array([1.0, 2.0, 3.0])
    cases = [
        (NoiseModel("poisson"), positive),
        (NoiseModel("gain", 3.0, 0.5), 3 * positive + 0.5),
        (NoiseModel("uniform", 3.0, 0.5), np.full((2, 3), 0.5)),
        (NoiseModel("scatter", channel_variance=per_channel), np.stack([per_channel] * 2)),
        (NoiseModel("given"), given),
    ]
    for model, truth in cases:
        np.testing.assert_array_equal(model.variance(spectra, given), truth, err_msg=model.kind)
    with pytest.raises(ValueError, match="given"):
        NoiseModel("given").variance(spectra)


def test_shot_share():
    """Closed form: the part of the variance that came with the signal."""
    mean = np.array([0.0, 1.0, 10.0, -3.0])
    share = NoiseModel("gain", 2.0, 5.0).shot_share(mean)
    np.testing.assert_allclose(share, [0, 2 / 7, 20 / 25, 0])
    np.testing.assert_array_equal(NoiseModel("scatter").shot_share(mean), np.ones(4))


@pytest.mark.parametrize("read", [30.0, -30.0])
def test_variance_of_a_spectrum_does_not_depend_on_its_block(read):
    """Definition: blocks are how the data happen to be read; a dark offset makes no difference."""
    rng = np.random.default_rng(0)
    spectra = rng.poisson(np.outer(rng.uniform(10, 100, 50), np.linspace(0.5, 2, 20))).astype(float)
    model = NoiseModel("gain", 1.0, read)
    together = model.variance(spectra)
    assert (together > 0).all()
    alone = np.concatenate([model.variance(row[None]) for row in spectra])
    np.testing.assert_allclose(alone, together, rtol=1e-9)


def test_shot_share_of_empty_channels_without_read_noise_is_a_share():
    """A channel without signal and without read noise has no variance: no NaN, no warning."""
    with np.errstate(all="raise"):
        share = NoiseModel("gain", 2.0, 0.0).shot_share(np.array([0.0, 4.0]))
    assert 0 <= share[0] <= 1
    assert share[1] == 1


def test_description_names_the_numbers():
    assert "variance equals counts" in NoiseModel("poisson").describe()
    words = NoiseModel("gain", 2.5, 30.0, (0.31,)).describe()
    assert all(part in words for part in ("2.5", "30", "0.31"))


# ---------------------------------------------------------------------------------- whitening


def correlated(m=30):
    rng = np.random.default_rng(7)
    sd, share = rng.uniform(0.5, 3, m), rng.uniform(0, 1, m)
    correlation = (0.3, -0.05, 0.02)
    matrix = np.eye(m)
    for i in range(m):
        for j in range(m):
            if 0 < abs(i - j) <= 3:
                matrix[i, j] = correlation[abs(i - j) - 1] * np.sqrt(share[i] * share[j])
    return sd, correlation, share, matrix * np.outer(sd, sd)


def test_whitening_turns_the_covariance_into_the_unit_matrix():
    """Truth: the covariance, element by element, with the share of each channel."""
    sd, correlation, share, covariance = correlated()
    whitening = channel_whitening(sd, correlation, share)
    white = whitening.whiten(whitening.whiten(covariance).T)
    np.testing.assert_allclose(white, np.eye(len(sd)), atol=1e-12)
    everything = channel_whitening(sd, correlation)
    white = everything.whiten(everything.whiten(covariance).T)
    assert np.abs(white - np.eye(len(sd))).max() > 0.05


def test_whitening_of_independent_channels_is_a_division():
    """Closed form."""
    sd = np.array([1.0, 2.0, 4.0])
    spectra = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]])
    whitening = channel_whitening(sd)
    np.testing.assert_array_equal(whitening.whiten(spectra), spectra / sd)
    np.testing.assert_array_equal(whitening.colour(spectra), spectra * sd)


@pytest.mark.parametrize("independent", [True, False])
def test_colour_is_the_inverse_of_whiten(independent):
    """Identity, both ways."""
    sd, correlation, share, _ = correlated()
    whitening = channel_whitening(sd, () if independent else correlation, share)
    spectra = np.random.default_rng(0).standard_normal((5, len(sd)))
    np.testing.assert_allclose(whitening.colour(whitening.whiten(spectra)), spectra, atol=1e-12)
    np.testing.assert_allclose(whitening.whiten(whitening.colour(spectra)), spectra, atol=1e-12)


@pytest.mark.parametrize("independent", [True, False])
def test_projector_equals_whitening_and_then_projecting(independent):
    """Identity: ``spectra @ projector(V)`` is ``whiten(spectra) @ V``."""
    sd, correlation, share, _ = correlated()
    whitening = channel_whitening(sd, () if independent else correlation, share)
    rng = np.random.default_rng(0)
    spectra, directions = rng.standard_normal((5, len(sd))), rng.standard_normal((len(sd), 4))
    np.testing.assert_allclose(
        spectra @ whitening.projector(directions),
        whitening.whiten(spectra) @ directions,
        atol=1e-12,
    )


def test_more_lags_than_channels():
    """Two channels have one lag."""
    whitening = channel_whitening(np.ones(2), (0.5, 0.2, 0.1))
    covariance = np.array([[1, 0.5], [0.5, 1]])
    white = whitening.whiten(whitening.whiten(covariance).T)
    np.testing.assert_allclose(white, np.eye(2), atol=1e-12)
    assert ChannelWhitening(np.ones(2)).factor is None


# ------------------------------------------------------------------------------ biwhitening


@pytest.mark.parametrize("n, m", [(40, 25), (25, 40)])
def test_scales_make_the_variance_doubly_stochastic(n, m):
    """Definition: rows and columns of ``u V v`` have mean one."""
    variance = np.random.default_rng(0).uniform(0.1, 5, (n, m))
    v = column_scales(variance)
    scaled = variance @ v / m
    u = pixel_weights(scaled, float(scaled.mean()))
    scaled = u[:, None] * variance * v
    np.testing.assert_allclose(scaled.mean(1), 1, rtol=1e-12)
    np.testing.assert_allclose(scaled.mean(0), 1, rtol=1e-6)


def test_scales_of_a_product_are_the_inverse_margins():
    """Closed form: of ``r c`` they are 1/r and 1/c, up to one factor."""
    rng = np.random.default_rng(1)
    rows, columns = rng.uniform(0.1, 5, 30), rng.uniform(0.1, 5, 20)
    variance = np.outer(rows, columns)
    v = column_scales(variance)
    np.testing.assert_allclose(v * columns, (v * columns)[0], rtol=1e-12)
    scaled = variance @ v / 20
    u = pixel_weights(scaled, float(scaled.mean()))
    np.testing.assert_allclose(u * rows, (u * rows)[0], rtol=1e-12)


def test_weights_of_empty_pixels_are_bounded():
    """Closed form: no pixel weighs as if its variance were below 5 % of the typical one."""
    variance = np.vstack([np.full((1, 10), 2.0), np.full((1, 10), 0.5), np.zeros((1, 10))])
    u = pixel_weights(variance.mean(1), 2.0)
    np.testing.assert_allclose(u, [1 / 2, 1 / 0.5, 1 / 0.1])


def test_weights_of_few_counts():
    """Definition, count by count: the mean scale of a pixel's own and of five typical ones."""
    scales = np.array([0.1, 0.1, 0.1, 2.0, 7.0])
    counts = np.array([[3.0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [50, 40, 60, 2, 1], [0, 0, 0, 0, 0]])
    typical, typical_counts = 4.0, 20.0
    u = pixel_weights(counts @ scales, typical, counts.sum(1), typical_counts)
    for found, pixel in zip(u, counts, strict=True):
        each = [s for s, number in zip(scales, pixel, strict=True) for _ in range(int(number))]
        each += [typical / typical_counts] * int(TYPICAL_COUNTS_ADDED)
        expected = pixel.sum() * np.mean(each)
        assert found == pytest.approx(1 / max(expected, 0.05 * typical), rel=1e-12)


@pytest.mark.parametrize("m", [5, 60])
def test_projected_scales_are_exact_where_the_variance_is_of_low_rank(m):
    """Closed form: a variance of rank 3 loses nothing; ``V v`` is the same."""
    rng = np.random.default_rng(2)
    variance = rng.uniform(0, 1, (50, 3)) @ rng.uniform(0.1, 5, (3, m))
    v = column_scales(variance)
    np.testing.assert_allclose(variance @ project_scales(variance, v), variance @ v, rtol=1e-9)


def test_projected_scales_keep_rare_channels_out_of_the_weights():
    """Phantom: the weights from sparse counts against those from the expected counts.

    Rare channels have large scales; the projection must more than halve the error of the weights.
    """
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        channels = np.concatenate([np.full(20, 20.0), np.full(200, 0.02)])
        expected = np.outer(rng.uniform(0.5, 1.5, 500), channels)
        counts = rng.poisson(expected).astype(float)
        v = column_scales(expected)
        truth = expected @ v
        plain = counts @ v / truth
        projected = counts @ project_scales(counts, v) / truth
        assert np.std(projected / projected.mean()) < 0.5 * np.std(plain / plain.mean())


# -------------------------------------------------- noise without power at the finest detail

SPREAD = (2 / 3, 1 / 6)  # correlation of noise under the point spread [1 2 1] / 4


def spread_noise(n, m, rng):
    """White noise of variance one under the point spread [1 2 1] / 4, without ends."""
    white = rng.standard_normal((n, m + 2))
    return (white[:, :-2] + 2 * white[:, 1:-1] + white[:, 2:]) / 4


def spread_whitening(m=80, seed=7):
    """Its whitening, for channels of different noise."""
    sd = np.random.default_rng(seed).uniform(0.5, 3, m)
    return channel_whitening(sd * np.sqrt(3 / 8), SPREAD), sd


def test_finest_detail_is_not_amplified_to_one():
    """Closed form: the power cos^4(w / 2) / (3 / 8) is below the limit for a share of all w."""
    m = 400
    whitening = channel_whitening(np.ones(m), SPREAD)
    # where cos^4(w / 2) = LEAST_RELATIVE_POWER * 3 / 8
    kept = 2 * np.arccos((LEAST_RELATIVE_POWER * 3 / 8) ** 0.25) / np.pi
    assert whitening.factor.covariance().dense().shape == (m, m)
    assert np.sum(whitening.variance > 1 - 1e-9) == pytest.approx(kept * m, abs=2)
    assert (whitening.variance >= 0).all()
    assert (whitening.variance <= 1).all()
    # all is amplified where white read noise fills the zero
    np.testing.assert_array_equal(
        channel_whitening(np.ones(m), SPREAD, np.full(m, 0.5)).variance, 1
    )


def test_whitened_spread_noise_has_the_stated_covariance():
    """Truth: Monte Carlo, 20 000 spectra under the point spread itself, not from the factor.

    Standard error of a variance 1 %, of a covariance 0.7 %; the greatest of 3000 covariances is
    expected at 3.6 of them, five are allowed.
    """
    whitening, sd = spread_whitening()
    noise = spread_noise(20_000, len(sd), np.random.default_rng(0)) * sd
    white = whitening.whiten(noise)
    covariance = white.T @ white / len(white)
    np.testing.assert_allclose(covariance, np.diag(whitening.variance), atol=0.05)
    assert whitening.variance.min() < 0.01


def test_whitened_spread_noise_has_exactly_the_stated_covariance():
    """Closed form: the covariance of the point spread, whitened on both sides."""
    whitening, sd = spread_whitening()
    m = len(sd)
    spread = sum(
        share * np.eye(m, m + 2, shift) for share, shift in [(0.25, 0), (0.5, 1), (0.25, 2)]
    )
    covariance = spread @ spread.T * np.outer(sd, sd)
    white = whitening.whiten(whitening.whiten(covariance).T)
    np.testing.assert_allclose(white, np.diag(whitening.variance), atol=1e-10)


def test_floored_whitening_loses_nothing():
    """Identity, both ways: signal that was not spread as the noise is stays in the data."""
    whitening, sd = spread_whitening()
    rng = np.random.default_rng(1)
    for spectra in rng.standard_normal((3, 5, len(sd))):
        np.testing.assert_allclose(whitening.whiten(whitening.colour(spectra)), spectra, atol=1e-10)
        np.testing.assert_allclose(whitening.colour(whitening.whiten(spectra)), spectra, atol=1e-10)


def test_projector_of_a_floored_whitening():
    """Identity: ``spectra @ projector(V)`` is ``whiten(spectra) @ V``."""
    whitening, sd = spread_whitening()
    rng = np.random.default_rng(2)
    spectra, directions = rng.standard_normal((5, len(sd))), rng.standard_normal((len(sd), 4))
    np.testing.assert_allclose(
        spectra @ whitening.projector(directions),
        whitening.whiten(spectra) @ directions,
        atol=1e-10,
    )


@pytest.mark.parametrize("share", [None, 0.5])
def test_variance_of_a_sum_over_all_channels(share):
    """Truth: the covariance, element by element. What was floored has next to nothing of a sum."""
    m = 80
    sd = np.random.default_rng(7).uniform(0.5, 3, m)
    whitening = channel_whitening(sd, SPREAD, None if share is None else np.full(m, share))
    truth = np.sum(sd**2)
    for lag, correlation in enumerate(SPREAD, 1):
        truth += 2 * correlation * (share or 1) * np.sum(sd[lag:] * sd[:-lag])
    assert whitening.sum_variance == pytest.approx(truth, rel=0.01)
    assert ChannelWhitening(sd).sum_variance == pytest.approx(np.sum(sd**2))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n, m", [(1500, 200), (800, 300)])
def test_spread_noise_alone_has_no_components(n, m, seed):
    """Phantom: noise of zero mean under the point spread, everything about it estimated.

    Taken for white, the same noise gives more than a hundred components. The level is known to a
    percent or two.
    """
    noise = 37 * spread_noise(n, m, np.random.default_rng([seed, 3]))
    model = estimate_noise(noise, False)
    assert model.kind == "scatter"
    # 4 / sqrt(n m) of statistics, and twice that where the weak second lag ends
    np.testing.assert_allclose(model.correlation, SPREAD, atol=0.02)
    blocks = row_blocks(noise)
    summary = summarise(blocks)
    _, scree = compress(blocks, summary, model)
    assert scree.above_noise_edge == 0
    assert scree.calibration == pytest.approx(1, abs=0.03)
    _, plain = compress(blocks, summary, NoiseModel("uniform", 0.0, 37**2 * 3 / 8))
    assert plain.above_noise_edge > 100


# --------------------------------------------------------------------- gain of sums and channels


@pytest.mark.parametrize("gain", [0.5, 2.0, 10.0])
def test_gain_is_that_of_sums_over_channels(gain):
    """Closed form: the exact covariance of shared charge, summed; and its diagonal.

    Half of the charge of the first and last electrons leaves the detector: 0.75 / 400 of the sum.
    """
    counts = np.full(400, 100.0)
    covariance = shared_covariance(counts, gain, 0.0)
    model = NoiseModel("gain", gain, 0.0, SPREAD)
    signal = gain * counts
    assert covariance.sum() == pytest.approx(model.gain * signal.sum(), rel=0.003)
    assert model.channel_gain == pytest.approx(gain * 3 / 8)
    np.testing.assert_allclose(np.diag(covariance), model.channel_gain * signal)
    np.testing.assert_allclose(np.diag(covariance), model.variance(signal[None])[0])
    sd = np.sqrt(model.variance(signal[None])[0])
    whitening = channel_whitening(sd, SPREAD, model.shot_share(signal))
    assert whitening.sum_variance == pytest.approx(covariance.sum(), rel=0.01)
    # without neighbours that share, both are the same
    assert NoiseModel("gain", gain).channel_gain == gain


@pytest.mark.parametrize("gain", [0.5, 10.0])
def test_variance_of_sums_of_shared_charge(gain):
    """Truth: Monte Carlo, 4000 spectra of 200 channels.

    The sum's variance is known to 2.2 %, four of them; that of a channel, averaged over all, which
    are correlated with a few others, to 0.25 %.
    """
    counts = np.full((4000, 200), 50.0)
    data = shared_charge(counts, gain, 0.0, np.random.default_rng(0))
    model = NoiseModel("gain", gain, 0.0, SPREAD)
    total = data.mean(0).sum()
    assert data.sum(1).var() == pytest.approx(model.gain * total, rel=0.09)
    assert data.var(0).sum() == pytest.approx(model.channel_gain * total, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain, read", [(2.0, 0.0), (5.0, 50.0)])
def test_estimated_gain_is_that_of_the_electrons(gain, read, seed):
    """Phantom: charge shared 1:2:1. The gain of a channel is 3/8 of it, and the estimate not.

    Both come out 3 to 6 % low: a share of the scatter goes with the components, and the weak
    second lag is underestimated.
    """
    expected = scene(2, n=1000, m=200, counts=200, seed=seed)
    data = shared_charge(expected, gain, read, np.random.default_rng(seed))
    model = estimate_noise(data, False)
    assert model.gain == pytest.approx(gain, rel=0.08)
    assert model.channel_gain == pytest.approx(gain * 3 / 8, rel=0.08)


def test_correlation_that_has_not_faded_where_it_was_cut_off():
    """Lags as found beside a zero-loss peak that drifts: half of the modes keep their variance.

    In blocks none did, and the median of noise was zero.
    """
    lags = tuple(np.linspace(0.87, 0.76, 12))
    whitening = channel_whitening(np.ones(873), lags)
    assert np.median(whitening.variance) > 0.5
    rows = np.random.default_rng(0).standard_normal((3, 873))
    np.testing.assert_allclose(whitening.colour(whitening.whiten(rows)), rows, atol=1e-8)
