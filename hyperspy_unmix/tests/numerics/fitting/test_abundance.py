"""Abundances of known spectra against scipy, pixel by pixel, and against planted ones."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize, nnls

from hyperspy_unmix.numerics.fitting import abundance as module
from hyperspy_unmix.numerics.fitting.abundance import RecordedSpectra, abundances
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

M, N = 60, 40
POISSON = NoiseModel("poisson")
GAIN = NoiseModel("gain", 4.0, read_variance=30.0)


def spectra(number=3, floor=0.1):
    channel, centres = np.arange(M), np.linspace(12, 48, number)[:, None]
    found = np.exp(-0.5 * ((channel - centres) / 6) ** 2) + floor
    return found / found.sum(1, keepdims=True)


def scene(dose, seed=0, number=3, kernels=1, background=0.0):
    """Recorded spectra, true abundances (a third of them zero) and expected counts."""
    rng = np.random.default_rng(seed)
    shapes = spectra(number)[:, None] * np.ones((1, kernels, 1))
    for k in range(1, kernels):
        shapes[:, k] = np.roll(shapes[:, 0], 5 * k, axis=1)
    weights = np.ones((N, kernels))
    weights[:, 1:] = rng.uniform(0, 0.6, (N, kernels - 1))
    true = dose * rng.exponential(size=(N, number)) * (rng.random((N, number)) > 1 / 3)
    scores, base = np.full((N, 1), background), np.linspace(2, 1, M)[None] / M
    recorded = RecordedSpectra(weights, shapes, scores, base)
    design = np.einsum("pk,ikm->pim", weights, shapes)
    return recorded, true, design, np.einsum("pi,pim->pm", true, design) + scores @ base


def found_in(counts, recorded, noise, start=None, least_sd=1.0, **given):
    blocks = row_blocks(np.asarray(counts, float), **given)
    start = np.ones((N, len(recorded.shapes))) if start is None else start
    return abundances(blocks, recorded, noise, start, least_sd * np.ones(M))


def likelihood(a, counts, design, base, offset):
    mean = np.maximum(a @ design + base + offset, 1e-9)
    return float(np.sum((counts + offset) * np.log(mean) - mean))


@pytest.mark.parametrize("kernels", [1, 3])
@pytest.mark.parametrize("noise", [POISSON, GAIN], ids=["poisson", "gain"])
@pytest.mark.parametrize("dose", [3.0, 100.0, 1e5])
def test_likelihood_is_that_of_scipy(dose, noise, kernels):
    """Independent library: L-BFGS-B on the same likelihood, to a hundredth of its unit."""
    recorded, _, design, expected = scene(dose, kernels=kernels, background=0.2 * dose)
    rng = np.random.default_rng(1)
    gain = noise.gain
    counts = gain * rng.poisson(expected / gain).astype(float)
    if noise.kind == "gain":
        counts += rng.standard_normal(counts.shape) * np.sqrt(noise.read_variance)
    found, _ = found_in(counts, recorded, noise)
    offset = noise.read_variance / gain
    base = recorded.scores @ recorded.background
    assert (found >= 0).all()
    for p in range(0, N, 4):
        of_pixel = partial(
            likelihood, counts=counts[p], design=design[p], base=base[p], offset=offset
        )
        best = minimize(
            lambda a, of_pixel=of_pixel: -of_pixel(a) / gain,
            np.maximum(found[p], 0.1 * dose),
            bounds=[(0, None)] * 3,
            method="L-BFGS-B",
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000},
        )
        assert of_pixel(found[p]) / gain > -best.fun - 0.01


def test_other_noise_is_weighted_least_squares():
    """Independent library: scipy's nnls of the spectra over their noise."""
    recorded, _, design, expected = scene(100.0)
    rng = np.random.default_rng(2)
    variance = rng.uniform(0.5, 3, expected.shape)
    data = expected + rng.standard_normal(expected.shape) * np.sqrt(variance)
    found, error = found_in(data, recorded, NoiseModel("given"), variance=variance)
    for p in range(N):
        root = 1 / np.sqrt(variance[p])
        known = nnls((design[0] * root).T, data[p] * root)[0]
        np.testing.assert_allclose(found[p], known, atol=1e-2 * np.sqrt(error[p]).max())
        normal = (design[0] / variance[p]) @ design[0].T
        np.testing.assert_allclose(error[p], np.diag(np.linalg.inv(normal)), rtol=1e-6)


def test_noise_of_the_channels_where_no_variance_is_given():
    """Independent library: scipy's nnls of the spectra over the noise of their channels."""
    recorded, _, design, expected = scene(100.0)
    rng = np.random.default_rng(8)
    sd = rng.uniform(0.5, 3, M)
    data = expected + rng.standard_normal(expected.shape) * sd
    found, error = found_in(data, recorded, NoiseModel("given"), least_sd=sd)
    known = [nnls((design[0] / sd).T, d / sd)[0] for d in data]
    np.testing.assert_allclose(found, known, atol=1e-2 * np.sqrt(error).max())
    normal = (design[0] / sd**2) @ design[0].T
    np.testing.assert_allclose(error, np.tile(np.diag(np.linalg.inv(normal)), (N, 1)), rtol=1e-6)


@pytest.mark.parametrize("noise", [POISSON, GAIN], ids=["poisson", "gain"])
def test_variance_is_the_scatter(noise):
    """Monte Carlo: 300 draws of abundances far above zero; a standard deviation known to 4 %."""
    recorded, _, design, _ = scene(500.0)
    true = np.full((N, 3), 2000.0)
    expected = np.einsum("pi,pim->pm", true, np.broadcast_to(design, (N, 3, M)))
    rng, drawn, stated = np.random.default_rng(3), [], []
    for _ in range(8):
        counts = noise.gain * rng.poisson(expected / noise.gain).astype(float)
        if noise.kind == "gain":
            counts += rng.standard_normal(counts.shape) * np.sqrt(noise.read_variance)
        found, error = found_in(counts, recorded, noise)
        drawn.append(found - true)
        stated.append(error)
    scatter = np.sqrt(np.mean(np.square(drawn), (0, 1)))
    np.testing.assert_allclose(scatter, np.sqrt(np.mean(stated, (0, 1))), rtol=0.12)


def test_next_to_no_counts():
    """Two standard deviations hold the truth in 95 % of starved pixels, to 3 binomial errors."""
    recorded, true, _, expected = scene(4.0, seed=5)
    rng, inside = np.random.default_rng(4), []
    for _ in range(20):
        found, error = found_in(rng.poisson(expected), recorded, POISSON)
        inside.append(np.abs(found - true) < 2 * np.sqrt(error))
    assert np.mean(inside) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 2400)


def test_spectra_that_are_partly_negative():
    """A difference between phases, as an unstable component may be: finite, and no worse start."""
    recorded, _, _, expected = scene(200.0)
    odd = recorded.shapes.copy()
    odd[2, 0] = odd[0, 0] - odd[1, 0]
    counts = np.random.default_rng(5).poisson(expected)
    other = RecordedSpectra(recorded.weights, odd, recorded.scores, recorded.background)
    found, error = found_in(counts, other, POISSON)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert np.isfinite(error).all()
    assert found.max() < 100 * expected.sum(1).max()


def test_worst_pixels():
    """Empty pixels, channels without spectra, two spectra alike: finite, non-negative."""
    recorded, _, _, expected = scene(50.0)
    shapes = recorded.shapes.copy()
    shapes[:, :, :10] = 0
    shapes[1] = shapes[0]
    counts = np.random.default_rng(6).poisson(expected).astype(float)
    counts[0] = 0
    same = RecordedSpectra(recorded.weights, shapes, recorded.scores, recorded.background)
    found, error = found_in(counts, same, POISSON)
    assert np.isfinite(found).all()
    assert np.isfinite(error).all()
    assert (found >= 0).all()
    assert found[0].max() < 0.5


def test_blocks_do_not_matter(monkeypatch):
    """Identity, to the tolerance of the iteration."""
    recorded, _, _, expected = scene(80.0, kernels=2)
    counts = np.random.default_rng(7).poisson(expected)
    known = found_in(counts, recorded, POISSON)
    monkeypatch.setattr(module, "PIXELS_FITTED_AT_ONCE", 7)
    found = found_in(counts, recorded, POISSON, start=known[0])
    np.testing.assert_allclose(found[0], known[0], atol=1e-2 * np.sqrt(known[1]).max())


@pytest.mark.parametrize("kernels", [1, 3])
@pytest.mark.parametrize("noise", [POISSON, GAIN], ids=["poisson", "gain"])
def test_variance_is_the_inverse_of_the_fisher_information(noise, kernels):
    """Closed form, pixel by pixel: of the mean with two counts more, dealt out as the start is.

    Read noise counts as so many more: its variance over the gain.
    """
    recorded, _, design, expected = scene(30.0, seed=9, kernels=kernels, background=10.0)
    rng = np.random.default_rng(10)
    counts = noise.gain * rng.poisson(expected / noise.gain).astype(float)
    start = rng.uniform(0, 3, (N, 3)) * [1, 2, 5]
    start[:, 0] -= 2
    found, error = found_in(counts, recorded, noise, start=start)
    typical = np.maximum(start.mean(0), 0)
    typical /= typical.sum()
    offset = noise.read_variance / noise.gain if noise.kind == "gain" else 0.0
    for p in range(N):
        own = np.broadcast_to(design, (N, 3, M))[p]
        mean = (found[p] + 2 * noise.gain * typical) @ own + offset
        mean += np.maximum(recorded.scores[p] @ recorded.background, 0)
        information = (own / mean) @ own.T / noise.gain
        np.testing.assert_allclose(error[p], np.diag(np.linalg.inv(information)), rtol=1e-6)


def test_gain_of_counts_that_share_their_charge():
    """Closed form: a channel's noise is that of its own gain, a sum's that of the whole one.

    So abundances, which are sums, are found with the first and stated with the second.
    """
    recorded, _, _, expected = scene(200.0, seed=11)
    counts = np.random.default_rng(12).poisson(expected).astype(float)
    plain = found_in(counts, recorded, NoiseModel("gain", 2.0))
    noise = NoiseModel("gain", 3.0, correlation=(0.25,))
    assert noise.channel_gain == pytest.approx(2.0)
    shared = found_in(counts, recorded, noise)
    np.testing.assert_allclose(shared[0], plain[0], rtol=1e-9)
    np.testing.assert_allclose(shared[1], 1.5 * plain[1], rtol=1e-9)


def test_likelihood_where_steps_are_too_long():
    """Independent library: scipy's bounded search, for few counts in channels of uneven shares.

    Where next to nothing is under the counts, a full step overshoots, and has to be shortened.
    """
    rng = np.random.default_rng(13)
    shapes = rng.exponential(size=(2, 1, 10))
    recorded = RecordedSpectra(np.ones((N, 1)), shapes, np.ones((N, 1)), np.full((1, 10), 1e-6))
    counts = rng.poisson(2.0, (N, 10)) * (rng.random((N, 10)) < 0.4)
    counts[:, 0] += 1
    start = 10.0 ** rng.uniform(-3, 4, (N, 2))
    found, _ = found_in(counts, recorded, POISSON, start=start)
    for a, pixel_counts in zip(found, counts, strict=True):
        of_pixel = partial(
            likelihood, counts=pixel_counts, design=shapes[:, 0], base=1e-6, offset=0.0
        )
        tried = [
            minimize(
                lambda x, of_pixel=of_pixel: -of_pixel(x),
                first,
                bounds=[(0, None)] * 2,
                method="L-BFGS-B",
                options={"ftol": 1e-14, "gtol": 1e-9},
            ).fun
            for first in (np.maximum(a, 0.1), np.ones(2))
        ]
        assert of_pixel(a) > -min(tried) - 0.01
