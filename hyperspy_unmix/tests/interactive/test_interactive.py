"""The interactive tool, driven by its attributes and by the widgets of both toolkits."""

import logging

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from traits.api import TraitError

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.interactive import UnmixTool
from hyperspy_unmix.interactive.carry_names import kept_names
from hyperspy_unmix.plotting.figures import is_live
from hyperspy_unmix.tests.scenes import SHAPE, array, edge_on_background, two_phases, untouched

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def degrees(found, known):
    """Angles of spectra in degrees."""
    cosine = np.sum(found * known, 1) / np.linalg.norm(found, axis=1)
    return np.degrees(np.arccos(np.clip(cosine / np.linalg.norm(known, axis=1), -1, 1)))


@pytest.fixture
def phantom():
    return data.core_shell(shape=(24, 24))


@pytest.fixture
def tool(phantom):
    return phantom.signal.unmix(interactive=True, low_loss=phantom.low_loss)


@pytest.fixture
def widgets(tool):
    return tool, tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]


# ------------------------------------------------------------------------ another background


@pytest.mark.parametrize("detector", ["counting", "ccd"])
def test_another_background_is_as_if_it_had_been_asked_for(detector):
    """Truth: unmix() with that window, whose PCA is over the shorter range."""
    made = data.core_shell(shape=(40, 40), detector=detector)
    whole = hyperspy_unmix.pca(made.signal, low_loss=made.low_loss, background=None)
    for window in ((455.0, 522.0), (480.0, 525.0)):
        found = whole.with_background(window).ica()
        known = hyperspy_unmix.unmix(made.signal, low_loss=made.low_loss, background=window)
        assert found.settings["background"] == known.settings["background"]
        assert found.n_components == known.n_components == 3
        # the error of an angle at this dose is some tenths of a degree
        assert (degrees(found.arrays.spectra, known.arrays.spectra) < 0.6).all()
        for name in ("spectra_uncertainty", "maps_uncertainty"):
            size = [np.sqrt(np.nanmean(array(getattr(u, name)) ** 2)) for u in (found, known)]
            assert size[0] == pytest.approx(size[1], rel=0.15)
        size = [np.nanmean(array(u.reduced_chi_square)) for u in (found, known)]
        assert size[0] == pytest.approx(size[1], abs=0.02)


def test_components_of_a_shorter_range_are_a_basis():
    """Closed form: white and orthogonal, as those of a PCA are."""
    made = data.core_shell(shape=(20, 20))
    whole = hyperspy_unmix.pca(made.signal, low_loss=made.low_loss, background=None)
    raw = whole.with_background((480.0, 525.0)).raw
    white = raw.whitening.whiten(raw.components)
    np.testing.assert_allclose(white @ white.T, np.eye(raw.rank), atol=1e-6)


def test_low_loss_has_no_background_but_the_tail_of_its_peak():
    """Truth: unmix() of a low loss that holds its own zero-loss peak."""
    s = data.inclined_boundary(shape=(16, 16)).low_loss
    known = hyperspy_unmix.unmix(s)
    tool = hyperspy_unmix.unmix(s, interactive=True)
    assert tool.result.settings["background"] == known.settings["background"]
    assert not tool.subtracts_background
    assert tool.n_components == known.n_components
    assert (degrees(tool.result.arrays.spectra, known.arrays.spectra) < 1e-6).all()
    tool.apply()
    assert tool.result.settings["background"] == known.settings["background"]


def test_another_background_takes_no_pass(monkeypatch):
    from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks

    s = edge_on_background()
    whole = hyperspy_unmix.pca(s, background=None)
    monkeypatch.setattr(RowBlocks, "reduce", None)
    for window in ("auto", (420.0, 520.0), ((420.0, 450.0), (500.0, 525.0)), None):
        whole.with_background(window).ica(1)
    with pytest.raises(ValueError, match="analysed range, which goes from 400"):
        whole.with_background((300.0, 350.0))
    with pytest.raises(ValueError, match="analysed range, which goes from 450"):
        whole.with_background((450.0, 520.0)).with_background((410.0, 520.0))


def test_channels_of_correlated_noise():
    """Closed form: the covariance of the channels that are left."""
    from hyperspy_unmix.numerics.noise.whitening import channel_whitening

    rng = np.random.default_rng(0)
    white = channel_whitening(rng.uniform(1, 3, 30), (0.4, 0.1))
    keep = np.arange(30) >= 12
    left = white.select_channels(keep)

    def covariance(w):
        unit = w.colour(np.eye(len(w.channel_sd)))
        return unit.T @ unit

    # Channels far apart are uncorrelated but for rounding.
    expected = covariance(white)[np.ix_(keep, keep)]
    np.testing.assert_allclose(covariance(left), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(left.whiten(left.colour(np.eye(18))), np.eye(18), atol=1e-12)


# ---------------------------------------------------------------------------------- without GUI


@shapes
@eager_and_lazy
def test_result_follows_the_choices(shape, lazy):
    s = two_phases(shape, lazy=lazy)
    with untouched(s):
        tool = s.unmix(interactive=True, store=False)
        assert isinstance(tool, UnmixTool)
        assert tool.result.n_components == tool.n_components == 2
        tool.n_components = 1
        assert tool.result.n_components == 1
        tool.n_components = 2
        tool.assume = "pure"
        assert "pure pixels" in tool.result.settings
        tool.shown().png()


def test_tool_begins_with_what_unmix_would_find(phantom, tool):
    known = hyperspy_unmix.unmix(phantom.signal, low_loss=phantom.low_loss)
    assert tool.n_components == known.n_components == 3
    assert tool.subtracts_background
    window = tool.background_start, tool.background_end
    assert window == pytest.approx(known.settings["background"].value)
    assert (degrees(tool.result.arrays.spectra, known.arrays.spectra) < 1).all()


def test_window_is_taken_and_a_bad_one_refused(tool, caplog):
    tool.set_background(460.0, 520.0)
    assert tool.result.settings["background"].value == (460.0, 520.0)
    before = tool.result
    tool.background_end = 450.0
    assert "start must be smaller than end" in tool.message
    assert "start must be smaller than end" in caplog.text
    assert tool.result is before
    tool.background_end = 515.0
    assert tool.result.settings["background"].value == (460.0, 515.0)
    assert "start must" not in tool.message
    tool.subtracts_background = False
    assert tool.result.background is None
    assert tool.result.pca.prepared.image.energies[0] == 400.0
    tool.subtracts_background = True
    assert tool.result.settings["background"].value == (460.0, 515.0)


def test_several_windows_stay_until_one_is_chosen():
    s = edge_on_background()
    windows = ((410.0, 450.0), (490.0, 525.0))
    tool = s.unmix(1, interactive=True, background=windows, store=False)
    assert tool.result.settings["background"].value == windows
    tool.n_components = 2
    tool.subtracts_background = False
    tool.subtracts_background = True
    assert tool.result.settings["background"].value == windows
    tool.background_start = 420.0
    assert tool.result.settings["background"].value == (420.0, 525.0)


def test_names_and_signs_stay_with_their_components(tool):
    tool.name = "film"
    tool.component = 1
    assert tool.name == "1"
    tool.name = "shell"
    tool.flip()
    sums = tool.result.arrays.maps.sum(0)
    assert sums[0] > 0 > sums[1]
    tool.set_background(465.0, 522.0)
    assert tool.result.names == ("film", "shell", "2")
    assert (np.sign(tool.result.arrays.maps.sum(0)) == np.sign(sums)).all()
    tool.name = "film"
    assert "film" in tool.message
    assert tool.result.names == ("film", "shell", "2")
    tool.n_components = 1
    assert tool.component == 0
    assert tool.result.n_components == 1


def test_names_do_not_go_to_other_components():
    """Spectra farther than 20 degrees from all that had names."""
    s = two_phases()
    before = s.unmix(2, store=False).rename(["a", "b"])
    s.data = np.roll(s.data, 20, axis=-1)
    after = s.unmix(2, store=False)
    assert kept_names(before, after).names == ("0", "1")
    assert kept_names(before, before.reorder([1, 0]).rename(["0", "1"])).names == ("b", "a")


def test_apply_counts_again_and_stores(phantom, tool):
    tool.set_background(465.0, 522.0)
    tool.component = 2
    tool.name = "core"
    assert phantom.signal.learning_results.bss_factors is None
    assert not tool.applied
    tool.apply()
    assert tool.applied
    assert tool.result.names[2] == "core"
    assert phantom.signal.learning_results.bss_factors.shape[1] == 3
    known = phantom.signal.unmix(
        3, low_loss=phantom.low_loss, background=(465.0, 522.0), store=False
    )
    assert tool.result.pca.count == known.pca.count
    assert tool.code == tool.result.code
    tool.n_components = 2
    assert not tool.applied


def test_changes_are_undone(tool):
    """Truth: the results before, as objects, and the choices that gave them."""
    opened, choices = tool.result, tool.trait_get("n_components", "assume", "background_start")
    tool.undo()
    assert "nothing to undo" in tool.message
    tool.n_components = 2
    two = tool.result
    tool.flip()
    tool.assume = "pure"
    tool.set_background(465.0, 522.0)
    tool.set_background(300.0, 310.0)  # not possible: nothing to undo
    assert "background=(465, 522)" in tool.code
    for _ in range(3):
        tool.undo()
    assert tool.result is two
    assert (tool.n_components, tool.assume) == (2, "auto")
    assert "(465, 522)" not in tool.code
    tool.name = "oxide"
    tool.call_pure("film", (0, 0, 6, 5))
    tool.undo()
    assert tool.known == {}
    assert tool.result.names[tool.component] == "oxide"
    tool.reset()
    assert tool.result is opened
    assert tool.trait_get(*choices) == choices


def test_saved_from_the_tool(tool, tmp_path):
    """Truth: what the functions of the result read again; nothing is overwritten unasked."""
    for name in ("a.hspy", "b.html", "c.png"):
        tool.save(tmp_path / name)
        assert f"Saved as {tmp_path / name}" in tool.message
        assert (tmp_path / name).stat().st_size > 1000
    loaded = hyperspy_unmix.load(tmp_path / "a.hspy")
    np.testing.assert_allclose(loaded.arrays.spectra, tool.result.arrays.spectra, rtol=1e-6)
    (tmp_path / "d.html").write_text("mine")
    tool.save(tmp_path / "d.html")
    assert "save once more" in tool.message
    assert (tmp_path / "d.html").read_text() == "mine"
    tool.save(tmp_path / "d.html")
    assert "Saved" in tool.message
    # no suffix is .hspy, and that is not overwritten unasked either
    written = (tmp_path / "a.hspy").read_bytes()
    tool.save(tmp_path / "a")
    assert "a.hspy exists: save once more" in tool.message
    assert (tmp_path / "a.hspy").read_bytes() == written
    tool.save(tmp_path)
    assert "is a folder" in tool.message
    tool.save(tmp_path / "nowhere" / "e.html")
    assert "no such folder" in tool.message.lower() or "nowhere" in tool.message


def test_a_region_is_called_pure_and_forgotten(phantom, tool):
    """Truth: unmix() with the same region known, bit for bit, by the tool's own code."""
    before = tool.result
    tool.call_pure()
    assert "No region is drawn" in tool.message
    tool.region = (0, 0, 6, 5)
    tool.call_pure("film")
    assert tool.result.names.count("film") == 1
    assert "alone" in tool.result.settings or "known" in tool.result.settings
    assert "mean of 30 pixels" in tool.result.settings["known"].reason
    assert "known={'film': (0, 0, 6, 5)}" in tool.result.code
    assert not np.array_equal(tool.result.arrays.spectra, before.arrays.spectra)
    tool.n_components = 2
    assert tool.result.names.count("film") == 1
    tool.n_components = 3
    tool.set_background(460.0, 520.0)
    assert tool.result.names.count("film") == 1
    tool.apply()
    names = {"s": phantom.signal, "low_loss": phantom.low_loss}
    exec(tool.result.code, names)
    assert names["u"].arrays.maps.tobytes() == tool.result.arrays.maps.tobytes()
    # Undone: as if it had never been.
    tool.forget("film")
    assert tool.known == {}
    assert "film" not in tool.result.names
    assert "known" not in tool.result.code
    without = tool.result.pca.ica(3)
    np.testing.assert_array_equal(tool.result.arrays.maps, without.arrays.maps)
    tool.forget("film")
    assert "Nothing is known as 'film'" in tool.message


def test_regions_that_cannot_be_known_leave_the_result(tool):
    before = tool.result
    tool.call_pure("outside", (0, 0, 99, 5))
    assert "is not within the scan" in tool.message
    tool.call_pure("7", (0, 0, 3, 3))
    assert "not numbers" in tool.message
    assert tool.result is before
    assert tool.known == {}
    x, y = (axis.index2value for axis in before.maps.axes_manager.signal_axes)
    tool.call_pure("film", hs.roi.CircleROI(x(3), y(3), 3 * x(1) - 3 * x(0)))
    assert "film" in tool.result.names
    assert "known=known" in tool.result.code


def test_components_are_counted_when_it_opens_and_when_applied(phantom, monkeypatch):
    """Counting takes most of the time of a change."""
    from hyperspy_unmix.analysis import correct_and_count as pca_result

    counted = []

    def count(*given):
        counted.append(given)
        return real(*given)

    real = pca_result.count_components
    monkeypatch.setattr(pca_result, "count_components", count)
    tool = hyperspy_unmix.unmix(phantom.signal, interactive=True, low_loss=phantom.low_loss)
    opened = len(counted)
    tool.set_background(460.0, 520.0)
    tool.n_components = 2
    tool.subtracts_background = False
    tool.set_background(470.0, 520.0)
    assert len(counted) == opened
    tool.apply()
    assert len(counted) > opened


def test_code_gives_the_same_result(phantom, tool):
    """Truth: the tool's result, bit for bit, once the components are counted again."""
    tool.set_background(465.0, 522.0)
    tool.n_components, tool.assume = 2, "pure"
    tool.name = "oxide"
    tool.name = "film"
    tool.apply()
    assert tool.result.code.count("rename") == 1
    names = {"s": phantom.signal, "low_loss": phantom.low_loss}
    exec(tool.result.code, names)
    assert names["u"].names == tool.result.names
    assert names["u"].arrays.maps.tobytes() == tool.result.arrays.maps.tobytes()
    assert repr(names["u"]) == repr(tool.result)


def test_more_components_than_there_can_be():
    tool = two_phases().unmix(interactive=True, store=False)
    with pytest.raises(TraitError, match="1 <= a number <= 12"):
        tool.n_components = 99
    tool.n_components = tool.most
    assert tool.result.n_components == tool.most
    tool.shown().png()


def test_several_signals_are_refused():
    with pytest.raises(TypeError, match="interactive=True is for one signal"):
        hyperspy_unmix.unmix([two_phases(), two_phases()], interactive=True)


def test_without_anything_to_show_it_in(caplog):
    with caplog.at_level(logging.INFO, "hyperspy_unmix"):
        two_phases().unmix(interactive=True, store=False)
    assert "choose with the attributes" in caplog.text
    assert not plt.get_fignums()


# --------------------------------------------------------------------------------------- figure


@shapes
def test_figure_shows_the_result(shape):
    s = two_phases(shape)
    tool = s.unmix(interactive=True, store=False)
    figure = tool.shown()
    assert tool.shown() is figure
    assert not figure.live
    before = figure.png()
    tool.n_components = 1
    assert figure.png() != before
    visible = [ax for ax in figure.maps if ax.get_visible()]
    assert len(visible) == 1
    lines = [line for line in figure.spectra.lines if len(line.get_ydata()) > 2]
    np.testing.assert_array_equal(lines[0].get_ydata(), tool.result.arrays.spectra[0])
    shown = figure._map_artists[0]
    values = shown.get_ydata() if len(shape) == 1 else shown.get_array()
    known = array(tool.result.maps)[0] if len(shape) < 3 else array(tool.result.maps)[:, 0].sum(0)
    np.testing.assert_allclose(np.asarray(values), known, rtol=1e-6)


def test_figure_answers_to_the_mouse(phantom, monkeypatch):
    """As in a window or with ipympl: clicks and a drag."""
    from matplotlib.backend_bases import MouseButton, MouseEvent

    from hyperspy_unmix.interactive import figure as module

    monkeypatch.setattr(module, "is_live", lambda: True)
    tool = hyperspy_unmix.unmix(phantom.signal, interactive=True, low_loss=phantom.low_loss)
    figure = tool.shown()
    canvas = figure.figure.canvas
    canvas.draw()

    def press(ax, x, y, name="button_press_event"):
        at = ax.transData.transform((x, y))
        event = MouseEvent(name, canvas, *at, MouseButton.LEFT)
        canvas.callbacks.process(name, event)

    press(figure.scree, 2.2, 10.0)
    assert tool.n_components == tool.result.n_components == 2
    press(figure.maps[1], 40.0, 40.0)
    assert tool.component == 1
    low, high = figure.mean.get_ylim()
    press(figure.mean, 460.0, (low + high) / 2)
    press(figure.mean, 520.0, (low + high) / 2, "motion_notify_event")
    press(figure.mean, 520.0, (low + high) / 2, "button_release_event")
    assert tool.result.settings["background"].value == pytest.approx((460, 520), abs=1)
    # From the middle of one pixel's edge to another's: four by three pixels of a map.
    (x0, x1), (y0, y1) = figure._across(0, 2, 6), figure._across(1, 1, 4)
    press(figure.maps[0], x0, y0)
    press(figure.maps[0], x1, y1, "motion_notify_event")
    press(figure.maps[0], x1, y1, "button_release_event")
    assert tool.region == (2, 1, 6, 4)
    patches = [len(ax.patches) for ax in figure.maps]
    tool.call_pure("film")
    assert tool.known == {"film": (2, 1, 6, 4)}
    assert [text.get_text() for text in figure.maps[0].texts] == ["film"]
    tool.forget()
    tool.region = None
    assert sum(len(ax.patches) for ax in figure.maps) < sum(patches)
    assert plt.get_fignums()


@pytest.mark.parametrize(
    ("backend", "live"),
    [
        ("agg", False),
        ("module://matplotlib_inline.backend_inline", False),
        ("inline", False),
        ("module://ipympl.backend_nbagg", True),
        ("widget", True),
        ("QtAgg", True),
        ("TkAgg", True),
    ],
)
def test_which_figures_answer(backend, live, monkeypatch):
    monkeypatch.setattr("matplotlib.get_backend", lambda: backend)
    assert is_live() == live


# -------------------------------------------------------------------------------------- widgets


def test_widgets_change_the_result(widgets):
    tool, w = widgets
    assert w["n_components"].value == 3
    first = w["picture"].value
    w["n_components"].value = 2
    assert tool.result.n_components == 2
    assert w["picture"].value != first
    assert len(w["component"].options) == 2
    w["background"].value = (465.0, 520.0)
    assert tool.result.settings["background"].value == (465.0, 520.0)
    assert "(465, 520)" in w["code"].value
    w["subtracts_background"].value = False
    assert tool.result.background is None
    w["subtracts_background"].value = True
    w["assume"].value = "pure"
    assert "pure pixels" in tool.result.settings


def test_widgets_follow_the_tool(widgets):
    tool, w = widgets
    tool.n_components = 1
    assert w["n_components"].value == 1
    tool.set_background(466.0, 521.0)
    assert w["background"].value == pytest.approx((466.0, 521.0))
    tool.n_components = 3
    tool.component = 2
    assert w["component"].value == 2
    tool.background_end = 300.0
    assert "start must be smaller" in w["message"].value


def test_widgets_of_a_region(widgets):
    tool, w = widgets
    picture = w["picture"].value
    w["region_x"].value = (2, 6)
    w["region_y"].value = (1, 4)
    assert tool.region == (2, 1, 6, 4)
    assert w["picture"].value != picture
    w["pure_name"].value = "film"
    w["call_pure"].click()
    assert "film" in tool.result.names
    assert w["known"].options == ("film",)
    assert "known={&#x27;film&#x27;: (2, 1, 6, 4)}" in w["code"].value
    tool.region = (0, 0, 3, 3)
    assert (w["region_x"].value, w["region_y"].value) == ((0, 3), (0, 3))
    w["forget"].click()
    assert "film" not in tool.result.names
    assert w["known"].options == ()


def test_widgets_of_one_component(phantom, widgets):
    tool, w = widgets
    w["component"].value = 1
    w["name"].value = "<b>shell"
    assert tool.result.names[1] == "<b>shell"
    stability = tool.result.stability[1]
    assert w["component"].options[1] == (f"1: <b>shell (stability {stability:.2f})", 1)
    picture = w["picture"].value
    w["flip"].click()
    assert tool.result.arrays.maps[:, 1].sum() < 0
    assert w["picture"].value != picture
    w["apply"].click()
    assert tool.applied
    assert w["message"].value.startswith("Applied.")
    assert "&lt;b&gt;shell" in w["code"].value
    assert phantom.signal.learning_results.bss_factors is not None


def test_window_for_desktops(tool):
    """traitsui gives the tool itself; what its buttons call is there."""
    pytest.importorskip("hyperspy_gui_traitsui")
    shown = tool.gui(display=False, toolkit="traitsui")["traitsui"]
    assert shown is tool
    assert tool._figure is not None


def test_buttons_of_the_desktop_window(tool, monkeypatch):
    traitsui = pytest.importorskip("traitsui.api")
    pytest.importorskip("hyperspy_gui_traitsui")
    views = []
    monkeypatch.setattr(UnmixTool, "edit_traits", lambda self, view: views.append(view))
    tool.gui(toolkit="traitsui")
    (view,) = views
    assert isinstance(view, traitsui.View)
    shown = {item.name for item in _items(view.content)}
    assert shown >= {"n_components", "assume", "background_start", "background_end", "name"}

    class Info:
        object = tool

    tool.component = 1
    view.handler.flip(Info)
    assert tool.result.arrays.maps[:, 1].sum() < 0
    view.handler.apply(Info)
    assert tool.applied


def _items(group):
    if not hasattr(group, "content"):
        return [group]
    return [item for part in group.content for item in _items(part)]


def test_without_traitsui_hyperspy_goes_on(tool, monkeypatch):
    """HyperSpy passes over the toolkit that raises NotImplementedError."""
    monkeypatch.setitem(__import__("sys").modules, "hyperspy_gui_traitsui.utils", None)
    with pytest.raises(NotImplementedError, match="not installed"):
        from hyperspy_unmix.interactive.traitsui_gui import unmix_traitsui

        unmix_traitsui(tool, display=False)
    tool.gui()  # with display=False HyperSpy 2.5 raises where traitsui is asked first


def test_without_ipywidgets_it_says_what_to_install(tool, monkeypatch, caplog):
    """As pip leaves it without the extra: HyperSpy has no toolkit, our tool goes on."""
    import hyperspy.ui_registry as registry

    monkeypatch.setattr(registry, "TOOLKIT_REGISTRY", set())
    monkeypatch.setattr("hyperspy_unmix.interactive.tool._in_notebook", lambda: True)
    monkeypatch.setattr("hyperspy_unmix.interactive.tool.find_spec", lambda name: None)
    tool.display()
    assert "hyperspy-unmix[gui-jupyter]" in caplog.text
    assert tool.result.n_components


@pytest.mark.parametrize("installed", [("ipywidgets",), ("ipywidgets", "traitsui")])
def test_three_navigation_axes_still_plot(installed, monkeypatch):
    """HyperSpy shows sliders then, of whatever toolkits are there."""
    import hyperspy.ui_registry as registry

    monkeypatch.setattr(registry, "TOOLKIT_REGISTRY", set(installed))
    s = hs.signals.Signal1D(np.random.default_rng(0).random((2, 3, 4, 20)))
    s.plot()
    two_phases((3, 5, 4)).unmix(2, store=False).plot()
