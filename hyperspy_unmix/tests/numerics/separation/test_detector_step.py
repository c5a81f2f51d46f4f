"""Steps where two parts of a detector meet; truth: EELS of two phases, and what was added."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import hyperspy_unmix
from hyperspy_unmix.numerics.separation.detector_step import step_channel
from hyperspy_unmix.tests.scenes import calibrated

N = 512
ENERGY = 400.0 + np.arange(N)
SCAN = (16, 16)


def edge(onset, width=1.0, decay=150.0, white=1.5):
    sharp = np.where(onset <= ENERGY, np.exp(-(ENERGY - onset) / decay), 0.0)
    lines = white * np.exp(-(((ENERGY - onset - 4) / 2) ** 2))
    return gaussian_filter1d(sharp, width) + lines


def changing(kind, middle, seed=0, onset=700.0):
    """Two phases, and an offset or a gain of the channels from ``middle`` on that changes."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0.2, 1, SCAN[1])[None, :, None] * np.ones((*SCAN, 1))
    expected = 300 * (ENERGY / 400) ** -3.0
    expected = expected + 60 * share * edge(532) + 60 * (1 - share) * edge(onset, decay=400)
    by_pixel = rng.normal(0, 1, SCAN)[..., None]
    if kind == "gain":
        expected[..., middle:] *= 1 + 0.05 * by_pixel
    counts = rng.poisson(expected) + rng.normal(0, 3, expected.shape)
    if kind == "offset":
        counts[..., middle:] += 5 * by_pixel
    return calibrated(counts, "EELS_unmix", 400.0, 1.0)


@pytest.mark.parametrize(("kind", "middle"), [("offset", N // 2), ("gain", N // 4 * 3)])
def test_a_step_is_named_and_its_advice_works(kind, middle):
    s = changing(kind, middle)
    u = s.unmix(store=False)
    assert u.n_components == 3
    warning = u.settings["WARNING: detector step"].reason
    assert f"at {400 + middle}, channel {middle} of {N}" in warning
    assert warning.startswith("component 2")
    one_part = s.unmix(store=False, signal_range=(400, 399 + middle))
    assert one_part.n_components == (2 if middle > 300 else 1)
    assert "WARNING: detector step" not in one_part.settings


def test_none_where_there_is_none():
    """Truth: the same with nothing that changes; and edges at all places, wide and narrow."""
    for onset in (700.0, 652.0):
        u = changing("", 0, onset=onset).unmix(store=False)
        assert u.n_components == 2
        assert "WARNING: detector step" not in u.settings
    channels, mean = np.arange(N), 300 * (ENERGY / 400) ** -3.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for onset in (640.0, 652.0, 661.0, rng.uniform(420, 640)):
            shape = edge(onset, rng.uniform(1, 4), rng.uniform(20, 150), rng.uniform(0, 4))
            spectrum = shape + rng.normal(0, 0.03, N)
            assert not step_channel(spectrum, mean + shape, channels, N)
        smooth = gaussian_filter1d(rng.normal(0, 1, N), rng.uniform(2, 60))
        assert not step_channel(smooth + rng.normal(0, 0.01, N), mean, channels, N)
        assert not step_channel(rng.normal(0, 1, N), mean, channels, N)


@pytest.mark.parametrize("width", [2.0, 5.0, 12.0])
def test_lines_that_the_mean_spectrum_shows(width):
    """Truth: lines on both sides of the middle and beside it, each of a phase; no step."""
    channels = np.arange(120)
    for at in np.arange(45, 75):
        for seed in range(2):
            rng = np.random.default_rng(seed)
            line = np.exp(-(((channels - at) / width) ** 2))
            others = np.exp(-(((channels - np.array([[20], [100]])) / width) ** 2)).sum(0)
            spectrum = line + rng.normal(0, rng.choice([1e-4, 0.01, 0.05]), 120)
            assert not step_channel(spectrum, 1 + line + others, channels, 120)
            assert not step_channel(others - line, 1 + line + others, channels, 120)
            assert not step_channel(spectrum + 0.05, line + 0.05, channels, 120)


def test_channels_that_are_left_out():
    """Truth: a step at channel 256 of the detector, of which some channels do not count."""
    channels = np.delete(np.arange(N), slice(20, 100))[30:]
    spectrum = np.where(channels >= 256, 1.0, 0.0) + np.random.default_rng(0).normal(0, 0.1, 402)
    assert step_channel(spectrum, np.ones(402), channels, N) == 256
    assert step_channel(spectrum[230:], np.ones(172), channels[230:], N) == 0


def test_a_column_of_the_scan():
    """Truth: what the beam brings with it on its way back is in the first column alone."""
    rng = np.random.default_rng(0)
    shape = np.exp(-(((np.arange(120) - np.array([[30], [80], [55]])) / 6) ** 2))
    shares = np.zeros((*SCAN, 3))
    shares[..., 0] = np.linspace(0.2, 1, 16)[:, None]
    shares[..., 1] = 1 - shares[..., 0]
    shares[:, 0, 2] = 1
    u = hyperspy_unmix.unmix(calibrated(rng.poisson(60 * shares @ shape + 1)))
    assert "one column of the scan" in u.settings["WARNING: one place"].reason
    assert "inav[0]" in u.settings["WARNING: one place"].reason
