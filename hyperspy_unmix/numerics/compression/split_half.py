"""Which components repeat in an independent share of the counts, whatever their noise edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import (
    krylov_eigenvectors,
    leading_eigenvectors,
    root_of_large,
)
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank

TESTED_SHARE = 0.2  # finding a component takes more counts than confirming it
COLUMNS_FOR_NARROW_PRODUCTS = 2560  # or more
ROWS_IN_CACHE = 2**8
MOST_RANGE_IN_SINGLE_PRECISION = 1e4  # of the largest eigenvalue over the mean
LEAST_SIGNIFICANCE = 3.0  # standard deviations, for a component that repeats
# Of the noise that is added for the larger share, in standard deviations of the data's own.
ADDED_NOISE_SD = float(np.sqrt(TESTED_SHARE / (1 - TESTED_SHARE)))


def significance(gram: Floats, n: int, variance: Floats, number: int, seed: int = 0) -> Floats:
    """Significance with which the leading components of one share of the data repeat in the other.

    Noise ``Z`` of the data's own variance turns the data ``Y`` into ``Y + a Z`` and ``Y - Z / a``,
    whose errors are uncorrelated. A direction found in the first correlates with the second only
    if it is in the data. Both are needed only through their Gram matrix and cross products, which
    for Gaussian ``Z`` are drawn directly: no second look at the pixels, whatever their number.

    Parameters
    ----------
    gram : array, shape (m, m)
        Of the whitened data's columns.
    n : int
        Number of rows of the whitened data, at least m.
    variance : array, shape (m,)
        Noise variance of its columns (near one).
    number : int
        Components to look at.
    seed : int

    Returns
    -------
    array, shape (number,)
        In standard deviations of what noise alone gives.

    References
    ----------
    J. Leiner, B. Duan, L. Wasserman, A. Ramdas, J. Am. Stat. Assoc. 120 (2025) 135,
    https://doi.org/10.1080/01621459.2023.2270748
    """
    m, a = len(gram), np.float32(ADDED_NOISE_SD)
    generator = np.random.default_rng(seed)
    sd = a * np.sqrt(variance).astype(np.float32)
    # The noise of m rows that span the data, and of all other rows, where the data are zero.
    first = generator.standard_normal((m, m), np.float32)
    first *= sd
    outside = _root_of_wishart(generator, n - m, m)
    outside *= sd
    # What float32 rounds off of these m rows is random, and adds up to nothing.
    data = _root_of_gram(gram)
    # The leading components of the first share.
    first += data
    power, directions = _leading_of_sum(first, outside, number)
    # Their products with the second share, which lacks what the first has more than the data.
    of_first, of_data = first @ directions, data @ directions
    second = of_data - (of_first - of_data) / a**2
    cross = np.sum(of_first * second, 0) - np.sum((outside @ directions) ** 2, 0) / a**2
    return _in_standard_deviations(cross, power, directions, variance)


def _leading_of_sum(first: Floats, second: Floats, number: int) -> tuple[Floats, Floats]:
    """Leading eigenvectors of ``first.T @ first + second.T @ second``, see `leading_eigenvectors`.

    Two products with a narrow block take less time than a product of the matrices, from some
    thousand columns on.
    """
    m = first.shape[1]
    if m < COLUMNS_FOR_NARROW_PRODUCTS:
        products = second.T @ second
        products += first.T @ first
        return leading_eigenvectors(products, number)

    # Bartlett's root has m rows, and is triangular.
    parts = [*_bands(first, False), *_bands(second, len(second) == m)]

    def product(block: Floats) -> Floats:
        total = np.zeros_like(block)
        for start, band in parts:
            total[start:] += band.T @ (band @ block[start:])
        return total

    return krylov_eigenvectors(product, m, number, first.dtype)


def _bands(rows: Floats, triangular: bool) -> Iterator[tuple[int, Floats]]:
    """Rows as few together as stay in the cache, without the columns before ``start``: zeros."""
    for first in range(0, len(rows), ROWS_IN_CACHE):
        start = first if triangular else 0
        yield start, rows[first : first + ROWS_IN_CACHE, start:]


def thinned_significance(
    blocks: RowBlocks,
    spectra: LowRank,
    noise: NoiseModel,
    calibration: float,
    number: int,
    seed: int = 0,
) -> Floats:
    """Significance from shares that are really drawn, value by value, in a pass over the data.

    Poisson counts are dealt to the two shares electron by electron (binomial thinning), which
    leaves them independent also where counts are few. Other data get noise ``Z`` of the variance
    and the channel correlation that the noise model gives each value.

    Parameters
    ----------
    blocks : RowBlocks
    spectra : LowRank
        Of the same pixels and channels; their weights and whitening are used.
    noise : NoiseModel
    calibration : float
        Level of the noise over that of the model, see `Scree`.
    number : int
        Components to look at.
    seed : int

    Returns
    -------
    array
        As `significance`.
    """
    a = ADDED_NOISE_SD
    whitening, m = spectra.whitening, blocks.shape[1]
    level = 1.0 if noise.kind == "poisson" else calibration

    def draw_shares(block: Block) -> tuple[Floats, Floats]:
        generator = np.random.default_rng([seed, int(block.index[0])])
        values, row_scale = block.spectra, np.sqrt(block.per_pixel[0])[:, None]
        if noise.kind == "poisson":
            counts = np.rint(np.maximum(values, 0)).astype(np.int64)
            first_counts = generator.binomial(counts, 1 - TESTED_SHARE)
            first = row_scale * whitening.whiten(first_counts / (1 - TESTED_SHARE))
            return first, row_scale * whitening.whiten((counts - first_counts) / TESTED_SHARE)
        white = row_scale * whitening.whiten(values.astype(float)) / np.sqrt(level)
        added = generator.standard_normal(white.shape) * np.sqrt(whitening.variance)
        return white + a * added, white - added / a

    def sum_products(parts: Iterator[Block]) -> tuple[Floats, None]:
        total = np.zeros((2, m, m))
        for block in parts:
            first, second = draw_shares(block)
            total += first.T @ first, first.T @ second
        return total, None

    (products, cross), _ = blocks.reduce(
        sum_products, lambda totals: np.sum(totals, 0), spectra.weights, stage="split half"
    )
    power, directions = leading_eigenvectors(products, min(number, m))
    cross_along = np.sum(directions * (cross @ directions), 0)
    return _in_standard_deviations(cross_along, power, directions, whitening.variance)


def _in_standard_deviations(
    cross: Floats, power: Floats, directions: Floats, variance: Floats
) -> Floats:
    """Products of the two shares, in standard deviations of what noise in the second gives.

    ``cross`` (k,) are the products along the ``directions`` (channels, k) of the first share, whose
    sums of squares are ``power`` (k,).
    """
    noise_variance = variance @ directions**2 * (1 + 1 / ADDED_NOISE_SD**2)
    return np.asarray(cross / np.sqrt(np.maximum(power * noise_variance, 1e-300)))


def count_repeated(significances: Floats) -> int:
    """Number of leading components that repeat, from their `significance`."""
    return leading_count(significances > LEAST_SIGNIFICANCE)


def _root_of_gram(gram: Floats) -> Floats:
    """Upper triangular matrix of this Gram matrix, which rounding may have made indefinite."""
    if len(gram) >= COLUMNS_FOR_NARROW_PRODUCTS:
        root = _single_precision_root(gram)
        if root is not None:
            return root
    ridge = max(1e-14 * float(np.trace(gram)), 1e-300)
    raised, diagonal = gram.copy(), np.diag_indices(len(gram))
    while True:
        raised[diagonal] = gram[diagonal] + ridge
        try:
            return np.linalg.cholesky(raised).T.astype(np.float32)
        except np.linalg.LinAlgError:
            # A failure takes as long as a success.
            ridge *= 1000


def _single_precision_root(gram: Floats) -> Floats | None:
    """The same, rounded in the course of it by less than a thousandth of the noise.

    None where the strongest component is too strong for that, or there are directions without
    noise.
    """
    mean = float(np.trace(gram)) / len(gram)
    # The largest eigenvalue is less than the root of the sum of squares.
    if not 0 < np.linalg.norm(gram) < MOST_RANGE_IN_SINGLE_PRECISION * mean:
        return None
    raised = gram.astype(np.float32)
    raised[np.diag_indices(len(gram))] += np.float32(1e-6 * mean)
    try:
        return root_of_large(raised)
    except np.linalg.LinAlgError:
        return None


def _root_of_wishart(generator: np.random.Generator, degrees: int, m: int) -> Floats:
    """Matrix whose Gram matrix is distributed as that of ``degrees`` rows of white noise.

    Upper triangular (m, m) by Bartlett's decomposition; the rows themselves where they are fewer.

    References
    ----------
    M. S. Bartlett, Proc. R. Soc. Edinburgh 53 (1934) 260,
    https://doi.org/10.1017/S0370164600015637
    """
    if degrees < m:
        return generator.standard_normal((degrees, m), np.float32)
    root = generator.standard_normal((m, m), np.float32)
    for row in range(m):
        root[row, :row] = 0
    root[np.diag_indices(m)] = np.sqrt(generator.chisquare(degrees - np.arange(m)))
    return root
