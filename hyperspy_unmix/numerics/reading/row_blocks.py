"""Spectra that count, read a block of rows at a time, from numpy or dask, spikes and shifts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Index, Mask, Progress, Ticks, silent

from .block import Block, Part
from .block_size import BLOCK_SIZE, SETTING, configured_bytes, short_of_memory

if TYPE_CHECKING:
    from .replaced_values import Spikes


Total = TypeVar("Total")


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
    progress : callable, optional
        ``progress(stage, pixels)`` is a context that gives what is called with the number of
        pixels done.
    """

    data: Any
    pixels: Mask
    channels: Index
    variance: Any = None
    shifts: Index | None = None
    spikes: Spikes | None = None
    dtype: Any = np.float32
    progress: Progress = silent

    @property
    def shape(self) -> tuple[int, int]:
        """(pixels that count, channels that count)."""
        return int(np.count_nonzero(self.pixels)), len(self.channels)

    @property
    def is_lazy(self) -> bool:
        """Whether the data (or their variance) are a dask array."""
        return hasattr(self.data, "dask") or hasattr(self.variance, "dask")

    def drop_pixels(self, rows: Mask) -> RowBlocks:
        """Leave out ``rows``, given over the pixels that count now."""
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
        *given: NDArray[Any],
        stage: str,
    ) -> tuple[Total, NDArray[Any]]:
        """Pass over the spectra once.

        Parameters
        ----------
        function : callable
            Takes the blocks of some of the pixels, in any order, and returns what they add up to
            and an array with a row for each of their pixels (or None).
        combine : callable
            Adds up what several calls of ``function`` returned.
        *given : arrays, each of shape (pixels that count, ...)
            Their rows come with each block.
        stage : str
            What is done, for the progress bar.

        Returns
        -------
        total
            All that ``function`` returned first, combined.
        rows : array, shape (pixels that count, ...)
            All that it returned second, in the order of the pixels.
        """
        try:
            return self._reduced(function, combine, given, stage)
        except MemoryError as error:
            raise short_of_memory(error, stage, self.shape[0], self.is_lazy) from error

    def _reduced(
        self,
        function: Callable[[Iterator[Block]], tuple[Total, NDArray[Any] | None]],
        combine: Callable[[Sequence[Total]], Total],
        given: Sequence[NDArray[Any]],
        stage: str,
    ) -> tuple[Total, NDArray[Any]]:
        if self.is_lazy:
            from .dask_passes import reduce_chunks

            return reduce_chunks(self, function, combine, given, stage)
        part = Part(
            self.pixels, None, self.channels, self.dtype, self.shifts, self.spikes, self.step
        )
        with self.progress(stage, self.shape[0]) as done:
            blocks = _ticking(part.blocks(self.data, self.variance, given), done)
            total, rows = function(blocks)
        return total, np.empty(0) if rows is None else rows

    def rows(
        self, function: Callable[[Block], NDArray[Any]], *given: NDArray[Any], stage: str
    ) -> NDArray[Any]:
        """``function`` of every block, shape (pixels that count, ...)."""

        def on_blocks(blocks: Iterator[Block]) -> tuple[None, NDArray[Any]]:
            return None, np.concatenate([function(block) for block in blocks])

        return self.reduce(on_blocks, lambda _: None, *given, stage=stage)[1]

    @property
    def step(self) -> int:
        """Rows of a block: `BLOCK_SIZE`, unless ``dask.config`` says otherwise."""
        row = int(np.dtype(self.dtype).itemsize * self.data.shape[-1])
        return max(1, configured_bytes(SETTING, BLOCK_SIZE) // row)


def row_blocks(data: Any, variance: Any = None) -> RowBlocks:
    """All pixels and channels of ``data``, shape (..., channels) or (channels,)."""
    if data.ndim == 1:
        data, variance = data[None], None if variance is None else variance[None]
    n_pixels = int(np.prod(data.shape[:-1]))
    return RowBlocks(data, np.ones(n_pixels, bool), np.arange(data.shape[-1]), variance)


def _ticking(blocks: Iterator[Block], done: Ticks) -> Iterator[Block]:
    for block in blocks:
        yield block
        done(len(block.index))
