"""Eigenvectors of Gram matrices, by the solver that suits their size.

What is called often is numpy's, not scipy's. Their wheels bring a BLAS library each: the waiting
threads of one slow the other down for some milliseconds, and scipy's holds Python's lock (products
of 65 536 x 1 024 values took three to five times as long).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
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
ROWS_TOGETHER = 2**7  # of a Cholesky decomposition
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
    basis = np.empty((m, width * (KRYLOV_STEPS + 1)), dtype)
    products = np.empty_like(basis)
    block = np.random.default_rng(0).standard_normal((m, width)).astype(dtype)
    basis[:, :width] = np.linalg.qr(block)[0]
    for stop in range(width, basis.shape[1] + 1, width):
        products[:, stop - width : stop] = product(basis[:, stop - width : stop])
        if stop < basis.shape[1]:
            block = products[:, stop - width : stop]
            basis[:, stop : stop + width] = _orthogonal_to(basis[:, :stop], block)
    if np.abs(basis.T @ basis - np.eye(basis.shape[1])).max() > np.sqrt(np.finfo(dtype).eps):
        # The matrix has fewer directions than the space: rounding made up the rest of the basis.
        basis = np.linalg.qr(basis)[0]
        products = product(basis)
    # The eigenvectors of the matrix within that space.
    values, vectors = np.linalg.eigh(basis.T @ products)
    return values[::-1][:number], with_signs(basis @ vectors[:, ::-1][:, :number])


def _orthogonal_to(basis: Floats, block: Floats) -> Floats:
    """Orthonormal basis of what a block of vectors has beside those of the basis.

    Twice, for by rounding it is not quite beside them the first time.
    """
    for _ in range(2):
        block = np.linalg.qr(block - basis @ (basis.T @ block))[0]
    return block


def with_signs(vectors: Floats) -> Floats:
    """Vectors (in columns) with the sign that makes the sum of their cubes positive.

    Eigenvectors and orthogonal bases have the sign that rounding gives them, and what is drawn or
    started from them differs with it. The largest element would not do: two may be as large, with
    opposite signs. Nor would coordinates in a basis whose own signs are left to rounding.
    """
    return np.asarray(vectors * np.where(np.sum(vectors**3, 0) < 0, -1, 1).astype(vectors.dtype))


def leading_eigenpairs(gram: Floats, number: int) -> tuple[Floats, Floats | None]:
    """Largest eigenvalues, falling, and their eigenvectors; all values of a matrix of few rows.

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
    values : array, shape (number,) or (m,)
        Where a value has not converged before the space is a quarter of the matrix, all.
    vectors : array, shape (m, number), or None
        None with all values. The sine of the angle to the true one is at most the residual over
        the distance to the next value; where eigenvalues lie as close as those of noise they are
        mixtures.

    References
    ----------
    G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed. (2013), sections 8.1.3 and 10.3.6
    """
    m, width = len(gram), LANCZOS_BLOCK
    most_steps = m // (4 * width)
    if m < ROWS_FOR_LEADING_VALUES or number > most_steps * width // 4:
        return np.linalg.eigvalsh(gram)[::-1], None
    start = np.random.default_rng(0).standard_normal((m, width))
    former: Floats = np.zeros(number)
    # Symmetric, the matrix may stand behind: a quarter faster.
    spaces = lanczos_spaces(lambda block: (block.T @ gram).T, start, most_steps)
    for step, space in enumerate(spaces):
        if not step % STEPS_BETWEEN_CHECKS and space.size >= 2 * number:
            values = space.values(number)
            if np.all(values - former <= VALUE_TOLERANCE * np.abs(values)):
                return values, space.vectors(number)
            former = values
    return np.linalg.eigvalsh(gram)[::-1], None


@dataclass(frozen=True)
class LanczosSpace:
    """A Krylov space of a symmetric matrix, and the matrix in it.

    Parameters
    ----------
    basis : array, shape (m, size)
        Orthonormal.
    projected : array, shape (size, size)
        ``basis.T @ matrix @ basis``; its lower triangle may be missing.
    leaving : array, shape (block, block)
        What the matrix makes of the last vectors of the basis beside all of them, but for a
        rotation.
    """

    basis: Floats
    projected: Floats
    leaving: Floats

    @property
    def size(self) -> int:
        """Number of dimensions."""
        return int(self.basis.shape[1])

    def values(self, number: int) -> Floats:
        """The largest eigenvalues within the space, falling: none is larger than the matrix's."""
        return np.linalg.eigvalsh(self.projected, UPLO="U")[::-1][:number]

    def vectors(self, number: int) -> Floats:
        """Their eigenvectors, in columns."""
        return with_signs(self.basis @ self._own_vectors[:, :number])

    def residuals(self, number: int) -> Floats:
        """Norm of what each is beside an eigenvector of the matrix, ``|matrix x - value x|``."""
        last = self._own_vectors[-len(self.leaving) :, :number]
        return np.asarray(np.linalg.norm(self.leaving @ last, axis=0))

    @cached_property
    def _own_vectors(self) -> Floats:
        return np.linalg.eigh(self.projected, UPLO="U")[1][:, ::-1]


def lanczos_spaces(
    product: Callable[[Floats], Floats], start: Floats, most_steps: int
) -> Iterator[LanczosSpace]:
    """Krylov spaces that grow by a block a step, see `leading_eigenpairs`.

    Parameters
    ----------
    product : callable
        Gives the symmetric matrix times a block of vectors (m, width).
    start : array, shape (m, width)
        Of full rank.
    most_steps : int
    """
    m, width = start.shape
    basis = np.empty((m, width * (most_steps + 1)))
    basis[:, :width] = np.linalg.qr(start)[0]
    projected = np.zeros((width * most_steps, width * most_steps))
    for step in range(most_steps):
        first, stop = step * width, (step + 1) * width
        known, following = basis[:, :stop], slice(stop, stop + width)
        block = product(known[:, first:])
        # The upper triangle is known, the lower one of the last block not yet.
        projected[:stop, first:stop] = known.T @ block
        basis[:, following] = _orthogonal_to(known, block)
        leaving = basis[:, following].T @ block
        yield LanczosSpace(known, projected[:stop, :stop], leaving)


def root_of_large(matrix: Floats) -> Floats:
    """Upper triangular ``root`` with ``root.T @ root = matrix``, symmetric, in its own precision.

    Its Cholesky decomposition, a few hundred rows at a time, most of it by products of matrices:
    a third of numpy's time in single precision, for 4 096 rows.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    root = np.zeros(matrix.shape, matrix.dtype)
    for start in range(0, len(matrix), ROWS_TOGETHER):
        here = slice(start, start + ROWS_TOGETHER)
        rows = matrix[here, start:] - root[:start, here].T @ root[:start, start:]
        lower = np.linalg.cholesky(rows[:, : len(rows)])
        root[here, here] = lower.T
        root[here, here.stop :] = np.linalg.inv(lower) @ rows[:, len(rows) :]
    return root


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
