"""Mutation testing of the numerics: small faults put in at random, and how many the tests find.

    python benchmarks/mutation.py --seed 0 1 --mutants 250 100 --fresh 2 --fresh-mutants 100

Each mutant is one change of one expression, in a copy of the package. Which tests run which line is
measured first; a mutant meets those of its line, the fastest first, until one fails. What was found
is kept in ``--scratch``: a later call goes on, ``--again`` gives survivors to the tests of now.
Needs a system that can fork.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from common.tables import ROOT, markdown, publish
from mutants.equivalent import EQUIVALENT
from mutants.mutants import NUMERICS, Mutant, modules_of, mutants_of, sample
from mutants.runs import study
from mutants.suite import CAP, SLOWEST, WORKFLOW

EXPLAINED = f"""
A mutant is a copy of the package in which one expression of `{NUMERICS}` is changed as it might be
by mistake: another operator, a comparison turned round or moved by its boundary, a factor left out,
another constant, one function for a similar one, a slice that ends one later, a result that is one
too large. The tests kill a mutant if one of them fails on it, or if they take more than twice the
time and 15 seconds; those tests are then run without the mutant, and have to pass in that time.

All such changes are listed, and of each module a share is drawn at random by its number of places,
small modules a little more. Messages, errors raised, type annotations and constants which only say
how much is worked on at once are left out.

Which lines each test runs is measured first. A mutant meets the tests that run its line, the
fastest first, until one fails: all of `tests/numerics`, and of the workflows
{", ".join(f"`{place}`" for place in WORKFLOW)}.
Tests that take more than {SLOWEST:.0f} seconds are left out, and a mutant meets tests of {CAP:.0f}
seconds in all: what the whole suite kills may be more, not less.
A test counts only if it passes without any mutant, which is tried again at the end.

A mutant is equivalent if no input can give another result with it, as far as the user sees
(rounding apart). Those are listed below with the reasons, and the score is given with and without.

For the survivors of some samples tests were written, which change the score from that when the
sample was drawn to that of now. The fresh sample holds none of their mutants: it tells what the
suite finds of faults for which nobody wrote a test.
""".strip()


def interval(killed: int, number: int) -> str:
    """A share in percent, with its 95 % confidence interval (Wilson)."""
    p, z = killed / number, 1.96
    middle = (p + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * (p * (1 - p) / number + z**2 / (4 * number**2)) ** 0.5
    low, high = 100 * (middle - half), 100 * (middle + half)
    return f"{100 * p:.1f} % ({killed} of {number}; 95 % confidence {low:.1f} to {high:.1f} %)"


def scores(results: dict[str, dict]) -> str:
    """The score, with and without those that change nothing, and what it was at first."""
    lines = []
    for title, which in (("when the sample was drawn", "first"), ("now", "result")):
        for count, keys in (
            ("all mutants", list(results)),
            ("less the equivalent ones", [k for k in results if k not in EQUIVALENT]),
        ):
            killed = sum(results[k][which] != "survived" for k in keys)
            lines.append([title, count, interval(killed, len(keys))])
    return markdown(["tests", "of", "killed"], lines)


def ways(results: dict[str, dict], controls: dict[str, list[str]]) -> str:
    """How the mutants were killed, and whether the method holds on what is known."""
    killed = [r for r in results.values() if r["result"] != "survived"]
    late = sum(r["result"] == "timeout" for r in killed)
    other = sum(r["result"] == "killed" and "::" not in r["by"] for r in killed)
    lines = [
        f"Of {len(killed)} killed, {len(killed) - late - other} failed a test, {other} could not "
        f"be imported or ended the process, and {late} ran out of time."
    ]
    if controls:
        same, failing = controls["unchanged"], controls["failing"]
        lines.append(
            f"As a control, {len(same)} of the sample were tried without the change, of which "
            f"{same.count('survived')} passed all tests, and {len(failing)} with a division by "
            f"zero in its place, of which {len(failing) - failing.count('survived')} were killed: "
            "the others are in statements that no test ran at that time."
        )
    return " ".join(lines)


def table(mutants: list[Mutant], results: dict[str, dict]) -> str:
    """Of each module the mutants, those killed, and the kinds of those that were not."""
    rows = []
    for module in sorted({m.module for m in mutants}):
        own = [m for m in mutants if m.module == module]
        left = [m for m in own if results[m.key]["result"] == "survived"]
        same = [m for m in left if m.key in EQUIVALENT]
        kinds = Counter(m.kind for m in left if m.key not in EQUIVALENT)
        first = sum(results[m.key]["first"] != "survived" for m in own)
        text = ", ".join(f"{kind} {n}" for kind, n in kinds.items())
        rows.append([module, len(own), first, len(own) - len(left), len(same), text])
    return markdown(["module", "mutants", "at first", "killed", "equivalent", "survivors"], rows)


def where(mutant: Mutant) -> str:
    """A mutant for a list: its statement, and what is changed in it."""
    statement = mutant.text.splitlines()[mutant.lines.start - 1].strip()
    return f"line {mutant.lines.start}, `{statement}`: `{mutant.key.split(': ', 1)[1]}`"


def report(
    samples: dict[str, list[Mutant]], found: dict[str, tuple[dict, dict]], asked: argparse.Namespace
) -> list[str]:
    """The parts of the page."""
    parts, same = [EXPLAINED], []
    for name, mutants in samples.items():
        results, controls = found[name]
        left = [k for k, r in results.items() if r["result"] == "survived"]
        wrong = [k for k, r in results.items() if k in EQUIVALENT and r["result"] != "survived"]
        if wrong:
            raise ValueError(f"called equivalent, but killed: {wrong}")
        same += [m for m in mutants if m.key in left and m.key in EQUIVALENT]
        unseen = name == f"sample-{asked.fresh}"
        parts += [
            "## A fresh sample, for which no tests were written"
            if unseen
            else f"## A sample for which tests were written (seed {name.split('-')[1]})",
            scores(results),
            ways(results, controls),
            table(mutants, results),
            "Survivors:",
            "\n".join(
                f"- {m.module}, {where(m)}"
                for m in mutants
                if m.key in left and m.key not in EQUIVALENT
            )
            or "- none",
        ]
    parts += ["## Mutants that cannot change any result"]
    same.sort(key=lambda m: (m.module, m.lines.start))
    text = [f"- {m.module}, {where(m)}. {EQUIVALENT[m.key]}" for m in same]
    parts += ["\n".join(text) or "None."]
    return parts


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, nargs="+", default=[250], help="of each seed")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--fresh", type=int, help="seed of a sample the tests were not made for")
    parser.add_argument("--fresh-mutants", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--module", action="append", default=[], help="as in noise.model")
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    parser.add_argument("--again", action="store_true", help="survivors, by the tests of now")
    parser.add_argument("--quick", action="store_true", help="only by tests/numerics")
    parser.add_argument("--minutes", type=float, default=1e9, help="then stop, without a page")
    default = Path(tempfile.gettempdir()) / "hyperspy_unmix_mutation"
    parser.add_argument("--package", type=Path, default=ROOT, help="another checkout")
    parser.add_argument("--scratch", type=Path, default=default)
    asked = parser.parse_args()
    samples: dict[str, list[Mutant]] = {}
    drawn: set[str] = set()
    sizes = list(zip(asked.seed, asked.mutants, strict=True))
    sizes += [] if asked.fresh is None else [(asked.fresh, asked.fresh_mutants)]
    for seed, number in sizes:
        chosen = sample(asked.package, number, seed, asked.module, drawn)
        drawn |= {m.key for m in chosen}
        samples[f"sample-{seed}"] = [m for m in chosen if asked.only in m.key]
    if asked.list:
        every = [m for mutants in samples.values() for m in mutants]
        print("\n".join(f"{m.kind:15} {m.lines.start:4} {m.key}" for m in every))
        return
    modules = modules_of(asked.package)
    unknown = set(EQUIVALENT) - {m.key for name in modules for m in mutants_of(asked.package, name)}
    if unknown:
        raise ValueError(f"called equivalent, but no mutants of the numerics: {sorted(unknown)}")
    asked.scratch.mkdir(parents=True, exist_ok=True)
    found = {name: study(name, mutants, asked) for name, mutants in samples.items()}
    complete = all(len(found[name][0]) == len(mutants) for name, mutants in samples.items())
    if complete and not (asked.only or asked.module or asked.quick):
        title = "How many faults in the numerics the tests find"
        publish("mutation", title, *report(samples, found, asked))


if __name__ == "__main__":
    main()
