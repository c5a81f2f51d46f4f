"""What a file of the interactive tool holds, by its suffix."""

from __future__ import annotations

from pathlib import Path

from hyperspy_unmix.results.unmixing import Unmixing

FIGURES = (".pdf", ".png", ".svg")


def save(result: Unmixing, path: Path) -> Path:
    """Write the result, its report or its overview, over what is there; the file's own name."""
    if path.suffix in FIGURES:
        result.plot_overview().savefig(path)
    elif path.suffix == ".html":
        result.report(path, overwrite=True)
    else:
        result.save(path, overwrite=True)
    return path if path.suffix else path.with_suffix(".hspy")
