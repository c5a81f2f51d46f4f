"""Windows beside bumps that are no edges; truth: phantoms with a power law and a known onset."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.corrections.background_window import (
    channels_to_sum,
    scatters_about_zero,
    sums_of,
    window_before_onsets,
    window_from_data,
)
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.corrections.power_law import power_law, relative_forecast_error

ONSET, PIXELS = 460.0, 100
# of the axis: eV a channel, channels and the first energy, few of them round
AXES = [(0.025, 2048, 435.37), (0.05, 2048, 400.1), (0.1, 1024, 412.3), (0.5, 512, 350.5)]


def ghost_scene(axis, at, height, counts=1e4, read=0.0, white=2.0, seed=0):
    """Energies, mean spectrum, its error, and the background alone.

    A ghost of 1 eV on a power law, before an edge of two white lines and a step of a half.
    """
    scale, n, first = axis
    energies = first + scale * np.arange(n)
    background = counts * (energies / ONSET) ** -3.0
    beyond = energies >= ONSET
    edge = 0.5 * beyond * (np.maximum(energies, ONSET) / ONSET) ** -2.5
    for line in (ONSET + 2, ONSET + 6):
        edge = edge + white * beyond * np.exp(-((energies - line) ** 2))
    ghost = height * np.exp(-(((energies - at) / max(0.6, scale)) ** 2)) if at else 0.0
    expected = background + counts * (edge + ghost)
    error = np.sqrt((expected + read**2) / PIXELS)
    mean = np.random.default_rng(seed).normal(expected, error)
    return energies, mean, error, background


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("height", [0.3, 1.0])
@pytest.mark.parametrize(("counts", "read"), [(300.0, 0.0), (1e4, 0.0), (300.0, 100.0)])
def test_windows_lie_beside_ghosts(axis, share, height, counts, read):
    """The window ends before the onset, holds no ghost, and its law continues the true one.

    At 5 % beyond the onset: within four of the law's own errors, and 2 % for what a tail of the
    ghost below the noise does.
    """
    at = axis[2] + share * (ONSET - axis[2])
    if read and height < 1:
        pytest.skip("a ghost that the noise hides")
    energies, mean, error, _ = ghost_scene(axis, at, height, counts, read)
    window = window_from_data(energies, mean, error)
    assert window.found
    inside = energies[window.start : window.stop]
    assert inside[-1] < ONSET
    assert not inside[0] < at < inside[-1]
    law = power_law(inside, mean[window.start : window.stop])
    beyond = 1.05 * ONSET
    truth = counts * 1.05**-3.0
    known_to = relative_forecast_error(inside, mean[window.start : window.stop], law, beyond)
    assert law(np.array([beyond]))[0] / truth == pytest.approx(1, abs=0.02 + 4 * known_to)


@pytest.mark.parametrize("at", [439.6, 441.0, 450.0])
def test_a_bump_beside_the_window_is_named(at):
    """Truth: where it is, to a channel of half an eV."""
    energies, mean, error, _ = ghost_scene(AXES[0], at, 1.0)
    window = window_from_data(energies, mean, error)
    assert window.bump == pytest.approx(at, abs=0.5)
    assert "first" not in window.reason
    assert window_from_data(*ghost_scene(AXES[0], None, 0)[:3]).bump is None


def test_a_bump_before_an_edge_that_is_known():
    """It leaves no room behind it: the window ends before both; else it lies between them."""
    for at, is_behind in ((449.0, False), (437.0, True)):
        energies, mean, _, _ = ghost_scene(AXES[0], at, 1.0)
        window = window_before_onsets(energies, mean, {"Ti-L3": 456.0})
        assert window.found
        assert window.bump == pytest.approx(at, abs=0.5)
        assert (energies[window.start] > at) == is_behind
        assert energies[window.stop - 1] < (456.0 if is_behind else at)


@pytest.mark.parametrize("jump", [0.1, 0.5])
@pytest.mark.parametrize("white", [0.0, 1.0])
def test_a_smaller_edge_before_a_larger_one_is_none(jump, white):
    """Behind an edge the spectrum stays above: the window is before the first of the two."""
    energies = 300.0 + np.arange(400)
    mean = (energies / 450) ** -3.0
    lines = white * np.exp(-(((energies - 503) / 2) ** 2))
    mean = mean + (jump + lines) * (energies >= 500) * (energies / 500) ** -3.0
    mean = mean + 5 * (energies >= 620)
    window = window_from_data(energies, mean, np.zeros(400))
    assert 480 < energies[window.stop - 1] < 500
    assert window.bump is None


def test_channels_are_summed_where_they_are_fine_or_noisy():
    """By hand: eight sums make half a percent of the first energy; a sum has five of its errors."""
    for scale, factor in ((0.025, 11), (0.28, 1), (1.0, 1)):
        energies = 440.0 + scale * np.arange(2048)
        assert channels_to_sum(energies, (energies / 440) ** -3.0) == factor
    noisy = np.random.default_rng(0).normal(1.0, 0.5, 2048)
    # 5 * 0.5 squared; steps are larger than their values' errors by the square root of two
    assert 6 <= channels_to_sum(1e3 + np.arange(2048.0), noisy) <= 14
    np.testing.assert_array_equal(sums_of(np.arange(7.0), 3), [1, 4])


def test_what_scatters_about_zero():
    """Truth: noise before an edge; a weak background of five of its errors a channel."""
    rng = np.random.default_rng(0)
    error = np.ones(400)
    edge = 200.0 * (np.arange(400) >= 200)
    none, window = Window(0, 0, ""), Window(100, 180, "")
    for level, is_zero in ((0.0, True), (-1.0, True), (5.0, False)):
        mean = level + edge + rng.normal(0, 1, 400)
        assert scatters_about_zero(mean, error, none) == is_zero
        assert scatters_about_zero(mean, error, window) == is_zero
    # a hundredth of what is behind is nothing, however well it is known
    assert scatters_about_zero(1.0 + edge, 1e-3 * error, window)
    for n in (1, 2, 5):
        assert scatters_about_zero(np.zeros(n), np.ones(n), none)
