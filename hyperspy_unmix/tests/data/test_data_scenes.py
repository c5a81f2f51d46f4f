"""Each phantom is what its description says: geometry, thickness, dose."""

import numpy as np
import pytest

from hyperspy_unmix import data
from hyperspy_unmix.data import _geometry, _placing, _signals

COARSE = (24, 24)


def nanometres(phantom):
    return phantom.truth.parameters["phase_thickness"]


def foil(phantom):
    """Thickness of film or foil, from its own formula."""
    p, rows = phantom.truth.parameters, phantom.signal.data.shape[0]
    profile = p["thickness"] * (1 + p["wedge"] * np.linspace(-0.5, 0.5, rows))
    return np.broadcast_to(profile[:, None], phantom.signal.data.shape[:2])


def log_ratio(phantom):
    return phantom.truth.thickness.data


# ------------------------------------------------------------------------------------- geometry
@pytest.mark.parametrize(
    "scene", [data.wedge_layers, data.precipitates, data.three_oxides, data.eds_phases]
)
def test_phases_of_a_foil_add_up_to_it(scene):
    phantom = scene(COARSE, noise=False, seed=5, probe=0.0)
    np.testing.assert_allclose(nanometres(phantom).sum(0), foil(phantom), rtol=1e-9)
    averaged = nanometres(scene(COARSE, noise=False, seed=5))
    # A probe moves nothing from pixel to pixel that it does not take elsewhere.
    assert averaged.sum() == pytest.approx(foil(phantom).sum(), rel=0.01)
    assert averaged.min() >= 0


@pytest.mark.parametrize("scene", ["wedge_layers", "core_shell", "precipitates", "three_oxides"])
def test_thickness_is_that_of_a_specimen_for_eels(scene):
    phantom = getattr(data, scene)(COARSE, noise=False)
    t, name = log_ratio(phantom), phantom.truth.names
    free_path = [_signals.read_parameters()["phases"][n]["mean_free_path"] for n in name]
    expected = np.tensordot(1 / np.array(free_path), nanometres(phantom), 1)
    np.testing.assert_allclose(t, expected, rtol=1e-12)
    assert t.max() < 1.2
    assert 0.3 < t.mean() < 0.8


def test_wedge_spans_thin_to_thick():
    phantom = data.wedge_layers((24, 48), noise=False)
    assert phantom.truth.names == ("MgO", "NiO", "Fe3O4")
    nickel_oxide = log_ratio(phantom)[:, 24]
    assert nickel_oxide[0] == pytest.approx(0.3, abs=0.03)
    assert nickel_oxide[-1] == pytest.approx(1.1, abs=0.03)
    assert np.all(np.diff(nickel_oxide) > 0)


def test_layers_overlap_in_projection_by_their_inclination():
    """Width from the slope, position from the area, for both interfaces."""
    phantom = data.wedge_layers((4, 192), probe=0.0, noise=False)
    p, t = phantom.truth.parameters, nanometres(phantom)
    film, step = foil(phantom)[:, 0], p["step"]
    left, right = t[0] / t.sum(0), t[2] / t.sum(0)
    for share, edge in ((left, p["interfaces"][0]), (right[:, ::-1], -p["interfaces"][1])):
        slope = -np.diff(share, axis=1).min(1) / step
        np.testing.assert_allclose(
            1 / slope, film * np.tan(np.radians(p["inclination"])), rtol=1e-9
        )
        np.testing.assert_allclose(share.sum(1) * step - p["field_of_view"] / 2, edge, atol=1e-9)
    assert t[1].max() == pytest.approx(film[-1])  # the middle layer is pure somewhere


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_core_without_shell_and_no_shell_without_film(seed):
    phantom = data.core_shell((32, 32), noise=False, seed=seed)
    core, shell, film = nanometres(phantom)
    assert phantom.truth.names == ("Fe3O4", "MnO", "SiO2")
    assert core.max() > 10
    assert np.all(shell[core > 0] > 0)
    assert shell[core > 1].min() > 2
    assert film.min() > 30
    alone = (core == 0) & (shell == 0)
    assert 0.2 < alone.mean() < 0.9


def test_core_and_shell_have_the_volume_of_spheres():
    placed = np.array([[-12.0, 3.0, 8.0, 11.0], [14.0, -5.0, 12.0, 16.0]])
    y, x = _geometry.scan_positions((320, 320), 0.25)
    core, shell = (t.sum() * 0.25**2 for t in _geometry.core_shell(y, x, placed))
    inner, outer = 4 / 3 * np.pi * (placed[:, 2:] ** 3).sum(0)
    assert core == pytest.approx(inner, rel=1e-3)
    assert shell == pytest.approx(outer - inner, rel=1e-3)


def test_precipitates_lie_inside_the_foil_and_replace_matrix():
    placed = _placing.place_embedded((80.0, 80.0), 48.0, 30, (5.0, 9.0), np.random.default_rng(1))
    depth, radius = placed[:, 2], placed[:, 3]
    assert np.all(np.abs(depth) + radius <= 24)
    centres = placed[:, :3]
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2) - radius[:, None] - radius
    assert gaps[~np.eye(len(placed), dtype=bool)].min() > 0
    apart = np.linalg.norm(centres[:, None, :2] - centres[:, :2], axis=2) - radius[:, None] - radius
    assert (apart[~np.eye(len(placed), dtype=bool)] < 0).any()  # but they do overlap in projection

    phantom = data.precipitates((32, 32), noise=False)
    matrix, precipitate = nanometres(phantom)
    assert matrix.min() > 10
    assert (precipitate == 0).mean() > 0.2
    # Averaging over the probe leaves a linear wedge as it is, but for the ends of the scan.
    np.testing.assert_allclose((matrix + precipitate)[4:-4], foil(phantom)[4:-4], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scene", [data.three_oxides, data.eds_phases])
def test_every_phase_of_a_foil_of_grains_is_pure_somewhere(scene, seed):
    thickness = nanometres(scene((32, 32), noise=False, seed=seed))
    share = thickness / thickness.sum(0)
    assert np.all(share.max((1, 2)) > 0.99)
    assert np.all(share.mean((1, 2)) > 0.5 / len(share))
    assert 0.1 < (share.max(0) < 0.98).mean() < 0.8  # grains overlap in projection


# ------------------------------------------------------------------------------------------ dose
@pytest.mark.parametrize("counts", [10.0, 10_000.0])
@pytest.mark.parametrize("drift", [0.0, 1.5])
def test_dose_sweep(counts, drift):
    phantom = data.three_oxides(COARSE, counts=counts, drift=drift)
    total = phantom.signal.data.sum(-1, dtype=float)
    assert phantom.signal.data.dtype == np.uint32
    assert total.mean() == pytest.approx(counts, abs=5 * np.sqrt(counts / total.size))
    assert np.ptp(phantom.truth.parameters["drift"]) == pytest.approx(drift)


def test_without_background_all_counts_are_of_edges():
    """Same scene and, per incident electron, the same edges."""
    bare = data.three_oxides(COARSE, counts=500.0, background=False, noise=False)
    usual = data.three_oxides(COARSE, counts=500.0, noise=False)
    assert bare.signal.data.sum(-1).mean() == pytest.approx(500)
    assert bare.truth.background.data.shape == bare.signal.data.shape
    assert not bare.truth.background.data.any()
    assert bare.signal.data[..., :200].max() < 1e-6 * bare.signal.data.max()
    edges = usual.signal.data - usual.truth.background.data
    dose = (
        bare.truth.parameters["incident_electrons"] / usual.truth.parameters["incident_electrons"]
    )
    np.testing.assert_allclose(bare.signal.data, dose * edges, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(bare.low_loss.data, usual.low_loss.data)
    np.testing.assert_array_equal(bare.truth.spectra.data, usual.truth.spectra.data)


# ------------------------------------------------------------------------------------------- EDS
@pytest.mark.parametrize("phases", [2, 5, 8])
def test_eds_phases(phases):
    """The first ones of the list, and every count accounted for."""
    phantom = data.eds_phases((16, 16), phases=phases, noise=False)
    all_names = _signals.read_parameters()["scenes"]["eds_phases"]["phases"]
    assert phantom.truth.names == tuple(all_names[:phases])
    width = phantom.signal.axes_manager.signal_axes[0].scale
    rebuilt = np.moveaxis(phantom.truth.maps.data, 0, -1) @ phantom.truth.spectra.data * width
    np.testing.assert_allclose(phantom.signal.data, rebuilt, rtol=1e-9, atol=1e-15)
    assert phantom.signal.data.sum(-1).mean() == pytest.approx(200)


def test_weight_fractions_add_up_to_one():
    for name, phase in _signals.read_parameters()["eds"]["phases"].items():
        assert sum(phase["weights"].values()) == pytest.approx(1, abs=0.002), name


def test_every_element_of_an_eds_phase_has_a_line():
    parameters = _signals.read_parameters()["eds"]
    with_lines = {key.split("_")[0] for key in parameters["k_factors"]}
    assert {e for phase in parameters["phases"].values() for e in phase["weights"]} <= with_lines


# ------------------------------------------------------------------------------------------ seeds
@pytest.mark.parametrize("scene", ["core_shell", "precipitates", "three_oxides", "eds_phases"])
def test_seed_draws_the_geometry_too(scene):
    first, again, other = (
        nanometres(getattr(data, scene)(COARSE, seed=seed, noise=False)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_and_drift_do_not_change_the_geometry():
    noisy = data.precipitates(COARSE, drift=1.5, seed=6)
    expected = data.precipitates(COARSE, noise=False, seed=6)
    np.testing.assert_array_equal(nanometres(noisy), nanometres(expected))
