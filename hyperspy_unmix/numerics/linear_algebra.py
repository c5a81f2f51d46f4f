"""Eigenvectors of Gram matrices, by the solver that suits their size.

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
