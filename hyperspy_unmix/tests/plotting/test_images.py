"""Every figure as a picture: nothing clipped, all labelled, and as it was when it was looked at.

``pytest --mpl`` compares with the pictures in ``baseline``, ``pytest --mpl-generate-path=...``
draws them anew. Without either they are drawn, saved and checked for what cannot be read.
"""

from itertools import pairwise

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import calibrated, two_phases, wedge

pytest.importorskip("pytest_mpl")

# fonts and layout differ a little between versions of matplotlib: r.m.s. of 256 levels
picture = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", tolerance=12, style="default", savefig_kwargs={"dpi": 45}
)
CMAPS = {"viridis", "cividis", "gray"}  # lightness rises evenly; red and green are not needed


def checked(figure, path):
    """Save a figure; fail where it cannot be read."""
    figure.savefig(path / "figure.png", dpi=60)
    assert (path / "figure.png").stat().st_size > 1000
    renderer = figure.canvas.get_renderer()
    drawn, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    # inches; half a pixel of what is drawn
    assert drawn.x0 > -0.01, "clipped on the left"
    assert drawn.y0 > -0.01, "clipped below"
    assert drawn.x1 < width + 0.01, "clipped on the right"
    assert drawn.y1 < height + 0.01, "clipped above"
    for ax in figure.axes:
        is_bar = hasattr(ax, "_colorbar")
        shared = not any(text.get_visible() for text in ax.get_xticklabels())
        # A scale bar may stand in place of ticks and labels.
        is_bare = ax.artists and not len(ax.get_xticks())
        assert is_bare or ax.get_ylabel() or (is_bar and ax.get_xlabel()), ax
        assert is_bare or ax.get_xlabel() or is_bar or shared, ax
        for image in (*ax.images, *ax.collections):
            if image.get_array() is not None and np.ndim(image.get_array()) < 3:
                assert image.get_cmap().name in CMAPS
        labels = [t.get_window_extent(renderer) for t in ax.get_yticklabels() if t.get_text()]
        assert not any(a.overlaps(b) for a, b in pairwise(labels)), ax
    return figure


@pytest.fixture(scope="module")
def eels():
    made = data.core_shell(shape=(32, 32))
    u = hyperspy_unmix.unmix(made.signal, 3, low_loss=made.low_loss)
    return u.rename(["SiO$_2$ film", "core", "100 % shell"])


@pytest.fixture(scope="module")
def eds():
    """Eight elements with thirteen lines."""
    return hyperspy_unmix.unmix(data.eds_phases(shape=(32, 32)).signal, 4, assume="pure")


@picture
def test_overview_of_eels(eels, tmp_path):
    return checked(eels.plot_overview(), tmp_path)


@picture
def test_overview_of_a_long_list_of_elements(eds, tmp_path):
    return checked(eds.plot_overview(), tmp_path)


@picture
def test_overview_of_very_many_elements(tmp_path):
    s = data.eds_phases(shape=(24, 24), phases=2).signal
    every = "Na Mg Al Si P S Cl K Ca Ti V Cr Mn Fe Co Ni Cu Zn As Sr Zr Mo Ag Ba La Ce W Pt Au Pb"
    s.set_elements(every.split())
    return checked(hyperspy_unmix.unmix(s, 1).plot_overview(), tmp_path)


@picture
def test_overview_of_one_component(tmp_path):
    signal, low_loss, _ = wedge()
    return checked(hyperspy_unmix.unmix(signal, 1, low_loss=low_loss).plot_overview(), tmp_path)


@picture
def test_overview_of_ten_components(tmp_path):
    u = hyperspy_unmix.unmix(data.eds_phases(shape=(32, 32)).signal, 10)
    return checked(u.plot_overview(), tmp_path)


@picture
def test_overview_of_a_strip(tmp_path):
    made = data.inclined_boundary(shape=(8, 300), field_of_view=150.0)
    u = hyperspy_unmix.unmix(made.signal, 2, low_loss=made.low_loss)
    return checked(u.plot_overview(), tmp_path)


@picture
def test_overview_of_an_upright_strip(tmp_path):
    return checked(two_phases((200, 6)).unmix(2, store=False).plot_overview(), tmp_path)


@picture
def test_overview_of_a_stack(tmp_path):
    return checked(two_phases((4, 12, 14)).unmix(2, store=False).plot_overview(), tmp_path)


@picture
def test_overview_of_a_line(tmp_path):
    return checked(two_phases((60,)).unmix(2, store=False).plot_overview(), tmp_path)


@picture
def test_overview_of_data_without_units(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.poisson(two_phases((12, 12)).data).astype(float)
    s = hs.signals.Signal1D(values)
    return checked(hyperspy_unmix.unmix(s, 2).plot_overview(), tmp_path)


@picture
def test_overview_with_a_reference(tmp_path):
    made = data.inclined_boundary(shape=(24, 24))
    u = hyperspy_unmix.unmix(made.signal, 2, low_loss=made.low_loss)
    from hyperspy_unmix.plotting import plot_overview

    known = made.truth.spectra, made.truth.maps
    return checked(plot_overview(u, known, made.truth.names), tmp_path)


@picture
def test_residual_of_eels(eels, tmp_path):
    return checked(eels.plot_residual(), tmp_path)


@picture
def test_residual_of_a_strip(tmp_path):
    return checked(two_phases((8, 300)).unmix(1, store=False).plot_residual(), tmp_path)


@picture
def test_residual_of_a_line(tmp_path):
    return checked(two_phases((60,)).unmix(2, store=False).plot_residual(), tmp_path)


@picture
def test_thickness_of_eels(eels, tmp_path):
    return checked(eels.plot_thickness(), tmp_path)


@picture
def test_thickness_of_a_stack(tmp_path):
    signal, low_loss, _ = wedge((3, 8, 9))
    u = hyperspy_unmix.unmix(signal, 1, low_loss=low_loss)
    return checked(u.plot_thickness(), tmp_path)


@picture
def test_composite_of_eels(eels, tmp_path):
    return checked(eels.plot_composite(), tmp_path)


@picture
def test_composite_of_a_strip(tmp_path):
    return checked(two_phases((8, 300)).unmix(2, store=False).plot_composite(), tmp_path)


@picture
def test_composite_of_many_over_a_survey_image(eds, tmp_path):
    y, x = np.mgrid[:32, :32]
    survey = hs.signals.Signal2D(np.hypot(x - 16.0, y - 16.0))
    return checked(eds.plot_composite(survey=survey, scalebar=True), tmp_path)


@picture
def test_panels_of_ones_own(eels, tmp_path):
    """One figure of three panels, in colours and an order of the user's."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    eels.plot_spectra(["core", 0], ax=axes[0], colors=["tab:red", "k"], stacked=True)
    eels.plot_map("core", ax=axes[1], vmin="1th", vmax="99th", title="Core", cmap="gray")
    eels.plot_composite(["core", 0], ax=axes[2], colors=["tab:red", "k"], scalebar=False)
    return checked(figure, tmp_path)


@picture
def test_scree_of_eels(eels, tmp_path):
    return checked(eels.plot_scree().figure, tmp_path)


@picture
def test_scree_of_many(tmp_path):
    p = hyperspy_unmix.pca(data.eds_phases(shape=(32, 32)).signal, 10)
    return checked(p.plot_scree().figure, tmp_path)


def signal_figure(number):
    """One of the figures that HyperSpy opened."""
    return plt.figure(plt.get_fignums()[number])


@picture
def test_fit_of_eels(eels, tmp_path):
    eels.plot_fit()
    return checked(signal_figure(-1), tmp_path)


@picture
def test_fit_of_eds(eds, tmp_path):
    eds.plot_fit()
    return checked(signal_figure(-1), tmp_path)


@picture
def test_spectra_in_the_navigator(eels, tmp_path):
    eels.plot()
    return checked(signal_figure(1), tmp_path)


@picture
def test_maps_in_the_navigator(eels, tmp_path):
    eels.plot()
    return checked(signal_figure(2), tmp_path)


@picture
def test_ambiguous_and_unstable_components(tmp_path):
    """Asked for one too many: it is called unstable in its legend and over its map."""
    s = calibrated(two_phases((20, 20), dose=400.0).data)
    return checked(hyperspy_unmix.unmix(s, 3).plot_overview(), tmp_path)


@picture
def test_long_words(tmp_path):
    """Titles as microscopes give them, names as people do."""
    s = two_phases((20, 20))
    s.metadata.General.title = "20261123_sampleA_area3_EELS_SI_0p05nm_200kV_spectrum_image_2" * 2
    names = ["Fe3O4 shell with 3 at% Mn, oxidised rim of the particle", "_50 % $\\foo$"]
    u = s.unmix(2, store=False).rename(names)
    for figure in (u.plot_residual(), u.plot_composite()):
        checked(figure, tmp_path)
    figure = u.plot_overview()
    assert "_50" in figure.axes[2].get_legend().get_texts()[-1].get_text()
    return checked(figure, tmp_path)


@pytest.mark.parametrize("shape", [(40, 1), (1, 40), (1, 1)], ids=str)
def test_scans_of_one_row(shape, tmp_path):
    """Truth: the maps, which fill their axes."""
    u = two_phases(shape).unmix(1, store=False)
    for figure in (u.plot_overview(), u.plot_residual()):
        checked(figure, tmp_path)
        ax = next(ax for ax in figure.axes if ax.images and ax.get_ylabel().startswith("y"))
        left, right, bottom, top = ax.images[0].get_extent()
        assert right - left == pytest.approx(0.5 * shape[1])
        assert bottom - top == pytest.approx(0.5 * shape[0])


def test_pixels_masked_in_the_whole_stack_are_blank():
    mask = np.zeros((4, 5, 6), bool)
    mask[:, 2] = True
    u = two_phases((4, 5, 6)).unmix(2, navigation_mask=mask, store=False)
    shown = u.plot_overview().axes[1].images[0].get_array()
    np.testing.assert_array_equal(np.isnan(np.ma.filled(shown, np.nan)).reshape(5, 6), mask[0])


def test_first_row_is_at_the_top_whatever_its_sign():
    """As in HyperSpy's own figures."""
    s = two_phases()
    s.axes_manager[1].scale = -0.5
    u = s.unmix(2, store=False)
    y = s.axes_manager[1].axis
    for figure in (u.plot_overview(), u.plot_composite()):
        ax = next(ax for ax in figure.axes if ax.images)
        low, high = (ax.transData.transform((1.0, at))[1] for at in (y[-1], y[0]))
        assert high > low


@pytest.mark.parametrize("element", ["Li", "Np", "H"])
def test_elements_without_lines(element):
    s = data.eds_phases(shape=(12, 12), phases=2).signal
    s.set_elements([element, "Fe"])
    hyperspy_unmix.unmix(s, 2).plot_overview()


@picture
def test_inclination(tmp_path):
    made = data.inclined_boundary(shape=(24, 48), field_of_view=86.0)
    u = hyperspy_unmix.unmix(made.signal, 2, low_loss=made.low_loss)
    found = hyperspy_unmix.boundary_inclination(u, 0, probe=1.0, mean_free_path=76)
    found.plot()
    return checked(plt.gcf(), tmp_path)
