"""Which components repeat in an independent share of the counts, whatever their noise edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import leading_eigenvectors
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

if TYPE_CHECKING:
    from .low_rank import LowRank
    from .scree import Scree

TESTED_SHARE = 0.2  # finding a component takes more counts than confirming it
LEAST_SIGNIFICANCE = 3.0
ADDED = float(np.sqrt(TESTED_SHARE / (1 - TESTED_SHARE)))  # noise in the larger share, in its own


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
    m, a = len(gram), np.float32(ADDED)
    generator = np.random.default_rng(seed)
    root = np.sqrt(variance).astype(np.float32)
    # m rows that span the data, and all others, where the data are zero
    inside = generator.standard_normal((m, m), np.float32) * root
    outside = _root_of_wishart(generator, n - m, m) * root
    data = _root(gram)  # what float32 rounds off of it is random, and adds up to nothing
    first = data + a * inside
    products = outside.T @ outside
    products *= a**2
    products += first.T @ first
    found, directions = leading_eigenvectors(products, number)
    second = data @ directions - inside @ directions / a
    cross = np.sum((first @ directions) * second, 0) - np.sum((outside @ directions) ** 2, 0)
    return _in_deviations(cross, found, directions, variance)


def thinned_significance(
    blocks: RowBlocks, spectra: LowRank, noise: NoiseModel, scree: Scree, seed: int = 0
) -> Floats:
    """The same from shares that are really drawn, value by value, in a pass over the data.

    Poisson counts are dealt to the two shares electron by electron (binomial thinning), which
    leaves them independent also where counts are few. Other data get noise ``Z`` of the variance
    and the channel correlation that the noise model gives each value.

    Parameters
    ----------
    blocks : RowBlocks
    spectra : LowRank
        Of the same pixels and channels; their weights and whitening are used.
    noise : NoiseModel
    scree : Scree
        Of the same data.
    seed : int

    Returns
    -------
    array
        As `significance`, of as many components as `Scree.repeats`.
    """
    a = ADDED
    whitening, size = spectra.whitening, blocks.shape[1]
    level = 1.0 if noise.kind == "poisson" else scree.calibration

    def shares(block: Block) -> tuple[Floats, Floats]:
        generator = np.random.default_rng([seed, int(block.index[0])])
        values, scale = block.spectra, np.sqrt(block.given[0])[:, None]
        if noise.kind == "poisson":
            counts = np.rint(np.maximum(values, 0)).astype(np.int64)
            kept = generator.binomial(counts, 1 - TESTED_SHARE)
            first = scale * whitening.whiten(kept / (1 - TESTED_SHARE))
            return first, scale * whitening.whiten((counts - kept) / TESTED_SHARE)
        white = scale * whitening.whiten(values.astype(float)) / np.sqrt(level)
        drawn = generator.standard_normal(white.shape) * np.sqrt(whitening.variance)
        return white + a * drawn, white - drawn / a

    def on_blocks(parts: Iterator[Block]) -> tuple[Floats, None]:
        total = np.zeros((2, size, size))
        for block in parts:
            first, second = shares(block)
            total += first.T @ first, first.T @ second
        return total, None

    (products, cross), _ = blocks.reduce(
        on_blocks, lambda totals: np.sum(totals, 0), spectra.weights, stage="split half"
    )
    found, directions = leading_eigenvectors(products, min(len(scree.repeats), size))
    along = np.sum(directions * (cross @ directions), 0)
    return _in_deviations(along, found, directions, whitening.variance)


def _in_deviations(cross: Floats, found: Floats, directions: Floats, variance: Floats) -> Floats:
    """Products of the shares along directions of the first, in what noise in the second gives."""
    noise = variance @ directions**2 * (1 + 1 / ADDED**2)
    return np.asarray(cross / np.sqrt(np.maximum(found * noise, 1e-300)))


def repeated(significances: Floats) -> int:
    """Number of leading components that repeat."""
    return leading_count(significances > LEAST_SIGNIFICANCE)


def _root(gram: Floats) -> Floats:
    """Upper triangular matrix of this Gram matrix, whose rounding may make it indefinite."""
    least = max(1e-14 * float(np.trace(gram)), 1e-300)
    raised, diagonal = gram.copy(), np.diag_indices(len(gram))
    while True:
        raised[diagonal] = gram[diagonal] + least
        try:
            return np.linalg.cholesky(raised).T.astype(np.float32)
        except np.linalg.LinAlgError:
            least *= 10


def _root_of_wishart(generator: np.random.Generator, degrees: int, m: int) -> Floats:
    """Upper triangular (or small) matrix whose Gram is that of ``degrees`` rows of white noise.

    References
    ----------
    M. S. Bartlett, Proc. R. Soc. Edinburgh 53 (1934) 260,
    https://doi.org/10.1017/S0370164600015637
    """
    if degrees < m:
        return generator.standard_normal((degrees, m), np.float32)
    root = np.triu(generator.standard_normal((m, m), np.float32), 1)
    root[np.diag_indices(m)] = np.sqrt(generator.chisquare(degrees - np.arange(m)))
    return root
