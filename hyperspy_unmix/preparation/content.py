"""Checksum of all that an analysis reads: another value, axis or option gives another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.numerics.threads import usable_cores

from .axes_and_metadata import array_axes

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

BYTES_AT_ONCE = 2**23  # of an array, by one thread
WORDS_TOGETHER = 2**14  # of 8 bytes each, that have one sum
MOST_THREADS = 4
PLAIN_TYPES = (type(None), bool, int, float, complex, str, bytes, np.generic)


class _CannotTellError(TypeError):
    """Raised for what has no content that is known without computing it, or none at all."""


def content_of(signal: BaseSignal, options: Preprocessing) -> bytes | None:
    """Checksum of the data, axes and metadata of a signal and of the options, by every byte.

    Which arrays these are counts as well: equal counts in another array are other counts.

    Returns
    -------
    bytes or None
        None where it cannot be told: of lazy signals, whose chunks may come from a file that
        changes, and of metadata that are neither data nor words.
    """
    from hyperspy.api import preferences

    try:
        parts = [
            _of_signal(signal),
            *(_of(getattr(options, option.name)) for option in fields(options)),
            _of(preferences.General.show_progressbar),
        ]
    except _CannotTellError:
        return None
    return _digest(*parts)


def _digest(*parts: bytes) -> bytes:
    """One checksum of several parts, which cannot run into each other."""
    checksum = hashlib.blake2b(digest_size=32)
    for part in parts:
        checksum.update(len(part).to_bytes(8, "little") + part)
    return checksum.digest()


def _of(value: Any) -> bytes:
    """Checksum of an option, or of an entry of the metadata."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".encode()
    if isinstance(value, PLAIN_TYPES):
        return _digest(name, repr(value).encode())
    if isinstance(value, (list, tuple)):
        return _digest(name, *map(_of, value))
    if isinstance(value, Mapping):
        return _digest(name, *(_digest(_of(key), _of(item)) for key, item in value.items()))
    if hasattr(value, "axes_manager"):
        return _of_signal(value)
    if isinstance(value, np.ndarray):
        return _of_array(value)
    raise _CannotTellError(kind)


def _of_signal(signal: Any) -> bytes:
    """Checksum of a signal; what is no signal is refused elsewhere, with a message."""
    if not hasattr(signal, "axes_manager") or not hasattr(signal, "metadata"):
        raise _CannotTellError(type(signal))
    kind = type(signal)
    return _digest(repr(kind).encode(), _of_frame(signal), _of_array(signal.data))


def _of_frame(signal: BaseSignal) -> bytes:
    axes = [axis.get_axis_dictionary() for axis in array_axes(signal)]
    # Not `as_dictionary`, which copies a variance of every value.
    return _digest(_of(axes), _of_tree(signal.metadata))


def _of_tree(tree: Any) -> bytes:
    """Checksum of HyperSpy's metadata, branch by branch."""
    parts = []
    for name, value in tree:
        is_branch = isinstance(value, type(tree))
        parts.append(_digest(str(name).encode(), _of_tree(value) if is_branch else _of(value)))
    return _digest(*parts)


def _of_array(array: Any) -> bytes:
    """Checksum of the values of an array, and of where they are."""
    if type(array) not in (np.ndarray, np.memmap) or array.dtype.hasobject:
        raise _CannotTellError(type(array))
    about = f"{id(array)} {array.dtype.descr} {array.shape}".encode()
    values = array.reshape(1) if array.ndim == 0 else array
    per_row = max(values.nbytes // max(len(values), 1), 1)
    rows = max(BYTES_AT_ONCE // per_row, 1)
    parts = [values[start : start + rows] for start in range(0, len(values), rows)]
    if len(parts) == 1:
        return _digest(about, _of_part(parts[0]))
    # It does not hold Python's lock.
    with ThreadPoolExecutor(min(MOST_THREADS, usable_cores())) as pool:
        return _digest(about, *pool.map(_of_part, parts))


def _of_part(part: NDArray[Any]) -> bytes:
    """Sums of every few words times odd numbers that tell their places.

    64 bits and more against accidents, not against intent: a sixth of the time of a
    cryptographic checksum. The highest bits of a word tell little: each is in the lower half of
    another, that begins four bytes later.
    """
    values = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
    sums = [sum_up for start in (0, 4) for sum_up in _sums_of_words(values[start:])]
    return _digest(*(sum_up.tobytes() for sum_up in sums), values[-8:].tobytes())


def _sums_of_words(values: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Of all words of 8 bytes, `WORDS_TOGETHER` of them together, and of those that are left."""
    words = values[: len(values) // 8 * 8].view(np.uint64)
    together = len(words) // WORDS_TOGETHER * WORDS_TOGETHER
    rows, left = words[:together].reshape(-1, WORDS_TOGETHER), words[together:]
    factors = _odd_numbers()
    # Not products of matrices, which take a fifth longer for integers.
    sums = np.einsum("ij,j->i", rows, factors)
    return sums, np.einsum("i,i->", left, factors[: len(left)], dtype=np.uint64)[None]


@lru_cache(maxsize=1)
def _odd_numbers() -> NDArray[np.uint64]:
    drawn = np.random.default_rng(0).integers(2**64, size=WORDS_TOGETHER, dtype=np.uint64)
    return drawn | np.uint64(1)
