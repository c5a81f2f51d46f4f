"""How much counts scatter, against gains that are known."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.noise.estimate import estimate_error, estimate_noise
from hyperspy_unmix.numerics.noise.level import level_of_counts
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.weights import column_scales


def mean_counts(seed, shape=(500, 120), typical=60.0):
    """Three spectra with lines, mixed; no product of a row and a column."""
    rng = np.random.default_rng(seed)
    x = np.arange(shape[1])
    spectra = np.array([np.exp(-x / 80) + np.exp(-((x - c) ** 2) / 40) for c in (30, 55, 90)])
    mean = rng.dirichlet(np.full(3, 0.5), shape[0]) @ spectra
    return mean * rng.uniform(0.5, 2, (shape[0], 1)) * typical / mean.mean(), rng


def level(counts):
    """As an estimate of the noise looks for it."""
    mean = np.outer(counts.mean(1), counts.mean(0)) / counts.mean()
    columns = column_scales(mean)
    return level_of_counts(counts, 1 / (mean @ columns / mean.shape[1]), columns)


@pytest.mark.parametrize("gain", [0.9, 1.1, 1.2])
@pytest.mark.parametrize("seed", [0, 1])
def test_whole_numbers_of_a_gain_near_one(gain, seed):
    """Truth: the gain, found to 3 %; rounding to whole numbers adds 1/12."""
    mean, rng = mean_counts(seed)
    found = estimate_noise(np.rint(gain * rng.poisson(mean / gain)), True)
    assert found.kind == "gain"
    ratio = (found.gain * mean + found.read_variance) / (gain * mean + 1 / 12)
    assert np.median(ratio) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("typical", [0.7, 5.0, 60.0, 3000.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_poisson_counts_stay_poisson(typical, seed):
    """Truth: Poisson; exactly one is kept where the scatter is one within its error."""
    mean, rng = mean_counts(seed, typical=typical)
    assert estimate_noise(rng.poisson(mean).astype(float), True).kind == "poisson"


def test_level_and_its_error():
    """Closed form: one over 40 draws, within three errors of their mean; and their spread."""
    found = [level(rng.poisson(mean)) for mean, rng in (mean_counts(s) for s in range(40))]
    values = np.array([one.overall for one in found])
    error = np.sqrt(2 / (500 * 120))
    assert abs(values.mean() - 1) < 3 * error / np.sqrt(40)
    # the standard deviation of 40 draws is known to 11 %
    assert np.std(values) == pytest.approx(error, rel=0.35)
    assert all(one.error > error for one in found)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_that_is_larger_in_some_pixels_and_channels_at_once(seed):
    """Truth: Poisson. Two phases whose counts lie in other channels: no product of two scales."""
    rng = np.random.default_rng(seed)
    is_first, is_line = rng.uniform(size=500) < 0.5, np.arange(240) < 80
    first, second = np.where(is_line, 400.0, 2.0), np.where(is_line, 2.0, 400.0)
    counts = rng.poisson(np.where(is_first[:, None], first, second)).astype(float)
    found = level(counts)
    # Some of the noise passes for components, and more than its share goes with them.
    assert found.overall < 1 - 3 * found.error
    assert found.before_elbow == pytest.approx(1, abs=3 * found.error)
    assert estimate_noise(counts, True).kind == "poisson"


def test_odd_channels_and_spikes_do_not_make_a_gain():
    """Truth: Poisson, beside three channels of ten times the variance, and a few spikes."""
    mean, rng = mean_counts(3)
    counts = rng.poisson(mean).astype(float)
    noisy = counts.copy()
    noisy[:, [10, 60, 61]] += rng.normal(0, 3, (500, 3)) * np.sqrt(mean[:, [10, 60, 61]])
    assert level(np.maximum(noisy, 0)).is_one
    counts[rng.integers(500, size=5), rng.integers(120, size=5)] += 5000
    assert level(counts).is_one


@pytest.mark.parametrize(("pixels", "known"), [(5, False), (500, True)])
def test_error_of_the_estimate(pixels, known):
    """Definition: 3 % where there is much to see, no knowledge where there are few pixels."""
    error = estimate_error(np.full((pixels, 200), 100.0), NoiseModel("gain", 2.0))
    assert (error < 0.035) if known else np.isinf(error)
