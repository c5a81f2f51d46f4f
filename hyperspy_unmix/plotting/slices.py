"""One slice of a scan of three axes or more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .maps_and_labels import label

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def slice_of(one: BaseSignal, at: int | Sequence[int]) -> BaseSignal:
    """A map of a component at a place along its further scan axes, in HyperSpy's order.

    Raises
    ------
    ValueError
        If there is no such slice.
    """
    axes = one.axes_manager.navigation_axes
    places = [at] if isinstance(at, (int, np.integer)) else list(at)
    sizes = [axis.size for axis in axes]
    are_places = all(isinstance(p, (int, np.integer)) and not isinstance(p, bool) for p in places)
    if not axes:
        raise ValueError(f"at={at!r}: the scan is one map, there are no slices: leave it out.")
    if len(places) != len(sizes) or not are_places:
        raise ValueError(f"at={at!r}: {len(sizes)} whole numbers are needed, one for each axis.")
    if not all(-size <= place < size for place, size in zip(places, sizes, strict=True)):
        last = ", ".join(str(size - 1) for size in sizes)
        raise ValueError(f"at={at!r}: there are slices from 0 to {last}.")
    return one.inav[tuple(int(place) for place in places)]


def in_words_of(one: BaseSignal, at: int | Sequence[int]) -> str:
    """Where a slice is: ``z = 3 nm``."""
    places = [at] if isinstance(at, (int, np.integer)) else list(at)
    parts = []
    for axis, place in zip(one.axes_manager.navigation_axes, places, strict=True):
        name = label(axis, "slice").split(" (")[0]
        units = "" if "undefined" in str(axis.units) else f" {axis.units}"
        parts.append(f"{name} = {float(axis.axis[place]):.4g}{units}")
    return ", ".join(parts)
