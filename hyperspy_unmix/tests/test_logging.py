"""What is said: through `logging`, under `hyperspy_unmix`, seldom, and always with what to do."""

import ast
import logging
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import array, two_phases

PACKAGE = Path(hyperspy_unmix.__file__).parent
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if "tests" not in p.relative_to(PACKAGE).parts)
PHANTOMS = [name for name in data.__all__ if name not in ("Phantom", "Truth")]
# phantoms too small for what is in them, and what is rightly said of them
SAID: dict[str, str] = {}
ADVICE = re.compile(
    r"\b(compare|choose|give|set|say|leave|save|use|keep|ask|check|mask|measure|try|look|see|unmix"
    r"|calibrate|divide|subtract|crop|move|take)\b|[a-z_]+=",
    re.IGNORECASE,
)


def calls(path):
    """Every call in a module, as (module's path, name as written, node)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(path.relative_to(PACKAGE).as_posix(), ast.unparse(c.func), c) for c in found]


CALLS = [call for path in SOURCES for call in calls(path)]


def texts():
    """Words of every warning in the source: of the call, and of what is assigned to its names."""
    found = {}
    for path in SOURCES:
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.FunctionDef):
                continue
            assigned = {}
            for node in ast.walk(scope):
                if isinstance(node, ast.Assign | ast.AugAssign):
                    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                    assigned.setdefault(ast.unparse(target), []).append(node.value)
            for node in ast.walk(scope):
                if not isinstance(node, ast.Call):
                    continue
                name = ast.unparse(node.func)
                if name not in (
                    "caution",
                    "warn",
                    "_logger.warning",
                    "_logger.log",
                    "_logger.error",
                ):
                    continue
                parts = [
                    part
                    for given in node.args
                    for part in (given, *assigned.get(ast.unparse(given), ()))
                ]
                words = " ".join(
                    leaf.value
                    for part in parts
                    for leaf in ast.walk(part)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                )
                place = f"{path.relative_to(PACKAGE).as_posix()}: {scope.name}"
                found[f"{place}: {words[:40]}"] = words
    return found


TEXTS = texts()
# Words of others: warnings, errors, the hint of an ambiguity.
HANDED_ON = (
    "settings.py: warn",
    "settings.py: held_back",
    "results/low_loss_comparison.py: better_of",
    "interactive/open_choices.py: _try",
    "components/uncertainty.py: choices: ambiguity",
)


def test_every_logger_is_of_the_package():
    """Truth: the source. A logger is made in each module by its own name."""
    made = [(place, ast.unparse(c)) for place, name, c in CALLS if name.endswith("getLogger")]
    assert made
    assert {words for _, words in made} == {"logging.getLogger(__name__)"}
    known = [n for n in logging.root.manager.loggerDict if n.startswith("hyperspy_unmix")]
    own = [logging.getLogger(name) for name in known]
    assert all(logger.level == logging.NOTSET for logger in own)
    assert all(not logger.handlers and logger.propagate for logger in own)


def test_nothing_else_speaks():
    """No print but on the command line, no warnings.warn, no logging without a logger."""
    for place, name, _ in CALLS:
        assert name != "print" or place == "__main__.py", place
        assert not name.startswith(("sys.stdout", "sys.stderr")), place
        # but what HyperSpy says of its own options, handed on to the caller's line
        handed_on = place == "signals/_mixin.py"
        assert name not in ("warnings.warn", "warnings.warn_explicit") or handed_on, place
        assert not re.match(r"logging\.(debug|info|warn|error|critical|basicConfig)", name), place
        # only where a block is left again
        assert name != "warnings.simplefilter" or place in (
            "__main__.py",
            "numerics/separation/ica.py",
        )


def test_nothing_is_printed(tmp_path, capfd, caplog):
    """Not one word, of anything that a result can do."""
    s = two_phases(lazy=True)
    two_phases(shape=(4, 4)).unmix(1).save(tmp_path / "first.hspy")  # imports
    capfd.readouterr()
    u = s.unmix(2)
    u.save(tmp_path / "r.hspy")
    hyperspy_unmix.load(tmp_path / "r.hspy", s).residual()
    u.export(tmp_path / "exported")
    u.report(tmp_path / "r.html")
    u.match({"one": u.spectra.inav[0]})
    u.apply(s)
    array(u.model())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", PHANTOMS)
def test_clean_phantoms_are_not_warned_of(name, caplog):
    """Neither by us, nor by anybody else because of what we do."""
    made = getattr(data, name)(shape=(16, 16))
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        u = hyperspy_unmix.unmix(made.signal, low_loss=made.low_loss)
        for kind in (u.spectra, u.maps, u.spectra_uncertainty, u.maps_uncertainty):
            assert np.isfinite(array(kind)).any()
    # what HyperSpy and exspy say of their own code is not about these data
    others = ("VisibleDeprecationWarning", "FutureWarning", "DeprecationWarning")
    assert [w for w in caught if w.category.__name__ not in others] == []
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    said = [words for words in said if "Numba" not in words]
    assert all(name in SAID and SAID[name] in words for words in said), said
    assert bool(said) == (name in SAID)


@pytest.mark.parametrize("place", list(TEXTS))
def test_warnings_say_what_to_do(place):
    """Truth: the words in the source hold an advice."""
    if place.startswith(HANDED_ON):
        pytest.skip("the words are those of others")
    assert ADVICE.search(TEXTS[place]), TEXTS[place]
