"""The spectra that count, read from numpy or dask arrays a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Index, Mask

from .array_passes import reduce_array
from .block import Block
from .block_size import short_of_memory
from .selection import Selection

Total = TypeVar("Total")


@dataclass(frozen=True)
class RowBlocks(Selection):
    """The spectra of a `Selection`, read a block of rows at a time; it has the same fields."""

    def drop_pixels(self, rows: Mask) -> RowBlocks:
        """Leave out ``rows``, a mask over the pixels that count now."""
        pixels = self.pixels.copy()
        pixels[pixels] = ~rows
        return replace(self, pixels=pixels)

    def select_channels(self, channels: Index) -> RowBlocks:
        """Read other channels of the same pixels."""
        return replace(self, channels=channels)

    def reduce(
        self,
        function: Callable[[Iterator[Block]], tuple[Total, NDArray[Any] | None]],
        combine: Callable[[Sequence[Total]], Total],
        *per_pixel: NDArray[Any],
        stage: str,
        at_once: bool = False,
    ) -> tuple[Total, NDArray[Any]]:
        """Pass over the spectra once.

        Parameters
        ----------
        function : callable
            Takes the blocks of some of the pixels, in any order, and returns what they add up to
            and an array with a row for each of their pixels (or None).
        combine : callable
            Adds up what several calls of ``function`` returned.
        *per_pixel : arrays, each of shape (pixels that count, ...)
            Their rows come with each block, as `Block.per_pixel`.
        stage : str
            What is done, for the progress bar.
        at_once : bool
            Give ``function`` all blocks of an array in memory: what it does keeps all cores busy.
            Else each core has a part of them.

        Returns
        -------
        total
            All that ``function`` returned first, combined.
        rows : array, shape (pixels that count, ...)
            All that it returned second, in the order of the pixels.
        """
        try:
            if self.is_lazy:
                from .dask_passes import reduce_chunks

                return reduce_chunks(self, function, combine, per_pixel, stage)
            return reduce_array(self, function, combine, per_pixel, stage, at_once=at_once)
        except MemoryError as error:
            raise short_of_memory(error, stage, self.shape[0], self.is_lazy) from error

    def rows(
        self, function: Callable[[Block], NDArray[Any]], *per_pixel: NDArray[Any], stage: str
    ) -> NDArray[Any]:
        """``function`` of every block, shape (pixels that count, ...)."""
        if not self.is_lazy:
            # Each block's rows are written to their place: there is no second copy of them.
            rows = _RowsInPlace(self.shape[0], function)
            return self.reduce(rows.write, lambda _: rows.all, *per_pixel, stage=stage)[0]

        def on_blocks(blocks: Iterator[Block]) -> tuple[None, NDArray[Any]]:
            return None, np.concatenate([function(block) for block in blocks])

        return self.reduce(on_blocks, lambda _: None, *per_pixel, stage=stage)[1]


def row_blocks(data: Any, variance: Any = None) -> RowBlocks:
    """All pixels and channels of ``data``, shape (..., channels) or (channels,)."""
    if data.ndim == 1:
        data, variance = data[None], None if variance is None else variance[None]
    n_pixels = int(np.prod(data.shape[:-1]))
    return RowBlocks(data, np.ones(n_pixels, bool), np.arange(data.shape[-1]), variance)


class _RowsInPlace:
    """``function`` of the blocks of an array in memory, in one array with a row for each pixel."""

    def __init__(self, n_pixels: int, function: Callable[[Block], NDArray[Any]]) -> None:
        self._n_pixels, self._function, self._lock = n_pixels, function, Lock()
        self.all: NDArray[Any] = np.empty(0)

    def write(self, parts: Iterator[Block]) -> tuple[NDArray[Any], None]:
        """The rows of a part of the pixels; returns those of all, written or not."""
        for block in parts:
            rows = self._function(block)
            with self._lock:
                if not len(self.all):
                    self.all = np.empty((self._n_pixels, *rows.shape[1:]), rows.dtype)
            self.all[block.index[0] : block.index[-1] + 1] = rows
        return self.all, None
