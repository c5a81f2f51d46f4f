"""Figures draw, are labelled, and spectra and maps move together."""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import (
    SHAPE,
    component_first,
    counts,
    edge_on_background,
    two_phases,
    wedge,
)

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4), "4D": (2, 3, 4, 5)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
numbers = pytest.mark.parametrize("n", [1, 3])
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def component_axis(signal):
    return next(a for a in signal.axes_manager.navigation_axes if a.name == "Component")


def drawn(signal):
    """Numbers that the signal's figure shows."""
    plot = signal._plot.signal_plot
    if hasattr(plot, "ax_lines"):
        return np.asarray(plot.ax_lines[0].line.get_ydata())
    return np.asarray(plot.ax.images[0].get_array())


def assert_both_show(u, i):
    np.testing.assert_allclose(drawn(u.spectra), u.spectra.data[i])
    maps = component_first(u.maps)[i]
    if maps.ndim > 2:
        maps = maps[(0,) * (maps.ndim - 2)]
    np.testing.assert_allclose(drawn(u.maps), maps)


@shapes
@eager_and_lazy
def test_spectra_and_maps_move_together(shape, lazy):
    u = two_phases(shape, lazy=lazy).unmix(3)
    u.plot()
    assert_both_show(u, 0)
    component_axis(u.spectra).index = 2
    assert_both_show(u, 2)
    component_axis(u.maps).index = 1
    assert_both_show(u, 1)
    assert component_axis(u.spectra).index == component_axis(u.maps).index == 1


@shapes
def test_the_navigator_moves_both(shape):
    u = two_phases(shape).unmix(3)
    u.plot()
    # what the pointer in the navigator, the arrow keys and the sliders change
    next(a for a in u.spectra._plot.axes_manager._axes if a.name == "Component").index = 1
    assert_both_show(u, 1)
    next(a for a in u.maps._plot.axes_manager._axes if a.name == "Component").index = 2
    assert_both_show(u, 2)


def test_further_scan_axes_move_the_maps_alone():
    u = two_phases((3, 5, 4)).unmix(2)
    u.plot()
    next(a for a in u.maps.axes_manager.navigation_axes if a.name == "z").index = 2
    np.testing.assert_allclose(drawn(u.maps), u.maps.data[2, 0])
    component_axis(u.spectra).index = 1
    np.testing.assert_allclose(drawn(u.maps), u.maps.data[2, 1])
    np.testing.assert_allclose(drawn(u.spectra), u.spectra.data[1])


@pytest.mark.parametrize("shape", [SHAPE, (3, 5, 4)])
def test_plot_again(shape):
    u = two_phases(shape).unmix(2)
    u.plot()
    number = len(plt.get_fignums())
    u.plot()
    assert len(plt.get_fignums()) == number
    plt.close("all")
    u.plot()
    assert len(plt.get_fignums()) == number
    component_axis(u.spectra).index = 1
    assert_both_show(u, 1)


def test_plotting_two_results_keeps_them_apart():
    a, b = two_phases().unmix(2), two_phases().unmix(3)
    a.plot()
    b.plot()
    component_axis(b.spectra).index = 2
    assert_both_show(b, 2)
    assert_both_show(a, 0)


def test_titles_name_what_is_shown():
    """Truth: the names, and which of them are unstable; points for components, none cut off."""
    u = two_phases(dose=400.0).unmix(3).rename(["core", "shell", "left over"])
    u.plot()
    titles = [f"{name} (UNSTABLE)" if name in u.unstable else name for name in u.names]
    assert any("UNSTABLE" in title for title in titles)
    navigator = u.spectra._plot.navigator_plot.ax
    assert [x.get_text() for x in navigator.get_xticklabels()] == titles
    for place in (0, 2, 1):
        component_axis(u.maps).index = place
        for signal in (u.spectra, u.maps):
            assert signal._plot.signal_plot.ax.get_title() == titles[place]
        low, high = navigator.get_ylim()
        counts = u.spectra._plot.navigator_plot.ax_lines[0].line.get_ydata()
        assert low < counts.min() < counts.max() < high


@shapes
@numbers
def test_plot_draws(shape, n):
    u = two_phases(shape).unmix(n)
    u.plot()
    assert len(plt.get_fignums()) >= 2
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (1, 40), (40, 1), (2, 2), (1, 1, 3)])
def test_small_scans(shape):
    u = two_phases(shape).unmix(1)
    u.plot()
    u.plot_overview().canvas.draw()
    u.plot_scree().figure.canvas.draw()


@shapes
@numbers
def test_overview(shape, n):
    u = two_phases(shape).unmix(n)
    figure = u.plot_overview()
    figure.canvas.draw()
    spectra, maps = figure.axes[: 2 * n : 2], figure.axes[1 : 2 * n : 2]
    assert len(spectra) == len(maps) == n
    for i, ax in enumerate(spectra):
        assert ax.get_xlabel() == "Energy loss (eV)"
        assert "1/eV" in ax.get_ylabel()
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), u.spectra.data[i])
    for i, ax in enumerate(maps):
        assert ax.get_xlabel() == "x (nm)"
        assert ax.get_ylabel() == ("y (nm)" if len(shape) > 1 else "Counts")
        shown = ax.images[0].get_array() if len(shape) > 1 else ax.lines[0].get_ydata()
        if len(shape) < 3:
            np.testing.assert_array_equal(np.ravel(shown), component_first(u.maps)[i].ravel())
    for ax in figure.axes[2 * n :]:
        assert ax.get_ylabel() or ax.get_xlabel()


@numbers
def test_scree(n):
    u = two_phases().unmix(n)
    for ax in (u.plot_scree(), u.pca.plot_scree()):
        ax.figure.canvas.draw()
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert ax.get_yscale() == "log"
        values = np.concatenate([np.atleast_1d(line.get_ydata()) for line in ax.lines])
        assert np.isfinite(values).all()
    _, given = plt.subplots()
    assert u.plot_scree(given) is given


def test_after_background_and_scattering():
    s, ll, _ = wedge()
    for u in (s.unmix(low_loss=ll, background=None), edge_on_background().unmix()):
        u.plot()
        u.plot_overview().canvas.draw()
        u.plot_scree().figure.canvas.draw()
        labels = " ".join(text.get_text() for text in plt.gca().get_legend().get_texts())
        assert "after" in labels
    assert "ingle-scattering" in s.unmix(1, low_loss=ll).plot_overview().axes[-1].get_ylabel()


def test_without_units_and_names():
    u = hyperspy_unmix.unmix(hs.signals.Signal1D(counts()), 2)
    u.plot()
    figure = u.plot_overview()
    for ax in (*figure.axes[:4], u.plot_scree()):
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert "ndefined" not in ax.get_xlabel() + ax.get_ylabel()
    figure.canvas.draw()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_non_uniform_axes(which):
    s = two_phases()
    axis = s.axes_manager[which]
    axis.convert_to_non_uniform_axis()
    axis.axis = axis.axis[0] + np.arange(axis.size) ** 1.1
    u = s.unmix(2)
    u.plot_overview().canvas.draw()
    u.plot_scree()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_reversed_axes(which):
    s = two_phases()
    s.axes_manager[which].scale *= -1
    u = s.unmix(2)
    u.plot()
    u.plot_overview().canvas.draw()


def test_masked():
    mask, channels = np.zeros(SHAPE, bool), np.zeros(80, bool)
    mask[0], channels[:9] = True, True
    u = two_phases().unmix(2, navigation_mask=mask, signal_mask=channels)
    u.plot()
    component_axis(u.spectra).index = 1
    u.plot_overview().canvas.draw()


@pytest.mark.parametrize("title", ["Ångström & <b>", "a $ b", "cost $5_{ to $6", r"x_{", ""])
def test_titles(title):
    s = two_phases()
    s.metadata.General.title = title
    u = s.unmix(2)
    u.plot_overview().canvas.draw()
    u.plot_scree().figure.canvas.draw()
    assert title in u.title


@eager_and_lazy
def test_every_signal_of_the_result_plots(lazy):
    s, ll, _ = wedge(lazy=lazy)
    u = s.unmix(2, low_loss=ll, background=None)
    signals = (*u, u.fractions, u.thickness, u.spectra_counts, u.model(), u.residual())
    for signal in (*signals, u.pca.components, u.pca.scores, u.pca.scree):
        signal.plot()
        plt.close("all")


@pytest.mark.parametrize("live", [False, True], ids=["inline", "ipympl"])
def test_notebooks_show_a_figure_once(live, monkeypatch):
    """A picture, after which pyplot has it no more; nothing where its canvas is shown already."""
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr("hyperspy_unmix.plotting.figures.is_live", lambda: live)
    u = two_phases().unmix(2)
    for figure in (u.plot_overview(), u.plot_residual(), u.plot_composite()):
        figure._ipython_display_()
        assert (figure.number in plt.get_fignums()) == live
        assert len(shown) == (not live)
        plt.close(figure)
        shown.clear()
        figure._ipython_display_()
        assert shown.pop().data.startswith(b"\x89PNG")
