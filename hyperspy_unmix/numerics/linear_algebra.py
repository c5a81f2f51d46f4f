"""Gram matrices summed over blocks, and their eigenvectors by the solver that suits their size.

What is called often is numpy's, not scipy's. Their wheels bring a BLAS library each: the waiting
threads of one slow the other down for some milliseconds, and scipy's holds Python's lock (products
of 65 536 x 1 024 values took three to five times as long).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import eigh

from .types import Floats

ROWS_PER_PRODUCT = 2**13  # with fewer, more time goes to adding products up
ROWS_IN_CACHE = 2**9  # that are worked on several times over
LEAST_SHARE_OF_SQUARE = 1e-20  # of the largest spectrum's, in one that gives a direction
LEAST_ROWS_FOR_KRYLOV = 512  # from here on a Krylov space is cheaper than all eigenvectors
EXTRA_KRYLOV_VECTORS = 6  # in a block, beside those that are wanted
ROWS_FOR_LEADING_VALUES = 2560  # from here on the leading eigenvalues alone take less time
LANCZOS_BLOCK = 16  # vectors
STEPS_BETWEEN_CHECKS = 4  # of the Lanczos iteration
VALUE_TOLERANCE = 1e-4  # by which a value may still change between two checks
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
        return values[::-1][:number], with_signs(vectors[:, ::-1][:, :number])
    # Many eigenvectors, for which the Krylov space would be as large as the matrix.
    if 2 * width * (KRYLOV_STEPS + 1) > m:
        values, vectors = eigh(gram, subset_by_index=[m - number, m - 1])
        return values[::-1], with_signs(vectors[:, ::-1])
    return krylov_eigenvectors(lambda block: np.asarray(gram @ block), m, number, gram.dtype)


def krylov_eigenvectors(
    product: Callable[[Floats], Floats], m: int, number: int, dtype: Any
) -> tuple[Floats, Floats]:
    """`leading_eigenvectors` of a large matrix that is known by its products alone.

    Parameters
    ----------
    product : callable
        Gives the matrix times a block of vectors (m, any).
    m, number : int
    dtype : dtype
        Of the products.
    """
    width = number + EXTRA_KRYLOV_VECTORS
    # The Krylov space grows by one block, orthogonal to the others, a step.
    block = np.random.default_rng(0).standard_normal((m, width)).astype(dtype)
    basis = block = np.linalg.qr(block)[0]
    for _ in range(KRYLOV_STEPS):
        block = product(block)
        block = np.linalg.qr(block - basis @ (basis.T @ block))[0]
        basis = np.concatenate([basis, block], 1)
    # Where the matrix has fewer directions than the space, rounding made up the rest of the basis.
    basis = np.linalg.qr(basis)[0]
    # The eigenvectors of the matrix within that space.
    values, vectors = np.linalg.eigh(basis.T @ product(basis))
    return values[::-1][:number], with_signs(basis @ vectors[:, ::-1][:, :number])


def with_signs(vectors: Floats) -> Floats:
    """Vectors (in columns) with the sign that makes the sum of their cubes positive.

    Eigenvectors and orthogonal bases have the sign that rounding gives them, and what is drawn or
    started from them differs with it. The largest element would not do: two may be as large, with
    opposite signs. Nor would coordinates in a basis whose own signs are left to rounding.
    """
    return np.asarray(vectors * np.where(np.sum(vectors**3, 0) < 0, -1, 1).astype(vectors.dtype))


def leading_eigenvalues(gram: Floats, number: int) -> Floats:
    """Largest eigenvalues, falling; all of them of a matrix of few rows.

    Of a large matrix the ``number`` largest are found to `VALUE_TOLERANCE` by block Lanczos
    iteration from the same vectors every time, those at the edge of noise too. All eigenvalues of
    4 096 rows take eight times as long.

    Parameters
    ----------
    gram : array, shape (m, m)
        Symmetric, not negative.
    number : int

    Returns
    -------
    array, shape (number,) or (m,)
        Where a value has not converged before the space is a quarter of the matrix, all.

    References
    ----------
    G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 10.3.6
    """
    m, width = len(gram), LANCZOS_BLOCK
    most_steps = m // (4 * width)
    if m < ROWS_FOR_LEADING_VALUES or number > most_steps * width // 4:
        return np.linalg.eigvalsh(gram)[::-1]
    # Each block of the basis is orthogonal to all before it, and by rounding not quite: twice.
    basis = np.empty((m, width * (most_steps + 1)))
    basis[:, :width] = np.linalg.qr(np.random.default_rng(0).standard_normal((m, width)))[0]
    projected = np.zeros((width * most_steps, width * most_steps))
    former: Floats = np.zeros(number)
    for step in range(most_steps):
        start, stop = step * width, (step + 1) * width
        known = basis[:, :stop]
        block = gram @ known[:, start:]
        projected[:stop, start:stop] = along = known.T @ block
        block = np.linalg.qr(block - known @ along)[0]
        basis[:, stop : stop + width] = np.linalg.qr(block - known @ (known.T @ block))[0]
        if step % STEPS_BETWEEN_CHECKS or stop < 2 * number:
            continue
        # The upper triangle is known, the lower one of the last block not yet.
        values = np.linalg.eigvalsh(projected[:stop, :stop], UPLO="U")[::-1][:number]
        if np.all(values - former <= VALUE_TOLERANCE * np.abs(values)):
            return np.asarray(values)
        former = values
    return np.linalg.eigvalsh(gram)[::-1]


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
    left = np.array(spectra, float)
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
        left -= np.outer(left @ axes[-1], axes[-1])
    return axes
