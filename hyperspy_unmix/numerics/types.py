"""Types that all numerics share: arrays, and how progress is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Called with the number of pixels done since the last call.
Ticks = Callable[[int], Any]
# Called with the name of a stage and its number of pixels, gives the `Ticks` of that stage.
Progress = Callable[[str, int], AbstractContextManager[Ticks]]


@contextmanager
def silent(stage: str, total: int) -> Iterator[Ticks]:
    """Show no progress: a `Progress` that does nothing."""
    yield lambda pixels: None
