"""Leading eigenvectors against LAPACK's full decomposition."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.eigen import FEW, LARGE, leading_eigenvectors


def gram(m, strengths, seed=0):
    """Wishart noise of 2 m degrees and a few strong directions."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((2 * m, m))
    directions = np.linalg.qr(rng.standard_normal((m, len(strengths))))[0]
    data += rng.standard_normal((2 * m, len(strengths))) @ (np.array(strengths) * directions).T
    return data.T @ data


@pytest.mark.parametrize("m, number", [(40, 3), (LARGE, LARGE // FEW), (LARGE, LARGE // FEW + 1)])
def test_against_lapack(m, number):
    """Independent: numpy's eigh. Small, large, and large with too many asked for.

    The tolerance of Lanczos is 1e-9 of an eigenvalue; vectors of separate values follow to the
    ratio of that to their distance, 1e-6 here.
    """
    matrix = gram(m, [30.0, 10.0, 5.0])
    values, vectors = leading_eigenvectors(matrix, number)
    true_values, true_vectors = np.linalg.eigh(matrix)
    np.testing.assert_allclose(values, true_values[::-1][:number], rtol=1e-7)
    overlap = np.abs(np.sum(vectors[:, :3] * true_vectors[:, ::-1][:, :3], 0))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(number), atol=1e-8)


def test_same_bits_every_time():
    matrix = gram(LARGE, [3.0])
    first, again = leading_eigenvectors(matrix, 4), leading_eigenvectors(matrix, 4)
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize("matrix", [np.zeros((LARGE, LARGE)), np.eye(LARGE)])
def test_nothing_to_find(matrix):
    """Closed form: all values equal; any orthonormal vectors will do."""
    values, vectors = leading_eigenvectors(matrix, 3)
    np.testing.assert_allclose(values, matrix[0, 0], atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-8)
