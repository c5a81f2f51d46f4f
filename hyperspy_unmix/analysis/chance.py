"""What chance may have left of the components in each other, by how they were separated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.certainty.ica_error import MixingDraws, ica_covariance
from hyperspy_unmix.numerics.certainty.mixing_error import Shares, estimate_shares
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.positivity import Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .found_by import BesideAlone, BesideKnown, FoundBy, Independent
from .non_negative import Factorised

MOST_PIXELS_OF_DRAWS = 1024  # whose maps must stay physical
SD_OF_UNKNOWN_SHARE = 10.0  # of spectra of sum one: wider than any limit
HALVINGS = 6  # of a draw that is not


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
    if isinstance(found_by, Factorised):
        covariance = _unknown_shares(len(found_by.unmixing))
    elif isinstance(found_by, BesideKnown):
        covariance = _covariance_beside_known(found_by, signals)
    else:
        covariance = covariance_of(found_by, signals)
    return estimate_shares(found_by.unmixing, unmixing, covariance)


def _unknown_shares(n: int) -> Floats:
    """Covariance of shares of which nothing is known but that spectra and maps are physical.

    Being non-negative does not decide within the ambiguity, whose limits cut these off.
    """
    covariance = np.zeros((n, n, n, n))
    for i in range(n):
        covariance[i, np.arange(n), i, np.arange(n)] = SD_OF_UNKNOWN_SHARE**2
        covariance[i, i, i, i] = 0
    return covariance


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


def chance_of_independent(found_by: FoundBy, signals: Floats) -> MixingDraws | None:
    """Draws of what chance may have left in the independent components; None where none is.

    What is known, and the phases that are alone, depend on pixels, and stay as they are.

    Parameters
    ----------
    found_by : FoundBy
    signals : array, shape (n, samples)
        What the ICA saw.
    """
    before = found_by.before if isinstance(found_by, BesideKnown) else found_by
    if before is None or isinstance(before, PurePixels | Factorised) or len(signals) < 2:
        return None
    is_anew = isinstance(found_by, BesideKnown) and found_by.is_anew
    stands = np.zeros(len(signals), bool)
    if isinstance(before, BesideAlone):
        stands |= before.is_alone
    if isinstance(found_by, BesideKnown):
        stands |= found_by.is_known
    centred = signals - signals.mean(1, keepdims=True)
    if isinstance(before, Independent) and not is_anew:
        uncorrelated = before.algorithm == "fastica" or not before.super_gaussian
        covariance = ica_covariance(before.unmixing @ centred, uncorrelated)
        covariance[stands], covariance[:, :, stands] = 0, 0
    else:
        covariance = ica_covariance(found_by.unmixing @ centred, known=stands)
    return MixingDraws.of(covariance)


@dataclass(frozen=True)
class ChanceOfIndependent:
    """What chance may leave of independent components in each other, as long as that is physical.

    Parameters
    ----------
    draws : MixingDraws
        In the sources of what was found.
    mixture : Mixture
        Of what was found: spectra and maps are no more negative than its own, or noise.
    norms : array, shape (n,)
        Of its spectra, in units of their noise.
    """

    draws: MixingDraws
    mixture: Mixture
    norms: Floats

    @classmethod
    def of(cls, found_by: FoundBy, leading: LowRank, signals: Floats) -> ChanceOfIndependent | None:
        """None where no component is independent of others."""
        draws = chance_of_independent(found_by, signals)
        if draws is None:
            return None
        mixture = Mixture(leading, found_by.unmixing, MOST_PIXELS_OF_DRAWS)
        white = leading.whitening.whiten(found_by.unmixing @ leading.components)
        norms = np.linalg.norm(white, axis=1)
        return cls(draws, mixture, norms)

    def draw(self, generator: np.random.Generator) -> Floats:
        """A mixing, shape (n, n), of the sources that were found."""
        error = self.draws.draw(generator, np.argsort(np.argsort(self.norms)))
        n = len(error)
        scale = self.norms / self.norms[:, None]
        most = np.maximum(self.mixture.negativity_ratios(np.eye(n)), 1)
        for row in range(n):
            error[row] *= self._share_allowed(row, error[row] * scale[row], most)
        return np.eye(n) + error

    def _share_allowed(self, row: int, error: Floats, most: Floats) -> float:
        """The largest share of the error of one component that is physical, by halves."""
        lowest, highest, share = 0.0, 1.0, 1.0
        for _ in range(HALVINGS):
            mixing = np.eye(len(error))
            mixing[row] += share * error
            allowed = (self.mixture.negativity_ratios(mixing) <= most).all()
            if allowed and share == 1:
                return share
            lowest, highest = (share, highest) if allowed else (lowest, share)
            share = (lowest + highest) / 2
        return lowest


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
