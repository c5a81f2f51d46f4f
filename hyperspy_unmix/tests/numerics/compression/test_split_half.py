"""The split-half test against its exact distribution, and against noise really drawn."""

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression import split_half
from hyperspy_unmix.numerics.compression.split_half import (
    LEAST_SIGNIFICANCE,
    TESTED_SHARE,
    count_repeated,
    significance,
)

SEEDS = 200
NUMBER = 4
A = np.sqrt(TESTED_SHARE / (1 - TESTED_SHARE))
# (n, m): tall, n - m < m, n = m + 1 and square (no rows beside the data's own)
SHAPES = [(300, 20), (50, 30), (31, 30), (30, 30)]


@pytest.fixture(autouse=True)
def _one_thread():
    """Many small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def profile(m, flat):
    """Variances of the columns, mean one."""
    return np.ones(m) if flat else np.linspace(0.5, 1.5, m)


def planted(n, m, strengths, variance, seed):
    """Orthogonal components of these lengths beside noise of these column variances."""
    rng = np.random.default_rng([seed, 1])
    k = len(strengths)
    maps = np.linalg.qr(rng.standard_normal((n, max(k, 1))))[0][:, :k]
    spectra = np.linalg.qr(rng.standard_normal((m, max(k, 1))))[0][:, :k]
    noise = rng.standard_normal((n, m)) * np.sqrt(variance)
    return (maps * strengths) @ spectra.T + noise


def closed(data, variance, number=NUMBER, seed=0):
    """What the package says of a data matrix."""
    return significance(data.T @ data, len(data), variance, number, seed=seed)


def brute(data, variance, number, seed):
    """Truth: noise for every pixel, an SVD of one share, its correlation with the other."""
    z = np.random.default_rng([seed, 2]).standard_normal(data.shape) * np.sqrt(variance)
    left, _, right = np.linalg.svd(data + A * z, full_matrices=False)
    other = data - z / A
    values = []
    for k in range(number):
        error = np.sqrt(right[k] ** 2 @ variance * (1 + 1 / A**2))
        values.append(left[:, k] @ other @ right[k] / error)
    return np.array(values)


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "ramp"])
@pytest.mark.parametrize("n, m", SHAPES)
def test_noise_alone_is_standard_normal(n, m, flat):
    """Closed form: the two shares of Gaussian noise are independent, the values N(0, 1).

    Left and right vectors are orthogonal: flat, the 4 values of a seed are independent too. 800
    values: standard error of the mean 0.035, of the standard deviation 0.025; four of each.
    """
    variance = profile(m, flat)
    values = np.array(
        [closed(planted(n, m, [], variance, seed), variance, seed=seed) for seed in range(SEEDS)]
    )
    assert values.shape == (SEEDS, NUMBER)
    assert abs(values.mean()) < 4 / np.sqrt(values.size)
    assert abs(values.std() - 1) < 4 / np.sqrt(2 * values.size)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3


def test_a_wrong_variance_shows():
    """Closed form: with noise of variance c^2 > 1 taken for one, shares have covariance c^2 - 1.

    What the test above would miss if it could not fail: the leading value has a mean far from 0.
    """
    variance = np.ones(20)
    values = [
        closed(planted(300, 20, [], 1.5 * variance, seed), variance, seed=seed)[0]
        for seed in range(20)
    ]
    assert np.mean(values) > 3


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "ramp"])
@pytest.mark.parametrize("n, m", SHAPES)
@pytest.mark.parametrize("k", [1, 3])
def test_planted_components_repeat(n, m, k, flat):
    """Phantom: k components of 3 to 5 times the bulk edge; the next one is noise.

    Noise passes the limit of 3 with a probability of 0.13 %, against 30 seeds.
    """
    variance = profile(m, flat)
    edge = np.sqrt(n) + np.sqrt(m)
    strengths = edge * np.linspace(5, 3, k)
    found = []
    for seed in range(30):
        values = closed(planted(n, m, strengths, variance, seed), variance, k + 3, seed)
        assert (values[:k] > LEAST_SIGNIFICANCE).all(), seed
        found.append(count_repeated(values))
    assert np.mean(np.array(found) == k) >= 28 / 30


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "ramp"])
@pytest.mark.parametrize("n, m", [(120, 30), (45, 30)])
def test_agrees_with_noise_drawn_for_every_pixel(n, m, flat):
    """Truth: Monte Carlo, the same data split by brute force.

    40 seeds of a strong, a weak and no component; the difference of the means within four of its
    own standard errors, and the spread of each about alike (a standard deviation from 40 values is
    known to 11 %; that of two of them differs by 16 %, and four times that is 1.6).
    """
    variance = profile(m, flat)
    strengths = (np.sqrt(n) + np.sqrt(m)) * np.array([2.0, 1.2])
    ours, truth = [], []
    for seed in range(40):
        data = planted(n, m, strengths, variance, seed)
        ours.append(closed(data, variance, 3, seed))
        truth.append(brute(data, variance, 3, seed))
    ours, truth = np.array(ours), np.array(truth)
    error = np.sqrt((ours.var(0) + truth.var(0)) / 40)
    assert (np.abs(ours.mean(0) - truth.mean(0)) < 4 * error).all()
    ratio = ours.std(0) / truth.std(0)
    assert (ratio < 1.9).all()
    assert (ratio > 1 / 1.9).all()
    # the error is small enough for that to mean something
    assert truth.mean(0)[0] > 20 * error[0]


def test_significance_is_that_of_the_share_tested():
    """Closed form: a strong component has its length over the error of the share it is tested on.

    Length s, error sqrt(1 + 1 / a^2) = sqrt(5): s / sqrt(5), to the standard error of 30 values
    (0.18, with both shares' noise) and the share of the direction that noise takes (1 %).
    """
    n, m, length = 200, 20, 300.0
    values = [
        closed(planted(n, m, [length], np.ones(m), seed), np.ones(m), 1, seed)[0]
        for seed in range(30)
    ]
    assert np.mean(values) == pytest.approx(length * np.sqrt(TESTED_SHARE), rel=0.015)


@pytest.mark.parametrize("n, m", SHAPES)
def test_does_not_depend_on_the_basis_of_the_rows(n, m):
    """Closed form: only the Gram matrix is looked at; rotated pixels give the same values."""
    data = planted(n, m, [40.0], np.ones(m), 0)
    turned = np.linalg.qr(np.random.default_rng(5).standard_normal((n, n)))[0] @ data
    one = significance(data.T @ data, n, np.ones(m), 2)
    two = significance(turned.T @ turned, n, np.ones(m), 2)
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_same_seed_same_bits():
    """Definition; another seed draws other noise."""
    variance = profile(20, False)
    data = planted(100, 20, [30.0], variance, 0)
    one, two, other = (closed(data, variance, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert (one != other).all()


@pytest.mark.parametrize("rounding", [0.0, 1e-11, 1e-6])
def test_rounding_of_a_gram_matrix_of_low_rank_does_not_matter(rounding):
    """Truth: the same matrix with a tiny positive floor, whose root any solver finds.

    ``rounding`` of float32 products is 1e-6 of the largest, and its root 1e-3 of the length: less
    than a hundredth of the error on what is a hundred standard deviations.
    """
    rng = np.random.default_rng(0)
    data = 3 * rng.standard_normal((50, 2)) @ rng.standard_normal((2, 8))
    gram = data.T @ data
    noise = rng.standard_normal((8, 8))
    rounded = gram + rounding * gram.max() * (noise + noise.T) / 2
    truth = significance(gram + 1e-9 * gram.max() * np.eye(8), 50, np.ones(8), 3)
    found = significance(rounded, 50, np.ones(8), 3)
    assert (truth[:2] > 10).all()
    np.testing.assert_allclose(found[:2], truth[:2], rtol=0.01, atol=0.05)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "values, number",
    [
        ([], 0),
        ([2.0, 9.0, 9.0], 0),
        ([9.0, 2.0, 9.0], 1),
        ([9.0, 8.0, 3.5], 3),
        ([9.0, LEAST_SIGNIFICANCE, 9.0], 1),
        ([9.0, np.nan, 9.0], 1),
        ([9.0, -9.0, 9.0], 1),
    ],
)
def test_repeated_counts_leading_components_only(values, number):
    """Truth: by hand; what is exactly at the limit does not repeat."""
    assert count_repeated(np.array(values)) == number


@pytest.mark.parametrize("strength", [200.0, 1e4])
@pytest.mark.parametrize("n", [1300, 700, 650])
def test_narrow_products_give_the_same(monkeypatch, n, strength):
    """Identity: the same draws, multiplied in another order; rounding of float32.

    The strong component keeps the root in double precision, and float32 products of it round off
    a hundredth of a standard deviation either way. With n = m some directions are all but without
    noise.
    """
    m = 650
    data = planted(n, m, [strength, 90.0], profile(m, False), 0)
    true = closed(data, profile(m, False))
    monkeypatch.setattr(split_half, "COLUMNS_FOR_NARROW_PRODUCTS", 600)
    monkeypatch.setattr(split_half, "ROWS_IN_CACHE", 100)
    np.testing.assert_allclose(closed(data, profile(m, False)), true, rtol=2e-3, atol=0.03)
