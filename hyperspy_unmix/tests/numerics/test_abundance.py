"""Abundances of known spectra against scipy, pixel by pixel, and against planted ones."""

import numpy as np
import pytest
from scipy.optimize import minimize, nnls

from hyperspy_unmix.numerics import abundance as module
from hyperspy_unmix.numerics.abundance import Recorded, abundances
from hyperspy_unmix.numerics.blocks import row_blocks
from hyperspy_unmix.numerics.noise import NoiseModel

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
    recorded = Recorded(weights, shapes, scores, base)
    design = np.einsum("pk,ikm->pim", weights, shapes)
    return recorded, true, design, np.einsum("pi,pim->pm", true, design) + scores @ base


def found_in(counts, recorded, noise, start=None, **given):
    blocks = row_blocks(np.asarray(counts, float), **given)
    start = np.ones((N, len(recorded.shapes))) if start is None else start
    return abundances(blocks, recorded, noise, start, np.ones(M))


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
        own = counts[p], design[p], base[p], offset
        best = minimize(
            lambda a, own=own: -likelihood(a, *own) / gain,
            np.maximum(found[p], 0.1 * dose),
            bounds=[(0, None)] * 3,
            method="L-BFGS-B",
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000},
        )
        assert likelihood(found[p], *own) / gain > -best.fun - 0.01


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
    other = Recorded(recorded.weights, odd, recorded.scores, recorded.background)
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
    same = Recorded(recorded.weights, shapes, recorded.scores, recorded.background)
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
    monkeypatch.setattr(module, "ROWS", 7)
    found = found_in(counts, recorded, POISSON, start=known[0])
    np.testing.assert_allclose(found[0], known[0], atol=1e-2 * np.sqrt(known[1]).max())
