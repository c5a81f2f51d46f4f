"""The move to non-negative spectra and maps: its limits, its gradient, and planted mixings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import norm

from hyperspy_unmix.numerics.separation import refine as module
from hyperspy_unmix.numerics.separation.positivity import (
    LEAST_SHARE_OF_ZEROS,
    SIGMAS_OF_BEND,
    Mixture,
    negativity,
    slope_below_zero,
)
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, refine
from hyperspy_unmix.tests.numerics.separation.test_pure_pixels import compressed

M, N = 300, 400

# ------------------------------------------------------------------------------- negativity

SEEDS = 1000
TRUTHS = {
    "zero": lambda x: 0 * x,
    "half zero": lambda x: np.where(x < 0.5, 0, 10),
    "tenth zero": lambda x: np.where(x < 0.1, 0, 10),
    "fiftieth zero": lambda x: np.where(x < LEAST_SHARE_OF_ZEROS, 0, 10),
    "rising from zero": lambda x: 5 * x,
    "far above zero": lambda x: 6 + x,
    "exponential": lambda x: -3 * np.log1p(-x),
}


@pytest.mark.parametrize("samples", [1000, 10_000])
@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
def test_noise_about_nothing_negative_stays_below_the_limit(truth, samples):
    """Monte Carlo, 1000 seeds: 95 % stay below, as two standard errors of a normal mean leave.

    Three binomial standard errors (0.7 %) are granted.
    """
    values = truth(np.arange(samples) / samples)
    values = values + np.random.default_rng(0).standard_normal((SEEDS, samples))
    below, limit = negativity(values)
    assert below.shape == limit.shape == (SEEDS,)
    assert np.mean(below <= limit) > 0.95 - 0.02


def test_half_normal_noise_is_never_below():
    """Closed form: nothing is negative, and the limit is that of the least share of zeros."""
    values = np.abs(np.random.default_rng(0).standard_normal((20, 1000)))
    below, limit = negativity(values)
    np.testing.assert_array_equal(below, 0)
    assert (limit > 0).all()


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_a_shift_below_zero_exceeds_the_limit(share, shift):
    """Monte Carlo, 200 seeds: a fifth or all of 20 000 zeros that lie half a deviation too low.

    Expected 0.0059 at the least, +- 0.0004, against a limit of 0.0029.
    """
    truth = np.where(np.arange(20_000) < share * 20_000, -shift, 10)
    below, limit = negativity(truth + np.random.default_rng(0).standard_normal((200, 20_000)))
    assert (below > limit).all()


def excess_by_hand(value):
    """What is beyond two deviations below zero, on average over edges a bend to either side."""
    edges = np.linspace(-SIGMAS_OF_BEND, SIGMAS_OF_BEND, 2001)
    return np.mean(np.maximum(-np.asarray(value)[..., None] - 2 + edges, 0), -1)


def test_limit_against_quadrature():
    """Independent library: scipy's quadrature of the excess of a normal below minus two.

    Of 4 000 zeros no more than 1.6 % (one standard error) are missing in the share of zeros.
    """
    n = 4_000
    values = np.random.default_rng(0).standard_normal((1, n))
    mean, square = (
        quad(lambda x, p=p: float(excess_by_hand(x)) ** p * norm.pdf(x), -12, -1.5)[0]
        for p in (1, 2)
    )
    limits = [mean * zeros + 2 * np.sqrt(zeros * square / n) for zeros in (1, 1 - 3 * 0.016)]
    assert limits[1] < negativity(values)[1][0] <= limits[0] * (1 + 1e-5)


def test_below_against_a_loop():
    """Truth: what is beyond two deviations below zero, summed value by value."""
    values = 3 * np.random.default_rng(1).standard_normal((3, 50))
    truth = [sum(float(excess_by_hand(v)) for v in row) / 50 for row in values]
    np.testing.assert_allclose(negativity(values)[0], truth, rtol=1e-5)


def test_a_value_that_crosses_an_edge_changes_nothing():
    """Identity: no limit and no excess jumps where rounding takes a value across zero or two."""
    for edge in (0.0, -2.0, -2.0 - SIGMAS_OF_BEND, -2.0 + SIGMAS_OF_BEND):
        around = np.full((2, 20), edge) + np.array([[-1e-9], [1e-9]])
        below, limit = negativity(around)
        assert below[0] == pytest.approx(below[1], abs=1e-8)
        assert limit[0] == pytest.approx(limit[1], abs=1e-8)
        slopes = slope_below_zero(around)
        np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-8)


# ------------------------------------------------------------------------------- planted mixings


def scene(rank, floor=0.0):
    """Spectra with channels, and maps with pixels, that belong to one component alone."""
    channel = np.arange(M)
    centres = (np.arange(rank) + 0.5) * M / rank
    spectra = np.exp(-0.5 * ((channel - centres[:, None]) / (0.35 * M / rank)) ** 2)
    spectra = np.where(spectra > 0.01, spectra, 0) + floor
    rng = np.random.default_rng(rank)
    maps = rng.dirichlet(np.full(rank, 0.3), N)
    maps[maps < 0.02] = 0
    return spectra, 100 * (maps + floor)


def problem(rank, seed=0, floor=0.0, noise=0.2):
    """Compressed data, and the unmixing that gives the true spectra."""
    spectra, maps = scene(rank, floor)
    rng = np.random.default_rng(seed)
    sd, weights = noise * rng.uniform(0.8, 1.5, M), rng.uniform(0.5, 2, N)
    low_rank = compressed(spectra, maps, sd, weights, seed)
    white = low_rank.components / sd
    # directions of the PCA are orthonormal once whitened
    return low_rank, (spectra / sd) @ white.T, spectra


PLANTED = {
    # spectrum 0 and map 0 become negative: the inverse has the other sign
    2: np.array([[1, -0.15], [0.12, 1]]),
    3: np.array([[1, -0.12, 0.1], [0.1, 1, -0.12], [-0.1, 0.1, 1]]),
}


def white_angles(first, second, spectra):
    """Angle in degrees between rows of two unmixings, of whitened spectra."""
    a, b = (spectra.whitening.whiten(x @ spectra.components) for x in (first, second))
    cosine = np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rank", PLANTED)
def test_a_planted_mixing_is_moved_back(rank, seed):
    """Phantom: true spectra mixed by about 8 degrees; less than a third of it is left.

    Spectra and maps were more negative than noise by far, and are so no longer. What is left is
    the penalty's logarithm, which gives way before the last of the negativity has gone.
    """
    spectra, true, _ = problem(rank, seed)
    mixed = PLANTED[rank] @ true
    result = refine(spectra, mixed)
    assert (result.before.max(1) > 10).all()  # spectra, and maps
    before, after = (white_angles(u, true, spectra) for u in (mixed, result.unmixing))
    assert before.max() > 4
    assert after.max() < before.max() / 3
    assert np.mean(after) < np.mean(before) / 3
    assert result.after.max() < 2


@pytest.mark.parametrize("rank", PLANTED)
def test_refined_components_are_no_longer_more_negative_than_noise(rank):
    """Truth: what `negativity` says of spectra and maps that are made of the result by hand."""
    spectra, true, _ = problem(rank)
    result = refine(spectra, PLANTED[rank] @ true)
    errors = spectra.component_errors()
    u, back = result.unmixing, np.linalg.inv(result.unmixing)
    shape_sd = np.sqrt(np.diag(u @ errors @ u.T))[:, None] * spectra.whitening.channel_sd
    map_sd = np.sqrt(np.diag(back.T @ back))[:, None] / np.sqrt(spectra.weights)
    shapes = negativity(u @ spectra.components / shape_sd)
    maps = negativity((spectra.scores @ back).T / map_sd)
    truth = np.stack([shapes[0] / shapes[1], maps[0] / maps[1]])
    np.testing.assert_allclose(result.after, truth, rtol=1e-6)


@pytest.mark.parametrize("rank", [2, 3])
def test_a_feasible_answer_is_left_alone(rank):
    """Identity: true spectra and maps far above their noise; nothing moves, to the rounding.

    An angle from its cosine is good to the root of the rounding, 1e-6 degrees.
    """
    spectra, true, _ = problem(rank, floor=0.2, noise=0.05)
    result = refine(spectra, true)
    assert (result.before <= 1).all()
    np.testing.assert_array_equal(result.after, result.before)
    np.testing.assert_allclose(result.moved, 0, atol=2e-6)
    scale = result.unmixing[:, :1] / true[:, :1]
    assert (scale > 0).all()
    np.testing.assert_allclose(result.unmixing, scale * true, rtol=1e-13)


def test_one_component_cannot_move():
    """Even a negative one: there is nothing to mix it with."""
    spectra, true, _ = problem(1)
    for sign in (1, -1):
        result = refine(spectra, sign * true)
        np.testing.assert_allclose(result.unmixing / result.unmixing[0, 0] * true[0, 0], true)
        np.testing.assert_allclose(result.moved, 0, atol=2e-6)


@pytest.mark.parametrize("rank", PLANTED)
def test_model_is_unchanged(rank):
    """Identity: maps times spectra are scores times components, before and after."""
    spectra, true, _ = problem(rank)
    found = refine(spectra, PLANTED[rank] @ true).unmixing
    product = (spectra.scores @ np.linalg.inv(found)) @ (found @ spectra.components)
    model = spectra.scores @ spectra.components
    np.testing.assert_allclose(product, model, atol=1e-10 * np.abs(model).max())
    assert np.linalg.cond(found) < 10


@pytest.mark.parametrize("rank", PLANTED)
def test_scale_and_order_of_the_components_do_not_matter(rank):
    """Identity, to the tolerance of the minimiser (its stopping, 1e-5 of a gradient of 100)."""
    spectra, true, _ = problem(rank)
    mixed = PLANTED[rank] @ true
    known = refine(spectra, mixed)
    order = np.roll(np.arange(rank), 1)
    scale = 10.0 ** np.arange(rank)[:, None]
    found = refine(spectra, (scale * mixed)[order])
    np.testing.assert_allclose(found.moved, known.moved[order], atol=0.02)
    assert white_angles(found.unmixing, known.unmixing[order], spectra).max() < 0.02
    np.testing.assert_allclose(found.before, known.before[:, order], rtol=1e-9)


def test_a_choice_of_the_pixels_is_enough(monkeypatch):
    """Truth: the result of all pixels; a quarter of them leads to the same within a degree."""
    spectra, true, _ = problem(3)
    known = refine(spectra, PLANTED[3] @ true)
    monkeypatch.setattr(module, "MOST_PIXELS_IN_MIXTURE", N // 4)
    found = refine(spectra, PLANTED[3] @ true)
    assert white_angles(found.unmixing, known.unmixing, spectra).max() < 1


# ------------------------------------------------------------------------------- angles


@pytest.mark.parametrize("x, y", [(0.1, -0.05), (-0.3, 0.2), (0, 0.4)])
def test_angle_of_two_components(x, y):
    """Closed form: ``s + x t`` turns by atan(x sin / (1 + x cos)) of the angle between s and t."""
    spectra, true, _ = problem(2, floor=0.2)
    norms = np.linalg.norm(true, axis=1)  # directions are orthonormal once whitened
    cosine = true[0] @ true[1] / norms.prod()
    assert 0.1 < cosine < 0.9
    sine = np.sqrt(1 - cosine**2)
    truth = [np.degrees(np.arctan2(abs(z) * sine, 1 + z * cosine)) for z in (x, y)]
    found = Mixture(spectra, true).turn_angles(np.array([[1, x], [y, 1]]))
    np.testing.assert_allclose(found, truth, atol=2e-6)


@pytest.mark.parametrize("rank", PLANTED)
def test_angle_reported_is_that_of_the_result(rank):
    """Truth: the angle between whitened spectra before and after."""
    spectra, true, _ = problem(rank)
    mixed = PLANTED[rank] @ true
    result = refine(spectra, mixed)
    assert result.moved.max() > 2
    np.testing.assert_allclose(
        result.moved, white_angles(mixed, result.unmixing, spectra), atol=2e-6
    )


def test_noise_of_mixed_components():
    """Monte Carlo: scatter of spectra and maps over 100 draws of the same scene.

    Its standard error is 7 % for one value, less for the mean over channels or pixels; 10 %.
    """
    spectra_of, maps_of = scene(2)
    mixing = np.array([[1, 0.3], [-0.2, 1]])
    sd, weights = np.full(M, 0.5), np.full(N, 1.0)
    shapes, maps = [], []
    for seed in range(100):
        low_rank = compressed(spectra_of, maps_of, sd, weights, seed)
        white = low_rank.components / sd
        unmixing = mixing @ (spectra_of / sd) @ white.T
        shapes.append(unmixing @ low_rank.components)
        maps.append(low_rank.scores @ np.linalg.inv(unmixing))
    low_rank = compressed(spectra_of, maps_of, sd, weights, 0)
    true = (spectra_of / sd) @ (low_rank.components / sd).T
    norms = np.linalg.norm(true, axis=1)
    # Mixture takes rows of norm one; its mixing is of those
    given = np.diag(1 / norms)
    of_unit = mixing @ np.diag(norms)
    shape_sd, map_sd = Mixture(low_rank, given @ true).noise(of_unit)
    np.testing.assert_allclose(np.std(shapes, 0).mean(1) / shape_sd.mean(1), 1, atol=0.1)
    np.testing.assert_allclose(np.std(maps, 0).mean(0) / map_sd.mean(0), 1, atol=0.1)


# ------------------------------------------------------------------------------- the objective


def objectives(monkeypatch, rank, floor=0.0):
    """What `refine` gives to its minimiser, round by round, and what it gets back."""
    seen, minimise = [], module._minimise

    def spy(objective, start):
        answer = minimise(objective, start)
        seen.append((objective, np.array(start), answer))
        return answer

    monkeypatch.setattr(module, "_minimise", spy)
    spectra, true, _ = problem(rank, floor=floor)
    mixed = PLANTED[rank] @ true
    return seen, spectra, mixed, refine(spectra, mixed)


@pytest.mark.parametrize("rank", PLANTED)
def test_gradient_against_finite_differences(rank, monkeypatch):
    """Independent library: scipy's forward differences, good to 1e-3 where the cost is 100s.

    Not at the answer itself, where the penalty begins and bends within 1e-7: a percent beside it.
    """
    seen, *_ = objectives(monkeypatch, rank)
    rng = np.random.default_rng(0)
    for objective, start, found in seen:
        around = rng.standard_normal((8, len(start)))
        for x in (*found + 0.01 * around[:4], *0.1 * around[4:]):
            numerical = approx_fprime(x, lambda x, f=objective: f(x)[0], 1e-7)
            gradient = objective(x)[1]
            size = max(np.abs(gradient).max(), 10)
            np.testing.assert_allclose(gradient, numerical, atol=1e-3 * size)


@pytest.mark.parametrize("rank", PLANTED)
def test_objective_is_the_documented_cost(rank, monkeypatch):
    """Closed form: squared move in units of ICA's error over two, and squared log of the excess.

    Excess over the limits, in the noise, of the mixing that the round started from.
    """
    seen, spectra, mixed, _ = objectives(monkeypatch, rank)
    objective = seen[0][0]
    start = Mixture(spectra, mixed)
    shape_sd, map_sd = start.noise(np.eye(rank))
    limits = [
        negativity(start.shapes / shape_sd)[1],
        negativity((start.maps / map_sd).T)[1],
    ]
    rng = np.random.default_rng(0)
    for x in 0.1 * rng.standard_normal((5, rank * (rank - 1))):
        mixing = np.eye(rank)
        mixing[~np.eye(rank, dtype=bool)] = x
        below = [
            negativity(mixing @ start.shapes / shape_sd)[0],
            negativity((start.maps @ np.linalg.inv(mixing) / map_sd).T)[0],
        ]
        truth = np.sum(x**2) / (2 * ICA_ERROR**2)
        for b, limit in zip(below, limits, strict=True):
            truth += np.sum(np.log(np.maximum(b / limit, 1)) ** 2)
        assert objective(x)[0] == pytest.approx(truth, rel=1e-10)


@pytest.mark.parametrize("rank", PLANTED)
def test_no_small_step_lowers_the_cost(rank, monkeypatch):
    """Truth: 200 steps in any direction from each round's answer; to the minimiser's tolerance."""
    seen, *_ = objectives(monkeypatch, rank)
    rng = np.random.default_rng(0)
    for objective, start, found in seen:
        best = objective(found)[0]
        assert best < objective(start)[0] + 1e-9
        for size in (1e-4, 1e-3, 1e-2):
            for step in rng.standard_normal((70, len(found))):
                assert objective(found + size * step)[0] > best - 1e-4


@pytest.mark.parametrize("rank", PLANTED)
def test_rounds_have_settled(rank, monkeypatch):
    """Truth: five more rounds, each in the noise of the one before, move by less than ICA's error.

    A tenth of it, 0.6 degrees.
    """
    spectra, true, _ = problem(rank)
    known = refine(spectra, PLANTED[rank] @ true)
    monkeypatch.setattr(module, "NOISE_ROUNDS", 7)
    found = refine(spectra, PLANTED[rank] @ true)
    assert white_angles(found.unmixing, known.unmixing, spectra).max() < 0.6


def test_input_is_not_modified():
    spectra, true, _ = problem(2)
    mixed = PLANTED[2] @ true
    for values in (spectra.scores, spectra.components, spectra.weights, mixed):
        values.flags.writeable = False
    refine(spectra, mixed)


@pytest.mark.parametrize(("goes", "starts"), [(0.5, 5), (1.0, 2)])
def test_begun_again_while_it_gains(goes, starts, monkeypatch):
    """Closed form: a solver that goes part of the way to the minimum, five times at most."""
    asked = []

    def partly(objective, x, **_):
        asked.append(x)
        found = x * (1 - goes)
        return type("Found", (), {"x": found, "fun": objective(found)[0]})

    monkeypatch.setattr(module, "minimize", partly)
    found = module._minimise(lambda x: (float(x @ x), 2 * x), np.array([8.0, -4.0]))
    np.testing.assert_allclose(found, np.array([8.0, -4.0]) * (1 - goes) ** starts)
    assert len(asked) == starts


def test_noise_of_maps_has_the_model_error():
    """Closed form: a turn of scores turns the covariance of their errors, both parts of it."""
    low_rank = compressed(np.eye(2, M) + 0.1, np.eye(2)[np.arange(N) % 2], np.ones(M), np.ones(N))
    known = replace(
        low_rank,
        noise=np.array([[2.0, 0.5], [0.5, 1.0]]),
        model_error=np.array([[3.0, -1.0], [-1.0, 4.0]]),
        weights=np.linspace(1, 4, N),
    )
    mixture, mixing = Mixture(known, np.array([[1.0, 0.3], [-0.2, 1.0]])), np.eye(2) + 0.1
    turn = np.linalg.inv(mixing @ mixture.unmixing)
    truth = np.sqrt(np.diag(turn.T @ (known.noise + known.model_error) @ turn))
    truth = truth / np.sqrt(known.weights)[:, None]
    np.testing.assert_allclose(mixture.noise(mixing)[1], truth, rtol=1e-9)


def test_noise_of_maps_is_that_of_counts_and_of_the_model():
    """Closed form: covariances of the scores, turned into that of the maps."""
    rng = np.random.default_rng(11)
    roots = rng.standard_normal((2, 2, 2))
    noise, wrong = (root @ root.T for root in roots)
    spectra = compressed(rng.random((2, M)), rng.random((50, 2)), np.ones(M), np.full(50, 4.0))
    spectra = replace(spectra, noise=noise, model_error=wrong)
    unmixing = np.array([[1.0, 0.3], [-0.2, 1.0]])
    mixture = Mixture(spectra, unmixing)
    back = np.linalg.inv(mixture.unmixing)
    expected = np.sqrt(np.diag(back.T @ (noise + wrong) @ back)) / 2
    np.testing.assert_allclose(mixture.noise(np.eye(2))[1], np.tile(expected, (50, 1)))
