"""The noise edge against simulated noise, and the counts of components against simulated spikes."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import (
    MOST_AUTOMATIC_COMPONENTS,
    choose_rank,
    count_estimable,
    expected_squared_cosines,
    limit_to_stable,
)
from hyperspy_unmix.numerics.corrections.significance import order_by_significance
from hyperspy_unmix.numerics.noise.noise_edge import (
    FLOOR_VALUES_FITTED,
    elbow,
    marchenko_pastur_median,
    noise_edge,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening


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
        assert count_estimable(np.array([power / noise_edge(n, m), 0.9]), n, m) == good, strength
    assert answers == {True, False}


def test_estimable_counts_leading_components_only():
    """Closed form: sure, sure, too weak, noise; what follows the first doubtful one is not sure."""
    assert count_estimable(np.array([50.0, 20.0, 1.0001, 0.9]), 1000, 1000) == 2
    assert count_estimable(np.array([50.0, 20.0, 10.0]), 1000, 1000) == 3
    assert count_estimable(np.array([0.9, 0.8]), 1000, 1000) == 0
    assert count_estimable(np.array([]), 1000, 1000) == 0


@pytest.mark.parametrize("n, m", [(500, 60), (60, 500), (150, 150)])
def test_visible_against_simulated_cosines(n, m):
    """Truth: squared cosines of the spectrum and of the map with those that were put in.

    30 runs, four standard errors of their mean; 0.04 for the size (the formula is that of large
    matrices), which is largest next to the edge.
    """
    rng = np.random.default_rng(4)
    for strength in np.sqrt(m / n) * np.array([2, 3, 5, 20]):
        runs = np.array([spiked(n, m, strength, rng) for _ in range(30)])
        found = expected_squared_cosines(runs[:, 0] / noise_edge(n, m), n, m)
        margin = 0.04 + 4 * runs[:, 1:].std(0) / np.sqrt(30)
        for ours, truth, least in zip(found, runs[:, 1:].T, margin, strict=True):
            assert ours.mean() == pytest.approx(truth.mean(), abs=least), strength


def test_visible_at_both_ends():
    """Closed form: nothing below the edge, all of what is strong, rising in between."""
    values = np.concatenate([[0.5, 1.0], np.geomspace(1.0001, 1e7, 40)])
    for n, m in [(4096, 500), (300, 900), (100, 100)]:
        for part in expected_squared_cosines(values, n, m):
            np.testing.assert_array_equal(part[:2], 0)
            assert (np.diff(part[2:]) > 0).all()
            assert part[2] > 0
            assert part[-1] == pytest.approx(1, abs=1e-3)
        spectrum, scores = expected_squared_cosines(values[2:], n, m)
        # the longer of the two vectors is known worse
        assert ((spectrum >= scores) == (n >= m)).all() or n == m
        np.testing.assert_allclose(
            spectrum, expected_squared_cosines(values[2:], m, n)[1], rtol=0.02
        )


def scree_beside_noise(n, m, rank, correlation, seed):
    """Squared singular values of ``rank`` components in noise, an AR(1) process over channels.

    The weakest component has 2.5 times, the strongest 6 times the length that noise reaches: the
    edge of white noise, stretched by the largest of the process's power spectrum.
    """
    rng = np.random.default_rng([seed, rank])
    data = rng.standard_normal((n, m))
    for j in range(1, m):
        data[:, j] = correlation * data[:, j - 1] + np.sqrt(1 - correlation**2) * data[:, j]
    if rank:
        maps = np.linalg.qr(rng.standard_normal((n, rank)))[0]
        spectra = np.linalg.qr(rng.standard_normal((m, rank)))[0]
        edge = np.sqrt(noise_edge(n, m) * (1 + correlation) / (1 - correlation))
        data += edge * (maps * np.linspace(6, 2.5, rank)) @ spectra.T
    gram = data.T @ data if n > m else data @ data.T
    return np.linalg.eigvalsh(gram)[::-1]


@pytest.mark.parametrize("rank", [0, 1, 3, 8])
@pytest.mark.parametrize("n, m", [(400, 100), (100, 300), (150, 150)])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_elbow_finds_the_planted_rank(correlation, n, m, rank):
    """Phantom: exact in 90 % of 60 seeds, white or correlated noise.

    Two values of noise next to each other are rarely twice as far apart as the fit says: 2 to 5 %.
    Where the noise is correlated, the edge of white noise counts some of it.
    """
    found, above = [], []
    for seed in range(60):
        values = scree_beside_noise(n, m, rank, correlation, seed)
        found.append(elbow(values))
        above.append(np.sum(values > noise_edge(n, m)))
    assert np.mean(np.array(found) == rank) >= 0.9
    if correlation:
        # the edge fails here
        assert np.mean(above) > rank + 2
    else:
        assert np.mean(np.array(above) == rank) >= 0.9


@pytest.mark.parametrize("rank", [0, 3])
def test_elbow_does_not_depend_on_the_unit(rank):
    """Closed form."""
    for seed in range(10):
        values = scree_beside_noise(150, 60, rank, 0.3, seed)
        number = elbow(values)
        for unit in (1e-12, 1 / 3, 1e9):
            assert elbow(unit * values) == number


def test_elbow_of_an_ideal_scree():
    """Closed form: no drop of a floor that falls like k^(2/3) is twice the slope in that power."""
    k = np.arange(60)
    floor = 100 - 4 * k ** (2 / 3)
    for rank in (0, 1, 2, 5, 12):
        values = np.concatenate([200 * 3.0 ** np.arange(rank)[::-1], floor])
        assert elbow(values) == rank, rank


def test_elbow_looks_no_further_than_it_is_told():
    """Definition: structure is at most ``most``, and leaves values for the fit."""
    k = np.arange(60)
    values = np.concatenate([200 * 1.5 ** np.arange(30.0)[::-1], 100 - 4 * k ** (2 / 3)])
    assert elbow(values) <= 20
    assert elbow(values, most=40) == 30
    short = np.concatenate([200 * 3.0 ** np.arange(6)[::-1], [10.0, 9.0, 8.5, 8.2]])
    assert elbow(short) <= len(short) - FLOOR_VALUES_FITTED


@pytest.mark.parametrize("values, number", [([5.0, 1.0], 1), ([0.0, 0.0], 0), ([3.0] * 5, 1)])
def test_elbow_of_too_few_values(values, number):
    """Definition: no floor to fit; something is there, or not."""
    assert elbow(np.array(values)) == number


def test_elbow_of_data_without_noise():
    """Closed form: two components and zeros."""
    assert elbow(np.concatenate([[100.0, 50.0], np.zeros(40)])) == 2


N, M = 4096, 500


@pytest.mark.parametrize(
    "values, agreed, number, words",
    [
        ([0.99, 0.9], 0, 0, "no structure above the noise"),
        ([100.0, 0.9, 0.8], 1, 1, "1 component above"),
        ([500.0, 100.0, 10.0, 0.9], 3, 3, "3 components above"),
        ([500.0, 100.0, 1.0001, 0.9], 3, 3, "the weakest is near the detection limit"),
        ([1.0001, 0.9], 1, 1, "it is near the detection limit"),
        ([500.0, 100.0, 10.0], 3, 3, "3 components above"),
        # agreed on fewer, none or more than the noise edge would have it
        ([500.0, 100.0, 10.0, 0.9], 2, 2, "2 components above"),
        ([500.0, 100.0, 0.9], 0, 0, "no structure above the noise"),
        ([500.0, 100.0, 0.9, 0.8], 4, 4, "the 2 weakest are near the detection limit"),
        ([0.99, 0.9], 1, 1, "1 component above"),
        ([0.99, 0.9], 2, 2, "all are near the detection limit"),
    ],
)
def test_choose_rank(values, agreed, number, words):
    """Truth: the rule, by hand."""
    count = choose_rank(np.array(values), N, M, agreed)
    assert count.consensus == agreed
    assert count.automatic == number
    assert words in count.reason


def test_choose_rank_names_the_stage_and_ends_as_told():
    """Definition, for each of the three sentences."""
    ending = " (noise edge 1, elbow 2, split half 1)"
    strong, weak = np.array([9.0, 0.5]), np.array([500.0, 1.0001, 0.9])
    count = choose_rank(strong, N, M, 1, "after the physics", ending)
    assert count.reason == "1 component after the physics" + ending
    count = choose_rank(weak, N, M, 2, "after the physics", ending)
    assert count.reason.startswith("2 components after the physics; the weakest is near")
    assert count.reason.endswith(ending)
    count = choose_rank(strong, N, M, 0, "after the physics", ending)
    assert count.reason == "no structure after the physics" + ending


def test_faint_components_are_counted_among_known_values_only():
    """Truth: all of the twenty values known are far above the edge; of the others nothing is."""
    count = choose_rank(np.geomspace(1e5, 50, 20), N, M, 60)
    assert (count.clear, count.reason) == (20, "60 components above the noise")


def counted(agreed):
    return choose_rank(np.geomspace(1e6, 10, 80), N, M, agreed)


def found_with(agreed, unstable):
    """The count, and the numbers that were tried, for a function of the number separated."""
    tried = []

    def number_unstable(n):
        tried.append(n)
        return unstable(n)

    return limit_to_stable(counted(agreed), number_unstable), tried


@pytest.mark.parametrize("agreed", [0, 1, 3, 6])
def test_few_components_are_taken_as_they_are(agreed):
    """Definition: nothing is separated to count them."""
    count, tried = found_with(agreed, lambda n: n)
    assert (count.automatic, tried) == (agreed, [])


@pytest.mark.parametrize("agreed", range(7, 26))
def test_the_most_components_that_are_stable_enough_are_taken(agreed):
    """Truth: ``stable`` of them come back, and of any more all others are unstable.

    Of ten and more all must be stable; of nine one need not be, and so on. No jump anywhere: one
    more counted, or one more stable, changes the number by one at most.
    """
    first = min(agreed, MOST_AUTOMATIC_COMPONENTS)
    tolerated = max(10 - agreed, 0)
    for stable in range(1, first + 1):
        count, tried = found_with(agreed, lambda n, stable=stable: max(n - stable, 0))
        assert count.automatic == min(first, stable + tolerated)
        assert count.consensus == agreed
        # few separations: steps that grow, and halves
        assert len(set(tried)) == len(tried) <= 9
        is_told = count.automatic < agreed
        assert (f"{count.automatic} taken" in count.reason) == is_told
        assert (f"n_components={agreed} takes all" in count.reason) == is_told


def test_one_more_component_would_not_be_stable():
    """Worst input: stability that is no monotonic function of the number."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        agreed = int(rng.integers(10, 30))
        table = rng.poisson(1.0, 40)
        count, _ = found_with(agreed, lambda n, table=table: int(table[n]))
        n = count.automatic
        assert n == 1 or table[n] == 0
        assert n == min(agreed, MOST_AUTOMATIC_COMPONENTS) or table[n + 1] > 0


def test_why_not_all_are_taken():
    """Definition, for each of the three reasons."""
    count, _ = found_with(17, lambda n: max(n - 4, 0))
    assert "; 4 taken: of more, some are not reproducible when repeated: art" in count.reason
    count, _ = found_with(8, lambda n: max(n - 4, 0))
    assert "6 taken: of more, more than 2 are not reproducible" in count.reason
    count, _ = found_with(30, lambda n: 0)
    assert "20 taken: the most that are without a number given" in count.reason


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
    np.testing.assert_allclose(ordered.noise, np.eye(3), atol=1e-9)
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


@pytest.mark.parametrize(("drop", "number"), [(1.9, 0), (2.1, 1)])
def test_elbow_is_a_drop_of_twice_the_slope(drop, number):
    """Definition: of the slope in the power 2/3 of the number, which 100 - 4 k^(2/3) has as 4."""
    floor = 100 - 4 * np.arange(1, 60) ** (2 / 3)
    assert elbow(np.concatenate([[floor[0] + 4 * drop], floor])) == number
