"""How far independent components may be mixed up by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index, Mask

NUMBER_OF_BLOCKS = 64  # of neighbouring samples, taken as independent of each other


@dataclass(frozen=True)
class MixingDraws:
    """Draws of the mixing E that chance may have left in sources: ``(1 + E) @ sources``.

    ``root`` (n * n, n * n), symmetric, squared is the covariance of E.
    """

    root: Floats

    @classmethod
    def of(cls, covariance: Floats) -> MixingDraws:
        """Draws from a covariance (n, n, n, n), see `ica_covariance`."""
        n = len(covariance)
        matrix = covariance.reshape(n * n, n * n)
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        return cls((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)

    def draw(self, generator: np.random.Generator, rank: Index) -> Floats:
        """Normal deviates of this covariance, shape (n, n).

        ``rank`` (n,) numbers the sources in an order of their own, whatever the order they are in:
        the same sources get the same deviates.
        """
        deviates = generator.standard_normal((len(rank), len(rank)))[np.ix_(rank, rank)]
        return np.asarray(self.root @ deviates.ravel()).reshape(deviates.shape)


def ica_covariance(
    sources: Floats, uncorrelated: bool = False, known: Mask | None = None
) -> Floats:
    """Covariance of the mixing that is left in the sources of an ICA.

    ICA makes certain products of the sources vanish on average over the samples. Were there other
    samples of the same kind, the averages would differ by chance, and so would the sources:
    ``(1 + E) @ sources``. The scatter of the averages is that between blocks of neighbouring
    samples, the response of the sources to them the slope of the averages (the "sandwich" of
    estimating equations). Features that sources share make a block stand out, and the error large.

    Parameters
    ----------
    sources : array, shape (components, samples)
        Of an ICA with tanh as score function, in its scale: tanh bends where they have their unit.
    uncorrelated : bool
        Whether the ICA was one that keeps sources uncorrelated (FastICA, Picard-O).
    known : bool array, shape (components,), optional
        Sources that were held while the others were looked for: their rows of E are zero. Of an ICA
        whose sources may be correlated.

    Returns
    -------
    array, shape (components, components, components, components)
        Covariance of ``E[i, j]`` and ``E[k, l]``. The diagonal of E, a change of scale, is zero.

    References
    ----------
    D.-T. Pham, P. Garat, IEEE Trans. Signal Process. 45 (1997) 1712,
    https://doi.org/10.1109/78.599941 (estimating equations of ICA); P. J. Huber, Proc. 5th
    Berkeley Symp. 1 (1967) 221 (the sandwich); H. R. Kunsch, Ann. Stat. 17 (1989) 1217,
    https://doi.org/10.1214/aos/1176347265 (blocks)
    """
    n, samples = sources.shape
    if n == 1:
        return np.zeros((1, 1, 1, 1))
    known = np.zeros(n, bool) if known is None else known
    if uncorrelated:
        products, slope = _equations_if_uncorrelated(sources)
    else:
        products, slope = _equations_if_correlated(sources, known)
    # Scatter of the averages between blocks.
    edges = np.linspace(0, samples, min(NUMBER_OF_BLOCKS, samples) + 1).astype(int)
    block_sums = np.add.reduceat(products, edges[:-1], axis=1)
    block_sums = block_sums - block_sums.mean(1, keepdims=True)
    blocks = block_sums.shape[1]
    # Made of the response to each block, the covariance stays positive whatever the rounding.
    response = np.linalg.pinv(slope) @ block_sums / samples
    scatter = response @ response.T * blocks / max(blocks - 1, 1)
    unknown = [i * n + j for i, j in _pairs(known)]
    covariance = np.zeros((n * n, n * n))
    covariance[np.ix_(unknown, unknown)] = scatter
    return covariance.reshape(n, n, n, n)


def _pairs(known: Mask) -> list[tuple[int, int]]:
    """Numbers (i, j) of every pair of sources, i not a known one."""
    n = len(known)
    return [(i, j) for i in range(n) for j in range(n) if i != j and not known[i]]


def _equations_if_correlated(sources: Floats, known: Mask | None = None) -> tuple[Floats, Floats]:
    """Products ``tanh(y_i) y_j`` of every pair, and how their means change with E."""
    score = np.tanh(sources)
    pairs = _pairs(np.zeros(len(sources), bool) if known is None else known)
    products = np.array([score[i] * sources[j] for i, j in pairs]).reshape(-1, sources.shape[1])
    return products, _slope(sources, score, pairs, pairs)


def _equations_if_uncorrelated(sources: Floats) -> tuple[Floats, Floats]:
    """Products ``y_i y_j`` and the difference of ``tanh(y_i) y_j`` both ways, and their slopes."""
    samples = sources.shape[1]
    score = np.tanh(sources)
    # Positive for sources of heavier tails than a Gaussian, negative for those of lighter ones.
    side = np.sign(np.mean(1 - score**2, 1) - np.mean(score * sources, 1))
    pairs = _pairs(np.zeros(len(sources), bool))
    upper = [(i, j) for i, j in pairs if i < j]
    lower = [(j, i) for i, j in upper]
    plain = [sources[i] * sources[j] for i, j in upper]
    upper_scores = [side[i] * score[i] * sources[j] for i, j in upper]
    lower_scores = [side[i] * score[i] * sources[j] for i, j in lower]
    differences = np.subtract(upper_scores, lower_scores)
    products = np.concatenate([plain, differences]).reshape(-1, samples)
    sided_score, its_slope = side[:, None] * score, side[:, None] * (1 - score**2)
    plain_slope = _slope(sources, sources, upper, pairs, np.ones_like(sources))
    difference_slope = _slope(sources, sided_score, upper, pairs, its_slope)
    difference_slope -= _slope(sources, sided_score, lower, pairs, its_slope)
    return products, np.concatenate([plain_slope, difference_slope])


def _slope(
    sources: Floats,
    score: Floats,
    rows: list[tuple[int, int]],
    columns: list[tuple[int, int]],
    score_slope: Floats | None = None,
) -> Floats:
    """Change of the mean of ``score_i y_j`` (rows i, j) with ``E[k, m]`` (columns k, m).

    ``score_slope`` is the derivative of the score by the source; default that of tanh.
    """
    score_slope = 1 - score**2 if score_slope is None else score_slope
    samples = sources.shape[1]
    # E[k, m] adds y_m to y_k: first inside the score, then in the other factor.
    inside = np.einsum("it,mt,jt->imj", score_slope, sources, sources) / samples
    outside = score @ sources.T / samples
    slope = np.zeros((len(rows), len(columns)))
    for row, (i, j) in enumerate(rows):
        for column, (k, m) in enumerate(columns):
            if k == i:
                slope[row, column] += inside[i, m, j]
            if k == j:
                slope[row, column] += outside[i, m]
    return slope
