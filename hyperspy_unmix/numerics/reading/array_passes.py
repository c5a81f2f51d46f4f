"""Passes over arrays in memory: a part of the spectra for each core, their totals combined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import pairwise
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.threads import one_blas_thread, usable_cores
from hyperspy_unmix.numerics.types import Ticks

from .block import Block, RowReader
from .selection import Selection

MOST_PARTS = 4  # each holds sums of its own
LEAST_BLOCKS_OF_PART = 4  # with fewer, the threads cost more than they save
SECONDS_BETWEEN_TICKS = 0.1


def reduce_array(
    blocks: Selection,
    function: Callable[[Iterator[Block]], tuple[Any, NDArray[Any] | None]],
    combine: Callable[[Sequence[Any]], Any],
    per_pixel: Sequence[NDArray[Any]],
    stage: str,
    *,
    at_once: bool,
) -> tuple[Any, NDArray[Any]]:
    """`RowBlocks.reduce` of an array in memory."""
    reader = RowReader(
        pixels=blocks.pixels,
        index=None,
        channels=blocks.channels,
        dtype=blocks.dtype,
        shifts=blocks.shifts,
        spikes=blocks.spikes,
        step=blocks.step,
    )
    parts = _parts(blocks, 1 if at_once else min(usable_cores(), MOST_PARTS))

    def reduce_part(part: range, done: Ticks) -> tuple[Any, NDArray[Any] | None]:
        read = reader.blocks(blocks.data, blocks.variance, per_pixel, part)
        return function(_with_ticks(read, done))

    with blocks.progress(stage, blocks.shape[0]) as done:
        if len(parts) == 1:
            total, rows = reduce_part(parts[0], done)
            return total, np.empty(0) if rows is None else rows
        totals, all_rows = zip(*_in_threads(reduce_part, parts, done), strict=True)
    return combine(totals), np.empty(0) if all_rows[0] is None else np.concatenate(all_rows)


def _parts(blocks: Selection, most: int) -> list[range]:
    """Rows of the data, in at most so many parts with about as many pixels that count in each."""
    step, counted = blocks.step, np.cumsum(blocks.pixels)
    n_pixels, n_rows = int(counted[-1]), len(counted)
    number = max(1, min(most, n_pixels // (LEAST_BLOCKS_OF_PART * step)))
    middles = np.searchsorted(counted, np.arange(1, number) * n_pixels / number)
    # The blocks are the same however many parts there are.
    edges = np.unique([0, *(middles // step * step), n_rows]).tolist()
    parts = [range(first, last) for first, last in pairwise(edges)]
    filled = [part for part in parts if blocks.pixels[part.start : part.stop].any()]
    return filled or [range(n_rows)]


class _StoppedError(Exception):
    """Ends a part whose result nobody waits for any more."""


def _in_threads(
    reduce_part: Callable[[range, Ticks], Any], parts: Sequence[range], done: Ticks
) -> list[Any]:
    """What comes of each part, in order; ``done`` is called by this thread alone.

    An error in one part, or an interrupt of this thread, ends the others at their next block.
    """
    ticks: list[int] = []
    stopped = Event()

    def tick(pixels: int) -> None:
        if stopped.is_set():
            raise _StoppedError
        # To append to a list is safe, to move the bar of a notebook is not.
        ticks.append(pixels)

    # The threads of BLAS would compete with these for the cores.
    with one_blas_thread(), ThreadPoolExecutor(len(parts)) as pool:
        try:
            futures: list[Future[Any]] = [pool.submit(reduce_part, part, tick) for part in parts]
            told = 0
            while True:
                ended, working = wait(futures, SECONDS_BETWEEN_TICKS, FIRST_EXCEPTION)
                for pixels in ticks[told:]:
                    done(pixels)
                    told += 1
                results = [future.result() for future in futures if future in ended]
                if not working:
                    return results
        finally:
            stopped.set()


def _with_ticks(blocks: Iterator[Block], done: Ticks) -> Iterator[Block]:
    """The same blocks; ``done`` gets the number of pixels of each once it is worked on."""
    for block in blocks:
        yield block
        done(len(block.index))
