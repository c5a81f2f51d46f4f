"""Spectra as .msa and maps as .tif: what HyperSpy reads from them is what was written."""

import os

import hyperspy.api as hs
import numpy as np
import pytest
import traits.api

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import SHAPE, array, calibrated, counts, two_phases, wedge

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def calibration(signal):
    return [(a.offset, a.scale, str(a.units)) for a in signal.axes_manager._axes]


@eager_and_lazy
@shapes
def test_export_comes_back_bit_for_bit(shape, lazy, tmp_path):
    """Truth: `spectra_counts`, every digit, and the maps in 32 bits; their axes."""
    u = two_phases(shape, lazy=lazy).unmix(2, store=False)
    written = u.export(tmp_path / "new" / "folder")
    end = "msa" if len(shape) == 1 else "tif"
    names = [f"component_{i}{kind}" for i in (0, 1) for kind in (".msa", f"_map.{end}")]
    assert [path.name for path in written] == [*names, "summary.txt"]
    for i in (0, 1):
        spectrum, one_map = (hs.load(path) for path in written[2 * i : 2 * i + 2])
        known = u.spectra_counts.inav[i]
        assert spectrum.data.tobytes() == known.data.tobytes()
        assert calibration(spectrum) == calibration(known)
        known = u.maps.inav[i]
        dtype = "f8" if len(shape) == 1 else "f4"
        assert one_map.data.tobytes() == array(known).astype(dtype).tobytes()
        assert calibration(one_map) == calibration(known)
    # what it prints, and everything that it found and chose
    parts = (u, u.findings, u.settings)
    assert written[-1].read_text(encoding="utf-8") == "\n\n".join(map(repr, parts)) + "\n"


@pytest.mark.parametrize(
    ("signal_type", "made"),
    [
        ("EELS", lambda: data.inclined_boundary(shape=(12, 12))),
        ("EDS_TEM", lambda: data.eds_phases(shape=(12, 12))),
    ],
)
def test_what_the_microscope_was_goes_along(signal_type, made, tmp_path):
    """Type, beam energy and angles where .msa has a place for them."""
    s = made().signal
    u = hyperspy_unmix.unmix(s, 2)
    u.export(tmp_path)
    found = hs.load(tmp_path / "component_1.msa")
    assert found.metadata.Signal.signal_type == signal_type
    place = "Acquisition_instrument.TEM.beam_energy"
    assert found.metadata.get_item(place) == s.metadata.get_item(place)


def test_microscopes_do_not_mix(tmp_path):
    """After a SEM's, a TEM's spectra keep their beam energy."""
    s = two_phases(signal_type="EDS_SEM_unmix")
    s.metadata.set_item("Acquisition_instrument.SEM.beam_energy", 15.0)
    hyperspy_unmix.unmix(s, 2).export(tmp_path / "sem")
    found = hs.load(tmp_path / "sem" / "component_0.msa").metadata
    assert found.get_item("Acquisition_instrument.SEM.beam_energy") == 15.0
    s = data.inclined_boundary(shape=(8, 8)).signal
    hyperspy_unmix.unmix(s, 2).export(tmp_path / "tem")
    found = hs.load(tmp_path / "tem" / "component_0.msa").metadata
    assert found.get_item("Acquisition_instrument.TEM.beam_energy") == 120.0


def test_thickness_and_its_quantity(tmp_path):
    signal, low_loss, _ = wedge()
    u = hyperspy_unmix.unmix(signal, 1, low_loss=low_loss)
    u.export(tmp_path)
    found = hs.load(tmp_path / "thickness.tif")
    np.testing.assert_array_equal(found.data, u.thickness.data.astype("f4"))
    assert found.metadata.Signal.quantity == "t/lambda"


def test_names_become_names_of_files(tmp_path):
    u = two_phases().unmix(2, store=False).rename(["Fe₃O₄ / matrix?", "..\\up"])
    names = [path.name for path in u.export(tmp_path)]
    assert names[0] == "component_0_Fe₃O₄_matrix.msa"
    assert names[2] == "component_1_up.msa"
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@pytest.mark.parametrize("units", ["µm", "Å", "nm", "1/nm", traits.api.Undefined])
def test_units_of_any_kind(units, tmp_path):
    s = two_phases()
    for axis in s.axes_manager.navigation_axes:
        axis.units = units
    s.unmix(2, store=False).export(tmp_path)
    found = hs.load(tmp_path / "component_0_map.tif").axes_manager.signal_axes[0]
    assert found.scale == 0.5
    if isinstance(units, str):
        assert found.units == units


def test_channels_and_pixels_that_were_left_out(tmp_path):
    """Zero in .msa, which knows numbers only; not a number in .tif."""
    pixels, channels = np.zeros(SHAPE, bool), np.zeros(80, bool)
    pixels[0, 3], channels[10:15] = True, True
    s = two_phases()
    hyperspy_unmix.unmix(s, 2, navigation_mask=pixels, signal_mask=channels).export(tmp_path)
    assert (hs.load(tmp_path / "component_0.msa").data[10:15] == 0).all()
    found = hs.load(tmp_path / "component_0_map.tif").data
    np.testing.assert_array_equal(np.isnan(found), pixels)


def test_energies_without_a_step_are_written_as_columns(tmp_path):
    """A grating's wavelengths: .msa has an offset and a step only."""
    s = hs.signals.Signal1D(
        counts(), axes=[*({"size": n} for n in SHAPE), {"axis": np.linspace(20, 30, 80) ** 2}]
    )
    u = hyperspy_unmix.unmix(s, 2)
    u.export(tmp_path)
    found = np.loadtxt(tmp_path / "component_1.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(found[:, 0], np.linspace(20, 30, 80) ** 2)
    np.testing.assert_array_equal(found[:, 1], u.spectra_counts.data[1])


def test_existing_files_are_asked_for(tmp_path, monkeypatch):
    u = two_phases().unmix(2, store=False)
    (tmp_path / "component_0.msa").write_text("mine")
    monkeypatch.setattr("builtins.input", lambda words: "n")
    assert "component_0.msa" not in [path.name for path in u.export(tmp_path)]
    assert (tmp_path / "component_0.msa").read_text() == "mine"
    assert u.export(tmp_path, overwrite=False) == []
    assert len(u.export(tmp_path, overwrite=True)) == 5
    hs.load(tmp_path / "component_0.msa")


def test_more_scan_axes_than_a_tif_has(tmp_path):
    u = hyperspy_unmix.unmix(calibrated(counts((2, 3, 4, 5))), 2)
    with pytest.raises(ValueError, match=r"4 axes, a \.tif holds 3 at most: \.save\(\)"):
        u.export(tmp_path)


@pytest.mark.parametrize(
    "change", [{"scale": -0.5}, {"scale": 1e-10, "units": "m"}, {"scale": 1e10}], ids=str
)
def test_scales_that_a_tif_cannot_hold(change, tmp_path, caplog):
    """The map without its scale, and a word about it."""
    s = two_phases()
    for axis in s.axes_manager.navigation_axes:
        axis.trait_set(**change)
    u = s.unmix(2, store=False)
    u.export(tmp_path)
    found = hs.load(tmp_path / "component_0_map.tif")
    # what a writer can hold depends on its version
    kept = found.axes_manager[0].scale == pytest.approx(s.axes_manager[0].scale)
    assert kept or "component_0_map.tif is without its scale" in caplog.text
    np.testing.assert_array_equal(found.data, u.maps.inav[0].data.astype("f4"))


def test_scan_axes_without_a_step(tmp_path, caplog):
    s = two_phases()
    s.axes_manager[0].convert_to_non_uniform_axis()
    s.axes_manager[0].axis = np.arange(10.0) ** 2
    hyperspy_unmix.unmix(s, 2).export(tmp_path)
    assert "without its scale" in caplog.text
    assert hs.load(tmp_path / "component_1_map.tif").data.shape == SHAPE


@pytest.mark.parametrize("date", ["23.11.2026", "", "2026-11-23T10:00"])
def test_dates_of_any_kind(date, tmp_path):
    s = two_phases(signal_type="EELS")
    s.metadata.General.date = date
    assert len(hyperspy_unmix.unmix(s, 2).export(tmp_path)) == 5


@pytest.mark.parametrize("name", ["a" * 260, "#ENDOFDATA", "Spectral Data Starts Here"])
def test_names_of_any_kind(name, tmp_path):
    u = two_phases().unmix(2, store=False).rename([name, "b"])
    written = u.export(tmp_path)
    np.testing.assert_array_equal(hs.load(written[0]).data, u.spectra_counts.inav[0].data)


@pytest.mark.parametrize("name", ["a\nb", "a\0", "tab\t"])
def test_names_are_of_one_line(name):
    with pytest.raises(ValueError, match="words of one line"):
        two_phases().unmix(2, store=False).rename([name, "b"])


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "here").write_text("x")
    with pytest.raises(FileExistsError, match="the name of a folder is needed"):
        two_phases().unmix(2, store=False).export(tmp_path / "here")
