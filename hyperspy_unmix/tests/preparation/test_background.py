"""What a background window leaves of the spectrum."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import CHANNELS, calibrated, counts, edge_on_background

LAST = (230.0, 256.0)  # of 100 to 258


def on_baseline(signal_type=""):
    """Two phases on a parabola, as Raman lines on fluorescence."""
    x = np.linspace(-1, 1, CHANNELS)
    return calibrated(counts() + 40.0 + 10 * x - 20 * x**2, signal_type)


@pytest.mark.parametrize("shape", ["offset", "polynomial"])
def test_baselines_leave_all_channels(shape):
    """They are known on both sides of a window, also of one at the end."""
    windows = [(100.0, 116.0), LAST] if shape == "polynomial" else LAST
    u = hyperspy_unmix.unmix(on_baseline(), 2, background=windows, background_type=shape)
    assert u.spectra.axes_manager[-1].size == CHANNELS
    assert "WARNING: background window" not in u.settings
    words = {"offset": "constant", "polynomial": "polynomial of second degree"}
    assert u.settings["background fit"].value == words[shape]


@pytest.mark.parametrize(
    ("signal_type", "shape"), [("", "power law"), ("", "exponential"), ("EELS", "polynomial")]
)
def test_what_falls_is_not_continued_below_its_window(signal_type, shape):
    """Most channels are lost to a window at the end: that is said, with the numbers."""
    s = on_baseline(signal_type)
    u = hyperspy_unmix.unmix(s, 1, background=LAST, background_type=shape)
    assert u.spectra.axes_manager[-1].size == 15
    reason = u.settings["WARNING: background window"].reason
    assert f"leaves 15 of {CHANNELS} channels" in reason


def test_a_window_before_the_edge_is_no_reason_for_a_warning():
    u = hyperspy_unmix.unmix(edge_on_background(), background=(440.0, 520.0))
    assert "WARNING: background window" not in u.settings


@pytest.mark.parametrize(("signal_type", "said"), [("", True), ("EELS", False)])
def test_a_baseline_is_named_where_nothing_fits(signal_type, said, monkeypatch):
    """The advice is for data that may have one."""
    monkeypatch.setattr("hyperspy_unmix.analysis.separation_findings.MOST_NEGATIVITY_RATIO", -1.0)
    x = np.linspace(0, 1, CHANNELS)
    s = calibrated(counts() + 200 * x, signal_type)
    u = hyperspy_unmix.unmix(s, background=None, assume="overlap")
    reason = u.settings["WARNING: negative"].reason
    assert ("fluorescence" in reason) is said
    assert "assume=" in reason


def noisy_camera(level, ghost_at=None):
    """A ghost and an edge at 460 eV on a power law of ``level`` counts; read noise of 106."""
    rng = np.random.default_rng(0)
    energies = 435 + 0.025 * np.arange(2048)
    edge = np.exp(-(((energies - 462) / 0.8) ** 2)) + 0.3 * (energies > 461)
    spectrum = level * (energies / 435) ** -3.0 + 2500 * edge
    if ghost_at:
        spectrum = spectrum + 700 * np.exp(-(((energies - ghost_at) / 0.6) ** 2))
    thickness = np.linspace(0.3, 1, 60).reshape(6, 10, 1)
    values = 25 * rng.poisson(thickness * spectrum / 25) + rng.normal(0, 106, (6, 10, 2048))
    return calibrated(values, "EELS_unmix", 435.0, 0.025)


@pytest.mark.parametrize("lazy", [False, True])
def test_noise_below_zero_does_not_mean_subtracted(lazy):
    """Truth: 300 counts before the edge, of which a tenth are negative by read noise."""
    s = noisy_camera(300.0, ghost_at=441.0)
    assert np.mean(s.data[..., :800] < 0) > 0.01
    choice = (s.as_lazy() if lazy else s).pca().settings["background"]
    start, end = choice.value
    assert 441 < start < end < 461
    assert "beside a bump at 44" in choice.reason


@pytest.mark.parametrize("lazy", [False, True])
def test_read_noise_alone_before_an_edge_is_no_background(lazy):
    """Truth: nothing there but read noise."""
    s = noisy_camera(0.0)
    choice = (s.as_lazy() if lazy else s).pca().settings["background"]
    assert choice.value is None
    assert "subtracted already" in choice.reason or "next to no counts" in choice.reason


def test_without_a_window_it_says_what_to_do():
    """A bare background: it falls, and nothing rises."""
    energies = 400.0 + np.arange(200)
    counts_ = np.random.default_rng(0).poisson(1e4 * (energies / 400) ** -3.0, (6, 6, 200))
    reason = calibrated(counts_, "EELS_unmix", 400.0, 1.0).pca().settings["background"].reason
    assert "no edge rises" in reason
    assert "background=(start, end)" in reason
