"""Gram matrices of counts that are mostly zero, against one dense product in double precision."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression import sparse_gram
from hyperspy_unmix.numerics.compression.sparse_gram import SparseGramSum, frequent_channels

M = 40


def counts(n, m, mean, seed=0, frequent=0):
    """Poisson counts of this mean, the first channels with 2 each; float32."""
    expected = np.full((n, m), mean)
    expected[:, :frequent] = 2.0
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)


def summed(rows, scales, frequent, step):
    found = SparseGramSum(frequent)
    for start in range(0, len(rows), step):
        found.add(rows[start : start + step], scales[start : start + step])
    return found


@pytest.fixture
def small_products(monkeypatch):
    monkeypatch.setattr(sparse_gram, "ROWS_PER_PRODUCT", 50)
    monkeypatch.setattr(sparse_gram, "VALUES_PER_PRODUCT", 100)
    monkeypatch.setattr(sparse_gram, "CHANNELS_PER_PRODUCT", 7)


@pytest.mark.parametrize("n_frequent", [0, 1, 5, M - 1, M])
@pytest.mark.parametrize("step", [1, 7, 50, 1000])
def test_sum_against_one_product(small_products, n_frequent, step):
    """Truth: X.T @ X in double precision, whichever columns are taken as dense."""
    rows = counts(330, M, 0.05, frequent=5)
    rows[100:160] = 0
    rows.flags.writeable = False
    rng = np.random.default_rng(1)
    scales = rng.uniform(0.1, 10, len(rows)).astype(np.float32)
    frequent = rng.permutation(M) < n_frequent
    weighted = rows * scales[:, None].astype(float)
    found = summed(rows, scales, frequent, step).matrix()
    np.testing.assert_allclose(found, weighted.T @ weighted, rtol=1e-13)


def test_whole_numbers_are_exact():
    """Truth: integers beyond 2**24, that single precision would not hold; and values below 0."""
    rows = counts(500, M, 0.05, frequent=3) * 3001
    rows[::7] *= -1
    found = summed(rows, np.ones(500, np.float32), np.arange(M) < 3, 64).matrix()
    whole = rows.astype(np.int64)
    np.testing.assert_array_equal(found, whole.T @ whole)


def test_the_sum_may_go_on(small_products):
    """Identity: looked at in between, and added to."""
    rows, scales = counts(200, M, 0.1), np.ones(200, np.float32)
    found = summed(rows[:80], scales[:80], np.arange(M) < 4, 30)
    first = found.matrix().copy()
    found.add(rows[80:], scales[80:])
    np.testing.assert_array_equal(first, rows[:80].T @ rows[:80])
    np.testing.assert_array_equal(found.matrix(), rows.T @ rows)
    np.testing.assert_array_equal(SparseGramSum(np.zeros(3, bool)).matrix(), np.zeros((3, 3)))


@pytest.mark.parametrize("m", [1024, 4096])
def test_sparse_only_where_it_takes_less_time(m):
    """Closed form: 1 % filled is, a quarter is not; frequent ones are those with most counts."""
    found = frequent_channels(counts(300, m, 0.01, frequent=m // 100).astype(float))
    assert found is not None
    assert found[: m // 100].all()
    assert found.sum() < m / 10
    assert frequent_channels(counts(300, m, 0.3).astype(float)) is None
    assert frequent_channels(np.ones((10, m))) is None


def test_without_any_counts():
    """Truth: no channel is worth a dense product."""
    found = frequent_channels(np.zeros((20, 500)))
    assert found is not None
    assert not found.any()
