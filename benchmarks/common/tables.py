"""Tables of the benchmarks: printed, and written to docs/benchmarks/ with the command that ran."""

from __future__ import annotations

import logging
import platform
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT.parent / "shared" / "data"
ABSENT = "The real measurements (shared/data) are not beside the checkout: that part was left out."


def quiet() -> None:
    """No warnings, log lines or progress bars between the rows."""
    import hyperspy.api as hs

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    hs.preferences.General.show_progressbar = False


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table, ready to print and to keep."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def publish(name: str, title: str, *parts: str) -> None:
    """Print the parts and write them to docs/benchmarks/``name``.md."""
    text = "\n\n".join(parts)
    print(text)
    # the path as the docstring gives it, wherever it was called from
    command = " ".join(["python", f"benchmarks/{name}.py", *sys.argv[1:]])
    target = ROOT / "docs" / "benchmarks" / f"{name}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"# {title}\n\n`{command}`\n\n{text}\n", encoding="utf-8")


def system() -> str:
    """What a timing was taken on, and what else it was doing then."""
    import os

    import numpy as np

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{platform.machine()}, {cores} cores{load}, numpy {np.__version__}"
