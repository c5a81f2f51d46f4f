"""Sums of channels that tell as much of a background as one of its channels should."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

LEAST_WINDOW_CHANNELS = 8  # of the axis, or of sums of its channels where these are finer
LEAST_WINDOW_SHARE = 0.005  # of the energy: a law fitted to less says nothing of what is behind
LEAST_SIGNAL_TO_NOISE = 5.0  # of a channel: weaker ones are summed until they have it
LEAST_SUMS = 64  # of channels, on the whole axis


def channels_to_sum(energies: Floats, mean: Floats) -> int:
    """How many channels tell as much as one should: at fine dispersion, or with strong noise.

    The shortest window is then wide enough for a power law, and a rise is judged by more than
    the noise of a few channels.
    """
    n = len(mean)
    if n < 2 * LEAST_SUMS or energies[-1] <= 0:
        return 1
    width = float(np.median(np.diff(energies)))
    centre = float(np.abs(energies).min()) if energies[0] > 0 else 0.0
    finest = LEAST_WINDOW_SHARE * centre / LEAST_WINDOW_CHANNELS
    noise, level = float(np.median(np.abs(np.diff(mean)))) / 0.954, float(np.median(mean))
    for_noise = (LEAST_SIGNAL_TO_NOISE * noise / level) ** 2 if level > 0 else 1.0
    # A tolerance, for a dispersion of just so much is not two channels.
    factor = np.ceil(max(finest / width, for_noise, 1.0) - 1e-6)
    return int(min(factor, n // LEAST_SUMS))


def sums_of(values: Floats, factor: int) -> Floats:
    """Means of ``factor`` neighbouring channels each; what is left at the end is left out."""
    if factor == 1:
        return values
    whole = values[: len(values) // factor * factor]
    return np.asarray(whole.reshape(-1, factor).mean(1))
