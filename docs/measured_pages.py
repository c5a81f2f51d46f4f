"""Figures and notebooks of the pages on measured data, whose files are not in the repository.

`python docs/measured_pages.py figures` runs the pages and writes their pictures to docs/images,
where the next build of the pages finds them; git ignores them. `python docs/measured_pages.py
notebooks FOLDER` writes the pages as notebooks, without running them.
"""

from __future__ import annotations

import argparse
import doctest
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGES = ("measured_core_shell",)
PARTS = re.compile(
    r"^```python\n(?P<code>.*?)^```$|^!\[(?P<caption>[^]]*)\]\((?P<image>[^)]+)\)$|^<!--.*?-->$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = "python docs/measured_pages.py figures"
SITE = "https://hyperspy-unmix.github.io/hyperspy_unmix/"


def parts(page: str) -> Iterator[tuple[str, str]]:
    """Its texts ("text"), code without what it prints ("code") and pictures ("image")."""
    end = 0
    for part in PARTS.finditer(page):
        yield "text", page[end : part.start()].strip()
        end = part.end()
        if part["code"] is not None:
            yield "code", without_output(part["code"])
        elif part["image"] is not None:
            yield "image", part["image"]
    yield "text", page[end:].strip()


def without_output(code: str) -> str:
    """What is typed in a block with prompts; a block without them as it is."""
    if not code.startswith(">>> "):
        return code.rstrip("\n")
    examples = doctest.DocTestParser().get_examples(code)
    return "".join(example.source for example in examples).rstrip("\n")


def without_missing_pictures(page: str) -> str:
    """Each picture that is not there replaced by its caption and the way to it."""

    def shown(part: re.Match[str]) -> str:
        if part["image"] is None or (DOCS / part["image"]).is_file():
            return part[0]
        return f"*Figure ({part['caption']}): in the notebook, and here after* `{COMMAND}`."

    return PARTS.sub(shown, page)


def notebook(page: str) -> dict[str, Any]:
    """The page as a notebook, which makes its pictures itself; its links lead to the site."""
    cells = []
    for i, (kind, text) in enumerate(parts(page)):
        if not text or kind == "image":
            continue
        cell: dict[str, Any] = {"id": f"cell-{i}", "metadata": {}}
        if kind == "code":
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        else:
            cell["cell_type"] = "markdown"
            text = re.sub(r"\]\((?!http)([\w/]+)(?:\.md)?\)", rf"]({SITE}\1.html)", text)
        cells.append(cell | {"source": text})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_notebooks(folder: Path) -> None:
    """Write every page as a notebook."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        text = json.dumps(notebook(page), indent=1, ensure_ascii=False)
        (folder / f"{name}.ipynb").write_text(text + "\n", encoding="utf-8")


def write_figures(folder: Path) -> None:
    """Run every page in an empty folder; a picture is the figure that the code before it made."""
    import contextlib
    import tempfile

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    for name in PAGES:
        namespace: dict[str, Any] = {"__name__": name}
        page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
            for kind, text in parts(page):
                if kind == "code":
                    exec(compile(text, name, "exec"), namespace)
                elif kind == "image":
                    plt.gcf().savefig(folder / Path(text).name, dpi=200, bbox_inches="tight")
                    plt.close("all")
                    print(folder / Path(text).name)


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("figures")
    commands.add_parser("notebooks").add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.command == "figures":
        write_figures(DOCS / "images")
    else:
        write_notebooks(asked.folder)


if __name__ == "__main__":
    main()
