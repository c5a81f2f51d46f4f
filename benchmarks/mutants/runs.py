"""The tests on each mutant, for `mutation.py`: what they found is kept as it comes."""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .equivalent import EQUIVALENT
from .mutants import NUMERICS, Mutant, file_of, modules_of
from .suite import QUIET, forked, measure, preload, run_all, tests_of

FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
START = 15.0  # seconds of the processor: to import and collect
CONTROLS = 12  # mutants of a sample with which the method itself is tried


@dataclass
class Trial:
    """A module's source, and the tests that it meets."""

    key: str
    module: str
    source: str
    tests: list[str]


def run_trials(
    trials: list[Trial],
    folders: list[Path],
    tests: dict[str, dict],
    asked: argparse.Namespace,
    done: Callable[[Trial, str, str, float], None],
) -> None:
    """Each trial until a test fails; ``done`` gets its result, what found it and the seconds."""
    jobs = []
    for trial in trials:

        def work(names=trial.tests) -> int:
            sys.dont_write_bytecode = True
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            import hyperspy_unmix  # noqa: F401

            return pytest.main(["-x", *QUIET, *names]) if names else 0

        # twice the time that was measured with the tracer on, which slows them down
        limit = START + 2 * sum(tests[name]["seconds"] for name in trial.tests)

        def start(slot, trial=trial, work=work, limit=limit) -> int:
            target = folders[slot] / file_of(trial.module)
            target.write_text(trial.source, encoding="utf-8")
            return forked(folders[slot], work, asked.scratch / f"trial-{slot}.log", limit)

        jobs.append((trial, start, limit))

    def over(trial, slot, code, seconds) -> None:
        file = file_of(trial.module)
        shutil.copy2(asked.package / file, folders[slot] / file)
        log = (asked.scratch / f"trial-{slot}.log").read_text(errors="replace")
        failed = FAILED.search(log)
        # 4: also where the module cannot be imported any more
        if (code in (70, 71) and not failed) or (code == 4 and NUMERICS not in log):
            raise RuntimeError(f"{trial.key}: exit status {code}\n{log[-2000:]}")
        result = "timeout" if code is None else "survived" if code in (0, 5) else "killed"
        by = failed[1] if failed else f"exit status {code}"
        print(f"{result:9}{seconds:6.1f} s  {trial.key}  [{by.split('/')[-1]}]", flush=True)
        done(trial, result, by, seconds)

    run_all(jobs, len(folders), over, asked.minutes)


def run_mutants(
    mutants: list[Mutant],
    folders: list[Path],
    results: dict[str, dict],
    path: Path,
    broken: set[str],
    asked: argparse.Namespace,
) -> set[str]:
    """Let the tests at every mutant, and keep what they found; returns those broken without one."""
    tests = measure(folders, asked)
    compile_tests(folders, tests, asked)
    files = {module: asked.package / file_of(module) for module in modules_of(asked.package)}
    trees = {m: ast.parse(file.read_text(encoding="utf-8")) for m, file in files.items()}

    def trial(mutant: Mutant, source: str) -> Trial:
        names = [n for n in tests_of(mutant, tests, trees) if n not in broken]
        return Trial(mutant.key, mutant.module, source, names)

    def done(trial: Trial, result: str, by: str, seconds: float) -> None:
        entry = results.setdefault(trial.key, {})
        entry |= {"result": result, "by": by, "seconds": round(seconds, 1)}
        entry["tests"] = len(trial.tests)
        if not asked.quick or result != "survived":
            entry.setdefault("first", result)
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False))

    run_trials([trial(m, m.source()) for m in mutants], folders, tests, asked, done)

    def unchanged_too_slow(trial: Trial, result: str, by: str, seconds: float) -> None:
        if result != "survived":
            raise RuntimeError(f"{trial.key}: out of time, but {result} without it too ({by})")

    late = [m for m in mutants if results.get(m.key, {}).get("result") == "timeout"]
    again = [trial(m, m.text) for m in late]
    run_trials(again, folders, tests, asked, unchanged_too_slow)

    kept = path.with_name(f"controls-{path.stem}.json")
    if not kept.exists() and not asked.only and len(mutants) >= CONTROLS:
        found: dict[str, list[str]] = {"unchanged": [], "failing": []}
        some = random.Random(0).sample(mutants, CONTROLS)
        for name, sources in (("unchanged", False), ("failing", True)):
            own = [trial(m, m.put("(1 / 0)") if sources else m.text) for m in some]
            keep = lambda trial, result, *_, name=name: found[name].append(result)  # noqa: E731
            run_trials([t for t in own if t.tests], folders, tests, asked, keep)
        kept.write_text(json.dumps(found))
    return verified(folders[0], {results[m.key]["by"] for m in mutants if m.key in results}, asked)


def compile_tests(folders: list[Path], tests: dict[str, dict], asked: argparse.Namespace) -> None:
    """Once in each folder, so that nothing has to be written beside a mutant."""
    files = sorted({name.split("::")[0] for name in tests})
    work = lambda: pytest.main(["--collect-only", *QUIET, *files])  # noqa: E731

    def start(slot: int) -> int:
        return forked(folders[slot], work, asked.scratch / f"collect-{slot}.log", 300.0)

    run_all([("", start, 300.0)] * len(folders), len(folders), lambda *_: None)


def verified(folder: Path, killers: set[str], asked: argparse.Namespace) -> set[str]:
    """Which of the tests that found something fail without any mutant too."""
    names = sorted(name for name in killers if "::" in name)
    log = asked.scratch / "verified.log"
    start = lambda slot: forked(folder, lambda: pytest.main([*QUIET, *names]), log, 900.0)  # noqa: E731
    if not names:
        return set()
    codes = []
    run_all([("", start, 900.0)], 1, lambda name, slot, code, seconds: codes.append(code))
    text = log.read_text(errors="replace")
    if codes[0] not in (0, 1):
        raise RuntimeError(f"tests without a mutant: exit status {codes[0]}\n{text[-2000:]}")
    return set(FAILED.findall(text))


def study(
    name: str, mutants: list[Mutant], asked: argparse.Namespace
) -> tuple[dict[str, dict], dict[str, list[str]]]:
    """What the tests found of a sample, as kept or by running them, and of its controls."""
    path = asked.scratch / f"{name}.json"
    controls = asked.scratch / f"controls-{name}.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    left = {k for k, r in results.items() if r["result"] == "survived"} - set(EQUIVALENT)
    waiting = [m for m in mutants if m.key not in results or (asked.again and m.key in left)]
    if waiting:
        preload()
        with tempfile.TemporaryDirectory() as place:
            folders = [Path(place) / f"copy{k}" for k in range(asked.jobs)]
            for folder in folders:
                shutil.copytree(asked.package / "hyperspy_unmix", folder / "hyperspy_unmix")
                shutil.copy2(asked.package / "pyproject.toml", folder)
            broken: set[str] = set()
            while waiting:
                new = run_mutants(waiting, folders, results, path, broken, asked)
                broken |= new
                if new:
                    print("broken without a mutant:", *sorted(new), sep="\n  ")
                waiting = [m for m in waiting if results.get(m.key, {}).get("by") in new]
                for mutant in waiting:
                    del results[mutant.key]
    found = {m.key: results[m.key] for m in mutants if m.key in results}
    return found, json.loads(controls.read_text()) if controls.exists() else {}
