"""Leading eigenvectors against numpy's full decomposition."""

from functools import cache

import numpy as np
import pytest

from hyperspy_unmix.numerics import linear_algebra
from hyperspy_unmix.numerics.linear_algebra import (
    EXTRA_KRYLOV_VECTORS,
    KRYLOV_STEPS,
    LEAST_ROWS_FOR_KRYLOV,
    krylov_eigenvectors,
    leading_eigenpairs,
    leading_eigenvectors,
    root_of_large,
    with_signs,
)

# vectors that are still sought in a Krylov space of the smallest large matrix
MOST_KRYLOV = LEAST_ROWS_FOR_KRYLOV // (2 * (KRYLOV_STEPS + 1)) - EXTRA_KRYLOV_VECTORS
STRENGTHS = [30.0, 10.0, 5.0]


@cache
def gram(m, strengths=tuple(STRENGTHS), seed=0, degrees=2):
    """Wishart noise of ``degrees`` m degrees of freedom and a few strong directions."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((degrees * m, m))
    strengths = strengths[:m]
    if strengths:
        directions = np.linalg.qr(rng.standard_normal((m, len(strengths))))[0]
        scores = rng.standard_normal((degrees * m, len(strengths)))
        data += scores @ (np.array(strengths) * directions).T
    return data.T @ data


@cache
def decomposed(*about):
    """Truth: numpy's eigh; values and vectors, falling."""
    values, vectors = np.linalg.eigh(gram(*about))
    return values[::-1], vectors[:, ::-1]


def apart(found, truth):
    """One minus the cosine of each column with that of the truth."""
    found, truth = found.astype(float), truth.astype(float)
    lengths = np.linalg.norm(found, axis=0) * np.linalg.norm(truth, axis=0)
    return 1 - np.abs(np.sum(found * truth, 0)) / lengths


def assert_orthonormal(vectors, atol=1e-6):
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), rtol=0, atol=atol)


@pytest.mark.parametrize(
    "m, number", [(2, 1), (2, 2), (40, 3), (40, 40), (LEAST_ROWS_FOR_KRYLOV, MOST_KRYLOV + 1)]
)
def test_small_matrices_and_many_vectors_are_exact(m, number):
    """Truth: numpy's eigh; another LAPACK driver, 1e-10 of the largest value in hand."""
    matrix = gram(m)
    values, vectors = leading_eigenvectors(matrix, number)
    truth = decomposed(m)[0][:number]
    np.testing.assert_allclose(values, truth, rtol=0, atol=1e-10 * truth[0])
    np.testing.assert_allclose(matrix @ vectors, vectors * values, rtol=0, atol=1e-10 * truth[0])
    assert_orthonormal(vectors, 1e-12)


@pytest.mark.parametrize(
    "m, number",
    [(LEAST_ROWS_FOR_KRYLOV, 3), (LEAST_ROWS_FOR_KRYLOV, MOST_KRYLOV), (700, 12), (1024, 12)],
)
def test_signals_well_above_the_noise(m, number):
    """Truth: numpy's eigh. Values that lie apart converge by a large factor with every step.

    The least of them is 20 times the noise edge's distance to it; 12 steps leave rounding, and
    1e-6 is in hand. What follows in the noise is bounded by the true values from above (Cauchy's
    interlacing) and is close to them from below: a Krylov space of q steps misses less than
    (log m / q)^2 of a value with some factor below one (Musco and Musco); 2 % are asked for.
    """
    values, vectors = leading_eigenvectors(gram(m), number)
    true_values, true_vectors = decomposed(m)
    np.testing.assert_allclose(values[:3], true_values[:3], rtol=1e-6)
    assert apart(vectors[:, :3], true_vectors[:, :3]).max() < 1e-6
    assert_orthonormal(vectors)
    assert (np.diff(values) <= 0).all()
    missed = 1 - values / true_values[:number]
    assert missed.min() > -1e-12
    assert missed.max() < 0.02
    # the values are those of the vectors, whatever these are
    np.testing.assert_allclose(np.sum(vectors * (gram(m) @ vectors), 0), values, rtol=1e-9)


@pytest.mark.parametrize(
    "m, seed, degrees",
    [(LEAST_ROWS_FOR_KRYLOV, s, d) for s in range(3) for d in (2, 10)] + [(1024, 0, 2)],
)
def test_component_close_to_the_noise(m, seed, degrees):
    """Truth: built in. The largest value is 1.05 of the Marchenko-Pastur edge, all others noise.

    1 - cos stays below 1e-2: less than what noise itself does to a component so weak.
    """
    values, vectors = (a.copy() for a in decomposed(m, (), seed, degrees))
    edge = (np.sqrt(degrees * m) + np.sqrt(m)) ** 2
    assert values[1] < 1.02 * edge
    values[0] = 1.05 * edge
    matrix = (vectors * values) @ vectors.T
    found_values, found = leading_eigenvectors(matrix, 8)
    assert apart(found[:, :1], vectors[:, :1])[0] < 1e-2
    assert found_values[0] == pytest.approx(values[0], rel=1e-3)
    assert_orthonormal(found)


@pytest.mark.parametrize(
    "m, number", [(40, 3), (LEAST_ROWS_FOR_KRYLOV, 3), (LEAST_ROWS_FOR_KRYLOV, MOST_KRYLOV)]
)
def test_float32_stays_float32(m, number):
    """Truth: numpy's eigh in double precision; products of m terms in single precision.

    They round to about sqrt(m) 6e-8 of the largest value, 2e-6, which turns vectors of values
    half as far apart by 4e-6 at most; 1 - cos is half the square of that, and float32's own
    rounding is the larger.
    """
    values, vectors = leading_eigenvectors(gram(m).astype(np.float32), number)
    assert values.dtype == vectors.dtype == np.float32
    true_values, true_vectors = decomposed(m)
    np.testing.assert_allclose(values[:3], true_values[:3], rtol=0, atol=5e-6 * true_values[0])
    assert apart(vectors[:, :2], true_vectors[:, :2]).max() < 1e-6
    assert_orthonormal(vectors, 5e-6)


def degenerate(m):
    """Matrices of low rank, or with all values alike."""
    rng = np.random.default_rng(5)
    few = rng.standard_normal((3, m))
    corner = np.zeros((m, m))
    corner[100:110, 100:110] = gram(10)
    alike = np.zeros(m)
    alike[:20] = 7.0
    return {
        "zero": np.zeros((m, m)),
        "one": np.eye(m),
        "rank 1": np.outer(few[0], few[0]),
        "rank 3": few.T @ few,
        "rank 3, tiny": 1e-30 * (few.T @ few),
        "rank 3, huge": 1e25 * (few.T @ few),
        "constant": np.ones((m, m)),
        "ten channels": corner,
        "one channel": np.diag(np.eye(m)[17]),
        "twenty alike": np.diag(alike),
        "steep": np.diag(10.0 ** -np.arange(m / 10, step=0.1)),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", degenerate(LEAST_ROWS_FOR_KRYLOV))
def test_degenerate_matrices(kind, dtype):
    """Truth: numpy's eigh, to the rounding of products: 1e-13 of the largest value, float32 5e-6.

    Vectors are orthonormal to 1e-6 whatever the rank (float32: to its own rounding of m terms).
    """
    matrix = degenerate(LEAST_ROWS_FOR_KRYLOV)[kind].astype(dtype)
    number = 5
    truth = np.linalg.eigvalsh(matrix.astype(float))
    values, vectors = leading_eigenvectors(matrix, number)
    assert np.isfinite(values).all()
    assert np.isfinite(vectors).all()
    assert values.dtype == vectors.dtype == dtype
    rounding = 1e-13 if dtype == np.float64 else 5e-6
    np.testing.assert_allclose(values, truth[::-1][:number], rtol=0, atol=rounding * truth[-1])
    assert_orthonormal(vectors, 1e-6 if dtype == np.float64 else 5e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_every_time(dtype):
    matrix = gram(LEAST_ROWS_FOR_KRYLOV).astype(dtype)
    before = matrix.copy()
    first, again = (leading_eigenvectors(matrix, 4) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(matrix, before)


# ------------------------------------------------------------------ leading values alone


@pytest.fixture
def large(monkeypatch):
    """Matrices of 600 rows count as large; narrow blocks, so that they take steps enough."""
    monkeypatch.setattr(linear_algebra, "ROWS_FOR_LEADING_VALUES", 600)
    monkeypatch.setattr(linear_algebra, "LANCZOS_BLOCK", 6)


@pytest.mark.parametrize("number", [5, 12])
def test_leading_values_down_into_the_noise(large, number):
    """Truth: numpy's eigh. 12 are 9 of noise, which lie a thousandth apart."""
    found, vectors = leading_eigenpairs(gram(1500, degrees=4), number)
    assert len(found) == number
    values, true_vectors = decomposed(1500, tuple(STRENGTHS), 0, 4)
    np.testing.assert_allclose(found, values[:number], 1e-5)
    # The bound that is stated, for those that are far from the next.
    residual = np.linalg.norm(gram(1500, degrees=4) @ vectors - vectors * found, axis=0)
    known = len(STRENGTHS)
    bound = residual[:known] / np.abs(np.diff(values))[:known]
    cosines = np.abs(np.sum(vectors[:, :known] * true_vectors[:, :known], 0))
    assert (np.sqrt(np.maximum(1 - cosines**2, 0)) <= bound + 1e-7).all()
    assert (bound < 1e-2).all()


def test_all_values_where_the_leading_ones_do_not_converge(large):
    """Truth: numpy's eigh. 100 values of noise of 700 rows would fill the Krylov space."""
    found = leading_eigenpairs(gram(700), 100)[0]
    np.testing.assert_allclose(found, decomposed(700)[0], rtol=1e-9)


@pytest.mark.parametrize("rank", [0, 3, 50])
def test_leading_values_of_few_directions(large, rank):
    """Truth: the strengths themselves; all others are zero to rounding, none twice."""
    m, strengths = 1200, np.linspace(9, 5, rank)
    directions = np.linalg.qr(np.random.default_rng(1).standard_normal((m, max(rank, 1))))[0]
    matrix = (directions[:, :rank] * strengths) @ directions[:, :rank].T
    found = leading_eigenpairs(matrix, 26)[0][:26]
    np.testing.assert_allclose(found, np.append(strengths, np.zeros(26))[:26], atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 128, 300])
def test_root_by_parts(m, dtype):
    """Truth: numpy's, in double precision; by rounding it is off as that is."""
    data = np.random.default_rng(0).standard_normal((2 * m, m)).astype(dtype)
    matrix = data.T @ data
    true = np.linalg.cholesky(matrix.astype(float)).T
    found = root_of_large(matrix)
    assert found.dtype == dtype
    atol = 100 * np.finfo(dtype).eps * np.abs(true).max()
    np.testing.assert_allclose(found, true, rtol=0, atol=atol)
    with pytest.raises(np.linalg.LinAlgError):
        root_of_large(matrix - 2 * matrix.max() * np.eye(m, dtype=dtype))


def test_eigenvectors_from_products_alone():
    """Identity: the matrix itself, as large ones are decomposed."""
    matrix = gram(1024)
    found = krylov_eigenvectors(lambda block: matrix @ block, 1024, 5, matrix.dtype)
    for one, other in zip(found, leading_eigenvectors(matrix, 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_signs_of_eigenvectors_are_not_left_to_the_solver():
    """Identity: turned round, they come back; of two equal elements none decides."""
    vectors = np.random.default_rng(0).standard_normal((7, 4))
    turned = vectors * np.array([1, -1, -1, 1])
    np.testing.assert_array_equal(with_signs(vectors), with_signs(turned))
    tied = np.array([[0.7], [-0.7], [0.1], [0.05]])
    for sign in (1, -1):
        np.testing.assert_array_equal(with_signs(sign * tied), tied)
