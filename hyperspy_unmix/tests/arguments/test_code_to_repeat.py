"""The code that gives a result again: run, it does."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.arguments.code_to_repeat import call, code, typed
from hyperspy_unmix.tests.scenes import SHAPE, calibrated, counts, edge_on_background, two_phases

CALLS = {
    "plain": lambda s, given: s.unmix(),
    "number": lambda s, given: s.unmix(3, random_state=4, store=False),
    "options": lambda s, given: s.unmix(
        2, assume="pure", signal_range=(110.0, 240.0), spikes=None, noise="poisson", **given
    ),
    "function": lambda s, given: hyperspy_unmix.unmix(s, "elbow", refine=None),
    "stages": lambda s, given: s.pca(n_components=3, noise="poisson").ica(algorithm="fastica"),
    "stage": lambda s, given: s.pca().ica(1),
    "window": lambda s, given: (
        s.pca(background=None).with_background((120.0, 150.0), "exponential").ica(1)
    ),
    "arranged": lambda s, given: (
        s.unmix(2).rename(["a", "b"]).rename(["x'y", "z"]).reorder([1, 0]).reverse("z")
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_code_gives_the_result_again(name):
    """Truth: the result it stands in, bit for bit."""
    s = two_phases()
    mask = np.zeros(SHAPE, bool)
    mask[0] = True
    given = {"navigation_mask": mask}
    u = CALLS[name](s, given)
    names = {"s": s, **given}
    exec(u.code, names)
    assert repr(names["u"]) == repr(u)
    assert names["u"].arrays.maps.tobytes() == u.arrays.maps.tobytes()
    assert names["u"].code == u.code


def test_code_of_several_and_of_known_spectra():
    s1, s2 = two_phases(), calibrated(counts(seed=4))
    first, second = hyperspy_unmix.unmix([s1, s2], 2)
    assert second.code == "u = hyperspy_unmix.unmix([s1, s2], 2)[1]"
    names = {"s1": s1, "s2": s2, "hyperspy_unmix": hyperspy_unmix, "known": first, "s": s2}
    exec(second.code, names)
    assert repr(names["u"]) == repr(second)
    applied = first.apply(s2, noise="poisson")
    assert applied.code == "u = known.apply(s, noise='poisson')"
    exec(applied.code, names)
    assert repr(names["u"]) == repr(applied)


def test_code_is_saved_with_the_result(tmp_path):
    u = edge_on_background().unmix(1, background=[(410.0, 450.0), (490.0, 525.0)])
    u.save(tmp_path / "r.hspy")
    assert "background=[(410, 450), (490, 525)]" in u.code
    assert hyperspy_unmix.load(tmp_path / "r.hspy").code == u.code


def test_words():
    assert call("s.unmix", n_components="auto", background="auto", low_loss=None) == (
        "s.unmix(low_loss=None)"
    )
    assert call("s.unmix", n_components=3, thickness=(np.ones(3), "nm")) == (
        "s.unmix(3, thickness=(thickness, 'nm'))"
    )
    assert typed("x", (1.0,)) == "(1,)"
    assert typed("mask", [True] * 40) == "mask"
    assert code(["s.pca()", "ica(2)"]) == "u = s.pca().ica(2)"
    long = code(["s.pca(" + "a" * 80 + ")", "ica(2)"]).splitlines()
    assert (long[0], long[2], long[3]) == ("u = (", "    .ica(2)", ")")
