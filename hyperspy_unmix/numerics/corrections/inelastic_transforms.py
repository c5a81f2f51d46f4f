"""Fourier transforms of the low loss's inelastic part, as far as it holds information."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.types import Floats

from .convolution import Transforms
from .fourier_sum import fourier_sum

FADE_IN_FWHM = 4.0  # width beyond the end of the axis over which its last value goes to zero
LEAST_PEAK, MOST_PEAK = 1e-3, 0.1  # limits of the Wiener filter's floor
SMOOTHING = 0.3  # of the frequency: half width of the bands in which power is averaged
SIGMAS_OF_NOISE = 2.0  # by which the power in a band has to exceed that of noise
MOST_RISE = 2.0  # of a kernel's amplitude over what it had at lower frequencies


def inelastic_transforms(low_loss: LowLoss, frequency: Floats) -> Transforms:
    """Transforms of the inelastic components, the width of the zero-loss peak divided out.

    Parameters
    ----------
    low_loss : LowLoss
    frequency : array, shape (frequencies,)
        In periods per unit of the low loss's energies; rising from zero, evenly.

    Returns
    -------
    complex array, shape (rank, frequencies)
    """
    peak = fourier_sum(low_loss.peak.shape, low_loss.peak_energies, frequency)
    width = float(np.median(np.diff(low_loss.energies)))
    known = frequency <= 0.5 / width
    if not low_loss.noise.size:
        # Of a file from before the noise was recorded: the kernels that its maps were made with.
        whole = fourier_sum(low_loss.inelastic, low_loss.energies, frequency)
        return np.asarray(whole * _wiener(peak, known))
    energies, inelastic = _without_steps(low_loss, width)
    transforms = fourier_sum(inelastic, energies, frequency)
    span = float(low_loss.energies[-1] - low_loss.energies[0])
    share = _signal_share(transforms, low_loss, frequency, span, width)
    kernels = np.asarray(share * transforms * _wiener(peak, known))
    return np.asarray(kernels * _limit_of_rise(kernels, low_loss.scores, frequency))


def _wiener(peak: Transforms, known: NDArray[np.bool_]) -> Transforms:
    """One over the peak, and zero where it holds no information."""
    # The Wiener filter's floor is the level of the highest frequencies that the low loss holds.
    highest = peak[known][-max(known.sum() // 10, 1) :]
    floor = min(max(LEAST_PEAK, 3 * float(np.median(np.abs(highest)))), MOST_PEAK)
    power = np.abs(peak) ** 2
    # It is exact at zero frequency, since plural scattering keeps its integral.
    return np.asarray(np.where(known, peak.conj() * (1 + floor**2) / (power + floor**2), 0))


def _without_steps(low_loss: LowLoss, width: float) -> tuple[Floats, Floats]:
    """Inelastic components led to zero smoothly beyond the end of the axis.

    A step there has all frequencies, and those that the peak does not hold would be amplified.
    """
    n_faded = max(int(np.ceil(FADE_IN_FWHM * low_loss.peak.fwhm / width)), 4)
    n_faded = min(n_faded, low_loss.inelastic.shape[1] // 2)
    averaged = max(n_faded // 4, 1)
    last = low_loss.inelastic[:, -averaged:].mean(1, keepdims=True)
    steps = np.arange(1, n_faded + 1)
    fade = 0.5 + 0.5 * np.cos(np.pi * steps / (n_faded + 1))
    energies = np.concatenate([low_loss.energies, low_loss.energies[-1] + width * steps])
    return energies, np.concatenate([low_loss.inelastic, last * fade], 1)


def _average(power: Floats, frequency: Floats, least: float) -> tuple[Floats, Floats]:
    """Mean of each row over bands about every frequency, and the half widths of these."""
    step = frequency[1]
    half = np.maximum(SMOOTHING * frequency, least)
    count = np.maximum(np.round(half / step), 1).astype(int)
    index = np.arange(len(frequency))
    first, last = np.maximum(index - count, 0), np.minimum(index + count + 1, len(frequency))
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, 1)], 1)
    return (total[:, last] - total[:, first]) / (last - first), (last - first) * step


def _signal_share(
    transforms: Transforms, low_loss: LowLoss, frequency: Floats, span: float, width: float
) -> Floats:
    """Share of each component's power that is not noise, never rising."""
    if not low_loss.noise.any():
        return np.ones(transforms.shape)
    lags = np.arange(1, len(low_loss.correlation) + 1)
    harmonics = np.cos(2 * np.pi * width * np.outer(lags, frequency))
    spectrum = 1 + 2 * np.array(low_loss.correlation) @ harmonics
    noise = low_loss.noise[:, None] * np.maximum(spectrum, 0)
    power, band = _average(np.abs(transforms) ** 2, frequency, 2 / span)
    independent = np.maximum(band * span, 1)
    share = 1 - noise * (1 + SIGMAS_OF_NOISE / np.sqrt(independent)) / np.maximum(power, 1e-300)
    return np.minimum.accumulate(np.clip(share, 0, 1), axis=1)


def _limit_of_rise(kernels: Transforms, scores: Floats, frequency: Floats) -> Floats:
    """Factor that keeps the kernels from rising with frequency, as only amplified errors do."""
    moment = scores.T @ scores / len(scores)
    power = np.sum((moment @ kernels).conj() * kernels, 0).real
    amplitude = np.sqrt(np.maximum(_average(power[None], frequency, frequency[1])[0][0], 1e-300))
    least = np.minimum.accumulate(amplitude)
    return np.asarray(np.minimum(1, MOST_RISE * least / amplitude))
