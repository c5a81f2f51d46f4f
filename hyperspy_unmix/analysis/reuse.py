"""What was made of a signal last, used again as long as the signal and the options are the same.

`pca`, `estimate_number_of_components` and `unmix` of the same signal begin alike. What they have in
common is kept for the last signal that was analysed, as long as the signal itself lives: sums over
its spectra (first pass), scores, components. The counts are not copied.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.content import content_of

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

Made = TypeVar("Made")
PACKAGE = "hyperspy_unmix"


@dataclass(frozen=True)
class _Step:
    """What a step made, of which arguments, and the warnings that it gave."""

    arguments: tuple[Any, ...]
    made: Any
    warnings: tuple[logging.LogRecord, ...]


@dataclass
class Steps:
    """The steps of one analysis, each kept as it was made last.

    Parameters
    ----------
    signal : weakref, optional
        What is analysed.
    content : bytes, optional
        Of signal and options, see `content_of`.
    """

    signal: weakref.ref[Any] | None = None
    content: bytes | None = None
    _steps: dict[str, _Step] = field(default_factory=dict, repr=False)

    def once(self, name: str, arguments: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """What ``make`` returns, or returned when it was last called for these ``arguments``.

        The warnings that it gave are given again.
        """
        step = self._steps.get(name)
        if step is not None and step.arguments == arguments:
            for record in step.warnings:
                logger = logging.getLogger(record.name)
                if logger.isEnabledFor(record.levelno):
                    logger.handle(record)
            made: Made = step.made
            return made
        with _recorded_warnings() as records:
            made = make()
        self._steps[name] = _Step(arguments, made, tuple(records))
        return made

    def forget(self) -> None:
        """Make everything anew."""
        self._steps.clear()


_last = Steps()


def steps_of(signal: BaseSignal, options: Preprocessing) -> Steps:
    """The steps of the last analysis, if it was of this signal as it is now and these options."""
    global _last
    content = content_of(signal, options)
    if content is None:
        return Steps()
    last = _last
    if last.content == content and last.signal is not None and last.signal() is signal:
        return last
    # Nothing is kept of a signal that is no more.
    steps = Steps(content=content)
    steps.signal = weakref.ref(signal, lambda _: steps.forget())
    _last = steps
    return steps


def protect(value: Made) -> Made:
    """The same, its arrays made read-only: what is used again must not be changed."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, (tuple, list)):
        for item in value:
            protect(item)
    elif isinstance(value, Mapping):
        protect(list(value.values()))
    elif is_dataclass(value):
        for part in fields(value):
            protect(getattr(value, part.name))
    return value


@contextmanager
def _recorded_warnings() -> Iterator[list[logging.LogRecord]]:
    """The warnings that this thread logs meanwhile; they are logged all the same."""
    handler = _Recorder()
    logger = logging.getLogger(PACKAGE)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)


class _Recorder(logging.Handler):
    """Keeps the warnings of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.records.append(record)
