"""Rules for the window of a background, just within and just beyond each of their limits."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.corrections.background_window import (
    LEAST_WINDOW_CHANNELS,
    _forecast_error,
    nothing_before,
    power_law,
    window_before_onsets,
    window_from_data,
)
from hyperspy_unmix.numerics.corrections.falling_window import Window, _falls, longest_falling
from hyperspy_unmix.numerics.corrections.rise_before import rises_before

ENERGIES = 300.0 + np.arange(400)
LAW = (ENERGIES / 450) ** -3.0
WHOLE = Window(100, 180, "")


def test_channels_are_those_of_all_windows():
    """Truth: their union; another beginning of the axis moves all of them."""
    window = Window(5, 9, "given", others=((7, 12), (20, 22)))
    assert window.channels.tolist() == [5, 6, 7, 8, 9, 10, 11, 20, 21]
    moved = window.moved(3)
    assert (moved.start, moved.stop, moved.others) == (2, 6, ((4, 9), (17, 19)))
    assert window.found
    assert Window(4, 5, "").found
    assert not Window(4, 4, "").found


@pytest.mark.parametrize(
    ("exponent", "falls"), [(0.45, False), (0.55, True), (7.9, True), (8.1, False), (-3, False)]
)
def test_exponents_of_backgrounds(exponent, falls):
    """Definition: between 0.5 and 8."""
    assert _falls(ENERGIES, (ENERGIES / 450) ** -exponent, WHOLE) == falls


def test_only_positive_energies_and_counts_fall():
    """Definition: neither has a logarithm otherwise."""
    assert _falls(ENERGIES, LAW, WHOLE)
    # in keV, and in other units of the counts
    assert _falls(ENERGIES / 1000, 1e-6 * LAW, WHOLE)
    dark = LAW.copy()
    dark[130] = 0
    assert not _falls(ENERGIES, dark, WHOLE)
    shifted = ENERGIES - ENERGIES[100]
    assert not _falls(shifted, np.maximum(LAW, 1e-9), WHOLE)
    assert _falls(ENERGIES, np.where(np.arange(400) == 99, -1, LAW), WHOLE)
    assert _falls(ENERGIES, np.where(np.arange(400) == 180, -1, LAW), WHOLE)


@pytest.mark.parametrize(("bent", "falls"), [(0.018, True), (0.028, False), (-0.028, False)])
def test_what_is_bent_is_no_power_law(bent, falls):
    """Definition: by 1.5 % in a quarter of the window; a wave's mean there is 2 / pi.

    The fit, which follows the brighter end, may take a fifth of it.
    """
    wave = 1 + bent * np.cos(2 * np.pi * (np.arange(400) - 100) / 80)
    assert _falls(ENERGIES, LAW * wave, WHOLE) == falls


def test_noise_is_not_bent():
    """Monte Carlo: quarters of noise alone pass by three of their errors, in all but one of 100."""
    rng = np.random.default_rng(0)
    noisy = [LAW * (1 + 0.1 * rng.standard_normal(400)) for _ in range(100)]
    assert sum(_falls(ENERGIES, mean, WHOLE) for mean in noisy) >= 95
    # a bend that such noise would hide, without it
    wave = 1 + 0.05 * np.cos(2 * np.pi * (np.arange(400) - 100) / 80)
    assert not _falls(ENERGIES, LAW * wave, WHOLE)
    assert np.mean([_falls(ENERGIES, mean * wave, WHOLE) for mean in noisy]) > 0.5


@pytest.mark.parametrize("stop", [60, 200, 399, 400])
def test_longest_window_is_15_percent_of_the_energy(stop):
    """Definition: from 85 % of the energy at which it ends."""
    found = longest_falling(ENERGIES, LAW, stop)
    end = ENERGIES[min(stop, 399)]
    assert (found.start, found.stop) == (int(np.sum(0.85 * end > ENERGIES)), stop)


def test_shorter_windows_begin_a_fifth_later():
    """By hand: an edge is inside the longest window; a fifth less, until it is before all of it."""
    mean = LAW * (1 + (np.arange(400) >= 150))
    start = int(np.sum(0.85 * ENERGIES[200] > ENERGIES))
    while start < 150:
        start += max(1, (200 - start) // 5)
    assert longest_falling(ENERGIES, mean, 200).start == start


def test_windows_have_eight_channels_at_least():
    """Definition, on axes that leave room for eight, and for seven."""
    assert LEAST_WINDOW_CHANNELS == 8
    for first, found in ((192, True), (193, False)):
        energies = ENERGIES[first:]
        assert longest_falling(energies, LAW[first:], 200 - first).found == found
    assert not longest_falling(ENERGIES, LAW, 0).found


@pytest.mark.parametrize(("share", "nothing"), [(0.009, True), (0.011, False)])
@pytest.mark.parametrize("stop", [8, 40])
def test_next_to_no_counts_before(stop, share, nothing):
    """Definition: the mean of eight channels, and a hundredth of the highest counts behind."""
    mean = np.full(100, 10.0)
    mean[:stop] = 5000
    mean[stop - 8 : stop] = share * 2000 * np.array([0.5, 1.5] * 4)
    mean[stop + 7] = 2000
    assert nothing_before(mean, stop) == nothing
    assert not nothing_before(mean, 7)


@pytest.mark.parametrize(
    ("at", "share", "rises"),
    # 10 % just before the window, at three quarters of its energy 40 % of an octave more: 27 %
    [(90, 0.88, True), (90, 0.92, False), (0, 0.70, True), (0, 0.76, False)],
)
def test_an_edge_before_the_window(at, share, rises):
    """Definition: the mean of two channels is so far below the law continued."""
    law = power_law(ENERGIES[100:160], LAW[100:160])
    mean = np.where((np.arange(400) >= at) & (np.arange(400) < at + 10), share * LAW, LAW)
    assert rises_before(ENERGIES, mean, (100, 160), law, 2) == rises
    assert not rises_before(ENERGIES, np.where(np.arange(400) == 100, 0, LAW), (100, 160), law, 2)


def test_dark_channels_at_the_start():
    """Truth: an edge at 532 eV; a detector whose first 12 eV are up to a third too dark."""
    energies = 440 + 0.3 * np.arange(2048)
    dark = 1 - 0.34 * np.clip(1 - (energies - 440) / 12, 0, 1)
    mean = dark * ((energies / 440) ** -2.7 + 0.5 * (energies >= 532) * (energies / 532) ** -2.5)
    error = 1e-3 * mean
    window = window_from_data(energies, np.random.default_rng(0).normal(mean, error), error)
    assert window.found
    assert 500 < energies[window.stop - 1] < 532


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
@pytest.mark.parametrize(("jump", "white"), [(0.3, 0.0), (1.0, 0.0), (1.0, 2.0)])
def test_no_window_behind_the_only_edge(scale, jump, white):
    """Truth: an edge seven channels from the start of the axis; what falls behind it is its own."""
    rng = np.random.default_rng(0)
    energies = 700 + scale * np.arange(300)
    onset = energies[7]
    beyond = energies >= onset
    mean = (energies / onset) ** -3.0
    mean = mean + jump * beyond * (np.maximum(energies, onset) / onset) ** -2.5
    mean = mean + jump * white * beyond * np.exp(-(((energies - onset - 2) / (2 + scale)) ** 2))
    mean = mean + jump * white * beyond * np.exp(-(((energies - onset - 12) / (3 + scale)) ** 2))
    error = np.sqrt(mean * 1e3 / 1e3) / 1e3
    window = window_from_data(energies, rng.normal(mean, error), error)
    assert not window.found


def test_error_of_a_law_continued():
    """Closed form: a straight line through n points, a quarter of them beyond its end.

    sigma^2 / n (1 + 12 (3 / 4)^2) = 7.75 sigma^2 / n, which is taken for 8.
    """
    error = np.where(np.arange(400) < 180, 3.0, 100.0)
    n = 80
    x = (np.arange(n) - (n - 1) / 2) / n
    forecast = 9 * (1 / n + 0.75**2 / np.sum(x**2))
    assert _forecast_error(WHOLE, error) == pytest.approx(9 * 8 / n, rel=1e-12)
    assert _forecast_error(WHOLE, error) == pytest.approx(forecast, rel=0.05)


def edge_at(onset, jump):
    return LAW * (1 + jump * (onset <= ENERGIES))


@pytest.mark.parametrize(("jump", "found"), [(0.02, False), (0.045, True)])
def test_rises_of_three_percent_count(jump, found):
    """Definition: three percent of what the law says, without noise."""
    window = window_from_data(ENERGIES, edge_at(500.0, jump), np.zeros(400))
    assert window.found == found
    if found:
        assert 490 < ENERGIES[window.stop - 1] < 500


@pytest.mark.parametrize(("error", "found"), [(0.032, True), (0.044, False)])
def test_rises_of_five_errors_count(error, found):
    """Closed form: six channels ahead and the law of 75 behind: 0.52 of a channel's error.

    The rise of a tenth is five times that for an error of 0.038.
    """
    window = window_from_data(ENERGIES, edge_at(500.0, 0.1), error * LAW)
    assert window.found == found


def test_onsets_leave_one_percent_and_two_channels():
    """The rule, by hand, where one and where the other is the larger."""
    found = window_before_onsets(ENERGIES, edge_at(500.0, 0.5), {"Ti": 500.0})
    assert found.stop == 495 - 300
    coarse = 300.0 + 10 * np.arange(60)
    law = (coarse / 450) ** -3.0
    found = window_before_onsets(coarse, law, {"Fe": 800.0})
    assert found.stop == 50 - 2
    assert found.reason == "before Fe at 800"


def test_onsets_at_the_ends_of_the_axis_are_not_on_it():
    """Definition: an edge is between the first energy and the last."""
    for onset in (300.0, 699.0):
        found = window_before_onsets(ENERGIES, LAW, {"X": onset})
        assert not found.found
        assert "elements given" in found.reason
    assert window_before_onsets(ENERGIES, LAW, {"X": 698.9}).found
