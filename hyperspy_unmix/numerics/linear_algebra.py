"""Gram matrices summed over blocks, and their eigenvectors by the solver that suits their size.

What is called often is numpy's, not scipy's. Their wheels bring a BLAS library each: the waiting
threads of one slow the other down for some milliseconds, and scipy's holds Python's lock (products
of 65 536 x 1 024 values took three to five times as long).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh

from .types import Floats

ROWS_PER_PRODUCT = 2**13  # with fewer, more time goes to adding products up
LEAST_ROWS_FOR_KRYLOV = 512  # from here on a Krylov space is cheaper than all eigenvectors
EXTRA_KRYLOV_VECTORS = 6  # in a block, beside those that are wanted
KRYLOV_STEPS = 12  # until a component at 1.05 of the noise edge is known to 1e-3


def leading_eigenvectors(gram: Floats, number: int) -> tuple[Floats, Floats]:
    """Largest eigenvalues, falling, and their eigenvectors in columns.

    Parameters
    ----------
    gram : array, shape (m, m)
        Symmetric, not negative; of float32 or float64, and so is the result.
    number : int

    Returns
    -------
    values : array, shape (number,)
    vectors : array, shape (m, number)

    Notes
    -----
    For large matrices by a block Krylov space from the same vectors every time, which took a third
    of the time of single vectors (ARPACK) for 12 eigenvectors of 1 024 to 2 048 rows: one product
    with a block keeps all cores busy. Where eigenvalues lie as close as those of noise, it gives a
    mixture of eigenvectors.

    References
    ----------
    C. Musco, C. Musco, Adv. Neural Inf. Process. Syst. 28 (2015) 1396,
    https://doi.org/10.48550/arXiv.1504.05477
    """
    m, width = len(gram), number + EXTRA_KRYLOV_VECTORS
    # A small matrix: all its eigenvectors.
    if m < LEAST_ROWS_FOR_KRYLOV:
        values, vectors = np.linalg.eigh(gram)
        return values[::-1][:number], vectors[:, ::-1][:, :number]
    # Many eigenvectors, for which the Krylov space would be as large as the matrix.
    if 2 * width * (KRYLOV_STEPS + 1) > m:
        values, vectors = eigh(gram, subset_by_index=[m - number, m - 1])
        return values[::-1], vectors[:, ::-1]
    # A large matrix: the Krylov space grows by one block, orthogonal to the others, a step.
    block = np.random.default_rng(0).standard_normal((m, width)).astype(gram.dtype)
    basis = block = np.linalg.qr(block)[0]
    for _ in range(KRYLOV_STEPS):
        block = gram @ block
        block = np.linalg.qr(block - basis @ (basis.T @ block))[0]
        basis = np.concatenate([basis, block], 1)
    # Where the matrix has fewer directions than the space, rounding made up the rest of the basis.
    basis = np.linalg.qr(basis)[0]
    # The eigenvectors of the matrix within that space.
    values, vectors = np.linalg.eigh(basis.T @ (gram @ basis))
    return values[::-1][:number], basis @ vectors[:, ::-1][:, :number]


def generalised_eigenvectors(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, rising, and vectors of ``a @ x = value * b @ x``, such that ``x.T @ b @ x = 1``.

    Parameters
    ----------
    a, b : array, shape (m, m)
        Symmetric; ``b`` positive definite.

    Returns
    -------
    values : array, shape (m,)
    vectors : array, shape (m, m)
        In columns.
    """
    root = np.linalg.cholesky(b)
    whitened = np.linalg.solve(root, np.linalg.solve(root, a).T)
    values, vectors = np.linalg.eigh((whitened + whitened.T) / 2)
    return values, np.linalg.solve(root.T, vectors)


class GramSum:
    """Sum of ``rows.T @ rows`` over blocks of weighted rows.

    Parameters
    ----------
    m : int
        Number of columns.
    dtype : dtype
        Of the products; their sum is in double precision.
    """

    def __init__(self, m: int, dtype: Any) -> None:
        self._total = np.zeros((m, m))
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
        return self._total

    def _flush(self, rows_to_come: int) -> None:
        """Add the buffered rows to the sum, and make room for so many more (none: no more come)."""
        rows = self._buffer[: self._n_filled]
        if len(rows):
            self._total += rows.T @ rows
        if len(self._buffer) < ROWS_PER_PRODUCT and rows_to_come:
            # The buffer grows with the rows: a few rows of many channels take little memory.
            size = min(ROWS_PER_PRODUCT, max(rows_to_come, 2 * len(self._buffer)))
            self._buffer = np.empty((size, rows.shape[1]), rows.dtype)
        self._n_filled = 0
