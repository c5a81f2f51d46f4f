"""Many files, one recipe: what the command line does, file by file or with all together."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from .settings import as_text_table, cautions_in, in_words

if TYPE_CHECKING:
    from hyperspy_unmix.results.unmixing import Unmixing

TABLE = "files.csv"
COLUMNS = ("file", "components", "shares", "reduced chi-square", "warnings")


@dataclass(frozen=True)
class Row:
    """One file in the table of all.

    Parameters
    ----------
    file : str
    components : str
        Their number, or that it failed.
    shares : str
        Of the components, as their summary has them.
    chi_square : str
        Reduced, mean of a sample of pixels.
    warnings : str
        What they are of; or why it failed.
    """

    file: str
    components: str
    shares: str = ""
    chi_square: str = ""
    warnings: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of `COLUMNS`."""
        return self.file, self.components, self.shares, self.chi_square, self.warnings

    @property
    def has_failed(self) -> bool:
        """Whether there is no result."""
        return not self.components.isdigit()


def row_of(file: str, result: Unmixing) -> Row:
    """What of a result stands in the table."""
    shares = ", ".join(f"{name} {share}" for name, _, share, _ in result.rows())
    findings = result.findings
    goodness = findings.get("reduced chi-square")
    warnings = [
        name.removeprefix("WARNING: ") for name in cautions_in({**findings, **result.settings})
    ]
    warnings += [f"unstable {name}" for name in result.unstable]
    chi_square = "" if goodness is None else f"{goodness.value:.3g}"
    return Row(file, str(result.n_components), shares, chi_square, in_words(warnings))


def failed(file: str, error: BaseException) -> Row:
    """The row of a file that could not be read or unmixed."""
    expected = isinstance(error, (ValueError, TypeError, OSError))
    said = str(error) if expected else f"{type(error).__name__}: {error}"
    return Row(file, "failed", warnings=" ".join(said.split()))


def expanded(files: Sequence[str]) -> list[str]:
    """The files, patterns replaced by what they fit: not every shell does that."""
    found: list[str] = []
    for file in files:
        is_pattern = any(sign in file for sign in "*?[") and not Path(file).exists()
        found += (sorted(glob(file)) or [file]) if is_pattern else [file]
    return found


def names_of(files: Sequence[str]) -> list[str]:
    """A name for each file's results: that of the file, and a number where another has it too."""
    taken: set[str] = set()
    names = []
    for file in files:
        stem, number = Path(file).stem, 1
        while (name := stem if number == 1 else f"{stem}-{number}") in taken:
            number += 1
        taken.add(name)
        names.append(name)
    return names


def one_for_each(files: Sequence[str], others: Sequence[str], what: str) -> list[str | None]:
    """The other file of each: one for all, or as many.

    Raises
    ------
    ValueError
        If they are neither.
    """
    if len(others) <= 1:
        return [others[0] if others else None] * len(files)
    if len(others) != len(files):
        raise ValueError(
            f"{what}: {len(others)} files for {len(files)} spectrum images; give one for all, or "
            "one for each in the same order."
        )
    return list(others)


def each(
    files: Sequence[str], run: Callable[[int], Row], say: Callable[[str, Row], None]
) -> list[Row]:
    """One row for every file; what fails is said, and the others go on."""
    rows = []
    for i, file in enumerate(files):
        try:
            row = run(i)
        except Exception as error:  # whatever a reader or a stage raises, the others are not lost
            row = failed(file, error)
            say(file, row)
        rows.append(row)
    return rows


def table(rows: Sequence[Row]) -> str:
    """All files, a line each."""
    lines = [COLUMNS, *(row.cells for row in rows)]
    return "\n".join(as_text_table(lines))


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """The same as comma-separated values."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(row.cells for row in rows)
