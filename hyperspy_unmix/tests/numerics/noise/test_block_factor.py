"""Factors in blocks, and what they stand in for: matrices of all channels by all."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_unmix.numerics.noise.block_factor import factorise, single_block, tridiagonal
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge_of_profile
from hyperspy_unmix.numerics.noise.whitening import LEAST_RELATIVE_POWER, channel_whitening

SPREAD = (2 / 3, 1 / 6)  # correlation of noise under the point spread [1 2 1] / 4
BROAD = (0.8, 0.5, 0.25, 0.1)


def banded(m=90, lags=5, seed=0):
    """A positive definite matrix that reaches over a few channels."""
    root = np.random.default_rng(seed).standard_normal((m, m))
    near = np.abs(np.subtract.outer(np.arange(m), np.arange(m))) <= lags
    return (root * near) @ (root * near).T + np.eye(m)


@pytest.mark.parametrize("size", [20, 90])
def test_products_and_solutions_are_those_of_the_cholesky_factor(size):
    """Truth: numpy's factor of the whole matrix."""
    matrix = banded()
    dense, factor = np.linalg.cholesky(matrix), factorise(tridiagonal(matrix, size))
    rows = np.random.default_rng(1).standard_normal((7, len(matrix)))
    for found, true in [
        (factor.multiply(rows), rows @ dense.T),
        (factor.multiply_transposed(rows), rows @ dense),
        (factor.solve(rows), np.linalg.solve(dense, rows.T).T),
        (factor.solve_transposed(rows), np.linalg.solve(dense.T, rows.T).T),
        (factor.covariance().dense(), matrix),
    ]:
        np.testing.assert_allclose(found, true, atol=1e-10)


def test_scaled_noise_is_whitened_as_by_the_whole_matrix():
    """Truth: the diagonal of the product of whole matrices."""
    matrix, scales = banded(), np.random.default_rng(2).uniform(0.5, 2, 90)
    factor = factorise(tridiagonal(matrix, 20))
    inverse = np.linalg.inv(np.linalg.cholesky(matrix))
    true = inverse @ (matrix * np.outer(scales, scales)) @ inverse.T
    found = factor.whitened_blocks(factor.covariance().scale(scales))
    np.testing.assert_allclose(np.concatenate([np.diag(b) for b in found]), np.diag(true))


def test_selected_channels_have_the_covariance_that_they_had():
    """Truth: rows and columns of the whole matrix; channels far apart come next to each other."""
    matrix = banded()
    keep = np.ones(90, bool)
    keep[[3, 17, 18, 19, 40, 41, 77]] = False
    found = factorise(tridiagonal(matrix, 20)).select_channels(keep)
    np.testing.assert_allclose(found.covariance().dense(), matrix[np.ix_(keep, keep)], atol=1e-10)


def test_an_indefinite_matrix_is_raised_a_little():
    """Its least eigenvalue is -0.002."""
    matrix = np.eye(60) + np.diag(np.full(59, 0.5016), 1) + np.diag(np.full(59, 0.5016), -1)
    factor = factorise(tridiagonal(matrix, 20))
    np.testing.assert_allclose(factor.covariance().dense(), matrix, atol=0.01)


def test_any_factor_is_one_block():
    """Identity; not triangular."""
    root = np.random.default_rng(3).standard_normal((6, 6))
    rows = np.random.default_rng(4).standard_normal((2, 6))
    np.testing.assert_allclose(single_block(root).solve(rows @ root.T), rows, atol=1e-10)


def modes_of_all_channels(m, correlation, share):
    """Truth: variances of the whitened noise by the modes of the whole correlation matrix."""
    lag = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    matrix = np.append(correlation, np.zeros(m))[lag - 1] * np.sqrt(np.outer(share, share))
    np.fill_diagonal(matrix, 1.0)
    power = np.linalg.eigvalsh(matrix)
    return matrix, np.maximum(power, 0) / np.maximum(power, LEAST_RELATIVE_POWER)


@pytest.mark.parametrize("correlation", [SPREAD, BROAD])
@pytest.mark.parametrize("kind", ["all", "peak", "rough"])
def test_floored_noise_of_long_axes_has_the_same_edge(correlation, kind):
    """Truth: all modes of all 768 channels; and the covariance itself, whitened.

    The noise edge is the same to 0.3 %, a third of its own scatter, where the share of correlated
    noise changes slowly. Where it is rough, the floor is another, and what matters is that the
    variances stated are those of the noise whitened so.
    """
    m = 768
    share = {
        "all": np.ones(m),
        "peak": np.clip(0.1 + np.exp(-0.5 * ((np.arange(m) - 200) / 20) ** 2), 0, 1),
        "rough": np.random.default_rng(0).uniform(0.7, 1, m),
    }[kind]
    matrix, truth = modes_of_all_channels(m, correlation, share)
    found = channel_whitening(np.ones(m), correlation, share)
    assert len(found.factor.diagonal) > 1
    assert found.floored is not None
    white = found.whiten(found.whiten(matrix).T)
    np.testing.assert_allclose(np.diag(white), found.variance, atol=0.03)
    assert np.linalg.eigvalsh(white)[-1] < 1.05
    np.testing.assert_allclose(found.colour(found.whiten(matrix)), matrix, atol=1e-10)
    within = 3e-3 if kind != "rough" else 0.02
    for n in (60, 1000, 10_000):
        edges = [noise_edge_of_profile(n, variance) for variance in (found.variance, truth)]
        assert edges[0] == pytest.approx(edges[1], rel=within)


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("m", [300, 768])
def test_noise_of_another_profile(m, share):
    """Truth: the whitened covariance. Floored (share 1) in several blocks, what two of them share
    is left out: of single modes 0.05, of their mean next to nothing.
    """
    profile = np.random.default_rng(5).uniform(0.5, 2, m)
    matrix = modes_of_all_channels(m, SPREAD, np.full(m, share))[0]
    whitening = channel_whitening(np.ones(m), SPREAD, np.full(m, share))
    scaled = matrix * np.sqrt(np.outer(profile, profile))
    true = np.diag(whitening.whiten(whitening.whiten(scaled).T))
    found = whitening.variance_of(profile)
    several = share == 1 and len(whitening.factor.diagonal) > 1
    np.testing.assert_allclose(found, true, atol=0.05 if several else 1e-8)
    assert found.mean() == pytest.approx(true.mean(), rel=1e-3)
