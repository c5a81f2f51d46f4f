"""Names of the arrays and of the progress that all numerics share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Ticks = Callable[[int], Any]
Progress = Callable[[str, int], AbstractContextManager[Ticks]]


@contextmanager
def silent(stage: str, total: int) -> Iterator[Ticks]:
    """No progress is shown."""
    yield lambda number: None
