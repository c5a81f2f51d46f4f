"""Settings: every choice made, and why; and the findings that they are made of.

A stage returns its result and a finding, whose fields hold the facts. Only ``choices()`` of a
finding turns facts into sentences; nothing reads them back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

_logger = logging.getLogger(__name__)
Kind = TypeVar("Kind")


class Choice(NamedTuple):
    """A setting and, in plain words, why it is what it is."""

    value: Any
    reason: str


class Caution(Choice):
    """A choice that a reader must look at: the reason says what to do."""

    __slots__ = ()


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
        return repr(self._settings)


def caution(subject: str, hint: str) -> Settings:
    """A warning, as an entry of the settings."""
    return {f"WARNING: {subject}": Caution("look at it with care", hint)}


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
    for choice in cautions_in(choices_of(findings)).values():
        _logger.warning("%s", choice.reason)


def finding_of(findings: Iterable[Finding], kind: type[Kind]) -> Kind | None:
    """The finding of this kind, or None."""
    return next((finding for finding in findings if isinstance(finding, kind)), None)
