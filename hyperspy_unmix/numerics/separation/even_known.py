"""A known component that lies evenly under all others, such as the film that carries them."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats, Mask

from .positivity import MOST_PIXELS_IN_MIXTURE, Mixture
from .refine import ICA_ERROR, LARGEST_CONDITION_NUMBER, refine
from .sign_and_scale import signs

MOST_UNEVEN = 0.1  # standard deviation of an even map, noise aside, over its mean
MOST_GIVEN_BACK = 2 * ICA_ERROR  # share of the known one, by a refinement of the others
MOST_NEGATIVITY_RATIO = 3.0  # of the spectra of the others, over what noise explains


def take_even_known(
    spectra: LowRank, unmixing: Floats, is_known: Mask
) -> tuple[Floats, int | None]:
    """The unmixing, known components that can be even taken out of the others as such.

    Spectra alone do not tell how much of a film is in what lies on it everywhere: a share of it in
    the others' spectra is as good as a map that is lower by as much. Where one choice of these
    shares makes the known component's map even, and leaves the others non-negative, that is what
    is meant: few specimens are even by chance. The shares are the coefficients of a regression of
    its map on the others', from the moments of the maps less those of their noise.

    Parameters
    ----------
    spectra : LowRank
    unmixing : array, shape (rank, rank)
        Spectra are ``unmixing @ components``.
    is_known : bool array, shape (rank,)

    Returns
    -------
    unmixing : array, shape (rank, rank)
    place : int, optional
        Of the known component that is even; None, and the same array, where none is.
    """
    if is_known.all():
        return unmixing, None
    for place in np.flatnonzero(is_known):
        changed, unevenness = made_even(spectra, unmixing, is_known, int(place))
        if unevenness <= MOST_UNEVEN and _are_possible(spectra, changed, is_known, int(place)):
            return changed, int(place)
    return unmixing, None


def made_even(
    spectra: LowRank, unmixing: Floats, is_known: Mask, place: int
) -> tuple[Floats, float]:
    """The unmixing with one known map as even as shares of it in the others can make it.

    Also the standard deviation of that map, noise aside, over its mean; infinite if that is not
    above zero.
    """
    others = np.flatnonzero(~is_known)
    mean, covariance = spectra.map_moments(unmixing)
    among, with_known = covariance[np.ix_(others, others)], covariance[others, place]
    slopes = np.linalg.lstsq(among, with_known, rcond=None)[0]
    level = mean[place] - slopes @ mean[others]
    left = covariance[place, place] - slopes @ with_known
    changed = unmixing.copy()
    changed[others] += slopes[:, None] * unmixing[place]
    # Without its share of the film a component may be on the other side.
    shapes, maps = changed @ spectra.components, spectra.scores @ np.linalg.inv(changed)
    sign = signs(shapes, maps, spectra.whitening.channel_sd)[0]
    changed[others] *= sign[others, None]
    return changed, float(np.sqrt(max(left, 0)) / level) if level > 0 else np.inf


def _are_possible(spectra: LowRank, unmixing: Floats, is_known: Mask, place: int) -> bool:
    """Whether the spectra of the others are non-negative within their noise.

    Where they are not, because they are mixed up with each other, whether a refinement makes them
    so without giving them the known one back.
    """
    others = np.flatnonzero(~is_known)
    if np.linalg.cond(unmixing) > LARGEST_CONDITION_NUMBER:
        return False
    mixture = Mixture(spectra, unmixing, MOST_PIXELS_IN_MIXTURE)
    ratios = mixture.negativity_ratios(np.eye(len(unmixing)))
    if (ratios[0][others] <= MOST_NEGATIVITY_RATIO).all():
        return True
    refined = refine(spectra, unmixing, np.where(is_known, 0, ICA_ERROR))
    shares = refined.unmixing @ np.linalg.inv(mixture.unmixing)
    given_back = np.abs(shares[others, place] / shares[others, others])
    is_non_negative = refined.after[0][others] <= MOST_NEGATIVITY_RATIO
    return bool(is_non_negative.all() and (given_back <= MOST_GIVEN_BACK).all())
