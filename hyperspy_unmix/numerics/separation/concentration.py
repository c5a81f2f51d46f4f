"""Whether a component lies in one pixel, or in one line of the scan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

LEAST_SHARE = 0.5  # of a component's counts, and of their squares, in one place
FEWEST_PIXELS = 16  # fewer hold so much by chance, or because there is little else
FEWEST_LINES = 8


class Concentration(NamedTuple):
    """Where most of a component is: a pixel or a line, and the share of the counts there."""

    place: int
    share: float


def in_one_place(values: Floats, place: Index, fewest: int) -> Concentration | None:
    """The place that holds most of a map, or None where there is none.

    Both the counts and their squares have to say so: noise adds up to next to nothing in the first,
    what is left of two signs to nothing in the second.

    Parameters
    ----------
    values : array, shape (pixels,)
        Map of a component.
    place : int array, shape (pixels,)
        Number of the place that each pixel is in.
    fewest : int
        Places that there have to be.
    """
    if len(np.unique(place)) < fewest:
        return None
    total = float(values.sum())
    counts = np.bincount(place, values) * np.sign(total)
    squares = np.bincount(place, values**2)
    most = int(counts.argmax())
    power_share = squares[most] / max(float(squares.sum()), np.finfo(float).tiny)
    share = counts[most] / max(abs(total), counts[most], np.finfo(float).tiny)
    if share <= LEAST_SHARE or power_share <= LEAST_SHARE:
        return None
    return Concentration(most, float(share))
