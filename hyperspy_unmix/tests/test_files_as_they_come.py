"""Whole files with the faults of instruments, with defaults; truth: what the scenes are made of."""

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data, estimate_number_of_components
from hyperspy_unmix.tests.scenes import array, calibrated


@pytest.mark.parametrize("rows", [64, 16, 4, 1])
def test_unfinished_map(rows):
    """Truth: the count of the same with the empty rows masked."""
    signal, _, _ = data.eds_phases(phases=3, shape=(64, 64))
    counts = signal.data.copy()
    counts[rows:] = 0
    signal.data = counts
    mask = np.zeros((64, 64), bool)
    mask[rows:] = True
    found = estimate_number_of_components(signal).automatic
    assert found == estimate_number_of_components(signal, navigation_mask=mask).automatic
    assert rows < 16 or found == 3


@pytest.mark.parametrize("tracks", [0, 12])
def test_cosmic_tracks(tracks):
    """Truth: two bands, and tracks of 4 to 8 channels, each in one pixel."""
    rng = np.random.default_rng(0)
    wavelength = 470 + 0.45 * np.arange(600)
    share = np.linspace(0, 1, 16)[None, :, None] * np.ones((16, 16, 1))
    bands = [np.exp(-(((wavelength - at) / width) ** 2)) for at, width in ((650, 40), (590, 25))]
    expected = 60 * (share * bands[0] + (1 - share) * bands[1]) + 20
    values = 0.25 * rng.poisson(expected / 0.25) + rng.normal(0, 2, expected.shape)
    for _ in range(tracks):
        i, j, first, length = (rng.integers(*ends) for ends in ((16,), (16,), (20, 580), (4, 9)))
        height = rng.uniform(500, 2500) * rng.uniform(0.5, 1, length)
        values[i, j, first : first + length] += height
    u = hyperspy_unmix.unmix(hs.signals.Signal1D(values.astype("f4")))
    assert u.n_components == 2
    assert "WARNING: one place" not in u.settings
    maps = array(u.maps)
    assert (maps.max((1, 2)) < 0.05 * maps.sum((1, 2))).all()


@pytest.mark.parametrize("ghost", [436.5, 437.5, 438.5, 439.6, 441.0, 444.0, 450.0])
def test_ghost_before_the_edge(ghost):
    """Truth: one phase; an edge at 460 eV, before which the window lies, beside the ghost."""
    rng = np.random.default_rng(0)
    energy = 435 + 0.025 * np.arange(2048)
    y, x = np.mgrid[:6, :10]
    thickness = np.clip(1.1 - 0.06 * x - 0.06 * y * (x > 5), 0.02, None)[..., None]
    white = np.exp(-(((energy - 460.5) / 0.6) ** 2)) + np.exp(-(((energy - 466) / 1.2) ** 2))
    spectrum = 600 * (energy / 435) ** -3.0 + 2500 * white + 700 / (1 + np.exp(462 - energy))
    spectrum = spectrum + 700 * np.exp(-(((energy - ghost) / 0.6) ** 2))
    values = 25 * rng.poisson(thickness * spectrum / 25) + rng.normal(0, 106, (6, 10, 2048))
    s = calibrated(values.astype("f4"), "EELS_unmix", 435.0, 0.025)
    p = s.pca()
    start, end = p.settings["background"].value
    assert p.n_components == 1
    assert end < 460.5
    assert not start < ghost < end
