"""Read spectra in row blocks, from numpy or dask: the only place that knows where data live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .spikes import Spikes

BLOCK_BYTES = 16 * 2**20
DASK_BATCH = 16


@dataclass(frozen=True)
class RowBlocks:
    """The pixels and channels of a spectrum image that count, read a block of rows at a time.

    Parameters
    ----------
    data : array, shape (..., channels)
        numpy or dask, any real dtype; never modified and never copied as a whole.
    pixels : bool array, shape (all pixels,)
        Pixels that count, in the array's own (C) order.
    channels : int array
        Channels that count, ascending.
    variance : array, optional
        Variance of ``data``, of the same shape.
    shifts : int array, shape (all pixels,), optional
        Whole channels by which each spectrum is moved to higher channels as it is read; what
        leaves one end enters at the other.
    spikes : Spikes, optional
        Single values that are replaced as they are read, before the spectra are moved.
    dtype : dtype
        Of the blocks: float32, or float64 where that would lose counts.
    """

    data: Any
    pixels: NDArray[np.bool_]
    channels: NDArray[np.intp]
    variance: Any = None
    shifts: NDArray[np.intp] | None = None
    spikes: Spikes | None = None
    dtype: Any = np.float32

    @property
    def shape(self) -> tuple[int, int]:
        """(pixels that count, channels that count)."""
        return int(self.pixels.sum()), len(self.channels)

    @property
    def is_lazy(self) -> bool:
        """Whether the data (or their variance) are a dask array."""
        return hasattr(self.data, "dask") or hasattr(self.variance, "dask")

    def without(self, rows: NDArray[np.bool_]) -> RowBlocks:
        """Leave out ``rows``, given over the pixels that count now."""
        pixels = self.pixels.copy()
        pixels[pixels] = ~rows
        return replace(self, pixels=pixels)

    def with_channels(self, channels: NDArray[np.intp]) -> RowBlocks:
        """Read other channels of the same pixels."""
        return replace(self, channels=channels)

    def map(self, function: Callable[..., Any], *per_pixel: NDArray[Any]) -> Iterator[Any]:
        """Yield ``function(spectra, variance, *rows_of_per_pixel)`` of every block, in order.

        ``spectra`` has shape (rows, channels); ``variance`` likewise, or None.
        Neither can be overwritten.
        """
        if self.is_lazy:
            yield from self._map_dask(function, per_pixel)
            return
        first = 0
        n_all = len(self.pixels)
        step = max(1, BLOCK_BYTES // (4 * self.data.shape[-1]))
        for start in range(0, n_all, step):
            all_rows = slice(start, min(start + step, n_all))
            kept = self.pixels[all_rows]
            if not kept.any():
                continue
            rows = slice(first, first + int(kept.sum()))
            variance = None if self.variance is None else _rows(self.variance, all_rows)
            spectra, variance = self._read(_rows(self.data, all_rows), variance, start)
            yield function(spectra, variance, *(a[rows] for a in per_pixel))
            first = rows.stop

    def _read(
        self, data: NDArray[Any], variance: NDArray[Any] | None, start: int
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """What counts of the rows from pixel ``start``, and its variance."""
        rows = slice(start, start + len(data))
        chosen = self.pixels[rows], self.channels, self.dtype
        shifts = None if self.shifts is None else self.shifts[rows]
        if self.spikes is not None:
            spikes = self.spikes.within(rows.start, rows.stop)
            data = _replaced(data, spikes, spikes.values)
            if variance is not None and spikes.variances is not None:
                variance = _replaced(variance, spikes, spikes.variances)
        spectra = _take(data, *chosen, shifts)
        return spectra, None if variance is None else _take(variance, *chosen, shifts)

    def _map_dask(
        self, function: Callable[..., Any], per_pixel: Sequence[NDArray[Any]]
    ) -> Iterator[Any]:
        import dask

        def on_block(block: Any, variance: Any, start: int, *rows: NDArray[Any]) -> Any:
            return function(*self._read(block, variance, start), *rows)

        data = _dask_rows(self.data)
        blocks = data.to_delayed().ravel()
        variances: Sequence[Any] = [None] * len(blocks)
        if self.variance is not None:
            variances = _dask_rows(self.variance, data.chunks).to_delayed().ravel()
        tasks, start, first = [], 0, 0
        for length, block, variance in zip(data.chunks[0], blocks, variances, strict=True):
            kept = self.pixels[start : start + length]
            at, start = start, start + length
            if not kept.any():
                continue
            rows = slice(first, first + int(kept.sum()))
            first = rows.stop
            arrays = [a[rows] for a in per_pixel]
            tasks.append(dask.delayed(on_block, pure=False)(block, variance, at, *arrays))
        # a batch at a time, so that results waiting for their turn do not pile up in memory
        for batch in range(0, len(tasks), DASK_BATCH):
            yield from dask.compute(*tasks[batch : batch + DASK_BATCH])


def row_blocks(data: Any, variance: Any = None) -> RowBlocks:
    """All pixels and channels of ``data``, shape (..., channels) or (channels,)."""
    if data.ndim == 1:
        data, variance = data[None], None if variance is None else variance[None]
    n_pixels = int(np.prod(data.shape[:-1]))
    return RowBlocks(data, np.ones(n_pixels, bool), np.arange(data.shape[-1]), variance)


def _rows(data: Any, rows: slice) -> NDArray[Any]:
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
    kept: NDArray[np.bool_],
    channels: NDArray[np.intp],
    dtype: Any,
    shifts: NDArray[np.intp] | None = None,
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


def _dask_rows(data: Any, chunks: Any = None) -> Any:
    """A dask array of shape (pixels, channels) whose chunks span the channels."""
    import dask.array as da

    if not hasattr(data, "dask"):
        data = da.from_array(data)
    n_channels = data.shape[-1]
    whole = dict.fromkeys(range(1, data.ndim), -1)
    data = data.rechunk({0: "auto", **whole}) if data.ndim > 1 else data[None]
    rows = data.reshape(-1, n_channels)
    return rows if chunks is None else rows.rechunk(chunks)
