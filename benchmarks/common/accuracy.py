"""How close unmixed spectra and maps are to the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.data import Phantom

Floats = NDArray[np.float64]

MISSING = 90.0  # degrees, of a true component that was not found


@dataclass(frozen=True)
class Accuracy:
    """Distance of an unmixing from the truth, one value for each true component.

    Attributes
    ----------
    angles : ndarray
        Spectral angle in degrees: arc cosine of the cosine of the two spectra, no mean taken off.
    map_errors : ndarray
        ``||s * map - truth|| / ||truth||`` with the non-negative least-squares factor ``s``, from
        0 to 1. Peers leave the scale of their maps arbitrary, thus nobody's scale counts.
    scales : ndarray
        That factor ``s``, for spectra of the truth's integral: 1 is the right number of counts.
        NaN where a component is missing or its integral is not above zero.
    matched : tuple of int or None
        Which component was taken for which true one.
    """

    angles: Floats
    map_errors: Floats
    scales: Floats
    matched: tuple[int | None, ...]

    @property
    def mean_angle(self) -> float:
        """Mean spectral angle in degrees."""
        return float(self.angles.mean())

    @property
    def worst_angle(self) -> float:
        """Largest spectral angle in degrees."""
        return float(self.angles.max())

    @property
    def map_error(self) -> float:
        """Mean relative error of the maps."""
        return float(self.map_errors.mean())


def compare(
    spectra: Floats,
    maps: Floats,
    truth_spectra: Floats,
    truth_maps: Floats,
    *,
    free_sign: bool = False,
) -> Accuracy:
    """Match components to true ones, one to one, by least total spectral angle, and compare.

    Parameters
    ----------
    spectra : array, shape (components, channels)
    maps : array, shape (components, pixels)
    truth_spectra, truth_maps : array, shape (true components, ...)
        As many channels and pixels; there may be more or fewer components. A missing one counts
        as 90 degrees and a map error of 1; surplus ones do not count.
    free_sign : bool
        For peers whose components may come upside down: spectrum and map are flipped together
        where that brings the spectrum closer.

    Returns
    -------
    Accuracy

    Raises
    ------
    ValueError
        If shapes do not agree or values are not finite.
    """
    spectra, maps, truth_spectra, truth_maps = (
        np.asarray(a, float) for a in (spectra, maps, truth_spectra, truth_maps)
    )
    if (
        spectra.shape[1:] != truth_spectra.shape[1:]
        or maps.shape[1:] != truth_maps.shape[1:]
        or len(spectra) != len(maps)
    ):
        raise ValueError(
            f"shapes do not agree: spectra {spectra.shape}, maps {maps.shape}, "
            f"truth {truth_spectra.shape} and {truth_maps.shape}"
        )
    if not (np.isfinite(spectra).all() and np.isfinite(maps).all()):
        raise ValueError("spectra and maps must be finite")
    cosines = _unit(truth_spectra) @ _unit(spectra).T
    signs = np.where(cosines < 0, -1.0, 1.0) if free_sign else np.ones_like(cosines)
    angles = np.degrees(np.arccos(np.clip(cosines * signs, -1, 1)))
    # true components may remain without a partner, at the cost of a missing one
    cost = np.concatenate([angles, np.full((len(angles), len(angles)), MISSING)], 1)
    k = len(truth_spectra)
    found, errors, scales = np.full(k, MISSING), np.ones(k), np.full(k, np.nan)
    matched: list[int | None] = [None] * k
    for i, j in zip(*linear_sum_assignment(cost), strict=True):
        if j >= len(spectra):
            continue
        matched[i], found[i] = int(j), angles[i, j]
        area, target = signs[i, j] * spectra[j].sum(), truth_spectra[i].sum()
        counted = signs[i, j] * maps[j]
        power = counted @ counted
        factor = max(counted @ truth_maps[i] / power, 0.0) if power > 0 else 0.0
        rest = factor * counted - truth_maps[i]
        errors[i] = np.linalg.norm(rest) / np.linalg.norm(truth_maps[i])
        if area > 0:
            scales[i] = factor * target / area
    return Accuracy(found, errors, scales, tuple(matched))


def _unit(rows: Floats) -> Floats:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def true_spectra(phantom: Phantom) -> Floats:
    """True spectra on the whole axis, shape (components, channels), sum 1 over the channels."""
    return np.asarray(phantom.truth.spectra.data * _width(phantom), float)


def true_maps(phantom: Phantom) -> Floats:
    """True maps, shape (components, pixels)."""
    maps = phantom.truth.maps.data
    return np.asarray(maps.reshape(len(maps), -1), float)


def _width(phantom: Phantom) -> float:
    return float(phantom.signal.axes_manager.signal_axes[0].scale)
