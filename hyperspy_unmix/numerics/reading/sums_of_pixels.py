"""Sums of neighbouring pixels: fewer spectra of more counts each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hyperspy_unmix.numerics.types import Index

from .block import Block
from .row_blocks import RowBlocks

Sums = tuple[Index, NDArray[Any]]  # numbers of the cells, ascending; the sum of each


def cells_of_pixels(shape: tuple[int, ...], factors: Sequence[int]) -> tuple[Index, Index]:
    """The cell of every pixel of a scan where ``factors`` pixels are summed along each axis.

    Returns
    -------
    cells : int array, shape (all pixels,)
    scan : int array
        Shape of the scan of the cells; the last along an axis may hold fewer pixels.
    """
    lengths = np.array([-(-n // factor) for n, factor in zip(shape, factors, strict=True)])
    places = np.indices(shape).reshape(len(shape), -1) // np.array(factors)[:, None]
    return np.asarray(np.ravel_multi_index(tuple(places), tuple(lengths))), lengths


def sum_pixels(blocks: RowBlocks, cells: Index) -> Sums:
    """Sum the spectra of each cell, in one pass over ``blocks``.

    Parameters
    ----------
    blocks : RowBlocks
    cells : int array, shape (pixels that count,)
        The cell of each pixel.

    Returns
    -------
    cells : int array
        Numbers of those that hold pixels, ascending.
    sums : array, shape (cells, channels)
    """
    if not blocks.is_lazy:
        return _sum_in_place(blocks, cells)

    def sum_part(parts: Iterator[Block]) -> tuple[Sums, None]:
        # Cells are met again in later lines of the scan: what was summed is joined when it has
        # doubled, so that little is held twice.
        merged = _merged([])
        waiting: list[Sums] = []
        for block in parts:
            (of_block,) = block.per_pixel
            waiting.append(_merged([(of_block, block.spectra)]))
            if sum(len(waits) for waits, _ in waiting) > len(merged[0]):
                merged, waiting = _merged([merged, *waiting]), []
        return _merged([merged, *waiting]), None

    return blocks.reduce(sum_part, _merged, cells, stage="sums of pixels")[0]


def _sum_in_place(blocks: RowBlocks, cells: Index) -> Sums:
    """The sums of an array in memory: each block adds its own to those of all."""
    filled, row = np.unique(cells, return_inverse=True)
    total, lock = np.zeros((len(filled), blocks.shape[1]), blocks.dtype), Lock()

    def sum_part(parts: Iterator[Block]) -> tuple[None, None]:
        for block in parts:
            rows, sums = _merged([(block.per_pixel[0], block.spectra)])
            with lock:
                if rows[-1] - rows[0] + 1 == len(rows):
                    # A slice is added to where it lies.
                    total[rows[0] : rows[-1] + 1] += sums
                else:
                    total[rows] += sums
        return None, None

    blocks.reduce(sum_part, lambda _: None, row, stage="sums of pixels")
    return filled, total


def _merged(parts: Sequence[Sums]) -> Sums:
    """One row for each cell that is in any of the parts."""
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return np.zeros(0, int), np.zeros((0, 0), np.float32)
    # A block by itself is not copied.
    numbers, rows = (
        parts[0]
        if len(parts) == 1
        else (np.concatenate(values) for values in zip(*parts, strict=True))
    )
    cells, place = np.unique(numbers, return_inverse=True)
    ones = np.ones(len(rows), rows.dtype)
    matrix = csr_array((ones, (place, np.arange(len(rows)))), (len(cells), len(rows)))
    return cells, np.asarray(matrix @ rows)
