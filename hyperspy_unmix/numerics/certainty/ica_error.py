"""How far independent components may be mixed up by chance."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

BLOCKS = 64  # of neighbouring samples, taken as independent of each other


def ica_covariance(sources: Floats, uncorrelated: bool = False) -> Floats:
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
    products, slope = (_uncorrelated if uncorrelated else _correlated)(sources)
    edges = np.linspace(0, samples, min(BLOCKS, samples) + 1).astype(int)
    sums = np.add.reduceat(products, edges[:-1], axis=1)
    sums = sums - sums.mean(1, keepdims=True)
    # the response to each block: their products cannot be negative, as rounding of others can
    response = np.linalg.pinv(slope) @ sums / samples
    scatter = response @ response.T * len(sums.T) / max(len(sums.T) - 1, 1)
    free = np.flatnonzero(~np.eye(n, dtype=bool))
    covariance = np.zeros((n * n, n * n))
    covariance[np.ix_(free, free)] = scatter
    return covariance.reshape(n, n, n, n)


def _correlated(sources: Floats) -> tuple[Floats, Floats]:
    """Products ``tanh(y_i) y_j`` of every pair, and how their means change with E."""
    n, samples = sources.shape
    score = np.tanh(sources)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    products = np.array([score[i] * sources[j] for i, j in pairs]).reshape(-1, samples)
    return products, _slope(sources, score, pairs, pairs)


def _uncorrelated(sources: Floats) -> tuple[Floats, Floats]:
    """Products ``y_i y_j`` and the difference of ``tanh(y_i) y_j`` both ways, and their slopes."""
    n, samples = sources.shape
    score = np.tanh(sources)
    # the side of the Gaussian on which a source is
    side = np.sign(np.mean(1 - score**2, 1) - np.mean(score * sources, 1))
    free = [(i, j) for i in range(n) for j in range(n) if i != j]
    half = [(i, j) for i, j in free if i < j]
    other = [(j, i) for i, j in half]
    both = [sources[i] * sources[j] for i, j in half]
    one = [side[i] * score[i] * sources[j] for i, j in half]
    two = [side[i] * score[i] * sources[j] for i, j in other]
    products = np.concatenate([both, np.subtract(one, two)]).reshape(-1, samples)
    linear = _slope(sources, sources, half, free, np.ones_like(sources))
    bent = _slope(sources, side[:, None] * score, half, free, side[:, None] * (1 - score**2))
    bent -= _slope(sources, side[:, None] * score, other, free, side[:, None] * (1 - score**2))
    return products, np.concatenate([linear, bent])


def _slope(
    sources: Floats,
    score: Floats,
    rows: list[tuple[int, int]],
    columns: list[tuple[int, int]],
    bend: Floats | None = None,
) -> Floats:
    """Change of the mean of ``score_i y_j`` (rows i, j) with ``E[k, l]`` (columns k, l)."""
    bend = 1 - score**2 if bend is None else bend
    samples = sources.shape[1]
    inner = np.einsum("it,lt,jt->ilj", bend, sources, sources) / samples
    outer = score @ sources.T / samples
    slope = np.zeros((len(rows), len(columns)))
    for a, (i, j) in enumerate(rows):
        for b, (k, other) in enumerate(columns):
            if k == i:
                slope[a, b] += inner[i, other, j]
            if k == j:
                slope[a, b] += outer[i, other]
    return slope
