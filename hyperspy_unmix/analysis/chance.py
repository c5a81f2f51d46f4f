"""What chance may have left of the components in each other, by how they were separated."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.certainty.ica_error import ica_covariance
from hyperspy_unmix.numerics.certainty.mixing_error import Shares, estimate_shares
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .found_by import BesideAlone, BesideKnown, FoundBy, Independent


def chance_shares(found_by: FoundBy, unmixing: Floats, signals: Floats) -> Shares:
    """Shares of the components in each other that chance may have left.

    Parameters
    ----------
    found_by : FoundBy
    unmixing : array, shape (n, n)
        Of the components as they are now: spectra are ``unmixing @ components``.
    signals : array, shape (n, samples)
        What the ICA saw.

    Returns
    -------
    Shares
    """
    if isinstance(found_by, PurePixels):
        return estimate_shares(found_by.unmixing, unmixing, found_by.covariance)
    if isinstance(found_by, BesideKnown):
        covariance = _covariance_beside_known(found_by, signals)
    else:
        covariance = covariance_of(found_by, signals)
    return estimate_shares(found_by.unmixing, unmixing, covariance)


def covariance_of(found_by: Independent | BesideAlone, signals: Floats) -> Floats:
    """Covariance of the mixing that chance may have left in the sources, (n, n, n, n)."""
    centred = signals - signals.mean(1, keepdims=True) if signals.shape[1] else signals
    sources = found_by.unmixing @ centred
    if isinstance(found_by, Independent):
        uncorrelated = found_by.algorithm == "fastica" or not found_by.super_gaussian
        return ica_covariance(sources, uncorrelated)
    covariance = ica_covariance(sources, known=found_by.is_alone)
    _put_corners(covariance, found_by.unmixing, found_by.pure, found_by.is_alone)
    return covariance


def _covariance_beside_known(found_by: BesideKnown, signals: Floats) -> Floats:
    """Covariance of the shares where components are known."""
    unmixing, is_known, before = found_by.unmixing, found_by.is_known, found_by.before
    n = len(unmixing)
    covariance: Floats = np.zeros((n, n, n, n))
    if isinstance(before, PurePixels):
        _put_corners(covariance, unmixing, before, ~is_known)
    elif before is not None and found_by.is_anew:
        stands = is_known | before.is_alone if isinstance(before, BesideAlone) else is_known
        centred = signals - signals.mean(1, keepdims=True)
        covariance = ica_covariance(unmixing @ centred, known=stands)
        if isinstance(before, BesideAlone):
            _put_corners(covariance, unmixing, before.pure, before.is_alone & ~is_known)
    elif before is not None:
        covariance = covariance_of(before, signals)
        covariance[is_known], covariance[:, :, is_known] = 0, 0
    inverse = np.linalg.inv(unmixing)
    for i, noise in zip(np.flatnonzero(is_known), found_by.covariance, strict=True):
        of_row = inverse.T @ noise @ inverse
        of_row[i], of_row[:, i] = 0, 0
        covariance[i, :, i, :] = of_row
    return covariance


def _put_corners(covariance: Floats, unmixing: Floats, pure: PurePixels, alone: Mask) -> None:
    """Write the covariance of the shares in phases that are alone into that of all."""
    numbers = np.flatnonzero(alone)
    every = np.arange(len(unmixing))
    covariance[np.ix_(numbers, every, numbers)] = _error_of_corners(unmixing, pure, numbers)


def _error_of_corners(unmixing: Floats, pure: PurePixels, alone: Index) -> Floats:
    """Covariance of the shares in phases that are alone, shape (alone, n, alone, n)."""
    # Shares of the other corners, as shares of the components that are there in their place.
    change = pure.unmixing @ np.linalg.inv(unmixing)
    n = np.arange(len(change))
    of_corners = pure.covariance[np.ix_(alone, n, alone, n)]
    error = np.einsum("iakb,aj,bl->ijkl", of_corners, change, change, optimize=True)
    for place, i in enumerate(alone):
        error[place, i], error[:, :, place, i] = 0, 0
    return np.asarray(error)
