"""Noise that neighbouring pixels share: its correlation, and the noise edge that follows."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.compression.map_correlation import measure_neighbours
from hyperspy_unmix.numerics.compression.neighbouring_noise import (
    noise_autocorrelation,
    noise_directions,
)
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks


def smooth(values, width):
    """Smoothed along the axes of the scan, which goes on beyond its ends."""
    return gaussian_filter(values, (width,) * (values.ndim - 1) + (0,), mode="wrap")


def of_kernel(width, lag):
    """Closed form: correlation of white noise smoothed by scipy's Gaussian of this width."""
    one = np.zeros((101, 1))
    one[50] = 1
    kernel = smooth(one, width)[:, 0]
    return float(kernel[lag:] @ kernel[: len(kernel) - lag] / (kernel @ kernel))


@pytest.mark.parametrize("width", [0.5, 1, 2])
@pytest.mark.parametrize("share", [1, 0.8])
def test_correlation_of_smoothed_noise(width, share):
    """Truth: that of the kernel, where a fifth of the pixels does not count, too.

    To five standard deviations, which the correlation of the products makes larger.
    """
    rng = np.random.default_rng(0)
    noise = smooth(rng.standard_normal((48, 40, 16)), width).reshape(-1, 16)
    pixels = np.flatnonzero(rng.uniform(size=len(noise)) < share)
    found = measure_neighbours(noise[pixels], pixels, (48, 40))
    tolerance = 5 * found.error[0] * (1 + 2 * width)
    np.testing.assert_allclose(found.correlation, of_kernel(width, 1), atol=tolerance)
    assert found.is_shared
    every = noise_autocorrelation(noise[pixels], np.ones(16), pixels, (48, 40))
    assert every[0, 0] == 1
    for lag in range(1, 4):
        truth = of_kernel(width, lag)
        found_there = every[[lag, -lag, 0, 0], [0, 0, lag, -lag]]
        np.testing.assert_allclose(found_there, truth, atol=tolerance)


@pytest.mark.parametrize("shape", [(), (300,), (12, 10), (4, 9, 8)])
def test_independent_pixels_share_nothing(shape):
    """Truth: none of 50 draws is beyond six standard deviations."""
    rng = np.random.default_rng(0)
    n = int(np.prod(shape))
    for _ in range(50):
        found = measure_neighbours(rng.standard_normal((n, 8)), np.arange(n), shape)
        assert len(found.correlation) == len(shape)
        assert not found.is_shared


def test_directions_are_beside_the_components():
    """Closed form: orthonormal, and orthogonal to them; none where nothing is beside them."""
    leading = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 5)))[0]
    beside = noise_directions(leading, 4000)
    np.testing.assert_allclose(beside.T @ beside, np.eye(beside.shape[1]), atol=1e-12)
    np.testing.assert_allclose(leading.T @ beside, 0, atol=1e-12)
    assert noise_directions(np.eye(8), 4000).shape == (8, 0)


@pytest.mark.parametrize("shape", [(40, 40), (900,)])
@pytest.mark.parametrize("width", [0.5, 0.7, 1, 2])
@pytest.mark.parametrize("n_components", [0, 2])
def test_noise_edge_of_smoothed_noise(shape, width, n_components):
    """Monte Carlo: as many components as there are, in smoothed noise of 90 channels.

    The components are four times the noise edge of independent pixels. Twenty and more are
    above that edge, where noise of a width of one pixel is none.
    """
    for seed in range(2):
        rng = np.random.default_rng(seed)
        noise = smooth(rng.standard_normal((*shape, 90)), width)
        strength = 8 * noise.std() * np.sqrt(np.sqrt(noise.size))
        for k in range(n_components):
            field = smooth(rng.standard_normal((*shape, 1)), 3)
            spectrum = np.roll(np.eye(1, 90)[0], 30 * k + 10)[None]
            noise = noise + strength * field / np.linalg.norm(field) * spectrum * 2
        blocks = row_blocks(noise)
        model = NoiseModel("uniform", 0.0, 1.0)
        _, scree = compress(blocks, summarise(blocks), model)
        assert scree.neighbours.is_shared
        assert scree.above_noise_edge == n_components
