"""The built-in phantoms against closed forms and against an independent reconstruction."""

import subprocess
import sys

import numpy as np
import pytest

from hyperspy_unmix import data
from hyperspy_unmix.data import _detector, _geometry, _physics, _placing, _signals, _xrays

SHAPE = (6, 12)
EELS = {
    "sphere": data.sphere_on_substrate,
    "phase": lambda *args, **kwargs: data.inclined_boundary("phase", *args, **kwargs),
    "grain": lambda *args, **kwargs: data.inclined_boundary("grain", *args, **kwargs),
    "layers": data.wedge_layers,
    "core-shell": lambda shape, **kwargs: data.core_shell((12, 12), **kwargs),
    "precipitates": data.precipitates,
    "oxides": data.three_oxides,
}
EVERY = EELS | {
    "eds": lambda shape, **kwargs: data.eds_core_shell((32, 32), **kwargs),
    "eds phases": data.eds_phases,
}


@pytest.fixture(scope="module", params=EELS)
def expected(request):
    """EELS scenes without noise."""
    return EELS[request.param](SHAPE, noise=False)


@pytest.fixture(scope="module", params=EVERY)
def any_expected(request):
    """All scenes without noise."""
    return EVERY[request.param](SHAPE, noise=False)


def width(signal):
    return signal.axes_manager.signal_axes[0].scale


def single(phantom):
    """Maps times spectra: counts of every phase before plural scattering."""
    truth = phantom.truth
    return np.moveaxis(truth.maps.data, 0, -1) @ truth.spectra.data * width(truth.spectra)


def valence(phantom):
    """Expected number of valence losses in every pixel and channel from zero upwards."""
    parameters, step = _signals.read_parameters(), width(phantom.signal)
    losses = step * np.arange(2 * phantom.signal.data.shape[-1])
    total = 0
    for name, t in zip(
        phantom.truth.names, phantom.truth.parameters["phase_thickness"], strict=True
    ):
        phase = parameters["phases"][name]
        distribution = _physics.valence_losses(
            losses, phase, parameters["eels"]["microscope"], parameters["eels"]["axis"]["margin"]
        )
        total = total + t[..., None] / phase["mean_free_path"] * distribution
    return total


# ------------------------------------------------------------------------------------- structure
def test_signals_carry_calibration_and_microscope(any_expected):
    signal, low_loss, truth = any_expected
    x, y = signal.axes_manager.navigation_axes
    assert (x.name, y.name, x.units, y.units) == ("x", "y", "nm", "nm")
    energy = signal.axes_manager.signal_axes[0]
    assert signal.metadata.has_item("Acquisition_instrument.TEM.beam_energy")
    assert signal.metadata.Sample.elements
    n = len(truth.names)
    assert truth.maps.data.shape == (n, *signal.data.shape[:2])
    assert truth.maps.axes_manager.signal_axes[0].scale == x.scale
    assert truth.maps.axes_manager.navigation_axes[0].name == "Component"
    assert truth.spectra.data.shape == (n, signal.data.shape[-1])
    assert truth.spectra.axes_manager.navigation_axes[0].name == "Component"
    assert truth.spectra.axes_manager.signal_axes[0].offset == energy.offset
    if low_loss is None:
        assert (energy.name, energy.units) == ("X-ray energy", "keV")
        assert type(truth.spectra).__name__ == "EDSTEMSpectrum"
        assert signal.metadata.Signal.signal_type == "EDS_TEM_unmix"
        assert truth.thickness is None
        assert truth.background is None
    else:
        assert (energy.name, energy.units) == ("Energy loss", "eV")
        assert type(truth.spectra).__name__ == type(low_loss).__name__ == "EELSSpectrum"
        assert signal.metadata.Signal.signal_type == "EELS_unmix"
        assert low_loss.axes_manager.signal_axes[0].scale == energy.scale
        assert low_loss.data.shape[:2] == signal.data.shape[:2]
        detector = signal.metadata.Acquisition_instrument.TEM.Detector.EELS
        assert detector.collection_angle > 0
        assert truth.background.data.dtype == np.float32
        assert truth.background.data.shape == signal.data.shape
        assert truth.thickness.data.shape == signal.data.shape[:2]


def test_true_spectra_integrate_to_one_and_are_not_negative(any_expected):
    spectra = any_expected.truth.spectra
    np.testing.assert_allclose(spectra.data.sum(-1) * width(spectra), 1, rtol=1e-12)
    assert spectra.data.min() >= 0
    assert any_expected.truth.maps.data.min() >= 0


def test_pre_edge_region_is_long_enough_for_a_background_window(expected):
    spectra = expected.truth.spectra
    energy = spectra.axes_manager.signal_axes[0].axis
    onset = energy[np.argmax(spectra.data.max(0) > 0.05 * spectra.data.max())]
    assert energy[0] < 0.85 * onset
    before = energy < onset - 10
    assert spectra.data[:, before].sum() * width(spectra) < 1e-3


def test_edge_peak_has_counts_at_the_default_dose(expected):
    """More than 500 at 6e5 in all, and in proportion where the dose is meant to be low."""
    spectrum = expected.signal.data.mean((0, 1))
    peak = spectrum[np.argmax(expected.truth.spectra.data.mean(0))]
    assert peak > 500 * expected.truth.parameters["counts"] / 6e5


# --------------------------------------------------------------------------------- closed forms
def test_log_ratio_of_the_low_loss_is_the_true_thickness(expected):
    """The zero loss is symmetric, and nothing else has lost less than nothing."""
    low_loss = expected.low_loss
    energy = low_loss.axes_manager.signal_axes[0].axis
    at_zero = np.argmin(np.abs(energy))
    zero_loss = 2 * low_loss.data[..., :at_zero].sum(-1) + low_loss.data[..., at_zero]
    measured = np.log(low_loss.data.sum(-1) / zero_loss)
    np.testing.assert_allclose(measured, expected.truth.thickness.data, rtol=0.01)


def test_recording_is_truth_after_plural_scattering_and_background(expected):
    """By direct convolution: exp(P) = delta + P + P*P/2 + ... on the energy axis."""
    components, losses = single(expected), valence(expected)
    n = components.shape[-1]
    for pixel in [(0, 0), (3, 6), (5, 11)]:
        term = scattered = components[pixel]
        for order in range(1, 15):
            term = np.convolve(term, losses[pixel])[:n] / order
            scattered = scattered + term
        modelled = scattered + expected.truth.background.data[pixel]
        np.testing.assert_allclose(modelled, expected.signal.data[pixel], rtol=1e-4)
        assert scattered.sum() > 1.2 * components[pixel].sum()


def test_low_loss_kernel_turns_truth_into_recording(expected):
    """The promise of the maps' docstring, with the recorded low loss itself in place of exp(P).

    The recorded low loss carries the instrument response, so it smears the edges once more; sums
    over windows that are wide against it agree.
    """
    components, low_loss, truth = single(expected), expected.low_loss, expected.truth
    n = components.shape[-1]
    first = -round(low_loss.axes_manager.signal_axes[0].offset / width(low_loss))
    zero_loss = truth.parameters["low_loss_counts"] * np.exp(-truth.thickness.data)
    core = expected.signal.data - truth.background.data
    energy = expected.signal.axes_manager.signal_axes[0].axis
    window = energy > energy[-1] - 60
    for pixel in [(1, 2), (4, 7)]:
        kernel = low_loss.data[pixel] / zero_loss[pixel]
        scattered = np.convolve(components[pixel], kernel)[first : first + n]
        assert scattered[window].sum() == pytest.approx(core[pixel][window].sum(), rel=0.02)


def test_background_is_a_power_law_that_plural_scattering_bends_only_slightly(expected):
    """Scattered in from beyond both ends of the axis: no dip where the recorded axis ends."""
    background = expected.truth.background.data.mean((0, 1), dtype=float)
    energy = expected.signal.axes_manager.signal_axes[0].axis
    slope = np.gradient(np.log(background), np.log(energy))
    assert np.all((slope < -2) & (slope > -4.5))
    # Smooth to the ends of the axis (the limit is the rounding of float32).
    assert np.abs(np.diff(slope[1:-1])).max() < 2e-3


def test_counts_are_the_mean_of_the_spectra(any_expected):
    signal, _, truth = any_expected
    total = signal.data.sum(-1).mean()
    assert total == pytest.approx(truth.parameters["counts"], rel=1e-6)


def test_low_loss_keeps_every_electron(expected):
    """All but what the point spread and the largest losses carry past the ends of the axis."""
    incident = expected.truth.parameters["low_loss_counts"]
    np.testing.assert_allclose(expected.low_loss.data.sum(-1), incident, rtol=5e-3)


def test_edge_jumps_at_its_onset_and_decays_as_a_power():
    energy = np.array([400.0, 500.0, 600.0, 1200.0])
    edge = _physics.edge(energy, onset=500.0, strength=2.0, decay=3.0, step=1.0, peaks=[])
    np.testing.assert_allclose(edge, [0, 1.0, 2 * 1.2**-3, 2 * 2.4**-3], atol=1e-12)


def test_response_keeps_area_and_moves_with_its_centre():
    x = np.arange(-200, 201) * 0.5
    shifted = _physics.peak_profile(x - 0.83, 0.5, fwhm=1.2, tail=0.04, tail_length=2.0)
    assert shifted.min() >= 0
    assert shifted.sum() == pytest.approx(1, abs=1e-12)
    assert shifted @ x == pytest.approx(0.83, abs=1e-4)


# ------------------------------------------------------------------------------------- geometry
@pytest.mark.parametrize("inclination", [20.0, 35.0])
def test_transition_is_as_wide_as_the_projected_boundary(inclination):
    """Width from the slope of the second phase's share, in every row of the wedge."""
    truth = data.inclined_boundary("phase", (4, 96), inclination=inclination, probe=0.0).truth
    t = truth.parameters["phase_thickness"]
    share, film = t[1] / t.sum(0), t.sum(0)[:, 0]
    slope = np.diff(share, axis=1).max(1) / truth.parameters["step"]
    np.testing.assert_allclose(1 / slope, film * np.tan(np.radians(inclination)), rtol=1e-9)
    assert film[-1] > 1.5 * film[0]


def test_boundary_layer_holds_its_width_whatever_its_inclination():
    """Its cross-section, integrated over x, is film * width / cos(inclination)."""
    film = np.full((2, 80), 50.0)
    _, x = _geometry.scan_positions(film.shape, 0.5)
    for inclination in (0.0, 5.0, 15.0):
        grain, layer = _geometry.grain_boundary(x, 0.5, film, inclination, 1.5)
        area = 50.0 * 1.5 / np.cos(np.radians(inclination))
        np.testing.assert_allclose(layer.sum(1) * 0.5, area, rtol=1e-6)
        np.testing.assert_allclose(grain + layer, film)


def test_sphere_has_the_volume_of_a_sphere():
    y, x = _geometry.scan_positions((200, 200), 0.25)
    volume = _geometry.sphere_chord(y, x, 20.0).sum() * 0.25**2
    assert volume == pytest.approx(4 / 3 * np.pi * 20.0**3, rel=1e-3)


def test_particles_do_not_touch_and_stay_inside():
    rng = np.random.default_rng(3)
    placed = _placing.place_particles((60.0, 60.0), 6, (4.0, 7.0), (2.0, 4.0), rng)
    for i, (y, x, inner, outer) in enumerate(placed):
        assert 4 <= inner < outer < 11
        assert max(abs(y), abs(x)) + outer <= 30
        gaps = np.hypot(*(placed[:i, :2] - (y, x)).T) - outer - placed[:i, 3]
        assert np.all(gaps > 0)


# ------------------------------------------------------------------------------------- detector
def test_counting_detector_is_poisson():
    """Variance over mean of the standardised counts: 1 within 5 sigma of sqrt(2/n)."""
    detector = _detector.Detector(
        kind="counting", **_signals.read_parameters()["detectors"]["counting"]
    )
    electrons = np.repeat(np.linspace(2, 500, 200)[None, :], 400, axis=0)
    recorded = detector.record(electrons, np.random.default_rng(0))
    mean = detector.spread(electrons)
    assert recorded.dtype == np.uint32
    chi2 = ((recorded - mean) ** 2 / mean).mean()
    assert chi2 == pytest.approx(1, abs=5 * np.sqrt(2 / recorded.size) * 1.2)


def test_ccd_gain_and_neighbour_correlation_follow_the_point_spread():
    """Flat field of n electrons: mean g n, variance g^2 n sum(k^2) + r^2, covariance g^2 n k*k."""
    detector = _detector.Detector(kind="ccd", **_signals.read_parameters()["detectors"]["ccd"])
    electrons = np.full((1500, 200), 300.0)
    recorded = detector.record(electrons, np.random.default_rng(1))
    assert recorded.dtype == np.float32
    noise = recorded.astype(float) - detector.gain * 300
    autocorrelation = np.correlate(detector.kernel, detector.kernel, "full")
    centre = len(autocorrelation) // 2
    variance = detector.gain**2 * 300 * autocorrelation[centre] + detector.read_noise**2
    assert abs(noise.mean()) < 0.5
    for lag in range(4):
        covariance = np.mean(noise[:, lag:] * noise[:, : noise.shape[1] - lag])
        theory = detector.gain**2 * 300 * autocorrelation[centre + lag]
        theory += detector.read_noise**2 * (lag == 0)
        # 2 % of the variance is 7 sigma of what so many correlated channels can tell.
        assert covariance == pytest.approx(theory, abs=0.02 * variance)
    assert autocorrelation[centre + 1] > 0.5 * autocorrelation[centre]


def test_scenes_are_recorded_as_their_expectation_with_noise():
    noisy = data.inclined_boundary(shape=SHAPE, seed=4)
    expected = data.inclined_boundary(shape=SHAPE, seed=4, noise=False)
    for drawn, mean in zip(noisy, expected, strict=True):
        if drawn is noisy.truth:
            break
        assert drawn.data.dtype == np.uint32
        assert mean.data.dtype == np.float64
        seen = mean.data > 20
        chi2 = ((drawn.data - mean.data) ** 2 / np.where(seen, mean.data, 1))[seen].mean()
        assert chi2 == pytest.approx(1, abs=5 * np.sqrt(2 / seen.sum()))
    np.testing.assert_array_equal(noisy.truth.maps.data, expected.truth.maps.data)


def test_gain_scales_recording_maps_and_background_alike():
    ccd = data.sphere_on_substrate(SHAPE, detector="ccd", noise=False)
    gain = ccd.truth.parameters["detector"]["gain"]
    assert ccd.signal.data.sum(-1).mean() == pytest.approx(6e5 * gain)
    before = slice(0, 100)  # ahead of the edges
    np.testing.assert_allclose(
        ccd.signal.data[..., before], ccd.truth.background.data[..., before], rtol=1e-4
    )
    counting = data.sphere_on_substrate(SHAPE, noise=False)
    np.testing.assert_allclose(ccd.truth.maps.data, gain * counting.truth.maps.data, rtol=1e-3)


def test_drift_moves_core_and_low_loss_by_the_stated_channels():
    scan = {"shape": (8, 8), "noise": False, "seed": 2}
    still, moving = data.inclined_boundary(**scan), data.inclined_boundary(**scan, drift=3.0)
    drift = moving.truth.parameters["drift"]
    assert np.ptp(drift) == pytest.approx(3.0)
    assert np.abs(np.diff(drift.ravel())).max() < 0.5
    window = slice(35, 46)  # around the zero loss

    def centre(low_loss):
        peak = low_loss.data[..., window]
        return (peak * np.arange(peak.shape[-1])).sum(-1) / peak.sum(-1)

    np.testing.assert_allclose(centre(moving.low_loss) - centre(still.low_loss), drift, atol=0.15)
    for name in ("maps", "spectra", "thickness"):
        a, b = getattr(still.truth, name).data, getattr(moving.truth, name).data
        np.testing.assert_allclose(a, b, rtol=1e-3)
    channels = np.arange(still.signal.data.shape[-1])
    pixel = np.unravel_index(np.argmax(drift), drift.shape)
    back = np.interp(channels + drift[pixel], channels, moving.signal.data[pixel])
    near = slice(5, -5)
    np.testing.assert_allclose(back[near], still.signal.data[pixel][near], rtol=0.03)


# ------------------------------------------------------------------------------------------ EDS
def test_eds_recording_is_maps_times_spectra():
    phantom = data.eds_core_shell((32, 32), noise=False)
    np.testing.assert_allclose(phantom.signal.data, single(phantom), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("counts", [20.0, 60.0])
def test_eds_counts_per_pixel(counts):
    signal, low_loss, truth = data.eds_core_shell((32, 32), counts=counts)
    assert low_loss is None
    assert signal.data.dtype == np.uint16
    total = signal.data.sum(-1, dtype=float)
    assert total.mean() == pytest.approx(counts, abs=5 * np.sqrt(counts / total.size))
    mean = truth.maps.data.sum(0)
    chi2 = ((total - mean) ** 2 / mean).mean()
    assert chi2 == pytest.approx(1, abs=6 * np.sqrt(2 / total.size))
    assert truth.maps.data[truth.names.index("support")].min() > 0


def test_eds_lines_stand_at_their_energies_with_the_detector_resolution():
    truth = data.eds_core_shell((32, 32)).truth
    energy = truth.spectra.axes_manager.signal_axes[0].axis
    core, shell, support = truth.spectra.data
    for spectrum, line in ((core, 9.4421), (core, 2.0505), (shell, 6.4039), (support, 0.2774)):
        near = np.abs(energy - line) < 0.15
        assert energy[near][np.argmax(spectrum[near])] == pytest.approx(line, abs=0.02)
    near = np.abs(energy - 6.4039) < 0.3  # Fe Ka stands alone
    above = shell[near] > shell[near].max() / 2
    microscope = _signals.read_parameters()["eds"]["microscope"]
    fwhm = _xrays.resolution(np.array([5.8988, 6.4039]), microscope)
    assert fwhm[0] == pytest.approx(0.130)
    assert above.sum() * 0.01 == pytest.approx(fwhm[1], abs=0.011)


# ------------------------------------------------------------------------------------------ seeds
@pytest.mark.parametrize("scene", EVERY)
def test_same_seed_same_bits(scene):
    first, again, other = (EVERY[scene](SHAPE, seed=s) for s in (7, 7, 8))
    np.testing.assert_array_equal(first.signal.data, again.signal.data)
    assert not np.array_equal(first.signal.data, other.signal.data)
    np.testing.assert_array_equal(first.truth.maps.data, again.truth.maps.data)
    if first.low_loss is not None:
        np.testing.assert_array_equal(first.low_loss.data, again.low_loss.data)
        assert not np.array_equal(first.low_loss.data, other.low_loss.data)


# ----------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: data.inclined_boundary("twin"),
            "kind must be one of 'phase', 'grain', 'ceramic', got 'twin'",
        ),
        (lambda: data.inclined_boundary(inclination=85), "between 0 and 80 degrees, got 85"),
        (lambda: data.inclined_boundary(inclination=-1), "between 0 and 80 degrees, got -1"),
        (lambda: data.inclined_boundary("phase", width=2.0), "width=2.0 .*kind='grain'"),
        (lambda: data.inclined_boundary("grain", width=0.0), "width must be finite and positive"),
        (lambda: data.sphere_on_substrate(detector="film"), "'counting', 'ccd', got 'film'"),
        (lambda: data.sphere_on_substrate((0, 4)), r"two positive integers.*got \(0, 4\)"),
        (lambda: data.sphere_on_substrate(8), "two positive integers"),
        (lambda: data.sphere_on_substrate(counts=-5), "counts must be finite and positive, got -5"),
        (lambda: data.sphere_on_substrate(drift=-1.0), "between 0 and 50 channels, got -1.0"),
        (lambda: data.sphere_on_substrate(wedge=3.0), "wedge must be between -1.9 and 1.9"),
        (lambda: data.sphere_on_substrate(thickness=np.inf), "thickness must be finite"),
        (lambda: data.eds_core_shell(particles=2.5), "whole number, got 2.5"),
        (lambda: data.eds_core_shell(particles=500), "500 particles do not fit"),
        (lambda: data.wedge_layers(wedge=2.5), "wedge must be between -1.9 and 1.9, got 2.5"),
        (lambda: data.wedge_layers((4, 0)), r"two positive integers.*got \(4, 0\)"),
        (lambda: data.core_shell(particles=1.5), "particles must be a whole number, got 1.5"),
        (lambda: data.core_shell((2, 24)), "particles do not fit side by side"),
        (lambda: data.precipitates(thickness=8.0), "do not fit into a foil.* more thickness"),
        (lambda: data.precipitates(particles=-1), "particles must be finite and not negative"),
        (lambda: data.three_oxides(counts=0), "counts must be finite and positive, got 0"),
        (lambda: data.three_oxides(drift=60), "between 0 and 50 channels, got 60"),
        (lambda: data.eds_phases(phases=1), "phases must be one of 2, 3, 4, 5, 6, 7, 8, got 1"),
        (lambda: data.eds_phases(phases=9), "phases must be one of .*, got 9"),
        (lambda: data.eds_phases(counts=np.nan), "counts must be finite and positive, got nan"),
    ],
)
def test_out_of_range_is_said(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_not_a_number_is_said():
    with pytest.raises(TypeError, match="counts must be a number, got 'many'"):
        data.sphere_on_substrate(counts="many")


def test_import_is_light():
    """HyperSpy starts as fast with this package as without it."""
    code = "import sys, hyperspy_unmix.data; print({'hyperspy', 'matplotlib'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
