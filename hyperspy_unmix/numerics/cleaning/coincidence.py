"""Whether features of single pixels come together more often than chance has it."""

from __future__ import annotations

import numpy as np
from scipy.stats import poisson

from hyperspy_unmix.numerics.types import Index, Mask

CHANCE_OF_COINCIDENCE = 1e-4  # that spikes together are taken for a line, or for a pixel's spectrum


def are_isolated(
    pixels: Index, positions: Index, n_pixels: int, n_channels: int, reach_in_energy: int = 1
) -> Mask:
    """Which features share neither energy nor pixel with more others than chance allows.

    Parameters
    ----------
    pixels, positions : int array, shape (features,)
        Where they are.
    n_pixels, n_channels : int
        Where they may be.
    reach_in_energy : int
        Channels that two of the same energy may be apart.
    """
    isolated = np.ones(len(pixels), bool)
    for places, n_places, reach in (
        (positions, n_channels, reach_in_energy),
        (pixels, n_pixels, 0),
    ):
        number = np.append(np.bincount(places + reach, minlength=2), np.zeros(reach, int))
        number_together = sum(number[places + reach + k] for k in range(-reach, reach + 1))
        expected = (2 * reach + 1) * len(places) / n_places
        most_by_chance = poisson.isf(CHANCE_OF_COINCIDENCE / n_places, expected)
        # Two are too few to say what they are.
        isolated &= number_together <= max(most_by_chance, 2)
    return isolated
