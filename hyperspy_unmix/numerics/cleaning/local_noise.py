"""How far chance carries a single value: no noise model is known yet, and spikes are among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from hyperspy_unmix.numerics.types import Floats

EXPONENT = 40.0  # one value in exp(40) is further off by chance
APART = 5  # channels; further than charge is shared or a spike reaches
PARTS = 8  # of the sample; spikes are in few of them
ENOUGH = 512  # spectra of the sample
SIGMAS_OF_MEAN = 3.0  # above zero, of the mean of a channel that tells what an event adds
ROUNDING = 1e-6  # of a value


@dataclass(frozen=True)
class LocalNoise:
    """Variance of every channel at its mean, and how it grows beyond.

    ``mean`` and ``variance`` are of shape (channels,); ``event`` is what a single electron or
    photon adds at most, in recorded units.
    """

    mean: Floats
    variance: Floats
    event: float

    def select_channels(self, keep: NDArray[np.bool_]) -> LocalNoise:
        """The same with some of the channels."""
        return LocalNoise(self.mean[keep], self.variance[keep], self.event)

    def variance_at(self, positions: NDArray[np.intp], level: Floats) -> Floats:
        """Variance in these channels where a pixel is brighter than their mean."""
        rounding = (ROUNDING * level) ** 2
        brighter = np.maximum(level - self.mean[positions], 0)
        return np.asarray(self.variance[positions] + self.event * brighter + rounding)

    def threshold(self, variance: Floats) -> Floats:
        """Deviation that chance exceeds in one value of exp(40) (Bernstein's inequality).

        9 standard deviations where there are many counts, 27 counts where there are none.
        """
        linear = self.event * EXPONENT / 3
        return np.asarray(linear + np.sqrt(linear**2 + 2 * EXPONENT * variance))


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
    sample = sample[:: -(-len(sample) // ENOUGH)]
    m = sample.shape[1]
    channel = np.arange(m)
    # mirrored at the ends
    left = np.clip(np.abs(channel - APART), 0, m - 1)
    right = np.clip(m - 1 - np.abs(m - 1 - channel - APART), 0, m - 1)
    rough = sample - (sample[:, left] + sample[:, right]) / 2
    # 1.5 times the variance, and twice that for the difference of two pixels
    square = (rough[1:] - rough[:-1]) ** 2 / 3 if len(rough) > 1 else rough**2 / 1.5
    variance = _median_of_means(square)
    variance = np.maximum(variance, median_filter(variance, min(APART, m), mode="nearest"))
    mean = _median_of_means(sample)
    event = _event(sample, mean, variance)
    return LocalNoise(mean, variance, max(event, 1.0) if integers else event)


def _event(sample: Floats, mean: Floats, variance: Floats) -> float:
    """What a single electron or photon adds, or more."""
    filled = sample != 0
    if 2 * np.count_nonzero(filled) < sample.size:
        return float(np.median(np.abs(sample[filled]))) if filled.any() else 0.0
    clear = mean > SIGMAS_OF_MEAN * np.sqrt(variance)
    if clear.sum() > len(mean) // 10:
        return float(np.median(variance[clear] / mean[clear]))
    of_counts = variance.sum() / max(float(np.abs(mean).sum()), np.finfo(float).tiny)
    return float(min(of_counts, np.sqrt(np.median(variance))))


def _median_of_means(values: Floats) -> Floats:
    """Mean of every column that spikes in fewer than half of the parts do not change."""
    parts = np.array_split(values, int(np.clip(len(values) // 4, 1, PARTS)))
    return np.asarray(np.median([part.mean(0) for part in parts], 0))
