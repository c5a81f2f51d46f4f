"""Gram matrices summed over blocks, the strongest directions in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats

ROWS_PER_PRODUCT = 2**13  # with fewer, more time goes to adding products up
ROWS_IN_CACHE = 2**9  # that are worked on several times over
SPECTRA_TOGETHER = 2**4
LEAST_SHARE_OF_SQUARE = 1e-20  # of the largest spectrum's, in one that gives a direction


class GramSum:
    """Sum of ``rows.T @ rows`` over blocks of weighted rows.

    What lies along the strongest directions is taken out of the rows before the products are made,
    and put back in double precision. The products of what is left round off a share of the noise;
    those of the rows themselves, of a share of the strongest component, which may be more than the
    faintest is.

    Parameters
    ----------
    m : int
        Number of columns.
    dtype : dtype
        Of the products; their sum is in double precision.
    projection : array, shape (m, k), optional
        Coefficients of the strongest directions are ``rows @ projection``. Default: none.
    axes : array, shape (k, m), optional
        These directions; ``axes @ projection`` is one.
    """

    def __init__(
        self,
        m: int,
        dtype: Any,
        projection: Floats | None = None,
        axes: Floats | None = None,
    ) -> None:
        none: Floats = np.zeros((0, m))
        self._axes = (none if axes is None else axes).astype(dtype)
        self._projection = (none.T if projection is None else projection).astype(dtype)
        self._total = np.zeros((m, m))
        # Of the coefficients with each other, and with what is left.
        self._squares = np.zeros((len(self._axes), len(self._axes)))
        self._products = np.zeros((len(self._axes), m))
        self._buffer = np.empty((0, m), dtype)
        self._n_filled = 0

    def add(self, rows: Floats, scales: Floats) -> None:
        """Add a block, its rows times ``scales`` (rows,)."""
        start = 0
        while start < len(rows):
            if self._n_filled == len(self._buffer):
                self._flush(len(rows))
            number = min(len(rows) - start, len(self._buffer) - self._n_filled)
            fitting = slice(start, start + number)
            free = self._buffer[self._n_filled : self._n_filled + number]
            np.multiply(rows[fitting], scales[fitting, None], out=free)
            self._n_filled += number
            start += number

    def matrix(self) -> Floats:
        """The sum, in double precision."""
        self._flush(0)
        if len(self._axes):
            axes = self._axes.astype(float)
            half = axes.T @ (self._products + self._squares @ axes / 2)
            self._total += half
            self._total += half.T
            self._squares[:], self._products[:] = 0, 0
        return self._total

    def _flush(self, rows_to_come: int) -> None:
        """Add the buffered rows to the sum, and make room for so many more (none: no more come)."""
        rows = self._buffer[: self._n_filled]
        if len(rows):
            if len(self._axes):
                self._take_out_axes(rows)
            self._total += rows.T @ rows
        if len(self._buffer) < ROWS_PER_PRODUCT and rows_to_come:
            # The buffer grows with the rows: a few rows of many channels take little memory.
            size = min(ROWS_PER_PRODUCT, max(rows_to_come, 2 * len(self._buffer)))
            self._buffer = np.empty((size, rows.shape[1]), rows.dtype)
        self._n_filled = 0

    def _take_out_axes(self, rows: Floats) -> None:
        """Leave in the rows what is beside the axes, and add up what is along them."""
        for start in range(0, len(rows), ROWS_IN_CACHE):
            part = rows[start : start + ROWS_IN_CACHE]
            along = part @ self._projection
            part -= along @ self._axes
            self._products += along.T @ part
            exact = along.astype(float)
            self._squares += exact.T @ exact


def strong_directions(spectra: Floats, number: int) -> Floats:
    """Orthonormal directions beside which little is left of any of the spectra.

    Each is that of the spectrum that is the farthest from the space of those before: a QR
    decomposition with pivots, cut off.

    Parameters
    ----------
    spectra : array, shape (any, m)
    number : int
        At most so many.

    Returns
    -------
    array, shape (number or less, m)
    """
    left = np.array(spectra, float, order="C")
    axes: Floats = np.zeros((0, left.shape[1]))
    largest = np.max(np.einsum("ij,ij->i", left, left), initial=0)
    for _ in range(min(number, *left.shape)):
        squares = np.einsum("ij,ij->i", left, left)
        farthest = int(np.argmax(squares))
        # What rounding leaves is no direction.
        if squares[farthest] <= LEAST_SHARE_OF_SQUARE * largest:
            break
        axis = left[farthest] - (left[farthest] @ axes.T) @ axes
        axes = np.vstack([axes, axis / np.linalg.norm(axis)])
        # A few at a time stay in the processor's cache.
        for start in range(0, len(left), SPECTRA_TOGETHER):
            part = left[start : start + SPECTRA_TOGETHER]
            part -= np.outer(part @ axes[-1], axes[-1])
    return axes
