"""What a result prints: one screen, a verdict, the findings that matter most, what to try next."""

from __future__ import annotations

from itertools import product

import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.arguments.code_to_repeat import as_function, with_options
from hyperspy_unmix.components import printout, trying
from hyperspy_unmix.components.standing import Standing
from hyperspy_unmix.components.trials import Score
from hyperspy_unmix.components.trying import score_of
from hyperspy_unmix.plotting import nearest
from hyperspy_unmix.settings import NO_PHASE, WRONG, Caution, FrozenSettings, caution
from hyperspy_unmix.tests.scenes import two_phases


@pytest.fixture(scope="module")
def scene():
    return two_phases(dose=600.0)


@pytest.fixture(scope="module")
def too_many(scene):
    return hyperspy_unmix.unmix(scene, 4, store=False)


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        (
            Standing(("0", "1", "2"), (1.0, 0.9, 0.9), faint=(2,)),
            "Three phases, well separated; component 2 is faint.",
        ),
        (
            Standing(("0", "1"), (1.0, 0.6)),
            "Two phases, separated; component 1 is less certain (0.60).",
        ),
        (
            Standing(("core", "shell"), (1.0, 0.2), elsewhere={1: ("pure", 0.96)}),
            "Two components; shell is not reproducible under this assumption, with "
            'assume="pure" it is (0.96).',
        ),
        (
            Standing(("0", "1", "2"), (1.0, 0.1, 0.2), differences=(1, 2)),
            "Three components; components 1 and 2 are not reproducible and take counts away.",
        ),
        (
            Standing(("0", "1"), (1.0, 1.0), negativity=50.0, is_open=True, is_undecided=True),
            "Two components; some spectra or maps are clearly negative; another assumption gives "
            "other spectra.",
        ),
        (
            Standing(("0", "1"), (1.0, 1.0), on_background=(1,), has_more=True),
            "Two components; the residual holds more; how much there is of component 1 hangs on "
            "the background.",
        ),
        (
            Standing(("0", "1"), (1.0, 1.0), are_mixtures=True),
            "Two components; the spectra are mixtures.",
        ),
        (Standing(("0",), (1.0,)), "One phase, of which only the amount changes."),
        (
            Standing(("0",), (0.4,), has_structure=False),
            "No structure above the noise: one component, close to the mean spectrum.",
        ),
    ],
)
def test_verdict(standing, sentence):
    """Definition: from the facts."""
    assert standing.sentence() == sentence


def test_what_is_nowhere_alone_is_said():
    """Truth: of the phantom, whose cores lie inside their shells; the support is beside them."""
    phantom = data.eds_core_shell()
    u = hyperspy_unmix.unmix(phantom.signal, 3)
    table = [line for line in repr(u).splitlines() if line.startswith("  ")][1:4]
    axis = u.spectra.axes_manager[-1].axis
    true = [phantom.truth.names[j] for j in nearest(u.spectra.data, phantom.truth.spectra, axis)]
    said = {name: "nowhere alone" in row for name, row in zip(true, table, strict=True)}
    assert said == {"FePt": True, "Fe3O4": True, "support": False}
    assert "nowhere alone" not in repr(u.alternatives["pure"])


def test_one_screen(scene, too_many):
    """Definition: at most 15 lines; every component up to six in a row of its own."""
    for result in (too_many, hyperspy_unmix.unmix(scene, 9)):
        lines = repr(result).splitlines()
        assert len(lines) <= printout.MOST_LINES
        rows = [line for line in lines if line.startswith("  ") and "%" in line]
        assert len(rows) == (4 if result is too_many else printout.MOST_ROWS - 1)
    assert lines[-1].startswith("all choices")


def test_what_is_next_was_tried_and_is_better(scene, too_many):
    """Truth: two phases. The line that is printed is run; its result asks for nothing more."""
    line = next(line for line in repr(too_many).splitlines() if line.startswith("next: "))
    found = eval(line.removeprefix("next: "), {"s": scene, "hyperspy_unmix": hyperspy_unmix})
    assert found.n_components == 2
    assert score_of(found) == too_many.trials.found
    assert score_of(found).is_better_than(score_of(too_many))
    assert "next: " not in repr(found)
    assert repr(found).splitlines()[1] == "Two phases, well separated."


def test_advice_does_not_lead_in_a_circle():
    """Definition: better is a partial order, whatever the scores."""
    scores = [Score(*values, 0, 0) for values in product(range(3), repeat=3)]
    for a, b in product(scores, repeat=2):
        assert not (a.is_better_than(b) and b.is_better_than(a))
        assert not a.is_better_than(a)
        for c in scores:
            if a.is_better_than(b) and b.is_better_than(c):
                assert a.is_better_than(c)


@pytest.mark.parametrize(
    ("calls", "code"),
    [
        (["s.unmix()"], 's.unmix(3, assume="pure")'),
        (["s.unmix(4, low_loss=low_loss)"], 's.unmix(3, low_loss=low_loss, assume="pure")'),
        (["s.pca(5)", "ica(4, refine=None)"], 's.pca(5).ica(3, refine=None, assume="pure")'),
        (["s.unmix(4, assume='pure')", "rename(['a'])"], 's.unmix(3, assume="pure")'),
        (["s.unmix()", 'alternatives["overlap"]'], 's.unmix(3, assume="pure")'),
    ],
)
def test_call_with_other_options(calls, code):
    """Definition: what was given stays, what is new is added; what came after is left out."""
    assert with_options(calls, n_components=3, assume="pure") == code
    assert with_options(["apply(other)"], n_components=3) is None
    function = code.replace("s.unmix(", "hyperspy_unmix.unmix(s, ")
    assert as_function(code) == function.replace("s.pca(", "hyperspy_unmix.pca(s, ")


def test_the_weightiest_findings_are_printed(scene, monkeypatch):
    """Definition: three, in the order of their weight, whatever the order they were found in."""
    u = hyperspy_unmix.unmix(scene, 2)
    found: dict = {}
    for name, weight in (("b", NO_PHASE), ("d", 0.0), ("a", WRONG), ("c", NO_PHASE - 0.5)):
        found |= caution(name, "long", f"short {name}.", weight)
    monkeypatch.setitem(u.__dict__, "settings", FrozenSettings(found))
    shown = [line for line in repr(u).splitlines() if line.startswith("! ")]
    assert shown == ["! short a.", "! short b.", "! short c."]
    assert "(4 warnings)" in repr(u)


def test_settings_print_as_a_table():
    """Definition: each setting, its value and the whole reason, in columns of 100 characters."""
    reason = "because " * 30
    settings = FrozenSettings({"one": Caution(1.0, reason), "two and more": Caution([1, 2], "why")})
    lines = repr(settings).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("one           1     because because")
    assert lines[-1] == "two and more  1, 2  why"
    assert " ".join(" ".join(line[20:] for line in lines[:-1]).split()) == reason.strip()


def test_only_what_can_be_better_is_repeated(too_many, monkeypatch):
    """Truth: all that is tried, scored in full. The same advice, stability of fewer results."""
    here, best = score_of(too_many), None
    for changed in trying._worth_trying(too_many, here):
        score = score_of(trying._with(too_many, **changed))
        if score.is_better_than(here if best is None else best[0]):
            best = score, changed
    scored = []
    monkeypatch.setattr(trying, "score_of", lambda u: scored.append(u) or score_of(u))
    found = trying._tried_anew(too_many)
    assert (found.found, found.options) == best
    assert all(trying._score_if_stable(u).is_better_than(here) or u is too_many for u in scored)


def test_nothing_is_better_than_the_best_score():
    assert Score(0, 0, 0, 0, 0).is_best
    assert not Score(0, 1, 0, 0, 0).is_best
    assert not Score(0, 0, 0, 0, 0, mixtures=1).is_better_than(Score(0, 1, 0, 0, 0))
