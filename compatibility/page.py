"""The page of the documentation that the runner writes."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path

from comparison import Comparison, Run
from suites import DOWNLOADS, OURS, SUITES

__all__ = ["write_page"]

_TITLE = """# The test suites of HyperSpy and exspy

Our signal classes are HyperSpy's and exspy's with methods added. Whether they still do all that
their users know is tested with the tests of HyperSpy {hyperspy} and exspy {exspy}: each suite is
run twice, as it is and with our classes in the place of theirs, and every test must have the same
outcome in both. `make test-peers` does it and writes this page.

"""

_HOW = """
Our classes are put in place where the tests get theirs from: the public names
(`exspy.signals.EELSSpectrum`, `hyperspy.api.signals.Signal1D`), the entry in HyperSpy's registry
of extensions, so that `set_signal_type("EELS")`, loading and `as_lazy` lead to ours, and what the
test modules imported. They keep their own signal types, as `EELS_unmix`. In the test modules
`isinstance` takes a class of ours for the one that it stands for, so that an EELS spectrum is no
less a `Signal1D` than before. A run in which one of our classes was never made fails.

A test that differs is run again, alone, in both ways, so that one that passes only sometimes is
not taken for a difference. Tests that fail in both, fail in the same way: with the same exception.

Both runs get exspy's hydrogenic oscillator strengths in the place of the downloaded ones, and
noise in the place of SciPy's pictures, so that few tests need a download.
"""


def write_page(path: Path, comparisons: "list[Comparison]") -> None:
    """Numbers of each suite, and all that differs, fails or is left out, by name."""
    versions = {name: version(name) for name in ("hyperspy", "exspy")}
    parts = [_TITLE.format(**versions), _table(comparisons), _HOW]
    parts += [_replaced(comparisons), _differing(comparisons), _failing(comparisons)]
    parts += [_left_out(comparisons), _files()]
    path.write_text("".join(parts), encoding="utf-8")


def _table(comparisons: "list[Comparison]") -> str:
    rows = ["| suite | our classes | passed | failed | skipped | expected to fail | left out |"]
    rows += ["| --- | --- " + "| ---: " * 5 + "|"]
    for one in comparisons:
        rows += [f"| {one.name} | without | {_numbers(one.without)} |"]
        rows += [f"| | with | {_numbers(one.with_ours)} |"]
    return "\n".join(rows) + "\n"


def _numbers(run: "Run") -> str:
    counts = run.counts()
    counts["failed"] += counts["error"] + counts["xpassed"]
    numbers = [counts[name] for name in ("passed", "failed", "skipped", "xfailed")]
    return " | ".join(map(str, [*numbers, len(run.excluded)]))


def _replaced(comparisons: "list[Comparison]") -> str:
    made, theirs = Counter(), {ours: name for name, (_, ours) in OURS.items()}
    for one in comparisons:
        made.update(one.with_ours.made)
    rows = ["\n## Our classes in use\n", "| in the place of | our class | times made |"]
    rows += ["| --- | --- | ---: |"]
    rows += [f"| `{theirs[name]}` | `{name}` | {made[name]} |" for name in theirs if made[name]]
    tests = sum(len(one.with_ours.used_in) for one in comparisons)
    return "\n".join(rows) + f"\n\nOf the tests, {tests} made objects of our classes.\n"


def _differing(comparisons: "list[Comparison]") -> str:
    lines = ["\n## What differs\n"]
    different = [f"- {one.name}: `{test}`" for one in comparisons for test in one.differing()]
    lines += different or ["Nothing."]
    lines += ["\nThese tests compare the name of the signal type, and get the name of ours too:\n"]
    renamed = [test for one in comparisons for test in sorted(one.with_ours.renamed)]
    return "\n".join([*lines, *(f"- `{test}`" for test in renamed)]) + "\n"


def _failing(comparisons: "list[Comparison]") -> str:
    lines = ["\n## What fails without our classes too\n"]
    for one in comparisons:
        outcomes = one.without.outcomes
        lines += [
            f"- {one.name}: `{test}` ({outcomes[test][1]})"
            for test in sorted(outcomes)
            if outcomes[test][0] in ("failed", "error", "xpassed")
        ]
    return "\n".join(lines if len(lines) > 1 else [*lines, "Nothing."]) + "\n"


def _left_out(comparisons: "list[Comparison]") -> str:
    numbers = Counter()
    for one in comparisons:
        numbers.update(one.without.excluded.values())
    lines = ["\n## What is left out of both runs\n", "These need a download:\n"]
    for name, what in DOWNLOADS.items():
        number = "the whole file" if name.endswith(".py") else f"{numbers[name]} tests"
        lines += [f"- `{name}` ({number}): {what}."]
    return "\n".join(lines) + "\n"


def _files() -> str:
    lines = ["\n## The files of each suite\n"]
    for name, suite in SUITES.items():
        files = ", ".join(f"`{file}`" for file in suite.files if not file.startswith("!"))
        without = ", ".join(f"`{file[1:]}`" for file in suite.files if file.startswith("!"))
        lines += [f"- {name}: {files}" + (f"; without {without}" if without else "") + "."]
    return "\n".join(lines) + "\n"
