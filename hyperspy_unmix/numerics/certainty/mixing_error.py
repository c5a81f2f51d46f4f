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


def shares_of(found: Floats, unmixing: Floats, covariance: Floats) -> Shares:
    """Where the components that were found stand relative to those that were made of them.

    Parameters
    ----------
    found : array, shape (n, n)
        Sources are ``found @ components``.
    unmixing : array, shape (n, n)
        Spectra are ``unmixing @ components``: the sources in another order and scale, and mixed
        with each other a little.
    covariance : array, shape (n, n, n, n)
        Of the mixing left in the sources, see `ica_error.ica_covariance`.
    """
    n = len(found)
    turn, place = unmixing @ np.linalg.inv(found), sources_of(found, unmixing)
    # each component's own source, in its scale
    own = np.zeros_like(turn)
    own[np.arange(n), place] = turn[np.arange(n), place]
    back = np.linalg.inv(turn)
    mean = own @ back
    errors = np.einsum(
        "ia,jb,abcd,kc,ld->ijkl", own, back.T, covariance, own, back.T, optimize=True
    )
    diagonal = np.diag(mean)
    shares = mean / diagonal[:, None]
    # to first order, with the spectrum's own share as the unit
    relative = np.eye(n * n).reshape(n, n, n, n)
    for i in range(n):
        relative[i, :, i, i] -= shares[i]
    relative /= diagonal[:, None, None, None]
    covariance = np.einsum("ijab,abcd,klcd->ijkl", relative, errors, relative, optimize=True)
    return Shares(shares - np.eye(n), covariance)


def sources_of(found: Floats, unmixing: Floats) -> NDArray[np.intp]:
    """Which source each component was made of, shape (n,); parameters as in `shares_of`."""
    size = np.abs(unmixing @ np.linalg.inv(found)) * np.linalg.norm(found, axis=1)
    return np.asarray(linear_sum_assignment(-size / size.max(1, keepdims=True))[1])


def within(shares: Shares, lowest: Floats, highest: Floats) -> Floats:
    """Mean products of the shares about zero, given that each is between two limits.

    Normal errors, cut off where spectra or maps would become more negative than noise; what is cut
    is taken off each share by itself, their correlations stay.

    Parameters
    ----------
    shares : Shares
    lowest, highest : array, shape (n, n)
        See `ambiguity.Ambiguity`.

    Returns
    -------
    array, shape (n, n, n, n)
    """
    n = len(lowest)
    variance = np.einsum("ijij->ij", shares.covariance)
    sd = np.sqrt(np.maximum(variance, 1e-300))
    low, high = (lowest - shares.expected) / sd, (highest - shares.expected) / sd
    mean, spread = _cut_normal(low, high)
    about_zero = np.sqrt((shares.expected + sd * mean) ** 2 + (sd * spread) ** 2)
    about_zero[np.arange(n), np.arange(n)] = 0
    correlation = shares.covariance / (sd[:, :, None, None] * sd)
    pairs = np.arange(n * n)
    correlation.reshape(n * n, n * n)[pairs, pairs] = 1
    return np.asarray(about_zero[:, :, None, None] * correlation * about_zero)


def _cut_normal(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a standard normal between two limits."""
    # far out on one side the tail is an exponential that starts at the limit
    flipped = np.abs(high) > np.abs(low)
    low, high = np.where(flipped, -high, low), np.where(flipped, -low, high)
    inside = np.exp(norm.logcdf(high)) - np.exp(norm.logcdf(low))
    tail = inside < 1e-12
    safe = np.where(tail, 1, inside)
    at_low, at_high = norm.pdf(low), norm.pdf(high)
    bounded = [np.where(np.isfinite(x), x, 0) for x in (low, high)]
    mean = (at_low - at_high) / safe
    square = 1 + (bounded[0] * at_low - bounded[1] * at_high) / safe
    variance = square - mean**2
    length = np.minimum(1 / np.maximum(-high, 1), high - low)
    # rounding, where the limits are close: no cut normal is wider than an even one
    mean = np.clip(np.where(tail, high - length, mean), low, high)
    most = (high - low) / np.sqrt(12)
    spread = np.minimum(np.where(tail, length, np.sqrt(np.maximum(variance, 0))), most)
    return np.where(flipped, -mean, mean), spread


def changes(products: Floats, integrals: Floats) -> Floats:
    """Mean products of the changes X: spectra ``(1 + X) @ S``, of integrals that stay.

    Parameters
    ----------
    products : array, shape (n, n, n, n)
        Of the shares, see `within`.
    integrals : array, shape (n,)
        One, or zero where a spectrum has none that is kept.

    Returns
    -------
    array, shape (n, n, n, n)
    """
    n = len(integrals)
    change = np.eye(n * n).reshape(n, n, n, n)
    for i in np.flatnonzero(integrals):
        # what comes in from the others is taken off the component itself
        change[i, i, i, :] -= integrals
        change[i, i, i, i] = 0
    return np.asarray(np.einsum("ijab,abcd,klcd->ijkl", change, products, change, optimize=True))


def spectra_variance(products: Floats, spectra: Floats) -> Floats:
    """Variance of spectra (n, channels) that change by ``X @ S``."""
    own = np.einsum("ijik->ijk", products)
    return np.asarray(np.einsum("ijk,je,ke->ie", own, spectra, spectra, optimize=True))


def maps_variance(products: Floats, maps: Floats) -> Floats:
    """Variance of maps (pixels, n) that change by ``-A @ X``."""
    own = np.einsum("ijkj->jik", products)
    return np.asarray(np.einsum("pi,jik,pk->pj", maps, own, maps, optimize=True))


def totals_variance(products: Floats, spectra: Floats, totals: Floats) -> Floats:
    """Variance of spectra (n, channels) times the sums of their maps, both changing together."""
    n = len(totals)
    # d(T_i S_i) = T_i sum_j X_ij S_j - S_i sum_k T_k X_ki
    change = np.zeros((n, n, n, n))
    for i in range(n):
        change[i, np.arange(n), i, np.arange(n)] += totals[i]
        change[i, i, np.arange(n), i] -= totals
    moved = np.einsum("ijab,abcd,ikcd->ijk", change, products, change, optimize=True)
    return np.asarray(np.einsum("ijk,je,ke->ie", moved, spectra, spectra, optimize=True))
