"""Errors by mixing: shares, their limits, and what they do to spectra and maps."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from hyperspy_unmix.numerics.certainty.mixing_error import (
    Shares,
    _truncated_normal,
    changes_of_spectra,
    estimate_shares,
    limit_shares,
    maps_variance,
    match_sources,
    spectra_variance,
    totals_variance,
)

N = 3
OFF = ~np.eye(N, dtype=bool)


def covariance(n=N, size=1e-3, seed=0):
    """Of a mixing without diagonal, all of its entries correlated, of deviations about ``size``."""
    rng = np.random.default_rng([seed, n])
    root = np.zeros((n * n, n * n))
    free = np.flatnonzero(~np.eye(n, dtype=bool))
    root[free] = size * rng.standard_normal((len(free), n * n)) / n
    return (root @ root.T).reshape(n, n, n, n)


def problem(n=N, seed=0, mixed=0.1):
    """Sources found, and components made of them in another order and scale, mixed a little."""
    rng = np.random.default_rng([seed, n])
    found = rng.standard_normal((n, n)) + 2 * np.eye(n)
    place = rng.permutation(n)
    scale = rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-1, 1, n)
    turn = np.eye(n)[place] + mixed * rng.uniform(-1, 1, (n, n)) * ~np.eye(n, dtype=bool)[place]
    return found, scale[:, None] * turn @ found, place


def by_hand(found, unmixing, place, mixing):
    """Shares of spectra in those of the sources ``(1 + mixing) @ found``, by least squares."""
    components = np.random.default_rng(9).standard_normal((len(found), 40))
    spectra, true = unmixing @ components, (np.eye(len(found)) + mixing) @ found @ components
    of_spectra = np.linalg.lstsq(spectra.T, true[place].T, rcond=None)[0].T
    return of_spectra / np.diag(of_spectra)[:, None] - np.eye(len(found))


# ------------------------------------------------------------------------------- shares


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_shares_against_their_definition(n, seed):
    """Truth: least squares of the true sources' spectra in those of the components; exact."""
    found, unmixing, place = problem(n, seed)
    shares = estimate_shares(found, unmixing, covariance(n))
    np.testing.assert_array_equal(match_sources(found, unmixing), place)
    truth = by_hand(found, unmixing, place, np.zeros((n, n)))
    np.testing.assert_allclose(shares.expected, truth, atol=1e-12 * max(np.abs(truth).max(), 1))
    np.testing.assert_allclose(np.diag(shares.expected), 0, atol=1e-13)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [2, 3])
def test_covariance_against_finite_differences(n, seed):
    """Truth: that of the mixing, through central differences of the shares by it."""
    found, unmixing, place = problem(n, seed)
    given = covariance(n)
    step, slope = 1e-5, np.zeros((n, n, n, n))
    for a in range(n):
        for b in range(n):
            mixing = np.zeros((n, n))
            mixing[a, b] = step
            ends = [by_hand(found, unmixing, place, sign * mixing) for sign in (1, -1)]
            slope[:, :, a, b] = (ends[0] - ends[1]) / (2 * step)
    truth = np.einsum("ijab,abcd,klcd->ijkl", slope, given, slope)
    shares = estimate_shares(found, unmixing, given)
    np.testing.assert_allclose(shares.covariance, truth, atol=1e-6 * truth.max())
    for i in range(n):
        np.testing.assert_allclose(shares.covariance[i, i], 0, atol=1e-12 * truth.max())


def test_covariance_against_draws():
    """Monte Carlo: 4000 draws of small errors; deviations within four standard errors of 1.1 %."""
    found, unmixing, place = problem()
    given = covariance(size=1e-3)
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(np.zeros(N * N), given.reshape(N * N, N * N), 4000)
    truth = np.array([by_hand(found, unmixing, place, e.reshape(N, N)) for e in drawn])
    shares = estimate_shares(found, unmixing, given)
    sd = np.sqrt(np.einsum("ijij->ij", shares.covariance))
    np.testing.assert_allclose(truth.std(0)[OFF], sd[OFF], rtol=0.045)
    error = (truth.mean(0) - shares.expected)[OFF] / sd[OFF] * np.sqrt(4000)
    assert np.abs(error).max() < 4


def test_components_that_are_the_sources_have_their_errors():
    """Closed form: nothing is expected, and t is E in the components' scale."""
    found, _, _ = problem(mixed=0)
    scale, given = np.array([2.0, -0.5, 10.0]), covariance()
    shares = estimate_shares(found, scale[:, None] * found, given)
    np.testing.assert_allclose(shares.expected, 0, atol=1e-14)
    truth = given * np.einsum("i,j,k,l->ijkl", scale, 1 / scale, scale, 1 / scale)
    np.testing.assert_allclose(shares.covariance, truth, rtol=1e-9, atol=1e-12 * truth.max())


@pytest.mark.parametrize("seed", range(3))
def test_order_and_scale_of_the_sources_do_not_matter(seed):
    """Identity: the same sources in another order, sign and scale, with their covariance."""
    found, unmixing, _ = problem(seed=seed)
    given = covariance(seed=seed)
    known = estimate_shares(found, unmixing, given)
    order, scale = [2, 0, 1], np.array([3.0, -0.2, -1.0])
    turned = given[np.ix_(order, order, order, order)]
    turned = turned * np.einsum("i,j,k,l->ijkl", scale, 1 / scale, scale, 1 / scale)
    again = estimate_shares(scale[:, None] * found[order], unmixing, turned)
    np.testing.assert_allclose(again.expected, known.expected, atol=1e-12)
    np.testing.assert_allclose(
        again.covariance, known.covariance, atol=1e-11 * known.covariance.max()
    )


def test_every_component_has_a_source_of_its_own():
    """Truth: two components that are mostly the same source; the one that is it the more has it."""
    found = np.diag([1.0, 2.0, 0.5])
    unmixing = np.array([[1.0, 0.6, 0], [1.0, 0.2, 0], [0, 0, 1]]) @ found
    np.testing.assert_array_equal(match_sources(found, unmixing), [1, 0, 2])


@pytest.mark.parametrize("seed", range(20))
def test_sources_are_compared_by_what_they_hold(seed):
    """Truth: of all orders the one with most of the sources in their components, by brute force.

    A source counts with the norm that it has there, relative to the largest of the component.
    """
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((4, 4)) * 10.0 ** rng.uniform(-1, 1, (4, 1))
    turn = rng.standard_normal((4, 4))
    held = np.abs(turn) * np.linalg.norm(found, axis=1)
    held /= held.max(1, keepdims=True)
    best = max(permutations(range(4)), key=lambda order: held[range(4), order].sum())
    np.testing.assert_array_equal(match_sources(found, turn @ found), best)


# ------------------------------------------------------------------------------- limits

LIMITS = [-np.inf, -40, -9, -6, -3, -1, -0.1, 0, 0.5, 2, 5, 7.5, 40, np.inf]
PAIRS = [(low, high) for low in LIMITS for high in LIMITS if low < high]


@pytest.mark.parametrize("low, high", [p for p in PAIRS if norm.sf(p[0]) - norm.sf(p[1]) > 1e-11])
def test_moments_between_limits(low, high):
    """Independent library: scipy's truncated normal, to the cancellation in its and our tails."""
    mean, variance = truncnorm.stats(low, high)
    if abs(low + high) > 4 and np.isfinite(low + high):
        # scipy's variance loses digits there
        x = np.linspace(low, high, 200_001)
        p = np.exp(-0.5 * (x**2 - np.min(x**2)))
        mean = np.sum(p * x) / np.sum(p)
        variance = np.sum(p * (x - mean) ** 2) / np.sum(p)
    found = _truncated_normal(np.array(low), np.array(high))
    np.testing.assert_allclose(found, (mean, np.sqrt(variance)), atol=2e-3)


@pytest.mark.parametrize("low", [7.05, 7.5, 9, 15, 40, 300.0])
@pytest.mark.parametrize("width", [1.0, 20, np.inf])
def test_moments_far_out_on_one_side(low, width):
    """Closed form: beyond seven deviations the tail is an exponential, to its next order.

    Mean and deviation of a length of ``1 / low``, less ``2 / low^3`` and a little more: 6 % of it.
    """
    for sign in (1, -1):
        ends = np.sort([sign * low, sign * (low + width)])
        mean, sd = _truncated_normal(*ends)
        assert sign * mean == pytest.approx(low + 1 / low, abs=0.06 / low)
        assert sd == pytest.approx(1 / low, rel=0.08)


@pytest.mark.parametrize("at", [-50.0, -7.2, -3, -1, 0, 0.5, 4, 7.2, 50])
@pytest.mark.parametrize("width", [0, 1e-12, 1e-11, 1e-9, 1e-6, 1e-3, 0.1, 0.5])
def test_narrow_limits_hold_what_is_between_them(at, width):
    """Closed form: the mean is between the limits, the deviation at most that of a uniform.

    To the rounding of numbers of the size of the limits.
    """
    low, high = at - width / 2, at + width / 2
    mean, sd = _truncated_normal(np.array(low), np.array(high))
    rounding = 1e-15 * max(abs(at), 1)
    assert low - rounding <= mean <= high + rounding
    assert 0 <= sd <= width / np.sqrt(12) * (1 + 1e-6) + rounding


def test_moments_are_symmetric():
    """Identity: limits turned about zero turn the mean and leave the deviation."""
    low, high = (np.array([p[i] for p in PAIRS], float) for i in (0, 1))
    with np.errstate(invalid="ignore"):
        one, two = _truncated_normal(low, high), _truncated_normal(-high, -low)
    np.testing.assert_allclose(one[0], -two[0], atol=1e-14)
    np.testing.assert_allclose(one[1], two[1], atol=1e-14)
    assert np.isfinite(one).all()


def shares(expected=0.0, size=0.1, seed=0):
    rng = np.random.default_rng(seed)
    mean = np.where(OFF, expected * rng.uniform(-1, 1, (N, N)), 0)
    return Shares(mean, covariance(size=size, seed=seed))


@pytest.mark.parametrize("expected", [0, 0.2])
def test_wide_limits_leave_square_and_variance(expected):
    """Closed form: expected squared plus variance; correlations are those that were given."""
    given = shares(expected)
    found = limit_shares(given, np.full((N, N), -1e3), np.full((N, N), 1e3))
    variance = np.einsum("ijij->ij", given.covariance)
    np.testing.assert_allclose(
        np.einsum("ijij->ij", found)[OFF], (variance + given.expected**2)[OFF], rtol=1e-9
    )
    if expected == 0:
        np.testing.assert_allclose(found, given.covariance, atol=1e-12)
    size = np.sqrt(np.where(OFF, variance, 1))
    correlation = given.covariance / (size[:, :, None, None] * size)
    about = np.sqrt(np.where(OFF, np.einsum("ijij->ij", found), 1))
    np.testing.assert_allclose(found / (about[:, :, None, None] * about), correlation, atol=1e-9)


@pytest.mark.parametrize("expected", [0, 0.2])
def test_limits_cut_each_share(expected):
    """Monte Carlo: normal errors, those between the limits kept; 1 % of 20 000 and more."""
    given = shares(expected, size=0.2)
    rng = np.random.default_rng(1)
    lowest = np.where(OFF, -rng.uniform(0, 0.1, (N, N)), 0)
    highest = np.where(OFF, rng.uniform(0.05, 0.3, (N, N)), 0)
    found = np.einsum("ijij->ij", limit_shares(given, lowest, highest))
    sd = np.sqrt(np.einsum("ijij->ij", given.covariance))
    for i, j in zip(*np.nonzero(OFF), strict=True):
        drawn = given.expected[i, j] + sd[i, j] * rng.standard_normal(1_000_000)
        drawn = drawn[(drawn > lowest[i, j]) & (drawn < highest[i, j])]
        assert len(drawn) > 2e4
        assert found[i, j] == pytest.approx(np.mean(drawn**2), rel=0.03)


def test_no_room_leaves_no_error():
    """Closed form: limits at zero; and where one is beyond all errors, the limit itself."""
    given = shares()
    np.testing.assert_allclose(
        limit_shares(given, np.zeros((N, N)), np.zeros((N, N))), 0, atol=1e-300
    )
    sure = Shares(np.where(OFF, 0.3, 0), covariance(size=1e-3))
    found = limit_shares(sure, np.full((N, N), -0.1), np.full((N, N), 0.1))
    # a deviation of about 1e-3, two hundred of them from the limit
    np.testing.assert_allclose(np.einsum("ijij->ij", found)[OFF], 0.1**2, rtol=1e-3)


@pytest.mark.filterwarnings("error")
def test_a_share_that_is_known_counts_with_what_it_is():
    """Closed form: without any variance the mean square is the expected one's."""
    known = np.where(OFF, 0.3, 0)
    found = limit_shares(Shares(known, np.zeros((N,) * 4)), np.full((N, N), -1), np.full((N, N), 1))
    np.testing.assert_allclose(np.einsum("ijij->ij", found), known**2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0, 1e-12, 1e-3, 1, 1e6])
@pytest.mark.parametrize("expected", [0, 0.1, 30])
def test_products_are_those_of_numbers(size, expected):
    """Symmetric, no negative eigenvalue, finite, and none beyond the limits."""
    given = shares(expected, size)
    lowest, highest = np.where(OFF, -0.2, 0), np.where(OFF, 4.0, 0)
    found = limit_shares(given, lowest, highest).reshape(N * N, N * N)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    assert np.linalg.eigvalsh(found).min() >= -1e-9 * max(found.max(), 1e-12)
    assert np.diag(found).max() <= 16 * (1 + 1e-9)


# ------------------------------------------------------------------------------- spectra and maps


def draws(integrals, size=1e-4, number=500):
    """Shares, and the changes of spectra by them: what comes in is taken off, by hand."""
    t = size * np.random.default_rng(4).standard_normal((number, N, N)) * OFF
    x = t.copy()
    for i in range(N):
        if integrals[i]:
            x[:, i, i] = -t[:, i] @ integrals
    return t, x


INTEGRALS = [np.ones(N), np.array([1.0, 0, 1]), np.zeros(N)]


@pytest.mark.parametrize("integrals", INTEGRALS)
def test_changes_against_each_draw(integrals):
    """Closed form, draw by draw: spectra of integral one or none, whose integrals stay."""
    t, x = draws(integrals)
    found = changes_of_spectra(np.einsum("dij,dkl->ijkl", t, t), integrals)
    np.testing.assert_allclose(found, np.einsum("dij,dkl->ijkl", x, x), atol=1e-12)
    kept = np.einsum("ijkl,j,l->ik", found, integrals, integrals)
    np.testing.assert_allclose(kept[integrals > 0], 0, atol=1e-15)


def test_first_order_of_the_normalised_spectra():
    """Truth: spectra with small shares of each other, their integrals brought back to one."""
    t, x = draws(np.ones(N), size=1e-6, number=5)
    spectra = scene()[0]
    for shares_, change in zip(t, x, strict=True):
        true = (np.eye(N) + shares_) @ spectra
        true /= true.sum(1, keepdims=True)
        np.testing.assert_allclose(true - spectra, change @ spectra, atol=1e-10)


def scene():
    rng = np.random.default_rng(2)
    spectra = rng.uniform(0, 1, (N, 30))
    return spectra / spectra.sum(1, keepdims=True), rng.uniform(0, 100, (25, N))


@pytest.mark.parametrize("integrals", INTEGRALS)
def test_variances_against_draws(integrals):
    """Truth: the mean square of what each draw changes in spectra, maps, and spectra times totals.

    Exactly, but for what two small changes at once give: a relative 1e-4 of draws of that size.
    """
    spectra, maps = scene()
    totals = maps.sum(0)
    t, x = draws(integrals)
    products = changes_of_spectra(np.einsum("dij,dkl->ijkl", t, t) / len(t), integrals)
    mixings = np.eye(N) + x
    moved, given = mixings @ spectra, maps @ np.linalg.inv(mixings)
    truth = np.mean((moved - spectra) ** 2, 0)
    np.testing.assert_allclose(spectra_variance(products, spectra), truth, rtol=1e-3)
    truth = np.mean((given - maps) ** 2, 0)
    np.testing.assert_allclose(maps_variance(products, maps), truth, rtol=3e-3)
    counts = given.sum(1)[:, :, None] * moved
    truth = np.mean((counts - totals[:, None] * spectra) ** 2, 0)
    found = totals_variance(products, spectra, totals)
    np.testing.assert_allclose(found, truth, rtol=5e-3, atol=1e-6 * truth.max())


def test_nothing_changes_the_model():
    """Identity: totals times spectra of all components together are the data's sum, known."""
    spectra, maps = scene()
    _, x = draws(np.ones(N), number=1)
    products = np.einsum("dij,dkl->ijkl", x, x)
    # two components alone: what one loses the other gains, and their deviations agree
    two = products.copy()
    two[2], two[:, 2], two[:, :, 2], two[:, :, :, 2] = 0, 0, 0, 0
    variance = totals_variance(two, spectra, maps.sum(0))
    np.testing.assert_allclose(variance[0], variance[1], rtol=1e-9)
    np.testing.assert_allclose(variance[2], 0, atol=1e-20)


def test_negative_maps_and_single_components():
    """Closed form: one component cannot be mixed up; variances are squares, whatever the signs."""
    one = np.zeros((1, 1, 1, 1))
    np.testing.assert_array_equal(changes_of_spectra(one, np.ones(1)), 0)
    np.testing.assert_array_equal(limit_shares(Shares(one[0, 0], one), one[0, 0], one[0, 0]), 0)
    np.testing.assert_array_equal(totals_variance(one, np.ones((1, 4)), np.ones(1)), 0)
    spectra, maps = scene()
    products = changes_of_spectra(covariance(), np.ones(N))
    for found, turned in (
        (maps_variance(products, maps), maps_variance(products, -maps)),
        (spectra_variance(products, spectra), spectra_variance(products, -spectra)),
    ):
        assert (found >= 0).all()
        np.testing.assert_allclose(found, turned)
