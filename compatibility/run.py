"""Run the tests of HyperSpy and exspy with our signal classes in the place of theirs.

Each suite is run twice: as it is, and with our classes. Every test must have the same outcome in
both. Tests that need a download are left out of both runs, by name (``suites.py``).
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from comparison import Comparison, Run, describe
from page import write_page
from suites import DOWNLOADS, OURS, SUITES, TESTS_OF_A_NAME, Suite

__all__ = ["main"]

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "development" / "peers.md"


def root_of(suite: Suite) -> Path:
    """Folder of the installed package."""
    spec = importlib.util.find_spec(suite.package)
    if spec is None or spec.origin is None:
        sys.exit(f"{suite.package} is not installed.")
    return Path(spec.origin).parent


def files_of(suite: Suite, downloads: bool) -> list[str]:
    """The test files, with or without those of a download; a pattern needs a file."""
    tests = root_of(suite) / "tests"
    files: set[Path] = set()
    for pattern in suite.files:
        found = set(tests.glob(pattern.removeprefix("!")))
        if not found:
            sys.exit(
                f"{suite.package} has no test file {pattern}: correct compatibility/suites.py."
            )
        files = files - found if pattern.startswith("!") else files | found
    if not downloads:
        files -= {root_of(suite) / name for name in DOWNLOADS}
    return sorted(map(str, files))


def run(name: str, with_ours: bool, options: argparse.Namespace, tests: list[str]) -> Run:
    """Run pytest in a process and in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\nxfail_strict = true\n")
        records = Path(folder, "records")
        records.mkdir()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "plugin", "-p", "no:cacheprovider"]
        command += ["-c", str(settings), f"--rootdir={root_of(SUITES[name])}", "--tb=short"]
        if options.jobs > 1:
            command += ["-n", str(options.jobs), "--dist=loadfile"]
        log = subprocess.run(
            [*command, *tests],
            cwd=folder,
            env=environment(name, with_ours, options, records),
            capture_output=True,
            text=True,
            check=False,
        )
        if options.verbose or log.returncode not in (0, 1):
            print(log.stdout[-20_000:], log.stderr[-5_000:])
        return read(records)


def environment(
    name: str, with_ours: bool, options: argparse.Namespace, records: Path
) -> dict[str, str]:
    """Variables for the plugin, which is found in this folder; no windows, no threads."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    return os.environ | {
        "PYTHONPATH": path,
        "PEERS_SUITE": name,
        "PEERS_WITH_OURS": str(int(with_ours)),
        "PEERS_DOWNLOADS": str(int(options.downloads)),
        "PEERS_FOLDER": str(records),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }


def read(records: Path) -> Run:
    """Put together what the processes of one run wrote."""
    result = Run()
    for file in records.glob("*.json"):
        record = json.loads(file.read_text())
        result.outcomes |= {test: tuple(pair) for test, pair in record["outcomes"].items()}
        result.excluded |= record["excluded"]
        result.renamed |= record["renamed"]
        result.made.update(record["made"])
        result.used_in.update(record["used_in"])
    return result


def compare(name: str, options: argparse.Namespace) -> Comparison:
    """Run a suite without and with our classes, and what differs once more."""
    files = files_of(SUITES[name], options.downloads)
    start = time.monotonic()
    result = Comparison(name, *(run(name, ours, options, files) for ours in (False, True)))
    again = [test for test in result.differing() if "::" in test]
    if again:
        repeat(result, again, options)
    print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    for side, one in [("without", result.without), ("with", result.with_ours)]:
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(one.counts().items()))
        print(f"  {side:8}{counts}, {len(one.excluded)} left out")
    print(f"  made {result.with_ours.made.total()} times, in {len(result.with_ours.used_in)} tests")
    return result


def repeat(result: Comparison, tests: list[str], options: argparse.Namespace) -> None:
    """A test that passes only sometimes is no difference: these are run again, alone."""
    root = root_of(SUITES[result.name])
    paths = [str(root / test) for test in tests]
    for ours, one in [(False, result.without), (True, result.with_ours)]:
        second = run(result.name, ours, options, paths)
        for test in tests:
            if one.outcomes.get(test) != second.outcomes.get(test):
                print(f"  {test}: unsteady, {describe(one.outcomes, test)} before")
        one.outcomes |= second.outcomes


def stale(comparisons: list[Comparison]) -> list[str]:
    """Entries of the lists that match no test any more, and classes that no test needed."""
    made = sum((c.with_ours.made for c in comparisons), Counter())
    excluded = {pattern for c in comparisons for pattern in c.without.excluded.values()}
    renamed = {pattern for c in comparisons for pattern in c.with_ours.renamed.values()}
    patterns = {pattern for pattern in DOWNLOADS if not pattern.endswith(".py")}
    return [
        *(f"no test matches {name}" for name in sorted(patterns - excluded)),
        *(f"no test matches {name}" for name in sorted({*TESTS_OF_A_NAME} - renamed)),
        *(f"{ours} was never made" for _, ours in OURS.values() if not made[ours]),
    ]


def main() -> int:
    """Run, compare, print; with all suites, write the page of the documentation too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES, help="by default all")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--downloads", action="store_true", help="run what needs a download too")
    parser.add_argument("--verbose", action="store_true", help="show what pytest prints")
    options = parser.parse_args()
    comparisons = [compare(name, options) for name in options.suite or SUITES]
    problems = [f"{c.name}: {problem}" for c in comparisons for problem in c.problems()]
    if not options.suite and not options.downloads:
        problems += stale(comparisons)
        write_page(PAGE, comparisons)
    print(*(problems or ["Every test has the same outcome with our classes."]), sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
