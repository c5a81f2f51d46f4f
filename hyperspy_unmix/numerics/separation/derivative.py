"""The spectral derivative that ICA looks at, as fine as the noise allows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.linear_algebra import pencil
from hyperspy_unmix.numerics.types import Floats

WIDTHS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
MOST_NOISE = 0.2  # share of noise in the derivative's variance


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
    parts = []
    for part in np.split(np.arange(len(channels)), np.flatnonzero(np.diff(channels) != 1) + 1):
        if len(part) > order:
            variance = _noise_variance(sd[part] ** 2, order, width)
            parts.append(_difference(spectra[:, part], order, width) / np.sqrt(variance))
    return np.concatenate(parts, 1) if parts else np.zeros((len(spectra), 0))


def _difference(values: Floats, order: int, width: float) -> Floats:
    if width > 0:
        values = gaussian_filter1d(values, width, axis=-1, mode="nearest")
    return np.asarray(np.diff(values, n=order, axis=-1))


def _noise_variance(variance: Floats, order: int, width: float) -> Floats:
    """Variance of each difference where the channels' noise has ``variance``."""
    size, reach = len(variance), 4 * int(np.ceil(width)) + order
    if size <= 4 * reach:
        return variance @ _difference(np.eye(size), order, width) ** 2
    # one filter everywhere but at the ends, where it meets values repeated
    ends = _difference(np.eye(4 * reach), order, width) ** 2
    column = ends[:, 2 * reach]
    first, last = np.flatnonzero(column)[[0, -1]]
    inside = np.convolve(variance, column[first : last + 1][::-1], "valid")
    found = np.zeros(size - order)
    found[2 * reach - first :][: len(inside)] = inside
    found[:reach] = variance[: 4 * reach] @ ends[:, :reach]
    found[-reach:] = variance[-4 * reach :] @ ends[:, -reach:]
    return found


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
    return float(pencil(errors, variance)[0][-1])


def choose_width(
    spectra: Floats, channels: NDArray[np.intp], sd: Floats, errors: Floats, order: int
) -> float:
    """Least smoothing that keeps noise below a fifth of the derivative's variance.

    Fine detail is what tells spectra apart: on phantoms of every kind the error of the ICA has its
    minimum where noise begins to show, and rises on both sides. Components hardly above the noise
    should not be among the spectra: they would blur the others.

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
