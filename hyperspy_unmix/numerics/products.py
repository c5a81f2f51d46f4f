"""Products of blocks of spectra: working precision inside, double precision in the sum.

All by numpy's BLAS, which lets other threads go on: scipy's holds Python's lock, and where the two
are not one library, the waiting threads of both fight for the cores (products of 65 536 x 1 024
values took three to five times as long).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .noise import Floats

ROWS = 2**13  # of a product; with fewer, more time goes to adding products up


class GramSum:
    """Sum of ``rows.T @ rows`` over blocks of weighted rows.

    Parameters
    ----------
    m : int
        Number of columns.
    dtype : dtype
        Of the products.
    """

    def __init__(self, m: int, dtype: Any) -> None:
        self._total = np.zeros((m, m))
        self._rows = np.empty((0, m), dtype)
        self._filled = 0

    def add(self, rows: Floats, scales: Floats) -> None:
        """Add a block, its rows times ``scales`` (rows,)."""
        first = 0
        while first < len(rows):
            if self._filled == len(self._rows):
                self._flush(len(rows))
            number = min(len(rows) - first, len(self._rows) - self._filled)
            taken = slice(first, first + number)
            filled = self._rows[self._filled : self._filled + number]
            np.multiply(rows[taken], scales[taken, None], out=filled)
            self._filled += number
            first += number

    def matrix(self) -> Floats:
        """The sum, in double precision."""
        self._flush(0)
        return self._total

    def _flush(self, needed: int) -> None:
        rows = self._rows[: self._filled]
        if len(rows):
            self._total += rows.T @ rows
        if len(self._rows) < ROWS and needed:
            # no more than is filled: there may be few
            self._rows = np.empty(
                (min(ROWS, max(needed, 2 * len(self._rows))), rows.shape[1]), rows.dtype
            )
        self._filled = 0
