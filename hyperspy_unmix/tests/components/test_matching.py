"""Components get the names of the references they resemble, at angles that are known."""

from dataclasses import FrozenInstanceError, replace

import exspy
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.components.matching import LEAST_COMMON_CHANNELS, SPECTRUM_LIMIT, match
from hyperspy_unmix.tests.scenes import (
    CHANNELS,
    PHASES,
    calibrated,
    edge_on_background,
    two_phases,
    untouched,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])

FIRST, SECOND, THIRD = (np.repeat(row, 20) for row in np.eye(4)[:3])  # orthogonal, 80 channels


@pytest.fixture(scope="module")
def boxes():
    """A result of two components that are FIRST and SECOND exactly, from 100 to 258 eV."""
    return having(two_phases(signal_type="EELS_unmix").unmix(2, background=None, store=False))


@pytest.fixture(scope="module")
def oxides():
    """Phantom: V2O3, Cr2O3 and Fe2O3 with their true spectra, and what was found of it."""
    phantom = data.three_oxides((24, 24), counts=20000.0)
    result = hyperspy_unmix.unmix(phantom.signal, low_loss=phantom.low_loss, store=False)
    return phantom, result


def having(result, spectra=(FIRST, SECOND)):
    """The same result with these spectra."""
    return replace(result, arrays=replace(result.arrays, spectra=np.array(spectra)))


def turned(degrees, start=FIRST, towards=SECOND):
    """A spectrum at this angle to ``start``."""
    return np.cos(np.radians(degrees)) * start + np.sin(np.radians(degrees)) * towards


def spectrum(values, title="", lazy=False, **axis):
    """On the energy axis of `boxes` unless another is given."""
    s = calibrated(np.array(values, float), "EELS", **axis)
    s.metadata.General.title = title
    return s.as_lazy() if lazy else s


def expected_angle(a, b):
    """By the textbook's formula."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.degrees(np.arccos(a @ b / np.sqrt((a @ a) * (b @ b))))


# ---------------------------------------------------------------- angles in closed form


@eager_and_lazy
def test_angles_are_those_of_the_formula(boxes, lazy):
    references = {
        "A": spectrum(7 * turned(10), lazy=lazy),
        "B": spectrum(1e-6 * turned(75), lazy=lazy),
        "same as second": spectrum(SECOND, lazy=lazy),
        "opposite": spectrum(-FIRST, lazy=lazy),
        "beside": spectrum(FIRST + THIRD, lazy=lazy),
    }
    with untouched(*references.values()):
        m = match(boxes, references)
    assert m.references == tuple(references)
    truth = [[10, 75, 90, 180, 45], [80, 15, 0, 90, 90]]
    np.testing.assert_allclose(m.angles, truth, atol=1e-6)
    assert m.names == ("A", "same as second")
    assert m.renamed.names == m.names
    assert m.renamed.arrays is boxes.arrays
    assert boxes.names == ("0", "1")


def test_a_pedestal_counts():
    """No mean is subtracted: a constant turns a spectrum."""
    u = two_phases().unmix(2, store=False)
    m = match(having(u, PHASES), {"a": spectrum(PHASES[0]), "b": spectrum(PHASES[0] + 1)})
    np.testing.assert_allclose(m.angles[0], [0, expected_angle(PHASES[0], PHASES[0] + 1)])


@eager_and_lazy
def test_a_stack_is_one_reference_for_each_spectrum(boxes, lazy):
    s = spectrum([turned(80), turned(5), THIRD], "Standards", lazy)
    with untouched(s):
        m = match(boxes, s)
    assert m.references == ("Standards 0", "Standards 1", "Standards 2")
    assert m.names == ("Standards 1", "Standards 0")
    assert match(boxes, {"mine": s}).names == ("mine 1", "mine 0")
    assert match(boxes, s.inav[:1]).references == ("Standards",)


def test_the_least_total_angle_decides(boxes):
    """Both are closest to "near": 4 + 6 degrees are less than 12 + 2."""
    u = having(boxes, [FIRST, turned(6)])
    m = match(u, {"near": spectrum(turned(4)), "far": spectrum(turned(12))})
    np.testing.assert_allclose(m.angles, [[4, 12], [2, 6]], atol=1e-6)
    assert m.names == ("near", "far")
    assert m.settings["not the closest"].value == ["1"]


def test_references_that_are_alike_are_said(boxes):
    m = match(boxes, {"A": spectrum(turned(3)), "B": spectrum(turned(-4)), "C": spectrum(SECOND)})
    assert m.names == ("A", "C")
    assert m.settings["hard to tell"].value == ["0"]
    assert "less than 2 degrees farther" in repr(m)


def test_pairs_beyond_the_limit_cost_no_names(boxes):
    """Least sum of all angles would be 10 + 40; but 40 gives no name, so 5 is taken."""
    u = having(boxes, [FIRST, turned(45)])
    references = {"right": spectrum(turned(5)), "other": spectrum(turned(-10))}
    m = match(u, references)
    np.testing.assert_allclose(m.angles, [[5, 10], [40, 55]], atol=1e-6)
    assert m.names == ("right", "1")
    assert m.near == (True, False)


def test_one_reference_only(boxes):
    m = match(boxes, spectrum(turned(80), "B"))
    assert m.angles.shape == (2, 1)
    assert (m.pairs, m.names) == ((None, 0), ("0", "B"))
    assert "none left (name kept)" in repr(m)


def test_too_far_keeps_its_name(boxes):
    u = boxes.rename(["oxide", "carbon"])
    m = match(
        u,
        {"A": spectrum(turned(SPECTRUM_LIMIT + 1)), "B": spectrum(turned(90 - SPECTRUM_LIMIT + 1))},
    )
    assert m.names == ("oxide", "B")
    assert m.pairs == (0, 1)
    assert "A (too far, name kept)" in repr(m)
    assert f"{SPECTRUM_LIMIT:g} degrees" in m.settings["matching"].reason


# ---------------------------------------------------------------- names


def test_names_stay_unique(boxes):
    """What keeps the name that another gets now says so."""
    m = match(boxes.rename(["B", "A"]), {"A": spectrum(turned(3)), "C": spectrum(THIRD)})
    assert m.names == ("A", "A (no reference)")
    assert m.settings["component A"].value == "A (no reference)"
    # a name given to one is free for another
    u = having(boxes.rename(["A (no reference)", "A"]), [THIRD, SECOND])
    assert match(u, {"A": spectrum(THIRD)}).names == ("A", "A (no reference)")
    u = having(boxes.rename(["A", "B"]), [SECOND, FIRST])
    assert match(u, {"B": spectrum(SECOND), "A": spectrum(FIRST)}).names == ("B", "A")


def test_references_of_one_title_are_numbered(boxes):
    m = match(boxes, [spectrum(FIRST, "EELS"), spectrum(SECOND, "EELS"), spectrum(THIRD)])
    assert m.references == ("EELS", "EELS (2)", "reference 2")
    assert m.names == ("EELS", "EELS (2)")
    assert "its name was taken" in m.settings["reference EELS (2)"].reason


def test_a_generator_and_a_tuple(boxes):
    for references in (iter([spectrum(FIRST, "A")]), (spectrum(FIRST, "A"),)):
        assert match(boxes, references).names == ("A", "1")


# ---------------------------------------------------------------- calibrations


def smooth(energies):
    """Two peaks, straight between channels to 1e-3 of their height."""
    energies = np.asarray(energies)
    return np.exp(-(((energies - 150) / 30) ** 2)) + 0.5 * np.exp(-(((energies - 220) / 25) ** 2))


ENERGIES = 100 + 2.0 * np.arange(CHANNELS)
CALIBRATIONS = {
    "finer": {"offset": 90.3, "scale": 0.7, "units": "eV", "size": 260},
    "coarser": {"offset": 91.0, "scale": 3.0, "units": "eV", "size": 70},
    "reversed": {"offset": 270.0, "scale": -1.1, "units": "eV", "size": 170},
    "keV": {"offset": 0.0903, "scale": 0.0007, "units": "keV", "size": 260},
    "keV, same channels": {"offset": 0.1, "scale": 0.002, "units": "keV", "size": CHANNELS},
    "part of it": {"offset": 160.0, "scale": 2.0, "units": "eV", "size": 15},
}


@pytest.mark.parametrize("name", CALIBRATIONS)
@eager_and_lazy
def test_other_calibrations(boxes, name, lazy):
    """Truth: the same function of the energy, hence no angle."""
    axis = CALIBRATIONS[name]
    factor = 1000.0 if axis["units"] == "keV" else 1.0
    energies = axis["offset"] + axis["scale"] * np.arange(axis["size"])
    s = hs.signals.Signal1D(smooth(factor * energies), axes=[{"name": "E", **axis}])
    s.set_signal_type("EELS")
    s = s.as_lazy() if lazy else s
    with untouched(s):
        m = match(having(boxes, [smooth(ENERGIES), SECOND]), {"A": s})
    assert m.angles[0, 0] < 0.3
    assert m.names == ("A", "1")
    (low, high), how = m.settings["reference A"]
    inside = (factor * energies.min() <= ENERGIES + 1e-6) & (
        factor * energies.max() >= ENERGIES - 1e-6
    )
    np.testing.assert_allclose((low, high), ENERGIES[inside][[0, -1]])
    assert f"{inside.sum()} of 80 channels" in how
    same = name in ("keV, same channels", "part of it")
    assert ("on the same channels" if same else "interpolated linearly") in how
    assert ("keV converted" in how) is (factor != 1)


@pytest.mark.parametrize("binned", [False, True])
def test_axis_that_is_not_uniform(boxes, binned):
    energies = 100 + 160 * np.linspace(0, 1, 200) ** 1.5
    widths = np.gradient(energies) if binned else 1.0
    s = hs.signals.Signal1D(
        smooth(energies) * widths, axes=[{"axis": energies, "name": "E", "units": "eV"}]
    )
    s.axes_manager[-1].is_binned = binned
    m = match(having(boxes, [smooth(ENERGIES), SECOND]), {"A": s})
    assert m.angles[0, 0] < 0.3


def test_the_overlap_counts(boxes):
    """On the first 30 channels: FIRST and half of SECOND."""
    m = match(boxes, {"A": spectrum((FIRST + SECOND)[:30])})
    np.testing.assert_allclose(m.angles[:, 0], np.degrees(np.arctan(np.sqrt([0.5, 2]))), atol=1e-6)


def test_hardly_any_overlap_has_no_angle(boxes, caplog):
    few = spectrum(FIRST[: LEAST_COMMON_CHANNELS - 1])
    m = match(boxes, {"few": few, "A": spectrum(FIRST)})
    assert np.isnan(m.angles[:, 0]).all()
    assert m.names == ("A", "1")
    hint = m.settings["WARNING: reference few"].reason
    assert f"9 channels in common, {LEAST_COMMON_CHANNELS} are needed" in hint
    assert hint in caplog.text
    assert "nan" not in repr(m)
    enough = match(boxes, {"enough": spectrum(FIRST[:LEAST_COMMON_CHANNELS])})
    assert enough.angles[0, 0] == pytest.approx(0, abs=1e-6)
    # SECOND is zero there: no angle either
    assert np.isnan(enough.angles[1, 0])
    assert "zero there" in enough.settings["reference enough"].reason
    assert enough.names == ("enough", "1")


def test_references_that_are_zero_name_nothing(boxes):
    m = match(boxes, spectrum(np.zeros(CHANNELS), "vacuum"))
    assert np.isnan(m.angles).all()
    assert m.names == boxes.names
    assert "zero there" in repr(m)


def test_nan_in_a_reference_is_left_out(boxes):
    values = turned(10)
    values[[3, 25]] = np.nan, np.inf
    m = match(boxes, {"A": spectrum(values)})
    known = np.isfinite(values)
    assert m.angles[0, 0] == pytest.approx(expected_angle(FIRST[known], values[known]))
    assert "78 of 80 channels" in m.settings["reference A"].reason


@eager_and_lazy
def test_masked_channels_are_left_out(lazy):
    """Garbage in the reference where the components are NaN: truth is the formula elsewhere."""
    mask = np.zeros(CHANNELS, bool)
    mask[30:36] = True
    u = two_phases(lazy=lazy).unmix(2, signal_mask=mask, store=False)
    found = u.spectra.data
    assert np.isnan(found[:, mask]).all()
    references = PHASES.copy()
    references[:, mask] = 1e9
    m = match(u, spectrum(references, "phase"))
    truth = [[expected_angle(f[~mask], p[~mask]) for p in PHASES] for f in found]
    np.testing.assert_allclose(m.angles, truth, atol=1e-4)
    assert m.angles[0, int(m.names[0][-1])] < 6
    assert "74 of 74 channels" in m.settings["reference phase 0"].reason
    # nor are the gaps of a reference bridged
    s = two_phases(offset=100.5)
    m = match(s.unmix(2, store=False), u)
    assert "channels; interpolated" in m.settings["reference 0"].reason
    assert "72 of 80" in m.settings["reference 0"].reason


# ---------------------------------------------------------------- phantoms and other results


@eager_and_lazy
def test_phantom_and_its_truth(oxides, lazy):
    phantom, u = oxides
    truth = phantom.truth.spectra
    references = {
        name: truth.inav[i].as_lazy() if lazy else truth.inav[i]
        for i, name in enumerate(phantom.truth.names)
    }
    with untouched(phantom.signal, phantom.low_loss, u.spectra, u.maps, *references.values()):
        m = match(u, references)
    first = truth.axes_manager[-1].value2index(u.spectra.axes_manager[-1].offset)
    channels = slice(first, first + u.spectra.data.shape[1])
    expected = [[expected_angle(f, t[channels]) for t in truth.data] for f in u.spectra.data]
    np.testing.assert_allclose(m.angles, expected, atol=1e-5)
    assert sorted(m.names) == sorted(phantom.truth.names)
    assert all(m.angles[i, phantom.truth.names.index(n)] < 6 for i, n in enumerate(m.names))
    assert m.settings["components"].value == ("without background", "single scattering")


def test_phases_with_only_oxygen_in_common_are_beyond_the_limit(oxides):
    """What the limit is for: no oxide takes the name of another that is missing."""
    phantom, u = oxides
    truth = phantom.truth.spectra.data
    others = [expected_angle(truth[i], truth[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(others) > SPECTRUM_LIMIT
    m = match(u, {"V2O3": phantom.truth.spectra.inav[0]})
    assert m.names.count("V2O3") == 1
    assert m.angles[m.names.index("V2O3"), 0] < 6


def test_another_result(oxides):
    """Truth: the same components in another order, and a result of a part of the scan."""
    phantom, u = oxides
    u = match(u, dict(zip(phantom.truth.names, phantom.truth.spectra, strict=False))).renamed
    other = u.reorder([2, 0, 1])
    m = match(other.rename(["x", "y", "z"]), u)
    assert m.renamed.names == other.names
    assert m.references == u.names
    np.testing.assert_allclose(np.sort(m.angles, 1)[:, 0], 0, atol=1e-5)
    part = phantom.signal.inav[:, :16].unmix(3, low_loss=phantom.low_loss.inav[:, :16])
    m = match(part, {"before:": u})
    assert sorted(m.names) == [f"before: {name}" for name in sorted(u.names)]
    assert max(m.angles[i, m.references.index(name)] for i, name in enumerate(m.names)) < 10


def test_results_known_by_their_numbers(boxes):
    m = match(boxes, having(boxes, [SECOND, FIRST]))
    assert m.names == ("1", "0")


def test_eds_in_kev():
    """Phantom: EDS in keV; the truth is given in eV."""
    phantom = data.eds_core_shell()
    u = phantom.signal.unmix(store=False)
    s = phantom.truth.spectra.deepcopy()
    axis = s.axes_manager[-1]
    assert axis.units == "keV"
    axis.scale, axis.offset, axis.units = 1000 * axis.scale, 1000 * axis.offset, "eV"
    m = match(u, dict(zip(phantom.truth.names, s, strict=False)))
    assert set(m.names) >= set(phantom.truth.names)
    assert m.settings[f"reference {phantom.truth.names[0]}"].reason.endswith(
        "same channels, eV converted"
    )
    # an edge is no line
    with pytest.raises(ValueError, match="exspy has no X-ray line 'O_K'; it has O_Ka"):
        match(u, "O_K")
    found = match(u, {"core": ["Fe", "Pt_La"]})
    assert found.references == ("core",) and np.isfinite(found.angles).all()


# ---------------------------------------------------------------- edges and model components


def hydrogenic(name, energies, beam=120.0, convergence=10.0, collection=30.0):
    edge = exspy.components.EELSCLEdge(name, GOS="hydrogenic")
    edge.set_microscope_parameters(beam, convergence, collection, 0.4)
    return edge.function(energies)


def test_edges_of_the_phantom(oxides):
    """Truth: exspy's edges with the phantom's microscope, least squares by hand."""
    phantom, u = oxides
    m = match(u, {"V2O3": ["V_L3", "O_K"], "Cr2O3": ("Cr_L3", "O_K"), "Fe2O3": ["Fe_L3", "O_K"]})
    truth = dict(zip(phantom.truth.names, phantom.truth.spectra, strict=False))
    assert m.names == match(u, truth).names
    energies = u.spectra.axes_manager[-1].axis
    edges = np.array([hydrogenic(name, energies) for name in ("V_L3", "O_K")])
    v2o3 = u.spectra.data[m.names.index("V2O3")]
    weights = np.linalg.lstsq(edges.T, v2o3, rcond=None)[0]
    assert (weights > 0).all()
    np.testing.assert_allclose(
        m.angles[m.names.index("V2O3"), 0], expected_angle(v2o3, weights @ edges), atol=1e-4
    )
    assert m.settings["microscope"].value == [
        "beam energy 120 keV",
        "convergence angle 10 mrad",
        "collection angle 30 mrad",
    ]
    assert "from the metadata" in m.settings["microscope"].reason


def test_edges_are_their_own_combination(oxides):
    """A component made of edges: no angle, whatever their amounts; a negative one is not taken."""
    _, u = oxides
    energies = u.spectra.axes_manager[-1].axis
    v, o = (hydrogenic(name, energies) for name in ("V_L3", "O_K"))
    made = having(u, [3 * v + o, v + 0.01 * o, v - 0.3 * o])
    m = match(made, {"oxide": ["V_L3", "O_K"]})
    np.testing.assert_allclose(m.angles[:2, 0], 0, atol=1e-5)
    assert m.angles[2, 0] == pytest.approx(expected_angle(v - 0.3 * o, v))
    # beyond 90 degrees no amount of them fits: the closer edge counts
    m = match(having(u, [-v, -o, -v - o]), {"oxide": ["V_L3", "O_K"]})
    truth = [min(expected_angle(row, v), expected_angle(row, o)) for row in (-v, -o, -v - o)]
    np.testing.assert_allclose(m.angles[:, 0], truth)
    assert min(truth) > 90


def test_names_of_edges(oxides):
    _, u = oxides
    edge = exspy.components.EELSCLEdge("V_L3", GOS="hydrogenic")
    edge.set_microscope_parameters(300.0, 1.0, 5.0, 0.4)
    m = match(u, ["O_K", edge, ["Cr_L3", "O_K"]])
    assert m.references == ("O_K", "V_L3", "Cr_L3 + O_K")
    assert match(u, "O_K").references == ("O_K",)
    # its own microscope, not that of the metadata
    energies = u.spectra.axes_manager[-1].axis
    truth = expected_angle(u.spectra.data[0], hydrogenic("V_L3", energies, 300.0, 1.0, 5.0))
    assert m.angles[0, 1] == pytest.approx(truth, abs=1e-4)
    assert m.settings["microscope of V_L3"].value == "given"


def test_an_edge_without_a_microscope_gets_that_of_the_metadata(oxides):
    _, u = oxides
    edge = exspy.components.EELSCLEdge("O_K", GOS="hydrogenic")
    m = match(u, [edge, "O_K"])
    assert not hasattr(edge, "tab_xsection")  # exspy's table for a microscope
    assert m.angles[0, 0] == m.angles[0, 1]
    assert m.references == ("O_K", "O_K (2)")


def test_an_edge_may_be_shifted(oxides):
    _, u = oxides
    edge = exspy.components.EELSCLEdge("O_K", GOS="hydrogenic")
    edge.set_microscope_parameters(120.0, 10.0, 30.0, 0.4)
    edge.onset_energy.value = 540.0
    energies = u.spectra.axes_manager[-1].axis
    truth = expected_angle(u.spectra.data[0], edge.function(energies))
    assert match(u, edge).angles[0, 0] == pytest.approx(truth, abs=1e-4)
    assert edge.onset_energy.value == 540.0


def test_hydrogenic_l_shells_are_one_shape(oxides):
    """exspy's hydrogenic V_L3, V_L2 and V_L1 are the same."""
    _, u = oxides
    m = match(u, {"V": ["V_L3", "V_L2", "V_L1"], "L3": "V_L3"})
    np.testing.assert_array_equal(m.angles[:, 0], m.angles[:, 1])
    assert "V_L2, V_L1 the same as another" in m.settings["reference V"].reason


def test_microscope_that_is_not_known():
    s = edge_on_background()
    m = match(s.unmix(1, store=False), "O_K")
    assert m.settings["microscope"].value == [
        "beam energy 200 keV by default",
        "convergence angle 10 mrad by default",
        "collection angle 20 mrad by default",
    ]
    assert "beam energy 200 keV by default" in repr(m)
    assert "set_microscope_parameters" in repr(m)
    s.set_microscope_parameters(beam_energy=60.0, convergence_angle=0.0)
    m = match(s.unmix(1, store=False), "O_K")
    assert m.settings["microscope"].value[:2] == ["beam energy 60 keV", "convergence angle 0 mrad"]
    assert m.settings["microscope"].value[2] == "collection angle 20 mrad by default"


def test_model_components(boxes):
    """Truth: the component's own function; a model is all of its components."""
    peaks = [hs.model.components1D.Gaussian(A=1, centre=c, sigma=8) for c in (130, 200)]
    peaks[0].name, peaks[1].name = "low", "high"
    low, high = (peak.function(ENERGIES) for peak in peaks)
    u = having(boxes, [turned(10, low / np.linalg.norm(low), high / np.linalg.norm(high)), high])
    m = match(u, peaks)
    assert m.names == ("low", "high")
    assert m.angles[0, 0] == pytest.approx(10, abs=1e-4)
    assert match(u, {"both": peaks}).angles[0, 0] == pytest.approx(0, abs=1e-5)
    model = spectrum(low + high).create_model(auto_background=False)
    model.extend(peaks)
    assert match(u, model).references == ("low", "high")
    assert match(u, {"both": model}).angles[0, 0] == pytest.approx(0, abs=1e-5)


def test_channels_where_a_component_is_not_finite_are_left_out(boxes):
    law = hs.model.components1D.Expression("sqrt(x - 120)", "root")
    m = match(boxes, law)
    assert "70 of 80 channels" in m.settings["reference root"].reason


# ---------------------------------------------------------------- what is printed


def test_the_table(boxes):
    u = boxes.rename(["oxide", "metal"])
    m = match(u, {"NiO": spectrum(turned(3)), "<Ni>": spectrum(turned(40))})
    lines = repr(m).splitlines()
    assert lines[0].startswith("Match of scene (120 pixels, 80 channels): 1 of 2")
    assert lines[1].split() == [
        *("component", "reference", "angle", "(degrees)", "next", "best", "angle", "(degrees)")
    ]
    assert lines[2].split() == ["oxide", "NiO", "3.0", "<Ni>", "40.0"]
    assert lines[3].split() == [
        "metal",
        *("<Ni>", "(too", "far,", "name", "kept)"),
        "50.0",
        "NiO",
        "87.0",
    ]
    # in columns
    assert lines[1].index("reference") == lines[2].index("NiO") == lines[3].index("<Ni>")
    assert "reference NiO: 100, 258 (eV, 80 of 80 channels; on the same channels)" in repr(m)
    html = m._repr_html_()
    for word in ("oxide", "NiO", "3.0", "&lt;Ni&gt;", "80 of 80 channels"):
        assert word in html
    assert "<Ni>" not in html


def test_a_match_stays_as_it_is(boxes):
    m = match(boxes, spectrum(FIRST))
    with pytest.raises(FrozenInstanceError):
        m.names = ()
    with pytest.raises(TypeError):
        m.settings["components"] = None


@pytest.mark.parametrize(
    ("background", "says"), [(None, "no background subtracted"), ("auto", "without background")]
)
def test_what_the_components_are(background, says):
    """An edge on its background is no edge; without it, exspy's edge is near."""
    m = match(edge_on_background().unmix(1, background=background, store=False), "O_K")
    assert m.settings["components"].value == (says, "plural scattering as recorded")
    assert m.near == (background is not None,)


# ---------------------------------------------------------------- errors


def shaped(*shape):
    return spectrum(np.ones((*shape, CHANNELS)))


def in_units(units):
    s = spectrum(FIRST)
    s.axes_manager[-1].units = units
    return s


ERRORS = {
    "nothing": ([], ValueError, "references is empty"),
    "no mapping's items": ({}, ValueError, "references is empty"),
    "a number": (3, TypeError, "reference 0 is a int; a HyperSpy signal"),
    "an array": (FIRST, TypeError, "reference 0 is a ndarray; .* its scale, offset and units"),
    "None in a mapping": ({"A": None}, TypeError, "reference A is a NoneType; a HyperSpy"),
    "a name that is no word": ({3: "O_K"}, TypeError, "the name 3: words are needed"),
    "an empty name": ({"": "O_K"}, TypeError, "words are needed"),
    "a map": ({"A": shaped(2, 3)}, ValueError, "reference A has 2 navigation axes, a spectrum"),
    "an image": (hs.signals.Signal2D(np.ones((4, 5))), ValueError, "has 2 signal axes"),
    "complex": (spectrum(FIRST) * 1j, TypeError, "real numbers are needed"),
    "nm": ({"A": in_units("nm")}, ValueError, "its energies in nm, the components in eV"),
    "no units": (hs.signals.Signal1D(FIRST), ValueError, "reference 0 has its energies in <undef"),
    "elsewhere": (spectrum(FIRST, offset=900.0), ValueError, "no reference has 10 channels"),
    "two channels": (spectrum([1.0, 1.0]), ValueError, "which go from 100 to 258 eV"),
    "no edge": ("O", ValueError, "exspy has no hydrogenic edge 'O'; element and subshell"),
    "no word": ({"A": ""}, ValueError, "reference A: exspy has no hydrogenic edge ''"),
    "no element": (["Xx_K"], ValueError, "no hydrogenic edge 'Xx_K'"),
    "no subshell": ("O_L3", ValueError, "no hydrogenic edge 'O_L3'; element"),
    "no hydrogenic subshell": ("Al_L1", ValueError, "no hydrogenic edge 'Al_L1'"),
    "M edge": ("La_M5", ValueError, r"EELSCLEdge\('La_M5'\), whose table exspy downloads"),
    "edge elsewhere": ("O_K", ValueError, "O_K sets in at 532 eV, the components go from 100 to"),
    "edge before": (["Li_K"], ValueError, "Li_K sets in at 55 eV"),
    "signals combined": ({"A": [shaped()]}, TypeError, "reference A is a sequence of EELSSpectrum"),
    "nothing combined": ({"A": []}, TypeError, "reference A is a sequence of nothing"),
    "component of two axes": (
        hs.model.components2D.Gaussian2D(),
        TypeError,
        r"function\(energies\) failed",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(boxes, case):
    references, error, says = ERRORS[case]
    with untouched(references), pytest.raises(error, match=says):
        match(boxes, references)


def test_edge_object_elsewhere(boxes):
    edge = exspy.components.EELSCLEdge("O_K", GOS="hydrogenic")
    with pytest.raises(ValueError, match="leave it out, or unmix with a wider signal_range"):
        match(boxes, {"oxygen": edge})


def test_component_of_another_shape(boxes):
    component = hs.model.components1D.Gaussian()
    component.function = lambda energies: np.ones(3)
    with pytest.raises(TypeError, match=r"has shape \(3,\), that of the energies"):
        match(boxes, component)


def test_result_of_another_kind():
    with pytest.raises(TypeError, match=r"result is a Signal1D, what hyperspy_unmix\.unmix"):
        match(hs.signals.Signal1D(FIRST), "O_K")
