"""Results as text and arrays: no pickle, nothing that is run when it is read.

The text is JSON. Numbers, words, None and lists stand for themselves; everything else is an object
with one entry that names it: ``{"array": 3}``, ``{"tuple": [...]}``, ``{"map": {...}}`` or
``{"of": "LowRank", "fields": {...}}``, where only the classes that are listed can be made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PLAIN_TYPES = (bool, int, float, str)  # that JSON has as well
ARRAY_KINDS = "biufcS"  # kinds of numpy's dtypes that can be recorded


class Saved(NamedTuple):
    """A class that can be recorded; what is derived from it is recorded as it.

    Parameters
    ----------
    kind : type
    parts : callable
        Of an object: its fields by name.
    made : callable
        Of the fields by name: the object again.
    """

    kind: type
    parts: Callable[[Any], dict[str, Any]]
    made: Callable[..., Any]


def by_fields(kind: type) -> Saved:
    """A dataclass or named tuple, recorded field by field."""
    names = [f.name for f in fields(kind)] if is_dataclass(kind) else kind._fields  # type: ignore[attr-defined]
    return Saved(kind, lambda value: {name: getattr(value, name) for name in names}, kind)


def can_be_recorded(value: Any) -> bool:
    """Whether a value that is of none of this package's classes can be recorded."""
    try:
        recorded(value, {})
    except TypeError:
        return False
    return True


def recorded(value: Any, saved: Mapping[str, Saved]) -> tuple[str, list[NDArray[Any]]]:
    """Text and arrays from which `restored` makes the value again.

    An array that is in several places is there once.

    Raises
    ------
    TypeError
        If there is something in it that is neither data nor of a class in ``saved``.
    """
    arrays: list[NDArray[Any]] = []
    places: dict[int, int] = {}
    names = {saved_class.kind: name for name, saved_class in saved.items()}

    def place_of(array: NDArray[Any]) -> int:
        if array.dtype.kind not in ARRAY_KINDS:
            raise TypeError(f"an array of {array.dtype} cannot be recorded.")
        if id(array) not in places:
            places[id(array)] = len(arrays)
            arrays.append(array)
        return places[id(array)]

    def written(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "U":
            # HDF5 has no arrays of words.
            return {"words": value.tolist()}
        if isinstance(value, np.ndarray):
            order = {"order": "F"} if _is_by_columns(value) else {}
            return {"array": place_of(value)} | order
        if isinstance(value, np.str_):
            return str(value)
        if isinstance(value, np.generic):
            return {"number": place_of(np.asarray(value))}
        name = next((names[kind] for kind in type(value).__mro__ if kind in names), None)
        if name is not None:
            parts = saved[name].parts(value)
            return {"of": name, "fields": {field: written(part) for field, part in parts.items()}}
        if value is None or type(value) in PLAIN_TYPES:
            return value
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        if isinstance(value, list):
            return [written(item) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [written(item) for item in value]}
        if isinstance(value, dict):
            return {"map": {str(name): written(item) for name, item in value.items()}}
        raise TypeError(f"{value!r} of {type(value)} cannot be recorded.")

    return json.dumps(written(value)), arrays


def _is_by_columns(array: NDArray[Any]) -> bool:
    """Whether it lies in memory column by column, on which the last bit of sums depends."""
    strides = [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]
    return len(strides) > 1 and strides[0] < strides[-1]


def restored(text: str, arrays: Callable[[int], NDArray[Any]], saved: Mapping[str, Saved]) -> Any:
    """What was recorded; ``arrays`` gives the array of a number.

    Raises
    ------
    ValueError, KeyError, TypeError
        If that is not what the text is.
    """
    read_arrays: dict[int, NDArray[Any]] = {}

    def array_at(place: int) -> NDArray[Any]:
        if place not in read_arrays:
            read_arrays[place] = arrays(place)
        return read_arrays[place]

    def read(node: Any) -> Any:
        if isinstance(node, list):
            return [read(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "array" in node:
            array = array_at(node["array"])
            if node.get("order") == "F" and not array.flags.f_contiguous:
                read_arrays[node["array"]] = array = np.asfortranarray(array)
            return array
        if "words" in node:
            # Whatever the file says of their type, they are words.
            return np.array(node["words"], dtype=str)
        if "number" in node:
            return array_at(node["number"])[()]
        if "of" in node:
            if node["of"] not in saved:
                raise ValueError(f"it holds {node['of']!r}, which this version does not know")
            fields_by_name = {name: read(part) for name, part in node["fields"].items()}
            return saved[node["of"]].made(**fields_by_name)
        if "complex" in node:
            return complex(*node["complex"])
        if "tuple" in node:
            return tuple(read(item) for item in node["tuple"])
        return {name: read(item) for name, item in node["map"].items()}

    return read(json.loads(text))
