"""Which tests run which line of the numerics, and what runs them in processes of their own.

For `mutation.py`. Needs a system that can fork.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .mutants import NUMERICS, Mutant, dotted, file_of, modules_of

# beside all of tests/numerics: workflows with branches of the numerics that only they run through
WORKFLOW = [
    "analysis/test_component_count.py",
    "analysis/test_drift_workflow.py",
    "preparation/test_drift.py",
    "preparation/test_noise.py",
    "preparation/test_plasmon_map.py",
    "preparation/test_spikes.py",
    "preparation/test_thickness.py",
]
SLOWEST, CAP = 8.0, 12.0  # seconds: of a test that is used, and of the tests a mutant meets
WAIT = 4.0  # seconds on the clock for one of the processor, where other work goes on beside
MEMORY = 8 * 2**30
QUIET = ["-q", "--tb=line", "-p", "no:cacheprovider"]


class Tracer:
    """A plugin of pytest: which lines of the numerics each test runs, its fixtures' included."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.found, self.fixtures = f"{folder / NUMERICS}{os.sep}", {}, {}
        self.now: set[str] = set()
        self.outcomes: dict[str, str] = {}

    def trace(self, frame, event, argument):
        """For `sys.settrace`."""
        if not frame.f_code.co_filename.startswith(self.folder):
            return None
        module = dotted(frame.f_code.co_filename, self.folder)

        def local(frame, event, argument):
            self.now.add(f"{module}:{frame.f_lineno}")
            return local

        return local(frame, event, argument)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        """Lines of one test; what it or others keep in caches is made anew."""
        for name, module in list(sys.modules.items()):
            if name == item.module.__name__ or name.startswith("hyperspy_unmix.numerics."):
                for value in vars(module).values():
                    getattr(value, "cache_clear", int)()
        self.now, start = set(), time.perf_counter()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            made = item._fixtureinfo.name2fixturedefs
            for fixture in (f for name in item.fixturenames for f in made.get(name, ())):
                self.now |= self.fixtures.get(fixture, set())
            seconds = round(time.perf_counter() - start, 3)
            if self.outcomes.get(item.nodeid) == "passed":
                self.found[item.nodeid] = {"seconds": seconds, "lines": sorted(self.now)}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """What a fixture runs counts for all tests that use it."""
        outer, self.now = self.now, set()
        try:
            return (yield)
        finally:
            self.fixtures.setdefault(fixturedef, set()).update(self.now)
            self.now = outer | self.now

    def pytest_runtest_logreport(self, report):
        """Whether it passed."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome


def preload() -> None:
    """Import once what all runs need, and nothing of the package."""
    os.environ["MPLBACKEND"] = "agg"
    import dask.array
    import hyperspy.api as hs
    import matplotlib.pyplot
    import picard
    import scipy.ndimage
    import scipy.optimize
    import scipy.signal
    import scipy.stats
    import sklearn.decomposition

    assert hs and dask and matplotlib and picard and scipy and sklearn
    assert "hyperspy_unmix" not in sys.modules
    assert threading.active_count() == 1


def forked(folder: Path, work: Callable[[], int], log: Path, seconds: float) -> int:
    """The id of a process that does the work with the package of ``folder``.

    The system ends it after ``seconds`` of the processor's time, whatever else runs beside it.
    """
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 10))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["PYTHONPATH"] = sys.path[0] = str(folder)
        os.chdir(folder)
        code = work()
        if not sys.modules["hyperspy_unmix"].__file__.startswith(str(folder)):
            code = 71
    finally:
        os._exit(code)


def run_all(
    jobs: list[tuple[str, Callable[[int], int], float]],
    slots: int,
    done: Callable[..., None],
    minutes: float = 1e9,
) -> None:
    """Start jobs (name, what starts it in a slot, seconds), ``slots`` at a time.

    ``done`` gets the name, the slot, the exit status (None: out of time) and the seconds taken.
    """
    waiting, running, begin = list(jobs), {}, time.monotonic()
    while waiting or running:
        if time.monotonic() - begin > 60 * minutes:
            waiting = []
        for slot in set(range(slots)) - set(running):
            if waiting:
                name, start, limit = waiting.pop(0)
                running[slot] = name, start(slot), time.monotonic(), WAIT * limit
        time.sleep(0.02)
        for slot, (name, child, start, limit) in list(running.items()):
            seconds = time.monotonic() - start
            ended, status = os.waitpid(child, os.WNOHANG)
            late = not ended and seconds > limit
            if late:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if ended or late:
                del running[slot]
                code = None if late else os.waitstatus_to_exitcode(status)
                done(name, slot, None if code == -signal.SIGXCPU else code, seconds)


def measure(folders: list[Path], asked: argparse.Namespace) -> dict[str, dict]:
    """Time and lines of every test that passes, by file; files that changed are measured again."""
    root = asked.package
    tests = root / "hyperspy_unmix/tests"
    files = sorted((tests / "numerics").rglob("test_*.py"))
    files += [] if asked.quick else [tests / place for place in WORKFLOW]
    package = hashlib.sha1(b"".join((root / file_of(m)).read_bytes() for m in modules_of(root)))
    kept, jobs = {}, []
    for file in files:
        digest = hashlib.sha1(package.digest() + file.read_bytes()).hexdigest()[:16]
        place = dotted(file, tests)
        kept[file] = asked.scratch / f"{place}-{digest}.json"

        def work(file=file) -> int:
            tracer = Tracer(Path.cwd())
            name = str(file.relative_to(root))
            code = pytest.main(["-q", "-p", "no:cacheprovider", name], [tracer])
            kept[file].write_text(json.dumps(tracer.found))
            return code

        def start(slot, work=work, place=place) -> int:
            return forked(folders[slot], work, asked.scratch / f"{place}.log", 900.0)

        if not kept[file].exists():
            jobs.append((place, start, 900.0))
    say = lambda name, slot, code, seconds: print(f"{name}: {code}, {seconds:.0f} s", flush=True)  # noqa: E731
    run_all(jobs, len(folders), say)
    found: dict[str, dict] = {}
    for file in kept.values():
        found |= json.loads(file.read_text()) if file.exists() else {}
    return found


def tests_of(mutant: Mutant, tests: dict[str, dict], trees: dict[str, ast.Module]) -> list[str]:
    """The tests that run its lines, best first: those of its module, then by their time."""
    wanted = {f"{mutant.module}:{line}" for line in mutant.lines}
    if mutant.name:
        names = set(mutant.name.split())
        wanted = {
            f"{module}:{node.lineno}"
            for module, tree in trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id in names
        }
    found = [t for t, what in tests.items() if wanted.intersection(what["lines"])]
    if not found:  # a default, or a constant that only others use
        lines = f"{mutant.module}:"
        found = [t for t, w in tests.items() if any(x.startswith(lines) for x in w["lines"])]
    stem = mutant.module.rsplit(".", 1)[-1]
    own = {t for t in found if stem in t[t.index("/test_") :]}  # by its file's name, or its own
    cost = {t: tests[t]["seconds"] * (0.2 if t in own else 1) for t in found}
    chosen, total = [], 0.0
    for test in sorted((t for t in found if tests[t]["seconds"] <= SLOWEST), key=cost.__getitem__):
        total += tests[test]["seconds"]
        if total <= CAP:
            chosen.append(test)
    return chosen
