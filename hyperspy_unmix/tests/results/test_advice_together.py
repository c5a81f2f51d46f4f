"""What results of several signals and detectors advise can be done, with them or with a signal."""

import ast
import re

import numpy as np
import pytest

from hyperspy_unmix import unmix
from hyperspy_unmix.components.other_answers import OtherAnswers
from hyperspy_unmix.tests.results import test_detectors as of_detectors
from hyperspy_unmix.tests.results.test_joint_unmixing import image
from hyperspy_unmix.tests.scenes import calibrated

ATTRIBUTE = re.compile(r"\bu\.(\w+)|\b(plot_\w+)\(\)|\b(alternatives)\b")
# An option with a plain value; what follows a name and a bracket is a call of its own.
OPTION = re.compile(r'\b(assume|n_components)=("\w+"|\d+)')
KNOWN = re.compile(r"known=(\{.*?\}|\.\.\.)")
COUNTS = {"many": (8000, 300), "few": (80, 30), "next to none": (20, 400)}


def detectors(counts):
    first, second = COUNTS[counts]
    return {
        "A": of_detectors.recorded(of_detectors.FIRST, first, 1),
        "B": of_detectors.recorded(of_detectors.SECOND, second, 2),
    }


def signals(counts):
    first, second = COUNTS[counts]
    return [image((0, 1), (14, 16), first, 1)[0], image((1, 2), (12, 20), second, 2)[0]]


def broad(counts):
    """Three broad bands that lie over each other: nothing decides between the assumptions."""
    channel, rng = np.arange(100.0), np.random.default_rng(4)
    bands = np.array([np.exp(-(((channel - c) / 25) ** 2)) for c in (30, 50, 70)])
    made = []
    for i, dose in enumerate(COUNTS[counts]):
        maps = np.random.default_rng(i).dirichlet([0.6] * 3, (14, 15))
        made.append(calibrated(rng.poisson(dose / 20 * maps @ bands).astype(float)))
    return made


def said(result):
    """All that a result prints, and its findings and settings in full."""
    of = [c for kind in (result.findings, result.settings) for c in kind.values()]
    parts = [(c.reason, getattr(c, "short", "")) for c in of]
    return [" ".join(repr(result).split()), *(words for pair in parts for words in pair)]


@pytest.mark.parametrize(("assume", "number"), [("auto", "auto"), ("auto", 4), ("pure", 2)])
@pytest.mark.parametrize("counts", list(COUNTS))
@pytest.mark.parametrize("made", [signals, broad, detectors])
def test_advice_can_be_followed(made, counts, assume, number):
    """Truth: attributes are there, options are taken, by the call or by one signal as it says."""
    given = made(counts)
    results = unmix(given, number, assume=assume)
    of_each = list(results.values() if isinstance(given, dict) else results)
    one = next(iter(given.values())) if isinstance(given, dict) else given[0]
    options = set()
    for u in of_each:
        assert "next: " not in repr(u)
        for words in said(u):
            for names in ATTRIBUTE.findall(words):
                getattr(u, next(filter(None, names)))
            options |= set(OPTION.findall(words))
            for known in KNOWN.findall(words):
                assert "one signal by itself" in words, words
                if u is of_each[0] and known != "...":
                    options.add(("known", known))
    for name, value in sorted(options):
        if name == "known":
            (film,) = re.findall(r"inav\[(\d+)\]", value)
            told = one.unmix(known={"film": of_each[0].spectra.inav[int(film)]})
            assert "film" in told.names
        else:
            assert unmix(given, **{name: ast.literal_eval(value)})


def test_scenes_hold_what_is_advised():
    """The test above would pass where nothing is said: here it is."""
    found = " ".join(
        words
        for made in (signals, broad, detectors)
        for results in [unmix(made("few"), 4 if made is signals else "auto")]
        for u in (results.values() if hasattr(results, "values") else results)
        for words in said(u)
    )
    assert 'Compare with assume="' in found
    assert "Compare assume=" in found
    assert "one signal by itself, known=" in found
    assert "u.ambiguity" in found


def test_spectra_that_were_applied_are_sought_elsewhere():
    """A result of `apply` has no other answers: where its spectra were unmixed there are."""
    first, second = signals("many")
    v = unmix(first, 2).apply(second)
    assert v._other_answers == OtherAnswers("elsewhere")
    with pytest.raises(ValueError, match="given"):
        _ = v.alternatives
    assert not any("u.alternatives" in words for words in said(v))


@pytest.mark.parametrize("separation", ["alone", "together", "elsewhere"])
def test_words_of_other_answers(separation):
    """Only a signal that was unmixed by itself is told of alternatives."""
    others = OtherAnswers(separation)
    words = (others.under("pure"), others.short_under("pure"), others.both)
    assert all(("alternatives" in one) == (separation == "alone") for one in words)
    assert "known={'a': x}" in others.known("{'a': x}")
