"""A block of the spectra that count, and the rows that it is read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Index, Mask

if TYPE_CHECKING:
    from .replaced_values import Spikes


@dataclass(frozen=True)
class Block:
    """Some of the spectra that count.

    Parameters
    ----------
    spectra : array, shape (rows, channels)
        Not to be overwritten.
    variance : array or None, of the same shape
    index : int array, shape (rows,)
        Which they are of the pixels that count.
    given : tuple of arrays, each of shape (rows, ...)
        Their part of what was given for every pixel that counts.
    """

    spectra: NDArray[Any]
    variance: NDArray[Any] | None
    index: Index
    given: tuple[NDArray[Any], ...] = ()


@dataclass(frozen=True)
class Part:
    """Rows of the data that lie together, and what counts of them; holds no data itself.

    Parameters
    ----------
    kept : bool array, shape (rows,)
    index : int array, shape (rows kept,), optional
        Which they are of all pixels that count; None: all of them.
    channels, dtype, shifts, spikes
        As in `RowBlocks`, of these rows.
    step : int
        Rows of a block.
    """

    kept: Mask
    index: Index | None
    channels: Index
    dtype: Any
    shifts: Index | None
    spikes: Spikes | None
    step: int

    def blocks(
        self, data: NDArray[Any], variance: NDArray[Any] | None, given: Sequence[NDArray[Any]]
    ) -> Iterator[Block]:
        """What counts, a block at a time; ``data`` and ``variance`` are those of the rows."""
        first = 0
        for start in range(0, len(self.kept), self.step):
            rows = slice(start, min(start + self.step, len(self.kept)))
            last = first + int(np.count_nonzero(self.kept[rows]))
            if last == first:
                continue
            own = slice(first, last)
            index = np.arange(first, last) if self.index is None else self.index[own]
            yield Block(*self._read(data, variance, rows), index, tuple(a[own] for a in given))
            first = last

    def _read(
        self, data: NDArray[Any], variance: NDArray[Any] | None, rows: slice
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        spectra = _rows(data, rows)
        of_these = None if variance is None else _rows(variance, rows)
        if self.spikes is not None:
            spikes = self.spikes.select_rows(rows.start, rows.stop)
            spectra = _replaced(spectra, spikes, spikes.values)
            if of_these is not None and spikes.variances is not None:
                of_these = _replaced(of_these, spikes, spikes.variances)
        shifts = None if self.shifts is None else self.shifts[rows]
        chosen = self.kept[rows], self.channels, self.dtype, shifts
        return _take(spectra, *chosen), None if of_these is None else _take(of_these, *chosen)


def _rows(data: NDArray[Any], rows: slice) -> NDArray[Any]:
    """Rows of the flattened data, without a copy of the whole where it is not C-ordered."""
    if data.ndim == 2:
        return np.asarray(data[rows])
    if data.flags.c_contiguous:
        return np.asarray(data.reshape(-1, data.shape[-1])[rows])
    index = np.unravel_index(np.arange(rows.start, rows.stop), data.shape[:-1])
    return np.asarray(data[index])


def _replaced(block: NDArray[Any], spikes: Spikes, values: NDArray[Any]) -> NDArray[Any]:
    """The block with other values where the spikes are; a copy only if there are any."""
    if len(spikes):
        block = block.copy()
        block[spikes.pixels, spikes.channels] = values
    return block


def _take(
    block: NDArray[Any],
    kept: Mask,
    channels: Index,
    dtype: Any,
    shifts: Index | None = None,
) -> NDArray[Any]:
    """Pixels and channels that count, in ``dtype``; a copy only where one is needed."""
    if shifts is not None and shifts.any():
        n_channels = block.shape[1]
        index = (np.arange(n_channels) - shifts[:, None]) % n_channels
        block = np.take_along_axis(block, index, 1)
    first, last = channels[0], channels[-1] + 1
    consecutive = last - first == len(channels)
    block = block[:, first:last] if consecutive else block[:, channels]
    if not kept.all():
        block = block[kept]
    with np.errstate(over="ignore"):
        taken = np.ascontiguousarray(block, dtype=dtype).view()
    # it may be the user's own data: to overwrite it is an error
    taken.flags.writeable = False
    return taken
