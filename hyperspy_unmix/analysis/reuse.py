"""What was made of a signal last, used again as long as the signal and the options are the same.

`pca`, `estimate_number_of_components` and `unmix` of the same signal begin alike. What they have in
common is kept for the last signal that was analysed, as long as the signal itself lives: sums over
its spectra (first pass), scores, components. The counts are not copied.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.content import content_of

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

Made = TypeVar("Made")


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
    _steps: dict[str, tuple[tuple[Any, ...], Any]] = field(default_factory=dict, repr=False)

    def once(
        self,
        name: str,
        arguments: tuple[Any, ...],
        make: Callable[[], Made],
        again: Callable[[Made], None] | None = None,
    ) -> Made:
        """What ``make`` returns, or returned when it was last called for these ``arguments``.

        In the second case ``again`` is called with it, for warnings that are to be given each time.
        """
        former = self._steps.get(name)
        if former is not None and former[0] == arguments:
            known: Made = former[1]
            if again is not None:
                again(known)
            return known
        new = make()
        self._steps[name] = arguments, new
        return new

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
