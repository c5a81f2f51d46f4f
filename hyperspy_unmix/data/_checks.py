"""Checks of what a caller asked for, with the reason in the error."""

import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

# Smallest and largest value, and units. A boundary inclined further is wider than any scan; more
# drift would bring in energies that are not simulated.
_RANGES = {
    "wedge": (-1.9, 1.9, ""),
    "inclination": (0, 80, " degrees"),
    "drift": (0, 50, " channels"),
}
_MAY_BE_ZERO = ("probe", "particles")
_WHOLE = ("particles",)


def check_shape(shape: Any) -> tuple[int, int]:
    """Return `shape` as two positive integers (rows, columns)."""
    try:
        rows, columns = (operator.index(n) for n in shape)
    except (TypeError, ValueError):
        rows = columns = 0
    if min(rows, columns) < 1:
        raise ValueError(f"shape must be two positive integers (rows, columns), got {shape!r}")
    return rows, columns


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_numbers(values: Mapping[str, Any]) -> None:
    """Raise unless every value is a finite number in the range that its name allows."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"{name} must be a number, got {value!r}")
        if name in _RANGES:
            low, high, units = _RANGES[name]
            good, need = low <= value <= high, f"between {low} and {high}{units}"
        elif name in _MAY_BE_ZERO:
            good, need = 0 <= value < np.inf, "finite and not negative"
        else:
            good, need = 0 < value < np.inf, "finite and positive"
        if not good:
            raise ValueError(f"{name} must be {need}, got {value!r}")
        if name in _WHOLE and value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}")


def override(defaults: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Defaults of the parameter file with what the caller gave in their place, checked."""
    given = {name: value for name, value in given.items() if value is not None}
    check_numbers(given)
    return {**defaults, **given}
