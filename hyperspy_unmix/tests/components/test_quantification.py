"""Components in exspy's own quantifications, against the composition of the phantoms."""

from dataclasses import replace
from importlib.util import find_spec

import exspy
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.components import exspy_fits, quantification
from hyperspy_unmix.numerics.certainty.composition import fractions_range, fractions_variance

WITHIN = 0.05  # of each true value


def phase_of(spectrum, phantom):
    """Name of the true spectrum at the smallest angle."""
    axis = phantom.truth.spectra.axes_manager.signal_axes[0].axis
    energies = spectrum.axes_manager.signal_axes[0].axis
    known = [np.interp(energies, axis, row) for row in phantom.truth.spectra.data]
    cosine = [spectrum.data @ row / np.linalg.norm(row) for row in known]
    return phantom.truth.names[int(np.argmax(cosine))]


@pytest.fixture(scope="module")
def ceramic():
    phantom = data.inclined_boundary("ceramic", shape=(32, 32))
    u = hyperspy_unmix.unmix(phantom.signal, 2, low_loss=phantom.low_loss, assume="pure")
    return phantom, u


@pytest.fixture(scope="module")
def minerals():
    phantom = data.eds_phases(phases=3, shape=(48, 48))
    return phantom, hyperspy_unmix.unmix(phantom.signal, 3, assume="pure")


def atoms(spectrum):
    """Atomic fractions and their standard deviations by a model of hydrogenic edges."""
    spectrum = spectrum.deepcopy()
    spectrum.add_elements(["Al", "Mg", "O"])
    model = spectrum.create_model(auto_background=False, GOS="hydrogenic")
    model.fit()
    total = sum(edge.intensity.value for edge in model)
    return {
        edge.name.split("_")[0]: (edge.intensity.value / total, edge.intensity.std / total)
        for edge in model
    }


def test_components_are_eels_spectra_of_the_microscope(ceramic):
    """What a model needs is there: class, beam energy and angles, elements, variance."""
    phantom, u = ceramic
    s = u.spectra_counts.inav[0]
    assert type(s) is exspy.signals.EELSSpectrum
    tem = phantom.signal.metadata.Acquisition_instrument.TEM
    assert s.metadata.Acquisition_instrument.TEM.as_dictionary() == tem.as_dictionary()
    assert sorted(s.metadata.Sample.elements) == ["Al", "Mg", "O"]
    assert s.get_noise_variance().data.shape == s.data.shape


def test_composition_of_eels_components(ceramic, tmp_path):
    """Phantom: three elements in each, one of them absent in one phase; also from the file."""
    phantom, u = ceramic
    u.save(tmp_path / "r.hspy")
    of_file = {s.metadata.Unmixing.holds: s for s in hs.load(tmp_path / "r.hspy")}
    assert {phase_of(s, phantom) for s in u.spectra} == set(phantom.truth.names)
    for i in range(2):
        s = u.spectra_counts.inav[i]
        known = phantom.truth.parameters["composition"][phase_of(s, phantom)]
        for spectrum in (s, of_file["spectra counts"].inav[i]):
            for element, (share, sd) in atoms(spectrum).items():
                true = known.get(element, 0.0)
                assert share == pytest.approx(true, rel=WITHIN, abs=0.01)
                # of the channels' noise alone: an order of magnitude smaller than the shares
                assert 0 < sd < 0.01


def test_variance_weighs_the_channels(ceramic):
    """Closed form: weighted least squares of the edges by hand, with the variance of the result."""
    _, u = ceramic
    s = u.spectra_counts.inav[0].deepcopy()
    s.add_elements(["Al", "Mg", "O"])
    model = s.create_model(auto_background=False, GOS="hydrogenic")
    model.fit()
    axis = s.axes_manager.signal_axes[0]
    # counts in channels of that width
    shapes = [axis.scale * e.function(axis.axis) / e.intensity.value for e in model]
    sd = np.sqrt(s.get_noise_variance().data)
    expected = np.linalg.lstsq((np.stack(shapes) / sd).T, s.data / sd, rcond=None)[0]
    np.testing.assert_allclose([edge.intensity.value for edge in model], expected, rtol=1e-6)


def lines_of(phantom, phase):
    elements = sorted(phantom.truth.parameters["composition"][phase])
    return elements, [f"{element}_Ka" for element in elements]


def fractions(spectrum, intensities, phantom, phase):
    elements, lines = lines_of(phantom, phase)
    factors = [phantom.truth.parameters["k_factors"][line] for line in lines]
    found = spectrum.quantification(intensities, "CL", factors)
    return {e: float(q.data[0]) / 100 for e, q in zip(elements, found, strict=True)}


@pytest.mark.parametrize("part", [slice(0.35, 10.0), slice(None)], ids=["part", "all"])
def test_composition_of_eds_components_by_a_model(minerals, part):
    """Phantom: Cliff-Lorimer; also where channels at the ends hold no counts at all."""
    phantom, u = minerals
    for i in range(3):
        phase = phase_of(u.spectra.inav[i], phantom)
        s = u.spectra_counts.inav[i].isig[part]
        elements, lines = lines_of(phantom, phase)
        s.set_elements(elements)
        s.set_lines(lines)
        model = s.create_model()
        model.fit()
        found = fractions(s, model.get_lines_intensity(lines), phantom, phase)
        if part == slice(None):
            # a polynomial is no background down to zero energy
            assert all(np.isfinite(share) for share in found.values())
            continue
        for element, true in phantom.truth.parameters["composition"][phase].items():
            assert found[element] == pytest.approx(true, rel=WITHIN)


def test_composition_of_eds_components_by_windows(minerals):
    """Phantom: what windows give of the true spectrum, for they cut lines and miss neighbours."""
    phantom, u = minerals
    for i in range(3):
        phase = phase_of(u.spectra.inav[i], phantom)
        elements, lines = lines_of(phantom, phase)
        j = phantom.truth.names.index(phase)
        shares = []
        for s in (u.spectra_counts.inav[i].isig[0.35:10.0], phantom.truth.spectra.inav[j]):
            s.set_elements(elements)
            s.set_lines(lines)
            beside = s.estimate_background_windows(line_width=[2.0, 2.0])
            counts = s.get_lines_intensity(background_windows=beside)
            shares.append(fractions(s, counts, phantom, phase))
        for element, known in shares[1].items():
            assert shares[0][element] == pytest.approx(known, rel=WITHIN)


def factors_of(phantom):
    elements = phantom.signal.metadata.Sample.elements
    return {f"{e}_Ka": phantom.truth.parameters["k_factors"][f"{e}_Ka"] for e in elements}


def assert_is_right(table, u, phantom):
    """Truth: the phases' compositions, within 5 % or three times the error that is stated."""
    for i in range(u.n_components):
        known = phantom.truth.parameters["composition"][phase_of(u.spectra.inav[i], phantom)]
        true = np.array([100 * known.get(element, 0.0) for element in table.elements])
        off = np.abs(table.percent[i] - true)
        assert (off < np.maximum(100 * WITHIN * true, 3 * table.error[i])).all()
        assert (table.low[i] <= table.percent[i] + 1e-9).all()
        assert (table.percent[i] <= table.high[i] + 1e-9).all()
        assert table.percent[i].sum() == pytest.approx(100)


def test_eels_composition_in_one_call(ceramic):
    """Truth: the phantom's; closed form: the shares of a fit by hand."""
    phantom, u = ceramic
    table = u.rename(["a", "b"]).quantify()
    assert_is_right(table, u, phantom)
    by_hand = atoms(u.spectra_counts.inav[0])
    for element, percent in zip(table.elements, table.percent[0], strict=True):
        assert percent == pytest.approx(100 * by_hand[element][0], abs=1e-3)
    # errors that channels have in common are not in a fit's
    assert (table.error[0] > [100 * by_hand[e][1] / 2 for e in table.elements]).all()
    assert "hydrogenic" in repr(table) and "a" in table.components
    assert table._repr_html_().count("<tr>") > 3
    shared = table.settings["WARNING: shared elements"].reason
    assert "known=" in shared and "Mg in" in shared
    if find_spec("pandas") is None:
        with pytest.raises(ImportError, match="pip install pandas"):
            table.to_pandas()
    else:
        frame = table.to_pandas()
        assert frame.loc[("b", "O"), "at. %"] == table.percent[1, table.elements.index("O")]


def test_a_difference_of_spectra_has_no_composition(ceramic):
    """Ceramics that share their edges are not independent: no -200 at. % is printed."""
    _, u = ceramic
    table = u.alternatives["overlap"].quantify()
    known = np.isfinite(table.percent)
    least = -np.maximum(3 * table.error[known], 5)
    assert (table.percent[known] > least).all()
    if not known.all():
        assert "alternatives" in table.settings["WARNING: no composition"].reason


def test_eds_composition_in_one_call(minerals):
    """Truth: the phantom's, by Cliff-Lorimer; zeta factors tell how much there is as well."""
    phantom, u = minerals
    k = factors_of(phantom)
    table = u.quantify(k)
    assert_is_right(table, u, phantom)
    zeta = {line: 500 * k[line] for line in ("Mg_Ka", "Si_Ka")}
    how = {"method": "zeta", "beam_current": 0.5, "live_time": 0.01}
    dosed = u.quantify(zeta, elements=["Mg", "Si"], **how)
    assert dosed.elements == ("Mg", "Si")
    np.testing.assert_array_less(0, dosed.mass_thickness)


def test_a_component_without_the_elements_leaves_the_others_theirs(minerals, monkeypatch):
    """Truth: anorthite holds two aluminium to one calcium; a component gets less than none."""
    phantom, u = minerals
    names = [phase_of(spectrum, phantom) for spectrum in u.spectra]
    anorthite, troilite = names.index("anorthite"), names.index("troilite")

    def atoms_by_lines(*arguments):
        found, thickness_of = exspy_fits.atoms_by_lines(*arguments)
        found.values[troilite] = -np.abs(found.values[troilite])
        return found, thickness_of

    monkeypatch.setattr(quantification, "atoms_by_lines", atoms_by_lines)
    factors = {line: factors_of(phantom)[line] for line in ("Al_Ka", "Ca_Ka")}
    table = u.quantify(factors)
    assert table.percent[anorthite] == pytest.approx([200 / 3, 100 / 3], abs=3)
    assert np.isnan(table.percent[troilite]).all()
    assert str(troilite) in table.settings["no atoms"].value
    monkeypatch.setattr(
        quantification,
        "atoms_by_lines",
        lambda *given: (replace(atoms_by_lines(*given)[0], values=-np.ones((3, 2))), None),
    )
    with pytest.raises(ValueError, match="no component holds"):
        u.quantify(factors)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({}, ValueError, "k-factors.*u.quantify"),
        ({"factors": {"Fe_Ka": 1.0, "Qq_Ka": 1.0}}, ValueError, "'Qq_Ka' is no line"),
        ({"factors": {"Fe_Ka": 1.0, "Fe_La": 1.0}}, ValueError, "one line for each"),
        ({"factors": {"Fe_Ka": 1.0, "O_Ka": -1.0}}, ValueError, "no number above zero"),
        (
            {"factors": {"Fe_Ka": 1.0, "O_Ka": 1.0}, "method": "zeta"},
            ValueError,
            "beam_current=0.5, live_time=0.01",
        ),
        ({"factors": {"Fe_Ka": 1.0, "O_Ka": 1.0}, "beam": 2.0}, TypeError, "no option 'beam'"),
    ],
)
def test_what_is_missing_is_said(minerals, given, kind, words):
    """And what to type."""
    with pytest.raises(kind, match=words):
        minerals[1].quantify(**given)


def test_what_eels_lacks_is_said(ceramic):
    """Edges that hydrogenic cross sections do not know, elements that are none, factors."""
    _, u = ceramic
    with pytest.raises(ValueError, match="two or more elements"):
        u.quantify(elements=["O"])
    with pytest.raises(ValueError, match="no edge of C in the analysed range"):
        u.quantify(elements=["O", "C"])
    with pytest.raises(ValueError, match=r'Ba, O in the analysed range.*gos="dft"'):
        u.quantify(elements=["O", "Ba"])
    with pytest.raises(ValueError, match="factors and method are for X-ray lines"):
        u.quantify({"O_Ka": 1.0, "Fe_Ka": 1.0})


def test_errors_of_fractions_to_first_order():
    """Truth: the scatter of fractions of atoms that are drawn with these errors."""
    rng = np.random.default_rng(0)
    atoms_now = np.array([[50.0, 30.0, 20.0], [5.0, 60.0, 35.0]])
    variance, per_count = np.array([[1.0, 0.5, 0.2]] * 2), atoms_now / [[10.0], [20.0]]
    modes, changes = np.array([[[1.0, 0.0, 0.5]], [[0.2, 0.1, 0.0]]]), np.zeros((2,) * 4)
    changes[0, 1, 0, 1] = 0.02**2
    drawn = rng.normal(size=(20000, 2, 3)) * np.sqrt(variance) + atoms_now
    drawn += rng.normal(size=(20000, 1, 1)) * modes[:, 0]
    drawn[:, 0] += rng.normal(size=(20000, 1)) * 0.02 * per_count[1] * 10
    scatter = (drawn / drawn.sum(2, keepdims=True)).std(0)
    error = np.sqrt(fractions_variance(atoms_now, variance, per_count, changes, modes))
    np.testing.assert_allclose(error, scatter, rtol=0.05)


def test_ranges_of_fractions():
    """Closed form: the second spectrum in the first, and nothing left of it where all is taken."""
    per_count = np.array([[1.0, 1.0], [0.0, 1.0]])
    shares = np.zeros((2, 2, 2))
    shares[0, 1] = -0.5, 1.0
    low, high = fractions_range(per_count, shares)
    np.testing.assert_allclose(low[0], [1 / 3, 0.5 / 1.5])
    np.testing.assert_allclose(high[0], [1 / 1.5, 2 / 3])
    np.testing.assert_allclose([low[1], high[1]], [[0, 1], [0, 1]])
    shares[1, 0] = -1.0, 0.0
    low, high = fractions_range(per_count, shares)
    np.testing.assert_allclose([low[1], high[1]], [[0, 0], [1, 1]])
