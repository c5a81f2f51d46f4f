"""Write docs/guide/bad_input.md from the table of the tests: `python docs/write_bad_input.py`.

Every row is run, and what it says is what stands on the page.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "agg")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import hyperspy.api as hs  # noqa: E402

import hyperspy_unmix  # noqa: E402
from hyperspy_unmix.tests.arguments.bad_inputs import TOPICS, Row, cell, in_words, shown  # noqa: E402

PAGE = ROOT / "docs" / "guide" / "bad_input.md"
TOP = """# What happens with bad input

Whatever you give, you get a result, or one sentence that says what was given, what is needed and
what to do next. Where something had to be left out or replaced, `u.settings` says so. Your signal,
its axes, its metadata and its masks stay as they were.

Every row below is run by the tests, with data in memory and with lazy data, and the words are those
that you read; "…" is where they were cut for this page. A name before a colon is an entry of
`u.settings`.
"""


def outcome(row: Row) -> Any:
    """The result of the row, or its error."""
    signal, keywords = row.make(lazy=False)
    try:
        return hyperspy_unmix.unmix(signal, **keywords)
    except Exception as error:
        return error


def table(rows: list[Row]) -> str:
    """The rows of a topic."""
    lines = ["| given | what happens |", "|---|---|"]
    for row in rows:
        happened = None if row.defect else outcome(row)
        lines.append(f"| {shown(row)} | {cell(in_words(row, happened))} |")
    return "\n".join(lines)


def main() -> None:
    """Run all rows and write the page."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    hs.preferences.General.show_progressbar = False
    parts = [f"## {topic}\n\n{table(rows)}\n" for topic, rows in TOPICS.items()]
    PAGE.write_text("\n".join([TOP, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main()
