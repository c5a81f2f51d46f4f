"""Figures of the fit, the residual, the thickness, composites: what they show, and their labels."""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import SHAPE, array, two_phases, wedge

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def unmixed_wedge():
    """EELS with background, low loss and a thickness."""
    signal, low_loss = wedge()[:2]
    return signal.unmix(1, low_loss=low_loss, store=False)


def lines_of_fit(u):
    """The fit's lines by their names, and the axes that the navigator moves."""
    u.plot_fit()
    figure = plt.gcf()
    ax = next(ax for ax in figure.axes if ax.get_legend() is not None)
    legend = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    return dict(zip(names, ax.lines[: len(names)], strict=True)), figure


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


# ----------------------------------------------------------------------------------------- fit


@shapes
@eager_and_lazy
def test_fit_shows_counts_model_and_residual(shape, lazy):
    """Truth: the signal, `model()` and `residual()` at the navigator's pixel."""
    s = two_phases(shape, lazy=lazy)
    u = s.unmix(2, store=False).rename(["matrix", "1"])
    lines, figure = lines_of_fit(u)
    assert list(lines) == ["counts", "model", "matrix", "component 1", "residual"]
    first = (0,) * len(shape)
    model, residual = array(u.model()), array(u.residual())
    np.testing.assert_allclose(lines["model"].get_ydata(), model[first], rtol=1e-5)
    np.testing.assert_allclose(lines["residual"].get_ydata(), residual[first], atol=1e-3)
    total = lines["matrix"].get_ydata() + lines["component 1"].get_ydata()
    np.testing.assert_allclose(total, model[first], rtol=1e-5)
    figure.canvas.draw()


def test_fit_follows_the_navigator():
    """Truth: `model()` where the navigator is moved to."""
    u = two_phases().unmix(2, store=False)
    from hyperspy_unmix.components.forward_model import parts_of_fit

    image, parts = parts_of_fit(u.pca, u.arrays, u.names)
    known = array(u.model())
    for place in ((0, 0), (3, 2), (SHAPE[0] - 1, SHAPE[1] - 1)):
        np.testing.assert_allclose(parts["model"](place), known[place], rtol=1e-5)
    assert image.axes_manager.signal_axes[0].size == known.shape[-1]


def test_fit_of_a_core_loss_has_its_background_and_plural_scattering():
    """Truth: `background` and `model()`, and that all parts add up to the counts."""
    signal, low_loss, _ = data.inclined_boundary(shape=(12, 14))
    u = signal.unmix(1, low_loss=low_loss, store=False)
    from hyperspy_unmix.components.forward_model import parts_of_fit

    image, parts = parts_of_fit(u.pca, u.arrays, u.names)
    assert list(parts) == ["model", "component 0", "background", "residual"]
    place = (4, 5)
    np.testing.assert_allclose(parts["model"](place), array(u.model())[place], rtol=1e-4)
    np.testing.assert_allclose(parts["background"](place), array(u.background)[place], rtol=1e-4)
    np.testing.assert_allclose(
        parts["model"](place) + parts["residual"](place), image.data[place], rtol=1e-6
    )


def test_fit_of_a_masked_pixel_is_empty():
    mask = np.zeros(SHAPE, bool)
    mask[1, 2] = True
    u = two_phases().unmix(2, navigation_mask=mask, store=False)
    from hyperspy_unmix.components.forward_model import parts_of_fit

    _, parts = parts_of_fit(u.pca, u.arrays, u.names)
    assert np.isnan(parts["model"]((1, 2))).all()
    assert np.isfinite(parts["model"]((2, 1))).all()
    lines, figure = lines_of_fit(u)
    assert len(lines) == 5
    figure.canvas.draw()


# ------------------------------------------------------------------------------------ residual


@shapes
def test_residual(shape):
    u = two_phases(shape).unmix(2, store=False)
    figure = u.plot_residual()
    figure.canvas.draw()
    labels = {ax.get_ylabel() for ax in figure.axes} | {ax.get_xlabel() for ax in figure.axes}
    assert {"Mean residual (counts)", "Over noise", "Reduced chi-square"} <= labels
    # what stands out of the residual most: spectrum and map
    assert {"Residual (counts)", "Of its r.m.s."} <= labels
    lines = [line for ax in figure.axes for line in ax.lines if line.get_label() == "what is left"]
    np.testing.assert_array_equal(lines[0].get_ydata(), u.left_over.spectrum)
    assert any("(" in text for text in labels)


@eager_and_lazy
def test_reduced_chi_square_is_one_where_the_model_is_right(lazy):
    """Closed form: mean one; its scatter that of chi-square with 80 degrees of freedom, to 20 %."""
    u = two_phases((40, 40), lazy=lazy).unmix(2, store=False)
    found = array(u.reduced_chi_square)
    assert found.shape == (40, 40)
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert found.std() == pytest.approx(np.sqrt(2 / 80), rel=0.2)


@pytest.mark.parametrize(
    ("with_low_loss", "off"), [(False, 0.004), (True, 0.015)], ids=["core loss", "low loss"]
)
def test_reduced_chi_square_with_a_background(with_low_loss, off):
    """Noise alone gives one; the mean over 2 304 pixels scatters by 0.001.

    The low loss has noise of its own, which is in no variance.
    """
    s, low_loss, _ = data.inclined_boundary()
    u = hyperspy_unmix.unmix(s, low_loss=low_loss if with_low_loss else None)
    assert array(u.reduced_chi_square).mean() == pytest.approx(1, abs=off)


def test_reduced_chi_square_shows_a_phase_left_out():
    """Two phases described by one: the pixels of the second stand out."""
    s = two_phases((20, 20), dose=600.0)
    left_out = array(s.unmix(1, store=False).reduced_chi_square)
    assert left_out.mean() > 1.2 * array(s.unmix(2, store=False).reduced_chi_square).mean()


# ----------------------------------------------------------------------- thickness, composite


def test_thickness():
    u = unmixed_wedge()
    figure = u.plot_thickness()
    figure.canvas.draw()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:2] == ["thickness", "standard deviation"]
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(np.ravel(shown), np.ravel(u.thickness.data))
    with pytest.raises(ValueError, match="there is no thickness: give unmix"):
        two_phases().unmix(2, store=False).plot_thickness()


def test_composite_colours():
    """Closed form: a pixel of one component alone has its colour, masked ones are grey."""
    from hyperspy_unmix.plotting.colours import COMPOSITE, MISSING

    mask = np.zeros(SHAPE, bool)
    mask[0, 0] = True
    u = two_phases().unmix(3, navigation_mask=mask, store=False).rename(["a", "b", "c"])
    u.maps.data[:, 1, 1] = [0, 5.0, 0]
    u.maps.data[:, 2, 2] = 0
    figure = u.plot_composite(["b", 0])
    figure.canvas.draw()
    colours = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(colours[1, 1], COMPOSITE[0])
    np.testing.assert_allclose(colours[0, 0], MISSING)
    np.testing.assert_allclose(colours[2, 2], MISSING)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["b", "a"]
    assert len(u.plot_composite().legends[0].get_texts()) == 3


def test_colours_are_told_apart_without_red_or_green():
    """Truth: luminance (Rec. 709) and blue less yellow differ by a fifth at least."""
    from hyperspy_unmix.plotting.colours import COMPOSITE

    light = COMPOSITE @ [0.2126, 0.7152, 0.0722]
    blue = COMPOSITE[:, 2] - COMPOSITE[:, :2].mean(1)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert max(abs(light[i] - light[j]), abs(blue[i] - blue[j])) > 0.2


@pytest.mark.parametrize("components", [[0], [0, 0], [0, 1, 2, 1], ["no"], [0, 7], []])
def test_composite_of_others(components):
    u = two_phases().unmix(3, store=False)
    with pytest.raises(ValueError, match="component"):
        u.plot_composite(components)


def test_composite_of_one_component_says_what_to_plot():
    u = two_phases().unmix(1, store=False)
    with pytest.raises(ValueError, match=r"there is one only: plot\(\) and plot_overview\(\) show"):
        u.plot_composite()


def test_composite_of_a_line():
    with pytest.raises(ValueError, match=r"a map of two axes, this scan has \(30,\)"):
        two_phases((30,)).unmix(2, store=False).plot_composite()


def test_long_names_and_titles_are_not_read_as_mathematics():
    s = two_phases()
    s.metadata.General.title = "50 % $x_1 & <b>" * 4
    u = s.unmix(2, store=False)
    for figure in (u.plot_residual(), u.plot_composite(), u.plot_overview()):
        figure.canvas.draw()
    assert isinstance(u.reduced_chi_square, hs.signals.Signal2D)
