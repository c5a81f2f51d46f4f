"""Chi-square of pixels and channels, against the sums written out."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.fitting.goodness import chi_square_of_sample, goodness
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

PIXELS, CHANNELS, FITTED = 40, 30, 3


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(0)
    scores, components = rng.uniform(1, 3, (PIXELS, 2)), rng.uniform(1, 20, (2, CHANNELS))
    model = scores @ components
    sd = np.sqrt(model.mean(0))
    return scores, components, model, rng.poisson(model).astype(np.float32), sd


@pytest.mark.parametrize("kind", ["poisson", "gain", "uniform", "given"])
def test_sums_written_out(kind, fit):
    """Closed form, with loops; float32 counts below 200 are exact, float32 variances to 1e-6."""
    scores, components, model, counts, sd = fit
    given = None
    if kind == "given":
        given = np.random.default_rng(1).uniform(1, 50, counts.shape).astype(np.float32)
    noise = {
        "poisson": NoiseModel("poisson", 1.0, 0.0),
        "gain": NoiseModel("gain", 2.5, 4.0),
        "uniform": NoiseModel("uniform", 0.0, 1.0),
        "given": NoiseModel("given"),
    }[kind]
    found = goodness(row_blocks(counts, given), scores, components, noise, sd, FITTED)
    chi, mean, error, spread = [], [], [], []
    variance = {
        "poisson": model,
        "gain": 2.5 * model + 4.0,
        "uniform": np.broadcast_to(sd**2, model.shape),
        "given": given,
    }[kind]
    for p in range(PIXELS):
        above = sum((counts[p, c] - model[p, c]) ** 2 / sd[c] ** 2 for c in range(CHANNELS))
        below = sum(variance[p, c] / sd[c] ** 2 for c in range(CHANNELS))
        chi.append(above / below * CHANNELS / (CHANNELS - FITTED))
    for c in range(CHANNELS):
        residual = [counts[p, c] - model[p, c] for p in range(PIXELS)]
        mean.append(sum(residual) / PIXELS)
        error.append(sum(variance[p, c] for p in range(PIXELS)) ** 0.5 / PIXELS)
        spread.append(sum(r**2 for r in residual) / sum(variance[p, c] for p in range(PIXELS)))
    np.testing.assert_allclose(found.chi_square, chi, rtol=1e-5)
    np.testing.assert_allclose(found.mean_residual, mean, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.noise_of_mean, error, rtol=1e-5)
    np.testing.assert_allclose(found.spread, spread, rtol=1e-5)


def test_one_where_the_model_is_true(fit):
    """Truth: the model of Poisson counts, nothing fitted; the mean scatters by sqrt(2 / 1200)."""
    scores, components, _, counts, sd = fit
    noise = NoiseModel("poisson", 1.0, 0.0)
    found = goodness(row_blocks(counts), scores, components, noise, sd, 0)
    assert found.chi_square.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / counts.size))


@pytest.mark.parametrize(
    "noise", [NoiseModel("poisson"), NoiseModel("gain", 2.5, 4.0), NoiseModel("uniform", 0.0, 1.0)]
)
def test_of_a_sample_as_of_all(noise, fit):
    """Independent way: the pass over the counts; float32 variances to 1e-6."""
    scores, components, _, counts, sd = fit
    every_third = np.arange(0, PIXELS, 3)
    of_all = goodness(row_blocks(counts, None), scores, components, noise, sd, FITTED)
    found = chi_square_of_sample(
        counts[every_third].astype(float), scores[every_third], components, noise, sd, FITTED
    )
    np.testing.assert_allclose(found, of_all.chi_square[every_third], rtol=1e-6)


@pytest.mark.parametrize("kind", ["poisson", "gain"])
def test_one_photon_where_the_model_has_none(kind, fit):
    """Closed form: the variance is that of one photon with the mean spectrum."""
    _, components, _, _, _ = fit
    gain = {"poisson": 1.0, "gain": 3.0}[kind]
    noise, mean = NoiseModel(kind, gain, 0.0), np.linspace(1, 3, CHANNELS)
    recorded = np.zeros((1, CHANNELS))
    recorded[0, 7] = gain
    found = chi_square_of_sample(
        recorded, np.zeros((1, 2)), components, noise, np.sqrt(gain * mean), FITTED
    )
    # of a photon in channel c, with the chance p: sum of p / mean; here it is in channel 7
    chance = mean / mean.sum()
    truth = (1 / mean[7]) / np.sum(chance / mean) * CHANNELS / (CHANNELS - FITTED)
    np.testing.assert_allclose(found, [truth], rtol=1e-9)
