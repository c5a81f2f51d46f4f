"""A block of the spectra that count, and the reader that cuts it out of the rows of the data."""

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
    per_pixel : tuple of arrays, each of shape (rows, ...)
        Their rows of the arrays that were given for every pixel that counts.
    """

    spectra: NDArray[Any]
    variance: NDArray[Any] | None
    index: Index
    per_pixel: tuple[NDArray[Any], ...] = ()


@dataclass(frozen=True)
class RowReader:
    """Cuts blocks of what counts out of rows of the data; holds no data itself.

    Parameters
    ----------
    pixels : bool array, shape (rows,)
        The rows that count.
    index : int array, shape (rows that count,), optional
        Which they are of all pixels that count; None: all of them.
    channels, dtype, shifts, spikes
        As in `RowBlocks`, of these rows.
    step : int
        Rows of a block.
    """

    pixels: Mask
    index: Index | None
    channels: Index
    dtype: Any
    shifts: Index | None
    spikes: Spikes | None
    step: int

    def blocks(
        self,
        data: NDArray[Any],
        variance: NDArray[Any] | None,
        per_pixel: Sequence[NDArray[Any]],
        part: range | None = None,
    ) -> Iterator[Block]:
        """What counts, a block at a time; ``data`` and ``variance`` are those of the rows.

        ``part`` are the rows to be read, default all.
        """
        part = range(len(self.pixels)) if part is None else part
        first = int(np.count_nonzero(self.pixels[: part.start]))
        for start in range(part.start, part.stop, self.step):
            rows = slice(start, min(start + self.step, part.stop))
            last = first + int(np.count_nonzero(self.pixels[rows]))
            if last == first:
                continue
            counted = slice(first, last)
            spectra, block_variance = self._read(data, variance, rows)
            yield Block(
                spectra,
                block_variance,
                np.arange(first, last) if self.index is None else self.index[counted],
                tuple(array[counted] for array in per_pixel),
            )
            first = last

    def _read(
        self, data: NDArray[Any], variance: NDArray[Any] | None, rows: slice
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Spectra and variance of the rows, with spikes replaced and shifts applied."""
        spectra = _read_rows(data, rows)
        block_variance = None if variance is None else _read_rows(variance, rows)
        if self.spikes is not None:
            spikes = self.spikes.select_rows(rows.start, rows.stop)
            spectra = _replace_spikes(spectra, spikes, spikes.values)
            if block_variance is not None and spikes.variances is not None:
                block_variance = _replace_spikes(block_variance, spikes, spikes.variances)
        spectra = self._select(spectra, rows)
        return spectra, None if block_variance is None else self._select(block_variance, rows)

    def _select(self, block: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Pixels and channels that count, shifted, in ``dtype``; a copy only where needed."""
        if self.shifts is not None and self.shifts[rows].any():
            n_channels = block.shape[1]
            source = (np.arange(n_channels) - self.shifts[rows][:, None]) % n_channels
            block = np.take_along_axis(block, source, 1)
        first, last = self.channels[0], self.channels[-1] + 1
        are_consecutive = last - first == len(self.channels)
        # A fifth of the time of an index in brackets.
        block = block[:, first:last] if are_consecutive else block.take(self.channels, 1)
        if not self.pixels[rows].all():
            block = block[self.pixels[rows]]
        with np.errstate(over="ignore"):
            selected = np.ascontiguousarray(block, dtype=self.dtype).view()
        # This may be a view of the user's own data: whoever tries to overwrite it gets an error.
        selected.flags.writeable = False
        return selected


def _read_rows(data: NDArray[Any], rows: slice) -> NDArray[Any]:
    """Rows of the flattened data, without a copy of the whole where it is not C-ordered."""
    if data.ndim == 2:
        return np.asarray(data[rows])
    if data.flags.c_contiguous:
        return np.asarray(data.reshape(-1, data.shape[-1])[rows])
    index = np.unravel_index(np.arange(rows.start, rows.stop), data.shape[:-1])
    return np.asarray(data[index])


def _replace_spikes(block: NDArray[Any], spikes: Spikes, values: NDArray[Any]) -> NDArray[Any]:
    """The block with other values where the spikes are; a copy only if there are any."""
    if len(spikes):
        block = block.copy()
        block[spikes.pixels, spikes.channels] = values
    return block
