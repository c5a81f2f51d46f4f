"""Bad channels against the definition, just within and just beyond each of its limits."""

import numpy as np
import pytest
from scipy.special import erf

from hyperspy_unmix.numerics.cleaning.dead_channels import bad_channels
from hyperspy_unmix.numerics.cleaning.local_noise import local_noise
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

M = 60
MANY = 1e6  # counts, of which the noise is a thousandth


def found_in(expected, pixels=400, seed=0):
    """Bad channels of Poisson counts with this mean spectrum (or spectra)."""
    shape = (20, pixels // 20, np.shape(expected)[-1])
    expected = np.broadcast_to(np.reshape(expected, (-1, 1, shape[-1])), shape)
    return of(np.random.default_rng(seed).poisson(expected).astype(float))


def of(data):
    summary = summarise(row_blocks(data))
    return np.flatnonzero(bad_channels(summary, local_noise(summary.sample, True))).tolist()


def spectrum(**at):
    """A flat spectrum with other values, as shares of it, from these channels on."""
    found = np.full(M, MANY)
    for name, values in at.items():
        first = int(name[1:])
        values = np.atleast_1d(values)
        found[first : first + len(values)] = MANY * values
    return found


@pytest.mark.parametrize("at", [2, 30, M - 5])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_fifth_of_the_channels_beside(width, at):
    """Definition: below 20 % of them, from the third channel to the last but two."""
    run = list(range(at, at + width))
    assert found_in(spectrum(**{f"_{at}": [0.19] * width})) == run
    assert found_in(spectrum(**{f"_{at}": [0.21] * width})) == []


def test_the_least_of_the_channels_beside_counts():
    """Definition: both of the two on either side, and the brightest of the run."""
    assert found_in(spectrum(_28=[1.0, 0.8, 0.15, 1.0, 1.0])) == [30]
    assert found_in(spectrum(_28=[1.0, 0.8, 0.17, 1.0, 1.0])) == []
    assert found_in(spectrum(_29=[1.0, 0.1, 0.21, 0.1, 1.0])) == []


@pytest.mark.parametrize("side", [28, 31])
def test_neighbours_on_one_side_that_differ_are_a_flank(side):
    """Definition: a ratio of 1.5 of the two on one side."""
    for ratio, dead in ((1.45, [30]), (1.55, [])):
        for pair in ([1.0, ratio], [ratio, 1.0]):
            expected = spectrum(**{f"_{side}": pair, "_30": 0.0})
            assert found_in(expected) == dead


def test_sides_that_differ_are_an_edge():
    """Definition: a ratio of three of the two sides."""
    for ratio, dead in ((2.9, [30]), (3.1, [])):
        step = np.where(np.arange(M) < 30, 1.0, ratio)
        step[30] = 0
        assert found_in(MANY * step) == dead
        assert [M - 1 - k for k in found_in(MANY * step[::-1])] == dead


def test_all_that_can_tell_must_show_it():
    """Definition: a part of the pixels where the channel counts is enough to call it alive.

    Where there are next to no counts nothing can be told, and the others decide.
    """
    dead = spectrum(_30=0.0)
    expected = np.repeat(dead[None], 20, 0)
    expected[:8] = 0.01
    assert found_in(expected) == [30]
    expected[:8] = MANY
    assert found_in(expected) == []


def test_hot_is_twice_what_is_expected_where_it_is_seen_to_be_alone():
    """Definition: an excess as large as what a parabola through three channels beside expects."""
    for height, hot in ((2.1, [30]), (1.9, [])):
        assert found_in(spectrum(_30=height)) == hot
        assert found_in(spectrum(_30=[height] * 3)) == (hot and [30, 31, 32])
    assert found_in(spectrum(_30=[3.0] * 4)) == []
    assert found_in(spectrum(_30=[3.0, 4.2])) == [30, 31]
    assert found_in(spectrum(_30=[3.0, 4.5])) == []


def test_hot_is_five_times_the_channels_beside_where_the_spectrum_is_not_smooth():
    """Definition: over the higher of the two next but one; a line in reach has any shape."""
    rough = {"_26": 2.0, "_34": 2.0}
    for height, hot in ((6.1, [30]), (5.9, [])):
        assert found_in(spectrum(_30=height, **rough)) == hot
    assert found_in(spectrum(_28=[1.0, 1.0, 9.0, 1.0, 1.4], **rough)) == [30]
    assert found_in(spectrum(_28=[1.0, 1.0, 9.0, 1.0, 1.6], **rough)) == []
    assert found_in(spectrum(_28=[1.6, 1.0, 9.0, 1.0, 1.0], **rough)) == []


def test_hot_channels_do_not_vary_with_the_specimen():
    """Truth: hot channels get the same everywhere, a line of one channel what the specimen has."""
    thickness = np.linspace(0.3, 1.7, 20)[:, None]
    line = np.zeros(M)
    line[30] = 10.0
    hot = spectrum() * thickness + MANY * line
    assert found_in(hot) == [30]
    composition = np.where(np.arange(20) % 3 == 0, 1.5, 0.75)[:, None]
    assert found_in(spectrum() + MANY * line * composition) == []


@pytest.mark.parametrize("fwhm", [1.2, 1.5, 2.4])
def test_lines_of_a_channel_or_more_are_not_hot(fwhm):
    """Truth: none is; Gaussians at all places within a channel, the same in all pixels."""
    edges, sd = np.arange(M + 1) - 0.5, fwhm / np.sqrt(8 * np.log(2))
    for centre in np.arange(30, 30.6, 0.1):
        line = np.diff([0.5 * erf((edge - centre) / sd / np.sqrt(2)) for edge in edges])
        for counts, background in ((3.0, 0.02), (300.0, 1.0)):
            expected = counts * line + background
            assert found_in(expected) == []


@pytest.mark.parametrize("side", [29, 31])
def test_a_line_shares_its_counts_with_a_neighbour(side):
    """Definition: a twentieth of the excess, on either side."""
    for share, hot in ((0.04, [30]), (0.06, [])):
        assert found_in(spectrum(**{"_30": 10.0, f"_{side}": 1 + 9 * share})) == hot


def test_a_channel_with_much_of_all_counts_is_a_peak():
    """Definition: a fifth of them, as of a zero-loss peak."""
    others = M - 1
    for share, hot in ((0.19, [30]), (0.21, [])):
        assert found_in(spectrum(_30=others * share / (1 - share))) == hot
    data = np.random.default_rng(5).poisson(spectrum(_30=100.0), (20, 20, M)).astype(float)
    summary = summarise(row_blocks(data))
    noise = local_noise(summary.sample, True)
    nowhere = np.zeros(M, bool)
    assert np.flatnonzero(bad_channels(summary, noise, nowhere)).tolist() == [30]


def test_stuck_channels_are_off_by_a_fifth():
    """Definition: without any scatter, and a fifth off what the channels beside say."""
    for width in (1, 2, 3):
        for level, stuck in ((1.25, True), (0.75, True), (1.15, False), (0.85, False)):
            data = np.random.default_rng(1).poisson(MANY, (20, 20, M)).astype(float)
            data[..., 30 : 30 + width] = np.rint(level * MANY)
            assert of(data) == (list(range(30, 30 + width)) if stuck else [])


def test_stuck_channels_are_off_by_more_than_noise():
    """Closed form: three standard deviations of the pixels' counts, 30 % of 100 counts."""
    for level, stuck in ((140.0, [30]), (122.0, [])):
        data = np.random.default_rng(2).poisson(100.0, (20, 20, M)).astype(float)
        data[..., 30] = level
        assert of(data) == stuck


def test_what_never_scatters_anywhere_is_not_stuck():
    """Truth: the same spectrum in all pixels says nothing about any channel of it."""
    data = np.tile(np.where(np.arange(M) == 30, 130.0, 100.0), (20, 20, 1))
    assert of(data) == []


def test_few_channels_or_pixels_say_nothing():
    """Definition: channels for four runs of three, two pixels, and 16 that show a channel stuck."""
    for pixels, dead in ((2, [30]), (1, [])):
        data = np.random.default_rng(4).poisson(MANY, (1, pixels, M)).astype(float)
        data[..., 30] = 0
        assert of(data) == dead
    assert found_in(spectrum(_5=0.0)[:12]) == [5]
    assert found_in(spectrum(_5=0.0)[:11]) == []
    for pixels, stuck in ((16, [30]), (15, [])):
        data = np.random.default_rng(3).poisson(MANY, (1, pixels, M)).astype(float)
        data[..., 30] = 2 * MANY
        assert of(data) == stuck
