"""Errors of spectra and maps that come from components mixed up with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from hyperspy_unmix.numerics.types import Floats


@dataclass(frozen=True)
class Shares:
    """Shares of the components in each other that the answer may be wrong by.

    The true spectra are ``S_i + sum_j t_ij S_j``; ``expected`` (n, n) and ``covariance``
    (n, n, n, n) are those of t, zero on the diagonal.
    """

    expected: Floats
    covariance: Floats


def estimate_shares(source_unmixing: Floats, unmixing: Floats, covariance: Floats) -> Shares:
    """Shares of the components in each other, from the sources that they were made of.

    Parameters
    ----------
    source_unmixing : array, shape (n, n)
        Sources are ``source_unmixing @ components``.
    unmixing : array, shape (n, n)
        Spectra are ``unmixing @ components``: the sources in another order and scale, and mixed
        with each other a little.
    covariance : array, shape (n, n, n, n)
        Of the mixing left in the sources, see `ica_error.ica_covariance`.

    Returns
    -------
    Shares
    """
    n = len(source_unmixing)
    # Spectra are mixed_sources @ sources; of these, each has one that is its own, in its scale.
    mixed_sources = unmixing @ np.linalg.inv(source_unmixing)
    own = np.arange(n), match_sources(source_unmixing, unmixing)
    own_sources = np.zeros_like(mixed_sources)
    own_sources[own] = mixed_sources[own]
    # Mean and covariance of the true spectra in units of these ones.
    inverse = np.linalg.inv(mixed_sources)
    mean = own_sources @ inverse
    errors = np.einsum(
        "ia,jb,abcd,kc,ld->ijkl",
        own_sources,
        inverse.T,
        covariance,
        own_sources,
        inverse.T,
        optimize=True,
    )
    # To first order, the same with each spectrum's share of itself as the unit.
    diagonal = np.diag(mean)
    shares = mean / diagonal[:, None]
    relative = np.eye(n * n).reshape(n, n, n, n)
    for i in range(n):
        relative[i, :, i, i] -= shares[i]
    relative /= diagonal[:, None, None, None]
    covariance = np.einsum("ijab,abcd,klcd->ijkl", relative, errors, relative, optimize=True)
    return Shares(shares - np.eye(n), covariance)


def match_sources(source_unmixing: Floats, unmixing: Floats) -> NDArray[np.intp]:
    """Which source each component was made of.

    The assignment, one source to each, in which components hold the most of theirs.

    Parameters
    ----------
    source_unmixing, unmixing : array, shape (n, n)
        As in `estimate_shares`.

    Returns
    -------
    int array, shape (n,)
    """
    size = np.abs(unmixing @ np.linalg.inv(source_unmixing))
    size = size * np.linalg.norm(source_unmixing, axis=1)
    return np.asarray(linear_sum_assignment(-size / size.max(1, keepdims=True))[1])


def limit_shares(shares: Shares, lowest: Floats, highest: Floats) -> Floats:
    """Mean products of the shares about zero, given that each is between two limits.

    Normal errors, cut off where spectra or maps would become more negative than noise; what is cut
    is taken off each share by itself, their correlations stay.

    Parameters
    ----------
    shares : Shares
    lowest, highest : array, shape (n, n)
        Limits of each share, those of `ambiguity.Ambiguity`.

    Returns
    -------
    array, shape (n, n, n, n)
        Mean of ``t[i, j] * t[k, l]``.
    """
    n = len(lowest)
    variance = np.einsum("ijij->ij", shares.covariance)
    sd = np.sqrt(np.maximum(variance, 1e-300))
    low, high = (lowest - shares.expected) / sd, (highest - shares.expected) / sd
    mean, cut_sd = _truncated_normal(low, high)
    root_mean_square = np.sqrt((shares.expected + sd * mean) ** 2 + (sd * cut_sd) ** 2)
    root_mean_square[np.arange(n), np.arange(n)] = 0
    correlation = shares.covariance / (sd[:, :, None, None] * sd)
    pairs = np.arange(n * n)
    correlation.reshape(n * n, n * n)[pairs, pairs] = 1
    return np.asarray(root_mean_square[:, :, None, None] * correlation * root_mean_square)


def _truncated_normal(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a standard normal between two limits.

    Its moments are in N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions
    1 (1994), chapter 13.
    """
    # Limits are mirrored so that the lower one is the farther from zero.
    is_mirrored = np.abs(high) > np.abs(low)
    low, high = np.where(is_mirrored, -high, low), np.where(is_mirrored, -low, high)
    probability = np.exp(norm.logcdf(high)) - np.exp(norm.logcdf(low))
    is_tail = probability < 1e-12
    divisor = np.where(is_tail, 1, probability)
    at_low, at_high = norm.pdf(low), norm.pdf(high)
    finite_low, finite_high = (np.where(np.isfinite(x), x, 0) for x in (low, high))
    mean = (at_low - at_high) / divisor
    mean_square = 1 + (finite_low * at_low - finite_high * at_high) / divisor
    variance = mean_square - mean**2
    # Far out on one side the tail is an exponential that starts at the limit.
    decay_length = np.minimum(1 / np.maximum(-high, 1), high - low)
    # Close limits leave rounding only; no truncated normal is wider than an even distribution.
    mean = np.clip(np.where(is_tail, high - decay_length, mean), low, high)
    even_sd = (high - low) / np.sqrt(12)
    sd = np.where(is_tail, decay_length, np.sqrt(np.maximum(variance, 0)))
    return np.where(is_mirrored, -mean, mean), np.minimum(sd, even_sd)


def changes_of_spectra(products: Floats, integrals: Floats) -> Floats:
    """Mean products of the changes X: spectra ``(1 + X) @ S``, of integrals that stay.

    Parameters
    ----------
    products : array, shape (n, n, n, n)
        Of the shares, from `limit_shares`.
    integrals : array, shape (n,)
        One, or zero where a spectrum has none that is kept.

    Returns
    -------
    array, shape (n, n, n, n)
        Mean of ``X[i, j] * X[k, l]``, the ``products`` of the functions below.
    """
    n = len(integrals)
    change = np.eye(n * n).reshape(n, n, n, n)
    for i in np.flatnonzero(integrals):
        # What comes in from the others is taken off the component itself.
        change[i, i, i, :] -= integrals
        change[i, i, i, i] = 0
    return np.asarray(np.einsum("ijab,abcd,klcd->ijkl", change, products, change, optimize=True))


def spectra_variance(products: Floats, spectra: Floats) -> Floats:
    """Variance of spectra (n, channels) that change by ``X @ S``."""
    of_spectrum = np.einsum("ijik->ijk", products)
    return np.asarray(np.einsum("ijk,je,ke->ie", of_spectrum, spectra, spectra, optimize=True))


def maps_variance(products: Floats, maps: Floats) -> Floats:
    """Variance of maps (pixels, n) that change by ``-A @ X``."""
    of_map = np.einsum("ijkj->jik", products)
    return np.asarray(np.einsum("pi,jik,pk->pj", maps, of_map, maps, optimize=True))


def totals_variance(products: Floats, spectra: Floats, totals: Floats) -> Floats:
    """Variance of spectra (n, channels) times the sums of their maps, both changing together."""
    n = len(totals)
    # To first order: d(T_i S_i) = T_i sum_j X_ij S_j - S_i sum_k T_k X_ki.
    change = np.zeros((n, n, n, n))
    for i in range(n):
        change[i, np.arange(n), i, np.arange(n)] += totals[i]
        change[i, i, np.arange(n), i] -= totals
    of_spectrum = np.einsum("ijab,abcd,ikcd->ijk", change, products, change, optimize=True)
    return np.asarray(np.einsum("ijk,je,ke->ie", of_spectrum, spectra, spectra, optimize=True))
