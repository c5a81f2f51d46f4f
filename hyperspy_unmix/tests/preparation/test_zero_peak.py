"""Maps of X-rays with the peak of electronic noise at 0 keV.

Truth: two minerals side by side in closed form, their Poisson noise, and the same map without the
peak.
"""

from html import escape

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import denoise, pca, preprocess, unmix
from hyperspy_unmix.tests.scenes import angle, array, untouched

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SIGMA = 0.028  # keV
LINES = ({1.74: 8.0, 0.525: 2.0, 3.31: 1.5}, {1.74: 5.0, 0.525: 2.0, 1.49: 3.0, 3.69: 1.2})


def gaussian(energy, centre, sigma):
    """Counts in channels of 0.01 keV, one in all."""
    return np.exp(-(((energy - centre) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi)) * 0.01


def minerals(energy):
    """The true spectra: lines, and bremsstrahlung down to where the window absorbs it."""
    brems = np.where(energy > 0.15, np.exp(-energy / 3) * 0.003, 0)
    return np.array(
        [brems + sum(h * gaussian(energy, e, 0.045) for e, h in m.items()) for m in LINES]
    )


def map_of_minerals(
    peak=6.0,
    *,
    start=-0.47,
    threshold=-np.inf,
    off_by=0.0,
    unit="keV",
    signal_type="EDS_SEM_unmix",
    lazy=False,
    seed=0,
    dose=1.0,
):
    """The peak is three times as high in every second pixel of both directions: interlaced."""
    energy = np.arange(start, 4.5, 0.01)
    y, x = np.mgrid[:44, :40]
    is_second = ((x - 14) ** 2 + (y - 26) ** 2 < 80) | ((x - 30) ** 2 + (y - 10) ** 2 < 50)
    expected = minerals(energy)[is_second.astype(int)] * dose
    height = peak * np.where((x + y) % 2, 1.5, 0.5)[..., None]
    # Another stream for the peak: the X-rays are the same with and without it.
    of_minerals, of_peak = (np.random.default_rng([seed, k]) for k in (0, 1))
    electronic = height * gaussian(energy, 0.0, SIGMA) * (energy >= threshold)
    counts = of_minerals.poisson(expected) + of_peak.poisson(electronic)
    s = hs.signals.Signal1D(counts.astype(np.uint16))
    axis, factor = s.axes_manager[-1], {"eV": 1000, "keV": 1}[unit]
    axis.name, axis.units = "Energy", unit
    axis.offset, axis.scale = (start + off_by) * factor, 0.01 * factor
    s.set_signal_type(signal_type)
    return s.as_lazy() if lazy else s


def energies(result):
    return result.spectra.axes_manager[-1].axis


def assert_same(u, known):
    """Every number of two results."""
    for what in ("spectra", "maps", "spectra_uncertainty", "maps_uncertainty"):
        np.testing.assert_array_equal(array(getattr(u, what)), array(getattr(known, what)))
    np.testing.assert_array_equal(energies(u), energies(known))
    for what in ("model", "residual"):
        np.testing.assert_array_equal(array(getattr(u, what)()), array(getattr(known, what)()))


@eager_and_lazy
def test_peak_is_left_out(lazy):
    """Truth: the two minerals. All numbers are those of the range behind the peak."""
    s = map_of_minerals(lazy=lazy)
    with untouched(s):
        u = s.unmix(store=False)
    assert u.n_components == 2
    end = float(energies(u)[0])
    # 3 standard deviations leave 1 count in 700; O K begins two of its own below its centre.
    assert 3 * SIGMA < end < 0.525 - 2 * 0.045
    said = u.settings["zero peak"]
    assert said.value == np.searchsorted(s.axes_manager[-1].axis, end - 0.005)
    assert "the detector's electronic peak at 0 keV holds no X-rays" in said.reason
    assert escape(said.reason) in u._repr_html_() and "WARNING: zero peak" not in u.settings
    assert_same(u, s.unmix(store=False, signal_range=(end - 0.005, 10)))


@eager_and_lazy
def test_spectra_are_as_good_as_without_the_peak(lazy):
    """Truth: the minerals' spectra. Pure pixels tell them to their noise, which is the same."""
    with_peak, without = (
        map_of_minerals(p, lazy=lazy, dose=16.0).unmix(2, assume="pure", store=False)
        for p in (6.0, 0.0)
    )
    errors = [
        angle(array(u.spectra), minerals(energies(u))[:, : array(u.spectra).shape[1]])
        for u in (with_peak, without)
    ]
    assert errors[0] == pytest.approx(errors[1], abs=0.5) and errors[1] < 5


@eager_and_lazy
@pytest.mark.parametrize("start", [-0.47, -0.005, 0.0])
def test_without_a_peak_every_channel_stays(start, lazy):
    """Truth: no peak was put in. Channels below 0 that are zero stay, as zeros."""
    s = map_of_minerals(0.0, start=start, lazy=lazy)
    u = s.unmix(store=False)
    assert "zero peak" not in u._repr_html_()
    assert u.n_components == 2
    assert array(u.spectra).shape[1] == s.data.shape[-1]


NEIGHBOURS = {
    "axis begins at 0": {"start": 0.0},
    "axis begins within the peak": {"start": 0.015},
    "discriminator at 0.02 keV": {"threshold": 0.02},
    "axis is 0.03 keV too high": {"off_by": 0.03},
    "axis is 0.05 keV too low": {"off_by": -0.05},
    "axis in eV": {"unit": "eV"},
    "TEM": {"signal_type": "EDS_TEM_unmix"},
    "generic in keV": {"signal_type": "unmix"},
}


@pytest.mark.parametrize("how", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbours(how):
    """Truth: two minerals; and the peak ends 3 standard deviations above where it is."""
    u = map_of_minerals(**how).unmix(store=False)
    off_by, factor = how.get("off_by", 0.0), 1000 if how.get("unit") == "eV" else 1
    end = float(energies(u)[0]) / factor - off_by
    assert 3 * SIGMA < end < 0.525 - 2 * 0.045
    assert u.n_components == 2
    assert ("the energy axis may be off" in u.settings["zero peak"].reason) is bool(off_by)
    assert f"at 0 {how.get('unit', 'keV')}" in u.settings["zero peak"].reason


@pytest.mark.parametrize(
    "how", [{"signal_type": "EELS_unmix"}, {"signal_type": "unmix", "unit": "eV"}]
)
def test_other_techniques_keep_theirs(how):
    """A peak at zero of an axis that is not of X-rays is a zero-loss peak, or anything else."""
    count = pca(map_of_minerals(**how), low_loss=None, background=None, energy_shift=None)
    assert "zero peak" not in str(count.settings)
    assert count.prepared.image.first == 0


@eager_and_lazy
@pytest.mark.parametrize("start", [-0.2, 0.005])
def test_users_range_stays_with_a_caution(start, lazy):
    """The user decides; the caution gives a range that is without the peak."""
    s = map_of_minerals(lazy=lazy)
    result = pca(s, signal_range=(start, 4.0))
    assert result.prepared.image.axis.axis[0] == pytest.approx(start, abs=0.01)
    hint = result.settings["WARNING: zero peak"].reason
    assert "zero peak" not in result.settings
    begin = float(hint.partition("signal_range=(")[2].partition(",")[0])
    assert 3 * SIGMA < begin < 0.525 - 2 * 0.045
    assert "zero peak" not in str(pca(s, signal_range=(begin, 4.0)).settings)


def test_users_mask_stays_with_a_caution():
    """As with a range: one channel masked elsewhere leaves the peak in; the peak masked is well."""
    s = map_of_minerals()
    energy = s.axes_manager[-1].axis
    assert "WARNING: zero peak" in pca(s, signal_mask=energy > 4.2).settings
    assert "zero peak" not in str(pca(s, signal_mask=energy < 0.15).settings)


def test_warning_is_logged(caplog):
    pca(map_of_minerals(), signal_range=(-0.2, 4.0))
    assert "electronic peak at 0 keV" in caplog.text


def test_values_that_are_not_counts():
    """The same map as a rate: its noise is that of a sample, the channels are the same."""
    s = map_of_minerals(30.0)
    known = pca(s).settings["zero peak"].value
    s.data = s.data * 0.37
    assert abs(pca(s).settings["zero peak"].value - known) <= 1


@eager_and_lazy
def test_nothing_but_the_peak(lazy):
    """Truth: no X-rays. Nothing fails, and it is said."""
    s = map_of_minerals(dose=0, lazy=lazy)
    u = s.unmix(store=False)
    assert "next to no counts beside" in u.settings["WARNING: zero peak"].reason


@eager_and_lazy
def test_empty_pixels_are_those_without_x_rays(lazy):
    """Truth: where no mineral is; the peak is there all the same."""
    s = map_of_minerals(dose=4.0)
    bare = map_of_minerals(dose=0)
    s.data[:10] = bare.data[:10]
    s = s.as_lazy() if lazy else s
    u = s.unmix(store=False)
    assert u.n_components == 2
    maps = array(u.maps)
    assert (maps[:, :10] == 0).all() and (maps[:, 10:].sum(0) != 0).any()
    assert u.settings["empty pixels"].value == 400


@eager_and_lazy
def test_every_stage_is_over_the_same_channels(lazy):
    """What comes out of each is over the range that is said, and finite."""
    s = map_of_minerals(lazy=lazy)
    u = s.unmix(store=False)
    shape = (*s.data.shape[:2], array(u.spectra).shape[1])
    for result in (preprocess(s), denoise(s), u.model(), u.residual()):
        assert result.data.shape == shape
        assert np.isfinite(array(result)).all()
        assert result.axes_manager[-1].offset == u.spectra.axes_manager[-1].offset


@eager_and_lazy
def test_saved_loaded_and_stored(tmp_path, lazy):
    """The file says the same; HyperSpy's own results know which channels were left out."""
    s = map_of_minerals(lazy=lazy)
    u = s.unmix()
    assert s.learning_results.signal_mask.sum() == u.settings["zero peak"].value
    u.save(tmp_path / "r.hspy")
    again = hyperspy_unmix.load(tmp_path / "r.hspy")
    assert repr(again) == repr(u)
    np.testing.assert_array_equal(array(again.spectra), array(u.spectra))
    assert type(again.pca.prepared.findings[1]).__name__ == "ZeroPeakFinding"


def test_applied_to_another_map():
    """Truth: the other map, with or without a peak of its own, over the channels of the spectra."""
    u = map_of_minerals(dose=4.0).unmix(store=False)
    applied = [u.apply(map_of_minerals(p, seed=1, dose=4.0)) for p in (6.0, 0.0)]
    for other in applied:
        assert "zero peak" not in str(other.settings)
        np.testing.assert_allclose(energies(other), energies(u), atol=1e-9)
    # Their X-rays are the same; the few counts of the peak's tail are little beside the noise.
    maps, error = [array(other.maps) for other in applied], array(applied[1].maps_uncertainty)
    assert np.sqrt(np.mean(((maps[0] - maps[1]) / error) ** 2)) < 0.1


def test_joint_unmixing_of_maps_with_and_without_a_peak():
    """Truth: two minerals, in the channels that both maps have."""
    results = unmix(
        [map_of_minerals(6.0), map_of_minerals(0.0, seed=1), map_of_minerals(1.0, seed=2)]
    )
    for u in results:
        assert u.n_components == 2
        assert energies(u).min() > 2.5 * SIGMA
