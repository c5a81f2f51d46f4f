"""The choices that were made in the interactive tool, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperspy_unmix.results.pca import PCA
from hyperspy_unmix.results.unmixing import Unmixing

MOST_STEPS = 100  # that can be undone


@dataclass(frozen=True)
class Step:
    """A result, and the choices that gave it.

    Parameters
    ----------
    traits : mapping of str to object
        Number, window, assumption and the rest as the widgets show them.
    pca, result : PCA, Unmixing
    background, window : tuple of float, str or None
        What is subtracted; the last window that was.
    """

    traits: Mapping[str, Any]
    pca: PCA
    result: Unmixing
    background: Any
    window: Any


class History:
    """The steps so far; the first one stays, however many there are."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        """One more, unless it is the last one again."""
        if self._steps and self._steps[-1].result is step.result:
            return
        self._steps.append(step)
        if len(self._steps) > MOST_STEPS:
            del self._steps[1]

    def back(self) -> Step:
        """The step before the last, which is forgotten; the first one again where it is alone."""
        if len(self._steps) > 1:
            self._steps.pop()
        return self._steps[-1]

    def first(self) -> Step:
        """The first step; all others are forgotten."""
        del self._steps[1:]
        return self._steps[0]

    def __len__(self) -> int:
        """Steps that can be undone."""
        return len(self._steps) - 1
