"""What a file of the interactive tool holds, by its suffix."""

from __future__ import annotations

from pathlib import Path

from hyperspy_unmix.results.unmixing import Unmixing

FIGURES = (".pdf", ".png", ".svg")


def with_suffix(path: Path) -> Path:
    """The file that is written: ``.hspy`` where no suffix says what it is to hold."""
    return path if path.suffix or path.is_dir() else path.with_suffix(".hspy")


def save(result: Unmixing, path: Path) -> None:
    """Write the result, its report or its overview, over what is there."""
    if path.suffix in FIGURES:
        result.plot_overview().savefig(path)
    elif path.suffix == ".html":
        result.report(path, overwrite=True)
    else:
        result.save(path, overwrite=True)
