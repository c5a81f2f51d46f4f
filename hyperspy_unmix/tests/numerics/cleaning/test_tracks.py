"""Tracks of several channels, planted at known places; lines of single pixels, which stay."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.cleaning.local_noise import LocalNoise, local_noise
from hyperspy_unmix.numerics.cleaning.spikes import find_spikes
from hyperspy_unmix.numerics.cleaning.tracks import LONGEST_TRACK, find_tracks
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.preparation.test_spikes import CLEAN, particles_of_a_pixel

SCAN, N = (16, 16), 600
GAIN, READ_VARIANCE = 0.25, 4.0


def two_bands(seed):
    """A camera's map of two broad bands that overlap: data, and the variance of its noise."""
    rng = np.random.default_rng(seed)
    wavelength = 470 + 0.45 * np.arange(N)
    first, second = np.exp(-(((wavelength - [[650], [590]]) / [[40], [25]]) ** 2))
    share = np.linspace(0, 1, SCAN[1])[:, None] * np.ones((*SCAN, 1))
    mean = 60 * (share * first + (1 - share) * second) + 20
    data = GAIN * rng.poisson(mean / GAIN) + rng.normal(0, np.sqrt(READ_VARIANCE), mean.shape)
    return data, GAIN * mean + READ_VARIANCE


def with_tracks(seed, heights, number=12):
    """Tracks of 4 to 10 channels: data, values before, truth [set of (pixel, channel)]."""
    rng = np.random.default_rng(1000 + seed)
    clean, variance = two_bands(seed)
    data = clean.copy()
    truth = []
    for pixel in rng.choice(SCAN[0] * SCAN[1], number, replace=False):
        length = rng.integers(4, 11)
        run = rng.integers(0, N - length) + np.arange(length)
        place = divmod(pixel, SCAN[1])
        height = rng.uniform(*heights) * np.sqrt(variance[place][run].max())
        data[place][run] += height * rng.uniform(0.5, 1, length)
        truth.append({(pixel, channel) for channel in run})
    return data.astype("f4"), clean, truth


def found_in(data):
    """Spikes, tracks and their lengths."""
    blocks = row_blocks(data)
    summary = summarise(blocks)
    noise = local_noise(summary.sample, summary.integers)
    spikes = find_spikes(blocks, summary, noise)
    return spikes, *find_tracks(replace(blocks, spikes=spikes), summary, noise)


def places(values):
    return set(zip(values.pixels.tolist(), values.channels.tolist(), strict=True))


@pytest.mark.parametrize(
    ("heights", "least_found"),
    [((5, 10), 0), ((10, 20), 0), ((20, 30), 0.5), ((30, 50), 0.85), ((50, 100), 0.97)],
)
def test_tracks_are_found_and_nothing_else(heights, least_found):
    """Truth: where they were planted. Shape tells little of one whose ends are lost in noise."""
    n_found = n_planted = 0
    for seed in range(8):
        data, clean, truth = with_tracks(seed, heights)
        spikes, tracks, lengths = found_in(data)
        found = places(tracks) | places(spikes)
        n_found += sum(len(track & found) > 0.8 * len(track) for track in truth)
        n_planted += len(truth)
        # Beside a track, three standard deviations are taken for its end.
        wrong = found - set().union(*truth)
        assert len(wrong) <= 2
        assert len(places(tracks)) == lengths.sum()
        if len(tracks):
            before = clean.reshape(-1, N)[tracks.pixels, tracks.channels]
            # Read noise and counts give 3 to 5; the line through eight values about as much.
            assert np.abs(tracks.values - before).mean() < 8
    assert n_found >= least_found * n_planted


def test_no_false_alarm_in_bands():
    """40 maps of 154 000 values without a track: none is found, fewer than one in 6 million."""
    for seed in range(40):
        spikes, tracks, _ = found_in(two_bands(seed)[0].astype("f4"))
        assert len(spikes) == len(tracks) == 0


@pytest.mark.parametrize("make", CLEAN.values(), ids=CLEAN)
def test_no_false_alarm(make):
    _, tracks, _ = found_in(make())
    assert len(tracks) == 0


@pytest.mark.parametrize("n_lines", [1, 2, 4])
@pytest.mark.parametrize("width", [2.5, 3, 4, 6, 10])
def test_lines_of_single_pixels_stay(width, n_lines):
    """Four pixels with a spectrum of their own in each map, at random energies and heights."""
    channel = np.arange(N)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        data, _ = two_bands(seed)
        for pixel in rng.choice(SCAN[0] * SCAN[1], 4, replace=False):
            centres = rng.uniform(10, N - 10, (n_lines, 1))
            lines = np.exp(-4 * np.log(2) * ((channel - centres) / width) ** 2)
            rate = 10 ** rng.uniform(2, 3.7) * rng.uniform(0.3, 1, n_lines) @ lines
            data[divmod(pixel, SCAN[1])] += GAIN * rng.poisson(rate / GAIN)
        _, tracks, _ = found_in(data.astype("f4"))
        assert len(tracks) == 0


@pytest.mark.parametrize("width", [2.5, 4.0, 7.0])
def test_particles_of_a_pixel_stay(width):
    _, tracks, _ = found_in(particles_of_a_pixel(width))
    assert len(tracks) == 0


M, LEVEL = 200, 1000.0
NOISE = LocalNoise(np.full(M, LEVEL), np.full(M, LEVEL), 1.0)
CHANCE = float(NOISE.threshold(np.array([LEVEL]))[0])
ROUGH = np.array([0.6, 1, 0.5, 0.9, 0.6, 1, 0.7, 0.8, 0.5, 0.9, 0.6, 0.8, 1, 0.5, 0.9, 0.7])


def flat():
    return np.full((12, 12, M), LEVEL)


def channels_of(data):
    """Channels of the tracks, on spectra without noise."""
    blocks = row_blocks(data)
    tracks, _ = find_tracks(blocks, summarise(blocks), NOISE)
    return tracks.channels.tolist()


@pytest.mark.parametrize("first", [0, 1, 80, -1])
@pytest.mark.parametrize("length", [4, 7, 12, LONGEST_TRACK, LONGEST_TRACK + 1])
def test_length_and_place(length, first):
    """Definition: up to 14 channels, wherever on the axis."""
    first = first % (M - length + 1)
    data = flat()
    data[6, 6, first : first + length] += 20 * CHANCE * ROUGH[:length]
    run = list(range(first, first + length))
    assert channels_of(data) == (run if length <= LONGEST_TRACK else [])


@pytest.mark.parametrize("moved", [(0, 1), (0, -2), (2, 0), (-1, 0)])
def test_what_pixels_beside_share_is_no_track(moved):
    """Definition: a twentieth of it, in any pixel up to two away along an axis of the scan."""
    for share, found in ((0.03, True), (0.07, False), (0.5, False)):
        data = flat()
        track = 50 * CHANCE * ROUGH[:6]
        data[6, 6, 80:86] += track
        data[6 + moved[0], 6 + moved[1], 80:86] += share * track
        assert (channels_of(data) == list(range(80, 86))) == found


def test_many_at_one_energy_or_in_one_pixel_are_no_tracks():
    """A line's shape may be unusual: what comes together is real. Two may be by chance."""
    for number in (2, 6):
        line, pixel = flat(), flat()
        for k in range(number):
            line[5 * (k // 3) + 1, 4 * (k % 3) + 1, 80:86] += 20 * CHANCE * ROUGH[:6]
            pixel[6, 6, 20 + 28 * k : 26 + 28 * k] += 20 * CHANCE * ROUGH[:6]
        for data in (line, pixel):
            assert len(channels_of(data)) == (6 * number if number == 2 else 0)


def test_a_spike_on_a_line_of_one_pixel_leaves_the_line():
    """Truth: the line, once the spike is replaced."""
    channel = np.arange(N)
    data = two_bands(0)[0]
    data[7, 7] += 400 * np.exp(-(((channel - 300) / 4) ** 2))
    data[7, 7, 302] += 9000
    spikes, tracks, _ = found_in(data.astype("f4"))
    assert (7 * 16 + 7, 302) in places(spikes)
    assert len(tracks) == 0


def test_a_track_of_which_parts_passed_for_spikes_is_found():
    """Truth: all its channels; the ends are as high as spikes, and were replaced as such."""
    data, clean = two_bands(0)[0], two_bands(0)[0]
    data[8, 7, 340:351] += [950, 520, 310, 300, 410, 340, 300, 90, 80, 600, 710]
    spikes, tracks, _ = found_in(data.astype("f4"))
    merged = spikes.followed_by(tracks)
    assert set(range(340, 351)) == set(merged.channels.tolist())
    assert np.abs(merged.values - clean[8, 7, merged.channels]).max() < 30
    recorded = data[8, 7, merged.channels]
    np.testing.assert_allclose(merged.values - merged.change, recorded, rtol=1e-5)


def test_eager_and_lazy_find_the_same():
    data, _, _ = with_tracks(3, (50, 100))
    _, eager, lengths = found_in(data)
    _, lazy, lazy_lengths = found_in(da.from_array(data, chunks=(5, 7, 170)))
    assert lengths.tolist() == lazy_lengths.tolist()
    assert len(eager) > 30
    for name in ("pixels", "channels", "values", "change"):
        np.testing.assert_array_equal(getattr(eager, name), getattr(lazy, name))


def test_later_values_take_the_place_of_earlier():
    """Truth: by hand; the change is that of both."""
    earlier = Spikes(*np.array([[0, 0, 3], [4, 5, 1], [10, 11, 12], [-1, -2, -3]]), np.ones(3))
    later = Spikes(*np.array([[0, 2], [5, 9], [7, 8], [-4, -5]]), np.full(2, 2.0))
    both = earlier.followed_by(later)
    assert both.pixels.tolist() == [0, 0, 2, 3]
    assert both.channels.tolist() == [4, 5, 9, 1]
    assert both.values.tolist() == [10, 7, 8, 12]
    assert both.change.tolist() == [-1, -6, -5, -3]
    assert both.variances.tolist() == [1, 2, 2, 1]
    nothing = Spikes(*np.zeros((4, 0), int))
    assert earlier.followed_by(nothing) is earlier
