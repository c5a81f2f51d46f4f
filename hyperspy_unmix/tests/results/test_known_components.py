"""Components that are known: held, fitted alone, and what is said of those that do not fit."""

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.optimize import linear_sum_assignment

import hyperspy_unmix
from hyperspy_unmix.settings import cautions_in
from hyperspy_unmix.tests.scenes import calibrated, component_first, untouched

CHANNELS, SIZE = 200, 32
X = np.arange(float(CHANNELS))
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def peak(centre, width):
    return np.exp(-0.5 * ((X - centre) / width) ** 2)


def grains(seed, number):
    """Smooth shares that sum to one, each near one somewhere: (number, y, x)."""
    rng = np.random.default_rng(seed)
    fields = np.array([gaussian_filter(rng.normal(size=(SIZE, SIZE)), 5) for _ in range(number)])
    weights = np.exp(4 * fields / fields.std((1, 2), keepdims=True))
    return weights / weights.sum(0)


def scene(maps, spectra, dose=4000.0, seed=0, lazy=False):
    """Poisson counts, ``dose`` a pixel in the mean, and the true maps in counts."""
    mean = np.moveaxis(maps, 0, -1) @ spectra
    scale = dose / mean.sum(-1).mean()
    counts = np.random.default_rng(seed).poisson(scale * mean).astype(float)
    return calibrated(counts, lazy=lazy), maps * scale * spectra.sum(1)[:, None, None]


def given(spectrum, offset=0.0):
    """A spectrum as a signal over the scene's energies, ``offset`` too high."""
    s = calibrated(np.asarray(spectrum, float)[None])
    s.axes_manager.signal_axes[0].offset += offset
    return s.inav[0]


PHASES = np.array(
    [
        peak(60, 5) + 0.5 * peak(120, 20) + 0.1,
        peak(75, 6) + 0.4 * peak(140, 15) + 0.05,
        0.8 * peak(100, 4) + 0.5 * peak(130, 25) + 0.1,
    ]
)


def three_phases(seed=0, lazy=False, dose=4000.0):
    return scene(grains(seed + 3, 3), PHASES, dose, seed, lazy)


def angles(result, spectra):
    """Degrees between each true spectrum and the nearest one found."""
    found = np.asarray(result.spectra.data)
    cosine = spectra @ found.T / np.linalg.norm(spectra, axis=1)[:, None]
    return np.degrees(np.arccos((cosine / np.linalg.norm(found, axis=1)).max(1).clip(-1, 1)))


@eager_and_lazy
@pytest.mark.parametrize("assume", ["auto", "overlap", "pure"])
def test_one_of_three_is_held(assume, lazy):
    """Phantom: the others are not worse than without (0.1 degrees for the refinement's turns)."""
    s, _ = three_phases(lazy=lazy)
    without = angles(s.unmix(3, assume=assume), PHASES)
    with untouched(s):
        u = s.unmix(3, known={"first": given(PHASES[0])}, assume=assume, store=False)
    assert u.names.count("first") == 1
    place = u.names.index("first")
    own = angles(u.reorder([place, *(i for i in range(3) if i != place)]), PHASES)
    assert own[0] < max(1.0, without[0])
    assert own[1:].mean() <= without[1:].mean() + 0.1
    assert not [name for name in u.settings if "known" in name and "WARNING" in name]


def on_a_smooth_base(seed):
    """Three phases with lines, shares that sum to one, on a broad base that hardly varies."""
    spectra = np.array(
        [
            0.12 * peak(60, 90),
            4 * peak(20, 1.5) + 0.6 * peak(50, 4) + peak(180, 3),
            3 * peak(60, 2) + 2 * peak(85, 2) + 3 * peak(176, 2) + 2 * peak(180, 3),
            2 * peak(35, 2) + 2.5 * peak(60, 2) + 3 * peak(95, 2),
        ]
    )
    rng = np.random.default_rng(seed)
    base = 0.4 + 0.6 * gaussian_filter(rng.uniform(size=(SIZE, SIZE)), 8)
    return scene(np.array([base, *grains(seed, 3)]), spectra, 50_000.0, seed)[0], spectra


def degrees_apart(result, spectra):
    """Of each true spectrum from the one found for it, one to each."""
    found = np.asarray(result.spectra.data)
    cosine = spectra @ found.T / np.linalg.norm(spectra, axis=1)[:, None]
    turns = np.degrees(np.arccos((cosine / np.linalg.norm(found, axis=1)).clip(-1, 1)))
    return turns[linear_sum_assignment(turns)]


@pytest.mark.parametrize(("seed", "i"), [(0, 0), (2, 1)], ids=["base", "phase on it"])
def test_what_noise_hides_of_the_known_is_held_as_it_is(seed, i):
    """Phantom: the base is 45 to 90 degrees off without. The known is exact, others as without."""
    s, spectra = on_a_smooth_base(seed)
    without = degrees_apart(s.unmix(4, store=False), spectra)
    u = s.unmix(4, known={"given": given(spectra[i])}, store=False)
    found, others = degrees_apart(u, spectra), np.arange(4) != i
    assert without[0] > 40
    assert found[i] < 1e-3
    assert found[others].mean() <= without[others].mean() + 0.05
    assert u.spectra_uncertainty.data[u.names.index("given")].max() == 0


@pytest.mark.parametrize("assume", ["auto", "overlap", "pure"])
def test_one_beside_all_that_was_found_takes_the_place_of_noise(assume, tmp_path):
    """Phantom: three phases, four asked for; a spectrum that is none of them leaves all three."""
    s, _ = three_phases(dose=20000.0)
    without = degrees_apart(s.unmix(3, assume=assume, store=False), PHASES)
    u = s.unmix(4, known={"gold": given(peak(30, 4))}, assume=assume, store=False)
    gold = u.names.index("gold")
    others = [i for i in range(4) if i != gold]
    assert degrees_apart(u.reorder([*others, gold]), PHASES).max() < without.max() + 0.3
    assert "leave it out" in u.settings["WARNING: known gold"].reason
    assert np.isfinite(u.maps_uncertainty.data).all()
    u.save(tmp_path / "r.hspy")
    assert repr(hyperspy_unmix.load(tmp_path / "r.hspy")) == repr(u)


def film_under_islands(seed=0):
    """An even, featureless film, islands on it: how much of it is in them, no pixel tells."""
    islands = grains(seed + 11, 3)[:2]
    film = np.ones((SIZE, SIZE))
    spectra = np.array(
        [0.5 + 0 * X, peak(70, 5) + 0.6 * peak(140, 8), peak(100, 6) + 0.5 * peak(142, 8)]
    )
    return scene(np.array([film, *islands]), spectra, 6000.0, seed)[0], spectra


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("assume", ["auto", "overlap", "pure"])
@pytest.mark.parametrize("what", ["spectrum", "pixels"])
def test_film_under_islands(seed, what, assume):
    """Phantom: 40 degrees off without; with the film known within 4, which is noise at 6,000."""
    s, spectra = film_under_islands(seed)
    film = given(spectra[0])
    if what == "pixels":
        # Where there are hardly any islands.
        film = grains(seed + 11, 3)[2] > 0.99
    without = s.unmix(3, store=False)
    u = s.unmix(3, known={"film": film}, assume=assume, store=False)
    assert angles(without, spectra).max() > 20
    assert angles(u, spectra).max() < 4
    assert u.settings["even"].value == "film"
    # An ICA asked for shares the film out at random, and runs of it are not refined.
    assert min(u.stability) > 0.5 or assume == "overlap"
    film_map = component_first(u.maps)[u.names.index("film")]
    assert film_map.std() < 0.1 * film_map.mean()


def test_all_known_is_a_fit():
    """Phantom: maps within 1.05 of least squares with the true spectra, bands cover 95 % of them.

    93 to 97 % where the true abundance is beyond its own error; near zero, what is cut off below
    zero lies within the bands too.
    """
    s, true = three_phases()
    names = ["a", "b", "c"]
    known = dict(zip(names, map(given, PHASES), strict=True))
    u = s.unmix(3, known=known, store=False)
    order = [u.names.index(name) for name in names]
    maps = component_first(u.maps)[order].reshape(3, -1)
    sd = component_first(u.maps_uncertainty)[order].reshape(3, -1)
    true = true.reshape(3, -1)
    counts = s.data.reshape(-1, CHANNELS)
    oracle = np.linalg.lstsq(PHASES.T, counts.T, rcond=None)[0] * PHASES.sum(1)[:, None]
    error = np.linalg.norm(maps - true, axis=1) / np.linalg.norm(oracle - true, axis=1)
    assert error.max() < 1.05
    assert (maps >= 0).all()
    covered = np.abs(maps - true) < 2 * sd
    is_clear = true > 2 * sd
    assert 0.93 < covered[is_clear].mean() < 0.97
    assert covered.mean() > 0.93
    found = u.spectra.data[order]
    np.testing.assert_allclose(found * 2, PHASES / PHASES.sum(1)[:, None], rtol=1e-9)
    assert "maximum likelihood" in u.settings["spectra"].reason
    assert (u.stability == 1).all()


@pytest.mark.parametrize("dose", [30.0, 300.0])
def test_bands_of_a_fit_to_few_counts(dose):
    """Closed form: 95 % where the truth is 2 sd from zero; 1 - 2.3 % and more where it is zero.

    There the likeliest abundance is zero itself in half of the pixels, and only a positive error is
    left: a band of 2 sd misses 2.3 % (S. G. Self, K.-Y. Liang, J. Am. Stat. Assoc. 82 (1987) 605).
    The deviations are those of the Fisher information at the truth.
    """
    covered, at_zero, is_zero = [], [], []
    shapes = PHASES / PHASES.sum(1, keepdims=True)
    for seed in range(3):
        s, true = three_phases(seed, dose=dose)
        known = dict(zip("abc", map(given, PHASES), strict=True))
        u = s.unmix(3, known=known, store=False)
        order = [u.names.index(name) for name in "abc"]
        maps = component_first(u.maps)[order].reshape(3, -1).T
        sd = component_first(u.maps_uncertainty)[order].reshape(3, -1).T
        true = true.reshape(3, -1).T
        information = np.einsum("pe,ie,je->pij", 1 / (true @ shapes), shapes, shapes)
        true_sd = np.sqrt(np.diagonal(np.linalg.inv(information), axis1=1, axis2=2))
        is_within = np.abs(maps - true) < 2 * sd
        covered.append(is_within[true > 2 * true_sd])
        at_zero.append(is_within[true < 0.1 * true_sd])
        is_zero.append(maps[true < 0.1 * true_sd] < 1e-6 * true.max())
    assert 0.93 < np.concatenate(covered).mean() < 0.97
    assert 0.97 < np.concatenate(at_zero).mean() <= 1
    # Below zero in half of the pixels; in more where the scatter of few counts is lopsided.
    assert 0.45 < np.concatenate(is_zero).mean() < 0.7


def test_fit_has_background_and_plural_scattering():
    """Phantom: the true single-scattering spectra; maps within 2 % of the truth, as `apply` has."""
    s, low_loss, truth = hyperspy_unmix.data.three_oxides(shape=(16, 16), counts=6e5)
    known = {name: truth.spectra.inav[i] for i, name in enumerate(truth.names)}
    u = s.unmix(3, low_loss=low_loss, known=known, store=False)
    assert not [name for name in cautions_in(u.settings) if "known" in name]
    axis = truth.spectra.axes_manager.signal_axes[0]
    energies = u.spectra.axes_manager.signal_axes[0].axis
    inside = (axis.axis >= energies[0] - 0.1) & (axis.axis <= energies[-1] + 0.1)
    for i, name in enumerate(truth.names):
        share = truth.spectra.data[i, inside].sum() * axis.scale
        true = component_first(truth.maps)[i] * share
        found = component_first(u.maps)[u.names.index(name)]
        assert np.linalg.norm(found - true) < 0.02 * np.linalg.norm(true)


@pytest.mark.parametrize("n_components", [1, 3])
def test_bands_hold_the_noise_of_few_pixels(n_components):
    """Phantom: one pixel as what is known, of one phase alone, by itself or beside others.

    Two standard deviations hold 95 % of the channels, give or take 10: a pixel's noise has as many
    directions as there are components, so that channels are off together.
    """
    covered = []
    for seed in range(8):
        share = grains(seed + 3, 3)[0]
        if share.max() < 0.995:
            continue
        s, _ = three_phases(seed)
        y, x = (int(i) for i in np.unravel_index(share.argmax(), share.shape))
        known = {"pixel": (x, y, x + 1, y + 1)}
        u = s.unmix(n_components, known=known, store=False)
        place = u.names.index("pixel")
        true = PHASES[0] / PHASES[0].sum() / 2
        off = np.abs(u.spectra.data.reshape(-1, CHANNELS)[place] - true)
        covered.append(off < 2 * u.spectra_uncertainty.data.reshape(-1, CHANNELS)[place])
    assert 0.85 < np.mean(covered) < 1


def test_mask_roi_and_rectangle_are_the_same():
    s, _ = three_phases()
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:9, 10:20] = True
    x, y = (axis.index2value for axis in s.axes_manager.navigation_axes)
    roi = hs.roi.RectangularROI(left=x(10), top=y(4), right=x(20), bottom=y(9))
    ways = [mask, hs.signals.BaseSignal(mask).T, roi, (10, 4, 20, 9)]
    maps = [s.unmix(3, known={"grain": way}, store=False).maps.data for way in ways]
    for other in maps[1:]:
        np.testing.assert_array_equal(other, maps[0])


def test_points_and_spans():
    """One pixel, and part of a line scan: the mean of the same pixels by a mask."""
    s, _ = three_phases()
    x, y = (axis.index2value for axis in s.axes_manager.navigation_axes)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[5, 7] = True
    point = hs.roi.Point2DROI(x(7), y(5))
    by_point, by_mask = (s.unmix(2, known={"p": k}, store=False) for k in (point, mask))
    np.testing.assert_array_equal(by_point.maps.data, by_mask.maps.data)
    line = calibrated(s.data.reshape(-1, CHANNELS))
    at = line.axes_manager.navigation_axes[0].index2value
    mask = np.zeros(SIZE * SIZE, bool)
    mask[20:30] = True
    span = hs.roi.SpanROI(at(20), at(30))
    by_span, by_mask = (line.unmix(2, known={"p": k}, store=False) for k in (span, mask))
    np.testing.assert_array_equal(by_span.maps.data, by_mask.maps.data)


@pytest.mark.parametrize("number", [2, 3])
def test_offset_of_a_reference_is_named(number):
    """Phantom: 1.5 eV too high (0.75 channels), said to a quarter of an eV; as given, not bent."""
    s, _ = three_phases(dose=20000.0)
    known = {name: given(PHASES[i]) for i, name in enumerate("ab"[: number - 1])}
    u = s.unmix(3, known={"off": given(PHASES[2], 1.5), **known}, store=False)
    caution = u.settings["WARNING: known off"].reason
    assert "too high" in caution
    words = caution.split()
    assert abs(float(words[words.index("eV") - 1]) - 1.5) < 0.25
    assert not [name for name in u.settings if name in ("WARNING: known a", "WARNING: known b")]


def test_a_spectrum_that_is_not_there_is_named():
    s, _ = three_phases()
    u = s.unmix(3, known={"gold": given(peak(30, 4))}, store=False)
    assert "leave it out" in u.settings["WARNING: known gold"].reason
    # Nor is it hidden among components that are noise.
    known = dict(zip("abc", map(given, PHASES), strict=True))
    u = s.unmix(5, known={**known, "gold": given(peak(30, 4))}, store=False)
    assert [name for name in u.settings if "WARNING: known" in name] == ["WARNING: known gold"]
    assert u.settings["beyond the counts"].value == 1


def test_noise_and_differences_are_named():
    s, _ = three_phases()
    noise = given(np.random.default_rng(0).normal(size=CHANNELS))
    noise.data[0] = 30.0  # not negative on the whole
    u = s.unmix(3, known={"n": noise}, store=False)
    assert "mostly noise" in u.settings["WARNING: known n"].reason
    u = s.unmix(3, known={"d": given(PHASES[0] - 0.6 * PHASES[1])}, store=False)
    assert "difference of phases" in u.settings["WARNING: known d"].reason


def test_another_resolution_is_named():
    """Phantom: broadened by 3 channels of 2 eV, 14.1 eV FWHM; said to a tenth."""
    s, _ = three_phases(dose=50000.0)
    u = s.unmix(3, known={"broad": given(gaussian_filter1d(PHASES[2], 3.0))}, store=False)
    words = u.settings["WARNING: known broad"].reason.split()
    assert "broader" in words
    width = float(words[words.index("(FWHM),") - 2])
    assert abs(width - 14.1) < 1.4


def test_component_of_another_result():
    """The same spectrum as in the other result, at its own place."""
    s, _ = three_phases(1)
    other = three_phases(0)[0].unmix(3, store=False)
    u = s.unmix(3, known={"first": other.spectra.inav[0]}, store=False)
    found = u.spectra.data[u.names.index("first")]
    assert angles(other, found[None])[0] < 1


def test_alternatives_and_files_keep_what_is_known(tmp_path):
    s, _ = three_phases()
    u = s.unmix(3, known={"first": given(PHASES[0])}, store=False)
    for other in u.alternatives.values():
        assert "first" in other.names
    u.save(tmp_path / "r.hspy")
    loaded = hyperspy_unmix.load(tmp_path / "r.hspy")
    assert repr(loaded) == repr(u)
    assert {other.names.count("first") for other in loaded.alternatives.values()} == {1}
    fitted = s.unmix(1, known={"first": given(PHASES[0])}, store=False)
    assert "n_components=3" in fitted.settings["WARNING: more components"].reason
    fitted.save(tmp_path / "f.hspy")
    assert repr(hyperspy_unmix.load(tmp_path / "f.hspy")) == repr(fitted)


def test_code_and_stages():
    s, _ = three_phases()
    known = {"first": given(PHASES[0])}
    u = s.unmix(3, known=known)
    assert u.code == "u = s.unmix(3, known=known)"
    by_stages = s.pca(3).ica(known=known)
    np.testing.assert_array_equal(by_stages.maps.data, u.maps.data)
    assert by_stages.names == u.names


WRONG = {
    "no mapping": (given(PHASES[0]), TypeError, "names with what they are"),
    "empty": ({}, TypeError, "names with what they are"),
    "number": ({"0": given(PHASES[0])}, TypeError, "not numbers"),
    "word": ({"a": "film"}, TypeError, "what can be known"),
    "shape": ({"a": np.ones((3, 4), bool)}, ValueError, "array order"),
    "no booleans": ({"a": np.ones((SIZE, SIZE))}, TypeError, "True"),
    "no pixel": ({"a": np.zeros((SIZE, SIZE), bool)}, ValueError, "no pixel"),
    "outside": ({"a": (0, 0, SIZE + 1, 4)}, ValueError, "not within the scan"),
    "short": ({"a": given(PHASES[0]).isig[:50]}, ValueError, "all of it"),
    "line": (
        {"a": hs.roi.Line2DROI(1, 1, 9.3, 5.2, linewidth=2)},
        ValueError,
        "no choice of pixels",
    ),
    "roi outside": ({"a": hs.roi.Point2DROI(900.0, 900.0)}, ValueError, "does not fit the scan"),
    "twice": ({"a": given(PHASES[0]), "b": given(2 * PHASES[0])}, ValueError, "the same"),
    "negative": ({"a": given(-PHASES[0])}, ValueError, "minus it if its sign was turned"),
    "a part is missing": (
        {"a": given(np.where((X > 50) & (X < 120), np.nan, PHASES[0]))},
        ValueError,
        "no finite values between",
    ),
    "zero": ({"a": given(0 * X)}, ValueError, "zero everywhere"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_known(name):
    s, _ = three_phases()
    known, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        s.unmix(3, known=known, store=False)


def test_fewer_components_than_known_and_several_signals():
    s, _ = three_phases()
    known = {"a": given(PHASES[0]), "b": given(PHASES[1])}
    with pytest.raises(ValueError, match="n_components=2 for maps of these alone"):
        s.unmix(1, known=known, store=False)
    with pytest.raises(ValueError, match=r"u\.apply\(other\)"):
        hyperspy_unmix.unmix([s, s], 2, known=known)
