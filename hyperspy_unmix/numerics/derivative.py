"""The spectral derivative that ICA looks at, as fine as the noise allows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.ndimage import gaussian_filter1d

from .noise import Floats

WIDTHS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
MOST_NOISE = 0.2  # share of noise in the derivative's noisiest direction


def derivative(
    spectra: Floats, channels: NDArray[np.intp], sd: Floats, order: int = 1, width: float = 0.0
) -> Floats:
    """Derivative of smoothed spectra along their channels, in units of its noise.

    Parameters
    ----------
    spectra : array, shape (components, channels)
    channels : int array, shape (channels,)
        Positions on the energy axis; smoothing and differences stop at gaps.
    sd : array, shape (channels,)
        Noise of the channels.
    order : int
        Of the difference.
    width : float
        Standard deviation in channels of the Gaussian that smooths; 0 is none.

    Returns
    -------
    array, shape (components, any)
        Noise of standard deviation ``sd`` in each spectrum becomes one of 1.
    """
    impulse = np.zeros(2 * int(5 * width) + 2 * order + 3)
    impulse[len(impulse) // 2] = 1
    gain = np.sqrt(np.sum(_difference(impulse, order, width) ** 2))
    parts = []
    for part in np.split(np.arange(len(channels)), np.flatnonzero(np.diff(channels) != 1) + 1):
        if len(part) > order:
            variance = _mean_variance(sd[part] ** 2, order, width)
            parts.append(_difference(spectra[:, part], order, width) / (gain * np.sqrt(variance)))
    return np.concatenate(parts, 1) if parts else np.zeros((len(spectra), 0))


def _smooth(values: Floats, width: float) -> Floats:
    return gaussian_filter1d(values, width, axis=-1, mode="nearest") if width > 0 else values


def _difference(values: Floats, order: int, width: float) -> Floats:
    return np.asarray(np.diff(_smooth(values, width), n=order, axis=-1))


def _mean_variance(variance: Floats, order: int, width: float) -> Floats:
    """Variance of the channels that each difference is taken of."""
    smooth = _smooth(variance, width / np.sqrt(2))
    around = np.lib.stride_tricks.sliding_window_view(smooth, order + 1)
    weights = np.diff(np.eye(order + 1), n=order, axis=0)[0] ** 2
    return np.asarray(around @ (weights / weights.sum()))


def noise_share(derivatives: Floats, errors: Floats) -> float:
    """Largest share of noise in the variance of any combination of the rows.

    Parameters
    ----------
    derivatives : array, shape (components, samples)
        From `derivative`.
    errors : array, shape (components, components)
        Covariance of the components' noise, in units of ``sd`` squared.
    """
    centred = derivatives - derivatives.mean(1, keepdims=True)
    variance = centred @ centred.T / centred.shape[1]
    variance += 1e-12 * np.trace(variance) * np.eye(len(variance))
    if not variance.any():
        return 1.0
    return float(eigh(errors, variance, eigvals_only=True)[-1])


def choose_width(
    spectra: Floats, channels: NDArray[np.intp], sd: Floats, errors: Floats, order: int
) -> float:
    """Least smoothing that keeps noise below a fifth of the derivative's variance.

    Fine detail is what tells spectra apart: on phantoms of every kind the error of the ICA has its
    minimum where noise begins to show, and rises on both sides.

    Parameters
    ----------
    spectra, channels, sd, order
        As in `derivative`.
    errors
        As in `noise_share`.
    """
    for width in WIDTHS:
        found = derivative(spectra, channels, sd, order, width)
        if found.shape[1] <= len(spectra) or noise_share(found, errors) <= MOST_NOISE:
            return width
    return WIDTHS[-1]
