"""Pixels that hold no spectrum of the specimen: stopped maps, vacuum, stuck rows."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data, estimate_number_of_components
from hyperspy_unmix.tests.scenes import array, calibrated

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def three_phases(lazy=False, seed=0):
    """Closed form: mixtures of three spectra, 400 counts a pixel, and their Poisson noise."""
    rng = np.random.default_rng(seed)
    channel = np.arange(120)
    spectra = np.exp(-(((channel - np.array([[25], [60], [95]])) / 5) ** 2)) + 0.05
    shares = rng.dirichlet(np.ones(3), (24, 20))
    s = calibrated(rng.poisson(400 * shares @ (spectra / spectra.sum(1, keepdims=True))), "unmix")
    return s.as_lazy() if lazy else s


def with_values(signal, where, value):
    changed = signal.deepcopy()
    if changed._lazy:
        import dask.array as da

        changed.data = da.where(where[..., None], value, changed.data)
    else:
        changed.data = np.where(where[..., None], value, changed.data)
    return changed


def shapes():
    """Where nothing was recorded: rows of a stopped map, a frame about a region, lines, holes."""
    rows, frame, lines, holes = np.zeros((4, 24, 20), bool)
    rows[8:] = True
    frame[:4], frame[-4:], frame[:, :5], frame[:, -5:] = True, True, True, True
    lines[::3] = True
    holes[np.random.default_rng(1).random(holes.shape) < 0.3] = True
    return {"rows": rows, "frame": frame, "lines": lines, "holes": holes}


@eager_and_lazy
@pytest.mark.parametrize("where", shapes().values(), ids=shapes())
def test_empty_pixels_change_nothing(where, lazy):
    """Truth: the same image with these pixels masked; there the maps are NaN, here zero."""
    s = with_values(three_phases(lazy), where, 0)
    u, masked = s.unmix(store=False), s.unmix(store=False, navigation_mask=where)
    assert u.n_components == masked.n_components == 3
    assert u.settings["empty pixels"].value == where.sum()
    assert "empty pixels" not in masked.settings
    np.testing.assert_array_equal(array(u.spectra), array(masked.spectra))
    maps, known = array(u.maps), array(masked.maps)
    np.testing.assert_array_equal(maps[:, ~where], known[:, ~where])
    assert (maps[:, where] == 0).all() and np.isnan(known[:, where]).all()
    variance = array(u.maps.get_noise_variance())
    assert np.isinf(variance[:, where]).all() and np.isfinite(variance[:, ~where]).all()
    for what in (u.model(), u.residual(), u.pca.preprocessed()):
        assert (array(what)[where] == 0).all()
    assert np.isfinite(array(u.residual())).all()
    assert np.isnan(array(u.fractions)[:, where]).all()


@eager_and_lazy
def test_stuck_pixels_are_masked(lazy):
    """Truth: the number of those put in. They hold one value, so they are no spectrum."""
    where = np.zeros((24, 20), bool)
    where[5] = True
    s = with_values(three_phases(lazy), where, 65535)
    u = s.unmix(store=False)
    assert u.n_components == 3 and u.settings["flat pixels"].value == 20
    assert np.isnan(array(u.maps)[:, where]).all()


def test_zeros_by_chance_stay():
    """Truth: Poisson counts of two a pixel, of which one in seven holds none."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(2 / 60, (40, 40, 60))
    assert 0.1 < (counts.sum(-1) == 0).mean() < 0.2
    u = calibrated(counts, "unmix").unmix(store=False)
    assert "empty pixels" not in u.settings
    assert not np.isnan(array(u.maps)).any()


@pytest.mark.parametrize("left", [0.0, 0.02], ids=["nothing", "2 % of the counts"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_vacuum_does_not_change_the_count(share, left):
    """Truth: three phases, whatever part of the map is vacuum."""
    signal, _, _ = data.eds_phases(phases=3, shape=(64, 64))
    counts = signal.data.copy()
    specimen = int(64 * (1 - share))
    thin = counts[:, specimen:]
    counts[:, specimen:] = np.random.default_rng(1).binomial(thin, left) if left else 0
    signal.data = counts
    assert estimate_number_of_components(signal).automatic == 3


def test_few_pixels_with_counts():
    """Truth: one spectrum in 19 pixels of 8700, and its Poisson noise."""
    rng = np.random.default_rng(0)
    energy = 0.01 * np.arange(1024)
    lines = sum(
        h * np.exp(-(((energy - e) / 0.07) ** 2)) for e, h in ((3.4, 56), (4.5, 28), (0.8, 17))
    )
    counts = np.zeros((87, 100, 1024), np.uint8)
    counts[40, 30:49] = rng.poisson(lines + 0.4, (19, 1024))
    count = estimate_number_of_components(calibrated(counts, "EDS_SEM_unmix"))
    assert (count.automatic, count.reason) == (1, "1 component above the noise")


def test_saved_and_loaded(tmp_path):
    """The zeros are those of the file too."""
    where = shapes()["rows"]
    u = with_values(three_phases(), where, 0).unmix(store=False)
    u.save(tmp_path / "r.hspy")
    again = hyperspy_unmix.load(tmp_path / "r.hspy")
    np.testing.assert_array_equal(again.maps.data, u.maps.data)
    assert repr(again) == repr(u)
