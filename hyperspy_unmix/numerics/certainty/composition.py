"""Atomic fractions of spectra whose atoms are linear in them, their errors and ranges."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

LEAST_LEFT = 1e-3  # of a spectrum's atoms, below which nothing is left to have a composition


def fractions(atoms: Floats) -> Floats:
    """Share of each element; ``atoms`` (components, elements) are numbers in any unit."""
    return np.asarray(atoms / atoms.sum(1, keepdims=True))


def fractions_variance(
    atoms: Floats, variance: Floats, per_count: Floats, changes: Floats, modes: Floats
) -> Floats:
    """Variance of the fractions, to first order.

    Parameters
    ----------
    atoms, variance : array, shape (components, elements)
        Numbers of atoms, and what the noise of single channels makes of them.
    per_count : array, shape (components, elements)
        Atoms of each component's spectrum of integral one.
    changes : array, shape (components, components, components, components)
        Mean products of the X in ``(1 + X) @ spectra``: components mixed up with each other.
    modes : array, shape (components, modes, elements)
        Atoms of independent errors that channels have together, of one standard deviation.

    Returns
    -------
    array, shape (components, elements)
    """
    share, n_elements = fractions(atoms), atoms.shape[1]
    total = atoms.sum(1)[:, None, None]
    of_atoms = (np.eye(n_elements) - share[:, None, :]) / total  # (component, atoms of, share of)
    result = np.einsum("ifs,if->is", of_atoms**2, variance)
    result += np.sum(np.einsum("imf,ifs->ims", modes, of_atoms) ** 2, 1)
    # X is dimensionless: it adds spectra of integral one.
    own = per_count.sum(1)[:, None, None]
    of_shares = np.einsum("jf,ifs->ijs", per_count, of_atoms * total / own)
    result += np.einsum("ijs,ijik,iks->is", of_shares, changes, of_shares)
    return np.asarray(np.maximum(result, 0))


def fractions_range(per_count: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Least and greatest fraction where each spectrum may hold a share of one of the others.

    Parameters
    ----------
    per_count : array, shape (components, elements)
        Atoms of each component's spectrum of integral one.
    shares : array, shape (components, components, 2)
        Spectrum i may be ``S_i + t S_j`` for t between ``shares[i, j]``.

    Returns
    -------
    low, high : array, shape (components, elements)
        Between zero and one, but for the fraction as it is.
    """
    now = fractions(per_count)
    # (component, other, end, element); a fraction is monotonic in t where there are atoms.
    atoms = per_count[:, None, None, :] + shares[..., None] * per_count[None, :, None, :]
    total = atoms.sum(-1, keepdims=True)
    is_left = total > LEAST_LEFT * np.abs(per_count).sum(1)[:, None, None, None]
    at_ends = np.clip(atoms / np.where(is_left, total, 1), 0, 1)
    low = np.where(is_left, at_ends, 0).min((1, 2))
    high = np.where(is_left, at_ends, 1).max((1, 2))
    return np.minimum(low, now), np.maximum(high, now)
