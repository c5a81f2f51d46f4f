"""Bad input gets one clear sentence or a stated fallback, and nothing is touched.

The rows are in `bad_inputs`: what is given, and what happens. They run on eager and lazy signals;
numpy's warnings are errors, for they say nothing that a user could act on.
"""

import re
from functools import cache
from html import unescape
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.arguments.bad_inputs import (
    ROWS,
    TOPICS,
    Accepted,
    Refused,
    cell,
    in_words,
    shown,
)
from hyperspy_unmix.tests.arguments.bad_inputs.rows import ANY, bad_values, some_pixels
from hyperspy_unmix.tests.scenes import SHAPE, array, counts, two_phases, untouched, wedge

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning"),
]
PAGE = Path(hyperspy_unmix.__file__).parents[1] / "docs" / "guide" / "bad_input.md"
WRITE = "run python docs/write_bad_input.py"
AS_ON_THE_PAGE = int(np.__version__.split(".")[0]) >= 2  # how numpy prints its numbers
WHAT_TO_DO = (
    "need|give|choose|call|divide|multiply|set|pass|ask|load|take|use|record|bring|mask|exclude|"
    "accept|one of|not understood: |it has|must|at least|without it|goes from|"
    "nothing to analyse|is empty|finds it"
)


def each(kind, condition=lambda row: True):
    """Rows of a kind; those that show a defect are expected to fail until it is mended."""
    chosen = [row for row in ROWS if isinstance(row, kind) and condition(row)]
    marks = [[pytest.mark.xfail(reason=row.defect)] if row.defect else [] for row in chosen]
    params = [pytest.param(r, marks=m, id=r.given) for r, m in zip(chosen, marks, strict=True)]
    return pytest.mark.parametrize("row", params)


def watch(row, s, keywords):
    """See that signals and arrays are not touched."""
    things = [s, *keywords.values()]
    flat = [t for thing in things for t in (thing if isinstance(thing, list) else [thing])]
    return untouched(*(flat if row.readable else []))


eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def test_every_row_has_a_name_of_its_own():
    assert len({row.given for row in ROWS}) == len(ROWS)


@eager_and_lazy
@each(Refused)
def test_refused(row, lazy):
    """The error is of its type, and names what was given and what to do; nothing is stored."""
    s, keywords = row.make(lazy)
    before = getattr(s, "learning_results", None)
    with watch(row, s, keywords), pytest.raises(row.error, match=row.says) as caught:
        hyperspy_unmix.unmix(s, **keywords, store=True)
    assert getattr(s, "learning_results", None) is before
    if row.error is OSError:
        return  # the words are those of the file system
    message = str(caught.value)
    assert 20 < len(message) < 400
    assert message.rstrip()[-1] in ".)"
    assert "w_init" not in message
    assert re.search(WHAT_TO_DO, message, re.IGNORECASE)
    if PAGE.is_file() and not lazy and AS_ON_THE_PAGE:
        happens = cell(in_words(row, caught.value))
        assert happens in PAGE.read_text(encoding="utf-8"), WRITE


@each(Refused, lambda row: row.stages)
def test_the_stages_say_the_same(row):
    s, keywords = row.make(lazy=False)
    for stage in (
        hyperspy_unmix.pca,
        hyperspy_unmix.preprocess,
        hyperspy_unmix.estimate_number_of_components,
    ):
        with watch(row, s, keywords), pytest.raises(row.error, match=row.says):
            stage(s, **keywords)


def arrays(u):
    """Spectra (components, channels) and maps (components, scan...), whatever the dimensions."""
    maps = array(u.maps)
    return array(u.spectra), np.moveaxis(maps, max(maps.ndim - 3, 0), 0)


@cache
def known(truth):
    """What a result must be; once for all rows that share this truth."""
    keywords = {k: v() if callable(v) else v for k, v in truth.keywords.items()}
    return truth.change(*arrays(hyperspy_unmix.unmix(truth.signal(), **keywords)))


def unmixed(row, lazy):
    """The result of a row, and nothing that was given touched."""
    s, keywords = row.make(lazy)
    before = s.learning_results
    with watch(row, s, keywords):
        u = hyperspy_unmix.unmix(s, **keywords)
    assert s.learning_results is before
    if row.setting:
        value, reason = u.settings[row.setting]
        assert row.value is ANY or value == row.value
        assert re.search(row.says, reason)
    return u


@each(Accepted)
def test_accepted(row):
    """What was done is stated; the result is that of the row's truth, and NaN only where said.

    The lazy signal's is that of the eager one.
    """
    u = unmixed(row, lazy=False)
    assert not row.setting or u.settings[row.setting].reason in unescape(u._repr_html_())
    spectra, maps = arrays(u)
    masked = np.zeros(maps.shape[1:], bool) if row.masked is None else row.masked
    excluded = np.zeros(spectra.shape[1:], bool) if row.excluded is None else row.excluded
    np.testing.assert_array_equal(np.isfinite(maps), np.broadcast_to(~masked, maps.shape))
    np.testing.assert_array_equal(np.isfinite(spectra), np.broadcast_to(~excluded, spectra.shape))
    if row.truth is not None:
        for found, true in zip((spectra, maps), known(row.truth), strict=True):
            assert_close(found, true, row.truth.tolerance)
    lazy = unmixed(row, lazy=True)
    for name in ("spectra", "maps"):
        assert_close(getattr(lazy.arrays, name), getattr(u.arrays, name))


def assert_close(found, true, tolerance=1e-4):
    """Apart by no more than ``tolerance`` times the greatest value."""
    np.testing.assert_allclose(found, true, rtol=0, atol=tolerance * np.nanmax(np.abs(true)))


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not beside the package")
@pytest.mark.parametrize("topic", TOPICS)
def test_page_of_the_guide(topic):
    """It holds every row, under its heading."""
    page = PAGE.read_text(encoding="utf-8")
    assert f"\n## {topic}\n" in page, WRITE
    part = page.split(f"\n## {topic}\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| ")]
    assert rows[1:] == [f"| {shown(row)}" for row in TOPICS[topic]], WRITE


@eager_and_lazy
def test_settings_of_an_input_that_needs_none(lazy):
    """Nothing is stated of defects that are not there."""
    u = two_phases(lazy=lazy).unmix()
    stated = {row.setting for row in TOPICS["Its values"] if isinstance(row, Accepted)}
    assert not stated & set(u.settings) - {"n_components", "noise", ""}


def test_masked_pixels_are_the_ones_meant():
    mask = some_pixels((2, slice(0, 4)))
    for given in (mask, mask.T, hs.signals.Signal2D(mask), hs.signals.BaseSignal(mask).T):
        u = two_phases().unmix(2, navigation_mask=given)
        np.testing.assert_array_equal(np.isnan(u.maps.data[0]), mask)


def test_nan_pixels_are_counted_in_the_summary():
    s = bad_values((slice(0, 2), 3, 5), np.nan)()
    u = s.unmix()
    assert any(c.value == 2 and "pixels with NaN" in c.reason for c in u.settings.values())
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
