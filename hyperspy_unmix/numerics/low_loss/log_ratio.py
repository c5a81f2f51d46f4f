"""The log-ratio: zero-loss counts, inelastic ones, and what they say of t/lambda."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.types import Floats

from .per_pixel import PixelProducts, ReadingPlan
from .zero_loss import ZeroLossPeak

RISE_POWER_LIMITS = (1.0, 8.0)  # powers of the energy, by which inelastic spectra begin
FALL_POWER_LIMITS = (2.0, 6.0)  # powers of one over the energy, by which they end
MOST_SHARE_BEYOND_AXIS = 0.01  # of the inelastic electrons, that a power law is trusted with


def zero_loss_counts(
    plan: ReadingPlan, measured: PixelProducts, energies: Floats, mean: Floats
) -> Floats:
    """Zero-loss counts: those below the threshold without the inelastic ones, and the tail's."""
    peak = plan.peak
    factor, n_channels = inelastic_below(energies - peak.centre, mean, peak)
    tail = measured.below * peak.tail[:n_channels].mean()
    behind = measured.scores @ plan.inelastic[:, :n_channels].mean(1) - tail
    without_inelastic = measured.below - factor * np.maximum(behind, 0)
    return np.asarray(without_inelastic / peak.share_below_threshold)


def complete_above(
    plan: ReadingPlan, measured: PixelProducts, energies: Floats, mean: Floats
) -> tuple[Floats, Floats, float]:
    """Counts above the threshold with those beyond the axis, if few; those, and their share."""
    factor, n_channels = inelastic_beyond(energies - plan.peak.centre, mean, plan.peak)
    at_end = measured.scores @ plan.inelastic[:, -n_channels:].mean(1)
    beyond = np.maximum(factor * at_end, 0)
    share = float(beyond.sum() / max((measured.above + beyond).sum(), 1e-300))
    # A spectrum that ends among the plasmons does not go on as a power.
    return measured.above + beyond * (share < MOST_SHARE_BEYOND_AXIS), beyond, share


def inelastic_below(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons below the threshold for each in a channel behind it, and how many such.

    The mean inelastic spectrum behind the threshold is continued to zero energy as a power.
    """
    split = len(peak.shape)
    inelastic = mean[split:] - peak.tail * mean[:split].sum()
    channel_width = float(np.median(np.diff(energies)))
    n_channels = max(4, round(peak.fwhm / channel_width))
    first, second = inelastic[:n_channels].mean(), inelastic[n_channels : 2 * n_channels].mean()
    if min(first, second) <= 0:
        return 0.0, n_channels
    middle = energies[split] + channel_width * (n_channels - 1) / 2
    power = np.log(second / first) / np.log(1 + n_channels * channel_width / middle)
    power = float(np.clip(power, *RISE_POWER_LIMITS))
    start = energies[split] - channel_width / 2
    return float((start / middle) ** power * start / (power + 1) / channel_width), n_channels


def inelastic_beyond(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> tuple[float, int]:
    """Inelastic electrons beyond the axis for each in a channel at its end, and how many such.

    The mean spectrum is continued as a power of one over the energy.
    """
    channel_width = float(np.median(np.diff(energies)))
    n_channels = max(len(energies) // 16, 4)
    first, second = mean[-2 * n_channels : -n_channels].mean(), mean[-n_channels:].mean()
    if min(first, second) <= 0 or len(energies) - 2 * n_channels < len(peak.shape):
        return 0.0, n_channels
    middle = energies[-1] - channel_width * (n_channels - 1) / 2
    power = -np.log(second / first) / np.log(middle / (middle - n_channels * channel_width))
    power = float(np.clip(power, *FALL_POWER_LIMITS))
    end = energies[-1] + channel_width / 2
    return float((end / middle) ** -power * end / (power - 1) / channel_width), n_channels


def log_ratio(
    below: Floats,
    above: Floats,
    zero_loss: Floats,
    share: float,
    noise: NoiseModel,
    channels: NDArray[np.intp],
) -> tuple[Floats, Floats]:
    """t/lambda and its standard deviation, from the variance of the two sums of counts."""
    total = below + above
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.log(total / zero_loss)
        slopes = 1 / total - np.array([1.0, 0.0])[:, None] / (share * zero_loss)
        variance = noise.gain * np.maximum([below, above], 0)
        variance = variance + max(noise.read_variance, 0) * channels[:, None]
        error = np.sqrt(np.sum(slopes**2 * variance, 0))
    return t, error
