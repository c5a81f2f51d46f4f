"""Names that components suggest and keep, their order, and single components."""

from __future__ import annotations

import logging

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.components.as_signals import select_components
from hyperspy_unmix.components.named import OF_THE_PACKAGE
from hyperspy_unmix.numerics.fitting.feature_areas import edge_areas, line_areas
from hyperspy_unmix.tests.scenes import two_phases

LINES = {"Fe": (6.404, 0.705), "O": (0.5249,), "Ti": (4.5109,)}  # keV


def lines_map(shape=(16, 16), dose=400.0, seed=0):
    """Iron in oxygen beside titanium alone; lines at the energies of the table."""
    energies = np.arange(0.3, 8.0, 0.02)

    def lines(*elements):
        of = [e for element in elements for e in LINES[element]]
        return 0.02 + sum(np.exp(-0.5 * ((energies - e) / 0.05) ** 2) for e in of)

    spectra = np.stack([lines("Fe", "O"), lines("Ti")])
    spectra *= dose / spectra.sum(1, keepdims=True)
    share = (np.arange(shape[1]) < 10)[None, :] * np.ones(shape)
    expected = np.stack([share, 1 - share], -1) @ spectra
    s = hs.signals.Signal1D(np.random.default_rng(seed).poisson(expected))
    s.set_signal_type("EDS_TEM_unmix")
    axis = s.axes_manager[-1]
    axis.offset, axis.scale, axis.units = energies[0], 0.02, "keV"
    s.metadata.set_item("Sample.elements", ["Fe", "O", "Ti"])
    return s


@pytest.fixture(scope="module")
def scene():
    return lines_map()


@pytest.fixture(scope="module")
def u(scene):
    return scene.unmix(2, store=False)


def test_suggested_names_are_those_of_the_lines_put_in(u):
    """Truth: the elements of each phase; in table, labels, figures and report."""
    first, second = u.suggested_names
    assert {line.split("-")[0] for line in first.split(", ")} == {"Fe", "O"}
    assert second == "Ti-Ka"
    assert u.names == ("0", "1") and u.labels == (f"0: {first}", "1: Ti-Ka")
    assert first in repr(u) and "Ti-Ka" in repr(u)
    assert any("Ti-Ka" in ax.get_title() for ax in u.plot_overview().axes)


def test_no_elements_no_names():
    u = two_phases((8, 8)).unmix(2, store=False)
    assert u.suggested_names == ("", "") and u.labels == ("component 0", "component 1")
    assert u.rename().names == u.names


def test_names_are_kept(u):
    """Definition: all suggested ones, or some by number or name; the others stay."""
    assert u.rename().names == u.suggested_names
    named = u.rename({1: "titanium"})
    assert named.names == ("0", "titanium")
    assert named.labels == (f"0: {u.suggested_names[0]}", "titanium")
    assert named.rename({"titanium": "Ti", 0: "oxide"}).names == ("oxide", "Ti")
    assert named.rename().names == (u.suggested_names[0], "titanium")
    with pytest.raises(ValueError, match="no component 'x'"):
        u.rename({"x": "y"})


def test_one_component(u):
    """Definition: by number or name; spectrum and map say whose they are."""
    named = u.rename(["oxide", "titanium"])
    spectrum, image = named["titanium"]
    np.testing.assert_array_equal(spectrum.data, u.spectra.data[1])
    np.testing.assert_array_equal(image.data, u.maps.data[1])
    assert spectrum.metadata.General.title.endswith("titanium")
    np.testing.assert_array_equal(u[-1].map.data, image.data)
    assert len(u) == 2 and "oxide" in named and "oxide" not in u
    assert [signal.data.shape[0] for signal in u] == [2, 2]
    for wrong in (2, "iron", 1.0):
        with pytest.raises(ValueError, match="there is no component"):
            u[wrong]


def test_a_copy_that_is_dropped_is_told_of(u, caplog):
    """Definition: of a statement, not of a value that is used."""
    with caplog.at_level(logging.WARNING, "hyperspy_unmix"):
        named = u.rename(["a", "b"])
        _ = [u.reorder([1, 0]), named.reverse("a")]
        assert not caplog.records
        u.rename(["a", "b"])
        named.reorder(["b", "a"])
    assert [record.args[0] for record in caplog.records] == ["rename", "reorder"]
    assert "u = u.rename(...)" in caplog.records[0].getMessage()


def test_order_and_names_of_another_result(scene, u):
    """Truth: the same two phases, whatever the number; a third is behind them."""
    before = u.rename(["oxide", "titanium"]).reorder([1, 0])
    arranged = u.match(before).arranged
    assert arranged.names == ("titanium", "oxide")
    np.testing.assert_array_equal(arranged.maps.data, before.maps.data)
    three = scene.unmix(3, like=before, store=False)
    assert three.names[:2] == ("titanium", "oxide")
    assert three.code == "u = s.unmix(3, like=like)"
    numbered = scene.unmix(3, like=u.reorder([1, 0]), store=False)
    np.testing.assert_allclose(numbered.maps.data, three.maps.data)
    assert numbered.names == ("0", "1", "2")
    # one that stands elsewhere than it did says where
    assert numbered.reorder([1, 2, 0]).match(numbered).arranged.names == ("0", "1", "2")
    with pytest.raises(TypeError, match="like is a str"):
        scene.unmix(2, like="u")
    with pytest.raises(ValueError, match="the tool keeps names"):
        hyperspy_unmix.unmix(scene, like=u, interactive=True)


def titles_of_plot(result):
    """What HyperSpy's navigator shows, one component after the other."""
    plt.close("all")
    before = set(plt.get_fignums())
    result.plot()
    figures = [plt.figure(n) for n in set(plt.get_fignums()) - before]
    shown = {ax.get_title() for figure in figures for ax in figure.axes}
    labels = {
        x.get_text() for figure in figures for ax in figure.axes for x in ax.get_xticklabels()
    }
    plt.close("all")
    return {name for name in result.names if name in shown | labels}


def test_excluded_are_left_out_by_number(tmp_path):
    """Of eight, the seventh: others keep their numbers, and the first pixel axis its maps."""
    u = data.eds_phases(shape=(16, 16)).signal.unmix(8).exclude([1, 6])
    plt.close("all")
    u.plot()
    axis = next(
        ax for n in plt.get_fignums() for ax in plt.figure(n).axes if ax.get_xlabel() == "Component"
    )
    axis.figure.canvas.draw()
    assert axis.xaxis.get_major_formatter()(1, 0) in ("2", "component 2")
    assert axis.get_xlim() == (-0.5, 5.5)
    plt.close("all")
    some = select_components(u.maps, u.shown)
    np.testing.assert_array_equal(some.inav[1].data, u.maps.inav[2].data)
    assert some.data.shape[0] == 6 == some.axes_manager["Component"].size


def test_excluded(scene, u, tmp_path):
    """Definition: the model lacks it, the residual holds it; spectra and maps stay."""
    named = u.rename(["oxide", "titanium"])
    without = named.exclude("titanium")
    counts = scene.isig[: u.spectra.data.shape[1]].data
    of_it = named.model().data - without.model().data
    expected = named.maps.data[1][..., None] * named.spectra.data[1] * 0.02
    np.testing.assert_allclose(of_it, expected, atol=1e-6)
    np.testing.assert_allclose(without.residual().data, counts - without.model().data, atol=1e-6)
    np.testing.assert_array_equal(without.maps.data, named.maps.data)
    assert without.reduced_chi_square.data.mean() == named.reduced_chi_square.data.mean()
    row = next(line for line in repr(without).splitlines() if " titanium " in line)
    assert row.endswith("excluded") and "exclude('titanium')" in without.code
    assert len(without.plot_spectra().get_lines()) == len(named.plot_spectra().get_lines()) - 1
    assert not [path for path in without.export(tmp_path, True) if "titanium" in path.name]
    assert titles_of_plot(without) == {"oxide"} and titles_of_plot(named) == {"oxide", "titanium"}
    drawn = without.plot_overview().axes
    assert not any("titanium" in ax.get_title() + ax.get_ylabel() for ax in drawn)
    without.report(tmp_path / "r.html", overwrite=True)
    assert "titanium (excluded)" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert without.reorder([1, 0]).excluded == (0,)
    assert without.exclude([]).excluded == ()
    without.save(tmp_path / "r.hspy")
    assert hyperspy_unmix.load(tmp_path / "r.hspy").excluded == (1,)
    with pytest.raises(ValueError, match="one component at least"):
        named.exclude([0, 1])


def test_lines_as_references(u):
    """Truth: the lines put in, on a background of a few percent."""
    m = u.match({"oxide": ["Fe", "O_Ka"], "titanium": "Ti_Ka"})
    assert m.names == ("oxide", "titanium") and (np.diag(m.angles) < 25).all()
    assert u.match(["Ti"]).references == ("Ti",)
    with pytest.raises(ValueError, match=r"no X-ray line 'Ti_K'; it has .*Ti_Ka"):
        u.match("Ti_K")
    with pytest.raises(ValueError, match="the lines of Pt_La are at"):
        u.match("Pt_La")


def test_areas_of_lines_and_edges():
    """Closed form: a box and a step on a level; errors of independent channels."""
    energies = np.arange(100.0)
    box, step = np.ones((1, 100)), np.ones((1, 100))
    box[0, 47:54] += 2.0
    step[0, 50:] += 3.0
    variance = np.full((1, 100), 0.25)
    areas, errors = line_areas(energies, box, variance, 50.0, 6.0)
    assert areas[0] == pytest.approx(14.0)
    assert errors[0] == pytest.approx(np.sqrt(7 * 0.25 + 49 * 0.25 / 12))
    areas, errors = edge_areas(energies, step, variance, 50.0, 10.0)
    assert areas[0] == pytest.approx(30.0)
    assert errors[0] == pytest.approx(np.sqrt(10 * 0.25 + 100 * 0.25 / 10))
    assert not np.isfinite(line_areas(energies, box, variance, 300.0, 6.0)[1]).any()


def test_completion_shows_what_users_need(u):
    """Definition: documented names are completed, what only the package reads is not."""
    shown = set(dir(u))
    assert {"spectra", "maps", "settings", "findings", "plot", "alternatives", "code"} <= shown
    assert not shown & OF_THE_PACKAGE
    assert all(hasattr(u, name) for name in OF_THE_PACKAGE)
