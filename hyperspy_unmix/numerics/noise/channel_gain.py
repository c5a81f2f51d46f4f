"""The gain of every channel: a pattern of the camera, which multiplies all spectra alike.

Spectra are smooth over the energy resolution, such a pattern is not. Three more things tell it from
lines: it has the same relative size in all components; it is as strong everywhere on the axis; and
it is as strong in the finest detail as in coarser, where what a resolution drew fades.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import savgol_coeffs

from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .noise_edge import noise_edge
from .weights import column_scales
from .whitening import channel_whitening

WINDOWS = (5, 9, 17)  # channels of the parabolas that are taken for the course of a spectrum
SWEEPS = 2  # of each
MOST_COMPONENTS = 8
LEAST_SIGNAL = 1.0  # variance of the typical channel's gain over that of its noise, to be a pattern
MOST_COLOUR = 2.5  # factor of that from the first window to the second
MOST_UNEVEN = 3.0  # factor of the pattern's size between parts of the axis
PARTS = 6
LEAST_CHANNELS = 96
MOST_SHARE_BESIDE = 0.15  # of the detail, that is not alike in all components
SIGMAS_BESIDE = 3.0  # by which one map may explain it better
MOST_ODD = 3.0  # standard deviations; beyond, detail is left
MEDIAN_OF_CHI_SQUARE = 0.455  # with one degree of freedom


@dataclass(frozen=True)
class ChannelGains:
    """Relative gain of every channel, as far as its neighbours tell it.

    Parameters
    ----------
    gain : array, shape (channels,)
        One where it is not known.
    error : array, shape (channels,)
        Standard deviation of what is left of the pattern.
    size : float
        Standard deviation of the pattern, of what changes within `WINDOWS` channels.
    """

    gain: Floats
    error: Floats
    size: float

    def select(self, channels: Index) -> ChannelGains:
        """The gains of these channels."""
        return replace(self, gain=self.gain[channels], error=self.error[channels])


@dataclass(frozen=True)
class _Detail:
    """What parabolas leave of the components, in units of its noise.

    ``smooth`` and ``detail`` have the shape (components, channels); ``noise`` (channels,) is the
    unit. ``inside`` are channels that have all their neighbours.
    """

    smooth: Floats
    detail: Floats
    noise: Floats
    inside: Mask

    @property
    def gain(self) -> Floats:
        """Relative size of the detail that is alike in all components, (channels,)."""
        return np.asarray(np.sum(self.smooth * self.detail, 0) * self.variance)

    @property
    def variance(self) -> Floats:
        """Variance of the noise of `gain`, (channels,)."""
        return np.asarray(1 / np.maximum(np.sum(self.smooth**2, 0), 1e-300))

    @property
    def beside(self) -> Floats:
        """Sum of squares of what is not alike in all components, (channels,)."""
        return np.asarray(np.sum((self.detail - self.gain * self.smooth) ** 2, 0))

    @property
    def signal(self) -> float:
        """Variance of the typical channel's gain over that of its noise."""
        ratio = (self.gain**2 / self.variance)[self.inside]
        return float(np.median(ratio)) / MEDIAN_OF_CHI_SQUARE - 1

    @property
    def size(self) -> float:
        """Standard deviation of the gains without their noise."""
        gain, variance = self.gain[self.inside], self.variance[self.inside]
        squares = np.median(gain**2 / variance) / MEDIAN_OF_CHI_SQUARE - 1
        return float(np.sqrt(max(squares, 0.0) * np.median(variance)))


def find_channel_gains(
    groups: Floats,
    size: NDArray[np.integer],
    variance: Floats,
    correlation: tuple[float, ...],
    channels: Index,
) -> ChannelGains | None:
    """Relative gains of the channels; None where there is no pattern, or it cannot be told.

    Parameters
    ----------
    groups : array, shape (groups, channels)
        Mean spectra of groups of pixels.
    size : array, shape (groups,)
        Pixels of each.
    variance : array, shape (groups, channels)
        Of the noise of one pixel of each.
    correlation : tuple of float
        Of the noise of channels 1, 2, ... apart.
    channels : int array, shape (channels,)
        Their places on the detector.

    Returns
    -------
    ChannelGains or None
    """
    runs = [run for run in _runs(channels) if len(run) >= 2 * WINDOWS[-1]]
    if not runs or sum(len(run) for run in runs) < LEAST_CHANNELS:
        return None
    # Most data end here: their mean spectrum is smooth within its noise.
    mean = (size @ groups / size.sum())[None]
    sd = np.sqrt(np.maximum(size @ variance, 1e-300)) / size.sum()
    if not _is_pattern(*(_detail(mean, sd, correlation, runs, w) for w in WINDOWS[:2])):
        return None
    components, sd = _leading(groups, size, variance, correlation)
    fine, coarser = (_detail(components, sd, correlation, runs, w) for w in WINDOWS[:2])
    if not _is_pattern(fine, coarser) or not _is_alike(fine):
        return None
    return _gains(components, sd, correlation, runs)


def _gains(
    components: Floats, sd: Floats, correlation: tuple[float, ...], runs: list[Index]
) -> ChannelGains:
    """The gains, finest detail first: what is left of it would pass for coarser one."""
    gain, left, squares = np.ones(len(sd)), np.zeros(len(sd)), 0.0
    for window in WINDOWS:
        found = _detail(components / gain, sd, correlation, runs, window)
        size = found.size
        credible = _credible(found, size, window)
        for _ in range(SWEEPS):
            shrink = size**2 / np.maximum(size**2 + found.variance, 1e-300)
            gain = gain * np.where(credible, 1 + shrink * found.gain, 1.0)
            found = _detail(components / gain, sd, correlation, runs, window)
        squares += size**2
        left += size**2 * np.where(credible, 1 - shrink, 1.0)
    return ChannelGains(gain, np.sqrt(left), float(np.sqrt(squares)))


def _runs(channels: Index) -> list[Index]:
    """Neighbouring channels, between gaps."""
    return np.split(np.arange(len(channels)), np.flatnonzero(np.diff(channels) != 1) + 1)


def _leading(
    groups: Floats,
    size: NDArray[np.integer],
    variance: Floats,
    correlation: tuple[float, ...],
) -> tuple[Floats, Floats]:
    """Components above the noise, each with noise of the same standard deviation (channels,)."""
    of_means = variance / size[:, None]
    of_means = np.maximum(of_means, 1e-3 * of_means.mean())
    columns = column_scales(of_means)
    rows = 1 / (of_means @ columns / len(columns))
    weighted, sd = groups * np.sqrt(rows)[:, None], 1 / np.sqrt(columns)
    white = channel_whitening(sd, correlation).whiten(weighted)
    power, vectors = np.linalg.eigh(white @ white.T)
    number = int(np.sum(power > noise_edge(*white.shape)))
    number = min(max(number, 1), MOST_COMPONENTS)
    return vectors[:, ::-1][:, :number].T @ weighted, sd


def _detail(
    spectra: Floats, sd: Floats, correlation: tuple[float, ...], runs: list[Index], window: int
) -> _Detail:
    """What parabolas through ``window`` channels leave of spectra with this noise."""
    coefficients = -savgol_coeffs(window, 2)
    coefficients[window // 2] += 1
    lags = np.subtract.outer(np.arange(window), np.arange(window))
    table = np.zeros(max(window, len(correlation) + 1))
    table[: len(correlation) + 1] = (1.0, *correlation)
    noise = sd * np.sqrt(coefficients @ table[np.abs(lags)] @ coefficients)
    detail, inside = np.zeros_like(spectra), np.zeros(len(sd), bool)
    half = window // 2
    for run in runs:
        rows = [np.convolve(spectrum[run], coefficients[::-1], "valid") for spectrum in spectra]
        detail[:, run[half:-half]] = rows
        inside[run[half:-half]] = True
    return _Detail((spectra - detail) / noise, detail / noise, noise, inside)


def _is_pattern(fine: _Detail, coarser: _Detail) -> bool:
    """Whether there is detail everywhere, as strong in the finest as in coarser."""
    if fine.signal < LEAST_SIGNAL or coarser.signal > MOST_COLOUR * fine.signal:
        return False
    squares = (fine.gain**2 / MEDIAN_OF_CHI_SQUARE - fine.variance)[fine.inside]
    parts = [np.median(part) for part in np.array_split(squares, PARTS)]
    sizes = np.sqrt(np.maximum(parts, 0))
    typical = float(np.median(sizes))
    return bool(typical < MOST_UNEVEN * sizes.min() and sizes.max() < MOST_UNEVEN * typical)


def _is_alike(found: _Detail) -> bool:
    """Whether the detail has the same relative size in all components, and no map of its own."""
    number = len(found.detail)
    squares = np.sum(found.detail**2, 0)
    typical = np.median(squares[found.inside])
    usual = found.inside & (squares < MOST_ODD**2 * typical)
    n, detail = int(usual.sum()), found.detail[:, usual]
    if number < 2 or n < LEAST_CHANNELS // 2:
        return False
    # In units of noise: all that is there, what is not alike, and what is not along one map.
    excess = float(squares[usual].sum()) - number * n
    beside = float(found.beside[usual].sum()) - (number - 1) * n
    along = float(np.linalg.eigvalsh(detail @ detail.T)[-1])
    off_map = float(squares[usual].sum()) - along - (number - 1) * (n - number)
    error = np.sqrt(2 * (number - 1) * n)
    return (
        excess > 0
        and beside < MOST_SHARE_BESIDE * excess
        and (beside - off_map < SIGMAS_BESIDE * error)
    )


def _credible(found: _Detail, size: float, window: int) -> Mask:
    """Channels whose detail is no more than the pattern's, and alike in all components."""
    number = max(len(found.detail) - 1, 1)
    expected = size**2 + found.variance
    beside = uniform_filter1d(found.beside, window) / number
    strength = uniform_filter1d(found.gain**2 / expected, window)
    usual = np.abs(found.gain) < MOST_ODD * np.sqrt(expected)
    # Means of as many numbers as there are channels in a window.
    usual &= beside < 1 + 3 * np.sqrt(2 / (number * window)) + 0.1 * size**2 / found.variance
    return np.asarray(usual & found.inside & (strength < 1 + MOST_ODD * np.sqrt(2 / window)))
