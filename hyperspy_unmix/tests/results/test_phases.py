"""Phases of phantoms whose regions are known, as HyperSpy signals."""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import array


@pytest.fixture(scope="module")
def phantom():
    return data.eds_phases((32, 32), phases=3)


@pytest.fixture(scope="module")
def phases(phantom):
    return hyperspy_unmix.phases(phantom.signal)


def shares(truth):
    maps = array(truth.maps)
    return maps / maps.sum(0)


def test_pure_pixels_of_the_phantom_are_right(phantom, phases):
    share = shares(phantom.truth)
    pure, true = share.max(0) > 0.99, share.argmax(0)
    assert len(phases) == 3
    labels = phases.labels.data
    number = [np.bincount(true[labels == i]).argmax() for i in range(3)]
    assert sorted(number) == [0, 1, 2]
    assert np.mean(np.where(labels >= 0, np.array(number)[labels], -1)[pure] == true[pure]) > 0.97
    # Spectra are no farther from the truth than the noise of their counts: they hold less of it.
    truth = array(phantom.truth.spectra)[number]
    found = array(phases.spectra)
    cosines = np.sum(truth * found, 1)
    cosines /= np.linalg.norm(truth, axis=1) * np.linalg.norm(found, axis=1)
    errors = np.nan_to_num(array(phases.spectra_uncertainty), posinf=0)
    noise = np.linalg.norm(errors, axis=1) / np.linalg.norm(found, axis=1)
    assert (np.arccos(cosines) < noise).all()


def test_signals_are_calibrated(phantom, phases):
    s = phantom.signal
    assert phases.labels.axes_manager.signal_shape == s.axes_manager.navigation_shape
    assert phases.labels.axes_manager[0].scale == s.axes_manager[0].scale
    assert phases.labels.data.dtype.kind == "i"
    axis = phases.spectra.axes_manager.signal_axes[0]
    np.testing.assert_allclose(phases.spectra.data.sum(1) * axis.scale, 1)
    error = phases.spectra_uncertainty
    assert error.data.shape == phases.spectra.data.shape
    areas = phases.areas
    assert sum(areas.values()) == pytest.approx(1)
    assert areas["0"] == np.mean(phases.labels.data == 0)
    np.testing.assert_array_equal(phases.mask(1).data, phases.labels.data == 1)
    assert phases.settings["phases"].value == 3


def test_errors_of_spectra_are_those_of_the_counts(phantom, phases):
    """Truth: the mean of the counts in the pixels of the phase, whose scatter is Poisson's."""
    pixels = phases.mask(0).data
    counts = np.asarray(phantom.signal.data[pixels], float)
    expected = np.sqrt(counts.sum(0)) / counts.sum() / phantom.signal.axes_manager[-1].scale
    error = phases.spectra_uncertainty.data[0]
    strong = counts.sum(0) > 100
    np.testing.assert_allclose(error[strong], expected[strong], rtol=0.3)


def test_spectra_and_masks_are_known_components(phantom, phases):
    p = hyperspy_unmix.pca(phantom.signal)
    u = p.ica(known={"first": phases.spectra.inav[0], "second": phases.mask(1)})
    assert {"first", "second"} < set(u.names)
    again = u.phases()
    np.testing.assert_array_equal(array(again.labels), array(phases.labels))
    assert again.names[:2] == ("first", "second")
    assert u.match(phases.spectra).angles.min(1).max() < 3
    assert again.rename(["a", "b", "c"]).names == ("a", "b", "c")
    assert again.rename(["a", "b", "c"]).code.endswith("rename(['a', 'b', 'c'])\n)")


def test_components_of_noise_tell_no_phases_apart(phantom, phases):
    """Truth: three phases, whatever number of components is asked for."""
    more = hyperspy_unmix.phases(phantom.signal, 6)
    assert len(more) == 3 and more.compressed.rank < 6
    assert more.settings["components"].value == more.compressed.rank
    assert np.mean(array(more.labels) == array(phases.labels)) > 0.95


def test_words(phases):
    text, html = repr(phases), phases._repr_html_()
    assert text.startswith("3 phases of Grains of several phases")
    for words in ("phase 0", "mixed", "probability of 0.01", "population"):
        assert words in text and words in html
    html = phases.rename(["<i>", "b", "c"])._repr_html_()
    assert "&lt;i&gt;" in html and "<i>" not in html


def test_lines_lazy_stacks_and_noise(phantom, phases):
    lazy = hyperspy_unmix.phases(phantom.signal.as_lazy(), show_progressbar=False)
    np.testing.assert_array_equal(array(lazy.labels), array(phases.labels))
    line = hyperspy_unmix.phases(phantom.signal.inav[:, 16])
    assert line.labels.axes_manager.signal_shape == (32,)
    assert set(np.unique(line.labels.data)) <= {-1, 0, 1, 2}
    noise = hs.signals.Signal1D(np.random.default_rng(0).standard_normal((16, 16, 64)))
    none = hyperspy_unmix.phases(noise)
    assert len(none) == 0 and none.areas["(mixed)"] == 1
    assert none.spectra.data.shape[-1] == 64 and "WARNING: no phases" in none.settings
    for one in (line, none):
        one.plot()
        plt.close("all")


def test_plot_has_names_and_areas(phases):
    figure = phases.rename(["olivine", "b", "c"]).plot()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == f"olivine, {100 * phases.areas['0']:.1f} %"
    assert texts[3].startswith("mixed, ")
    _, ax = plt.subplots()
    assert phases.plot(ax=ax, colors=["r", "g", "b"], title="", scalebar=True) is ax
    with pytest.raises(ValueError, match="3 are needed"):
        phases.plot(colors=["r"])
    plt.close("all")


def test_export(phases, tmp_path):
    files = phases.export(tmp_path / "out")
    names = [file.name for file in files]
    assert names == ["phase_0.msa", "phase_1.msa", "phase_2.msa", "phases.tif", "summary.txt"]
    labels = hs.load(tmp_path / "out" / "phases.tif")
    np.testing.assert_array_equal(labels.data, phases.labels.data)


@pytest.mark.parametrize("value", [0, 1.0, -0.1, "often", True])
def test_false_alarm_is_a_probability(phantom, value):
    with pytest.raises((TypeError, ValueError), match="false_alarm"):
        hyperspy_unmix.phases(phantom.signal, false_alarm=value)


def test_phases_where_channels_are_summed():
    """Truth: seven of eight minerals are above the noise of 24 x 24 pixels, each a region."""
    s = data.eds_phases(shape=(24, 24)).signal
    found = hyperspy_unmix.phases(s)
    assert found.spectra.data.shape[1] == unmix_channels(s)
    assert 5 <= len(found) <= 8


@pytest.mark.parametrize("counts", [0.002, 0.02, 0.1])
def test_next_to_no_counts_are_no_phases(counts):
    """Truth: one spectrum; in none of these is there more than one phase."""
    s = hs.signals.Signal1D(np.random.default_rng(1).poisson(counts, (12, 12, 200)))
    assert len(hyperspy_unmix.phases(s)) <= 1


def unmix_channels(s):
    u = hyperspy_unmix.unmix(s)
    assert u.settings["summed channels"].value > 1
    return u.spectra.data.shape[1]
