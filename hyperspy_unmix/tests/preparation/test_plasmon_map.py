"""A signal that holds its own zero-loss peak: what its range makes of it, and the plasmon map."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data, unmix
from hyperspy_unmix.data import _physics, _signals
from hyperspy_unmix.tests.scenes import angle, array, calibrated, component_first, untouched

# a numpy warning means nothing to the user who gets it
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SHAPE = (16, 18)
SCENES = {
    "wedge": data.wedge,
    "boundary": data.inclined_boundary,
    "core-shell": data.core_shell,
    "oxides": data.three_oxides,
    "precipitates": data.precipitates,
    "sphere": data.sphere_on_substrate,
}


def low_loss_of(phantom, lazy=False):
    signal = phantom.low_loss
    signal.set_signal_type("EELS_unmix")
    return signal.as_lazy() if lazy else signal


def valence(phantom, energies):
    """Truth: every phase's single valence losses, from the phantoms' own parameters."""
    parameters = _signals.read_parameters()
    step = energies[1] - energies[0]
    losses = step * np.arange(2 * int(energies[-1] / step))
    microscope, margin = parameters["eels"]["microscope"], parameters["eels"]["axis"]["margin"]
    found = [
        _physics.valence_losses(losses, parameters["phases"][name], microscope, margin)
        for name in phantom.truth.names
    ]
    return np.array([np.interp(energies, losses, row) for row in found])


# ---------------------------------------------------------------------- the low loss by itself


@eager_and_lazy
@pytest.mark.parametrize("scene", SCENES)
def test_as_many_components_as_phases(scene, lazy):
    """Truth: the number of phases of the phantom, and its t/lambda. Plural scattering made more."""
    phantom = SCENES[scene](shape=SHAPE)
    signal = low_loss_of(phantom, lazy)
    with untouched(signal):
        u = unmix(signal)
    assert u.n_components == len(phantom.truth.names)
    assert u.pca.above_noise_edge > u.n_components
    assert u.settings["plural scattering"].value == "Fourier log"
    assert u.settings["background"].value == "zero-loss tail"
    centre, end = u.settings["zero-loss peak"].value
    assert abs(centre) < 0.1
    energies = u.spectra.axes_manager[-1].axis
    assert energies[0] == pytest.approx(end, abs=1e-6)
    np.testing.assert_allclose(u.thickness.data, phantom.truth.thickness.data, atol=0.02)


@pytest.mark.parametrize("scene", ["wedge", "boundary", "oxides", "precipitates"])
def test_components_span_the_single_scattering_of_the_phases(scene):
    """Truth: valence losses of every phase; three degrees from 10 eV to 60 eV.

    Nothing is assumed of the separation: the phases are fitted by the components.
    """
    phantom = SCENES[scene](shape=SHAPE)
    u = unmix(low_loss_of(phantom))
    energies = u.spectra.axes_manager[-1].axis
    seen = (energies > 10) & (energies < 60)
    spectra, truth = u.spectra.data[:, seen].T, valence(phantom, energies)[:, seen].T
    fitted = spectra @ np.linalg.lstsq(spectra, truth)[0]
    for found, true in zip(fitted.T, truth.T, strict=True):
        assert angle(found[None], true[None]) < 3


@pytest.mark.parametrize("scene", ["boundary", "oxides"])
def test_phases_that_are_alone_somewhere(scene):
    """Truth: valence losses and thickness of the phases, each of which is alone in some pixels.

    Plasmons of two phases are alike to a large part, so ICA has nothing to go by there.
    """
    phantom = SCENES[scene](shape=SHAPE)
    u = unmix(low_loss_of(phantom), assume="pure")
    energies = u.spectra.axes_manager[-1].axis
    seen = (energies > 10) & (energies < 60)
    assert angle(u.spectra.data[:, seen], valence(phantom, energies)[:, seen]) < 4
    # per zero-loss electron a map is proportional to the thickness of its phase
    maps = component_first(u.maps) * np.exp(phantom.truth.thickness.data)
    thickness = phantom.truth.parameters["phase_thickness"]
    likeness = np.corrcoef(maps.reshape(len(maps), -1), thickness.reshape(len(maps), -1))
    assert (likeness[: len(maps), len(maps) :].max(1) > 0.99).all()


def test_densities_of_one_phase_are_constant():
    """Truth: its plasmons per zero-loss electron and t/lambda are one number, 1 at most.

    It is the share of the losses behind the zero-loss peak; three percent.
    """
    phantom = data.wedge(shape=SHAPE)
    u = unmix(low_loss_of(phantom))
    assert u.n_components == 1
    densities = u.densities
    assert densities.metadata.Signal.quantity == "Density (per t/λ and zero-loss electron)"
    rows = densities.data[0].mean(1)
    np.testing.assert_allclose(rows, rows.mean(), rtol=0.03)
    energies = u.spectra.axes_manager[-1].axis
    losses = np.arange(0, energies[-1], 0.1)
    share = valence(phantom, losses)[0]
    truth = share[losses >= energies[0]].sum() / share.sum()
    assert rows.mean() == pytest.approx(truth, rel=0.03)


@eager_and_lazy
def test_model_and_residual_of_a_plasmon_map(lazy):
    """Closed form: they add up to the counts behind the peak, which are described within noise."""
    phantom = data.precipitates(shape=SHAPE)
    signal = low_loss_of(phantom, lazy)
    u = unmix(signal, energy_shift=None)
    model, residual = array(u.model()), array(u.residual())
    first = signal.data.shape[-1] - model.shape[-1]
    counts = array(signal)[..., first:]
    np.testing.assert_allclose(model + residual, counts, rtol=1e-5, atol=1e-2)
    chi2 = residual**2 / np.maximum(model, 1)
    assert np.median(chi2) < 0.6  # 0.455 of one degree of freedom
    assert abs(residual.sum()) < 0.002 * counts.sum()


def test_lazy_equals_eager():
    phantom = data.precipitates(shape=SHAPE)
    eager = unmix(low_loss_of(phantom), random_state=1)
    lazy = unmix(low_loss_of(phantom, True), random_state=1)
    np.testing.assert_allclose(lazy.maps.data, eager.maps.data, rtol=1e-3, atol=1)
    np.testing.assert_allclose(lazy.thickness.data, eager.thickness.data, rtol=1e-4)


# --------------------------------------------------------------------- a range behind the peak


def whole(lazy=False, t=(0.1, 0.6)):
    """Low loss and an edge at 220 eV in one spectrum; one phase, no background."""
    rng = np.random.default_rng(0)
    t = np.linspace(*t, 16 * 18)
    energy = np.arange(-20.0, 1004.0)
    zero_loss = np.exp(-0.5 * (energy / 1.2) ** 2)
    plasmon = np.exp(-0.5 * ((energy - 22) / 3) ** 2)
    zero_loss, plasmon = zero_loss / zero_loss.sum(), plasmon / plasmon.sum()
    edge = np.where(energy >= 220, np.exp(-(energy - 220) / 60), 0.0)
    edge += 2 * np.exp(-0.5 * ((energy - 224) / 2) ** 2)
    transforms = np.fft.rfft(np.roll([zero_loss, plasmon, edge], -20, 1))
    low = transforms[0] * np.exp(t[:, None] * (transforms[1] - 1))
    spectra = np.fft.irfft(low * (1 + 4e-4 * t[:, None] * transforms[2]), 1024)
    spectra = np.roll(spectra, 20, 1)[:, :380].clip(0)
    counts = rng.poisson(1e7 * spectra).astype(float).reshape(16, 18, -1)
    signal = calibrated(counts, "EELS_unmix", -20.0, 1.0, lazy)
    # the edge's electrons have lost energy as well
    return signal, (t + np.log1p(4e-4 * edge.sum() * t)).reshape(16, 18)


@eager_and_lazy
def test_range_behind_the_peak_uses_the_same_spectrum(lazy):
    """Truth: one phase, t/lambda, and a density that is the same everywhere; three percent.

    Without the low loss the plural scattering remains.
    """
    signal, t = whole(lazy)
    with untouched(signal):
        u = unmix(signal, signal_range=(195.0, 355.0), background=None)
    assert u.settings["plural scattering"].value == "Fourier ratio"
    assert "same spectrum" in u.settings["plural scattering"].reason
    assert u.n_components == 1
    np.testing.assert_allclose(u.thickness.data.mean(1), t.mean(1), rtol=0.01)
    without = unmix(signal, signal_range=(195.0, 355.0), background=None, low_loss=None)
    assert without.thickness is None
    assert without.n_components > 1
    # one phase: the same number everywhere, exposures being the same
    densities = u.densities
    assert densities.metadata.Signal.quantity == "Density (per t/λ and zero-loss electron)"
    rows = densities.data[0].mean(1)
    np.testing.assert_allclose(rows, rows.mean(), rtol=0.03)


@pytest.mark.parametrize(("start", "said"), [(8.0, True), (195.0, False), (-20.0, False)])
def test_a_range_among_the_plasmons_is_no_core_loss(start, said):
    u = unmix(whole()[0], 1, signal_range=(start, 355.0), background=None)
    assert ("WARNING: signal_range" in u.settings) is said


def test_none_leaves_the_zero_loss_peak_in():
    """As asked for, and said."""
    signal = whole()[0]
    u = unmix(signal, 2, low_loss=None, background=None)
    assert u.thickness is None
    assert u.spectra.axes_manager[-1].size == signal.axes_manager[-1].size
    assert "signal_range" in u.settings["WARNING: zero-loss"].reason


@pytest.mark.parametrize("stage", ["unmix", "pca", "preprocess", "estimate_number_of_components"])
def test_every_stage_uses_its_own_low_loss(stage):
    """By default, and as the method of the signal."""
    signal = low_loss_of(data.wedge(shape=SHAPE))
    found = getattr(hyperspy_unmix, stage)(signal)
    method = getattr(signal, stage)()
    if stage == "preprocess":
        np.testing.assert_array_equal(array(found), array(method))
    elif stage == "estimate_number_of_components":
        assert found.consensus == method.consensus == 1
    else:
        assert found.settings["plural scattering"].value == "Fourier log"


def test_denoising_keeps_the_peak():
    """Denoising has no physics: the whole spectrum, the peak in it."""
    signal = low_loss_of(data.wedge(shape=SHAPE))
    found = hyperspy_unmix.denoise(signal)
    assert found.data.shape == signal.data.shape
    np.testing.assert_allclose(found.data.sum(-1), signal.data.sum(-1), rtol=0.01)
    with pytest.raises(TypeError, match="no option 'low_loss'"):
        hyperspy_unmix.denoise(signal, low_loss="auto")


@pytest.mark.parametrize("change", ["no peak", "not EELS", "not uniform", "peak at 30 eV"])
def test_only_what_holds_a_zero_loss_peak(change):
    """No peak at zero, or no EELS: nothing is taken for a low loss."""
    signal = whole()[0]
    if change == "no peak":
        signal = signal.isig[40:]
    elif change == "not EELS":
        signal.set_signal_type("unmix")
    elif change == "not uniform":
        signal.axes_manager[-1].convert_to_non_uniform_axis()
    else:
        signal.axes_manager[-1].offset = 10.0
    u = unmix(signal, 1, background=None)
    assert u.thickness is None
    assert "plural scattering" not in u.settings


# ---------------------------------------------------------------------- where the axis begins


@pytest.mark.parametrize(("offset", "is_warned_of"), [(0.0, None), (0.3, False), (-3.0, True)])
@pytest.mark.parametrize("is_own", [True, False])
def test_a_peak_beside_zero_is_said_and_the_axis_left(offset, is_warned_of, is_own, caplog):
    """Truth: what was added to the axis of the low loss."""
    phantom = data.inclined_boundary(shape=SHAPE)
    low_loss = low_loss_of(phantom) if is_own else phantom.low_loss.deepcopy()
    low_loss.axes_manager[-1].offset += offset
    before = low_loss.axes_manager[-1].axis.copy()
    u = unmix(low_loss) if is_own else unmix(phantom.signal, low_loss=low_loss)
    np.testing.assert_array_equal(low_loss.axes_manager[-1].axis, before)
    assert u.spectra.axes_manager[-1].axis[-1] == (
        before[-1] if is_own else phantom.signal.axes_manager[-1].axis[-1]
    )
    told = u.settings["energy scale"].reason if "energy scale" in u.settings else caplog.text
    assert ("energies" in told) == (is_warned_of is not None)
    assert ("energies" in caplog.text) == bool(is_warned_of)
    if is_warned_of is not None:
        sign = "-=" if offset > 0 else "+="
        assert f"signal.axes_manager[-1].offset {sign} {abs(offset):g}" in told
        assert ("low_loss.axes_manager[-1].offset" in told) == (not is_own)
