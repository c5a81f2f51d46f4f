"""Bad input gets one clear sentence or a stated fallback, and nothing is touched.

Each case is the spectrum image, the keywords, and what a user must read. Cases run on eager and
lazy signals; numpy's warnings are errors, for they say nothing that a user could act on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import SHAPE, array, counts, two_phases, untouched, wedge

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning"),
]

FULL = (*SHAPE, 80)


def can_be_lazy(s):
    """Whether dask takes the data: it wants numbers, and some of them."""
    return isinstance(s, hs.signals.BaseSignal) and s.data.size and s.data.dtype.kind != "M"


@dataclass
class Case:
    """Keywords and the error that they get; keywords may be functions, called for each test."""

    error: type[Exception]
    says: str
    keywords: dict[str, Any] = field(default_factory=dict)
    signal: Callable[[], Any] = two_phases

    def make(self, lazy):
        s = self.signal()
        s = s.as_lazy() if lazy and can_be_lazy(s) else s
        return s, {k: v() if callable(v) else v for k, v in self.keywords.items()}


def of(data):
    return lambda: hs.signals.Signal1D(np.array(data))


def filled(value, dtype=float):
    return of(np.full(FULL, value, dtype))


def bad_values(where, value):
    def make():
        s = two_phases()
        s.data[where] = value
        return s

    return make


def on_wedge(change):
    """Keywords' low loss for the core loss of `wedge`, after ``change``."""

    def make():
        low_loss = wedge()[1]
        changed = change(low_loss)
        return low_loss if changed is None else changed

    return make


def core_of_wedge():
    return wedge()[0]


def low_loss_case(says, change, error=ValueError):
    keywords = {"low_loss": on_wedge(change), "background": None}
    return Case(error, says, keywords, core_of_wedge)


def set_data(value):
    def change(low_loss):
        low_loss.data[...] = value

    return change


def set_axis(**values):
    def change(low_loss):
        for name, value in values.items():
            setattr(low_loss.axes_manager.signal_axes[0], name, value)

    return change


def nan_spectrum(low_loss):
    one = low_loss.inav[0, 0].deepcopy()
    one.data[3] = np.nan
    return one


T = np.linspace(0.1, 0.8, 120).reshape(SHAPE)

ERRORS = {
    # the signal
    "an array": Case(TypeError, "ndarray.*HyperSpy signal", signal=lambda: np.ones(FULL)),
    "no signal": Case(TypeError, "NoneType.*HyperSpy signal", signal=lambda: None),
    "no navigation axes": Case(
        ValueError, "no navigation axes", signal=lambda: hs.signals.Signal1D(np.ones(80))
    ),
    "two signal axes": Case(
        ValueError,
        "2 signal axes, one is needed",
        signal=lambda: hs.signals.Signal2D(np.ones(FULL)),
    ),
    "no signal axes": Case(
        ValueError,
        "0 signal axes, one is needed",
        signal=lambda: hs.signals.Signal1D(np.ones(FULL)).T.T.sum(-1),
    ),
    "complex": Case(
        TypeError, "complex128, real numbers", signal=lambda: two_phases(dtype=complex)
    ),
    "complex signal": Case(
        TypeError, "real numbers", signal=lambda: hs.signals.ComplexSignal1D(np.ones(FULL) * 1j)
    ),
    "objects": Case(TypeError, "object, real numbers", signal=lambda: two_phases(dtype=object)),
    "dates": Case(TypeError, "real numbers", signal=of(np.zeros(FULL, "M8[s]"))),
    "all zeros": Case(ValueError, "[Ee]very value is zero", signal=filled(0.0)),
    "all zeros, integers": Case(ValueError, "[Ee]very value is zero", signal=filled(0, "u2")),
    "all NaN": Case(ValueError, "[Ee]very pixel.*NaN", signal=filled(np.nan)),
    "all infinite": Case(ValueError, "[Ee]very pixel.*infinity", signal=filled(np.inf)),
    "a NaN in every pixel": Case(
        ValueError, "[Ee]very pixel.*signal_mask", signal=bad_values((..., 3), np.nan)
    ),
    "no pixels": Case(ValueError, "empty", signal=of(np.zeros((0, 4, 80)))),
    "beyond single precision": Case(ValueError, "large", signal=filled(1e300)),
    "squares beyond single precision": Case(
        ValueError, "large", signal=lambda: two_phases() * 1e30
    ),
    # n_components
    **{
        f"n_components={n!r}": Case(error, f"n_components={says}", {"n_components": n})
        for n, error, says in [
            (0, ValueError, "0: at least 1"),
            (-1, ValueError, "-1: at least 1"),
            (np.int8(-1), ValueError, "-1: at least 1"),
            (2.5, TypeError, r"2\.5 .*whole number"),
            (2.0, TypeError, r"2\.0 .*whole number"),
            (True, TypeError, "True .*whole number"),
            (np.True_, TypeError, ".*True.* .*whole number"),
            ("three", TypeError, "'three' .*whole number"),
            ("2", TypeError, "'2' .*whole number"),
            (None, TypeError, "None .*whole number"),
            ([2], TypeError, r"\[2\] .*whole number"),
            (81, ValueError, "81.* 80 channels"),
            (121, ValueError, "121.*120 pixels"),
            (10**9, ValueError, "1000000000.*120 pixels"),
        ]
    },
    # ICA works on differences of neighbouring channels: one fewer than there are channels
    "as many components as channels": Case(ValueError, "n_components=80", {"n_components": 80}),
    "fewer pixels than components": Case(
        ValueError, "n_components=3.*2 pixels", {"n_components": 3}, lambda: two_phases((2,))
    ),
    "fewer channels than components": Case(
        ValueError, "n_components=4.*3 channels", {"n_components": 4}, lambda: two_phases().isig[:3]
    ),
    "fewer pixels left than components": Case(
        ValueError,
        "n_components=2.*1 pixel",
        {"n_components": 2, "navigation_mask": lambda: np.arange(120).reshape(SHAPE) > 0},
    ),
    "no neighbouring channels": Case(
        ValueError,
        "channels",
        {"n_components": 2, "signal_mask": lambda: np.arange(80) % 2 == 0},
    ),
    # background
    **{
        f"background={window!r}": Case(error, says, {"background": window})
        for window, error, says in [
            ("linear", TypeError, "background='linear'.*'auto', None or"),
            (5, TypeError, r"background=5.*\(start, end\)"),
            (True, TypeError, r"background=True.*\(start, end\)"),
            ((1, 2, 3), TypeError, r"background=.*two numbers"),
            (("a", "b"), TypeError, "background=.*two numbers"),
            ((None, 120), TypeError, "background=.*two numbers"),
            ((150, 120), ValueError, "background=.*start must be smaller than end"),
            ((120, 120), ValueError, "background=.*start must be smaller than end"),
            ((np.nan, 120), ValueError, "background="),
            ((0, 50), ValueError, "background=.*goes from 100 to 258"),
            ((50, 150), ValueError, "background=.*goes from 100 to 258"),
            ((200, 300), ValueError, "background=.*goes from 100 to 258"),
            ((100, 103), ValueError, "background=.*at least 3 channels"),
        ]
    },
    "background outside the range": Case(
        ValueError,
        "background=.*goes from 150 to 250",
        {"background": (110, 140), "signal_range": (150, 250)},
    ),
    "background of negative counts": Case(
        ValueError,
        "background=.*positive",
        {"background": (110, 140)},
        lambda: two_phases() - 100.0,
    ),
    "background below zero energy": Case(
        ValueError,
        "background=.*positive",
        {"background": (-90, -20)},
        lambda: two_phases(offset=-100.0),
    ),
    # signal_range
    **{
        f"signal_range={pair!r}": Case(error, f"signal_range={says}", {"signal_range": pair})
        for pair, error, says in [
            ("auto", TypeError, "'auto'.*two numbers"),
            (5, TypeError, "5.*two numbers"),
            ((120, None), TypeError, ".*two numbers"),
            ((0, 50), ValueError, ".*100 to 258 eV"),
            ((300, 400), ValueError, ".*100 to 258 eV"),
            ((200, 120), ValueError, ".*start must be smaller"),
            ((120, 121), ValueError, ".*[Aa]t least"),
        ]
    },
    # noise
    **{
        f"noise={noise!r}": Case(TypeError, f"noise={noise!r}.*'auto', 'poisson'", {"noise": noise})
        for noise in ("Poisson", "gaussian", None, 3.0)
    },
    "noise an array": Case(TypeError, "noise.*signal", {"noise": lambda: np.ones(FULL)}),
    "noise of another scan": Case(
        ValueError, r"noise has shape \(10, 12, 80\)", {"noise": of(np.ones((10, 12, 80)))}
    ),
    "noise of another range": Case(
        ValueError, r"noise has shape \(12, 10, 79\)", {"noise": of(np.ones((12, 10, 79)))}
    ),
    "noise complex": Case(TypeError, "noise.*complex", {"noise": filled(1, complex)}),
    "noise negative": Case(ValueError, "noise.*negative", {"noise": filled(-1.0)}),
    "noise zero": Case(ValueError, "noise.*zero", {"noise": filled(0.0)}),
    "noise NaN": Case(ValueError, "noise.*NaN", {"noise": filled(np.nan)}),
    "poisson noise of negative data": Case(
        ValueError,
        "noise='poisson'.*negative",
        {"noise": "poisson"},
        bad_values((0, 0, 0), -1),
    ),
    # masks
    "navigation mask of wrong shape": Case(
        ValueError,
        r"navigation_mask has shape \(3, 3\).*\(12, 10\)",
        {"navigation_mask": lambda: np.zeros((3, 3), bool)},
    ),
    "navigation mask flat": Case(
        ValueError,
        r"navigation_mask has shape \(120,\)",
        {"navigation_mask": lambda: np.zeros(120, bool)},
    ),
    "navigation mask a number": Case(
        ValueError, "navigation_mask has shape", {"navigation_mask": True}
    ),
    "navigation mask with energy": Case(
        ValueError,
        "navigation_mask has shape",
        {"navigation_mask": lambda: np.zeros(FULL, bool)},
    ),
    "everything masked": Case(
        ValueError,
        "navigation_mask excludes every pixel",
        {"navigation_mask": lambda: np.ones(SHAPE, bool)},
    ),
    "everything masked or NaN": Case(
        ValueError,
        "[Ee]very pixel.*NaN",
        {"navigation_mask": lambda: np.arange(120).reshape(SHAPE) >= 40},
        bad_values(slice(0, 4), np.nan),
    ),
    "navigation mask of floats": Case(
        TypeError, "navigation_mask has values of type float64", {"navigation_mask": lambda: T}
    ),
    "navigation mask a word": Case(
        TypeError, "navigation_mask has values of type", {"navigation_mask": "left"}
    ),
    "signal mask of wrong shape": Case(
        ValueError,
        r"signal_mask has shape \(3,\).*\(80,\)",
        {"signal_mask": lambda: np.zeros(3, bool)},
    ),
    "every channel masked": Case(
        ValueError, "0 channels.*signal_mask", {"signal_mask": lambda: np.ones(80, bool)}
    ),
    "one channel left": Case(
        ValueError, "1 channel.*signal_mask", {"signal_mask": lambda: np.arange(80) != 7}
    ),
    # random_state
    **{
        f"random_state={seed!r}": Case(error, "random_state", {"random_state": seed})
        for seed, error in [(-1, ValueError), (1.5, TypeError), ("a", TypeError)]
    },
    # the low loss
    "low loss an array": low_loss_case("low_loss is a ndarray", lambda ll: ll.data, TypeError),
    "low loss a word": low_loss_case("'auto', None or a signal", lambda _: "ll.dm4", TypeError),
    "low loss of another scan": low_loss_case(
        r"low_loss has a scan of \(5, 10\).*\(9, 10\)", lambda ll: ll.inav[:5]
    ),
    "low loss transposed": low_loss_case(
        r"low_loss has a scan of \(10, 9\)", lambda ll: ll.transpose(navigation_axes=[1, 0])
    ),
    "low loss of energy-filtered images": low_loss_case("low_loss has 2 signal", lambda ll: ll.T),
    "low loss complex": low_loss_case("low_loss.*complex", lambda ll: ll * 1j, TypeError),
    "low loss without zero-loss peak": low_loss_case("zero-loss peak", lambda ll: ll.isig[10.0:]),
    "low loss the core loss": low_loss_case("zero-loss peak", lambda _: wedge()[0]),
    "low loss off its axis": low_loss_case("zero-loss peak.*at 15", set_axis(offset=0.0)),
    "low loss all zero": low_loss_case("low.loss", set_data(0)),
    "low loss flat": low_loss_case("zero-loss peak", set_data(5.0)),
    "low loss all NaN": low_loss_case("low_loss.*NaN", set_data(np.nan)),
    "one low loss with NaN": low_loss_case("low_loss.*NaN", nan_spectrum),
    "low loss backwards": low_loss_case("low_loss.*rising", set_axis(scale=-1.0)),
    # the thickness
    **{
        f"thickness {name}": Case(error, f"thickness{says}", {"thickness": thickness})
        for name, error, says, thickness in [
            ("without unit", ValueError, ".*unit", lambda: T),
            ("signal without unit", ValueError, ".*unit", lambda: hs.signals.Signal2D(T)),
            ("in another unit", ValueError, ".*'m'", (T, "m")),
            ("in micrometres", ValueError, ".*'µm'", (T, "µm")),
            ("in no unit", ValueError, ".*unit", (T, "")),
            ("of no kind", ValueError, ".*unit", (T, None)),
            ("a unit alone", ValueError, ".*unit", "nm"),
            ("of another scan", ValueError, r" has shape \(3, 10\)", (T[:3], "nm")),
            ("transposed", ValueError, r" has shape \(10, 12\)", (T.T, "nm")),
            ("a number", ValueError, " has shape", (50.0, "nm")),
            ("text", (TypeError, ValueError), "", (np.full(SHAPE, "thick"), "nm")),
            ("complex", TypeError, ".*complex", (T * 1j, "nm")),
        ]
    },
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_error(case, lazy):
    s, keywords = case.make(lazy)
    before = getattr(s, "learning_results", None)
    with untouched(s, *keywords.values()), pytest.raises(case.error, match=case.says) as caught:
        hyperspy_unmix.unmix(s, **keywords, store=True)
    assert getattr(s, "learning_results", None) is before
    message = str(caught.value)
    assert 20 < len(message) < 400
    assert message.rstrip()[-1] in ".)"
    assert "w_init" not in message


NOT_IN_EVERY_STAGE = ("n_components", "random_state", "components", "no neighbouring channels")
IN_EVERY_STAGE = [k for k in ERRORS if not any(word in k for word in NOT_IN_EVERY_STAGE)]


@pytest.mark.parametrize("case", IN_EVERY_STAGE)
def test_the_stages_say_the_same(case):
    case = ERRORS[case]
    s, keywords = case.make(lazy=False)
    for stage in (
        hyperspy_unmix.pca,
        hyperspy_unmix.preprocess,
        hyperspy_unmix.estimate_number_of_components,
    ):
        with untouched(s), pytest.raises(case.error, match=case.says):
            stage(s, **keywords)


def masked(where, dtype=bool):
    mask = np.zeros(SHAPE, dtype)
    mask[where] = 1
    return mask


# (signal, keywords, setting, its value, words of its reason)
FALLBACKS = {
    "numpy integer": (two_phases, {"n_components": np.uint8(2)}, "n_components", 2, "asked for"),
    "NaN pixels": (
        bad_values((slice(0, 2), 3, 5), np.nan),
        {},
        "not finite",
        2,
        "NaN or infinity were masked",
    ),
    "infinite pixels": (
        bad_values((4, slice(0, 3), 0), -np.inf),
        {},
        "not finite",
        3,
        "NaN or infinity were masked",
    ),
    "NaN and masked": (
        bad_values((4, slice(0, 3), 0), np.nan),
        {"navigation_mask": lambda: masked((4, 0))},
        "not finite",
        2,
        "masked",
    ),
    "all but a row NaN": (bad_values(slice(1, None), np.nan), {}, "not finite", 110, "masked"),
    "(x, y) mask": (
        two_phases,
        {"navigation_mask": lambda: masked((2, slice(0, 4))).T},
        "navigation_mask",
        4,
        r"(x, y)",
    ),
    "mask of integers": (
        two_phases,
        {"navigation_mask": lambda: masked((2, slice(0, 4)), int)},
        "navigation_mask",
        4,
        "array order",
    ),
    "lazy mask": (
        two_phases,
        {"navigation_mask": lambda: da.from_array(masked((2, slice(0, 4))))},
        "navigation_mask",
        4,
        "array order",
    ),
    "mask from a list": (
        two_phases,
        {"navigation_mask": lambda: masked((2, slice(0, 4))).tolist()},
        "navigation_mask",
        4,
        "array order",
    ),
    "signal as mask": (
        two_phases,
        {"navigation_mask": lambda: hs.signals.Signal2D(masked((2, slice(0, 4))))},
        "navigation_mask",
        4,
        "excluded",
    ),
    "navigation signal as mask": (
        two_phases,
        {"navigation_mask": lambda: hs.signals.BaseSignal(masked((2, slice(0, 4)))).T},
        "navigation_mask",
        4,
        "excluded",
    ),
    "lazy signal as mask": (
        two_phases,
        {"navigation_mask": lambda: hs.signals.BaseSignal(masked((2, slice(0, 4)))).T.as_lazy()},
        "navigation_mask",
        4,
        "excluded",
    ),
    "signal as signal mask": (
        two_phases,
        {"signal_mask": lambda: hs.signals.Signal1D(np.arange(80) < 6)},
        "signal_mask",
        6,
        "excluded",
    ),
    "lazy signal mask": (
        two_phases,
        {"signal_mask": lambda: da.arange(80) < 6},
        "signal_mask",
        6,
        "excluded",
    ),
    "NaN where the signal mask is": (
        bad_values((..., slice(0, 6)), np.nan),
        {"signal_mask": lambda: np.arange(80) < 6},
        "signal_mask",
        6,
        "excluded",
    ),
    "range wider than the axis": (
        two_phases,
        {"signal_range": (0, 1e6)},
        "signal_range",
        (0, 1e6),
        "given",
    ),
    "region of interest as range": (
        two_phases,
        {"signal_range": lambda: hs.roi.SpanROI(120, 200)},
        "signal_range",
        (120, 200),
        "given",
    ),
    "negative values": (lambda: two_phases() - 20.0, {}, "noise", "scatter", "variance"),
    "variance given": (two_phases, {"noise": two_phases}, "noise", "given", "given"),
    "lazy variance given": (
        two_phases,
        {"noise": lambda: two_phases(lazy=True)},
        "noise",
        "given",
        "given",
    ),
    "integer variance given": (
        two_phases,
        {"noise": lambda: two_phases(dtype="u2")},
        "noise",
        "given",
        "given",
    ),
    "uniform noise": (two_phases, {"noise": "uniform"}, "noise", "uniform", "same variance"),
    "no background asked for": (
        lambda: two_phases(signal_type="EELS_unmix"),
        {"background": None},
        "background",
        None,
        "not asked for",
    ),
    "thickness in nm": (two_phases, {"thickness": (100 * T, "nm")}, "thickness", "nm", "given"),
    "thickness in t/lambda": (
        two_phases,
        {"thickness": (T, "t/lambda")},
        "thickness",
        "t/lambda",
        "given",
    ),
    "thickness in t/λ": (two_phases, {"thickness": (T, "t/λ")}, "thickness", "t/lambda", "given"),
}


@pytest.mark.parametrize("case", FALLBACKS.values(), ids=FALLBACKS)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_fallback_is_stated(case, lazy):
    make, keywords, setting, value, words = case
    s = make().as_lazy() if lazy else make()
    keywords = {k: v() if callable(v) else v for k, v in keywords.items()}
    with untouched(s, *keywords.values()):
        u = hyperspy_unmix.unmix(s, **keywords)
    assert u.settings[setting].value == value
    assert words in u.settings[setting].reason
    assert u.settings[setting].reason in repr(u)
    assert np.isfinite(u.maps.data).any()


def test_masked_pixels_are_the_ones_meant():
    mask = masked((2, slice(0, 4)))
    for given in (mask, mask.T, hs.signals.Signal2D(mask), hs.signals.BaseSignal(mask).T):
        u = two_phases().unmix(2, navigation_mask=given)
        np.testing.assert_array_equal(np.isnan(u.maps.data[0]), mask)


def test_nan_pixels_are_counted_in_the_summary():
    s = bad_values((slice(0, 2), 3, 5), np.nan)()
    u = s.unmix()
    assert "2 (pixels with NaN" in repr(u)
    assert "118 pixels" in repr(u)
    assert np.isnan(u.maps.data[:, :2, 3]).all()
    assert np.isfinite(u.maps.data).sum() == 2 * 118


def test_given_variance_weighs():
    # one channel of enormous noise, which the variance knows
    data = counts().astype(float)
    rng = np.random.default_rng(2)
    variance = np.maximum(data, 1.0)
    variance[..., 40] = 1e6
    data[..., 40] += rng.normal(0, 1e3, SHAPE)
    s = hs.signals.Signal1D(data)
    assert hyperspy_unmix.unmix(s, noise=hs.signals.Signal1D(variance)).n_components == 2


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("absolute", [False, True], ids=["t/lambda", "nm"])
def test_thickness_from_exspy(lazy, absolute):
    s, ll, t = wedge()
    keywords = {"mean_free_path": 120.0} if absolute else {}
    thickness = ll.estimate_thickness(threshold=7.0, **keywords)
    thickness = thickness.as_lazy() if lazy else thickness
    with untouched(s, ll, thickness):
        u = hyperspy_unmix.unmix(s, 1, thickness=thickness, background=None)
    assert u.settings["thickness"].value == ("nm" if absolute else "t/lambda")
    np.testing.assert_array_equal(u.thickness.data, array(thickness).squeeze())
    assert ("nm" in u.thickness.metadata.Signal.quantity) is absolute
    np.testing.assert_allclose(u.thickness.data, t * (120 if absolute else 1), rtol=0.1)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_one_low_loss_for_all_pixels(lazy):
    s, ll, _ = wedge(lazy=lazy)
    for one in (ll.inav[4, 4], ll.inav[4:5, 4:5], ll.mean()):
        with untouched(s, one):
            u = s.unmix(1, low_loss=one, background=None)
        assert "one low loss for all" in u.settings["plural scattering"].reason
        assert np.ptp(u.thickness.data) == 0


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_nan_in_the_low_loss_masks_the_pixel(lazy):
    s, ll, t = wedge()
    ll.data[2, 3] = np.nan
    ll.data[4, 4, 5] = np.inf
    if lazy:
        s, ll = s.as_lazy(), ll.as_lazy()
    with untouched(s, ll):
        u = s.unmix(1, low_loss=ll, background=None)
    bad = np.zeros(t.shape, bool)
    bad[2, 3] = bad[4, 4] = True
    np.testing.assert_array_equal(np.isnan(u.maps.data[0]), bad)
    np.testing.assert_array_equal(np.isnan(u.thickness.data), bad)
    assert any("low loss" in key and c.value == 2 for key, c in u.settings.items())
    assert "88 pixels" in repr(u)


def test_pixels_without_zero_loss_are_left_as_they_are_and_said():
    s, ll, _ = wedge()
    ll.data[2] = 0
    u = s.unmix(1, low_loss=ll, background=None)
    assert np.isnan(u.thickness.data[2]).all()
    assert np.isfinite(u.thickness.data[3:]).all()
    assert np.isfinite(u.maps.data).all()
    assert any(choice.value == 9 and "zero-loss" in choice.reason for choice in u.settings.values())


def test_low_loss_in_other_units():
    s, ll, _ = wedge()
    expected = s.unmix(1, low_loss=ll, background=None).thickness.data
    axis = ll.axes_manager.signal_axes[0]
    axis.units, axis.scale, axis.offset = "keV", 1e-3, -0.015
    u = s.unmix(1, low_loss=ll, background=None)
    np.testing.assert_allclose(u.thickness.data, expected, rtol=1e-4)
