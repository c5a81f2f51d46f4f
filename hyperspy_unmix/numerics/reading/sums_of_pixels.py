"""Sums of neighbouring pixels: fewer spectra of more counts each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def sum_part(parts: Iterator[Block]) -> tuple[Sums, None]:
        held = _HeldSums(int(cells.max()) + 1)
        for block in parts:
            (of_block,) = block.per_pixel
            held.add(*_merged([(of_block, block.spectra)]))
        return held.in_order(), None

    return blocks.reduce(sum_part, _added, cells, stage="sums of pixels")[0]


class _HeldSums:
    """Sums of cells that are met again in later lines of the scan."""

    def __init__(self, n_cells: int) -> None:
        self._row = np.full(n_cells, -1)
        self._cells: list[Index] = []
        self._rows: NDArray[Any] = np.zeros((0, 0), np.float32)
        self._number = 0

    def add(self, cells: Index, sums: NDArray[Any]) -> None:
        """Add the sums of these cells, each of which is named once."""
        new = self._row[cells] < 0
        first, self._number = self._number, self._number + int(new.sum())
        if self._number > len(self._rows):
            more = np.empty((max(self._number, 2 * first), sums.shape[1]), sums.dtype)
            if first:
                more[:first] = self._rows[:first]
            self._rows = more
        self._row[cells[new]] = np.arange(first, self._number)
        self._cells.append(cells[new])
        self._rows[first : self._number] = sums if new.all() else sums[new]
        if not new.all():
            _add_at(self._rows, self._row[cells[~new]], sums if not new.any() else sums[~new])

    def in_order(self) -> Sums:
        """All of them, by ascending cells."""
        cells = np.flatnonzero(self._row >= 0)
        rows, order = self._rows[: self._number], self._row[cells]
        return cells, rows if (np.diff(order) == 1).all() else rows[order]


def _add_at(rows: NDArray[Any], places: Index, sums: NDArray[Any]) -> None:
    """Add ``sums`` to the rows at different ``places``."""
    if (np.diff(places) == 1).all():
        # A slice is added to where it lies.
        rows[places[0] : places[-1] + 1] += sums
    else:
        rows[places] += sums


def _added(parts: Sequence[Sums]) -> Sums:
    """One row for each cell that is in any of the parts, each of them by ascending cells."""
    parts = [part for part in parts if len(part[0])]
    if len(parts) < 2:
        return parts[0] if parts else _merged([])
    cells = np.unique(np.concatenate([numbers for numbers, _ in parts]))
    total = np.zeros((len(cells), parts[0][1].shape[1]), parts[0][1].dtype)
    for numbers, sums in parts:
        _add_at(total, np.searchsorted(cells, numbers), sums)
    return cells, total


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
