"""Settings: every choice made, and why; and the findings that they are made of.

A stage returns its result and a finding, whose fields hold the facts. Only ``choices()`` of a
finding turns facts into sentences; nothing reads them back.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from textwrap import wrap
from typing import Any, NamedTuple, Protocol, TypeVar

_logger = logging.getLogger(__name__)
_held_back: ContextVar[list[str] | None] = ContextVar("held_back", default=None)
Kind = TypeVar("Kind")

LINE_WIDTH = 100  # characters of a printed line
MOST_OF_NAME = 28  # characters, of the column of names
MOST_OF_VALUE = 24  # of that of values


class Choice(NamedTuple):
    """A setting and, in plain words, why it is what it is."""

    value: Any
    reason: str


# How much a caution matters: what the answer cannot be trusted for, from all of it to a detail.
# A part of one more tells how far.
WRONG, NO_PHASE, UNDECIDED, MISSING, DETAIL = 4.0, 3.0, 2.0, 1.0, 0.0


class Caution(Choice):
    """A choice that a reader must look at: the reason says what to do.

    ``short`` is the same in one line, ``weight`` how much it matters among others.
    """

    short: str = ""
    weight: float = DETAIL

    def __new__(cls, value: Any, reason: str, short: str = "", weight: float = DETAIL) -> Caution:
        """A choice with two facts more."""
        made = super().__new__(cls, value, reason)
        made.short, made.weight = short, weight
        return made


Settings = dict[str, Choice]


class Finding(Protocol):
    """What a stage found and did, as facts."""

    def choices(self) -> Settings:
        """The facts as users read them."""
        ...


@dataclass(frozen=True)
class Told:
    """A finding of which only the sentences are known."""

    settings: Mapping[str, Choice]

    def choices(self) -> Settings:
        """These."""
        return dict(self.settings)


class FrozenSettings(Mapping[str, Choice]):
    """Settings that stay as they were made; can be copied and pickled."""

    def __init__(self, settings: Mapping[str, Choice]) -> None:
        self._settings = dict(settings)

    def __getitem__(self, name: str) -> Choice:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return "\n".join(_as_table(self._settings))

    def _repr_html_(self) -> str:
        return as_html_table([(k, value_in_words(c.value), c.reason) for k, c in self.items()])


def caution(subject: str, hint: str, short: str = "", weight: float = DETAIL) -> Settings:
    """A warning, as an entry of the settings.

    Parameters
    ----------
    subject : str
        What it is about.
    hint : str
        What was found and what to do.
    short : str, optional
        The same in one line.
    weight : float
        How much it matters: `WRONG`, `NO_PHASE`, `UNDECIDED`, `MISSING` or `DETAIL`, and a part of
        one for how far it goes, see `part_of_one`.
    """
    return {f"WARNING: {subject}": Caution("look at it with care", hint, short, weight)}


def part_of_one(size: float, half: float) -> float:
    """A size from zero to infinity as a weight from zero to one; one half at ``half``."""
    return size / (size + half) if size > 0 else 0.0


def value_in_words(value: Any) -> str:
    """A setting as it is printed."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(value_in_words(item) for item in value)
    return str(value)


def as_text_table(rows: Iterable[tuple[str, ...]], to_the_right: Container[int] = ()) -> list[str]:
    """A line for each row, its columns aligned; numbers of those that are ``to_the_right``."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [str.rjust if i in to_the_right else str.ljust for i in range(len(widths))]
    return [
        "  ".join(
            side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True)
        ).rstrip()
        for cells in rows
    ]


def as_html_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows for notebooks; everything is escaped."""

    def row(cells: tuple[str, ...]) -> str:
        return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"

    return "<table>" + "".join(row(cells) for cells in rows) + "</table>"


def _as_table(settings: Mapping[str, Choice]) -> Iterator[str]:
    """Name, value and reason in three columns; what does not fit beneath it."""
    names = min(max(map(len, settings), default=0), MOST_OF_NAME)
    longest = max((len(value_in_words(c.value)) for c in settings.values()), default=0)
    values = min(longest, MOST_OF_VALUE)
    rest = max(LINE_WIDTH - names - values - 4, 30)
    for name, choice in settings.items():
        columns = (
            wrap(name, names) or [""],
            wrap(value_in_words(choice.value), values) or [""],
            wrap(choice.reason, rest) or [""],
        )
        for first, second, third in zip_longest(*columns, fillvalue=""):
            yield f"{first:<{names}}  {second:<{values}}  {third}".rstrip()


def in_words(items: Sequence[str]) -> str:
    """A list as it is written: commas, and an "and" before the last."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def cautions_in(settings: Mapping[str, Choice]) -> Settings:
    """Those of the settings that are warnings."""
    return {name: choice for name, choice in settings.items() if isinstance(choice, Caution)}


def choices_of(findings: Iterable[Finding]) -> Settings:
    """All that the findings say, in their order."""
    settings: Settings = {}
    for finding in findings:
        settings |= finding.choices()
    return settings


def warn_of(*findings: Finding) -> None:
    """Log the warnings among what the findings say."""
    warn(*(choice.reason for choice in cautions_in(choices_of(findings)).values()))


def warn(*sentences: str) -> None:
    """Log these warnings, unless they are held back."""
    held = _held_back.get()
    if held is not None:
        held.extend(sentences)
        return
    for sentence in sentences:
        _logger.warning("%s", sentence)


@contextmanager
def held_back() -> Iterator[list[str]]:
    """Keep the warnings of what is tried here: whoever takes it hands them to `warn`.

    Where it fails they are logged, since they may say why.
    """
    held: list[str] = []
    token = _held_back.set(held)
    try:
        yield held
    except BaseException:
        _held_back.reset(token)
        warn(*dict.fromkeys(held))
        raise
    _held_back.reset(token)


def finding_of(findings: Iterable[Finding], kind: type[Kind]) -> Kind | None:
    """The finding of this kind, or None."""
    return next((finding for finding in findings if isinstance(finding, kind)), None)
