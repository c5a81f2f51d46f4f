"""Figures for print: what is in the files, and what the options do."""

import re

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.plotting.colours import COMPOSITE, mixed
from hyperspy_unmix.plotting.edges_and_lines import mark_features
from hyperspy_unmix.tests.scenes import two_phases, wedge

SHAPE = (12, 17)


@pytest.fixture(scope="module")
def u():
    return two_phases(SHAPE).unmix(2, store=False).rename(["film", "rim"])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    "figure",
    [
        lambda u: u.plot_overview(),
        lambda u: u.plot_overview(style="paper", width="single"),
        lambda u: u.plot_composite(),
        lambda u: u.plot_residual(),
        lambda u: u.plot_map("rim").figure,
        lambda u: u.plot_spectra().figure,
        lambda u: u.plot_scree().figure,
    ],
    ids=["overview", "paper", "composite", "residual", "map", "spectra", "scree"],
)
def test_pdf_has_text_and_the_pixels_of_the_maps(u, figure, tmp_path):
    """Truth: the PDF's own words for TrueType fonts, and for the size of a picture in it."""
    drawn = figure(u)
    drawn.savefig(tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/Type42" in content or b"/CIDFontType2" in content or b"/TrueType" in content
    assert b"/Subtype /Type3" not in content
    sizes = re.findall(rb"/Subtype /Image\s+/Width (\d+)\s+/Height (\d+)", content)
    shows_map = any(ax.images for ax in drawn.axes)
    assert not shows_map or (b"17", b"12") in sizes
    # What the user has set for figures of their own stays.
    assert plt.rcParams["pdf.fonttype"] == plt.rcParamsDefault["pdf.fonttype"]


def test_map_of_a_non_uniform_scan_is_drawn_to_its_axis():
    """Truth: edges half way between the pixels."""
    s = two_phases(SHAPE)
    s.axes_manager[0].convert_to_non_uniform_axis()
    s.axes_manager[0].axis = np.arange(17.0) ** 2
    ax = s.unmix(2, store=False).plot_map(0)
    mesh = ax.collections[0].get_coordinates()
    np.testing.assert_allclose(mesh[0, 1:3, 0], [0.5, 2.5])


def test_limits_of_the_colours_are_numbers_or_percentiles(u):
    values = u.maps.inav[0].data
    image = u.plot_map(0, vmin="2th", vmax=50.0).images[0]
    assert image.get_clim() == (pytest.approx(np.percentile(values, 2)), 50.0)
    with pytest.raises(ValueError, match="a number, or a percentile such as '99th'"):
        u.plot_map(0, vmax="much")


def test_a_bar_or_ticks(u):
    with_bar, with_ticks = u.plot_map(0, scalebar=True), u.plot_map(0, scalebar=False)
    assert with_bar.artists
    assert len(with_bar.get_xticks()) == 0
    assert not with_ticks.artists
    assert with_ticks.get_xlabel() == "x (nm)"


def test_a_bar_without_a_unit_says_what_to_set():
    s = two_phases(SHAPE)
    s.axes_manager[0].units = ""
    with pytest.raises(ValueError, match=r"no unit that a bar could have .* axes_manager"):
        s.unmix(2, store=False).plot_map(0, scalebar=True)


def test_spectra_are_chosen_by_name_and_drawn_where_asked_for(u):
    _, ax = plt.subplots()
    assert u.plot_spectra(["rim", 0], ax=ax, colors=["r", "b"], bands=False) is ax
    lines = [line for line in ax.lines if len(line.get_xdata()) > 2]
    np.testing.assert_array_equal(lines[0].get_ydata(), u.spectra.data[1])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["rim", "film"]
    assert [line.get_color() for line in lines] == ["r", "b"]
    assert not ax.collections


def test_stacked_spectra_do_not_cross(u):
    ax = u.plot_spectra(stacked=True, bands=False)
    upper, lower = (line.get_ydata() for line in ax.lines if len(line.get_xdata()) > 2)
    assert np.nanmin(upper) > np.nanmax(lower)
    with pytest.raises(ValueError, match="2 are needed, one for each component"):
        u.plot_spectra(colors=["r"])
    with pytest.raises(ValueError, match="no component 'no'"):
        u.plot_spectra(["no"])


def test_half_and_half_is_no_darker_than_both():
    """Closed form: light adds, so that the mixture's luminance is the mean of the two."""
    halves = mixed(np.full((2, 1), 0.5), COMPOSITE[:2])[0]
    alone = [mixed(np.array([[a], [1.0 - a]]), COMPOSITE[:2])[0] for a in (1.0, 0.0)]
    np.testing.assert_allclose(alone, COMPOSITE[:2], atol=1e-12)
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in alone]
    of_halves = np.where(halves <= 0.04045, halves / 12.92, ((halves + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(of_halves, np.mean(linear, 0), atol=1e-12)


def test_composite_of_as_many_as_there_are_colours():
    made = data.eds_phases(shape=(16, 16))
    u = hyperspy_unmix.unmix(made.signal, 4, assume="pure")
    assert len(u.plot_composite().legends[0].get_texts()) == 4
    with pytest.raises(ValueError, match="4 components need as many colours, there are 2"):
        u.plot_composite([0, 1, 2, 3], colors=["r", "b"])
    assert len(u.plot_composite(colors=["r", "b"]).legends[0].get_texts()) == 2


def test_survey_image_gives_the_brightness(u):
    """Closed form: full colour where it is brightest, a quarter where it is darkest."""
    survey = np.zeros(SHAPE)
    survey[:, 8:] = 1.0
    plain = np.asarray(u.plot_composite().axes[0].images[0].get_array())
    for given in (survey, hs.signals.Signal2D(survey)):
        shown = np.asarray(u.plot_composite(survey=given).axes[0].images[0].get_array())
        np.testing.assert_allclose(shown[:, 8:], plain[:, 8:])
        np.testing.assert_allclose(shown[:, :8], plain[:, :8] / 4)
    with pytest.raises(ValueError, match=r"survey has the shape \(3, 4\)"):
        u.plot_composite(survey=np.ones((3, 4)))


def test_composite_in_axes_of_ones_own(u):
    _, ax = plt.subplots()
    assert u.plot_composite(ax=ax, title="Phases") is ax
    assert ax.get_title() == "Phases"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["film", "rim"]


def test_panels_of_a_line_scan():
    signal, low_loss, _ = wedge((30,))
    u = hyperspy_unmix.unmix(signal, 1, low_loss=low_loss)
    ax = u.plot_map(0)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), u.maps.inav[0].data)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colors": ["no", "r"]}, "'no' is no colour; a list of names"),
        ({"survey": "haadf"}, "survey is a str: a Signal2D or an array"),
        ({"survey": np.full(SHAPE, np.nan)}, "no number that is finite"),
        ({"components": 0}, "two or more different ones are needed"),
        ({"components": 0.5}, "numbers or names are needed, of film, rim"),
    ],
)
def test_refused(u, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        u.plot_composite(**options)


def test_one_component_needs_no_list(u):
    for component in (1, "rim"):
        lines = [x for x in u.plot_spectra(component).lines if len(x.get_xdata()) > 2]
        np.testing.assert_array_equal(lines[0].get_ydata(), u.spectra.data[1])
        assert len(lines) == 1
    with pytest.raises(ValueError, match="one or more different ones are needed"):
        u.plot_spectra([])


@pytest.mark.parametrize(("width", "mm"), [("single", 88), (None, 180), (85, 85)])
def test_overview_for_paper_is_as_wide_as_a_column(u, width, mm):
    """Truth: millimetres; type of six points or more, the user's own style as it was."""
    former = dict(plt.rcParams)
    figure = u.plot_overview(style="paper", width=width, components=["rim"])
    assert figure.get_size_inches()[0] == pytest.approx(mm / 25.4)
    words = [w.get_text() for w in figure.findobj(plt.Text)]
    assert "rim" in words and "film" not in words
    sizes = [w.get_fontsize() for w in figure.findobj(plt.Text) if w.get_text()]
    assert 4.5 < min(sizes) <= max(sizes) <= 8
    assert dict(plt.rcParams) == former


@pytest.mark.parametrize(
    "given", [{"width": "single"}, {"style": "print"}, {"style": "paper", "width": 3}]
)
def test_what_is_no_width_or_style_is_refused(u, given):
    with pytest.raises(ValueError, match=r"width|style"):
        u.plot_overview(**given)


def test_slices_of_a_stack():
    """Truth: the slice of the map itself; composites of slices share their colours."""
    u = two_phases((3, 6, 7)).unmix(2, store=False)
    ax = u.plot_map(1, at=2)
    known = u.maps.inav[1].inav[2]
    np.testing.assert_array_equal(ax.images[0].get_array(), known.data)
    assert "z = 2 nm" in ax.get_title()
    assert u.plot_composite(at=0).axes[0].images
    assert u.plot_overview(style="paper").axes
    with pytest.raises(ValueError, match=r"plot_composite\(at=0\)"):
        u.plot_composite()
    with pytest.raises(ValueError, match="slices from 0 to 2"):
        u.plot_map(0, at=3)


@pytest.mark.parametrize("names", ["above", "inside"])
def test_strokes_lead_to_the_ends_of_names(names):
    """Names of lines that lie close: each stroke ends at its own name, in any resolution."""
    s = hs.signals.Signal1D(np.ones((2, 992)))
    s.axes_manager[-1].scale, s.axes_manager[-1].units = 0.02, "keV"
    s.set_signal_type("EDS_TEM")
    s.set_microscope_parameters(beam_energy=200)
    s.set_elements(["C", "Cu", "Fe", "O", "Pt", "S", "Si"])
    figure, ax = plt.subplots(figsize=(2, 2))
    ax.set_xlim(0, 20)
    mark_features(ax, s, names, distance=0.09)
    for resolution in (100, 300):
        figure.set_dpi(resolution)
        figure.canvas.draw()
        assert len(ax.texts) == 10
        for text in ax.texts:
            box = matplotlib.text.Text.get_window_extent(text)
            x, y = text.arrow_patch.get_path().vertices[0]
            point = figure.dpi / 72
            assert abs(x - (box.x0 + box.x1) / 2) < 2 * point
            assert abs(y - (box.y0 if names == "above" else box.y1)) < 2 * point
