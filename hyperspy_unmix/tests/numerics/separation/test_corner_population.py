"""Population of corners against planted shares of pure pixels."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.separation.corner_population import corner_population
from hyperspy_unmix.numerics.separation.pure_pixels import Cloud

PIXELS = 2000


def cloud_of(shares, seed=0, dose=60.0):
    """Pixels of these shares of orthogonal spectra, with white noise of one."""
    rng = np.random.default_rng([seed, 1])
    n, k = shares.shape
    white = dose * shares * rng.uniform(0.8, 1.2, (n, 1)) + rng.standard_normal((n, k))
    return Cloud(white, white.sum(1), np.ones(n), np.eye(k), np.ones(k))


def planted(alone, k=3, seed=0):
    """Shares: so many of the pixels at each corner, the rest evenly in the simplex."""
    rng = np.random.default_rng([seed, 2])
    numbers = [round(share * PIXELS) for share in alone]
    corners = np.repeat(np.eye(k)[: len(alone)], numbers, axis=0)
    return np.concatenate([corners, rng.dirichlet(np.ones(k), PIXELS - len(corners))])


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_pure_pixels(seed):
    """Truth: planted; 0.02 is three standard errors of the fit, whose corner reaches 2 noises."""
    alone = np.array([0.3, 0.1, 0.0])
    found = corner_population(cloud_of(planted(alone, seed=seed), seed), np.eye(3))
    np.testing.assert_allclose(found.share, alone, atol=0.02)
    assert found.likelihood_gain[0] > 100
    assert found.likelihood_gain[1] > 10
    assert found.likelihood_gain[2] < 5
    assert (found.density_ratio[:2] > 6).all()
    assert found.density_ratio[2] < 4


@pytest.mark.parametrize("k", [2, 3, 5])
def test_even_clouds_have_no_populated_corner(k):
    """Truth: none planted. A line, a triangle and a simplex, each filled evenly to its corners."""
    found = corner_population(cloud_of(planted((), k)), np.eye(k))
    assert (found.share < 0.02).all()
    assert (found.likelihood_gain < 10).all()


def test_edges_of_a_cloud_are_no_corners():
    """Truth: mixtures of two phases each, densest where a third is not: nothing is pure."""
    rng = np.random.default_rng(0)
    along = rng.uniform(0, 1, PIXELS)
    shares = np.stack([along, 1 - along, np.zeros(PIXELS)], 1)
    shares[: PIXELS // 2] = shares[: PIXELS // 2][:, [0, 2, 1]]
    found = corner_population(cloud_of(shares), np.eye(3))
    assert (found.density_ratio < 6).all()


def test_the_length_of_a_corner_does_not_matter():
    """Truth: the same corners."""
    cloud = cloud_of(planted([0.3, 0.1, 0.0]))
    found, longer = (corner_population(cloud, scale * np.eye(3)) for scale in (1.0, 7.0))
    np.testing.assert_allclose(longer.share, found.share, rtol=1e-6)
    np.testing.assert_allclose(longer.density_ratio, found.density_ratio)


def test_more_pixels_than_are_looked_at_and_many_corners():
    """Truth: planted. Of twelve corners no pairs are looked at."""
    alone = np.full(12, 0.05)
    found = corner_population(cloud_of(planted(alone, 12), dose=200.0), np.eye(12))
    assert np.abs(found.share - alone).max() < 0.03
