"""The wedge of one phase against its own formula and an independent reconstruction."""

import numpy as np
import pytest

from hyperspy_unmix import data
from hyperspy_unmix.data import _signals
from hyperspy_unmix.tests.data.test_data import single, valence, width

PHASES = _signals.read_parameters()["phases"]
SHAPE = (9, 4)


def log_ratio(phantom):
    return phantom.truth.thickness.data


@pytest.mark.parametrize("ends", [(0.2, 1.2), (0.1, 1.5), (0.9, 0.3), (0.5, 0.5)])
def test_thickness_is_linear_between_the_two_ends(ends):
    phantom = data.wedge(shape=SHAPE, t_over_lambda=ends, probe=0.0, noise=False)
    expected = np.linspace(*ends, SHAPE[0])[:, None] * np.ones(SHAPE[1])
    np.testing.assert_allclose(log_ratio(phantom), expected, rtol=1e-12)


def test_probe_leaves_a_wedge_as_it_is_but_for_the_ends_of_the_scan():
    t = log_ratio(data.wedge(noise=False))
    expected = np.linspace(0.2, 1.2, 48)[:, None]
    np.testing.assert_allclose(t[2:-2], expected[2:-2] * np.ones(48), rtol=1e-4)
    assert np.abs(t - expected).max() < 0.1 * np.ptp(expected) / 47


def test_one_row_has_the_mean_of_the_ends():
    assert log_ratio(data.wedge(shape=(1, 3), noise=False)) == pytest.approx(0.7)


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_can_be_a_wedge(phase):
    signal, low_loss, truth = data.wedge(phase, SHAPE, noise=False)
    assert truth.names == (phase,)
    assert signal.metadata.Sample.elements == sorted(PHASES[phase]["elements"])
    nanometres = truth.parameters["phase_thickness"]
    np.testing.assert_allclose(
        nanometres[0], truth.thickness.data * PHASES[phase]["mean_free_path"], rtol=1e-12
    )
    assert signal.data.sum(-1).mean() == pytest.approx(6e5)
    assert low_loss.data.sum(-1).max() == pytest.approx(1e6, rel=5e-3)
    # room for a background before the first edge, and all edges recorded
    energy = signal.axes_manager.signal_axes[0].axis
    onsets = [edge["onset"] for edge in PHASES[phase]["edges"]]
    if "atoms" in PHASES[phase]:
        # O-K; the K edges of the metals are far beyond this scan's axis
        onsets = [532.0]
    assert energy[0] < 0.85 * min(onsets)
    assert max(onsets) + 10 < energy[-1]


@pytest.mark.parametrize("phase", ["Fe3O4", "SiO2", "boundary phase"])
def test_log_ratio_of_the_low_loss_is_the_true_thickness(phase):
    """The zero loss is symmetric, and nothing else has lost less than nothing."""
    phantom = data.wedge(phase, SHAPE, noise=False)
    low_loss = phantom.low_loss.data
    at_zero = np.argmin(np.abs(phantom.low_loss.axes_manager.signal_axes[0].axis))
    zero_loss = 2 * low_loss[..., :at_zero].sum(-1) + low_loss[..., at_zero]
    measured = np.log(low_loss.sum(-1) / zero_loss)
    np.testing.assert_allclose(measured, log_ratio(phantom), rtol=0.01)


def test_recording_is_one_spectrum_after_plural_scattering_and_background():
    """By direct convolution: exp(P) = delta + P + P*P/2 + ... on the energy axis."""
    phantom = data.wedge(shape=SHAPE, noise=False)
    components, losses = single(phantom), valence(phantom)
    values = np.linalg.svd(components.reshape(-1, components.shape[-1]), compute_uv=False)
    assert values[1] < 1e-9 * values[0]
    n = components.shape[-1]
    for row in (0, 4, 8):
        term = scattered = components[row, 1]
        for order in range(1, 20):
            term = np.convolve(term, losses[row, 1])[:n] / order
            scattered = scattered + term
        modelled = scattered + phantom.truth.background.data[row, 1]
        np.testing.assert_allclose(modelled, phantom.signal.data[row, 1], rtol=1e-4)


def test_dose_detector_and_drift_are_those_asked_for():
    options = {"counts": 3e4, "low_loss_counts": 2e3, "detector": "ccd", "drift": 1.5}
    signal, low_loss, truth = data.wedge(shape=SHAPE, noise=False, **options)
    gain = truth.parameters["detector"]["gain"]
    assert signal.data.sum(-1).mean() == pytest.approx(gain * 3e4)
    assert low_loss.data.sum(-1).max() == pytest.approx(gain * 2e3, rel=5e-3)
    assert np.ptp(truth.parameters["drift"]) == pytest.approx(1.5)
    assert width(signal) == width(low_loss)


def test_seed_decides_the_noise():
    first, again, other = (data.wedge(shape=SHAPE, seed=seed).signal.data for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"phase": "FePt"}, ValueError, "phase must be one of"),
        ({"t_over_lambda": 0.5}, ValueError, "two numbers"),
        ({"t_over_lambda": (0.2, 0.5, 1.0)}, ValueError, "two numbers"),
        ({"t_over_lambda": (0.0, 1.0)}, ValueError, "finite and positive"),
        ({"t_over_lambda": (0.2, np.inf)}, ValueError, "finite and positive"),
        ({"t_over_lambda": ("a", "b")}, TypeError, "must be a number"),
        ({"counts": -1}, ValueError, "finite and positive"),
        ({"detector": "film"}, ValueError, "detector must be one of"),
    ],
)
def test_bad_values_are_named(options, error, message):
    with pytest.raises(error, match=message):
        data.wedge(**options)
