"""Whether components come back: from other starts, on other noise, mixed otherwise by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import special_ortho_group

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

RANDOM_ROTATIONS = 4000  # from which the similarity by chance is estimated


def redraw_noise(spectra: LowRank, signal_share: Floats, generator: np.random.Generator) -> Floats:
    """Components as another measurement of the same specimen would give them.

    Parameters
    ----------
    spectra : LowRank
    signal_share : array, shape (rank,)
        Expected squared correlation of each component with the true one, see
        `rank.expected_squared_cosines`: the rest is noise, and is drawn anew.
    generator : numpy.random.Generator

    Returns
    -------
    array, shape (rank, channels)
    """
    whitening = spectra.whitening
    norms = np.linalg.norm(whitening.whiten(spectra.components), axis=1)
    size = norms / np.sqrt(whitening.variance.sum())
    white_noise = generator.standard_normal(spectra.components.shape) * np.sqrt(whitening.variance)
    noise = whitening.colour(white_noise * size[:, None])
    signal = np.sqrt(signal_share)[:, None] * spectra.components
    return signal + np.sqrt(1 - signal_share)[:, None] * noise


def stability_index(
    unmixing: Floats,
    run: Callable[[np.random.Generator], Floats],
    metric: Floats,
    spectra: LowRank,
    signal_share: Floats,
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
        In which sources are compared: their products are ``unmixing @ metric @ unmixing.T``.
    spectra : LowRank
        Of ``n`` components.
    signal_share : array, shape (n,)
        As in `redraw_noise`.
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
    share = _share_of_signal(white @ white.T, signal_share)
    # Clusters: of each run the source that is the most similar to one of the answer.
    answer = _weighted_sources(unmixing, metric, share)
    clusters = [answer]
    for generator in generators:
        sources = _weighted_sources(run(generator), metric, share)
        similarity = np.abs(answer @ metric @ sources.T)
        clusters.append(sources[linear_sum_assignment(-similarity)[1]])
    # Their similarity, between that of chance and the most that the noise allows.
    inside = _mean_similarity(np.stack(clusters), metric)
    most = _mean_product(np.sqrt([share(sources) for sources in clusters]))
    if n == 1:
        return most
    chance = _chance_similarity(n)
    return np.asarray(np.clip((inside - chance * most) / (1 - chance), 0, 1))


def _weighted_sources(
    unmixing: Floats, metric: Floats, share: Callable[[Floats], Floats]
) -> Floats:
    """Sources of norm one in the metric, times the root of their share of signal."""
    # A run that did not converge may give anything: such a source counts as zero.
    sources = np.where(np.isfinite(unmixing).all(1, keepdims=True), unmixing, 0.0)
    # A power of two for each keeps the squares from overflowing, and every bit of the source.
    sources = np.ldexp(sources, -np.frexp(np.abs(sources).max(1, keepdims=True))[1])
    norm = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", sources, metric, sources), 0))
    # A source that the metric does not see is like no other.
    weight = np.where(norm > 1e-100, np.sqrt(share(sources)) / np.maximum(norm, 1e-100), 0)
    return np.asarray(weight[:, None] * sources)


def _mean_similarity(clusters: Floats, metric: Floats) -> Floats:
    """Mean similarity of the sources of different runs, of clusters (runs, n, n): (n,)."""
    runs = len(clusters)
    similarity = np.abs(np.einsum("aij,jk,bik->iab", clusters, metric, clusters, optimize=True))
    with_itself = np.einsum("iaa->i", similarity)
    return np.asarray((similarity.sum((1, 2)) - with_itself) / (runs * (runs - 1)))


def _mean_product(values: Floats) -> Floats:
    """Mean product of the values of different runs (runs, n): (n,)."""
    runs = len(values)
    return np.asarray((values.sum(0) ** 2 - np.sum(values**2, 0)) / (runs * (runs - 1)))


@lru_cache
def _chance_similarity(n: int) -> float:
    """Mean similarity of two rotations drawn at random, each matched to the same answer."""
    generator = np.random.default_rng(0)
    rotations = special_ortho_group.rvs(n, size=RANDOM_ROTATIONS, random_state=generator)
    matched = [rotation[linear_sum_assignment(-np.abs(rotation.T))[1]] for rotation in rotations]
    first, second = np.split(np.stack(matched), 2)
    return float(np.abs(np.sum(first * second, 2)).mean())


def _share_of_signal(products: Floats, signal_share: Floats) -> Callable[[Floats], Floats]:
    """Share of each source's power that is not noise, from the products of the components."""
    amplitude = np.sqrt(signal_share)
    signal_products = amplitude[:, None] * products * amplitude
    noise_power = (1 - signal_share) * np.diag(products)

    def share(sources: Floats) -> Floats:
        signal = np.einsum("ij,jk,ik->i", sources, signal_products, sources)
        return np.asarray(signal / np.maximum(signal + sources**2 @ noise_power, 1e-300))

    return share
