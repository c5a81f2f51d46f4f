"""Gram matrix of counts of which most are zero: products of those that are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from hyperspy_unmix.numerics.types import Floats

# What it takes, in multiplications of a product of dense matrices in single precision: one of a
# dense product in double precision, of a value with a dense row, of two values; a look at a value.
COST_DENSE, COST_WITH_ROW, COST_OF_PAIR, COST_OF_LOOK = 2.0, 75.0, 2400.0, 200.0
MOST_COST = 0.6  # over that of the dense product in single precision
ROWS_PER_PRODUCT = 2**11  # of frequent channels
VALUES_PER_PRODUCT = 2**20  # that are not zero, in the other channels
CHANNELS_PER_PRODUCT = 2**9


def frequent_channels(sample: Floats) -> NDArray[np.bool_] | None:
    """Channels to be taken as dense, with which a Gram matrix takes the least time as sparse.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Some of the spectra.

    Returns
    -------
    bool array, shape (channels,), or None
        None where one dense product takes less time.
    """
    m = sample.shape[1]
    filled = np.count_nonzero(sample, 0) / len(sample)
    order = np.argsort(-filled, kind="stable")
    # For each number of frequent channels, how many values beside them are not zero in a spectrum.
    number = np.arange(m + 1)
    left = np.append(0.0, np.cumsum(filled[order][::-1]))[::-1]
    cost = COST_DENSE * number**2 + COST_WITH_ROW * number * left + COST_OF_PAIR * left**2
    cost += COST_OF_LOOK * m
    best = int(np.argmin(cost))
    if cost[best] > MOST_COST * m**2:
        return None
    frequent = np.zeros(m, bool)
    frequent[order[:best]] = True
    return frequent


class SparseGramSum:
    """Sum of ``rows.T @ rows`` over blocks of weighted rows, most of whose values are zero.

    Everything is in double precision. The sum is that of `GramSum`, which rounds off a share of
    the noise where the rows are in single precision.

    Parameters
    ----------
    frequent : bool array, shape (m,)
        Columns that are taken as dense, see `frequent_channels`.
    """

    def __init__(self, frequent: NDArray[np.bool_]) -> None:
        self._frequent = frequent
        m, number = len(frequent), int(frequent.sum())
        self._total = np.zeros((m, m))
        # Of the frequent columns with each other, and of all others with them.
        self._dense = np.zeros((number, number))
        self._mixed = np.zeros((m, number))
        # Rows that are not in the dense products yet, and those that are not in the sparse ones.
        self._rows: list[Floats] = []
        self._waiting: list[csr_array] = []
        self._others: list[csr_array] = []

    def add(self, rows: Floats, scales: Floats) -> None:
        """Add a block, its rows times ``scales`` (rows,)."""
        scales = scales.astype(float)
        self._rows.append(rows[:, self._frequent] * scales[:, None])
        self._waiting.append(_sparse(rows, scales, ~self._frequent))
        if sum(map(len, self._rows)) >= ROWS_PER_PRODUCT:
            self._add_dense()
        if sum(others.nnz for others in self._others) >= VALUES_PER_PRODUCT:
            self._add_sparse()

    def matrix(self) -> Floats:
        """The sum, in double precision."""
        self._add_dense()
        self._add_sparse()
        frequent = np.flatnonzero(self._frequent)
        self._total[:, frequent] += self._mixed
        self._total[frequent] += self._mixed.T
        self._total[np.ix_(frequent, frequent)] += self._dense
        self._dense[:], self._mixed[:] = 0, 0
        return self._total

    def _add_dense(self) -> None:
        """Add what the frequent columns take part in."""
        if not self._rows:
            return
        rows, others = np.concatenate(self._rows), vstack(self._waiting, format="csr")
        self._dense += rows.T @ rows
        self._mixed += others.T @ rows
        self._others.append(others)
        self._rows, self._waiting = [], []

    def _add_sparse(self) -> None:
        """Add the products of all other columns, a few of them at a time."""
        if not self._others:
            return
        others = vstack(self._others, format="csr")
        columns = others.T.tocsr()
        for start in range(0, len(self._total), CHANNELS_PER_PRODUCT):
            part = slice(start, start + CHANNELS_PER_PRODUCT)
            self._total[part] += (columns[part] @ others).toarray()
        self._others = []


def _sparse(rows: Floats, scales: Floats, columns: NDArray[np.bool_]) -> csr_array:
    """Weighted rows (dense) as sparse ones, with zeros in all but these ``columns`` (a mask)."""
    values = rows.ravel()
    place = np.flatnonzero(values)
    row, column = np.divmod(place, rows.shape[1])
    keep = columns[column]
    row, column = row[keep], column[keep]
    starts = np.searchsorted(row, np.arange(len(rows) + 1))
    weighted = values[place[keep]] * scales[row]
    return csr_array((weighted, column.astype(np.int32), starts.astype(np.int32)), rows.shape)
