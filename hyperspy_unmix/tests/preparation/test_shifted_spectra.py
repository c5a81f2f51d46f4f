"""Spectra that a user has shifted: their ends are left out, their pixels are not."""

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.prepare import prepare
from hyperspy_unmix.tests.scenes import array, edge_on_background, two_phases, untouched

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
LOW, HIGH = 4, 3  # channels that are not there in some spectra


def with_ends(signal, value, lazy=False):
    """The signal, without channels at the ends of its spectra, more and more along the scan."""
    ended = signal.deepcopy()
    ended.change_dtype("float64")
    scan = ended.data.shape[:-1]
    shifts = np.rint(np.linspace(-HIGH, LOW, int(np.prod(scan)))).astype(int).reshape(scan)
    for pixel in np.ndindex(*scan):
        ended.data[pixel][: max(shifts[pixel], 0)] = value
        ended.data[pixel][ended.data.shape[-1] + min(shifts[pixel], 0) :] = value
    return ended.as_lazy() if lazy else ended


def assert_same(found, true):
    """Spectra and maps, to the rounding of sums in 32 bits."""
    for name in ("spectra", "maps"):
        one, other = (getattr(u.arrays, name) for u in (found, true))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())


@eager_and_lazy
@pytest.mark.parametrize("shape", [(24,), (12, 10), (4, 5, 6)], ids=["line", "map", "stack"])
def test_the_result_is_that_of_the_cropped_signal(shape, lazy):
    """Truth: the same counts without the channels that are NaN in some spectra."""
    s = two_phases(shape, dose=600.0)
    shifted = with_ends(s, np.nan, lazy)
    with untouched(shifted):
        u = hyperspy_unmix.unmix(shifted)
    assert u.settings["NaN channels"].value == LOW + HIGH
    assert "not finite" not in u.settings
    assert np.isfinite(array(u.maps)).all()
    assert_same(u, hyperspy_unmix.unmix(s.isig[LOW:-HIGH]))
    axis = u.spectra.axes_manager.signal_axes[0].axis
    np.testing.assert_allclose(axis, s.axes_manager.signal_axes[0].axis[LOW:-HIGH])
    np.testing.assert_allclose(array(u.model() + u.residual()), s.data[..., LOW:-HIGH], rtol=1e-4)


@eager_and_lazy
def test_shift1D_of_hyperspy(lazy):
    """Truth: the spectra before they were moved by whole channels, and moved back."""
    s = edge_on_background(background=200.0)
    drift = np.arange(10) - 4
    moved = np.stack([np.roll(s.data[:, i], d, -1) for i, d in enumerate(drift)], 1)
    shifted = s._deepcopy_with_new_data(moved)
    shifted = shifted.as_lazy() if lazy else shifted
    back = hs.signals.BaseSignal(np.tile(-1.0 * drift, (12, 1))).T
    shifted.shift1D(back, expand=True, show_progressbar=False)
    assert np.isnan(array(shifted)).any(-1).all()
    image = prepare(shifted, Preprocessing()).image
    assert image.blocks.shape[0] == 120
    known = np.interp(image.energies, np.arange(400.0, 640.0), s.data.mean((0, 1)))
    inside = slice(8, -8)  # beyond, what left one end has come in at the other
    np.testing.assert_allclose(image.summary.mean[inside], known[inside], rtol=1e-6)


@eager_and_lazy
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_with_a_low_loss(value, lazy):
    """Truth: the phantom, cropped; NaN or zeros at the ends of the core loss, NaN of the low loss.

    What is beyond the ends of the low loss is a share of 1e-3 of its plural scattering.
    """
    signal, low_loss, truth = data.inclined_boundary(shape=(16, 16))
    core, low = with_ends(signal, value, lazy), with_ends(low_loss, np.nan, lazy)
    u = hyperspy_unmix.unmix(core, low_loss=low)
    known = hyperspy_unmix.unmix(signal.isig[LOW:-HIGH], low_loss=low_loss)
    assert u.n_components == known.n_components == 2
    assert u.settings["low loss NaN channels"].value == LOW + HIGH
    assert "not finite" not in u.settings
    assert "low loss not finite" not in u.settings
    assert u.settings["background"] == known.settings["background"]
    np.testing.assert_allclose(u.thickness.data, known.thickness.data, rtol=1e-2)
    spectra = {name: truth.spectra.inav[i] for i, name in enumerate(truth.names)}
    found, true = (result.match(spectra).angles.min(0) for result in (u, known))
    np.testing.assert_allclose(found, true, atol=0.1)


@eager_and_lazy
def test_a_low_loss_that_is_unmixed_itself(lazy):
    """Truth: the thickness of the whole low loss."""
    low_loss = data.inclined_boundary(shape=(16, 16)).low_loss
    u = hyperspy_unmix.unmix(with_ends(low_loss, np.nan, lazy))
    known = hyperspy_unmix.unmix(low_loss)
    assert u.settings["NaN channels"].value == LOW + HIGH
    assert u.n_components == known.n_components
    np.testing.assert_allclose(u.thickness.data, known.thickness.data, rtol=1e-2)


def test_a_variance_that_was_shifted_as_well():
    """Truth: the cropped signal with the cropped variance."""
    s = two_phases(dose=600.0)
    variance = s + 1.0
    u = hyperspy_unmix.unmix(with_ends(s, np.nan), noise=with_ends(variance, np.nan))
    cut = slice(LOW, -HIGH)
    assert_same(u, hyperspy_unmix.unmix(s.isig[cut], noise=variance.isig[cut]))


def test_ends_stay_out_where_whole_channels_are_moved():
    """Truth: the cropped signal; a drift of 9 channels must not bring NaN into the range."""
    signal, low_loss, _ = data.inclined_boundary(shape=(16, 16), drift=9.0)
    u = hyperspy_unmix.unmix(with_ends(signal, np.nan), low_loss=low_loss)
    known = hyperspy_unmix.unmix(signal.isig[LOW:-HIGH], low_loss=low_loss)
    assert "not finite" not in u.settings
    assert u.n_components == known.n_components == 2
    assert_same(u, known)


@pytest.mark.parametrize("drift", [0.0, 2.0, 9.0])
def test_channels_without_counts_do_not_move_with_the_spectra(drift):
    """Truth: those channels masked; they belong to the detector, not to the spectrum."""
    signal, low_loss, _ = data.inclined_boundary(shape=(16, 16), drift=drift)
    channels = np.zeros(signal.data.shape[-1], bool)
    channels[700:720] = True
    signal.data[..., channels] = 0
    u = hyperspy_unmix.unmix(signal, low_loss=low_loss)
    known = hyperspy_unmix.unmix(signal, low_loss=low_loss, signal_mask=channels)
    assert u.settings["empty channels"].value == 20
    assert u.n_components == known.n_components == 2
    np.testing.assert_allclose(u.maps.data, known.maps.data, rtol=0.02)


def test_one_spectrum_that_was_moved_too_far():
    """Truth: the channels of the others; zeros and NaN alike. NaN: the pixel is lost."""
    s = two_phases(dose=1000.0)
    for value in (np.nan, 0.0):
        shifted = with_ends(s, value)
        shifted.data[2, 3, :30] = value
        image = prepare(shifted, Preprocessing()).image
        np.testing.assert_array_equal(image.blocks.channels, np.arange(LOW, 80 - HIGH))
        assert image.blocks.pixels.sum() == 120 - np.isnan(value)
