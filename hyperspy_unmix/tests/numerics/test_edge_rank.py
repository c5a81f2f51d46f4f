"""The noise edge against simulated noise, and the counts of components against simulated spikes."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.edge import (
    marchenko_pastur_median,
    noise_edge,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from hyperspy_unmix.numerics.noise import ChannelWhitening
from hyperspy_unmix.numerics.pca import LowRank
from hyperspy_unmix.numerics.rank import (
    LARGEST_AUTOMATIC,
    choose_rank,
    elbow,
    estimable,
    order_by_significance,
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Many small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def largest(n, variance, repeats, seed=0):
    """Largest squared singular value of simulated noise matrices, columns of these variances."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        noise = rng.standard_normal((n, len(variance))) * np.sqrt(variance)
        gram = noise.T @ noise if n > len(variance) else noise @ noise.T
        found.append(np.linalg.eigvalsh(gram)[-1])
    return np.array(found)


@pytest.mark.parametrize("n, m", [(60, 40), (40, 60), (150, 20), (50, 50)])
def test_edge_is_exceeded_in_one_percent_of_white_noise(n, m):
    """Truth: simulation. 1 % of 2000 is 20 +- 4.4; five sigma, and half as much for small sizes."""
    share = np.mean(largest(n, np.ones(m), 2000) > noise_edge(n, m))
    assert 0.002 < share < 0.022


def test_edge_approaches_the_bulk_edge():
    """Closed form: (sqrt(n) + sqrt(m))^2 for large matrices, from above."""
    for n, m in [(10**6, 1000), (10**5, 10**5), (1000, 10**6)]:
        bulk = (np.sqrt(n) + np.sqrt(m)) ** 2
        assert 1 < noise_edge(n, m) / bulk < 1.01


@pytest.mark.parametrize("n, m", [(400, 100), (2000, 1000), (300, 900), (65536, 1024)])
def test_edge_of_a_flat_profile_is_the_noise_edge(n, m):
    """Closed form. sqrt(n - 1) in place of sqrt(n) is worth 1/n at most."""
    for level in (0.5, 1.0, 3.0):
        expected = level * noise_edge(n, m)
        assert noise_edge_of_profile(n, np.full(m, level)) == pytest.approx(expected, rel=2 / n)


def test_edge_of_a_profile_scales_with_the_variance():
    """Closed form: the unit of the variance does not matter (to the minimiser's tolerance)."""
    profile = np.linspace(0.5, 2, 100)
    expected = noise_edge_of_profile(400, profile)
    for unit in (1e-3, 0.1, 10, 1e3):
        assert noise_edge_of_profile(400, unit * profile) / unit == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize(
    "n, variance",
    [
        (200, np.repeat([1.0, 4.0], 30)),
        (75, np.repeat([1.0, 4.0], [75, 15])),
        (150, np.linspace(0.6, 1.5, 50)),
    ],
    ids=["two levels", "wide", "ramp"],
)
def test_edge_of_a_profile_against_simulation(n, variance):
    """Truth: 99 % quantile of 1000 simulated matrices.

    The quantile's own error is 1 %; the margin, that of white noise, is a few percent of the edge
    itself and 5 % allows for it. Ignoring a two-level profile (its mean instead) is off by 10 %.
    """
    truth = np.quantile(largest(n, variance, 1000), 0.99)
    found = noise_edge_of_profile(n, variance)
    assert found == pytest.approx(truth, rel=0.05)
    if variance.max() > 2:
        assert abs(noise_edge(n, len(variance)) * variance.mean() / truth - 1) > 0.1


@pytest.mark.parametrize("n, m", [(900, 300), (300, 900), (500, 500), (2000, 50)])
def test_medians_against_simulation(n, m):
    """Truth: the singular values of one matrix; the bulk is rigid (error of order 1/m).

    For 50 values the median lies between two of them, which are 2 % of n apart.
    """
    noise = np.random.default_rng(1).standard_normal((n, m))
    truth = np.median(np.linalg.svd(noise, compute_uv=False) ** 2)
    assert marchenko_pastur_median(n, m) == pytest.approx(truth, rel=0.02)
    assert noise_median_of_profile(n, np.ones(m)) == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize(
    "n, m", [(10_000, 1000), (65536, 1024), (4096, 100), (1024, 1024), (500, 2000)]
)
def test_median_of_a_flat_profile_is_that_of_marchenko_and_pastur(n, m):
    """Closed form, to the one percent that the docstring promises."""
    truth = marchenko_pastur_median(n, m)
    assert noise_median_of_profile(n, np.ones(m)) == pytest.approx(truth, rel=0.01)
    assert noise_median_of_profile(n, np.full(m, 2.5)) == pytest.approx(2.5 * truth, rel=0.01)


def test_median_of_a_profile_against_simulation():
    """Truth: one matrix of full size, which the function does not form."""
    variance = np.random.default_rng(0).permutation(np.repeat([1.0, 4.0], [200, 400]))
    noise = np.random.default_rng(1).standard_normal((1800, 600)) * np.sqrt(variance)
    truth = np.median(np.linalg.svd(noise, compute_uv=False) ** 2)
    assert noise_median_of_profile(1800, variance) == pytest.approx(truth, rel=0.02)


def spiked(n, m, strength, rng):
    """One spike in white noise: its squared singular value, and both squared cosines."""
    x, v = rng.standard_normal(n), rng.standard_normal(m)
    v /= np.linalg.norm(v)
    data = np.sqrt(strength) * np.outer(x, v) + rng.standard_normal((n, m))
    u, s, vt = np.linalg.svd(data, full_matrices=False)
    return s[0] ** 2, (vt[0] @ v) ** 2, (u[:, 0] @ x) ** 2 / (x @ x)


@pytest.mark.parametrize("n, m", [(500, 60), (60, 500), (150, 150)])
def test_estimable_against_simulated_cosines(n, m):
    """Truth: correlation of the component (spectrum times map) with the one that was put in.

    It is the product of the two cosines. Left out: strengths whose mean correlation is within four
    standard errors of one half.
    """
    rng = np.random.default_rng(3)
    answers = set()
    for strength in np.sqrt(m / n) * np.array([1.2, 1.5, 2, 2.5, 3, 4, 8]):
        runs = np.array([spiked(n, m, strength, rng) for _ in range(8)])
        power = runs[:, 0].mean()
        correlation = np.sqrt(runs[:, 1:].prod(1))
        margin = 4 * correlation.std() / np.sqrt(len(runs))
        good = bool(correlation.mean() > 0.5)
        if abs(correlation.mean() - 0.5) < margin:
            continue
        answers.add(good)
        assert estimable(np.array([power / noise_edge(n, m), 0.9]), n, m) == good, strength
    assert answers == {True, False}


def test_estimable_counts_leading_components_only():
    """Closed form: sure, sure, too weak, noise; what follows the first doubtful one is not sure."""
    assert estimable(np.array([50.0, 20.0, 1.0001, 0.9]), 1000, 1000) == 2
    assert estimable(np.array([50.0, 20.0, 10.0]), 1000, 1000) == 3
    assert estimable(np.array([0.9, 0.8]), 1000, 1000) == 0
    assert estimable(np.array([]), 1000, 1000) == 0


def textbook_elbow(values):
    """Truth: distance of each point below the straight line of the log scree, one by one."""
    inside = []
    for value in values:
        inside.append(np.log(value))
        if value <= 1:
            break
    n = len(inside) - 1
    below = [inside[0] + (inside[-1] - inside[0]) * i / n - inside[i] for i in range(n + 1)]
    return max(1, below.index(max(below)))


@pytest.mark.parametrize("structure", [3, 5, 8])
def test_elbow_is_where_the_scree_bends(structure):
    """A cliff after a known number of components, and a slope of artefacts; and the textbook."""
    strong = np.geomspace(1e5, 1e3, structure)
    values = np.concatenate([strong, np.geomspace(20, 1.1, 30), np.full(50, 0.9)])
    assert elbow(values) == structure
    rng = np.random.default_rng(structure)
    for _ in range(20):
        values = np.sort(np.exp(rng.normal(1, 3, 40)))[::-1]
        values = np.append(values[values > 1], [0.9, 0.8])
        if len(values) > 5:
            assert elbow(values) == textbook_elbow(values)


def test_elbow_of_few_components_is_their_number():
    """Closed form: two points above the floor have no bend."""
    assert elbow(np.array([0.9, 0.5])) == 0
    assert elbow(np.array([100.0, 0.9])) == 1
    assert elbow(np.array([100.0, 1.5, 0.9])) == 2


N, M = 4096, 500


@pytest.mark.parametrize(
    "values, number, words",
    [
        ([0.99, 0.9], 0, "no structure"),
        ([100.0, 0.9, 0.8], 1, "1 component above"),
        ([500.0, 100.0, 10.0, 0.9], 3, "3 components above"),
        ([500.0, 100.0, 1.0001, 0.9], 2, "of which 2 can"),
        ([1.0001, 0.9], 1, "of which 1 can"),
        ([500.0, 100.0, 10.0], 3, "3 components above"),
    ],
)
def test_choose_rank(values, number, words):
    """Truth: the rule, by hand."""
    count = choose_rank(np.array(values), N, M)
    assert count.number == number
    assert words in count.reason


def test_choose_rank_names_the_stage():
    count = choose_rank(np.array([9.0, 0.5]), N, M, "after the physics")
    assert count.reason == "1 component after the physics"


def test_too_many_components_are_cut_at_the_bend():
    """Truth: four strong components and twenty artefacts; and a bend beyond the limit."""
    values = np.concatenate([[1e5, 5e4, 2e4, 1e4], np.geomspace(40, 5, 20), [0.9]])
    count = choose_rank(values, N, M)
    assert count.number == 4
    assert "24 components" in count.reason
    many = np.concatenate([np.geomspace(1e5, 5e4, 30), np.geomspace(40, 5, 20), [0.9]])
    assert choose_rank(many, N, M).number == LARGEST_AUTOMATIC
    just = np.concatenate([np.geomspace(1e5, 10, LARGEST_AUTOMATIC), [0.9]])
    assert choose_rank(just, N, M).number == LARGEST_AUTOMATIC
    assert "too many" not in choose_rank(just, N, M).reason


def low_rank(n=300, m=40, rank=3, seed=0):
    rng = np.random.default_rng(seed)
    return LowRank(
        scores=rng.standard_normal((n, rank)) * [30, 20, 10][:rank],
        components=rng.standard_normal((rank, m)),
        weights=rng.uniform(0.5, 2, n),
        whitening=ChannelWhitening(rng.uniform(0.5, 2, m)),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, m)),
    )


def in_space(spectra):
    """Basis of whitened spectra, and the components' coordinates on it (an SVD, not a QR)."""
    white = spectra.components / spectra.whitening.channel_sd
    _, _, basis = np.linalg.svd(white, full_matrices=False)
    return basis, white @ basis.T


def test_significance_with_unit_noise_is_the_squared_singular_value():
    """Truth: numpy's SVD of the whitened matrix, written out; noise is white there by definition.

    ``noise`` of the scores is the inverse of the components' Gram matrix then.
    """
    spectra = low_rank()
    _, coordinates = in_space(spectra)
    inverse = np.linalg.inv(coordinates)
    spectra = replace(spectra, noise=inverse.T @ inverse)
    matrix = spectra.scores @ spectra.components
    whitened = np.sqrt(spectra.weights)[:, None] * matrix / spectra.whitening.channel_sd
    truth = np.linalg.svd(whitened, compute_uv=False)[:3] ** 2
    ordered, values = order_by_significance(spectra, edge=7.0)
    np.testing.assert_allclose(values, truth / 7.0, rtol=1e-9)
    np.testing.assert_allclose(ordered.scores @ ordered.components, matrix, atol=1e-9)
    np.testing.assert_array_equal(ordered.noise, np.eye(3))
    assert not ordered.model_error.any()


def test_significance_against_textbook_eigenvalues():
    """Truth: eigenvalues of inv(noise) @ second moment, with coloured noise and both errors."""
    spectra = low_rank()
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 3, 3))
    shape = rng.standard_normal((2, 40))
    spectra = replace(spectra, noise=a @ a.T / 20, model_error=b @ b.T, shape_noise=shape)
    basis, coordinates = in_space(spectra)
    second = np.zeros((3, 3))
    for score, weight in zip(spectra.scores, spectra.weights, strict=True):
        second += weight * np.outer(score, score) / len(spectra.scores)
    level, axes = np.linalg.eigh(coordinates.T @ spectra.noise @ coordinates)
    noise = sum(max(x, 1.0) * np.outer(axis, axis) for x, axis in zip(level, axes.T, strict=True))
    noise = noise + coordinates.T @ spectra.model_error @ coordinates
    for row in shape:
        noise = noise + np.outer(basis @ row, basis @ row)
    ratio = np.linalg.eigvals(np.linalg.inv(noise) @ coordinates.T @ second @ coordinates)
    truth = np.sort(ratio.real)[::-1] * len(spectra.scores) / 7.0
    _, values = order_by_significance(spectra, edge=7.0)
    np.testing.assert_allclose(values, truth, rtol=1e-8)
    assert (np.linalg.eigvalsh(coordinates.T @ spectra.noise @ coordinates) < 1).any()


def test_significance_does_not_depend_on_the_basis():
    """Closed form: an invertible mixing of the components changes nothing that can be seen."""
    spectra = low_rank()
    mixing = np.array([[2.0, 1, 0], [0, 1, -1], [0.3, 0, 3]])
    inverse = np.linalg.inv(mixing)
    mixed = replace(
        spectra,
        scores=spectra.scores @ inverse,
        components=mixing @ spectra.components,
        noise=inverse.T @ spectra.noise @ inverse,
    )
    one, first = order_by_significance(spectra, 7.0)
    two, second = order_by_significance(mixed, 7.0)
    np.testing.assert_allclose(first, second, rtol=1e-8)
    for k in (1, 2):
        np.testing.assert_allclose(
            one.scores[:, :k] @ one.components[:k],
            two.scores[:, :k] @ two.components[:k],
            atol=1e-8,
        )


def test_scores_of_ordered_components_have_unit_noise():
    """Truth: Monte Carlo. Noise of the old scores, seen through the new components.

    10 000 draws: standard error of a variance 1.4 %, of a covariance 1 %; five of them.
    """
    spectra = low_rank()
    a = np.random.default_rng(5).standard_normal((3, 3)) * 5
    spectra = replace(spectra, noise=a @ a.T, weights=np.ones(300))
    _, coordinates = in_space(spectra)
    assert np.linalg.eigvalsh(coordinates.T @ spectra.noise @ coordinates)[0] > 1
    ordered, _ = order_by_significance(spectra, 7.0)
    draws = np.random.default_rng(6).multivariate_normal(np.zeros(3), spectra.noise, 10_000)
    noise = draws @ spectra.components
    scores = np.linalg.lstsq(ordered.components.T, noise.T)[0].T
    np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(3), atol=0.07)
