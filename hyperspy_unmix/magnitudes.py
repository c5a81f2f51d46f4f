"""How large values are: whether they can be squared, and whether an offset hides their noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .numerics.first_pass import Summary
from .settings import Settings, warn

SMALLEST, LARGEST = 1e-16, 1e24
ALIKE = 1e-3  # of the values: as far as they are from each other


def check_size(summary: Summary, what: str = "signal") -> None:
    """See that the values can be squared in 32-bit numbers.

    Raises
    ------
    ValueError
        If they cannot.
    """
    largest = max(-summary.least, summary.greatest)
    if largest > LARGEST:
        raise ValueError(
            f"{what} holds values up to {largest:.3g}, which are too large: their squares are "
            f"beyond 32-bit numbers. Divide it by a large number (at most {LARGEST:.0e} is "
            "accepted)."
        )
    if 0 < largest < SMALLEST:
        raise ValueError(
            f"{what} holds no values above {largest:.3g}, which are too small: their squares are "
            f"beyond 32-bit numbers. Multiply it by a large number (at least {SMALLEST:.0e} is "
            "needed)."
        )


def look_for_saturation(summary: Summary, dtype: Any, settings: Settings) -> None:
    """A word on whole numbers that reach the greatest of their type."""
    if dtype.kind in "ui" and summary.greatest >= np.iinfo(dtype).max:
        hint = (
            f"values reach {np.iinfo(dtype).max}, the greatest of {dtype.name}: there counts are "
            "cut off, and their spectra have another shape. Leave these pixels out with "
            "navigation_mask, or record them with a shorter exposure"
        )
        warn(settings, "saturated", hint)


def look_for_offset(summary: Summary, settings: Settings) -> None:
    """A word on data all of whose values are next to the same: their scatter is as rounding."""
    least, greatest = summary.least, summary.greatest
    if 0 < greatest - least < ALIKE * max(-least, greatest):
        hint = (
            f"all values lie between {least:.8g} and {greatest:.8g}: beside an offset so large "
            f"their noise passes for rounding. Subtract it: signal - {least:.8g}"
        )
        warn(settings, "offset", hint)
