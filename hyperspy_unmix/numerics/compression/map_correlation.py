"""Whether neighbouring pixels of a map are alike, as they are of a specimen and not of noise.

Where they are alike in noise too, it was smoothed or interpolated in space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

LEAST_SIGNIFICANCE = 6.0  # standard deviations, from which neighbours are alike
LEAST_CORRELATION = 0.05  # of noise; less moves the noise edge by less than half a percent
REFERENCE_FACTOR = 2.0  # over the largest of the components that are taken for noise


def neighbour_significance(
    scores: Floats, weights: Floats, pixels: NDArray[np.intp], scan_shape: tuple[int, ...]
) -> Floats:
    """Significance with which the neighbours in each component's map are alike.

    The mean product of neighbours along every axis of the scan, in units of what independent
    pixels give (Moran's I with rook's neighbours, as a normal deviate).

    Parameters
    ----------
    scores : array, shape (pixels, components)
    weights : array, shape (pixels,)
        One over the noise variance of each pixel.
    pixels : int array, shape (pixels,)
        Their numbers in the scan, in C order.
    scan_shape : tuple of int

    Returns
    -------
    array, shape (components,)
        Zero where no two neighbours are known.

    References
    ----------
    P. A. P. Moran, Biometrika 37 (1950) 17, https://doi.org/10.1093/biomet/37.1-2.17
    """
    white = scores * np.sqrt(weights)[:, None]
    white = white - white.mean(0)
    total, number = np.zeros(white.shape[1]), 0
    for first, second in _neighbours(pixels, scan_shape):
        total += np.einsum("ij,ij->j", white[first], white[second])
        number += len(first)
    variance = np.maximum(np.mean(white**2, 0), 1e-300)
    return np.asarray(total / variance / np.sqrt(max(number, 1)))


def _neighbours(
    pixels: NDArray[np.intp], scan_shape: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Along each axis of the scan the rows of pixels, and those of their next neighbours."""
    row = np.full(int(np.prod(scan_shape)), -1)
    row[pixels] = np.arange(len(pixels))
    scan = row.reshape(scan_shape)
    for axis, length in enumerate(scan_shape):
        first = np.take(scan, range(length - 1), axis).ravel()
        second = np.take(scan, range(1, length), axis).ravel()
        count = (first >= 0) & (second >= 0)
        yield first[count], second[count]


def has_alike_neighbours(significance: Floats, first_noise: int) -> NDArray[np.bool_]:
    """Which components have maps whose neighbours are alike beyond what noise does here.

    Parameters
    ----------
    significance : array, shape (components,)
        From `neighbour_significance`.
    first_noise : int
        Components from this one on are noise: where their neighbours are alike too, as after an
        interpolation, more is asked of the others.
    """
    of_noise = np.abs(significance[first_noise:])
    reference = REFERENCE_FACTOR * float(of_noise.max()) if of_noise.size else 0.0
    return np.asarray(significance > max(LEAST_SIGNIFICANCE, reference))


@dataclass(frozen=True)
class NeighbouringNoise:
    """Correlation of the noise of pixels next to each other.

    Parameters
    ----------
    correlation : tuple of float
        Along every axis of the scan, in the array's order; zero where no two neighbours count.
    error : tuple of float
        Standard deviation of each where there is none.
    autocorrelation : array, shape of the scan, optional
        Of the noise: one at zero, and circular. None where neighbours share nothing.
    """

    correlation: tuple[float, ...] = ()
    error: tuple[float, ...] = ()
    autocorrelation: Floats | None = None

    @property
    def is_shared(self) -> bool:
        """Whether neighbours are alike by more than chance, along any axis."""
        return any(
            r > max(LEAST_CORRELATION, LEAST_SIGNIFICANCE * sd)
            for r, sd in zip(self.correlation, self.error, strict=True)
        )

    @property
    def effective_share(self) -> float:
        """Number of independent pixels that tell as much, over that of all."""
        rho = self.autocorrelation
        return 1.0 if rho is None else 1 / float(np.sum(rho**2))


def measure_neighbours(
    white: Floats, pixels: NDArray[np.intp], scan_shape: tuple[int, ...]
) -> NeighbouringNoise:
    """Correlation of neighbouring pixels' noise along each axis of the scan.

    Parameters
    ----------
    white : array, shape (pixels, directions)
        Scores of noise, of the same variance in every pixel.
    pixels : int array, shape (pixels,)
        Their numbers in the scan, in C order.
    scan_shape : tuple of int

    References
    ----------
    P. A. P. Moran, Biometrika 37 (1950) 17, https://doi.org/10.1093/biomet/37.1-2.17
    """
    if white.shape[1] == 0:
        return NeighbouringNoise()
    centred = white - white.mean(0)
    centred = centred / np.maximum(np.sqrt(np.mean(centred**2, 0)), 1e-300)
    correlation, error = [], []
    for first, second in _neighbours(pixels, scan_shape):
        number = max(len(first), 1) * white.shape[1]
        total = np.einsum("ij,ij->", centred[first], centred[second])
        correlation.append(float(total) / number)
        error.append(1 / float(np.sqrt(number)))
    return NeighbouringNoise(tuple(correlation), tuple(error))
