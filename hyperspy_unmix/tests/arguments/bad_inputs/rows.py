"""A row of the table: what is given, in plain words and in code, and what happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.scenes import SHAPE, two_phases

FULL = (*SHAPE, 80)
LONGEST = 260  # of what happens, on the page
ANY = object()


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is given to `hyperspy_unmix.unmix`.

    Parameters
    ----------
    given : str
        In a microscopist's words.
    signal : callable
        Makes the signal.
    keywords : mapping
        Values may be functions, called for each run.
    lazy : bool
        Whether HyperSpy's ``as_lazy`` leaves what the row is about as it is.
    readable : bool
        Whether the data can be read, and so compared with what they were.
    defect : str
        What is wrong with the package here; the row is expected to fail until that is mended.
    """

    given: str
    signal: Callable[[], Any] = two_phases
    keywords: Mapping[str, Any] = field(default_factory=dict)
    lazy: bool = True
    readable: bool = True
    defect: str = ""

    def make(self, lazy: bool) -> tuple[Any, dict[str, Any]]:
        """The signal and the keywords; lazy, where dask takes the data."""
        s = self.signal()
        if lazy and self.lazy and can_be_lazy(s):
            s = s.as_lazy()
        return s, {k: v() if callable(v) else v for k, v in self.keywords.items()}


@dataclass(frozen=True, kw_only=True)
class Refused(Row):
    """An error: its type, and a pattern of its words.

    ``stages``: whether every stage that comes before the unmixing says the same.
    """

    error: Any = ValueError
    says: str
    stages: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """A result that another one must be: of what, in words and in code.

    ``change`` takes spectra and maps to what they must be; ``tolerance`` is relative to the
    greatest value. By default 1e-4: the same numbers, added in another order in float32 (6e-8),
    which principal components and ICA turn into up to 1e-5.
    """

    words: str
    signal: Callable[[], Any] = two_phases
    keywords: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[Any, Any], tuple[Any, Any]] = lambda spectra, maps: (spectra, maps)
    tolerance: float = 1e-4


@dataclass(frozen=True, kw_only=True)
class Accepted(Row):
    """A result: what it states, and what it equals.

    Parameters
    ----------
    setting : str
        The entry of ``u.settings`` that states what was done.
    value : object
        Of the setting.
    says : str
        Pattern of the words of its reason.
    truth : Truth, optional
    masked : array, optional
        Pixels that are NaN in the maps; no others are.
    excluded : array, optional
        Channels that are NaN in the spectra; no others are.
    """

    setting: str = ""
    value: Any = ANY
    says: str = ""
    truth: Truth | None = None
    masked: Any = None
    excluded: Any = None


def in_words(row: Row, outcome: Any) -> str:
    """What happened when the row was run: the words of the error, or those of the result."""
    if row.defect:
        return f"not as it should be yet: {row.defect}"
    if isinstance(outcome, Exception):
        return f"{type(outcome).__name__}: {outcome}"
    said = []
    if row.setting:
        value, reason = outcome.settings[row.setting]
        told = f"{value:.4g}" if isinstance(value, float) else value
        said.append(f"{row.setting}: {told} ({reason})")
    if row.truth is not None:
        said.append(f"the result is that of {row.truth.words}")
    return "; ".join(said)


def shown(row: Row) -> str:
    """What is given, as Markdown shows it in a table; code stays code."""
    return row.given.replace("|", r"\|")


def cell(words: str) -> str:
    """Words as Markdown shows them in a table, shortened where they are long."""
    plain = " ".join(words.split())
    if len(plain) > LONGEST:
        plain = plain[:LONGEST].rsplit(" ", 1)[0] + " …"
    return re.sub(r"([\\`*_{}\[\]<>|$&#~])", r"\\\1", plain)


def can_be_lazy(s: Any) -> bool:
    """Whether dask takes the data: it wants numbers, and some of them."""
    return isinstance(s, hs.signals.BaseSignal) and s.data.size > 0 and s.data.dtype.kind != "M"


def of(data: Any) -> Callable[[], Any]:
    """A plain signal of a copy of ``data``."""
    return lambda: hs.signals.Signal1D(np.array(data))


def filled(value: float, dtype: Any = float) -> Callable[[], Any]:
    """A plain signal of one value."""
    return of(np.full(FULL, value, dtype))


def bad_values(where: Any, value: float, make: Callable[[], Any] = two_phases) -> Any:
    """The scene with other values in some places."""

    def changed() -> Any:
        s = make()
        s.data[where] = value
        return s

    return changed


def some_pixels(where: Any, dtype: Any = bool) -> Any:
    """A mask of these pixels."""
    mask = np.zeros(SHAPE, dtype)
    mask[where] = 1
    return mask


def some_channels(where: Any) -> Any:
    """A mask of these channels."""
    mask = np.zeros(FULL[-1], bool)
    mask[where] = True
    return mask
