"""Thickness, densities and the low loss that gives them, on phantoms of known thickness."""

import logging

import exspy
import numpy as np
import pytest

from hyperspy_unmix import data, pca, unmix
from hyperspy_unmix.tests.scenes import array, untouched

# a numpy warning means nothing to the user who gets it
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SHAPE = (16, 14)


def scene(lazy=False, **options):
    """A wedge of one phase, t/lambda 0.2 to 1.0 down the rows, and its low loss."""
    options = {"t_over_lambda": (0.2, 1.0), "shape": SHAPE, **options}
    phantom = data.wedge(**options)
    signals = phantom.signal, phantom.low_loss
    return (*(s.as_lazy() if lazy else s for s in signals), phantom.truth)


def set_times(signal, low_loss, name, times=(2.0, 0.05)):
    for s, time in zip((signal, low_loss), times, strict=True):
        s.metadata.set_item(f"Acquisition_instrument.TEM.Detector.EELS.{name}", time)


# ------------------------------------------------------------------------------------ thickness


@eager_and_lazy
def test_thickness_is_that_of_the_phantom(lazy):
    """Truth: of the phantom; half a percent, and the variance beside it covers the noise."""
    signal, low_loss, truth = scene(lazy)
    with untouched(signal, low_loss):
        u = unmix(signal, low_loss=low_loss)
    t = truth.thickness.data
    np.testing.assert_allclose(u.thickness.data.mean(1), t.mean(1), rtol=0.005)
    error = np.sqrt(u.thickness.metadata.Signal.Noise_properties.variance.data)
    pull = (u.thickness.data - t) / np.hypot(error, 0.003 * t)
    assert np.sqrt(np.mean(pull**2)) < 1.3
    assert "λ" in u.thickness.metadata.Signal.quantity
    assert u.thickness.axes_manager.signal_shape == SHAPE[::-1]


@pytest.mark.parametrize("options", [{"mean_free_path": 115.0}, {"density": 5.17}])
def test_nanometres_against_exspy(options):
    """Truth: exspy's ``estimate_thickness`` of the same low loss; its threshold cuts less exactly.

    Where the mean free path is given it is t/lambda times that, exactly.
    """
    signal, low_loss, _ = scene(counts=1e5)
    u = unmix(signal, low_loss=low_loss)
    found = u.thickness_nm(**options)
    assert "nm" in found.metadata.Signal.quantity
    theirs = exspy.signals.EELSSpectrum.estimate_thickness(low_loss, threshold=4.0, **options)
    np.testing.assert_allclose(found.data, theirs.data.reshape(SHAPE), rtol=0.04)
    if "mean_free_path" in options:
        np.testing.assert_allclose(found.data, 115 * u.thickness.data, rtol=1e-9)
    variance = [x.metadata.Signal.Noise_properties.variance.data for x in (found, u.thickness)]
    factor = np.median(found.data / u.thickness.data)
    np.testing.assert_allclose(np.sqrt(variance[0]), factor * np.sqrt(variance[1]), rtol=1e-6)


def test_nanometres_need_something_to_go_by():
    signal, low_loss, _ = scene(counts=1e5)
    u = unmix(signal, low_loss=low_loss)
    with pytest.raises(ValueError, match="mean_free_path= in nm, or density="):
        u.thickness_nm()
    for options in ({"density": -1.0}, {"mean_free_path": 0.0}):
        with pytest.raises(ValueError, match="positive"):
            u.thickness_nm(**options)
    del signal.metadata.Acquisition_instrument.TEM.Detector
    u = unmix(signal, low_loss=low_loss)
    with pytest.raises(ValueError, match="set_microscope_parameters"):
        u.thickness_nm(density=5.0)
    with pytest.raises(ValueError, match="no thickness"):
        unmix(signal).thickness_nm(mean_free_path=100.0)


def test_thickness_given_in_nanometres_is_what_comes_back():
    """Truth: the map given. It needs no mean free path, and the densities are relative to it."""
    signal, low_loss, truth = scene(counts=1e5)
    nm = truth.parameters["phase_thickness"][0]
    u = unmix(signal, low_loss=low_loss, thickness=(nm, "nm"))
    np.testing.assert_array_equal(u.thickness_nm().data, nm)
    set_times(signal, low_loss, "dwell_time")
    u = unmix(signal, low_loss=low_loss, thickness=(nm, "nm"))
    assert u.densities.metadata.Signal.quantity == "Density (per nm and zero-loss electron)"


# ------------------------------------------------------------------------------------ densities


@eager_and_lazy
@pytest.mark.parametrize("how", ["option", "dwell_time", "exposure"])
def test_densities_are_the_same_everywhere_in_one_phase(how, lazy):
    """Truth: one phase, so that its counts per zero-loss electron and t/lambda are one number.

    Maps of the phantom over its thickness and dose; the true ratio of the doses is known.
    """
    signal, low_loss, truth = scene(lazy)
    ratio = truth.parameters["incident_electrons"] / truth.parameters["low_loss_counts"]
    if how == "option":
        u = unmix(signal, low_loss=low_loss, exposure_ratio=ratio)
    else:
        set_times(signal, low_loss, how, (ratio, 1.0))
        u = unmix(signal, low_loss=low_loss)
    assert u.n_components == 1
    zero_loss = truth.parameters["incident_electrons"] * np.exp(-truth.thickness.data)
    expected = truth.maps.data[0] / zero_loss / truth.thickness.data
    assert np.ptp(expected) < 1e-6 * expected.max()
    found = u.densities
    assert found.metadata.Signal.quantity == "Density (per t/λ and zero-loss electron)"
    assert found.data.shape == (1, *SHAPE)
    np.testing.assert_allclose(np.median(found.data), expected[0, 0], rtol=0.1)
    # constant over a factor of five in thickness: within five percent, from row to row
    rows = found.data[0].mean(1)
    np.testing.assert_allclose(rows, rows.mean(), rtol=0.05)


def test_densities_without_the_exposures_are_relative():
    """Truth: proportional to those with them, and said to be relative."""
    signal, low_loss, _ = scene(counts=1e5)
    with_ratio = unmix(signal, low_loss=low_loss, exposure_ratio=20.0).densities
    without = unmix(signal, low_loss=low_loss).densities
    np.testing.assert_allclose(without.data, 20 * with_ratio.data, rtol=1e-6)
    assert without.metadata.Signal.quantity.startswith("Relative density")
    assert "exposures unknown" in without.metadata.Signal.quantity


def test_areal_densities_do_not_fall_where_the_foil_is_thick():
    """Truth: the phantom's maps over its zero-loss electrons, proportional to its thickness.

    The maps themselves fall from some thickness on; five percent as above, from row to row.
    """
    signal, low_loss, truth = scene()
    ratio = truth.parameters["incident_electrons"] / truth.parameters["low_loss_counts"]
    u = unmix(signal, low_loss=low_loss, exposure_ratio=ratio)
    found = u.areal_densities
    zero_loss = truth.parameters["incident_electrons"] * np.exp(-truth.thickness.data)
    expected = (truth.maps.data[0] / zero_loss).mean(1)
    rows = found.data[0].mean(1)
    np.testing.assert_allclose(rows / rows.mean(), expected / expected.mean(), rtol=0.05)
    np.testing.assert_allclose(rows.mean(), expected.mean(), rtol=0.1)
    assert found.metadata.Signal.quantity == "Areal density (per zero-loss electron)"
    relative = unmix(signal, low_loss=low_loss).areal_densities
    assert relative.metadata.Signal.quantity.startswith("Relative areal density")
    with pytest.raises(ValueError, match="a low loss with an unclipped"):
        _ = unmix(signal).areal_densities


def test_densities_without_a_low_loss():
    """With a thickness: counts over it, relative. With nothing: a sentence says what is missing."""
    signal, _, truth = scene(counts=1e5)
    t = truth.thickness.data
    u = unmix(signal, thickness=(t, "t/lambda"))
    np.testing.assert_allclose(u.densities.data, u.maps.data / t, rtol=1e-6)
    assert u.densities.metadata.Signal.quantity == "Relative density (counts per t/λ)"
    with pytest.raises(ValueError, match="densities need the thickness"):
        _ = unmix(signal).densities


@pytest.mark.parametrize(
    ("ratio", "error"), [(0, ValueError), (-1.0, ValueError), (np.inf, ValueError),
                         (np.nan, ValueError), ("2", TypeError), (True, TypeError)],
)  # fmt: skip
def test_exposure_ratios_that_are_none(ratio, error):
    signal, low_loss, _ = scene(counts=1e4)
    with pytest.raises(error, match="positive number"):
        unmix(signal, low_loss=low_loss, exposure_ratio=ratio)


@pytest.mark.parametrize("times", [(2.0, 0.0), (2.0, "0.05"), (None, 1.0)])
def test_exposures_that_say_nothing(times):
    signal, low_loss, _ = scene(counts=1e4)
    set_times(signal, low_loss, "dwell_time", times)
    u = unmix(signal, low_loss=low_loss)
    assert u.densities.metadata.Signal.quantity.startswith("Relative")


# --------------------------------------------------------------------------------------- vacuum


@eager_and_lazy
def test_vacuum_has_neither_thickness_nor_densities(lazy):
    """Truth: the low loss of vacuum and no core loss in a part of the scan."""
    signal, low_loss, truth = scene()
    rng = np.random.default_rng(0)
    peak = low_loss.data[:, :4].astype(float).mean((0, 1))
    axis = low_loss.axes_manager[-1].axis
    peak[axis > 4] = 0
    low_loss.data[:, :4] = rng.poisson(1e6 * peak / peak.sum(), (16, 4, len(peak)))
    signal.data[:, :4] = rng.poisson(0.05, signal.data[:, :4].shape)
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    u = unmix(signal, low_loss=low_loss, exposure_ratio=1.0)
    vacuum = np.zeros(SHAPE, bool)
    vacuum[:, :4] = True
    np.testing.assert_array_equal(np.isnan(u.thickness.data), vacuum)
    np.testing.assert_array_equal(np.isnan(u.densities.data[0]), vacuum)
    assert np.isfinite(u.maps.data).all()
    assert u.settings["vacuum"].value == vacuum.sum()
    assert "no thickness" in u.settings["vacuum"].reason
    np.testing.assert_allclose(u.thickness.data[~vacuum], truth.thickness.data[~vacuum], atol=0.03)


def test_errors_that_are_no_counting_noise():
    """Truth: what the user gives, and twice pi e^2 / (h-bar v) of the phantom's 120 keV, 0.078.

    What is given is taken off the thickness, and its error is in that of thickness and densities.
    """
    signal, low_loss, _ = scene(counts=1e5)
    p = pca(signal, low_loss=low_loss)
    unknown = p.prepared.low_loss.thickness
    given = pca(signal, low_loss=low_loss, surface_losses=(0.04, 0.01)).prepared.low_loss.thickness
    np.testing.assert_allclose(given.values, unknown.values - 0.04, atol=1e-12)
    assert (unknown.systematic > 0.078).all()
    assert (unknown.systematic < 0.080).all()
    assert (given.systematic > 0.01).all()
    assert (given.systematic < 0.02).all()
    assert p.settings["t/lambda error"].value[1] == pytest.approx(np.median(unknown.systematic))
    assert "surface_losses=(value, error)" in p.settings["t/lambda error"].reason

    u = p.ica(1)
    densities, t = u.densities, u.thickness
    variance = densities.metadata.Signal.Noise_properties.variance.data[0]
    relative = np.sqrt(variance) / densities.data[0]
    expected = np.sqrt(t.metadata.Signal.Noise_properties.variance.data) / t.data
    # and the maps' own noise, one percent or so
    assert (relative > 0.9 * expected).all()
    np.testing.assert_allclose(relative, expected, rtol=0.3)
    areal = u.areal_densities
    of_areal = np.sqrt(areal.metadata.Signal.Noise_properties.variance.data) / areal.data
    assert (of_areal[0] < relative).all()


@pytest.mark.parametrize(("decay", "counts"), [(0.6, 0), (1.3, 1)])
def test_vacuum_shows_the_tail(decay, counts):
    """Truth: t/lambda of the phantom; every electron of its low loss lost some eV in the gun.

    Where the core loss of the vacuum holds no counts at all, these pixels are not analysed. The
    longer tail makes vacuum look as thick as t/lambda 0.03 or more.
    """
    signal, low_loss, truth = scene(counts=1e6, noise=False)
    tail = np.exp(-np.arange(0, 12, low_loss.axes_manager[-1].scale) / decay)
    t = truth.thickness.data
    vacuum = scene(counts=1e6, noise=False, t_over_lambda=(1e-4, 1e-4))[1]
    values = np.array(low_loss.data, float)
    values[:, :4] = vacuum.data[:, :4]
    smeared = np.apply_along_axis(np.convolve, 2, values, tail / tail.sum())
    rng = np.random.default_rng(0)
    low_loss.data = rng.poisson(smeared[..., : values.shape[-1]]).astype(np.uint32)
    signal.data = rng.poisson(np.maximum(signal.data, 0))
    signal.data[:, :4] = rng.poisson(counts, signal.data[:, :4].shape)
    found = pca(signal, low_loss=low_loss)
    assert found.settings["zero-loss tail"].value > 0
    known = found.prepared.low_loss.thickness.values
    specimen = known[known > 0.1] if counts else known
    np.testing.assert_allclose(specimen.mean(), t[:, 4:].mean(), atol=0.006)


# ------------------------------------------------------------------------------ clipped low loss


def clip(low_loss):
    low_loss.data = np.minimum(low_loss.data, np.uint32(0.3 * low_loss.data.max()))
    return low_loss


@eager_and_lazy
def test_clipped_low_loss_is_not_used(lazy, caplog):
    """It is said, once in the settings and once aloud; the components are those without it."""
    signal, low_loss, _ = scene(counts=1e5)
    low_loss = clip(low_loss)
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    with caplog.at_level(logging.WARNING):
        u = unmix(signal, low_loss=low_loss, energy_shift=None)
    choice = u.settings["WARNING: low loss"]
    assert "clipped" in choice.reason
    assert "thickness=(map, 't/lambda')" in choice.reason
    assert "clipped" in caplog.text
    assert u.thickness is None
    assert "plural scattering" not in u.settings
    with pytest.raises(ValueError, match="unclipped"):
        _ = u.densities
    with pytest.raises(ValueError, match="unclipped"):
        u.thickness_nm(mean_free_path=100.0)
    without = unmix(signal, low_loss=None, energy_shift=None)
    np.testing.assert_allclose(u.maps.data, without.maps.data, rtol=1e-6)


def test_clipped_low_loss_with_a_thickness():
    """Truth: densities and maps with the low loss before it was clipped; two percent."""
    signal, low_loss, truth = scene()
    whole = unmix(signal, 1, low_loss=low_loss, exposure_ratio=2.0)
    t = (truth.thickness.data, "t/lambda")
    u = unmix(signal, 1, low_loss=clip(low_loss), thickness=t, exposure_ratio=2.0)
    assert "WARNING: low loss" not in u.settings
    assert "since the peak is clipped" in u.settings["plural scattering"].reason
    np.testing.assert_array_equal(u.thickness.data, truth.thickness.data)
    np.testing.assert_allclose(u.maps.data, whole.maps.data, rtol=0.02)
    np.testing.assert_allclose(u.densities.data, whole.densities.data, rtol=0.03)
    nm = unmix(signal, 1, low_loss=low_loss, thickness=(100 * t[0], "nm"))
    assert "WARNING: low loss" in nm.settings


# ------------------------------------------------------------------- one low loss, repeated


@eager_and_lazy
def test_a_low_loss_repeated_over_the_scan_is_one(lazy):
    """Truth: that one spectrum given as low loss, to the last bit; clipped where it was clipped."""
    signal, low_loss, _ = scene(lazy, shape=(8, 7))
    one = low_loss.inav[3, 4]
    repeated = low_loss.deepcopy()
    # as numpy repeats it: one spectrum in memory
    repeated.data = 0 * repeated.data + one.data
    if not lazy:
        repeated.data = np.broadcast_to(one.data, low_loss.data.shape)
    options = {"n_components": 1, "background": None}
    u, expected = (unmix(signal, low_loss=ll, **options) for ll in (repeated, one))
    assert "all hold the same spectrum" in u.settings["plural scattering"].reason
    assert not any("clipped" in choice.reason for choice in u.settings.values())
    np.testing.assert_array_equal(array(u.maps), array(expected.maps))
    np.testing.assert_array_equal(u.thickness.data, u.thickness.data[0, 0])
    repeated.data = np.minimum(repeated.data, array(one).max() // 2)
    assert (
        "clipped"
        in unmix(signal, low_loss=repeated, **options).settings["WARNING: low loss"].reason
    )


@pytest.mark.parametrize("few", ["rows", "two halves"])
def test_a_low_loss_of_few_spectra_is_not_clipped(few):
    """Truth: each pixel's own; a spectrum for each line of the scan, or for each half of it."""
    signal, low_loss, _ = scene(shape=(8, 7))
    if few == "rows":
        low_loss.data = np.repeat(low_loss.data[:, :1], 7, 1)
    else:
        low_loss.data = np.repeat(low_loss.data[[1, 6], :1], 4, 0).repeat(7, 1)
    u = unmix(signal, 1, low_loss=low_loss, background=None)
    assert "per pixel" in u.settings["plural scattering"].reason
    t = u.thickness.data
    assert (np.ptp(t, 1) < 1e-6).all() and np.ptp(t[:, 0]) > 0.3


# --------------------------------------------------------------------------- what else is flagged


@pytest.mark.parametrize(("angles", "said"), [((20.0, 20.5), False), ((20.0, 30.0), True)])
def test_collection_angles(angles, said):
    """Five percent are no matter; more is said with both angles."""
    signal, low_loss, _ = scene(counts=1e4)
    for s, angle in zip((signal, low_loss), angles, strict=True):
        s.metadata.Acquisition_instrument.TEM.Detector.EELS.collection_angle = angle
    u = unmix(signal, low_loss=low_loss)
    assert ("WARNING: collection angle" in u.settings) is said
    if said:
        assert "20 mrad" in u.settings["WARNING: collection angle"].reason
        assert "30 mrad" in u.settings["WARNING: collection angle"].reason


def test_thick_pixels_are_flagged():
    """Truth: pixels above 1.5; a few at the limit may be on either side."""
    signal, low_loss, truth = scene(t_over_lambda=(0.5, 2.0))
    u = unmix(signal, low_loss=low_loss)
    reason = u.settings["WARNING: thick"].reason
    thick = int((truth.thickness.data > 1.5).sum())
    assert abs(int(reason.split()[0]) - thick) <= SHAPE[1]
    thin = unmix(*scene(counts=1e4)[:1], low_loss=scene(counts=1e4)[1])
    assert "WARNING: thick" not in thin.settings


@eager_and_lazy
def test_maps_do_not_feel_the_low_losss_axis(lazy):
    """Truth: maps with the low loss as recorded. Another dispersion, range or unit; one percent."""
    signal, low_loss, _ = scene(lazy)
    expected = unmix(signal, 1, low_loss=low_loss)
    n = low_loss.data.shape[-1]
    cropped = low_loss.isig[: float(180)]  # nine plasmons
    binned = low_loss.isig[: n // 2 * 2].rebin(scale=(1, 1, 2))
    in_kev = low_loss.deepcopy()
    axis = in_kev.axes_manager[-1]
    axis.scale, axis.offset, axis.units = axis.scale / 1e3, axis.offset / 1e3, "keV"
    for other in (cropped, binned, in_kev):
        u = unmix(signal, 1, low_loss=other)
        assert u.n_components == 1
        np.testing.assert_allclose(u.maps.data, expected.maps.data, rtol=0.01)
        np.testing.assert_allclose(
            array(u.thickness), array(expected.thickness), rtol=0.01, atol=0.002
        )


@pytest.mark.parametrize(("end", "said"), [(60.0, True), (220.0, False)])
def test_electrons_beyond_the_end_of_the_low_loss(end, said):
    """Truth: t of the phantom. A range that ends among the plasmons is said."""
    signal, low_loss, truth = scene()
    u = unmix(signal, 1, low_loss=low_loss.isig[:end])
    assert ("WARNING: range" in u.settings) is said
    if not said:
        ratio = np.mean(array(u.thickness) / truth.thickness.data)
        assert ratio == pytest.approx(1, abs=0.003)
