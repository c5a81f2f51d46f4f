"""What a user can choose of the separation, and do with its components, on small phantoms."""

import re

import dask.array as da
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.numerics.separation import ica
from hyperspy_unmix.tests.scenes import array, calibrated, counts, two_phases, untouched

SHAPE = (24, 24)
MAKE = {
    "inclined boundary": lambda: data.inclined_boundary(shape=SHAPE, seed=1),
    "wedge layers": lambda: data.wedge_layers(shape=SHAPE, seed=1),
    "EDS core shell": lambda: data.eds_core_shell((32, 32), seed=1),
}
every = pytest.mark.parametrize("name", MAKE)


@pytest.fixture(scope="module")
def scenes():
    """Phantoms and their PCA, made when first asked for."""
    made = {}

    def get(name):
        if name not in made:
            phantom = MAKE[name]()
            pca = hyperspy_unmix.pca(phantom.signal, low_loss=phantom.low_loss)
            made[name] = phantom, pca
        return made[name]

    return get


@pytest.fixture(scope="module")
def two():
    """Two phases by name: spectra, maps and numbers are the same for every test."""
    return two_phases().pca(2)


def angles(found, true):
    """Degrees from each true spectrum to its own partner among those found."""
    found, true = (np.nan_to_num(x) for x in (found, true))
    found, true = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, true))
    cosine = true @ found.T
    rows, columns = linear_sum_assignment(-cosine)
    return np.degrees(np.arccos(np.clip(cosine[rows, columns], -1, 1)))


def true_spectra(phantom, u):
    """The truth on the analysed range."""
    axis = phantom.truth.spectra.axes_manager.signal_axes[0].axis
    found = u.spectra.axes_manager.signal_axes[0].axis
    return np.stack([np.interp(found, axis, row) for row in phantom.truth.spectra.data])


# ---------------------------------------------------------------- the algorithm


@every
def test_fastica_finds_what_picard_finds(name, scenes):
    """Independent algorithm: the same contrast, and errors against the truth that differ little.

    FastICA's sources are uncorrelated, which true spectra are only by chance: five degrees.
    """
    phantom, pca = scenes(name)
    picard, fastica = pca.ica(), pca.ica(algorithm="fastica")
    assert "Picard" in picard.settings["ica"].value
    assert "FastICA" in fastica.settings["ica"].value
    assert fastica.n_components == picard.n_components == len(phantom.truth.names)
    truth = true_spectra(phantom, picard)
    error = [angles(u.spectra.data, truth).max() for u in (picard, fastica)]
    assert error[1] < error[0] + 5
    assert error[0] < 15


def test_ica_that_does_not_converge_is_said(two, monkeypatch):
    monkeypatch.setattr(ica, "MOST_ITERATIONS", 1)
    assert "NOT converge" in two.ica().settings["ica"].reason
    monkeypatch.undo()
    assert "NOT" not in two.ica().settings["ica"].reason


@every
@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
def test_twenty_random_states_give_the_same_components(name, algorithm, scenes):
    """Truth: those of the first, in the same order, within half a degree."""
    _, pca = scenes(name)
    first = pca.ica(algorithm=algorithm, random_state=0)
    for seed in range(1, 20):
        u = pca.ica(algorithm=algorithm, random_state=seed)
        assert u.settings["random_state"].value == seed
        known, found = (np.nan_to_num(x.spectra.data) for x in (first, u))
        cosine = np.sum(known * found, 1) / np.linalg.norm(known, axis=1)
        cosine /= np.linalg.norm(found, axis=1)
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5
        np.testing.assert_allclose(u.maps.data, first.maps.data, atol=0.02 * first.maps.data.max())


# ---------------------------------------------------------------- the refinement


@every
def test_refine_says_what_it_did(name, scenes):
    """The degrees told are zero where nothing changed, and the model is the same either way."""
    _, pca = scenes(name)
    plain, refined = (pca.ica(refine=how, assume="overlap") for how in (None, "auto"))
    assert plain.settings["refine"].value is None
    assert "switched off" in plain.settings["refine"].reason
    moved = refined.settings["refine"].value
    assert len(moved) == refined.n_components
    assert list(moved) == sorted(moved, reverse=True)
    turned = angles(refined.spectra.data, plain.spectra.data)
    if moved[0] == 0:
        # rounded to a tenth of a degree, and weighted spectra turn by other angles than plain ones
        assert turned.max() < 0.5
    else:
        assert turned.max() > 0.01
    models = [array(u.model(space="single_scattering")) for u in (plain, refined)]
    np.testing.assert_allclose(models[1], models[0], atol=1e-4 * np.abs(models[0]).max())


def test_refine_makes_negative_components_physical(scenes):
    """Phantom: the ICA's maps of the boundary go far below zero; refined ones do not.

    Nor do they leave the truth.
    """
    phantom, pca = scenes("inclined boundary")
    plain, refined = (pca.ica(refine=how, assume="overlap") for how in (None, "auto"))
    assert refined.settings["refine"].value[0] > 0.5
    assert "before" in refined.settings["refine"].reason
    low = [min(x.min() / x.max() for x in u.maps.data) for u in (plain, refined)]
    assert low[1] > low[0]
    truth = true_spectra(phantom, plain)
    error = [angles(u.spectra.data, truth).max() for u in (plain, refined)]
    assert error[1] < error[0] + 0.5


# ---------------------------------------------------------------- pure pixels


@pytest.fixture(scope="module")
def patches():
    """Counts of three phases in stripes 16 pixels wide, mixed where they meet: each is alone."""
    rng = np.random.default_rng(0)
    energy = np.arange(120)
    phases = np.exp(-0.5 * ((energy - np.array([[30], [60], [90]])) / 6.0) ** 2) + 0.2
    x = np.linspace(0, 1, 60)
    share = np.clip(np.stack([3 - 8 * x, 0 * x, 8 * x - 5]), 0, 1)
    share[1] = 1 - share[0] - share[2]
    expected = 200 * np.broadcast_to(share.T @ phases, (20, 60, 120))
    return calibrated(rng.poisson(expected).astype(float)), phases, share


def test_pure_pixels(patches):
    """Truth: the phases, and their shares; a mean of 100 pixels of 10 000 counts is good to 1 %."""
    s, phases, share = patches
    with untouched(s):
        u = s.unmix(3, assume="pure", store=False)
    choice = u.settings["assume"]
    assert choice.value == "pure"
    assert "asked" in choice.reason
    assert not {"ica", "random_state", "refine"} & set(u.settings)
    assert not [key for key in u.settings if "WARNING" in key]
    assert angles(u.spectra.data, phases).max() < 0.6
    order = [int(np.argmin(np.abs(u.spectra.data.argmax(1) - c))) for c in (30, 60, 90)]
    found = np.nanmean(u.fractions.data[order], 1)
    counts = share * phases.sum(1)[:, None]
    # 20 pixels of some 9000 counts a column
    np.testing.assert_allclose(found, counts / counts.sum(0), atol=0.02)


def test_phases_that_are_nowhere_alone_are_warned_of():
    """Two phases, each at least a quarter of every pixel: next to no pixel is at a corner."""
    rng = np.random.default_rng(0)
    energy = np.arange(80.0)
    phases = np.exp(-0.5 * ((energy - np.array([[25], [55]])) / 4) ** 2) + 0.1
    share = np.clip(rng.normal(0.5, 0.1, (20, 20)), 0.2, 0.8)[..., None]
    s = calibrated(rng.poisson(2e4 * (share * phases[0] + (1 - share) * phases[1])).astype(float))
    u = s.unmix(2, assume="pure", store=False)
    warning = u.settings["WARNING: not pure"]
    assert "hardly a pixel holds component 0 and 1 alone" in warning.reason
    assert "Hardly a pixel holds one component alone" in repr(u)


def test_one_component_assumed_pure():
    u = two_phases().unmix(1, assume="pure")
    assert u.n_components == 1
    assert u.settings["assume"].value == "pure"


# ---------------------------------------------------------------- what cannot be chosen


@pytest.mark.parametrize(
    "argument, value",
    [
        ("algorithm", "sobi"),
        ("algorithm", "Picard"),
        ("algorithm", None),
        ("refine", "always"),
        ("refine", True),
        ("refine", False),
        ("assume", "sparse"),
        ("assume", None),
        ("assume", ["pure"]),
        ("random_state", -1),
    ],
)
def test_bad_values_are_refused_by_name(argument, value, two):
    """At once, in the function, the method and the PCA's, and the signal is left alone."""
    s = two_phases()
    words = rf"{argument}={value!r}".replace("[", r"\[").replace("]", r"\]")
    for call in (two.ica, s.unmix, lambda **kw: hyperspy_unmix.unmix(s, 2, **kw)):
        with untouched(s), pytest.raises(ValueError, match=words):
            call(**{argument: value})


# ---------------------------------------------------------------- more than there are


@every
@pytest.mark.parametrize("more", [1, 2])
def test_components_beyond_the_counts_leave_the_others_alone(name, more, scenes):
    """Truth: the unmixing with the right number; real spectra move by less than a degree."""
    phantom, pca = scenes(name)
    n = len(phantom.truth.names)
    assert pca.n_components == n
    right, wrong = pca.ica(n), pca.ica(n + more)
    assert wrong.n_components == n + more
    assert angles(wrong.spectra.data, right.spectra.data).max() < 1
    assert wrong.settings["beyond the counts"].value == more
    assert "beyond the counts" not in right.settings
    fresh = hyperspy_unmix.unmix(phantom.signal, n + more, low_loss=phantom.low_loss)
    assert angles(fresh.spectra.data, right.spectra.data).max() < 1


# ---------------------------------------------------------------- rename, reorder, reverse

NAMES = ("spectra", "maps", "fractions", "spectra_counts")


@pytest.fixture
def u(two):
    return two.ica()


def state(u):
    signals = {name: getattr(u, name).data.copy() for name in NAMES}
    return u.names, repr(u), dict(u.settings), signals


def assert_same(u, before):
    names, text, settings, signals = before
    assert (u.names, repr(u), dict(u.settings)) == (names, text, settings)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(u, name).data, signals[name])


def test_components_go_by_their_numbers(u):
    assert u.names == ("0", "1")
    assert "  0  " in repr(u)


def test_rename(u):
    before = state(u)
    named = u.rename(["matrix", "Fe & <rust>"])
    assert_same(u, before)
    assert named is not u
    assert type(named) is type(u)
    assert named.names == ("matrix", "Fe & <rust>")
    assert "  0  matrix " in repr(named)
    assert "  1  Fe & <rust> " in repr(named)
    assert "<td>Fe &amp; &lt;rust&gt;</td>" in named._repr_html_()
    for name in NAMES:
        np.testing.assert_array_equal(getattr(named, name).data, getattr(u, name).data)
    assert named.rename(iter(["a", "b"])).names == ("a", "b")


@pytest.mark.parametrize(
    "names, error",
    [
        ("ab", TypeError),
        ([1, 2], TypeError),
        (["a", None], TypeError),
        (5, TypeError),
        (["a"], ValueError),
        (["a", "b", "c"], ValueError),
        (["a", "a"], ValueError),
        ([], ValueError),
    ],
)
def test_bad_names(u, names, error):
    before = state(u)
    with pytest.raises(error, match="names="):
        u.rename(names)
    assert_same(u, before)


def test_reorder(u):
    """Closed form: rows of everything change places; numbers count anew, names travel."""
    before = state(u)
    turned = u.reorder([1, 0])
    assert_same(u, before)
    assert turned.names == ("0", "1")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(turned, name).data, before[3][name][::-1])
    np.testing.assert_allclose(array(turned.model()), array(u.model()), rtol=1e-5)
    named = u.rename(["a", "b"])
    for order in (["b", "a"], [1, 0], [-1, 0], ["b", 0], np.array([1, 0]), (i for i in (1, 0))):
        other = named.reorder(order)
        assert other.names == ("b", "a")
        np.testing.assert_array_equal(other.spectra.data, turned.spectra.data)
    np.testing.assert_array_equal(turned.reorder([1, 0]).maps.data, u.maps.data)


@pytest.mark.parametrize(
    "order", [[0], [0, 0], [0, 1, 1], [0, 2], [0, -3], ["a", 0], [0, True], [0, 1.0], [], [None, 0]]
)
def test_bad_orders(u, order):
    before = state(u)
    with pytest.raises(ValueError, match=r"order=|there is no component"):
        u.reorder(order)
    assert_same(u, before)


@pytest.mark.parametrize("order", [5, None])
def test_an_order_that_is_no_list(u, order):
    """Said in words of the argument, not of Python's iteration."""
    with pytest.raises((TypeError, ValueError), match="order="):
        u.reorder(order)


def test_names_win_over_numbers(u):
    """A component named by the other's number is meant by its name, as a word."""
    swapped = u.rename(["1", "0"])
    np.testing.assert_array_equal(swapped.reverse("1").maps.data[0], -u.maps.data[0])
    np.testing.assert_array_equal(swapped.reverse(1).maps.data[1], -u.maps.data[1])


@pytest.mark.parametrize("component, place", [(0, 0), (1, 1), (-1, 1), (np.int64(1), 1), ("b", 1)])
def test_reverse(u, component, place):
    """Closed form: minus one spectrum and map; their product, the model, stays."""
    u = u.rename(["a", "b"])
    before = state(u)
    turned = u.reverse(component)
    assert_same(u, before)
    sign = np.where(np.arange(2) == place, -1.0, 1.0)
    np.testing.assert_array_equal(turned.spectra.data, sign[:, None] * u.spectra.data)
    np.testing.assert_array_equal(turned.maps.data, sign[:, None, None] * u.maps.data)
    np.testing.assert_array_equal(turned.spectra_counts.data, u.spectra_counts.data)
    np.testing.assert_array_equal(turned.fractions.data, u.fractions.data)
    np.testing.assert_allclose(array(turned.model()), array(u.model()), rtol=1e-5)
    assert turned.names == u.names


def test_reverse_twice_is_what_it_was(u):
    """Identity, of what is said of the components too."""
    assert_same(u.reverse(1).reverse(1), state(u))


def test_what_is_said_of_the_scale_of_a_reversed_component_is_true(u):
    """Closed form: a component said to have norm one has norm one."""
    turned = u.reverse(1)
    if "scale" in turned.settings:
        assert "norm 1" in turned.settings["scale"].reason
        for name in turned.settings["scale"].value:
            spectrum = turned.spectra.data[turned.names.index(name)]
            assert np.sum(spectrum**2) == pytest.approx(1)


@pytest.mark.parametrize("component", [2, -3, "matrix", "2", True, 1.0, None])
def test_bad_components(u, component):
    before = state(u)
    with pytest.raises(ValueError, match=f"there is no component {component!r}"):
        u.reverse(component)
    assert_same(u, before)


def test_changes_can_follow_each_other(u):
    """Truth: by hand."""
    changed = u.rename(["a", "b"]).reverse("a").reorder(["b", "a"]).rename(["x", "y"])
    assert changed.names == ("x", "y")
    np.testing.assert_array_equal(changed.maps.data, u.maps.data[::-1] * [[[1]], [[-1]]])
    assert "  1  y " in repr(changed)


def test_flags_name_components_by_their_names():
    """A component that takes counts away is called what the user calls it, wherever it is."""
    energy = np.arange(80.0)
    rng = np.random.default_rng(3)
    moves = rng.choice([-1.0, 0.0, 1.0], (12, 10))[..., None]
    rate = 2000 * np.exp(-(((energy - 40 - moves) / 8) ** 2)) + 100
    u = calibrated(rng.poisson(rate).astype(float)).unmix(2, refine=None)
    flagged = {
        key: u.settings[key].value for key in ("sign", "negative", "scale") if key in u.settings
    }
    named = u.rename(["peak", "shift"])
    for key, found in flagged.items():
        assert named.settings[key].value == [("peak", "shift")[int(i)] for i in found]
    turned = u.rename(["peak", "shift"]).reorder([1, 0])
    for key in flagged:
        assert sorted(turned.settings[key].value) == sorted(named.settings[key].value)


def with_one_bright_place(place, height=4000.0):
    """Two phases, and a third that is in one place of the scan only."""
    data = counts(shape=(20, 24)).astype(float)
    line = np.exp(-(((np.arange(data.shape[-1]) - 55) / 4) ** 2))
    data[place] += np.random.default_rng(5).poisson(height * line, data[place].shape)
    return calibrated(data)


@pytest.mark.parametrize(
    ("place", "height", "says"),
    [
        (
            (7, 3),
            20000.0,
            r"one pixel: a cosmic ray or a particle; look at that pixel, inav\[3, 7\]",
        ),
        (7, 4000.0, r"one line of the scan: .*look at that line, inav\[:, 7\]"),
    ],
    ids=["pixel", "line"],
)
def test_components_in_one_place_are_named(place, height, says):
    """Truth: where it was put; it keeps its name wherever it is, and either sign is the same."""
    u = with_one_bright_place(place, height).unmix(3, spikes=None)
    reason = u.settings["WARNING: one place"].reason
    assert re.search(says, reason)
    number = int(re.match(r"component (\d) holds \d+ % of its counts", reason)[1])
    names = ["a", "b", "c"]
    changed = u.rename(names).reverse(number).reorder(names[::-1])
    turned = changed.settings["WARNING: one place"].reason
    assert turned == reason.replace(f"component {number}", f"component {names[number]}")
    assert "A component is almost all in one pixel, line or column" in repr(changed)


def test_phases_are_not_in_one_place(u):
    assert "WARNING: one place" not in u.settings


# ---------------------------------------------------------------- lazy, and left alone


@pytest.mark.parametrize(
    "options",
    [{}, {"algorithm": "fastica"}, {"refine": None}, {"assume": "pure"}],
    ids=lambda options: "-".join(map(str, options.values())) or "default",
)
def test_lazy_is_eager_and_neither_is_modified(options, scenes):
    """Truth: the eager result; products in float32 of other blocks differ in the sixth digit."""
    phantom, _ = scenes("EDS core shell")
    s = phantom.signal
    lazy = s.as_lazy()
    lazy.data = da.from_array(array(s), chunks=(10, 32, 500))
    with untouched(s, lazy):
        one = hyperspy_unmix.unmix(s, **options)
        two = hyperspy_unmix.unmix(lazy, **options)
        two.rename([f"phase {i}" for i in range(two.n_components)]).reverse(0).reorder(
            range(two.n_components)[::-1]
        )
    assert one.n_components == two.n_components
    assert angles(two.spectra.data, one.spectra.data).max() < 0.1
    scale = one.maps.data.max()
    np.testing.assert_allclose(two.maps.data, one.maps.data, atol=1e-3 * scale)


def test_signal_and_low_loss_are_not_modified(scenes):
    phantom, _ = scenes("wedge layers")
    with untouched(phantom.signal, phantom.low_loss):
        for options in ({}, {"assume": "pure"}):
            u = hyperspy_unmix.unmix(phantom.signal, low_loss=phantom.low_loss, **options)
            u = u.rename(list("abc")).reverse(0).reorder("cab")
            u.spectra.data[:] = 0
            u.maps.data[:] = 0
