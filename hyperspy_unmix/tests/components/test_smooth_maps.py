"""Maps that borrow from neighbours, of a result: better, said to be so, never in place of maps."""

import numpy as np
import pytest

from hyperspy_unmix import load, unmix
from hyperspy_unmix.tests.analysis.test_summed_pixels import SPECTRA, grains, maps
from hyperspy_unmix.tests.scenes import calibrated


def true_maps(result, counts):
    """The phantom's maps in the order of the components."""
    unit = SPECTRA / np.linalg.norm(SPECTRA, axis=1, keepdims=True)
    nearest = (result.spectra.data @ unit.T).argmax(1)
    return counts * np.moveaxis(maps()[..., nearest], -1, 0)


def rms(values):
    return np.sqrt(np.nanmean(values**2, (1, 2)))


@pytest.mark.parametrize("counts", [4, 20, 3000])
def test_errors_and_what_is_said_of_them(counts):
    """Truth: the phantom's maps; half the error at few counts, never more than without."""
    u = unmix(grains(counts), 3)
    true, before = true_maps(u, counts), u.maps.data.copy()
    found, raw = rms(u.smooth_maps.data - true), rms(u.maps.data - true)
    assert (found < (0.5 if counts < 100 else 1.0) * raw).all()
    np.testing.assert_array_equal(u.maps.data, before)
    # a third is how far one component's error may be off: spectra have their own
    assert (np.array(u.smoothing.error) > 0.67 * found).all()
    np.testing.assert_allclose(u.smoothing.error_before, raw, rtol=0.1)


def test_they_say_what_they_are():
    u = unmix(grains(10))
    general, signal = u.smooth_maps.metadata.General, u.smooth_maps.metadata.Signal
    assert "smoothed over" in general.title and "smoothed" not in u.maps.metadata.General.title
    assert list(signal.smoothed_over_pixels) == list(u.smoothing.pixels)
    assert min(u.smoothing.pixels) > 1
    assert "smooth maps" in u.findings and "smoothed over" in repr(u.findings)
    # errors of pixels are not known: none are stated
    assert not signal.has_item("Noise_properties.variance")
    assert u.smooth_maps.axes_manager.shape == u.maps.axes_manager.shape
    figure = u.plot_overview(smooth=True)
    assert any("smoothed over" in ax.get_title() for ax in figure.axes)
    assert not any("smoothed" in ax.get_title() for ax in u.plot_overview().figure.axes)


def test_counts_that_suffice_say_nothing():
    assert "smooth maps" not in unmix(grains(3000), 3).findings


def test_renamed_and_in_another_order():
    u = unmix(grains(10), 3)
    v = u.reorder([2, 0, 1]).rename(["a", "b", "c"])
    np.testing.assert_allclose(v.smooth_maps.data, u.smooth_maps.data[[2, 0, 1]])
    assert v.smoothing.names == ("a", "b", "c")


def test_saved_and_loaded(tmp_path):
    """Truth: the result that was saved."""
    u = unmix(grains(10))
    u.save(tmp_path / "r.hspy")
    v = load(tmp_path / "r.hspy")
    np.testing.assert_array_equal(v.smooth_maps.data, u.smooth_maps.data)
    assert v.smooth_maps.metadata.General.title == u.smooth_maps.metadata.General.title


@pytest.mark.parametrize("shape", [(4096,), (4, 32, 32)])
def test_lines_and_stacks(shape):
    """Truth: the phantom's maps; a line is as long as the map has pixels, a stack its quarters."""
    share = maps()
    if len(shape) == 1:
        share = share.reshape(-1, 3)
    else:
        share = share.reshape(2, 32, 2, 32, 3).swapaxes(1, 2).reshape(4, 32, 32, 3)
    values = np.random.default_rng(0).poisson(60 * share @ SPECTRA).astype(np.float32)
    u = unmix(calibrated(values, "unmix"), 3)
    unit = SPECTRA / np.linalg.norm(SPECTRA, axis=1, keepdims=True)
    nearest = (u.spectra.data @ unit.T).argmax(1)
    true = np.moveaxis(60 * share[..., nearest], -1, max(len(shape) - 2, 0))
    found, raw = u.smooth_maps.data - true, u.maps.data - true
    assert u.smooth_maps.data.shape == u.maps.data.shape
    assert np.sqrt(np.mean(found**2)) < 0.7 * np.sqrt(np.mean(raw**2))


def test_masked_pixels():
    """Truth: the phantom's maps; NaN where masked, in both."""
    mask = np.zeros((64, 64), bool)
    mask[:, 40:] = True
    u = unmix(grains(20), 3, navigation_mask=mask)
    true = true_maps(u, 20)
    assert np.isnan(u.smooth_maps.data[:, mask]).all()
    assert (rms(u.smooth_maps.data - true) < 0.6 * rms(u.maps.data - true)).all()
    whole = u.apply(grains(20, 1))
    assert (rms(whole.smooth_maps.data - true) < rms(whole.maps.data - true)).all()
