"""Known spectra in another signal: maps against truth, and what is said of it."""

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import array, component_first, two_phases, untouched

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def oxides(seed, **options):
    return data.three_oxides(shape=(24, 24), counts=6e5, seed=seed, **options)


@pytest.fixture(scope="module")
def known():
    """Spectra of three oxides, each alone somewhere, and of the second scan its truth."""
    signal, low_loss, truth = oxides(0)
    return hyperspy_unmix.unmix(signal, low_loss=low_loss, assume="pure"), truth


def errors(result, truth):
    """Relative error of each map, in the order of the truth."""
    true = component_first(truth.maps).reshape(3, -1)
    maps = component_first(result.maps).reshape(result.n_components, -1)
    spectra, reference = result.spectra.data, truth.spectra.data
    axis = truth.spectra.axes_manager.signal_axes[0].axis
    own = result.spectra.axes_manager.signal_axes[0].axis
    on_axis = np.array([np.interp(own, axis, row) for row in reference])
    cosine = on_axis @ spectra.T / np.linalg.norm(on_axis, axis=1)[:, None]
    found = maps[np.argmax(cosine / np.linalg.norm(spectra, axis=1), 1)]
    share = on_axis.sum(1, keepdims=True) * np.abs(axis[1] - axis[0])
    return np.linalg.norm(found - true * share, axis=1) / np.linalg.norm(true * share, axis=1)


@eager_and_lazy
def test_second_scan(known, lazy):
    """Phantom: not worse than unmixing the scan by itself, and two percent from the truth."""
    u, _ = known
    signal, low_loss, truth = oxides(1)
    signal = signal.as_lazy() if lazy else signal
    with untouched(signal, low_loss):
        v = u.apply(signal, low_loss=low_loss)
    assert v.names == u.names
    assert (component_first(v.maps) >= 0).all()
    alone = hyperspy_unmix.unmix(signal, low_loss=low_loss, assume="pure")
    assert (errors(v, truth) <= 1.02 * errors(alone, truth)).all()
    assert errors(v, truth).max() < 0.02
    np.testing.assert_allclose(v.spectra.data, u.spectra.data, rtol=1e-6)
    assert "maximum likelihood" in v.settings["spectra"].reason


def test_thicker_specimen_and_another_scan(known):
    """Phantom: other t/lambda and shape of scan; the plural scattering is its own."""
    u, _ = known
    options = {"shape": (10, 30), "t_over_lambda": (0.7, 0.9)}
    try:
        signal, low_loss, truth = data.three_oxides(counts=6e5, seed=2, **options)
    except TypeError:
        signal, low_loss, truth = data.three_oxides(counts=6e5, seed=2, shape=(10, 30))
    v = u.apply(signal, low_loss=low_loss)
    assert errors(v, truth).max() < 0.03
    chi_square = array(v.reduced_chi_square)
    assert chi_square.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("channels", [0.0, 0.7, -2.3])
def test_offset_of_the_energies_is_found(known, channels):
    """Truth: the offset given to the axis, to 0.05 channels; the maps stay as good."""
    u, _ = known
    signal, low_loss, _ = oxides(1)
    axis, right = signal.axes_manager.signal_axes[0], u.apply(signal, low_loss=low_loss)
    axis.offset += channels * axis.scale
    v = u.apply(signal, low_loss=low_loss)
    assert v.settings["energy offset"].value == pytest.approx(channels * axis.scale, abs=0.025)
    if channels:
        left = u.apply(signal, low_loss=low_loss, energy_shift=None)
        assert "energy offset" not in left.settings
        assert array(left.reduced_chi_square).mean() > array(v.reduced_chi_square).mean()
    known_sums = array(right.maps).sum((1, 2))
    np.testing.assert_allclose(array(v.maps).sum((1, 2)), known_sums, rtol=0.01)


def test_model_and_residual_are_the_data(known):
    u, _ = known
    signal, low_loss, _ = oxides(1)
    v = u.apply(signal, low_loss=low_loss)
    first = v.pca.prepared.image.first
    both = array(v.model()) + array(v.residual())
    np.testing.assert_allclose(both, array(signal)[..., first:], rtol=1e-5, atol=1e-2)


def test_names_order_and_errors_come_along(known):
    """The errors of the spectra are those of the first signal; each map has its own."""
    u, _ = known
    turned = u.rename(["a", "b", "c"]).reorder([2, 0, 1])
    signal, low_loss, _ = oxides(1)
    v, w = u.apply(signal, low_loss=low_loss), turned.apply(signal, low_loss=low_loss)
    assert w.names == ("c", "a", "b")
    np.testing.assert_allclose(w.maps.data, v.maps.data[[2, 0, 1]], rtol=1e-3, atol=1)
    np.testing.assert_allclose(w.spectra_uncertainty.data, turned.spectra_uncertainty.data)
    np.testing.assert_allclose(
        w.maps_uncertainty.data, v.maps_uncertainty.data[[2, 0, 1]], rtol=1e-3
    )
    np.testing.assert_allclose(w.stability, u.stability[[2, 0, 1]])
    assert v.maps_uncertainty.data.shape == v.maps.data.shape
    assert w.reverse("a").maps.data[1].max() <= 0


def test_masked_pixels_and_learning_results(known):
    u, _ = known
    signal, low_loss, _ = oxides(1)
    mask = np.zeros((24, 24), bool)
    mask[3, 4] = True
    before = signal.learning_results.bss_factors
    v = u.apply(signal, low_loss=low_loss, navigation_mask=mask)
    assert np.isnan(v.maps.data[:, 3, 4]).all()
    assert np.isnan(v.maps.data).sum() == 3
    assert signal.learning_results.bss_factors is before


@eager_and_lazy
@pytest.mark.parametrize("shape", [(30,), (6, 7), (2, 3, 5)])
def test_any_signal(shape, lazy):
    """Same counts as `unmix` finds, to their noise; another dtype, the same maps."""
    s = two_phases(shape, lazy=lazy)
    u = s.unmix(2, store=False)
    v = u.apply(s)
    total = np.nansum(component_first(u.maps).reshape(2, -1), 1)
    np.testing.assert_allclose(
        np.nansum(component_first(v.maps).reshape(2, -1), 1), total, rtol=0.05
    )
    whole = u.apply(two_phases(shape, dtype=np.uint16))
    np.testing.assert_allclose(array(whole.maps), array(v.maps), rtol=1e-2, atol=1)


def test_other_calibrations():
    """Truth: maps over every second channel, or of an axis in keV, hold the same counts."""
    s = two_phases((12, 12), signal_type="EDS_TEM_unmix", dose=400.0)
    u = s.unmix(2, store=False)
    own = u.apply(s).maps.data.sum((1, 2))
    rebinned = s.rebin(scale=(1, 1, 2))
    v = u.apply(rebinned)
    assert v.settings["energies"].value == "interpolated"
    np.testing.assert_allclose(v.maps.data.sum((1, 2)), own, rtol=0.02)
    other = s.deepcopy()
    axis = other.axes_manager.signal_axes[0]
    units = {"eV": ("keV", 1e-3), "keV": ("eV", 1e3)}[str(axis.units)]
    axis.units, axis.scale, axis.offset = (
        units[0],
        axis.scale * units[1],
        axis.offset * units[1],
    )
    w = u.apply(other)
    assert "energies" not in w.settings
    np.testing.assert_allclose(w.maps.data.sum((1, 2)), own, rtol=1e-3)


def test_more_than_was_applied():
    """A signal with a phase that the spectra lack: said, and to be seen in chi-square."""
    one = two_phases((15, 15), dose=400.0)
    u = one.unmix(1, store=False)
    v = u.apply(one)
    assert any("more components" in name for name in v.settings)
    assert array(v.reduced_chi_square).mean() > 1.1


def test_without_a_low_loss(known):
    """Spectra of single scattering, no low loss for the other signal: a warning says so."""
    u, _ = known
    v = u.apply(oxides(1).signal)
    assert "Give low_loss" in v.settings["WARNING: plural scattering"].reason


def test_errors():
    s = two_phases()
    other = s.unmix(2, store=False)
    with pytest.raises(ValueError, match="found without one and hold plural scattering"):
        signal, low_loss, _ = oxides(1)
        data_free = hyperspy_unmix.unmix(signal, 3, low_loss=None)
        data_free.apply(signal, low_loss=low_loss)
    far = two_phases()
    far.axes_manager.signal_axes[0].offset += 1e4
    with pytest.raises(ValueError, match="channels"):
        other.apply(far)
    strange = two_phases()
    strange.axes_manager.signal_axes[0].units = "nm"
    with pytest.raises(ValueError, match="units"):
        other.apply(strange)
    with pytest.raises(TypeError, match="HyperSpy signal is needed"):
        other.apply(np.zeros((3, 3)))
    with pytest.raises(TypeError, match="no option 'n_components'"):
        other.apply(s, n_components=2)
    with pytest.raises(ValueError, match="no navigation axes"):
        other.apply(hs.signals.Signal1D(np.ones(80)))
