"""Triangular factors of covariances that reach over a few channels only, kept in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

CHANNELS_PER_BLOCK = 64  # or more, of longer axes
LEAST_RAISE = 1e-3  # of the diagonal, that makes an indefinite covariance positive


@dataclass(frozen=True)
class BlockTridiagonal:
    """A symmetric matrix whose channels are related within a block and with the next block.

    Parameters
    ----------
    diagonal : tuple of arrays, each of shape (channels of the block, the same)
    below : tuple of arrays, each of shape (channels of the block, those of the one before)
        One less than ``diagonal``.
    """

    diagonal: tuple[Floats, ...]
    below: tuple[Floats, ...] = ()

    def dense(self) -> Floats:
        """The matrix, shape (channels, channels)."""
        parts = _slices(self.diagonal)
        matrix = np.zeros((parts[-1].stop, parts[-1].stop))
        for part, block in zip(parts, self.diagonal, strict=True):
            matrix[part, part] = block
        for former, part, block in zip(parts[:-1], parts[1:], self.below, strict=True):
            matrix[part, former], matrix[former, part] = block, block.T
        return matrix

    def scale(self, scales: Floats) -> BlockTridiagonal:
        """Rows and columns times ``scales`` (channels,)."""
        of = [scales[part] for part in _slices(self.diagonal)]
        return BlockTridiagonal(
            tuple(np.outer(s, s) * block for s, block in zip(of, self.diagonal, strict=True)),
            tuple(
                np.outer(s, former) * block
                for former, s, block in zip(of[:-1], of[1:], self.below, strict=True)
            ),
        )


@dataclass(frozen=True)
class BlockFactor:
    """A factor ``F`` of a covariance ``F @ F.T``, lower triangular in its blocks.

    Products and solutions take a few hundred operations a value whatever the number of channels.

    Parameters
    ----------
    diagonal : tuple of arrays, each of shape (channels of the block, the same)
        Any regular matrices.
    below : tuple of arrays, each of shape (channels of the block, those of the one before)
        One less than ``diagonal``.
    inverse : tuple of arrays, of the shapes of ``diagonal``
        Of each diagonal block.
    """

    diagonal: tuple[Floats, ...]
    below: tuple[Floats, ...]
    inverse: tuple[Floats, ...]

    def solve(self, rows: Floats) -> Floats:
        """Rows ``x`` (rows, channels) such that ``F @ x`` is the given one."""
        parts = _slices(self.diagonal)
        solution: Floats = np.empty(rows.shape, np.result_type(rows, float))
        for k, part in enumerate(parts):
            rest = rows[:, part]
            if k:
                rest = rest - solution[:, parts[k - 1]] @ self.below[k - 1].T
            solution[:, part] = rest @ self.inverse[k].T
        return solution

    def multiply(self, rows: Floats) -> Floats:
        """``F @ x`` of each row (rows, channels)."""
        parts = _slices(self.diagonal)
        product: Floats = np.empty(rows.shape, np.result_type(rows, float))
        for k, part in enumerate(parts):
            product[:, part] = rows[:, part] @ self.diagonal[k].T
            if k:
                product[:, part] += rows[:, parts[k - 1]] @ self.below[k - 1].T
        return product

    def multiply_transposed(self, rows: Floats) -> Floats:
        """``F.T @ x`` of each row (rows, channels)."""
        parts = _slices(self.diagonal)
        product: Floats = np.empty(rows.shape, np.result_type(rows, float))
        for k, part in enumerate(parts):
            product[:, part] = rows[:, part] @ self.diagonal[k]
            if k < len(self.below):
                product[:, part] += rows[:, parts[k + 1]] @ self.below[k]
        return product

    def solve_transposed(self, rows: Floats) -> Floats:
        """Rows ``x`` (rows, channels) such that ``F.T @ x`` is the given one."""
        parts = _slices(self.diagonal)
        solution: Floats = np.empty(rows.shape, np.result_type(rows, float))
        for k in reversed(range(len(parts))):
            rest = rows[:, parts[k]]
            if k < len(self.below):
                rest = rest - solution[:, parts[k + 1]] @ self.below[k]
            solution[:, parts[k]] = rest @ self.inverse[k]
        return solution

    def covariance(self, variance: Floats | None = None) -> BlockTridiagonal:
        """``F @ diag(variance) @ F.T``; the variances (channels,) are one by default."""
        parts = _slices(self.diagonal)
        if variance is None:
            variance = np.ones(parts[-1].stop)
        diagonal = [
            block * variance[part] @ block.T
            for part, block in zip(parts, self.diagonal, strict=True)
        ]
        below = []
        for k, block in enumerate(self.below):
            scaled = block * variance[parts[k]]
            diagonal[k + 1] = diagonal[k + 1] + scaled @ block.T
            below.append(scaled @ self.diagonal[k].T)
        return BlockTridiagonal(tuple(diagonal), tuple(below))

    def whitened_blocks(self, covariance: BlockTridiagonal) -> list[Floats]:
        """Diagonal blocks of ``inv(F) @ covariance @ inv(F).T``."""
        whitened: list[Floats] = []
        for k, block in enumerate(covariance.diagonal):
            if k:
                # A solution's block depends on the blocks before, and these on no later ones.
                below = self.below[k - 1]
                shared = below @ self.inverse[k - 1] @ covariance.below[k - 1].T
                block = block - shared - shared.T + below @ whitened[-1] @ below.T
            whitened.append(self.inverse[k] @ block @ self.inverse[k].T)
        return whitened

    def rotate(self, rotations: Sequence[Floats]) -> BlockFactor:
        """Another factor of the same covariance, whose blocks are these times ``rotations``."""
        pairs = list(zip(self.below, rotations[:-1], strict=True))
        return BlockFactor(
            tuple(block @ turn for block, turn in zip(self.diagonal, rotations, strict=True)),
            tuple(block @ turn for block, turn in pairs),
            tuple(turn.T @ block for block, turn in zip(self.inverse, rotations, strict=True)),
        )

    def select_channels(self, keep: NDArray[np.bool_]) -> BlockFactor:
        """Factor of the covariance of the channels that the boolean mask ``keep`` selects."""
        # Channels come closer: what was in the next block but one may be in the next.
        reach = 2 * max(len(block) for block in self.diagonal)
        matrix = self.covariance().dense()[np.ix_(keep, keep)]
        return factorise(tridiagonal(matrix, reach))


def single_block(factor: Floats, inverse: Floats | None = None) -> BlockFactor:
    """Any factor (channels, channels), as one block."""
    return BlockFactor((factor,), (), (np.linalg.inv(factor) if inverse is None else inverse,))


def independent(channels: int) -> BlockFactor:
    """Factor of independent channels."""
    ones = tuple(np.eye(len(block)) for block in blocks_of(channels, CHANNELS_PER_BLOCK))
    below = tuple(np.zeros((len(block), len(former))) for former, block in pairwise(ones))
    return BlockFactor(ones, below, ones)


def joined(factors: Sequence[BlockFactor]) -> BlockFactor:
    """Factor of the channels of all, those of two factors independent of each other."""
    below = list(factors[0].below)
    for former, factor in pairwise(factors):
        between = np.zeros((len(factor.diagonal[0]), len(former.diagonal[-1])))
        below += [between, *factor.below]
    return BlockFactor(
        tuple(block for factor in factors for block in factor.diagonal),
        tuple(below),
        tuple(block for factor in factors for block in factor.inverse),
    )


def blocks_of(channels: int, size: int) -> list[NDArray[np.intp]]:
    """The channels in blocks of at least ``size``."""
    return np.array_split(np.arange(channels), max(channels // size, 1))


def tridiagonal(matrix: Floats, size: int) -> BlockTridiagonal:
    """What a symmetric matrix holds in blocks of at least ``size`` channels and between two."""
    blocks = blocks_of(len(matrix), size)
    return BlockTridiagonal(
        tuple(matrix[np.ix_(block, block)] for block in blocks),
        tuple(matrix[np.ix_(block, former)] for former, block in pairwise(blocks)),
    )


def factorise(covariance: BlockTridiagonal) -> BlockFactor:
    """Cholesky factor; the diagonal of an indefinite matrix is raised as little as is needed."""
    raised_by = 0.0
    while True:
        try:
            return _cholesky(covariance, raised_by)
        except np.linalg.LinAlgError:
            raised_by = max(2 * raised_by, LEAST_RAISE)


def _cholesky(covariance: BlockTridiagonal, raised_by: float) -> BlockFactor:
    """Cholesky factor with the diagonal times ``1 + raised_by``."""
    diagonal: list[Floats] = []
    below: list[Floats] = []
    inverse: list[Floats] = []
    for k, block in enumerate(covariance.diagonal):
        if raised_by:
            block = block + np.diag(raised_by * np.diag(block))
        if k:
            below.append(covariance.below[k - 1] @ inverse[-1].T)
            block = block - below[-1] @ below[-1].T
        diagonal.append(np.linalg.cholesky(block))
        inverse.append(np.linalg.inv(diagonal[-1]))
    return BlockFactor(tuple(diagonal), tuple(below), tuple(inverse))


def _slices(blocks: Sequence[Floats]) -> list[slice]:
    """The channels of each block."""
    ends = np.cumsum([len(block) for block in blocks])
    return [slice(int(end) - len(block), int(end)) for end, block in zip(ends, blocks, strict=True)]
