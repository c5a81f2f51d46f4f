"""Components in exspy's own quantifications, against the composition of the phantoms."""

import exspy
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data

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
