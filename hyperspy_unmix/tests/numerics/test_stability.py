"""Stability of components: closed forms of runs that agree, turn or scatter; draws of noise."""

import numpy as np
import pytest
from scipy.stats import chisquare, special_ortho_group

from hyperspy_unmix.numerics.ica import separate, separate_again
from hyperspy_unmix.numerics.noise import ChannelWhitening, channel_whitening
from hyperspy_unmix.numerics.pca import LowRank
from hyperspy_unmix.numerics.stability import choose_blocks, repeated, stability

M = 150
RUNS = 20


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
    return stability(
        answer,
        lambda generator: next(left),
        np.eye(n) if metric is None else metric,
        spectra or low_rank(n),
        np.ones(n) if visible is None else np.asarray(visible, float),
        np.random.default_rng(0).spawn(len(runs)),
    )


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
    """Closed form: half of the runs turned, which all pairs of different runs are compared for.

    With a share f of the estimates turned by an angle a: inside one less the pairs' share times
    ``1 - cos a``, outside the pairs' share, own runs included, times ``sin a``.
    """
    angle, total, other = np.radians(degrees), RUNS + 1, 8
    found = index(np.eye(2), [turned(angle)] * other + [np.eye(2)] * (RUNS - other))
    differ = 2 * other * (total - other)
    inside = 1 - differ / (total * (total - 1)) * (1 - np.cos(angle))
    outside = differ / total**2 * np.sin(angle)
    np.testing.assert_allclose(found, (inside - outside) / (1 - outside), rtol=1e-12)


def test_turned_components_are_less_stable_than_the_one_that_stays():
    """Closed form: of three, two turn in their plane; the third is one, the more they turn the less.

    Beyond 45 degrees the other one is the nearer.
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
    """Monte Carlo: rotations drawn at random for each run, 20 times: what chance alone gives."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        answer, *runs = special_ortho_group.rvs(n, size=RUNS + 1, random_state=rng)
        found.append(index(answer, runs))
    assert np.mean(found) < 0.1


def test_gaussian_sources_are_not_stable():
    """Truth: nothing tells two Gaussians from any mixture of theirs; Laplacians it does."""
    rng = np.random.default_rng(0)
    found = {}
    for name, sources in (
        ("gaussian", rng.standard_normal((2, 2000))),
        ("laplace", rng.laplace(size=(2, 2000))),
    ):
        answer = separate(sources)
        runs = []
        for generator in rng.spawn(RUNS):
            chosen = sources[:, generator.integers(0, 2000, 2000)]
            runs.append(separate_again(chosen, generator, super_gaussian=answer.super_gaussian))
        found[name] = index(answer.unmixing, runs, metric=np.cov(sources))
    assert found["laplace"].min() > 0.9
    assert found["gaussian"].max() < 0.5


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
    alone = [index(row[None].repeat(2, 0), [], visible) if False else row for row in answer]
    generators = rng.spawn(400)
    truth = []
    for row in alone:
        source = row @ components
        drawn = np.array([row @ repeated(spectra, visible, g) for g in generators])
        truth.append(np.mean((drawn @ source) ** 2 / np.sum(drawn**2, 1)) / np.sum(source**2))
    del metric
    from hyperspy_unmix.numerics.stability import _share_of_signal

    white = spectra.whitening.whiten(components)
    found = _share_of_signal(white @ white.T, visible)(answer)
    np.testing.assert_allclose(found, truth, atol=0.04)


def test_sources_are_compared_where_they_are_told_apart():
    """Identity: what the metric does not see makes no difference."""
    metric = np.diag([1.0, 1.0, 1e-12])
    run = np.eye(3)
    run[0, 2] = run[1, 2] = 5
    answer = np.eye(3)
    found = index(answer, [run if k % 2 else answer for k in range(RUNS)], metric=metric)
    np.testing.assert_allclose(found[:2], 1, atol=1e-9)


def test_one_of_each_run_in_a_cluster():
    """Closed form: a run that has the first source twice lends only one of them to the first.

    The second cluster gets the other, alike to the first: less stable than the first.
    """
    twice = np.array([[1.0, 0, 0], [1.0, 0.1, 0], [0, 0, 1]])
    found = index(np.eye(3), [twice] * RUNS)
    assert found[2] == pytest.approx(1)
    assert found[0] < 1
    assert found[1] < 1


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
    """Finite, from zero to one: runs that found nothing, no metric, the same source twice."""
    eye = np.eye(2)
    for answer, runs, metric in (
        (eye, [np.zeros((2, 2))] * RUNS, eye),
        (eye, [np.zeros((2, 2)), eye] * (RUNS // 2), eye),
        (eye, [eye] * RUNS, np.zeros((2, 2))),
        (np.ones((2, 2)), [np.ones((2, 2))] * RUNS, eye),
        (eye, [np.ones((2, 2))] * RUNS, eye),
        (np.ones((1, 1)), [np.ones((1, 1))] * RUNS, np.ones((1, 1))),
    ):
        found = index(answer, runs, metric=metric)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= 1 + 1e-12).all()


def test_runs_that_found_nothing_take_their_part():
    """Closed form: a half of all that agree leaves a quarter of the pairs, no other alike."""
    runs = [np.zeros((2, 2))] * 10 + [np.eye(2)] * 10
    found = index(np.eye(2), runs)
    np.testing.assert_allclose(found, 11 * 10 / (21 * 20), rtol=1e-12)


# ------------------------------------------------------------------------------- other noise


@pytest.mark.parametrize("correlation", [(), (0.3,), (0.5, 0.2)])
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
        drawn = spectra.whitening.whiten(repeated(spectra, visible, generator))
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
        [repeated(spectra, np.zeros(1), g) for g in np.random.default_rng(0).spawn(4000)]
    )
    np.testing.assert_allclose(drawn.std(0), sd / np.sqrt(M), rtol=0.045)
    np.testing.assert_allclose(drawn.mean(0) / sd * np.sqrt(M) * np.sqrt(4000), 0, atol=5)


def test_all_visible_is_the_same_again():
    """Identity; and the same generator draws the same."""
    spectra = low_rank(3)
    once = repeated(spectra, np.ones(3), np.random.default_rng(0))
    np.testing.assert_array_equal(once, spectra.components)
    one, two = (repeated(spectra, np.full(3, 0.5), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - repeated(spectra, np.full(3, 0.5), np.random.default_rng(8))).max() > 0


# ------------------------------------------------------------------------------- blocks


@pytest.mark.parametrize("number, blocks", [(100, 10), (103, 10), (5, 64), (64, 64), (1, 64)])
def test_blocks_are_whole_and_of_neighbours(number, blocks):
    """Truth: parts of the axis of equal length but one; as many as there are blocks."""
    edges = np.linspace(0, number, min(blocks, number) + 1).astype(int)
    whole = {a: np.arange(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)}
    for seed in range(5):
        found, at, taken = choose_blocks(number, blocks, np.random.default_rng(seed)), 0, 0
        while at < len(found):
            part = whole[int(found[at])]
            np.testing.assert_array_equal(found[at : at + len(part)], part)
            at, taken = at + len(part), taken + 1
        assert taken == min(blocks, number)
        again = choose_blocks(number, blocks, np.random.default_rng(seed))
        np.testing.assert_array_equal(found, again)


def test_blocks_are_drawn_alike():
    """Chi-square of 2000 draws of 10 blocks, at its 0.1 % point: with replacement, none preferred."""
    generator = np.random.default_rng(0)
    drawn = np.array([choose_blocks(100, 10, generator)[::10] // 10 for _ in range(2000)])
    assert chisquare(np.bincount(drawn.ravel(), minlength=10)).pvalue > 1e-3
    distinct = np.mean([len(set(row)) for row in drawn])
    # ten of ten with replacement: 10 (1 - 0.9^10) = 6.51, deviation 1 / sqrt(2000)
    assert distinct == pytest.approx(10 * (1 - 0.9**10), abs=0.1)
