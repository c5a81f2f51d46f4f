"""Whether components come back: from other starts, other noise and other parts of the spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import special_ortho_group

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

RANDOM_TURNS = 4000


def repeated(spectra: LowRank, visible: Floats, generator: np.random.Generator) -> Floats:
    """Components (rank, channels) as another measurement of the same specimen would give them.

    Parameters
    ----------
    spectra : LowRank
    visible : array, shape (rank,)
        Expected squared correlation of each component with the true one, see `rank.visible`: the
        rest is noise, and is drawn anew.
    generator : numpy.random.Generator
    """
    white = spectra.whitening
    size = np.linalg.norm(white.whiten(spectra.components), axis=1) / np.sqrt(white.variance.sum())
    noise = generator.standard_normal(spectra.components.shape) * np.sqrt(white.variance)
    drawn = white.colour(noise * size[:, None])
    return np.sqrt(visible)[:, None] * spectra.components + np.sqrt(1 - visible)[:, None] * drawn


def choose_blocks(number: int, blocks: int, generator: np.random.Generator) -> Floats:
    """Indices of samples, in blocks of neighbours drawn with replacement."""
    edges = np.linspace(0, number, min(blocks, number) + 1).astype(int)
    parts = [np.arange(*ends) for ends in pairwise(edges)]
    return np.concatenate([parts[i] for i in generator.integers(0, len(parts), len(parts))])


def stability_index(
    unmixing: Floats,
    run: Callable[[np.random.Generator], Floats],
    metric: Floats,
    spectra: LowRank,
    visible: Floats,
    generators: Sequence[np.random.Generator],
) -> Floats:
    """Stability index of each component: 1, it always comes back; 0, as alike as by chance.

    The estimates of all runs and the answer itself are put in clusters, one of each run in each.
    The index is the mean similarity within a cluster, less what rotations drawn at random would
    have after the same choice, over the most that it could be. Similarity is the magnitude of the
    correlation of two sources, times the share of both that is not noise.

    Parameters
    ----------
    unmixing : array, shape (n, n)
        The answer: sources are ``unmixing @ components``.
    run : callable
        Another estimate of it, made with a random generator.
    metric : array, shape (n, n)
        Covariance of the components in which sources are compared.
    spectra : LowRank
        Of ``n`` components.
    visible : array, shape (n,)
        As in `repeated`.
    generators : sequence of numpy.random.Generator
        One for each run.

    Returns
    -------
    array, shape (n,)

    References
    ----------
    J. Himberg, A. Hyvarinen, F. Esposito, NeuroImage 22 (2004) 1214,
    https://doi.org/10.1016/j.neuroimage.2004.03.027 (Icasso); Z. Yang, S. LaConte, X. Weng, X. Hu,
    Hum. Brain Mapp. 29 (2008) 711, https://doi.org/10.1002/hbm.20432 (one of each run in a cluster)
    """
    n = len(unmixing)
    white = spectra.whitening.whiten(spectra.components)
    share = _share_of_signal(white @ white.T, visible)

    def sources(estimate: Floats) -> Floats:
        # what did not converge may be anything: it has a direction at most
        estimate = np.where(np.isfinite(estimate).all(1, keepdims=True), estimate, 0.0)
        estimate = np.ldexp(estimate, -np.frexp(np.abs(estimate).max(1, keepdims=True))[1])
        size = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", estimate, metric, estimate), 0))
        # a source that the metric does not see is like no other
        weight = np.where(size > 1e-100, np.sqrt(share(estimate)) / np.maximum(size, 1e-100), 0)
        return np.asarray(weight[:, None] * estimate)

    answer = sources(unmixing)
    found = [answer]
    for generator in generators:
        other = sources(run(generator))
        alike = np.abs(answer @ metric @ other.T)
        found.append(other[linear_sum_assignment(-alike)[1]])
    inside = _within(np.stack(found), metric)
    most = _of_pairs(np.sqrt([share(estimate) for estimate in found]))
    if n == 1:
        return most
    chance = _by_chance(n)
    return np.asarray(np.clip((inside - chance * most) / (1 - chance), 0, 1))


def _within(found: Floats, metric: Floats) -> Floats:
    """Mean similarity of different runs (runs, n, n) of each component."""
    runs = len(found)
    alike = np.abs(np.einsum("aij,jk,bik->iab", found, metric, found, optimize=True))
    own = np.einsum("iaa->i", alike)
    return np.asarray((alike.sum((1, 2)) - own) / (runs * (runs - 1)))


def _of_pairs(values: Floats) -> Floats:
    """Mean product of the values (runs, n) of different runs."""
    runs = len(values)
    return np.asarray((values.sum(0) ** 2 - np.sum(values**2, 0)) / (runs * (runs - 1)))


@lru_cache
def _by_chance(n: int) -> float:
    """Mean similarity of two rotations drawn at random, each matched to the same answer."""
    turns = special_ortho_group.rvs(n, size=RANDOM_TURNS, random_state=np.random.default_rng(0))
    matched = [turn[linear_sum_assignment(-np.abs(turn.T))[1]] for turn in turns]
    first, second = np.split(np.stack(matched), 2)
    return float(np.abs(np.sum(first * second, 2)).mean())


def _share_of_signal(products: Floats, visible: Floats) -> Callable[[Floats], Floats]:
    """Share of each source's power that is not noise, from the products of the components."""
    seen = np.sqrt(visible)
    signal = seen[:, None] * products * seen
    noise = (1 - visible) * np.diag(products)

    def share(estimate: Floats) -> Floats:
        kept = np.einsum("ij,jk,ik->i", estimate, signal, estimate)
        return np.asarray(kept / np.maximum(kept + estimate**2 @ noise, 1e-300))

    return share
