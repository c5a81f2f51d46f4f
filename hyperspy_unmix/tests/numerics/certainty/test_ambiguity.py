"""Rotational ambiguity: analytic ranges, constraints made by hand, mixings tried at random."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize._numdiff import approx_derivative

from hyperspy_unmix.numerics.certainty.ambiguity import (
    LARGEST_SHARE_TRIED,
    LEAST_INTEGRAL,
    MOST_COMPONENTS_MOVED_TOGETHER,
    TOLERATED_EXCESS,
    _Search,
    _Trial,
    ambiguity,
)
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.separation.positivity import Mixture, negativity
from hyperspy_unmix.tests.numerics.separation.test_pure_pixels import compressed

M, N = 150, 400


def peaks(n, floor, width=0.15):
    """Spectra of integral one; ``floor`` of each below all of its peaks."""
    x, centres = np.linspace(0, 1, M), (np.arange(n) + 0.5) / n
    spectra = np.exp(-0.5 * ((x - centres[:, None]) / width) ** 2)
    spectra[spectra < 1e-3] = 0
    spectra += np.reshape(np.broadcast_to(floor, n), (n, 1))
    return spectra / spectra.sum(1, keepdims=True)


def shared(n, floor, seed=0):
    """Maps of which each pixel holds at least ``floor`` counts of each."""
    maps = np.random.default_rng([seed, n]).dirichlet(np.ones(n), N)
    maps[:n] = np.eye(n)
    return 100 * (maps + np.broadcast_to(floor, n))


def mixture_of(spectra, maps, noise, mixing=None, seed=0):
    """Compressed noisy data, the components' mixture, and their spectra of integral one."""
    sd = np.full(spectra.shape[1], noise)
    low_rank = compressed(spectra, maps, sd, np.ones(len(maps)), seed)
    unmixing = (spectra / sd) @ (low_rank.components / sd).T
    if mixing is not None:
        unmixing = mixing @ unmixing
    found = unmixing @ low_rank.components
    unmixing = unmixing / found.sum(1, keepdims=True)
    return Mixture(low_rank, unmixing, len(maps)), unmixing @ low_rank.components


def scene(n, noise=0.01, floor=0.2, seed=0, mixing=None):
    return mixture_of(peaks(n, floor), shared(n, 0.1, seed), noise, mixing, seed)


# ------------------------------------------------------------------------------- two components

# of both peaks, of both maps, and what the spectra are like
GEOMETRIES = {
    "alike": (peaks(2, 0.2), shared(2, 0.1)),
    "wide": (peaks(2, 0.5), shared(2, 0.5)),
    "nothing": (peaks(2, 0), shared(2, 0)),
    "pure pixels": (peaks(2, 0.2), shared(2, 0)),
    "pure channels": (peaks(2, 0), shared(2, 0.2)),
    "one spectrum": (peaks(2, [0, 0.3]), shared(2, [0, 0])),
    "one map": (peaks(2, 0), shared(2, [0.3, 0])),
    "slight": (peaks(2, 0.01), shared(2, 0.01)),
    "overlapping": (peaks(2, 0.1, 0.4), shared(2, [0.05, 0.2])),
}


def lawton_sylvestre(spectra, maps):
    """Analytic ends of t in ``S_i + t S_j`` and ``A_j - t A_i``."""
    lowest, highest = np.zeros((2, 2)), np.zeros((2, 2))
    for i, j in ((0, 1), (1, 0)):
        with np.errstate(divide="ignore", invalid="ignore"):
            lowest[i, j] = -np.nanmin(spectra[i] / spectra[j])
            highest[i, j] = np.nanmin(maps[:, j] / maps[:, i])
    return lowest, highest


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_two_components_against_lawton_and_sylvestre(name, order):
    """Closed form, next to no noise: the ranges within 5 %, or 1e-3 where there are none.

    The band is what the spectra at their ends take up, of integral one, within 5 % of its width.
    """
    spectra, maps = GEOMETRIES[name]
    spectra, maps = spectra[order], maps[:, order]
    mixture, found = mixture_of(spectra, maps, 1e-5)
    result, (lowest, highest) = ambiguity(mixture, found), lawton_sylvestre(spectra, maps)
    np.testing.assert_allclose(result.lowest, lowest, rtol=0.05, atol=1e-3)
    np.testing.assert_allclose(result.highest, highest, rtol=0.05, atol=1e-3)
    band = [spectra]
    for ends in (lowest, highest):
        moved = np.array([s + ends[i, 1 - i] * spectra[1 - i] for i, s in enumerate(spectra)])
        band.append(moved / moved.sum(1, keepdims=True))
    lower, upper = np.min(band, 0), np.max(band, 0)
    size = 0.05 * (upper - lower).max() + 1e-3 * spectra.max()
    np.testing.assert_allclose(result.lower, lower, atol=size)
    np.testing.assert_allclose(result.upper, upper, atol=size)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_noise_never_narrows_the_ranges(name):
    """Truth: the analytic ranges; what noise may hide is allowed beside, the more the louder.

    Less than them by what the noise of the spectrum or the map at the limit is, three deviations.
    """
    spectra, maps = GEOMETRIES[name]
    lowest, highest = lawton_sylvestre(spectra, maps)
    width = 0.0
    for noise in (1e-4, 1e-2, 0.1):
        mixture, found = mixture_of(spectra, maps, noise)
        result = ambiguity(mixture, found)
        slack = 1e-3 + 3 * noise / 100
        assert (result.lowest <= lowest + slack).all()
        assert (result.highest >= highest - slack).all()
        assert np.sum(result.highest - result.lowest) > width
        width = np.sum(result.highest - result.lowest)


def test_a_map_or_a_spectrum_a_little_more_negative_than_noise_ends_the_range():
    """Truth: `negativity` of spectrum and map, made by hand at the ends and 5 % beyond them."""
    mixture, spectra = scene(2, noise=0.05)
    result = ambiguity(mixture, spectra)
    size = np.sum(mixture.shapes * spectra, 1) / np.sum(spectra**2, 1)
    shape_sd, map_sd = mixture.noise(np.eye(2))
    spectra_limit = negativity(mixture.shapes / shape_sd)[1]
    maps_limit = negativity((mixture.maps / map_sd).T)[1]
    for ends in (result.lowest, result.highest):
        for i, j in ((0, 1), (1, 0)):
            excess = []
            for part in (0.999, 1.05):
                mixing = np.eye(2)
                mixing[i, j] = part * ends[i, j] * size[i] / size[j]
                shape_sd, map_sd = mixture.noise(mixing)
                shape = negativity(mixing @ mixture.shapes / shape_sd)[0][i]
                back = mixture.maps @ np.linalg.inv(mixing)
                counts = negativity((back / map_sd).T)[0][j]
                excess.append(max(shape / spectra_limit[i], counts / maps_limit[j]))
            assert excess[0] <= 1 + 1e-9
            assert excess[1] > 1


@pytest.mark.parametrize("seed", range(3))
def test_true_spectra_are_within_their_ranges(seed):
    """Phantom: components mixed nine tenths as far as may be; the truth is inside.

    ``S = M @ T``: the true shares are those of the inverse of M, its diagonal one.
    """
    rng = np.random.default_rng(seed)
    spectra, maps = peaks(2, 0.3), shared(2, 0.3, seed)
    lowest, highest = lawton_sylvestre(spectra, maps)
    mixing = np.eye(2)
    for i, j in ((0, 1), (1, 0)):
        mixing[i, j] = rng.choice([0.9 * lowest[i, j], 0.9 * highest[i, j]])
    mixture, found = mixture_of(spectra, maps, 0.01, mixing)
    result = ambiguity(mixture, found)
    back = np.linalg.inv(mixing / mixing.sum(1, keepdims=True))
    true = back / np.diag(back)[:, None] - np.eye(2)
    assert (result.lowest - 1e-3 <= true).all()
    assert (true <= result.highest + 1e-3).all()
    noise = 6 * 0.01 / np.sqrt(N) / maps.mean()
    assert (result.lower - noise <= spectra).all()
    assert (spectra <= result.upper + noise).all()


def test_ranges_of_two_hold_both_at_once():
    """Identity: with two components the ends of both may be taken together, unlike with more."""
    mixture, spectra = scene(2, noise=0.01)
    result, search = ambiguity(mixture, spectra), _Search(mixture, spectra)
    for first in (result.lowest, result.highest):
        for second in (result.lowest, result.highest):
            shares = np.array([[0, first[0, 1]], [second[1, 0], 0]])
            # the noise differs a little
            assert search.excess(0.98 * shares).max() <= 0


# ------------------------------------------------------------------------------- three and more


def excess_by_hand(mixture, spectra, shares):
    """Negativity over its limit, of spectra and maps made of the whole arrays; limits at first."""
    n = len(spectra)
    size = np.linalg.norm(mixture.shapes, axis=1) / np.linalg.norm(spectra, axis=1)
    mixing = np.eye(n) + shares * size[:, None] / size
    ratios = []
    for m in (np.eye(n), mixing):
        back = np.linalg.inv(m)
        shape_sd = np.sqrt(np.diag(m @ mixture.shape_errors @ m.T))[:, None] * mixture.sd
        map_sd = np.sqrt(np.diag(back.T @ mixture.map_errors @ back)) * mixture.pixel_sd
        ratios.append(
            (
                negativity(m @ mixture.shapes / shape_sd),
                negativity((mixture.maps @ back / map_sd).T),
            )
        )
    limits = [np.maximum(below, limit) for below, limit in ratios[0]]
    return np.array([now[0] / limit - 1 for now, limit in zip(ratios[1], limits, strict=True)])


def spied(monkeypatch, mixture, spectra):
    """The result, and every answer of the search with all components moving."""
    answers, together = [], _Search.find_all_together

    def spy(self, alone):
        found = together(self, alone)
        answers.extend((i, j, (-1.0, 1.0)[end], shares) for (end, i, j), shares in found.items())
        return found

    monkeypatch.setattr(_Search, "find_all_together", spy)
    return ambiguity(mixture, spectra), answers


SCENES = {
    "quiet": {"n": 3, "noise": 1e-4},
    "usual": {"n": 3, "noise": 0.01},
    "loud": {"n": 3, "noise": 0.1},
    "pure pixels": {"n": 3, "noise": 0.01, "floor": 0.0},
    "four": {"n": 4, "noise": 0.01, "floor": 0.3},
    # more negative than noise at first
    "mixed up": {
        "n": 3,
        "noise": 0.01,
        "floor": 0.0,
        "mixing": np.array([[1, -0.1, 0.1], [0.05, 1, -0.1], [-0.1, 0.05, 1]]),
    },
}


@pytest.mark.parametrize("case", SCENES.values(), ids=SCENES)
def test_answers_keep_to_the_limits(case, monkeypatch):
    """Truth: negativity by hand, no more than the tolerance above its limit or what it was.

    Each range holds that of one component moved alone; signs are those asked for; no shares of a
    component in itself; the band holds the spectra of all answers.
    """
    mixture, spectra = scene(**case)
    n = len(spectra)
    result, answers = spied(monkeypatch, mixture, spectra)
    search = _Search(mixture, spectra)
    assert len(answers) == 2 * n * (n - 1)
    for i, j, sign, shares in answers:
        excess = excess_by_hand(mixture, spectra, shares)
        np.testing.assert_allclose(search.excess(shares), excess, atol=1e-9)
        assert excess.max() <= TOLERATED_EXCESS * (1 + 1e-9)
        assert np.abs(shares).max() <= LARGEST_SHARE_TRIED
        np.testing.assert_array_equal(np.diag(shares), 0)
        alone = search.find_alone(i, j, sign)
        assert sign * shares[i, j] >= alone * (1 - 1e-9)
        assert shares[i, j] == (result.lowest if sign < 0 else result.highest)[i, j]
        moved = (np.eye(n) + shares) @ spectra
        moved /= moved.sum(1, keepdims=True)
        slack = 1e-9 * spectra.max()
        assert (result.lower <= moved + slack).all()
        assert (moved <= result.upper + slack).all()
        # no answer holds more of a pair than that pair's own
        others = [sign * answer[i, j] for *_, answer in answers]
        assert sign * shares[i, j] >= max(others) * (1 - 1e-4) - 1e-6
    assert (result.lowest <= 0).all()
    assert (result.highest >= 0).all()
    assert (result.lower <= spectra).all()
    assert (spectra <= result.upper).all()


def feasible(search, result, seed, number):
    """Extremes of the shares of random mixings within the limits: of some, of most, of all."""
    rng = np.random.default_rng(seed)
    n, ends = search.n, np.zeros((2, search.n, search.n))
    off, kept = ~np.eye(n, dtype=bool), 0
    for _ in range(number):
        shares = rng.uniform(1.6 * result.lowest - 0.01, 1.6 * result.highest + 0.01) * off
        shares *= rng.random((n, n)) < rng.choice([0.3, 0.6, 1])
        if (search.excess(shares) <= 0).all():
            ends = np.array([np.minimum(ends[0], shares), np.maximum(ends[1], shares)])
            kept += 1
    return ends, kept


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("noise", [1e-4, 0.01, 0.05])
def test_ranges_hold_mixings_tried_at_random(noise, seed):
    """Truth: 4000 random shares, of which hundreds are within the limits; the extremes of each.

    Found are nine tenths of the greatest or more on average, three quarters of each; the search
    says that the true ranges may be wider.
    """
    mixture, spectra = scene(3, noise, seed=seed)
    result = ambiguity(mixture, spectra)
    ends, kept = feasible(_Search(mixture, spectra), result, seed, 4000)
    assert kept > 300
    off = ~np.eye(3, dtype=bool)
    covered = np.minimum(
        np.concatenate([result.lowest[off] / ends[0][off], result.highest[off] / ends[1][off]]), 1
    )
    assert covered.mean() > 0.95
    assert covered.min() > 0.75
    # and moving all of them matters
    search = _Search(mixture, spectra)
    alone = [search.find_alone(i, j, 1.0) for i, j in zip(*np.nonzero(off), strict=True)]
    assert np.mean(result.highest[off] / alone) > 1.2


def ring(noise):
    """Three components that are alike in all respects: peaks on a ring, maps in every order."""
    x = np.arange(M)
    first = np.exp(-0.5 * ((x - M / 2) / 22) ** 2) + 0.2
    spectra = np.array([np.roll(first, k * M // 3) for k in range(3)])
    maps = shared(3, 0.1)[:70]
    orders = list(permutations(range(3)))
    return mixture_of(
        spectra / spectra.sum(1, keepdims=True), np.concatenate([maps[:, o] for o in orders]), noise
    )


@pytest.mark.parametrize("noise", [1e-4, 0.01])
def test_components_that_are_alike_have_like_ranges(noise):
    """Identity: six ranges of a scene that looks the same from each component are the same.

    The search takes six ways, of which each must end near the farthest: 0.8 of it, 0.93 on average.
    """
    mixture, spectra = ring(noise)
    result, off = ambiguity(mixture, spectra), ~np.eye(3, dtype=bool)
    for ends in (-result.lowest[off], result.highest[off]):
        assert ends.min() > 0.8 * ends.max()
        assert ends.mean() > 0.93 * ends.max()


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_search_has_converged(noise):
    """Identity: begun again at its answers it finds no more; nor did any start find more.

    To a thousandth of the range, a tenth of the hundredth that machines may differ by.
    """
    mixture, spectra = ring(noise)
    result, search = ambiguity(mixture, spectra), _Search(mixture, spectra)
    for ends, sign in ((result.lowest, -1.0), (result.highest, 1.0)):
        for i, j in ((0, 1), (1, 2), (2, 0)):
            alone = sign * search.find_alone(i, j, sign)
            start = search.find_together(i, j, sign, alone)
            assert sign * start[i, j] <= sign * ends[i, j] * (1 + 1e-4)
            again = search.converged(i, j, sign, alone, start)
            assert again is not None
            assert again[i, j] == pytest.approx(start[i, j], rel=1e-3)


@pytest.mark.parametrize("scene_of", [lambda: ring(0.01), lambda: scene(4, 0.01, floor=0.3)])
def test_rounding_does_not_choose_the_answer(scene_of):
    """Identity: the same scores with their eighth digits drawn anew, four times; to 0.1 %.

    Where a range is next to nothing, of a share of a hundredth.
    """
    mixture, spectra = scene_of()
    known = ambiguity(mixture, spectra)
    for seed in range(4):
        scores = mixture.spectra.scores
        drawn = 1 + 1e-8 * np.random.default_rng(seed).standard_normal(scores.shape)
        shaken = replace(mixture.spectra, scores=scores * drawn)
        other = ambiguity(Mixture(shaken, mixture.unmixing, len(scores)), spectra)
        for name in ("lowest", "highest"):
            one, two = getattr(known, name), getattr(other, name)
            assert (np.abs(two - one) <= 1e-3 * np.maximum(np.abs(one), 0.01)).all()


def test_three_components_of_which_one_stands_apart():
    """Closed form: a component that shares no channel and no pixel leaves the others their range.

    That of two components alone; towards the third nothing moves.
    """
    two, maps = peaks(2, 0.2), shared(2, 0.1)
    spectra = np.zeros((3, M + 50))
    spectra[:2, :M], spectra[2, M:] = two, 1 / 50
    third = np.zeros((N + 100, 3))
    third[:N, :2], third[N:, 2] = maps, 50
    mixture, found = mixture_of(spectra, third, 1e-5)
    result, (lowest, highest) = ambiguity(mixture, found), lawton_sylvestre(two, maps)
    np.testing.assert_allclose(result.lowest[:2, :2], lowest, rtol=0.05)
    np.testing.assert_allclose(result.highest[:2, :2], highest, rtol=0.05)
    for ends in (result.lowest, result.highest):
        np.testing.assert_allclose(ends[2], 0, atol=1e-3)
        np.testing.assert_allclose(ends[:, 2], 0, atol=1e-3)


def test_more_components_move_one_at_a_time():
    """Identity: beyond four, each range is that of a component moved alone."""
    n = MOST_COMPONENTS_MOVED_TOGETHER + 1
    mixture, spectra = scene(n, noise=0.01)
    result, search = ambiguity(mixture, spectra), _Search(mixture, spectra)
    for i in range(n):
        for j in range(n):
            if i != j:
                assert result.lowest[i, j] == -search.find_alone(i, j, -1.0)
                assert result.highest[i, j] == search.find_alone(i, j, 1.0)
    assert (result.highest - result.lowest)[~np.eye(n, dtype=bool)].min() > 0


def test_one_component_cannot_be_another():
    """Closed form: no range, and a band without width."""
    mixture, spectra = scene(1)
    result = ambiguity(mixture, spectra)
    np.testing.assert_array_equal(result.lowest, [[0]])
    np.testing.assert_array_equal(result.highest, [[0]])
    np.testing.assert_array_equal(result.lower, spectra)
    np.testing.assert_array_equal(result.upper, spectra)


# ------------------------------------------------------------------------------- identities


@pytest.mark.parametrize("n", [2, 3, MOST_COMPONENTS_MOVED_TOGETHER + 1])
def test_order_and_scale_of_the_components(n):
    """Identity: ranges turn with the order; the scale of the unmixing does not matter.

    To the rounding where one moves alone; the search for three takes another way, 10 %.
    """
    spectra, maps = peaks(n, 0.2), shared(n, 0.1)
    known = ambiguity(*mixture_of(spectra, maps, 0.01))
    order = np.roll(np.arange(n), 1)
    mixture, found = mixture_of(spectra[order], maps[:, order], 0.01)
    mixture = Mixture(mixture.spectra, 10.0 ** np.arange(n)[:, None] * mixture.unmixing, N)
    again = ambiguity(mixture, found)
    tolerance = {"rtol": 0.1, "atol": 0.01} if n == 3 else {"rtol": 1e-3, "atol": 1e-6}
    among = np.ix_(order, order)
    np.testing.assert_allclose(again.lowest, known.lowest[among], **tolerance)
    np.testing.assert_allclose(again.highest, known.highest[among], **tolerance)
    if n != 3:
        np.testing.assert_allclose(again.upper, known.upper[order], rtol=1e-3)


def test_shares_are_measured_in_the_spectra_given():
    """Identity: in spectra of twice and half the size, shares are four and a quarter times theirs.

    Such have no integral of one, and their band is not brought back to one.
    """
    mixture, spectra = scene(2)
    known = ambiguity(mixture, spectra)
    scale = np.array([[0.5], [2.0]])
    found = ambiguity(mixture, scale * spectra)
    turn = scale / scale.T
    np.testing.assert_allclose(found.lowest, known.lowest * turn, rtol=0.01)
    np.testing.assert_allclose(found.highest, known.highest * turn, rtol=0.01)
    ends = [scale * spectra]
    for t in (found.lowest, found.highest):
        ends.append((np.eye(2) + t) @ (scale * spectra))
    np.testing.assert_allclose(found.lower, np.min(ends, 0), atol=1e-12)
    np.testing.assert_allclose(found.upper, np.max(ends, 0), atol=1e-12)


def test_input_is_left_alone_and_the_result_repeats():
    """Identity, twice from the same arrays."""
    mixture, spectra = scene(3)
    arrays = (mixture.shapes, mixture.maps, mixture.unmixing, spectra)
    before = [x.copy() for x in arrays]
    one, two = ambiguity(mixture, spectra), ambiguity(mixture, spectra)
    for x, y in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)
    for name in ("lowest", "highest", "lower", "upper"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize("n", [2, 3])
def test_gradient_against_finite_differences(n):
    """Independent library: scipy's central differences, the noise changing too; to rounding."""
    mixture, spectra = scene(n, noise=0.05, floor=0.05)
    # shapes of another size than the spectra
    search = _Search(mixture, spectra * 2.0 ** np.arange(n)[:, None])
    off, seen = ~np.eye(n, dtype=bool), 0
    for seed in range(4):
        x = 0.3 * np.random.default_rng(seed).standard_normal((n, n)) * off
        gradient = _Trial(search, x).gradient.reshape(2 * n, -1)
        for row in range(2 * n):
            numerical = approx_derivative(
                lambda y, row=row: _Trial(search, y.reshape(n, n)).excess.ravel()[row], x.ravel()
            )
            size = np.abs(numerical[off.ravel()]).max()
            np.testing.assert_allclose(
                gradient[row][off.ravel()], numerical[off.ravel()], atol=1e-5 * size + 1e-5
            )
            seen += size > 0
    assert seen > 2 * n


# ------------------------------------------------------------------------------- worst input


def test_a_start_beyond_the_limits_gets_no_worse():
    """Truth: negativity by hand at all ends, no more than it was; zero stays in the ranges."""
    mixing = np.array([[1, -0.2], [-0.1, 1]])
    mixture, spectra = scene(2, noise=0.01, floor=0.0, mixing=mixing)
    assert mixture.negativity_ratios(np.eye(2)).max() > 10
    result = ambiguity(mixture, spectra)
    for ends in (result.lowest, result.highest):
        for i, j in ((0, 1), (1, 0)):
            shares = np.zeros((2, 2))
            shares[i, j] = ends[i, j]
            assert excess_by_hand(mixture, spectra, shares).max() <= 1e-6
    assert (result.lowest <= 0).all()
    assert (result.highest >= 0).all()
    # the truth is where the mixing came from, and allowed
    back = np.linalg.inv(mixing / mixing.sum(1, keepdims=True))
    true = back / np.diag(back)[:, None] - np.eye(2)
    assert (true <= result.highest + 1e-3).all()


def test_shares_end_somewhere():
    """Closed form: a map that is nowhere without the other; no share exceeds what is tried."""
    spectra = peaks(2, 0.2)
    maps = shared(2, 0.1)
    maps[:, 1] = 100 * maps[:, 0] * np.linspace(0.9, 1.1, N)
    mixture, found = mixture_of(spectra, maps, 1e-4)
    assert ambiguity(mixture, found).highest[0, 1] == LARGEST_SHARE_TRIED
    # S_0 + t S_1 of t up to 90 would be possible
    assert lawton_sylvestre(spectra, maps)[1][0, 1] > 80


def by_hand(spectra, maps):
    """A mixture of components given as they are, without a decomposition."""
    n, channels = spectra.shape
    low_rank = LowRank(
        maps,
        spectra,
        np.ones(len(maps)),
        ChannelWhitening(np.ones(channels)),
        np.eye(n),
        np.zeros((n, n)),
        np.zeros((0, channels)),
    )
    return Mixture(low_rank, np.eye(n), len(maps)), spectra


WORST = {
    "one channel": (np.ones((1, 1)), np.full((5, 1), 9.0)),
    "one pixel": (np.full((1, 4), 0.25), np.full((1, 1), 9.0)),
    "two channels": (np.eye(2), np.random.default_rng(0).uniform(0, 9, (50, 2))),
    "alike": (
        np.array([[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25 + 1e-9]]),
        np.random.default_rng(0).uniform(0, 9, (50, 2)),
    ),
    "negative integral": (
        np.array([[0.5, 0.5, 0, 0], [0, 0, -1.5, 0.5]]),
        np.random.default_rng(0).uniform(0, 9, (50, 2)),
    ),
    "integral of zero": (
        np.array([[0.5, 0.5, 0, 0], [0, 0, -1, 1.0], [0.5, -0.5, 0, 0]]),
        np.random.default_rng(0).uniform(0, 9, (50, 3)),
    ),
    "all negative": (-peaks(3, 0.2), shared(3, 0.1)),
    "negative maps": (peaks(3, 0.2), -shared(3, 0.1)),
    "empty map": (peaks(3, 0.2), shared(3, 0.1) * np.array([1, 1, 1e-12])),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", WORST.values(), ids=WORST)
def test_worst_input_gives_numbers(case):
    """Finite, zero within the ranges, the spectra within their bands; no warning."""
    mixture, spectra = by_hand(*case)
    result = ambiguity(mixture, spectra)
    for values in (result.lowest, result.highest, result.lower, result.upper):
        assert np.isfinite(values).all()
    assert (result.lowest <= 0).all()
    assert (result.highest >= 0).all()
    assert (result.lower <= spectra).all()
    assert (spectra <= result.upper).all()


@pytest.mark.parametrize("n", [2, 3])
def test_spectra_that_meet_are_no_answer(n):
    """Truth: shares of one in each other make both spectra the same, and maps infinite.

    Finite, and beyond the limits.
    """
    mixture, spectra = scene(n)
    shares = np.zeros((n, n))
    shares[0, 1] = shares[1, 0] = 1
    tried = _Trial(_Search(mixture, spectra), shares)
    assert np.isfinite(tried.excess).all()
    assert np.isfinite(tried.gradient).all()
    assert tried.excess.max() > 0


def test_the_band_holds_the_way_to_a_spectrum_of_few_counts():
    """Closed form: ``S_0 + t S_1`` over its integral, until next to no counts are left of it."""
    mixture, spectra = scene(2)
    spectra = spectra / spectra.sum(1, keepdims=True)
    lower, upper = _Search(mixture, spectra).band([np.array([[0, -1.2], [0, 0]])])
    for t in np.linspace(0, LEAST_INTEGRAL - 1, 20):
        changed = (spectra[0] + t * spectra[1]) / (1 + t)
        assert (changed > lower[0] - 1e-9).all()
        assert (changed < upper[0] + 1e-9).all()
    # the other does not change, and no spectrum of less than no counts is in the band
    np.testing.assert_allclose(lower[1], spectra[1])
    np.testing.assert_allclose(upper[1], spectra[1])
    ends = np.stack([spectra[0], (spectra[0] + (LEAST_INTEGRAL - 1) * spectra[1]) / LEAST_INTEGRAL])
    np.testing.assert_allclose(lower[0], ends.min(0))
    np.testing.assert_allclose(upper[0], ends.max(0))


def test_constants_are_sane():
    """What the tolerances above stand on."""
    assert 0 < TOLERATED_EXCESS <= 1e-5
