"""Checks of what a caller asked for, with the reason in the error."""

import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

_LARGEST_INCLINATION = 80.0  # degrees; beyond it the boundary is wider than any scan


def check_shape(shape: Any) -> tuple[int, int]:
    """Return `shape` as two positive integers (rows, columns)."""
    try:
        rows, columns = (operator.index(n) for n in shape)
    except (TypeError, ValueError):
        rows = columns = 0
    if min(rows, columns) < 1:
        raise ValueError(f"shape must be two positive integers (rows, columns), got {shape!r}")
    return rows, columns


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_numbers(values: Mapping[str, Any]) -> None:
    """Raise unless every value is a finite number in the range that its name allows."""
    for name, value in values.items():
        low, high = {"wedge": (-1.9, 1.9), "inclination": (0, _LARGEST_INCLINATION)}.get(
            name, (0, np.inf)
        )
        zero_allowed = name in ("wedge", "inclination", "probe", "drift", "particles")
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"{name} must be a number, got {value!r}")
        if not (np.isfinite(value) and low <= value <= high and (zero_allowed or value != 0)):
            units = " degrees" if name == "inclination" else ""
            need = f"between {low:g} and {high:g}{units}" if high < np.inf else "finite and "
            if high == np.inf:
                need += "not negative" if zero_allowed else "positive"
            raise ValueError(f"{name} must be {need}, got {value!r}")


def override(defaults: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Defaults of the parameter file with what the caller gave in their place, checked."""
    given = {name: value for name, value in given.items() if value is not None}
    check_numbers(given)
    return {**defaults, **given}
