"""Whether an energy drift is taken out: found where it is, left alone where it is chemistry."""

import numpy as np
import pytest

from hyperspy_unmix import data
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.prepare import prepare
from hyperspy_unmix.tests.preparation.drift_scenes import drifting
from hyperspy_unmix.tests.scenes import calibrated

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def aligned(signal, **options):
    prepared = prepare(signal, Preprocessing(**options))
    return prepared.drift, prepared.settings["energy shift"]


def deviation(alignment, drift):
    """Found less put in, about the median, in its own errors and in channels."""
    error = alignment.shift - drift.ravel()
    error = error - np.median(error)
    return error, error / alignment.error


# ----------------------------------------------------------------------------------- it is found


@eager_and_lazy
@pytest.mark.parametrize("course", ["ramp", "wave"])
@pytest.mark.parametrize("size", [0.3, 1.0, 9.0])
def test_drift_is_found_in_the_spectra(size, course, lazy):
    """Truth: the drift put in, within three of its own errors (r.m.s. 1.5), and taken out.

    A hundredth of it is allowed for the curve that it is found along.
    """
    signal, drift = drifting(drift=size, course=course, lazy=lazy)
    found, choice = aligned(signal)
    assert found.applied
    assert "taken out" in choice.reason
    error, _ = deviation(found, drift)
    allowed = np.hypot(found.error, 0.01 * size)
    assert np.sqrt(np.mean((error / allowed) ** 2)) < 1.5
    assert np.abs(error / allowed).max() < 4.5


SCENES = {
    "boundary": data.inclined_boundary,
    "core-shell": data.core_shell,
    "layers": data.wedge_layers,
    "oxides": data.three_oxides,
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [1.0, 12.0])
def test_drift_of_phantoms(scene, size):
    """Truth: of the phantom. From the spectra, and with the low loss far better."""
    phantom = SCENES[scene](shape=(24, 24), drift=size)
    drift = phantom.truth.parameters["drift"]
    found, _ = aligned(phantom.signal)
    assert found.applied
    error, pull = deviation(found, drift)
    assert np.sqrt(np.mean(pull**2)) < 2
    assert np.std(error) < 0.25
    with_peak, choice = aligned(phantom.signal, low_loss=phantom.low_loss)
    assert with_peak.applied
    assert "zero-loss peak" in choice.reason
    # a hundredth of a channel: what the phases' losses under the foot of the peak move it by
    error, _ = deviation(with_peak, drift)
    assert np.sqrt(np.mean((error / np.hypot(with_peak.error, 0.005)) ** 2)) < 1.5
    assert np.std(error) < 0.01


@eager_and_lazy
def test_jitter_from_pixel_to_pixel_is_found_with_the_low_loss(lazy):
    """Truth: whole channels, by which core loss and low loss of every pixel were rolled."""
    phantom = data.core_shell(shape=(20, 20))
    by = np.random.default_rng(0).integers(-2, 3, (20, 20))
    for signal in (phantom.signal, phantom.low_loss):
        index = (np.arange(signal.data.shape[-1]) - by[..., None]) % signal.data.shape[-1]
        signal.data = np.take_along_axis(signal.data, index, -1)
    signals = [s.as_lazy() if lazy else s for s in (phantom.signal, phantom.low_loss)]
    found, choice = aligned(signals[0], low_loss=signals[1])
    assert found.applied
    error, _ = deviation(found, by)
    assert np.std(error) < 0.02
    assert "from pixel to pixel" in choice.reason


def test_low_loss_of_another_dispersion_and_in_other_units():
    """Truth: the drift in channels of the core loss, with two of them to one of the low loss."""
    phantom = data.inclined_boundary(shape=(24, 24), drift=3.0)
    low_loss = phantom.low_loss.isig[: phantom.low_loss.data.shape[-1] // 2 * 2]
    low_loss = low_loss.rebin(scale=(1, 1, 2))
    found, _ = aligned(phantom.signal, low_loss=low_loss)
    error, _ = deviation(found, phantom.truth.parameters["drift"])
    assert np.std(error) < 0.02


# ------------------------------------------------------------------------------- it is not there


@pytest.mark.parametrize("kind", ["one phase", "elements", "thickness", "phases"])
@pytest.mark.parametrize("dose", [2e2, 2e3, 2e4])
def test_no_drift_is_left_alone(kind, dose):
    """Truth: none. Composition and thickness may change along the slow axis of the scan.

    Two standard deviations are taken for a drift, so that a small one may be found by chance.
    """
    found, choice = aligned(drifting(kind, dose=dose)[0])
    assert not found.whole.any()
    if found.applied:
        assert np.std(found.shift) < 0.03
    else:
        assert "not taken out" in choice.reason


def test_two_phases_that_change_places_are_rarely_called_a_drift():
    """Truth: none; ten scans of few counts, in which the share of two phases rises.

    Their edges are 1.5 eV apart: at few counts one phase that drifts describes that as well as two
    that do not. It must stay rare; without a low loss more cannot be told.
    """
    scans = [aligned(drifting("phases", dose=2e2, seed=seed)[0])[0] for seed in range(10)]
    assert sum(found.applied and np.std(found.shift) > 0.05 for found in scans) <= 3


@pytest.mark.parametrize("scene", [*SCENES, "wedge"])
@pytest.mark.parametrize("with_low_loss", [False, True])
def test_phantoms_without_a_drift(scene, with_low_loss):
    """Truth: none. Less than half a hundredth of a channel may be taken out."""
    phantom = {**SCENES, "wedge": data.wedge}[scene](shape=(24, 24))
    low_loss = phantom.low_loss if with_low_loss else None
    found, _ = aligned(phantom.signal, low_loss=low_loss)
    assert not found.applied or np.abs(found.shift).max() < 0.005


@pytest.mark.parametrize("dose", [2e2, 2e3, 2e4])
@pytest.mark.parametrize("size", [1.0, 3.0])
@pytest.mark.parametrize("which", ["lower edge", "upper edge"])
def test_chemical_shift_of_one_edge_is_not_called_drift(which, size, dose):
    """Truth: none; one of two edges changes its energy along the slow axis, the other does not."""
    found, choice = aligned(drifting(which, size=size, dose=dose)[0])
    assert not found.applied, choice


def test_low_loss_that_drifts_alone_is_not_followed():
    """Truth: the core loss stands still; the peak's drift must not be put into it."""
    phantom = data.core_shell(shape=(24, 24))
    moving = data.core_shell(shape=(24, 24), drift=4.0)
    found, choice = aligned(phantom.signal, low_loss=moving.low_loss)
    assert not found.applied
    assert "zero-loss peak drifts otherwise" in choice.reason


# --------------------------------------------------------------------------------- not looked for


def test_not_asked_for():
    signal, _ = drifting(drift=9.0)
    found, choice = aligned(signal, energy_shift=None)
    assert found is None
    assert choice.value is None


@pytest.mark.parametrize("energy_shift", ["zero-loss", 1.0, True])
def test_other_words(energy_shift):
    with pytest.raises(ValueError, match="energy_shift"):
        aligned(drifting()[0], energy_shift=energy_shift)


@pytest.mark.parametrize("change", ["unmix", "EDS_TEM_unmix", "few pixels", "few channels"])
def test_only_where_it_can_be_told(change):
    """Only EELS drifts; 15 pixels or 63 channels tell nothing. No setting, no shift."""
    signal, _ = drifting(drift=9.0)
    if change == "few pixels":
        signal = signal.inav[:5, :3]
    elif change == "few channels":
        signal = signal.isig[:63]
    else:
        signal.set_signal_type(change)
    prepared = prepare(signal, Preprocessing())
    assert prepared.drift is None
    assert "energy shift" not in prepared.settings


def test_masked_pixels_with_drift():
    """Truth: the drift of the pixels that count, at their own time of the scan."""
    signal, drift = drifting(drift=4.0, course="wave")
    mask = np.random.default_rng(0).random(drift.shape) < 0.3
    signal.data[mask] = 1e5
    found, _ = aligned(signal, navigation_mask=mask)
    assert found.applied
    assert len(found.shift) == (~mask).sum()
    error, pull = deviation(found, drift[~mask])
    assert np.std(error) < 0.05
    assert np.sqrt(np.mean(pull**2)) < 2.5


# ----------------------------------------------------------- another order, and beside the peak


def still_low_loss(shape):
    """A zero-loss peak that stands still, 1 eV channels."""
    energy = np.arange(-20, 80.0)
    peak = 1e5 * np.exp(-0.5 * (energy / 0.8) ** 2) + 4e3 * np.exp(-0.5 * ((energy - 22) / 5) ** 2)
    counts = np.random.default_rng(1).poisson(np.broadcast_to(peak, (*shape, 100)))
    return calibrated(counts.astype(np.float32), "EELS", -20.0, 1.0)


@eager_and_lazy
@pytest.mark.parametrize("kind", ["one phase", "elements"])
def test_axes_of_the_scan_swapped(kind, lazy):
    """Truth: the drift put in, swapped as the map is; as well as in the other order, and said."""
    signal, drift = drifting(kind, shape=(20, 28), drift=3.0, course="wave")
    before, _ = aligned(signal)
    swapped = signal.swap_axes(0, 1)
    found, choice = aligned(swapped.as_lazy() if lazy else swapped)
    assert found.applied
    assert found.is_other_order
    assert not before.is_other_order
    assert "fast axis is the slow one" in choice.reason
    expected = deviation(before, drift)[0]
    error, _ = deviation(found, drift.T)
    assert np.std(error) < 1.1 * np.std(expected) + 0.005


def test_zero_loss_peak_of_few_counts_with_swapped_axes():
    """Truth: the phantom's drift; smoothed along the scan it is as well known in either order."""
    phantom = data.core_shell(shape=(24, 24), drift=3.0, low_loss_counts=300)
    drift = phantom.truth.parameters["drift"]
    along, _ = aligned(phantom.signal, low_loss=phantom.low_loss)
    swapped = [signal.swap_axes(0, 1) for signal in (phantom.signal, phantom.low_loss)]
    found, _ = aligned(swapped[0], low_loss=swapped[1])
    assert found.is_other_order
    assert np.std(deviation(found, drift.T)[0]) < 1.2 * np.std(deviation(along, drift)[0])


@pytest.mark.parametrize("kind", ["one phase", "elements"])
@pytest.mark.parametrize("swap", [False, True])
def test_core_loss_drifts_and_the_peak_does_not(kind, swap):
    """Truth: the drift put in; both edges have it, so it is none of a valence."""
    signal, drift = drifting(kind, drift=3.0)
    if swap:
        signal, drift = signal.swap_axes(0, 1), drift.T
    found, choice = aligned(signal, low_loss=still_low_loss(drift.shape))
    assert found.applied
    assert found.beyond_peak > 0.5
    assert "aligned by itself" in choice.reason
    assert np.std(deviation(found, drift)[0]) < 0.05


def test_core_loss_drifts_beside_a_peak_that_drifts():
    """Truth: the sum of two drifts; the low loss has one of them."""
    signal, drift = drifting(drift=3.0)
    low_loss = still_low_loss(drift.shape)
    by = np.rint(np.linspace(0, 4, drift.size)).astype(int).reshape(drift.shape)
    for moved, channels in ((signal, 2 * by), (low_loss, by)):  # channels of 0.5 and of 1 eV
        n = moved.data.shape[-1]
        index = np.clip(np.arange(n) - channels[..., None], 0, n - 1)
        moved.data = np.take_along_axis(moved.data, index, -1)
    found, _ = aligned(signal, low_loss=low_loss)
    assert found.applied
    assert np.std(deviation(found, drift + 2 * by)[0]) < 0.1


@pytest.mark.parametrize("kind", ["one phase", "elements", "phases", "lower edge", "upper edge"])
@pytest.mark.parametrize("dose", [2e2, 2e4])
def test_no_drift_beside_a_peak_that_stands_still(kind, dose):
    """Truth: none; what composition and chemistry do is neither taken out nor warned of."""
    found, _ = aligned(drifting(kind, dose=dose, size=3.0)[0], low_loss=still_low_loss((24, 24)))
    assert not found.applied
    assert not found.of_one_edge


def test_one_edge_moves_and_the_peak_does_not():
    """Truth: a drift, which one edge cannot tell from a valence: both are named, and what helps."""
    signal, drift = drifting(drift=3.0)
    signal, low_loss = signal.isig[:240], still_low_loss(drift.shape)
    prepared = prepare(signal, Preprocessing(low_loss=low_loss))
    assert not prepared.drift.applied
    hint = prepared.settings["WARNING: energy shift"].reason
    assert "valence" in hint
    assert 'energy_shift="spectra"' in hint
    found, choice = aligned(signal, low_loss=low_loss, energy_shift="spectra")
    assert found.applied
    assert (
        "WARNING: energy shift"
        not in prepare(signal, Preprocessing(low_loss=low_loss, energy_shift="spectra")).settings
    )
    assert "of the spectra" in choice.reason
    assert np.std(deviation(found, drift)[0]) < 0.05
