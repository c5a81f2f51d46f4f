"""Stability of components: closed forms of runs that agree, turn or scatter; draws of noise."""

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.optimize import linear_sum_assignment
from scipy.stats import special_ortho_group

from hyperspy_unmix.analysis.separated import LEAST_STABLE
from hyperspy_unmix.numerics.certainty.stability import (
    _chance_similarity,
    _share_of_signal,
    redraw_noise,
    stability_index,
)
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening
from hyperspy_unmix.numerics.separation.ica import separate, separate_again

M = 150
RUNS = 20
FLOORED = (6 / 11, 1 / 11)  # charge shared as 1 : 3 : 1, next to none of the finest detail
CHANCE = 8 / np.pi**2  # similarity of two components turned at random


def low_rank(n, components=None, whitening=None):
    """Components that are orthonormal once whitened, or any others."""
    whitening = whitening or ChannelWhitening(np.random.default_rng(1).uniform(0.5, 2, M))
    if components is None:
        directions = np.linalg.qr(np.random.default_rng(0).standard_normal((M, n)))[0]
        components = whitening.colour(directions.T)
    n = len(components)
    return LowRank(
        np.ones((5, n)),
        components,
        np.ones(5),
        whitening,
        np.eye(n),
        np.zeros((n, n)),
        np.zeros((0, M)),
    )


def index(answer, runs, visible=None, metric=None, spectra=None):
    """The index for given estimates."""
    n, left = len(answer), iter(runs)
    return stability_index(
        answer,
        lambda generator: next(left),
        np.eye(n) if metric is None else metric,
        spectra or low_rank(n),
        np.ones(n) if visible is None else np.asarray(visible, float),
        np.random.default_rng(0).spawn(len(runs)),
    )


def of_similarity(inside, most=1.0):
    """The index of two components whose runs are that similar."""
    return np.clip((inside - CHANCE * most) / (1 - CHANCE), 0, 1)


def turned(angle):
    """Two sources turned by an angle in radians."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


# ------------------------------------------------------------------------------- the index


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("correlated", [False, True])
def test_runs_that_agree(n, correlated):
    """Closed form: one, whatever order, sign and scale each of them has."""
    rng = np.random.default_rng(n)
    answer = rng.standard_normal((n, n)) + 2 * np.eye(n) if correlated else np.eye(n)
    runs = [
        (rng.choice([-1, 1], n) * 10 ** rng.uniform(-3, 3, n))[:, None] * rng.permutation(answer)
        for _ in range(RUNS)
    ]
    np.testing.assert_allclose(index(answer, runs), 1, atol=1e-12)


@pytest.mark.parametrize("degrees", [3, 10, 20])
def test_runs_that_turn_by_an_angle(degrees):
    """Closed form: some runs turned, which all pairs of different estimates are compared for.

    The mean over these pairs, less chance, over one less chance; `CHANCE` is sampled to 0.01.
    """
    angle, total, other = np.radians(degrees), RUNS + 1, 8
    found = index(np.eye(2), [turned(angle)] * other + [np.eye(2)] * (RUNS - other))
    inside = 1 - 2 * other * (total - other) / (total * (total - 1)) * (1 - np.cos(angle))
    np.testing.assert_allclose(
        found, of_similarity(inside), atol=0.07 * (1 - inside) / (1 - CHANCE)
    )


def test_chance_of_two():
    """Closed form: turns are even from -45 to 45 degrees, the mean cosine of two is 8 / pi^2."""
    assert _chance_similarity(2) == pytest.approx(CHANCE, abs=0.01)


def test_chance_of_many():
    """Monte Carlo: pairs of rotations, each matched to the first axes; falls with their number."""
    last = 1.0
    for n in (2, 3, 5, 10):
        rng = np.random.default_rng(n)
        found = []
        for _ in range(400):
            pair = special_ortho_group.rvs(n, size=2, random_state=rng)
            one, two = (turn[linear_sum_assignment(-np.abs(turn.T))[1]] for turn in pair)
            found.append(np.mean(np.abs(np.sum(one * two, 1))))
        assert _chance_similarity(n) == pytest.approx(
            np.mean(found), abs=4 * np.std(found) / 20 + 0.01
        )
        assert _chance_similarity(n) < last
        last = _chance_similarity(n)


def test_turned_components_are_less_stable_than_the_one_that_stays():
    """Closed form: two of three turn in their plane, the further the less stable; one stays.

    Beyond 45 degrees the other one would be the nearer.
    """
    last = np.ones(2)
    for degrees in (5, 15, 25, 40):
        run = np.eye(3)
        run[:2, :2] = turned(np.radians(degrees))
        found = index(np.eye(3), [run if k % 2 else np.eye(3) for k in range(RUNS)])
        assert found[2] == pytest.approx(1)
        assert (found[:2] < last).all()
        last = found[:2]


@pytest.mark.parametrize("n", [2, 3, 4, 6, 10])
def test_runs_at_random_are_not_stable(n):
    """Monte Carlo: rotations drawn at random for each run, 20 times: what chance alone gives.

    Zero but for the scatter, of which no less than zero is shown; hardly ever called stable.
    """
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        answer, *runs = special_ortho_group.rvs(n, size=RUNS + 1, random_state=rng)
        found.append(index(answer, runs))
    assert np.mean(found) < 0.15
    assert np.mean(np.array(found) > LEAST_STABLE) < 0.05


def bootstrapped(kind, seed):
    """Mean index of two sources, of runs from samples drawn with replacement."""
    rng = np.random.default_rng(seed)
    sources = getattr(rng, kind)(size=(2, 2000))
    answer, runs = separate(sources), []
    for generator in rng.spawn(RUNS):
        chosen = sources[:, generator.integers(0, 2000, 2000)]
        runs.append(separate_again(chosen, generator, super_gaussian=answer.super_gaussian))
    return index(answer.unmixing, runs, metric=np.cov(sources)).mean()


def test_gaussian_sources_are_not_stable():
    """Truth: nothing tells two Gaussians from any mixture of theirs; Laplacians it does.

    Parts of one sample share its own chance: not zero, but far from one in ten scenes together.
    """
    assert min(bootstrapped("laplace", seed) for seed in range(4)) > 0.95
    assert np.mean([bootstrapped("standard_normal", seed) for seed in range(10)]) < 0.7


@pytest.mark.parametrize("visible", [[1, 0.5], [0.9, 0.0], [0.2, 0.2]])
def test_noise_is_no_stability(visible):
    """Closed form: runs that agree on components partly noise have the share that is not noise."""
    np.testing.assert_allclose(index(np.eye(2), [np.eye(2)] * RUNS, visible), visible, atol=1e-12)


def test_share_of_signal_of_mixed_sources():
    """Closed form: powers add up, of components orthonormal once whitened.

    ``sum a^2 v / sum a^2``, and sources that are orthogonal have nothing outside.
    """
    visible = np.array([0.9, 0.3, 0.5])
    answer = special_ortho_group.rvs(3, random_state=0) * np.array([[1.0], [3.0], [0.1]])
    truth = answer**2 @ visible / np.sum(answer**2, 1)
    np.testing.assert_allclose(index(answer, [answer] * RUNS, visible), truth, rtol=1e-9)


def test_share_of_signal_against_draws():
    """Monte Carlo: the squared correlation of a source with its noise drawn anew.

    Components that are not orthogonal; 400 draws, each good to two over the root of 150 channels
    at most: one percent, four of which are granted.
    """
    rng = np.random.default_rng(5)
    whitening = ChannelWhitening(np.ones(M))
    components = rng.standard_normal((2, M)) * np.array([[1.0], [3.0]])
    components[1] += components[0]
    spectra, visible = low_rank(2, components, whitening), np.array([0.8, 0.4])
    answer = np.array([[1.0, -0.5], [1.0, 0.1]])
    metric = components @ components.T / M
    generators = rng.spawn(400)
    truth = []
    for row in answer:
        source = row @ components
        drawn = np.array([row @ redraw_noise(spectra, visible, g) for g in generators])
        truth.append(np.mean((drawn @ source) ** 2 / np.sum(drawn**2, 1)) / np.sum(source**2))
    white = spectra.whitening.whiten(components)
    found = _share_of_signal(white @ white.T, visible)(answer)
    np.testing.assert_allclose(found, truth, atol=0.04)
    # the index of runs that agree, of sources orthogonal to each other
    answer[1] -= (answer[1] @ metric @ answer[0]) / (answer[0] @ metric @ answer[0]) * answer[0]
    again = index(answer, [answer] * RUNS, visible, metric, spectra)
    np.testing.assert_allclose(again, _share_of_signal(white @ white.T, visible)(answer))
    assert again[0] == pytest.approx(truth[0], abs=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_the_components_do_not_matter(seed):
    """Identity: other components of the same space, and the sources made of them, without noise."""
    rng = np.random.default_rng(seed)
    answer, *runs = special_ortho_group.rvs(3, size=RUNS + 1, random_state=rng)
    runs = [answer + 0.5 * run for run in runs]
    known = index(answer, runs)
    turn = rng.standard_normal((3, 3)) * np.array([[1.0], [30], [0.03]])
    back = np.linalg.inv(turn)
    found = index(answer @ back, [run @ back for run in runs], metric=turn @ turn.T)
    np.testing.assert_allclose(found, known, rtol=1e-6)
    assert 0.1 < known.min() < 0.95


def test_sources_are_compared_where_they_are_told_apart():
    """Identity: what the metric does not see makes no difference."""
    metric = np.diag([1.0, 1.0, 1e-12])
    run = np.eye(3)
    run[0, 2] = run[1, 2] = 5
    answer = np.eye(3)
    found = index(answer, [run if k % 2 else answer for k in range(RUNS)], metric=metric)
    np.testing.assert_allclose(found[:2], 1, atol=1e-9)


def test_one_of_each_run_in_a_cluster():
    """Closed form: runs that have the first source twice lend only one of them to the first.

    The other makes the second cluster, alike in all runs, but not to the answer: 40 of 420 pairs.
    """
    twice = np.array([[1.0, 0, 0], [1.0, 0.1, 0], [0, 0, 1]])
    found = index(np.eye(3), [twice] * RUNS)
    np.testing.assert_allclose(found[[0, 2]], 1)
    inside = (380 + 40 * 0.1 / np.hypot(1, 0.1)) / 420
    chance = _chance_similarity(3)
    assert found[1] == pytest.approx((inside - chance) / (1 - chance))


def test_order_and_scale_of_the_answer_do_not_matter():
    """Identity: the index goes with the component."""
    rng = np.random.default_rng(2)
    answer = np.eye(3)
    runs = [answer + 0.3 * rng.standard_normal((3, 3)) for _ in range(RUNS)]
    visible = np.array([1, 0.9, 0.5])
    known = index(answer, runs, visible)
    assert np.ptp(known) > 0.05
    order = [2, 0, 1]
    again = index(np.array([[-5.0], [1], [0.1]]) * answer[order], runs, visible)
    np.testing.assert_allclose(again, known[order], rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_worst_input_gives_numbers():
    """Finite, from zero to one: runs that found nothing, the same source twice."""
    eye = np.eye(2)
    for answer, runs, metric in (
        (eye, [np.zeros((2, 2))] * RUNS, eye),
        (eye, [np.zeros((2, 2)), eye] * (RUNS // 2), eye),
        (np.ones((2, 2)), [np.ones((2, 2))] * RUNS, eye),
        (eye, [np.ones((2, 2))] * RUNS, eye),
        (np.ones((1, 1)), [np.ones((1, 1))] * RUNS, np.ones((1, 1))),
    ):
        found = index(answer, runs, metric=metric)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= 1 + 1e-12).all()


def test_runs_that_found_nothing_take_their_part():
    """Truth: half of the runs found nothing, and the components are not called stable."""
    runs = [np.zeros((2, 2))] * 10 + [np.eye(2)] * 10
    assert (index(np.eye(2), runs) < LEAST_STABLE).all()


# ------------------------------------------------------------------------------- other noise


@pytest.mark.parametrize("correlation", [(), (0.3,), (0.5, 0.2), FLOORED])
def test_repeated_has_the_correlation_that_is_visible(correlation):
    """Monte Carlo: squared correlation with the component, once whitened, over 300 draws.

    That of two vectors in 150 channels scatters by less than 0.1 a draw: 0.006; granted 0.02. The
    norm is that of the component, likewise.
    """
    sd = np.random.default_rng(1).uniform(0.5, 2, M)
    spectra = low_rank(3, whitening=channel_whitening(sd, correlation))
    visible = np.array([0.9, 0.5, 0.1])
    white = spectra.whitening.whiten(spectra.components)
    squares, norms = [], []
    for generator in np.random.default_rng(0).spawn(300):
        drawn = spectra.whitening.whiten(redraw_noise(spectra, visible, generator))
        size = np.sum(drawn**2, 1) / np.sum(white**2, 1)
        squares.append(np.sum(drawn * white, 1) ** 2 / np.sum(white**2, 1) ** 2 / size)
        norms.append(size)
    np.testing.assert_allclose(np.mean(squares, 0), visible, atol=0.02)
    np.testing.assert_allclose(np.mean(norms, 0), 1, atol=0.03)


def test_noise_drawn_is_that_of_the_channels():
    """Monte Carlo: without anything visible, the deviation of each channel is that of its noise.

    4000 draws: 1.1 %, four of which are granted.
    """
    sd = np.random.default_rng(1).uniform(0.5, 2, M)
    spectra = low_rank(1, whitening=ChannelWhitening(sd))
    drawn = np.concatenate(
        [redraw_noise(spectra, np.zeros(1), g) for g in np.random.default_rng(0).spawn(4000)]
    )
    np.testing.assert_allclose(drawn.std(0), sd / np.sqrt(M), rtol=0.045)
    np.testing.assert_allclose(drawn.mean(0) / sd * np.sqrt(M) * np.sqrt(4000), 0, atol=5)


@pytest.mark.parametrize("correlation", [(0.3,), FLOORED])
def test_noise_drawn_has_the_correlation_of_the_channels(correlation):
    """Monte Carlo, 4000 draws: power of the sum and of the finest detail; 2.2 %, granted 10.

    Closed form: both are sums over the correlation, relative to the norm of the component.
    """
    sd = np.ones(M)
    whitening = channel_whitening(sd, correlation)
    assert (whitening.floored is None) == (correlation != FLOORED)
    spectra = low_rank(1, whitening=whitening)
    generators = np.random.default_rng(0).spawn(4000)
    drawn = np.concatenate([redraw_noise(spectra, np.zeros(1), g) for g in generators])
    matrix = toeplitz(np.pad([1, *correlation], (0, M - 1 - len(correlation))))
    for sign in (np.ones(M), np.where(np.arange(M) % 2, 1.0, -1.0)):
        truth = sign @ matrix @ sign / whitening.variance.sum()
        assert np.mean((drawn @ sign) ** 2) == pytest.approx(truth, rel=0.1)


def test_all_visible_is_the_same_again():
    """Identity; and the same generator draws the same."""
    spectra = low_rank(3)
    once = redraw_noise(spectra, np.ones(3), np.random.default_rng(0))
    np.testing.assert_array_equal(once, spectra.components)
    one, two = (redraw_noise(spectra, np.full(3, 0.5), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - redraw_noise(spectra, np.full(3, 0.5), np.random.default_rng(8))).max() > 0
