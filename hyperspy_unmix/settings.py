"""Settings: every choice made, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_logger = logging.getLogger(__name__)


class Choice(NamedTuple):
    """A setting and, in plain words, why it is what it is."""

    value: Any
    reason: str


Settings = dict[str, Choice]


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


WARNING = "WARNING: "


def warnings_in(settings: Mapping[str, Choice]) -> Settings:
    """Those of the settings that are warnings."""
    return {name: choice for name, choice in settings.items() if name.startswith(WARNING)}


def warn(settings: Settings, subject: str, hint: str) -> None:
    """Put a warning on record, and say it."""
    settings[f"{WARNING}{subject}"] = Choice("look at it with care", hint)
    _logger.warning("%s", hint)
