"""Which components repeat in an independent share of the counts, from their strength alone."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .split_half import ADDED_NOISE_SD

DIMENSIONS = 400  # of the noise that is drawn, as a Krylov space of these
BLOCKS = 12  # at least, each as large as there are components


def significance_of_leading(
    values: Floats, level: float, shape: tuple[int, int], number: int, seed: int = 0
) -> Floats:
    """As `split_half.significance`, where beside the leading components there is white noise.

    The data are ``U S V' + R``, of which the singular values ``S`` are known; ``R`` and the noise
    ``Z`` that is added are drawn. Rotated by what does not change their distribution, both fill a
    band of blocks of as many rows as there are components, each independent of the others. What is
    found is within the first of them, as in a Krylov space.

    Parameters
    ----------
    values : array, shape (k,)
        Squared singular values of the components above noise, at least one.
    level : float
        Variance of the noise beside them, over that of ``Z``, which is one.
    shape : (rows, columns)
    number : int
        Components to look at.
    seed : int

    Returns
    -------
    array, shape (number,)
        In standard deviations of what noise alone gives.

    References
    ----------
    I. Dumitriu, A. Edelman, J. Math. Phys. 43 (2002) 5830, https://doi.org/10.1063/1.1507823
    (the band); J. Leiner et al. 2025, see `split_half.significance`
    """
    a, k = ADDED_NOISE_SD, len(values)
    generator = np.random.default_rng(seed)
    along, beside = _bands(generator, k, shape)
    size = beside.shape[1]
    data = np.zeros_like(along)
    data[np.arange(k), np.arange(k)] = np.sqrt(values)
    # Beside the components the two shares are R + a Z, and R - Z / a: a part that follows from the
    # first (none, where R is like Z), and one that does not.
    power = level + a**2
    first = data + a * along + np.sqrt(power) * beside
    second = data - along / a + (level - 1) / np.sqrt(power) * beside
    own_sd = np.sqrt(level + 1 / a**2 - (level - 1) ** 2 / power)
    found, directions = np.linalg.eigh(first.T @ first)
    found, directions = found[::-1][:number], directions[:, ::-1][:, :number]
    own = generator.standard_normal((len(data) - k, size - k)) @ directions[k:] * own_sd
    of_second = second @ directions
    of_second[k:] += own
    cross = np.sum((first @ directions) * of_second, 0)
    return np.asarray(cross / np.sqrt(np.maximum(found * (1 + 1 / a**2), 1e-300)))


def _bands(generator: np.random.Generator, k: int, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Noise of variance one in the rows and columns of k components, and beside them."""
    n, m = shape
    steps = max(min(max(DIMENSIONS // k, BLOCKS), min(n, m) // k - 2), 1)
    along, beside = np.zeros((2, (steps + 2) * k, (steps + 1) * k))

    def at(block: int) -> slice:
        return slice(block * k, (block + 1) * k)

    along[at(0), at(0)] = generator.standard_normal((k, k))
    along[at(0), at(1)] = _triangle(generator, k, m - k).T
    along[at(1), at(0)] = _triangle(generator, k, n - k)
    for i in range(1, steps + 1):
        beside[at(i), at(i)] = generator.standard_normal((k, k))
        beside[at(i + 1), at(i)] = _triangle(generator, k, n - (i + 1) * k)
        if i < steps:
            beside[at(i), at(i + 1)] = _triangle(generator, k, m - (i + 1) * k).T
    return along, beside


def _triangle(generator: np.random.Generator, k: int, length: int) -> Floats:
    """What is left of k columns of so many random numbers, rotated to an upper triangle."""
    triangle = np.triu(generator.standard_normal((k, k)), 1)
    degrees = np.maximum(length - np.arange(k), 1)
    triangle[np.diag_indices(k)] = np.sqrt(generator.chisquare(degrees))
    return triangle
