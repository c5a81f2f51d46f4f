"""Phases in scores whose noise and spectra are known: pure, mixed, in ranges, in particles."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.segmentation.find import neighbours
from hyperspy_unmix.numerics.segmentation.labels import MIXED, UNDECIDED, segmented
from hyperspy_unmix.numerics.segmentation.population import population, share_on_line
from hyperspy_unmix.numerics.segmentation.scattered import Scattered, thinned

SIZE = 32
FALSE_ALARM = 0.01
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))


def scene(shares, signal, seed, k=3):
    """Scores of mixtures of three spectra, of unit noise that falls with the intensity."""
    generator = np.random.default_rng(seed)
    ends = np.ones((3, k)) + 2 * np.eye(3, k)
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    intensity = np.exp(0.3 * generator.standard_normal(len(shares)))
    noise = generator.standard_normal((len(shares), k)) * np.sqrt(intensity)[:, None]
    scores = signal * intensity[:, None] * (shares @ ends) + noise
    return Scattered(scores, 1 / intensity, lambda rows: np.eye(k))


def found(shares, signal, seed=0, k=3, scan=(SIZE, SIZE)):
    pixels = scene(shares, signal, seed, k)
    return segmented(pixels, np.arange(len(shares)), scan, FALSE_ALARM, seed)


def between(share):
    """Shares of the three spectra, of the second so much, of the third none."""
    return np.stack([1 - share, share, 0 * share], 1)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("signal", [8.0, 40.0])
def test_one_phase_of_any_thickness_is_one(k, signal):
    for seed in range(3):
        result = found(between(np.zeros(SIZE**2)), signal, seed, k)
        assert len(result.means) == 1
        assert np.mean(result.labels == 0) > 0.98
    assert result.populations[0].is_phase


def test_pure_pixels_are_told_and_mixtures_are_none():
    share = np.clip((X - 11) / 8, 0, 1)
    result = found(between(share), 40.0)
    assert len(result.means) == 2
    pure, middle = (share == 0) | (share == 1), np.abs(share - 0.5) < 0.2
    order = np.argsort([np.mean(share[result.labels == i]) for i in range(2)])
    # 99 % of the noise lie within the limit, more with the help of neighbours.
    assert np.mean(result.labels[pure] == order[share[pure].astype(int)]) > 0.97
    assert np.mean(result.labels[middle] == MIXED) > 0.97


@pytest.mark.parametrize("signal", [30.0, 600.0])
def test_a_gradient_is_not_chopped(signal):
    result = found(between(X / (SIZE - 1)), signal)
    assert len(result.means) <= 2
    assert not any(population.is_phase for population in result.populations) or signal > 500
    # The ends are 0.88 rad apart; each holds 7.5 standard deviations (3 of its mean, and 99.9 % of
    # the noise beyond), and a column of pixels in any case.
    assert np.mean(result.labels == MIXED) > 1 - 2 * (7.5 / (0.88 * signal) + 1 / SIZE)


@pytest.mark.parametrize("k", [3, 8])
def test_a_particle_of_nine_pixels_is_found(k):
    inside = (abs(X - 20) <= 1) & (abs(Y - 8) <= 1)
    result = found(between(inside.astype(float)), 15.0, 0, k)
    assert len(result.means) == 2
    np.testing.assert_array_equal(result.labels == 1, inside)


def test_a_compound_between_two_others_is_a_phase():
    share = np.where(X < 10, 0.0, np.where(X < 20, 0.5, 1.0))
    result = found(between(share), 60.0)
    assert len(result.means) == 3


def test_three_phases_of_few_counts_are_found_in_sums():
    shares = np.eye(3)[np.where(X < 16, np.where(Y < 16, 0, 1), 2)]
    result = found(shares, 5.0)
    assert result.summed > 1
    assert len(result.means) == 3
    truth = shares.argmax(1)
    same = max(
        np.mean(np.array(order)[result.labels] == truth)
        for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    )
    assert same > 0.9


def test_pixels_without_counts_are_undecided():
    shares = between((X >= 16).astype(float))
    shares[Y < 8] = 0
    result = found(shares, 40.0)
    assert len(result.means) == 2
    assert np.mean(result.labels[Y < 8] == UNDECIDED) > 0.9
    assert np.mean(result.labels[Y >= 8] >= 0) > 0.98


def test_the_two_shares_of_the_noise_are_independent():
    pixels = scene(between(X / SIZE), 30.0, 0)
    first, second = thinned(pixels, np.random.default_rng(1))
    root = np.sqrt(pixels.weights)[:, None]
    drawn = [(one.scores - pixels.scores) * root for one in (first, second)]
    np.testing.assert_allclose(drawn[0], -drawn[1])
    # Of the noise's own size, 3 % by chance: added and taken away it leaves no covariance.
    np.testing.assert_allclose(np.mean(drawn[0] ** 2, 0), 1, atol=0.15)
    np.testing.assert_allclose(first.weights, pixels.weights / 2)


@pytest.mark.parametrize("dof", [1, 2, 7])
def test_populations_are_told_from_lines(dof):
    """Truth: pixels at a point, and spread evenly along a line much longer than the noise."""
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((20000, dof))
    at_point = population(np.sum(noise**2, 1), dof)
    noise[:, 0] += generator.uniform(-30, 30, len(noise))
    on_line = population(np.sum(noise**2, 1), dof)
    assert at_point.is_phase and abs(at_point.gathered - 1) < 4 * at_point.error
    assert on_line.is_range and abs(on_line.gathered) < 4 * on_line.error
    assert 0 < share_on_line(dof) < 0.5


def test_neighbours_are_those_of_the_scan():
    places = np.array([0, 1, 3, 4, 5])  # of 2 rows of 3; the third of the first row is missing
    local = neighbours(places, (2, 3))
    assert local.shape == (5, 9)
    assert set(local[0]) == {0, 1, 2, 3}
    assert set(local[4]) == {1, 3, 4}
    assert neighbours(np.arange(4), (4,)).shape == (4, 3)
    assert neighbours(np.arange(4), (1, 4)).shape == (4, 3)
