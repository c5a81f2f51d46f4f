"""Fourier transforms at frequencies that are not those of the transformed spectrum's own axis."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .convolution import Transforms

CHANNELS_TOGETHER = 64
LARGEST_UNEVENNESS = 1e-9  # of the channel width: such steps are the same


def fourier_sum(values: Floats, energies: Floats, frequency: Floats) -> Transforms:
    """``sum(values * exp(-2j pi energies frequency))`` over the channels, for each frequency.

    Parameters
    ----------
    values : array, shape (..., channels)
    energies : array, shape (channels,)
    frequency : array, shape (frequencies,)
        Per unit of the energies.

    Returns
    -------
    array, shape (..., frequencies)
    """
    m = len(energies)
    steps = np.diff(energies)
    if m <= CHANNELS_TOGETHER or np.ptp(steps) > LARGEST_UNEVENNESS * abs(steps[0]):
        return np.asarray(values @ np.exp(-2j * np.pi * np.outer(energies, frequency)))
    # Of even steps the factor is that of the group's first channel times that within the group,
    # the same for all groups: few exponentials are taken.
    within = np.arange(CHANNELS_TOGETHER) * (energies[-1] - energies[0]) / (m - 1)
    inner = np.exp(-2j * np.pi * np.outer(within, frequency))
    total = np.zeros((*values.shape[:-1], len(frequency)), complex)
    for start in range(0, m, CHANNELS_TOGETHER):
        group = values[..., start : start + CHANNELS_TOGETHER]
        first = np.exp(-2j * np.pi * energies[start] * frequency)
        total += (group @ inner[: group.shape[-1]]) * first
    return total
