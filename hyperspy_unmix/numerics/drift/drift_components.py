"""Traces of energy drift: components that a shift makes, channels that its correction emptied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

SMOOTHING_CHANNELS = 1.0  # leaves out the detector's fixed pattern, which does not move
LEAST_SHARE_OF_VISIBLE = 0.7  # of what the noise lets be seen of a component


def drift_components(
    spectra: LowRank, mean: Floats, visible: Floats
) -> tuple[NDArray[np.bool_], Floats]:
    """Which principal components a small shift of the mean spectrum makes.

    A spectrum moved by a small energy changes by its first derivative, and a little by the second.
    A component is drift if most of it lies along these two over the whole energy range: the shift
    of one edge among others is chemistry.

    Parameters
    ----------
    spectra : LowRank
        Counts as recorded, their components orthonormal when whitened.
    mean : array, shape (channels,)
        Mean spectrum.
    visible : array, shape (rank,)
        Expected squared correlation of each component with the true one.

    Returns
    -------
    is_drift : bool array, shape (rank,)
        Never the first component.
    shift : array, shape (pixels,)
        Shift of each spectrum in channels, without the mean shift.
    """
    # A drift component lies along the first two derivatives of the mean spectrum.
    whitening = spectra.whitening
    smooth = gaussian_filter1d(mean, SMOOTHING_CHANNELS)
    derivative = np.gradient(smooth)
    second_derivative = np.gradient(derivative)
    axes = np.linalg.qr(whitening.whiten(np.array([derivative, second_derivative])).T)[0]
    white = whitening.whiten(spectra.components)
    share = np.sum((white @ axes) ** 2, 1) / np.maximum(np.sum(white**2, 1), 1e-300)
    is_drift = share > LEAST_SHARE_OF_VISIBLE * np.maximum(visible, 0.1)
    is_drift[0] = False
    # The smooth slope is where to look, the slope as measured how much a shift changes.
    slope = whitening.whiten(derivative[None])[0]
    change = slope @ whitening.whiten(np.gradient(mean)[None])[0]
    along = np.where(is_drift, white @ slope, 0) / change
    # Each spectrum's shift is its part along the slope, over its brightness.
    brightness = spectra.scores[:, 0] * np.sum(spectra.components[0] * mean) / np.sum(mean**2)
    moved = spectra.scores @ along
    shift = np.divide(moved, brightness, out=np.zeros_like(moved), where=brightness > 0)
    return is_drift, np.median(shift) - shift
