"""Several detectors of one scan: their maps are the same, their spectra are their own."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import unmix
from hyperspy_unmix.settings import cautions_in
from hyperspy_unmix.tests.scenes import angle, array, calibrated, component_first, untouched, wedge

SHAPE = (20, 22)
ENERGY = np.arange(120.0)


def bell(centre, width):
    return np.exp(-0.5 * ((ENERGY - centre) / width) ** 2)


# Three phases: spectra of the first detector overlap, the second does not see the third phase.
FIRST = np.array(
    [
        bell(30, 3) + bell(60, 2.5) + 0.2,
        bell(33, 3) + bell(80, 2) + 0.2,
        bell(36, 3) + bell(100, 2.5) + 0.2,
    ]
)
SECOND = np.array([bell(20, 2) + 0.1, bell(50, 2) + 0.5 * bell(20, 2) + 0.1, 0 * ENERGY])[:, :90]


def amounts():
    """Maps of the three phases: two change places, the third is a particle on them."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[0]
    first = 0.5 + 0.4 * np.sin(7 * x) * np.cos(4 * y)
    particle = np.clip(1 - ((x - 0.6) ** 2 + (y - 0.4) ** 2) / 0.06, 0, None)
    return np.stack([first, 1.1 - first, particle], -1) * (0.7 + 0.5 * y)[..., None]


def recorded(spectra, counts, seed, **options):
    expected = amounts() @ spectra
    expected *= counts / expected.sum(-1).mean()
    return calibrated(np.random.default_rng(seed).poisson(expected).astype(float), **options)


@pytest.fixture(scope="module")
def pair():
    return {"A": recorded(FIRST, 8000, 1), "B": recorded(SECOND, 300, 2)}


@pytest.fixture(scope="module")
def result(pair):
    with untouched(*pair.values()):
        return unmix(pair)


def test_results_are_ordinary_and_share_names_order_and_maps(result):
    assert list(result) == ["A", "B"]
    assert len(result) == 2
    assert all(isinstance(u, hyperspy_unmix.Unmixing) for u in result.values())
    named = result.rename(["x", "y", "z"]).reorder([2, 0, 1])
    assert named["A"].names == named["B"].names == named.names == ("z", "x", "y")
    flat = [component_first(s.maps).reshape(3, -1) for s in (named, named["A"], named["B"])]
    for of_all, first, second in zip(*flat, strict=True):
        for own in (first, second):
            np.testing.assert_allclose(own / own.mean(), of_all, rtol=1e-6, atol=1e-6)
    with pytest.raises(KeyError, match="no detector 'C', only A, B"):
        result["C"]


def test_what_is_for_one_signal_is_refused(pair, result):
    with pytest.raises(ValueError, match="not by a recipe"):
        result["A"].recipe()
    with pytest.raises(ValueError, match="is for one signal"):
        unmix(pair, algorithm="nmf")


def test_phase_that_one_detector_alone_sees_is_kept(pair, result):
    """The truth: three phases, of which the second detector sees two."""
    assert result.n_components == 3
    assert result.settings["shared components"].value == 2
    assert angle(result["A"].spectra.data, FIRST) < 4
    seen = result["B"].settings["seen by this detector"].value
    unseen = int(np.argmin(seen))
    assert seen[unseen] < 1 < min(np.delete(seen, unseen))
    said = result["B"].settings["WARNING: not seen by B"].reason
    assert f"does not see component {unseen}" in said
    assert not [name for name in cautions_in(result["A"].settings) if "not seen" in name]


def test_spectra_of_the_poorer_detector_are_better_than_alone(pair, result):
    """Spectral angle with the true spectra of the two phases that it sees."""
    alone = unmix(pair["B"], n_components=2)
    seen = result["B"].settings["seen by this detector"].value
    together = np.delete(result["B"].spectra.data, int(np.argmin(seen)), 0)
    assert angle(together, SECOND[:2]) < angle(alone.spectra.data, SECOND[:2])


def test_errors_of_maps_are_those_of_all_detectors(result):
    """Where the second detector is poor its maps are as well known as those of the first."""
    first, second = (
        array(result[d].maps_uncertainty)[..., 0:1] / np.abs(array(result[d].maps)).mean()
        for d in "AB"
    )
    assert np.median(second) < 3 * np.median(first)


def test_plural_scattering_takes_nothing_from_the_other_detector():
    """One phase, t/lambda 0.1 to 0.8: its map is the thickness, with exp(-t/lambda) in EELS."""
    core, low, t = wedge()
    energy = np.arange(60.0)
    line = np.exp(-0.5 * ((energy - 30) / 3) ** 2) + 0.1
    counts = np.random.default_rng(3).poisson(400 * t[..., None] * line).astype(float)
    x_rays = calibrated(counts, "EDS_TEM_unmix")
    result = unmix({"EELS": core, "EDS": x_rays}, low_loss={"EELS": low})
    assert result.n_components == 1
    shared = array(result.maps).squeeze()
    np.testing.assert_allclose(shared / shared.mean(), t / t.mean(), rtol=0.15)
    ratio = array(result["EELS"].maps).squeeze() / shared
    np.testing.assert_allclose(ratio / ratio.mean(), np.exp(-t) / np.exp(-t).mean(), rtol=0.05)


def test_gain_of_one_detector_is_no_component(pair):
    """A shadow over the second detector, 0.7 to 1.3: three phases still, and it has the shadow."""
    shadow = np.linspace(0.7, 1.3, SHAPE[1])
    expected = amounts() @ SECOND
    expected *= 2000 * shadow[:, None] / expected.sum(-1).mean()
    shaded = calibrated(np.random.default_rng(6).poisson(expected).astype(float))
    result = unmix({"A": pair["A"], "B": shaded})
    assert result.n_components == 3
    assert result.settings["gains"].value.endswith("% B")
    ratio = component_first(result["B"].maps)[0] / component_first(result.maps)[0]
    found = np.median(ratio, 0)
    np.testing.assert_allclose(found / found.mean(), shadow, atol=0.06)


def test_lazy_data_give_the_same(pair, result):
    lazy = {"A": pair["A"].as_lazy(chunks=(7, 22, 120)), "B": pair["B"].as_lazy()}
    other = unmix(lazy)
    for name in lazy:
        np.testing.assert_allclose(
            array(other[name].spectra), array(result[name].spectra), rtol=1e-3, atol=1e-5
        )


def test_pixels_that_one_detector_lacks_have_maps_of_the_other(pair, result):
    mask = np.zeros(SHAPE, bool)
    mask[3:6, 4:9] = True
    other = unmix(pair, navigation_mask={"B": mask}, n_components=3)
    assert np.isnan(component_first(other.maps)[0][mask]).all()
    maps = component_first(other["A"].maps)
    expected = component_first(result["A"].maps)
    assert np.isfinite(maps).all()
    assert np.corrcoef(maps[0][mask], expected[0][mask])[0, 1] > 0.9
    assert other.settings["pixels in common"].value == (~mask).sum()


def test_result_of_a_detector_is_saved_as_it_is(result, tmp_path):
    one = result["B"]
    one.save(tmp_path / "b.hspy")
    loaded = hyperspy_unmix.load(tmp_path / "b.hspy")
    assert repr(loaded) == repr(one)
    np.testing.assert_array_equal(array(loaded.maps_uncertainty), array(one.maps_uncertainty))


def test_it_prints_and_plots(result):
    text = repr(result)
    assert text.startswith("Unmixing of A and B, one scan (440 pixels): 3 components")
    assert "% of A, " in text
    assert "share of B" in result._repr_html_()
    figure = result.plot()
    assert len([ax for ax in figure.axes if ax.get_title()]) >= 3


def _same(pair):
    return {"A": pair["A"], "B": pair["A"]}


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda p: {}, {}, "given 0 detectors, at least 2"),
        (lambda p: {"A": p["A"]}, {}, r"of one signal say unmix\(signal\)"),
        (lambda p: {1: p["A"], "B": p["B"]}, {}, "words of one line are needed"),
        (lambda p: {"A": p["A"], "B": 3}, {}, "B: signal is a int"),
        (_same, {}, "A and B are the same data"),
        (lambda p: p | {"B": p["B"].inav[:9]}, {}, r"crop both: .inav\[:9, :20\]"),
        (
            lambda p: p | {"B": p["B"].rebin(scale=(2, 2, 1))},
            {},
            r"sum pixels: A.rebin\(scale=\(2, 2, 1\)\)",
        ),
        (lambda p: p | {"B": p["B"].swap_axes(0, 1)}, {}, "another order: B.swap_axes"),
        (lambda p: p, {"background": {"C": None}}, "background has 'C', which is no detector"),
        (lambda p: p, {"signal_range": (100, 200)}, "must say of which detector it is"),
        (lambda p: p, {"known": {"x": (0, 0, 2, 2)}}, "known is for one signal"),
        (lambda p: p, {"n_components": "elbow"}, "a count of one signal"),
        (lambda p: p, {"interactive": True}, "is for one signal"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(pair, change, options, said):
    with pytest.raises((TypeError, ValueError), match=said):
        unmix(change(pair), **options)
