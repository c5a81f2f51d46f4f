"""The spectral derivative that ICA looks at, as fine as the noise allows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.linear_algebra import generalised_eigenvectors
from hyperspy_unmix.numerics.types import Floats

SMOOTHING_WIDTHS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)  # channels
MOST_NOISE_SHARE = 0.2  # of the variance of the derivative


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
        Standard deviation of the noise of each channel.
    order : int
        Order of the difference.
    width : float
        Standard deviation in channels of the Gaussian that smooths; 0 is none.

    Returns
    -------
    array, shape (components, differences)
        Noise of standard deviation ``sd`` in each spectrum becomes one of 1.
    """
    derivatives = []
    gaps = np.flatnonzero(np.diff(channels) != 1) + 1
    for run in np.split(np.arange(len(channels)), gaps):
        if len(run) > order:
            variance = _noise_variance(sd[run] ** 2, order, width)
            difference = _smoothed_difference(spectra[:, run], order, width)
            derivatives.append(difference / np.sqrt(variance))
    return np.concatenate(derivatives, 1) if derivatives else np.zeros((len(spectra), 0))


def _smoothed_difference(values: Floats, order: int, width: float) -> Floats:
    """Differences along the last axis, of the values smoothed by a Gaussian."""
    if width > 0:
        # Continued by a point reflection a slope stays a slope. A constant would make a kink of it,
        # which is strong detail where there is none.
        reach = 4 * int(np.ceil(width))
        padded = np.pad(values, ((0, 0), (reach, reach)), mode="reflect", reflect_type="odd")
        values = gaussian_filter1d(padded, width, axis=-1)[:, reach:-reach]
    return np.asarray(np.diff(values, n=order, axis=-1))


def _noise_variance(variance: Floats, order: int, width: float) -> Floats:
    """Variance of each difference where the channels' noise has ``variance``.

    The difference is linear in the channels: its variance is theirs times the squared coefficients.
    """
    size, reach = len(variance), 4 * int(np.ceil(width)) + order
    if size <= 4 * reach:
        return variance @ _smoothed_difference(np.eye(size), order, width) ** 2
    # Inside, one filter serves all channels; the smoothing continues the values at both ends.
    coefficients = _smoothed_difference(np.eye(4 * reach), order, width) ** 2
    inner_filter = coefficients[:, 2 * reach]
    first, last = np.flatnonzero(inner_filter)[[0, -1]]
    inside = np.convolve(variance, inner_filter[first : last + 1][::-1], "valid")
    of_differences = np.zeros(size - order)
    of_differences[2 * reach - first :][: len(inside)] = inside
    of_differences[:reach] = variance[: 4 * reach] @ coefficients[:, :reach]
    of_differences[-reach:] = variance[-4 * reach :] @ coefficients[:, -reach:]
    return of_differences


def noise_share(derivatives: Floats, errors: Floats) -> float:
    """Largest share of noise in the variance of any combination of the rows.

    The largest eigenvalue of the noise's covariance relative to that of the derivatives.

    Parameters
    ----------
    derivatives : array, shape (components, samples)
        From `derivative`.
    errors : array, shape (components, components)
        Covariance of the components' noise, in units of ``sd`` squared.

    Returns
    -------
    float
        1 where the derivatives are constant.
    """
    centred = derivatives - derivatives.mean(1, keepdims=True)
    variance = centred @ centred.T / centred.shape[1]
    variance += 1e-12 * np.trace(variance) * np.eye(len(variance))
    if not variance.any():
        return 1.0
    return float(generalised_eigenvectors(errors, variance)[0][-1])


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

    Returns
    -------
    float
        One of `SMOOTHING_WIDTHS`; the widest where none is wide enough.
    """
    for width in SMOOTHING_WIDTHS:
        detail = derivative(spectra, channels, sd, order, width)
        too_few = detail.shape[1] <= len(spectra)
        if too_few or noise_share(detail, errors) <= MOST_NOISE_SHARE:
            return width
    return SMOOTHING_WIDTHS[-1]
