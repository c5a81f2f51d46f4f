"""Covariance of the mixing that an ICA leaves: Monte Carlo, closed forms, finite differences."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hyperspy_unmix.numerics.certainty import ica_error
from hyperspy_unmix.numerics.certainty.ica_error import (
    NUMBER_OF_BLOCKS,
    MixingDraws,
    ica_covariance,
)
from hyperspy_unmix.numerics.separation.ica import separate

ALGORITHMS = ["picard", "fastica"]
SEEDS = 100


def laplace(n, samples, seed):
    return np.random.default_rng([seed, n]).laplace(size=(n, samples))


def off_diagonal(covariance):
    """Covariance matrix of the mixing without its diagonal, (n (n - 1), n (n - 1))."""
    n = len(covariance)
    free = np.flatnonzero(~np.eye(n, dtype=bool))
    return covariance.reshape(n * n, n * n)[np.ix_(free, free)]


def skewed(n, samples, seed=0):
    """Sources that are correlated, of unequal power and unequal density, none of mean zero."""
    rng = np.random.default_rng(seed)
    values = rng.exponential(size=(n, samples)) ** np.linspace(0.7, 1.3, n)[:, None]
    mixing = np.eye(n) + 0.3 * rng.standard_normal((n, n))
    return mixing @ values / np.linspace(1, 2, n)[:, None]


# ------------------------------------------------------------------------------- Monte Carlo


def monte_carlo(algorithm, n, samples=2000):
    """Actual mixing left by the ICA of known sources, and the covariance predicted for it."""
    found = []
    for seed in range(SEEDS):
        sources = laplace(n, samples, seed)
        rng = np.random.default_rng(seed)
        mixing = rng.standard_normal((n, n)) + 2 * np.eye(n)
        signals = mixing @ sources
        signals -= signals.mean(1, keepdims=True)
        unmixing = separate(signals, 0, algorithm).unmixing
        of_true = unmixing @ mixing
        order = np.abs(of_true).argmax(1)
        own = np.zeros((n, n))
        own[np.arange(n), order] = of_true[np.arange(n), order]
        # true sources, in the scale of those found, are (1 + E) times these
        error = own @ np.linalg.inv(of_true)
        error /= np.diag(error)[:, None]
        covariance = ica_covariance(unmixing @ signals, algorithm == "fastica")
        found.append((error[~np.eye(n, dtype=bool)], off_diagonal(covariance)))
    return found


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_actual_errors_have_the_covariance_predicted(algorithm, n):
    """Monte Carlo, 100 seeds: rms of error over its deviation, and chi-square of all errors.

    The rms of 200 or more errors that pair up is known to 7 %, three of which are granted. The
    chi-square of n (n - 1) values has a relative error of sqrt(2 / values / 100), three of which
    are granted; that of a covariance estimated from 64 blocks is larger by 63 / (62 - values).
    """
    found = monte_carlo(algorithm, n)
    ratio = [error / np.sqrt(np.diag(covariance)) for error, covariance in found]
    assert np.sqrt(np.mean(np.square(ratio))) == pytest.approx(1, abs=0.2)
    squares = np.mean([error @ np.linalg.solve(c, error) for error, c in found])
    values = n * (n - 1)
    expected = values * (NUMBER_OF_BLOCKS - 1) / (NUMBER_OF_BLOCKS - 2 - values)
    assert squares == pytest.approx(expected, rel=3 * np.sqrt(2 / values / SEEDS))


# ------------------------------------------------------------------------------- closed forms


def moment(function, scale):
    """Mean of a function, even, of a Laplacian variable."""
    return quad(lambda x: function(scale * x) * np.exp(-x), 0, 40)[0]


def averaged(scale, uncorrelated, samples=NUMBER_OF_BLOCKS * 100, n=2):
    """Mean of the covariance over 60 seeds, times the samples: 2 % of it by chance."""
    found = [
        off_diagonal(ica_covariance(scale * laplace(n, samples, seed), uncorrelated))
        for seed in range(60)
    ]
    return samples * np.mean(found, 0)


def test_independent_sources_of_the_likelihood():
    """Closed form: two equal sources, ``inv(H) V inv(H)`` of Pham and Garat (1997).

    ``H = [[a, 1], [1, a]]``, ``V = [[b, 1], [1, b]]``, a the mean slope of tanh times the power, b
    that of its square, in the scale in which the mean of ``tanh(y) y`` is one; by quadrature. Two
    entries of 60 draws with 18 % each: 2 %, four of which are granted.
    """
    scale = brentq(lambda c: moment(lambda y: np.tanh(y) * y, c) - 1, 0.1, 10)
    power = moment(lambda y: y**2, scale)
    a = power * moment(lambda y: 1 - np.tanh(y) ** 2, scale)
    b = power * moment(lambda y: np.tanh(y) ** 2, scale)
    back = np.linalg.inv([[a, 1], [1, a]])
    truth = back @ np.array([[b, 1], [1, b]]) @ back
    found = averaged(scale, uncorrelated=False)
    np.testing.assert_allclose(np.diag(found), np.diag(truth), rtol=0.08)
    np.testing.assert_allclose(found[0, 1], truth[0, 1], atol=0.08 * truth[0, 0])


def test_independent_sources_kept_uncorrelated():
    """Closed form: symmetric FastICA, P. Tichavsky et al., IEEE Trans. Signal Process. 54 (2006).

    Its ``(g_1 + g_2 + t^2) / (2 t)^2`` of two equal sources of power one, by quadrature, g the
    variance of ``tanh(y_i) y_j`` that is its own, t the difference of two means. 2 % by chance,
    granted 8.
    """
    scale = np.sqrt(0.5)
    mean = moment(lambda y: np.tanh(y) * y, scale)
    gamma = moment(lambda y: np.tanh(y) ** 2, scale) - mean**2
    tau = mean - moment(lambda y: 1 - np.tanh(y) ** 2, scale)
    truth = (2 * gamma + tau**2) / (2 * tau) ** 2
    found = averaged(scale, uncorrelated=True)
    np.testing.assert_allclose(np.diag(found), truth, rtol=0.08)
    # E + E' is minus the correlation of the sources by chance, of variance one
    both = found.sum()
    assert both == pytest.approx(1, rel=0.08)


@pytest.mark.parametrize("uncorrelated", [False, True])
def test_falls_with_the_square_root_of_the_samples(uncorrelated):
    """Closed form: four times the samples halve the deviation; 2 % by chance, granted 8."""
    few = np.diag(averaged(0.7, uncorrelated, NUMBER_OF_BLOCKS * 25, 3)) / 25
    many = np.diag(averaged(0.7, uncorrelated, NUMBER_OF_BLOCKS * 100, 3)) / 100
    np.testing.assert_allclose(np.sqrt(few / many), 2, rtol=0.08)


@pytest.mark.parametrize("uncorrelated", [False, True])
def test_samples_that_are_the_same_count_once(uncorrelated):
    """Identity: each sample four times over tells no more than once; blocks make it so."""
    sources = skewed(3, NUMBER_OF_BLOCKS * 20)
    known = ica_covariance(sources, uncorrelated)
    found = ica_covariance(np.repeat(sources, 4, axis=1), uncorrelated)
    np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-12 * known.max())


# ------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("uncorrelated", [False, True])
@pytest.mark.parametrize("n", [2, 3])
def test_slopes_against_finite_differences(n, uncorrelated):
    """Truth: central differences of the mean products of ``(1 + E) @ sources``; to rounding."""
    sources = skewed(n, 500)
    equations = (
        ica_error._equations_if_uncorrelated if uncorrelated else ica_error._equations_if_correlated
    )
    slope = equations(sources)[1]
    pairs = [(k, j) for k in range(n) for j in range(n) if k != j]
    assert slope.shape == (len(pairs), len(pairs))
    step = 1e-6
    for column, (k, j) in enumerate(pairs):
        ends = []
        for sign in (1, -1):
            moved = sources.copy()
            moved[k] += sign * step * sources[j]
            ends.append(equations(moved)[0].mean(1))
        np.testing.assert_allclose(slope[:, column], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_products_against_their_definition():
    """Closed form, for both kinds: what the two algorithms make vanish."""
    y = skewed(2, 50)
    score = np.tanh(y)
    np.testing.assert_allclose(
        ica_error._equations_if_correlated(y)[0], [score[0] * y[1], score[1] * y[0]]
    )
    side = np.sign(np.mean(1 - score**2, 1) - np.mean(score * y, 1))
    products = ica_error._equations_if_uncorrelated(y)[0]
    np.testing.assert_allclose(products[0], y[0] * y[1])
    np.testing.assert_allclose(products[1], side[0] * score[0] * y[1] - side[1] * score[1] * y[0])


@pytest.mark.parametrize("kinds", [("laplace", "uniform"), ("uniform", "uniform")])
def test_uncorrelated_sources_on_either_side_of_the_gaussian(kinds):
    """Monte Carlo: the equations vanish where the algorithm stops, whatever the sources' tails.

    Their mean is next to nothing beside its own chance, which a wrong side would leave at one.
    """
    rng = np.random.default_rng(0)
    draw = {"laplace": rng.laplace, "uniform": lambda size: rng.uniform(-1, 1, size)}
    signals = np.array([draw[kind](size=3000) for kind in kinds])
    signals = np.array([[1, 0.4], [-0.3, 1]]) @ signals
    signals -= signals.mean(1, keepdims=True)
    found = separate(signals, 0, "picard")
    assert not found.super_gaussian
    products = ica_error._equations_if_uncorrelated(found.unmixing @ signals)[0]
    chance = products.std(1) / np.sqrt(3000)
    assert (np.abs(products.mean(1)) < 0.01 * chance).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_products_vanish_where_the_algorithms_stop(algorithm):
    """Truth: the algorithms' own fixed points; the means are a thousandth of their chance."""
    signals = np.random.default_rng(3).standard_normal((3, 3)) @ laplace(3, 2000, 0)
    signals -= signals.mean(1, keepdims=True)
    sources = separate(signals, 0, algorithm).unmixing @ signals
    equations = (
        ica_error._equations_if_uncorrelated
        if algorithm == "fastica"
        else ica_error._equations_if_correlated
    )
    products = equations(sources)[0]
    chance = products.std(1) / np.sqrt(2000)
    assert (np.abs(products.mean(1)) < 0.01 * chance).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_mixing_does_not_matter(algorithm):
    """Identity: the same sources, mixed in two ways, have the same errors; to the convergence."""
    known = None
    for seed in range(2):
        mixing = np.random.default_rng(seed).standard_normal((3, 3)) + 2 * np.eye(3)
        signals = mixing @ laplace(3, 2000, 0)
        signals -= signals.mean(1, keepdims=True)
        unmixing = separate(signals, 0, algorithm).unmixing
        of_true = unmixing @ mixing
        order = np.abs(of_true).argmax(0)
        sign = np.sign(of_true[order, np.arange(3)])
        sources = sign[:, None] * (unmixing @ signals)[order]
        found = ica_covariance(sources, algorithm == "fastica")
        if known is not None:
            np.testing.assert_allclose(found, known, atol=1e-3 * known.max())
        known = found


@pytest.mark.parametrize("uncorrelated", [False, True])
def test_order_and_sign_go_with_the_sources(uncorrelated):
    """Identity: E turns with the order, and E[i, j] with the signs of both."""
    sources = skewed(3, 700)
    known = ica_covariance(sources, uncorrelated)
    order, sign = [2, 0, 1], np.array([1, -1, -1])
    found = ica_covariance(sign[:, None] * sources[order], uncorrelated)
    truth = known[np.ix_(order, order, order, order)]
    truth = truth * np.einsum("i,j,k,l->ijkl", sign, sign, sign, sign)
    np.testing.assert_allclose(found, truth, rtol=1e-7, atol=1e-9 * known.max())


@pytest.mark.parametrize("uncorrelated", [False, True])
def test_a_feature_that_two_share_makes_their_error_large(uncorrelated):
    """Truth: the same sources without it; the third, which lacks the feature, is as it was.

    A peak of four deviations in a block of the first two holds as much of their product as chance
    in all blocks holds, and more: the variance is to double at the least.
    """
    sources = laplace(3, NUMBER_OF_BLOCKS * 30, 0) / np.sqrt(2)
    known = np.einsum("ijij->ij", ica_covariance(sources, uncorrelated))
    shared = sources.copy()
    shared[:2, 600:630] += 4
    found = np.einsum("ijij->ij", ica_covariance(shared, uncorrelated))
    assert found[0, 1] > 2 * known[0, 1]
    assert found[1, 0] > 2 * known[1, 0]
    assert found[2, :2].max() < 2 * known[2, :2].max()


@pytest.mark.parametrize("uncorrelated", [False, True])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_is_a_covariance_without_a_diagonal(n, uncorrelated):
    """Symmetric, no negative eigenvalue, and no error of a source's own scale."""
    found = ica_covariance(skewed(n, 300), uncorrelated)
    assert found.shape == (n, n, n, n)
    matrix = found.reshape(n * n, n * n)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * matrix.max())
    values = np.linalg.eigvalsh(matrix)
    assert values.min() >= -1e-10 * max(values.max(), 1e-300)
    for i in range(n):
        np.testing.assert_array_equal(found[i, i], 0)
        np.testing.assert_array_equal(found[:, :, i, i], 0)
    if n > 1:
        variance = np.einsum("ijij->ij", found)
        assert (variance[~np.eye(n, dtype=bool)] > 0).all()


WORST = {
    "fewer samples than blocks": skewed(3, 20),
    "one sample": skewed(2, 1),
    "identical": np.tile(laplace(1, 300, 0), (2, 1)),
    "opposite": laplace(1, 300, 0) * np.array([[1.0], [-1.0]]),
    "huge": 1e6 * laplace(2, 300, 0),
    "tiny": 1e-6 * laplace(2, 300, 0),
    "nothing": np.zeros((2, 100)),
    "one is nothing": laplace(2, 100, 0) * np.array([[1.0], [0.0]]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("uncorrelated", [False, True])
@pytest.mark.parametrize("sources", WORST.values(), ids=WORST)
def test_worst_sources_give_numbers(sources, uncorrelated):
    """No nan, no infinity, no exception, no warning, no negative variance."""
    found = ica_covariance(sources, uncorrelated)
    assert np.isfinite(found).all()
    assert np.einsum("ijij->ij", found).min() >= 0


# ------------------------------------------------------------------------------- draws


def test_draws_have_the_covariance():
    """Monte Carlo: 4000 draws, each variance known to 2.2 %, of which four are granted."""
    covariance = ica_covariance(skewed(3, 2000))
    draws, rng = MixingDraws.of(covariance), np.random.default_rng(0)
    found = np.array([draws.draw(rng, np.arange(3)).ravel() for _ in range(4000)])
    expected = covariance.reshape(9, 9)
    scale = np.sqrt(np.diag(expected))
    scatter = np.outer(scale, scale)
    np.testing.assert_allclose(found.T @ found / 4000, expected, atol=0.09 * scatter.max())
    np.testing.assert_allclose(found[:, [0, 4, 8]], 0, atol=1e-7 * scale.max())


def test_draws_do_not_hang_on_the_order_of_the_sources():
    """Identity: other rows of the same sources, numbered the same way."""
    sources, order = skewed(3, 2000), np.array([2, 0, 1])
    one = MixingDraws.of(ica_covariance(sources)).draw(np.random.default_rng(0), np.arange(3))
    other = MixingDraws.of(ica_covariance(sources[order]))
    again = other.draw(np.random.default_rng(0), order)
    np.testing.assert_allclose(again, one[np.ix_(order, order)], rtol=1e-6, atol=1e-9)
