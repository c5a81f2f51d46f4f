"""A known component that lies evenly under all others, such as the film that carries them."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .positivity import MOST_PIXELS_IN_MIXTURE, Mixture

MOST_UNEVEN = 0.1  # standard deviation of an even map, noise aside, over its mean
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
    others = np.flatnonzero(~is_known)
    if not len(others) or not is_known.any():
        return unmixing, None
    mean, covariance = _map_moments(spectra, unmixing)
    for known in np.flatnonzero(is_known):
        slopes = np.linalg.lstsq(
            covariance[np.ix_(others, others)], covariance[others, known], rcond=None
        )[0]
        level = mean[known] - slopes @ mean[others]
        left = covariance[known, known] - slopes @ covariance[others, known]
        if level <= 0 or left > (MOST_UNEVEN * level) ** 2:
            continue
        changed = unmixing.copy()
        changed[others] += slopes[:, None] * unmixing[known]
        if _are_possible(spectra, changed, others):
            return changed, int(known)
    return unmixing, None


def _map_moments(spectra: LowRank, unmixing: Floats) -> tuple[Floats, Floats]:
    """Mean of the maps, and their covariance less that of their noise."""
    inverse = np.linalg.inv(unmixing)
    centred = spectra.scores - spectra.scores.mean(0)
    of_scores = centred.T @ centred / len(centred)
    counted = spectra.weights > 0
    of_scores = of_scores - spectra.noise * float(np.mean(1 / spectra.weights[counted]))
    return spectra.scores.mean(0) @ inverse, inverse.T @ of_scores @ inverse


def _are_possible(spectra: LowRank, unmixing: Floats, others: Index) -> bool:
    """Whether the spectra of the others are non-negative within their noise."""
    if np.linalg.cond(unmixing) > 1e8:
        return False
    mixture = Mixture(spectra, unmixing, MOST_PIXELS_IN_MIXTURE)
    ratios = mixture.negativity_ratios(np.eye(len(unmixing)))
    return bool((ratios[0][others] <= MOST_NEGATIVITY_RATIO).all())
