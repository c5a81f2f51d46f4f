"""Gains of channels, against patterns that are drawn; and none where there are lines instead."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.noise.channel_gain import find_channel_gains

CHANNELS, GROUPS, PIXELS = 400, 200, 16


def smooth_spectra(rng):
    """Two edges with structures of 4 channels and more, on a power law."""
    x = np.arange(CHANNELS)
    power_law = 4 * (1 + x / 150) ** -3
    edges = [
        gaussian_filter1d(np.where(x > at, 1.5 * np.exp(-(x - at) / 120), 0), 2)
        + rng.uniform(0.5, 1) * np.exp(-(((x - at - 6) / 4) ** 2))
        for at in (130, 250)
    ]
    return np.array([power_law + edges[0], 0.8 * power_law + edges[1], power_law])


def narrow_lines(rng, fwhm, number=100):
    """Three spectra of lines, in most of the channels."""
    x, sd = np.arange(CHANNELS)[:, None], fwhm / 2.355
    return np.array(
        [
            0.3
            + np.exp(-((x - rng.uniform(0, CHANNELS, number)) ** 2) / (2 * sd**2))
            @ rng.uniform(0.2, 2, number)
            for _ in range(3)
        ]
    )


def common_lines(rng, fwhm):
    """The same lines in all spectra, on baselines of their own."""
    x = np.arange(CHANNELS)
    lines = narrow_lines(rng, fwhm)[0]
    return np.array([lines + 0.3 * (1 + np.sin(x / 40 + phase)) for phase in range(3)])


def groups_of(spectra, rng, gain=1.0, dose=3000.0):
    """Mean spectra of groups of pixels, Poisson, behind gains of the channels."""
    shares = rng.dirichlet(np.full(len(spectra), 0.5), GROUPS) * rng.uniform(0.5, 1, (GROUPS, 1))
    mean = dose * shares @ spectra * gain
    return rng.poisson(mean * PIXELS) / PIXELS


def found_in(groups, channels=None):
    places = np.arange(groups.shape[1]) if channels is None else channels
    return find_channel_gains(groups, np.full(len(groups), PIXELS), groups, (), places)


def fine(gain):
    """What changes within a few channels."""
    return gain - gaussian_filter1d(gain, 1.5)


@pytest.mark.parametrize("size", [0.002, 0.01])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_pattern_is_found(size, seed):
    """Truth: the gains as drawn; of their fine part at most half is left, and no more is added.

    Half is what two sweeps of parabolas leave between their windows; noise is a fifth of the
    smaller pattern.
    """
    rng = np.random.default_rng(seed)
    gain = 1 + size * rng.standard_normal(CHANNELS)
    found = found_in(groups_of(smooth_spectra(rng), rng, gain))
    assert np.std(fine(found.gain / gain)) < 0.5 * np.std(fine(gain))
    assert found.size == pytest.approx(size, rel=0.35)
    assert np.median(found.error) < size


@pytest.mark.parametrize("seed", range(4))
def test_no_pattern_in_smooth_spectra(seed):
    """Definition: a detector whose channels are alike."""
    rng = np.random.default_rng(seed)
    assert found_in(groups_of(smooth_spectra(rng), rng)) is None


@pytest.mark.parametrize("lines", [narrow_lines, common_lines])
@pytest.mark.parametrize("fwhm", [1.2, 1.5, 2.4])
@pytest.mark.parametrize("dose", [10.0, 3000.0])
def test_lines_are_no_pattern(lines, fwhm, dose):
    """Definition: lines of one or two channels all over the axis, alike in all spectra or not."""
    rng = np.random.default_rng(3)
    assert found_in(groups_of(lines(rng, fwhm), rng, dose=dose)) is None


def test_white_lines_beside_a_pattern_stay():
    """Truth: two lines of two channels, as high as what they stand on, in one of the spectra."""
    rng = np.random.default_rng(4)
    spectra, x = smooth_spectra(rng), np.arange(CHANNELS)
    lines = sum(np.exp(-((x - at) ** 2) / (2 * 0.85**2)) for at in (200, 211))
    spectra[0] += lines
    gain = 1 + 0.004 * rng.standard_normal(CHANNELS)
    found = found_in(groups_of(spectra, rng, gain))
    assert np.abs(found.gain[195:217] - 1).max() < 4 * 0.004


def test_one_component_cannot_tell():
    """Definition: with one spectrum nothing says that a pattern is not its own."""
    rng = np.random.default_rng(5)
    gain = 1 + 0.01 * rng.standard_normal(CHANNELS)
    assert found_in(groups_of(smooth_spectra(rng)[:1], rng, gain)) is None


def test_an_offset_of_channels_is_no_gain():
    """Definition: the same counts added to all pixels do not multiply them."""
    rng = np.random.default_rng(6)
    spectra = smooth_spectra(rng)
    shares = rng.dirichlet(np.full(3, 0.5), GROUPS) * rng.uniform(0.1, 1, (GROUPS, 1))
    offset = 40 * (1 + 0.5 * rng.standard_normal(CHANNELS))
    mean = np.maximum(3000 * shares @ spectra + offset, 1)
    assert found_in(rng.poisson(mean * PIXELS) / PIXELS) is None


def test_gaps_and_few_channels():
    """Definition: neighbours are those on the detector; of few channels there is no telling."""
    rng = np.random.default_rng(7)
    gain = 1 + 0.01 * rng.standard_normal(CHANNELS)
    groups = groups_of(smooth_spectra(rng), rng, gain)
    keep = np.delete(np.arange(CHANNELS), np.arange(170, 180))
    found = found_in(groups[:, keep], keep)
    assert found.gain.shape == keep.shape
    # without all their neighbours the channels beside the gap stay as they are
    assert (found.gain[168:172] == 1).all()
    assert np.std(fine(found.gain[:150] / gain[:150])) < 0.5 * np.std(fine(gain[:150]))
    assert found_in(groups[:, :60]) is None
