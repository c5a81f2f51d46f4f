"""Do answers hang on rounding? The same phantoms with other threads and kinds of processor.

    python benchmarks/rounding.py                        # 1, 2 and 4 threads
    python benchmarks/rounding.py 1 1:Haswell 2 4        # and what another processor would do
    python benchmarks/rounding.py --only core_shell wedge

Each is a process of its own. Differences from the first one: of spectra and maps the largest over
their own errors, of the ends of the ambiguity in per cent of them (of a share of 0.01 where they
are less).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common.tables import markdown, publish, quiet, system
from same_answers import results

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"
KINDS = {"spectra": "spectra_uncertainty", "maps": "maps_uncertainty"}
LEAST_SHARE = 0.01  # of which an end of the ambiguity is told in per cent
# what may be found
MOST_OF_ERROR = 1e-3
MOST_OF_AMBIGUITY = 1.0  # per cent


def answers(only: list[str]) -> dict[str, Any]:
    """Arrays of every result, by its name and theirs."""
    arrays = {}
    for name, make in results():
        if only and name not in only:
            continue
        try:
            u = make()
        except ValueError as error:
            arrays[f"{name}: refused"] = np.array(str(error))
            continue
        for kind, of_error in KINDS.items():
            arrays[f"{name}: {kind}"] = np.asarray(getattr(u, kind).data)
            arrays[f"{name}: {of_error}"] = np.asarray(getattr(u, of_error).data)
        arrays[f"{name}: ambiguity"] = u.ambiguity.shares
        arrays[f"{name}: stability"] = u.stability
        print(f"  {name}", file=sys.stderr)
    return arrays


def run(machine: str, only: list[str], file: Path) -> dict[str, Any]:
    """What a process with so many threads, on such a processor, gives."""
    threads, _, processor = machine.partition(":")
    environment = os.environ | dict.fromkeys(THREADS, threads)
    if processor:
        environment["OPENBLAS_CORETYPE"] = processor
    print(machine, file=sys.stderr)
    command = [sys.executable, __file__, machine, "--save", str(file), "--only", *only]
    subprocess.run(command, env=environment, check=True)
    with np.load(file) as found:
        return dict(found)


def over_error(one: Any, other: Any, error: Any) -> float:
    """Largest difference over the error, of values that have one."""
    known = np.isfinite(one) & np.isfinite(other) & (error > 0)
    difference = np.abs(np.where(known, one, 0.0) - np.where(known, other, 0.0))
    return float(np.max(difference / np.where(known, error, 1.0), initial=0))


def row(name: str, known: dict[str, Any], others: list[dict[str, Any]]) -> Iterator[float]:
    """Differences of spectra, of maps, of the ambiguity in per cent, of the stability."""

    def of(what: str, array: dict[str, Any]) -> Any:
        return array[f"{name}: {what}"]

    shape = of("spectra", known).shape
    if any(o.get(f"{name}: spectra", np.empty(0)).shape != shape for o in others):
        # another number of components
        yield from (np.inf,) * 4
        return
    for kind, of_error in KINDS.items():
        yield max(over_error(of(kind, known), of(kind, o), of(of_error, known)) for o in others)
    ends = of("ambiguity", known)
    size = np.maximum(np.abs(ends), LEAST_SHARE)
    yield max(float(100 * np.max(np.abs(of("ambiguity", o) - ends) / size)) for o in others)
    stability = of("stability", known)
    yield max(float(np.abs(of("stability", o) - stability).max()) for o in others)


def main() -> int:
    """Print and keep the table; 1 where something differs by more than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("machine", nargs="*", help="threads, or threads:OPENBLAS_CORETYPE")
    parser.add_argument("--only", nargs="*", default=[], help="names of results")
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet()
    if options.save:
        np.savez(options.save, **answers(options.only))
        return 0
    machines = options.machine or ["1", "2", "4"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.npz"
        known, *others = [run(machine, options.only, file) for machine in machines]
    names = [name.removesuffix(": spectra") for name in known if name.endswith(": spectra")]
    rows = {name: list(row(name, known, others)) for name in names}
    table = markdown(
        ["result", "components", "spectra / error", "maps / error", "ambiguity, %", "stability"],
        [
            (name, len(known[f"{name}: spectra"]), *(f"{value:.1e}" for value in values))
            for name, values in rows.items()
        ],
    )
    worst = [max(values[k] for values in rows.values()) for k in range(3)]
    parts = (
        f"Largest differences from the first of {', '.join(machines)} (threads:processor).",
        table,
        f"The worst: {worst[0]:.1e} and {worst[1]:.1e} of the errors, {worst[2]:.1e} %.",
        f"{system()}.",
    )
    if options.only:
        print(*parts, sep="\n\n")
    else:
        publish("rounding", "The same answer on any machine", *parts)
    return int(max(worst[:2]) > MOST_OF_ERROR or worst[2] > MOST_OF_AMBIGUITY)


if __name__ == "__main__":
    sys.exit(main())
