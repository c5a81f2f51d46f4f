"""HyperSpy's own plots, getters and models work on what ``store=True`` leaves in the signal."""

import logging
import sys

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import (
    SHAPE,
    array,
    component_first,
    edge_on_background,
    two_phases,
    wedge,
)

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
shapes = pytest.mark.parametrize("shape", [(30,), SHAPE, (3, 5, 4)], ids=["1D", "2D", "3D"])
PIXELS, CHANNELS = np.zeros(SHAPE, bool), np.zeros(80, bool)
PIXELS[2:4, 1:9] = CHANNELS[:5] = CHANNELS[40:44] = True
MASKS = {
    "no mask": {},
    "pixels": {"navigation_mask": PIXELS},
    "channels": {"signal_mask": CHANNELS},
    "both": {"navigation_mask": PIXELS, "signal_mask": CHANNELS},
    "range": {"signal_range": (120, 240)},
}
masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def assert_plots(s):
    """Every native plot of the decomposition draws."""
    s.plot_bss_results()
    s.plot_decomposition_results()
    if s.learning_results.bss_factors.shape[1] > 1 and s.axes_manager.navigation_dimension < 3:
        # HyperSpy's own limits: these two raise for one component and for three navigation axes
        s.plot_bss_factors()
        s.plot_bss_loadings()
    ax = s.plot_scree_plot()
    ax.figure.canvas.draw()
    plt.close("all")


def assert_holds(s, u):
    """Getters and model say what the result says."""
    factors, loadings = s.get_bss_factors(), s.get_bss_loadings()
    width = abs(u.spectra.axes_manager[-1].scale)
    first = round((u.spectra.axes_manager[-1].offset - s.axes_manager[-1].offset) / width)
    inside = slice(first, first + u.spectra.data.shape[-1])
    np.testing.assert_allclose(array(factors)[:, inside], u.spectra.data * width)
    outside = np.ones(s.data.shape[-1], bool)
    outside[inside] = False
    assert np.isnan(array(factors)[:, outside]).all()
    maps = component_first(u.maps)
    np.testing.assert_allclose(array(loadings).reshape(maps.shape), maps)
    model, expected = array(s.get_bss_model())[..., inside], array(u.model("single_scattering"))
    known = np.isfinite(expected)
    top = np.abs(expected[known]).max()
    np.testing.assert_allclose(model[known], expected[known], atol=1e-5 * top)


@shapes
@eager_and_lazy
def test_native_plots(shape, lazy):
    s = two_phases(shape, lazy=lazy)
    before = array(s)
    u = s.unmix(2)
    assert_holds(s, u)
    assert_plots(s)
    np.testing.assert_array_equal(array(s), before)
    stored = s.learning_results
    assert stored.number_significant_components == 2
    assert "hyperspy_unmix" in stored.decomposition_algorithm
    assert "hyperspy_unmix" in stored.bss_algorithm
    assert stored.mean is None
    model = array(s.get_decomposition_model(2))
    np.testing.assert_allclose(model, array(s.denoise(2)), atol=1e-3 * model.max())


@masks
@eager_and_lazy
def test_masks(mask, lazy):
    s = two_phases(lazy=lazy)
    u = s.unmix(2, **mask)
    assert_holds(s, u)
    assert_plots(s)


@pytest.mark.parametrize("signal_type", ["EELS_unmix", "EDS_TEM_unmix", "EDS_SEM_unmix"])
def test_every_type(signal_type):
    s = two_phases(signal_type=signal_type, dtype="u2")
    assert_holds(s, s.unmix(2, background=None))
    assert_plots(s)


def test_one_component():
    s = two_phases()
    assert_holds(s, s.unmix(1))
    assert_plots(s)


def test_with_background_and_low_loss():
    s = edge_on_background()
    assert_holds(s, s.unmix(2))
    s, ll, _ = wedge()
    assert_holds(s, s.unmix(1, low_loss=ll, background=None))
    assert_plots(s)


def test_unmixing_matrix_makes_the_spectra():
    s = two_phases()
    u = s.unmix(2)
    stored = s.learning_results
    assert stored.unmixing_matrix.shape == (2, 2)
    assert stored.bss_factors.shape == (80, 2)
    assert stored.bss_loadings.shape == (120, 2)
    assert stored.explained_variance.shape == u.pca.scree_values.shape
    np.testing.assert_allclose(stored.explained_variance_ratio.sum(), 1)


@pytest.mark.parametrize("extension", ["hspy", "zspy"])
@eager_and_lazy
@pytest.mark.parametrize("mask", [{}, MASKS["both"]], ids=["no mask", "masks"])
def test_save_and_load(tmp_path, extension, lazy, mask):
    s = two_phases(lazy=lazy, signal_type="EELS_unmix")
    u = s.unmix(2, background=None, **mask)
    file = tmp_path / f"scene.{extension}"
    s.save(file)
    loaded = hs.load(file)
    assert loaded.metadata.Signal.signal_type == "EELS_unmix"
    assert_holds(loaded, u)
    assert_plots(loaded)
    for name in ("factors", "loadings", "bss_factors", "bss_loadings", "unmixing_matrix"):
        np.testing.assert_array_equal(
            getattr(loaded.learning_results, name), getattr(s.learning_results, name)
        )
    again = loaded.unmix(2, background=None, **mask)
    np.testing.assert_array_equal(again.maps.data, u.maps.data)


@pytest.mark.parametrize("extension", ["hspy", "zspy"])
def test_load_lazily(tmp_path, extension):
    s = two_phases()
    u = s.unmix(2)
    file = tmp_path / f"scene.{extension}"
    s.save(file)
    loaded = hs.load(file, lazy=True)
    # HyperSpy leaves these as dask arrays, which its own plots refuse
    stored = loaded.learning_results
    for name in ("factors", "loadings", "bss_factors", "bss_loadings"):
        values = getattr(stored, name)
        setattr(stored, name, np.asarray(values.compute() if hasattr(values, "dask") else values))
    assert_holds(loaded, u)
    np.testing.assert_allclose(loaded.unmix(2).maps.data, u.maps.data, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("extension", ["hspy", "zspy"])
def test_the_result_saves_and_loads(tmp_path, extension):
    for u in (two_phases(signal_type="EDS_TEM_unmix").unmix(2), two_phases((30,)).unmix(2)):
        for signal in (*u, u.fractions, u.model(), u.residual()):
            file = tmp_path / f"{signal.metadata.General.title.replace(':', '')}.{extension}"
            signal.save(file, overwrite=True)
            loaded = hs.load(file)
            assert type(loaded) is type(signal)
            np.testing.assert_array_equal(loaded.data, signal.data)
            # exspy's classes set it whenever they are made
            loaded.axes_manager[-1].is_binned = signal.axes_manager[-1].is_binned
            assert loaded.axes_manager.as_dictionary() == signal.axes_manager.as_dictionary()
            found, known = (x.metadata.Signal.as_dictionary() for x in (loaded, signal))
            noise = [x.pop("Noise_properties", None) for x in (found, known)]
            assert found == known
            assert (noise[0] is None) == (noise[1] is None)
            if noise[1] is not None:
                variances = [x.get_noise_variance() for x in (loaded, signal)]
                np.testing.assert_array_equal(variances[0].data, variances[1].data)


@eager_and_lazy
def test_store_false_leaves_everything(lazy):
    s = two_phases(lazy=lazy)
    before = s.learning_results
    s.unmix(2, store=False)
    hyperspy_unmix.unmix(s, 2)
    s.pca(), s.denoise(), s.preprocess(), s.estimate_number_of_components()
    assert s.learning_results is before
    assert before.factors is None
    assert before.bss_factors is None


def test_store_false_leaves_an_earlier_decomposition():
    s = two_phases()
    s.decomposition(print_info=False)
    before, factors = s.learning_results, s.learning_results.factors
    s.unmix(2, store=False)
    assert s.learning_results is before
    assert s.learning_results.factors is factors


def test_replacing_a_decomposition_is_logged(caplog):
    s = two_phases()
    with caplog.at_level(logging.INFO, logger="hyperspy_unmix"):
        s.unmix(2)
        assert "replaced" not in caplog.text
        s.unmix(2)
        assert "replaced" in caplog.text
    caplog.clear()
    s = two_phases()
    s.decomposition(algorithm="SVD", print_info=False)
    s.cluster_analysis("signal", n_clusters=2)
    with caplog.at_level(logging.WARNING, logger="hyperspy_unmix"):
        s.unmix(2)
    assert "SVD" in caplog.text
    assert "store=False" in caplog.text
    assert s.learning_results.cluster_labels is None


def test_an_error_leaves_the_earlier_decomposition():
    s = two_phases()
    s.unmix(2)
    before = s.learning_results
    with pytest.raises(ValueError, match="n_components"):
        s.unmix(500)
    assert s.learning_results is before


def test_stored_arrays_are_not_those_of_the_result():
    s = two_phases()
    u = s.unmix(2)
    maps, model = u.maps.data.copy(), array(u.model())
    s.normalize_bss_components("factors")
    s.reverse_bss_component(0)
    np.testing.assert_array_equal(u.maps.data, maps)
    np.testing.assert_array_equal(array(u.model()), model)


def test_after_plotting_the_data_are_what_they_were():
    s = two_phases(dtype="u2")
    before = s.data.copy()
    s.unmix(2)
    assert_plots(s)
    s.get_bss_model(), s.get_decomposition_model()
    np.testing.assert_array_equal(s.data, before)
    assert s.data.dtype == np.uint16


def test_a_hyperspy_without_learn(monkeypatch, caplog):
    """As HyperSpy 3 may be: no module and no attribute. The result is returned all the same."""
    s = two_phases()
    known = s.unmix(2, store=False)
    monkeypatch.setitem(sys.modules, "hyperspy.learn", None)
    monkeypatch.delattr(s, "learning_results")
    for u in (s.unmix(2), *hyperspy_unmix.unmix([s, s], 2, store=True)[:1]):
        assert u.n_components == known.n_components
    said = [r.getMessage() for r in caplog.records if "learning_results" in r.getMessage()]
    assert len(said) == 2
    assert all("store=False" in words for words in said)
    caplog.clear()
    s.unmix(2, store=False)
    assert not any("learning_results" in r.getMessage() for r in caplog.records)
    with pytest.raises(TypeError, match="a HyperSpy signal is needed"):
        hyperspy_unmix.unmix(s.data, 2, store=True)


def test_the_class_of_learning_results_may_move(monkeypatch):
    s = two_phases()
    monkeypatch.setitem(sys.modules, "hyperspy.learn", None)
    s.unmix(2)
    assert s.learning_results.bss_factors.shape == (80, 2)
