"""How far chance carries a single value: no noise model is known yet, and spikes are among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from hyperspy_unmix.numerics.types import Floats

CHANCE_EXPONENT = 40.0  # one value in exp(40) is further off by chance
CHANNELS_APART = 5  # further than charge is shared or a spike reaches
MOST_SAMPLE_PARTS = 8  # of which spikes are in few
MOST_SPECTRA_COMPARED = 512  # of the sample
SIGMAS_OF_MEAN = 3.0  # above zero, of the mean of a channel that tells what an event adds
RELATIVE_ROUNDING = 1e-6  # of a float32 value


@dataclass(frozen=True)
class LocalNoise:
    """Variance of every channel at its mean, and how it grows beyond.

    ``mean`` and ``variance`` are of shape (channels,); ``event_size`` is what a single electron or
    photon adds at most, in recorded units.
    """

    mean: Floats
    variance: Floats
    event_size: float

    def select_channels(self, keep: NDArray[np.bool_]) -> LocalNoise:
        """The same with some of the channels; ``keep`` is a mask over them."""
        return LocalNoise(self.mean[keep], self.variance[keep], self.event_size)

    def variance_at(self, positions: NDArray[np.intp], level: Floats) -> Floats:
        """Variance in these channels where a pixel is brighter than their mean."""
        rounding = (RELATIVE_ROUNDING * level) ** 2
        brighter = np.maximum(level - self.mean[positions], 0)
        return np.asarray(self.variance[positions] + self.event_size * brighter + rounding)

    def threshold(self, variance: Floats) -> Floats:
        """Deviation that chance exceeds in one value of exp(40) (Bernstein's inequality).

        9 standard deviations where there are many counts, 27 counts where there are none.
        """
        linear = self.event_size * CHANCE_EXPONENT / 3
        return np.asarray(linear + np.sqrt(linear**2 + 2 * CHANCE_EXPONENT * variance))


def local_noise(sample: Floats, integers: bool) -> LocalNoise:
    """Scatter of each channel about the channels beside it, from pixel to pixel.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra, finite.
    integers : bool
        Whether every value of the data is a whole number.

    Returns
    -------
    LocalNoise
        Too large rather than too small: what differs between pixels within a few channels is
        taken for noise.
    """
    sample = sample[:: -(-len(sample) // MOST_SPECTRA_COMPARED)]
    n_channels = sample.shape[1]

    # What each channel differs by from the mean of two others, which are mirrored at the ends.
    channel, last = np.arange(n_channels), n_channels - 1
    left = np.clip(np.abs(channel - CHANNELS_APART), 0, last)
    right = np.clip(last - np.abs(last - channel - CHANNELS_APART), 0, last)
    difference = sample - (sample[:, left] + sample[:, right]) / 2

    # The square is 1.5 times the variance, and twice that for the difference of two pixels.
    if len(difference) > 1:
        square = (difference[1:] - difference[:-1]) ** 2 / 3
    else:
        square = difference**2 / 1.5
    variance = _median_of_means(square)
    filter_width = min(CHANNELS_APART, n_channels)
    variance = np.maximum(variance, median_filter(variance, filter_width, mode="nearest"))

    mean = _median_of_means(sample)
    event_size = _event_size(sample, mean, variance)
    return LocalNoise(mean, variance, max(event_size, 1.0) if integers else event_size)


def _event_size(sample: Floats, mean: Floats, variance: Floats) -> float:
    """What a single electron or photon adds, or more."""
    filled = sample != 0
    if 2 * np.count_nonzero(filled) < sample.size:
        return float(np.median(np.abs(sample[filled]))) if filled.any() else 0.0
    above_zero = mean > SIGMAS_OF_MEAN * np.sqrt(variance)
    if above_zero.sum() > len(mean) // 10:
        return float(np.median(variance[above_zero] / mean[above_zero]))
    event_if_counts = variance.sum() / max(float(np.abs(mean).sum()), np.finfo(float).tiny)
    return float(min(event_if_counts, np.sqrt(np.median(variance))))


def _median_of_means(values: Floats) -> Floats:
    """Mean of every column that spikes in fewer than half of the parts do not change."""
    parts = np.array_split(values, int(np.clip(len(values) // 4, 1, MOST_SAMPLE_PARTS)))
    return np.asarray(np.median([part.mean(0) for part in parts], 0))
