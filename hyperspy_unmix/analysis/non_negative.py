"""Components of a non-negative factorisation, and the same from another start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.certainty.stability import redraw_noise
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.factorisation import Factorising, factorise, shares_of
from hyperspy_unmix.numerics.separation.like_pixels import sum_like_pixels
from hyperspy_unmix.numerics.types import Floats

MOST_SUMS = 512  # of like pixels, that are factorised
MOST_ROUNDS_OF_RUN = 100  # of a factorisation from another start


@dataclass(frozen=True)
class Factorised:
    """Non-negative spectra ``unmixing @ components`` of non-negative maps.

    Parameters
    ----------
    unmixing : array, shape (components, components)
    algorithm : {"nmf", "mcr-als"}
    counts_added : float
        As in `factorise`.
    """

    unmixing: Floats
    algorithm: Factorising
    counts_added: float = 0.0


def factorised_again(
    found_by: Factorised,
    leading: LowRank,
    signal_share: Floats,
    generator: np.random.Generator,
) -> Floats:
    """A factorisation with other noise, that starts from some of the pixels' spectra."""
    again = replace(leading, components=redraw_noise(leading, signal_share, generator))
    try:
        sums = sum_like_pixels(again, MOST_SUMS)
        start = generator.permutation(len(sums.sizes))[: leading.rank]
        factorisation = factorise(
            found_by.algorithm,
            again,
            sums,
            sums.scores[start] @ again.components,
            found_by.counts_added,
            most_rounds=MOST_ROUNDS_OF_RUN,
        )
    except ValueError:
        # Fewer sums than components, or one that vanishes: none comes back.
        return np.zeros((leading.rank, leading.rank))
    return shares_of(factorisation.spectra, leading)
