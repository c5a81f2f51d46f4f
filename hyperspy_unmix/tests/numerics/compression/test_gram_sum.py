"""Sums of products of blocks against one product in double precision."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression import gram_sum
from hyperspy_unmix.numerics.compression.gram_sum import GramSum, strong_directions

ROWS = 50
M = 13


@pytest.fixture(autouse=True)
def _small_products(monkeypatch):
    monkeypatch.setattr(gram_sum, "ROWS_PER_PRODUCT", ROWS)


def blocks_of(n, step):
    return [slice(first, first + step) for first in range(0, n, step)]


SPLITS = {
    "one block": [slice(0, 37)],
    "one block, as many as a product": [slice(0, ROWS)],
    "one block, more than a product": [slice(0, 3 * ROWS + 7)],
    "one row each": blocks_of(2 * ROWS + 3, 1),
    "a part of a product": blocks_of(4 * ROWS, 7),
    "products exactly": blocks_of(4 * ROWS, ROWS // 2),
    "one too many": blocks_of(4 * ROWS, ROWS + 1),
    "several products": blocks_of(20 * ROWS, 3 * ROWS - 1),
    "small, then large": [slice(0, 1), slice(1, 4), slice(4, 4 * ROWS), slice(4 * ROWS, 211)],
    "large, then small": [slice(0, 4 * ROWS), *(slice(k, k + 1) for k in range(4 * ROWS, 211))],
    "an empty one between": [slice(0, 9), slice(9, 9), slice(9, 80), slice(80, 80)],
}


def summed(rows, scales, split, dtype):
    found = GramSum(rows.shape[1], dtype)
    for part in split:
        found.add(rows[part], scales[part])
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_sum_against_one_product(split, dtype):
    """Truth: X.T @ X in double precision, of the rows as they are given.

    A sum of k products is off by k + 2 half units of the sum of their magnitudes at most (two of
    scaling); in float32 no sum has more than ROWS, in float64 all of them count.
    """
    rng = np.random.default_rng(0)
    n = split[-1].stop
    rows = rng.standard_normal((n, M)).astype(dtype) * 10 ** np.linspace(0, 3, M, dtype=dtype)
    scales = rng.uniform(0.1, 10, n).astype(dtype)
    rows.flags.writeable = False
    found = summed(rows, scales, split, dtype).matrix()
    weighted = rows.astype(float) * scales[:, None].astype(float)
    terms = ROWS if dtype == np.float32 else n
    bound = (terms + 2) * np.finfo(dtype).eps / 2 * (np.abs(weighted).T @ np.abs(weighted))
    bound += n * np.finfo(float).eps * (np.abs(weighted).T @ np.abs(weighted))
    assert found.dtype == np.float64
    assert (np.abs(found - weighted.T @ weighted) <= bound).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_whole_numbers_are_exact(split, dtype):
    """Truth: integers. No product has a sum beyond 2**24, which float32 could not hold."""
    rng = np.random.default_rng(1)
    n = split[-1].stop
    rows = rng.integers(-500, 500, (n, M))
    found = summed(rows.astype(dtype), np.ones(n, dtype), split, dtype).matrix()
    np.testing.assert_array_equal(found, rows.T @ rows)


def test_sums_are_beyond_single_precision():
    """Truth: integers beyond 2**24, of many products; one sum in float32 would lose the ones."""
    n = 400 * ROWS
    rows = np.full((n, 2), 255, np.float32)
    rows[:, 1] = 1
    truth = np.array([[255 * 255 * n, 255 * n], [255 * n, n]])
    assert truth.max() > 2**24
    found = summed(rows, np.ones(n, np.float32), blocks_of(n, 333), np.float32).matrix()
    np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_another_kind(dtype):
    """Truth: the same rows, contiguous and of the products' own type."""
    rng = np.random.default_rng(2)
    rows, scales = rng.integers(0, 99, (120, M)).astype(dtype), np.full(120, 2, dtype)
    truth = 4 * rows.astype(float).T @ rows.astype(float)
    same = np.broadcast_to(rows[:1], (120, M))
    for held in (np.asfortranarray(rows), np.repeat(rows, 2, 1)[:, ::2], rows.astype(float)):
        found = summed(held, scales, blocks_of(120, 17), dtype).matrix()
        np.testing.assert_array_equal(found, truth)
    found = summed(same, scales, blocks_of(120, 17), dtype).matrix()
    np.testing.assert_array_equal(found, 480 * np.outer(rows[0], rows[0]).astype(float))


def test_nothing_added_is_zero():
    np.testing.assert_array_equal(GramSum(3, np.float32).matrix(), np.zeros((3, 3)))


def test_the_sum_may_be_looked_at_twice_and_go_on():
    """Truth: whole numbers. What was added is counted once, however often it is asked for."""
    rows = np.arange(60 * M, dtype=np.float32).reshape(60, M) % 17
    ones = np.ones(60, np.float32)
    found = summed(rows, ones, blocks_of(60, 8), np.float32)
    truth = rows.astype(int).T @ rows.astype(int)
    for _ in range(2):
        np.testing.assert_array_equal(found.matrix(), truth)
    found.add(rows, ones)
    np.testing.assert_array_equal(found.matrix(), 2 * truth)


def test_no_more_memory_than_rows(monkeypatch):
    """A few rows of many channels do not take the room of a whole product."""
    made = []
    empty = np.empty

    def counting(shape, *args, **kwargs):
        made.append(shape[0])
        return empty(shape, *args, **kwargs)

    monkeypatch.setattr(gram_sum.np, "empty", counting)
    monkeypatch.setattr(gram_sum, "ROWS_PER_PRODUCT", 8192)
    summed(np.ones((9, M)), np.ones(9), blocks_of(9, 3), np.float64).matrix()
    assert 0 < max(made) <= 2 * 9


def test_faint_products_beside_strong_ones():
    """Truth: the same products in double precision, to a hundredth of what the noise scatters.

    Of components 10 000 times the noise: float32 rounds a value of these by a thousandth of it.
    """
    rng = np.random.default_rng(0)
    n, m = 20 * ROWS, 40
    strong, noise = rng.random((2, m)), rng.standard_normal((n, m))
    rows = (1e4 * rng.random((n, 2)) @ strong + noise).astype(np.float32)
    scales = np.ones(n, np.float32)
    axes = strong_directions(strong, 8)
    assert len(axes) == 2
    found = GramSum(m, np.float32, axes.T, axes)
    for start in range(0, n, 70):
        found.add(rows[start : start + 70], scales[start : start + 70])
    truth = rows.astype(float).T @ rows.astype(float)
    # of what is beside the two, where all that is left is noise
    beside = np.linalg.svd(axes)[2][2:]
    off = beside @ (found.matrix() - truth) @ beside.T
    assert np.abs(off).max() < 1e-2 * np.sqrt(n)
    plain = summed(rows, scales, [slice(0, n)], np.float32).matrix()
    assert np.abs(beside @ (plain - truth) @ beside.T).max() > 10 * np.abs(off).max()
    # and of all others, relative to the largest
    np.testing.assert_allclose(found.matrix(), truth, rtol=0, atol=1e-7 * np.abs(truth).max())


def test_matrix_twice_is_the_same():
    """Identity: what is along the axes is put back once."""
    rows = np.random.default_rng(0).random((9, 4))
    axes = strong_directions(rows, 2)
    found = GramSum(4, float, axes.T, axes)
    found.add(rows, np.ones(9))
    once = found.matrix().copy()
    np.testing.assert_array_equal(found.matrix(), once)
    np.testing.assert_allclose(once, rows.T @ rows, rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 4), (3, 3)])
def test_strong_directions(shape):
    """Identities: orthonormal, and all of the spectra where as many are asked for as there are."""
    spectra = np.random.default_rng(0).random(shape)
    axes = strong_directions(spectra, 20)
    assert axes.shape == (min(shape), shape[1])
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-10)
    np.testing.assert_allclose(spectra @ axes.T @ axes, spectra, atol=1e-10)


def test_strong_directions_of_nothing():
    """Nothing at all, and spectra that are alike: no direction is made of rounding."""
    assert strong_directions(np.zeros((4, 6)), 8).shape == (0, 6)
    assert strong_directions(np.outer(np.ones(4), np.arange(6)), 8).shape == (1, 6)
