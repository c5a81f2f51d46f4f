"""Rules for spikes, just within and just beyond each limit, on spectra without noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from hyperspy_unmix.numerics.cleaning.local_noise import LocalNoise
from hyperspy_unmix.numerics.cleaning.spikes import find_spikes
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

M = 100
LEVEL = 1000.0
NOISE = LocalNoise(np.full(M, LEVEL), np.full(M, LEVEL), 1.0)
CHANCE = float(NOISE.threshold(np.array([LEVEL]))[0])  # what a single value may be off
SD = np.sqrt(LEVEL)


def flat(shape=(12, 12)):
    return np.full((*shape, M), LEVEL)


def found_in(data, noise=NOISE, variance=None):
    blocks = row_blocks(data, variance)
    return find_spikes(blocks, summarise(blocks), noise)


def places(data, **given):
    """(pixel, channel) of all values that are replaced."""
    spikes = found_in(data, **given)
    return list(zip(spikes.pixels.tolist(), spikes.channels.tolist(), strict=True))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shape", [(12, 12), (150,), (70, 70), (3, 4, 12)])
def test_a_spike_is_beyond_chance(shape, sign):
    """Definition: further than the bound on chance, up or down; in tiles of one or two pixels."""
    for times, found in ((0.98, False), (1.02, True), (3.0, True)):
        data = flat(shape)
        data.reshape(-1, M)[77, 40] += sign * times * CHANCE
        data -= min(data.min(), 0)
        assert places(data) == ([(77, 40)] if found else [])


@pytest.mark.parametrize("moved", [(0, 1), (0, -2), (2, 0), (-1, 0)])
def test_what_pixels_beside_share_is_no_spike(moved):
    """Definition: a quarter of it, in any pixel up to two away along an axis of the scan."""
    for share, found in ((1 / 4.2, True), (1 / 3.8, False)):
        data = flat()
        data[6, 6, 40] += 9 * CHANCE
        # a line of the pixel beside, at the same place or next to it
        data[6 + moved[0], 6 + moved[1], 41] += share * 9 * CHANCE
        assert ((6 * 12 + 6, 40) in places(data)) == found


@pytest.mark.parametrize("moved", [(1, 1), (0, 3), (-3, 0)])
def test_other_pixels_do_not_matter(moved):
    """Definition: neither on the diagonal nor three away; two spikes at one energy are no line."""
    data = flat()
    data[6, 6, 40] += 9 * CHANCE
    data[6 + moved[0], 6 + moved[1], 40] += 9 * CHANCE
    assert sorted(places(data)) == sorted([(78, 40), ((6 + moved[0]) * 12 + 6 + moved[1], 40)])


@pytest.mark.parametrize(
    ("heights", "narrow"),
    [([1, 1, 1], True), ([0.3, 1, 1, 1], True), ([0.6, 1, 1, 1], False), ([1, 1, 1, 1], False)],
)
def test_spikes_are_narrow(heights, narrow):
    """Definition: (sum)^2 / sum of squares is below 3.6: 3, 3.52, 3.86 and 4 channels."""
    data = flat()
    data[6, 6, 40 : 40 + len(heights)] += 9 * CHANCE * np.array(heights)
    assert places(data) == [(78, 40 + k) for k in range(len(heights)) if narrow]


@pytest.mark.parametrize("side", [-1, 1])
def test_the_tail_of_a_spike_ends_at_three_standard_deviations(side):
    """Definition: what is next to it without a gap, up to three channels away."""
    for times, covered in ((2.8, []), (3.2, [1])):
        data = flat()
        data[6, 6, 40] += 9 * CHANCE
        data[6, 6, 40 + side] += times * SD
        assert places(data) == sorted((78, 40 + side * k) for k in (0, *covered))
    data = flat()
    data[6, 6, 40] += 9 * CHANCE
    data[6, 6, [40 + side, 40 + 3 * side]] += 9 * SD
    assert places(data) == sorted([(78, 40), (78, 40 + side)])
    for k in (1, 2, 3):
        data[6, 6, 40 + side * k] = LEVEL + 9 * SD
    assert places(data) == sorted((78, 40 + side * k) for k in range(4))


def test_flanks_are_four_channels_beyond_three():
    """Definition: the median of four, the higher of the two sides; one that is bright is none."""
    for bright, found in ((1, True), (3, False)):
        data = flat()
        data[6, 6, 40] += 3 * CHANCE
        data[6, 6, 44 : 44 + bright] += 20 * CHANCE
        assert ((78, 40) in places(data)) == found
    step = flat()
    step[..., 44:] += 5 * CHANCE
    step[6, 6, 40] += 4 * CHANCE
    assert places(step) == []
    step[6, 6, 40] += 4 * CHANCE
    assert places(step) == [(78, 40)]


@pytest.mark.parametrize("at", [38, 41, 43, 60, 96])
def test_what_is_far_away_in_energy_does_not_matter(at):
    """Definition: seven channels on either side tell; an edge down before them is none of it."""
    data = flat()
    data[..., :30] += 50 * CHANCE
    data[6, 6, at] += 3 * CHANCE
    assert places(data) == [(78, at)]
    assert [(p, M - 1 - k) for p, k in places(data[..., ::-1].copy())] == [(78, at)]


@pytest.mark.parametrize("number", [2, 3, 4, 6])
def test_many_at_one_energy_or_in_one_pixel_are_no_spikes(number):
    """Closed form: more than Poisson chance has once in 10^4, and more than two."""
    line = flat((20, 20))
    for k in range(number):
        line[5 * (k // 3) + 1, 6 * (k % 3) + 1, 40] += 9 * CHANCE
    most = max(poisson.isf(1e-4 / M, 3 * number / M), 2)
    assert len(places(line)) == (number if number <= most else 0)
    pixel = flat((20, 20))
    pixel[7, 7, 8 + 15 * np.arange(number)] += 9 * CHANCE
    most = max(poisson.isf(1e-4 / 400, number / 400), 2)
    assert len(places(pixel)) == (number if number <= most else 0)


def curved():
    return LEVEL + 300 * np.cos(np.arange(M) / 3) + 5 * np.arange(M)


@pytest.mark.parametrize("at", [0, 2, 40, M - 3, M - 1])
@pytest.mark.parametrize("times", [1.0, 2.5])
def test_filled_with_the_shape_of_the_pixels_beside(times, at):
    """Truth: as it was before; a pixel of the same shape, at any height."""
    data = np.tile(curved(), (12, 12, 1))
    data[6, 6] *= times
    clean = data[6, 6].copy()
    data[6, 6, at] += 30 * CHANCE
    spikes = found_in(data)
    assert at in spikes.channels
    np.testing.assert_allclose(spikes.values, clean[spikes.channels], rtol=1e-6)
    recorded = np.float32(data[6, 6, spikes.channels])
    np.testing.assert_allclose(spikes.change, spikes.values - recorded, rtol=1e-6)


def test_filled_with_a_line_of_its_own():
    """Truth: as it was before; a slope that no pixel beside has."""
    data = flat()
    data[6, 6] += 7 * np.arange(M)
    clean = data[6, 6].copy()
    data[6, 6, 40:42] += [30 * CHANCE, 12 * CHANCE]
    spikes = found_in(data)
    assert spikes.channels.tolist() == [40, 41]
    np.testing.assert_allclose(spikes.values, clean[40:42], rtol=1e-6)


def test_two_spikes_in_one_window_do_not_fill_each_other():
    """Truth: as it was before both."""
    data = flat()
    data[6, 6, [40, 45]] += 30 * CHANCE
    spikes = found_in(data)
    assert spikes.channels.tolist() == [40, 45]
    np.testing.assert_allclose(spikes.values, LEVEL, rtol=1e-6)


def test_counts_stay_counts():
    """Definition: whole numbers where there are no others, and none below zero."""
    rng = np.random.default_rng(0)
    data = rng.poisson(2.0, (12, 12, M)).astype(float)
    data[6, 6, 30:50] = np.maximum(20 - 2 * np.arange(20.0), 0)
    data[6, 6, 40] = 5000
    few = LocalNoise(np.full(M, 2.0), np.full(M, 2.0), 1.0)
    spikes = found_in(data, few)
    assert spikes.channels.tolist() == [40]
    assert spikes.values[0] == np.rint(spikes.values[0]) >= 0
    data += 0.25
    assert found_in(data, few).values[0] != np.rint(found_in(data, few).values[0])


def test_variance_is_the_median_of_those_beside():
    """Truth: of the seven channels on either side that are not replaced themselves."""
    data, variance = flat(), np.tile(np.arange(1.0, M + 1), (12, 12, 1))
    data[6, 6, [40, 41]] += [30 * CHANCE, 12 * CHANCE]
    spikes = found_in(data, variance=variance)
    for channel, found in zip(spikes.channels, spikes.variances, strict=True):
        beside = [k + 1 for k in range(channel - 7, channel + 8) if k not in (40, 41)]
        assert found == np.median(beside)


def test_few_pixels_or_channels_say_nothing():
    """Definition: eight pixels, and 28 channels."""
    for shape, channels, found in (((8,), M, 1), ((7,), M, 0), ((40,), 28, 1), ((40,), 27, 0)):
        data = flat(shape)[..., :channels]
        data[3, 14] += 30 * CHANCE
        assert len(places(data, noise=NOISE.select_channels(np.arange(M) < channels))) == found


def test_pixels_that_are_not_finite_are_no_neighbours():
    """Definition: at least one pixel beside has to be known, and the others decide."""
    data = flat()
    data[6, 6, 40] += 9 * CHANCE
    data[6, 5], data[7, 6] = np.nan, np.inf
    assert places(data) == [(78, 40)]
    for k in (-2, -1, 1, 2):
        data[6 + k, 6] = data[6, 6 + k] = np.nan
    assert places(data) == []


def test_parts_of_spikes_against_a_loop():
    """Truth: indexing by pixel."""
    pixels = np.array([0, 5, 5, 9, 41])
    spikes = Spikes(pixels, *np.random.default_rng(1).integers(0, 50, (3, 5)), np.arange(5.0))
    for within in (spikes.select_rows(5, 41), replace(spikes).select_rows(5, 10)):
        chosen = [1, 2, 3]
        assert within.pixels.tolist() == [0, 0, 4]
        for name in ("channels", "values", "change", "variances"):
            assert getattr(within, name).tolist() == getattr(spikes, name)[chosen].tolist()
    among = spikes.select_pixels(np.array([1, 5, 7, 41]))
    assert among.pixels.tolist() == [1, 1, 3]
    assert among.variances.tolist() == [1, 2, 4]
    assert len(among) == 3
    assert replace(spikes, variances=None).select_pixels(np.array([9])).variances is None
    assert len(spikes.select_pixels(np.array([3, 4]))) == 0
