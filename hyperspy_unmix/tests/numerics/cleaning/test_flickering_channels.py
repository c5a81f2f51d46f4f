"""Channels that are hot in part of the scan; truth: where they were put."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.numerics.cleaning.flickering_channels import flickering_channels
from hyperspy_unmix.tests.scenes import array, calibrated

CHANNELS = np.arange(300)
SCAN = (20, 20)


def two_bands(seed=0, gain=0.25, read=2.0):
    """Two overlapping bands whose shares change along the scan, on a camera with read noise."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0, 1, SCAN[1])[None, :, None] * np.ones((*SCAN, 1))
    bands = [np.exp(-(((CHANNELS - at) / width) ** 2)) for at, width in ((130, 28), (200, 45))]
    expected = 60 * (share * bands[1] + (1 - share) * bands[0]) + 20
    return gain * rng.poisson(expected / gain) + rng.normal(0, read, expected.shape)


def where_hot(kind):
    y, x = np.indices(SCAN)
    return {
        "half of the scan": y < 10,
        "every third pixel": (y * 20 + x) % 3 == 0,
        "one column": x == 7,
        "12 pixels of a line": (y == 4) & (x > 3) & (x < 16),
    }[kind]


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(
    "kind", ["half of the scan", "every third pixel", "one column", "12 pixels of a line"]
)
def test_hot_in_part_of_the_scan(kind, lazy):
    """Truth: the same with the channel masked; there are two bands. There it is interpolated."""
    counts = two_bands()
    counts[where_hot(kind), 150] += 300 if "line" in kind else 80
    s = calibrated(counts, "unmix", lazy=lazy)
    u = s.unmix(store=False)
    masked = s.unmix(store=False, signal_mask=CHANNELS == 150)
    assert u.n_components == masked.n_components == 2
    assert u.settings["dead channels"].value == 1
    others = CHANNELS != 150
    np.testing.assert_array_equal(array(u.spectra)[:, others], array(masked.spectra)[:, others])
    np.testing.assert_allclose(array(u.spectra)[:, 150], array(u.spectra)[:, [149, 151]].mean(1))
    np.testing.assert_array_equal(array(u.maps), array(masked.maps))


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 3.0, 8.0])
def test_lines_are_not_hot(fwhm):
    """Truth: none; sharp lines that are in some pixels only, anywhere between two channels."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        lines = sum(
            rng.uniform(20, 400) * np.exp(-4 * np.log(2) * ((CHANNELS - at) / fwhm) ** 2)
            for at in rng.uniform(10, 290, 5)
        )
        share = rng.random((400, 1)) < 0.4
        counts = rng.poisson(share * lines + 20 * np.exp(-CHANNELS / 200) + 3)
        assert not flickering_channels(counts.astype(float)).any()
        assert not flickering_channels(0.7 * counts + rng.normal(0, 2, counts.shape)).any()


def test_noise_does_not_flicker():
    """Monte Carlo: noise of every kind, few counts, gains of channels, stray events."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for counts in (
            rng.normal(0, 5, (64, 200)),
            rng.poisson(0.02, (900, 400)),
            rng.poisson(5, (300, 300)) * rng.normal(1, 0.1, 300),
            rng.poisson(np.exp(-CHANNELS / 20) * 1e4 * rng.uniform(0.2, 1, (500, 1))),
        ):
            values = counts.astype(float)
            for _ in range(20):
                values[rng.integers(len(values)), rng.integers(values.shape[1])] += 1e4
            assert not flickering_channels(values).any()


def test_few_pixels_or_channels():
    """Nothing is known of them."""
    assert not flickering_channels(np.ones((5, 100))).any()
    assert not flickering_channels(np.ones((100, 8))).any()
    assert hyperspy_unmix.unmix(calibrated(two_bands()[:2, :3])).n_components >= 1
