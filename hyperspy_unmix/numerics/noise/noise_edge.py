"""The noise edge: how large singular values get from white noise alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

from hyperspy_unmix.numerics.types import Floats

TRACY_WIDOM_99 = 2.02  # 99 % quantile of the Tracy-Widom distribution of order one
FLOOR_VALUES_FITTED = 5  # squared singular values next to the structure, for the slope of the floor


def leading_count(condition: NDArray[np.bool_]) -> int:
    """Number of elements that are true before the first that is not."""
    return int(np.argmin(np.append(condition, False)))


def noise_edge(n: int, m: int) -> float:
    """Largest squared singular value of an n x m matrix of unit white noise, exceeded in 1 %.

    References
    ----------
    I. M. Johnstone, Ann. Statist. 29 (2001) 295, https://doi.org/10.1214/aos/1009210544
    """
    root = np.sqrt(max(n - 1, 1)) + np.sqrt(m)
    width = root * (1 / np.sqrt(max(n - 1, 1)) + 1 / np.sqrt(m)) ** (1 / 3)
    return float(root**2 + TRACY_WIDOM_99 * width)


def noise_edge_of_profile(n: int, variance: NDArray[np.floating]) -> float:
    """Noise edge of n rows of noise whose columns have the given variances.

    The upper end of the spectrum of a covariance with these eigenvalues, with the Tracy-Widom
    margin of white noise.

    Parameters
    ----------
    n : int
        Number of rows.
    variance : array, shape (columns,)
        Most of them near one.

    References
    ----------
    J. W. Silverstein, S.-I. Choi, J. Multivar. Anal. 54 (1995) 295,
    https://doi.org/10.1006/jmva.1995.1058
    """
    m = len(variance)
    greatest = float(variance.max())

    def inverse_of_stieltjes_transform(x: float) -> float:
        # Its minimum between zero and one over the greatest variance is the end of the spectrum.
        return float(1 / x + np.sum(variance / (1 - x * variance)) / n)

    minimum = minimize_scalar(
        inverse_of_stieltjes_transform,
        bounds=(1e-9 / greatest, (1 - 1e-9) / greatest),
        method="bounded",
    )
    end_of_white_noise = (np.sqrt(max(n - 1, 1)) + np.sqrt(m)) ** 2
    return float(n * minimum.fun * noise_edge(n, m) / end_of_white_noise)


def noise_median_of_profile(n: int, variance: NDArray[np.floating]) -> float:
    """Median squared non-zero singular value of n rows of noise whose columns have these variances.

    From a simulated matrix of the same aspect ratio, to better than one percent. Variances that
    differ by a few percent change it by the square of that, which is left out.

    Parameters
    ----------
    n : int
        Number of rows.
    variance : array, shape (columns,)
    """
    m = len(variance)
    if np.var(variance) < 1e-3 * np.mean(variance) ** 2:
        return float(np.mean(variance) * marchenko_pastur_median(n, m))
    shrink = max(1.0, np.sqrt(n * m / 250_000))
    rows, columns = max(int(n / shrink), 1), max(int(m / shrink), 1)
    quantiles = np.quantile(variance, (np.arange(columns) + 0.5) / columns)
    noise = np.random.default_rng(0).standard_normal((rows, columns)) * np.sqrt(quantiles)
    gram = noise.T @ noise if columns <= rows else noise @ noise.T
    return float(np.median(np.linalg.eigvalsh(gram)) * n / rows)


@lru_cache(maxsize=64)
def marchenko_pastur_median(n: int, m: int) -> float:
    """Median squared non-zero singular value of an n x m matrix of unit white noise.

    References
    ----------
    V. A. Marchenko, L. A. Pastur, Math. USSR Sb. 1 (1967) 457,
    https://doi.org/10.1070/SM1967v001n04ABEH001994
    """
    small, large = min(n, m), max(n, m)
    ratio = small / large
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2

    def density(x: float) -> float:
        return float(np.sqrt(max((high - x) * (x - low), 0)) / (2 * np.pi * ratio * x))

    def excess(x: float) -> float:
        return float(quad(density, low, x, limit=200)[0]) - 0.5

    return float(large * brentq(excess, low + 1e-9, high))


def elbow(values: Floats, most: int = 20) -> int:
    """Last component before the noise floor, from the shape of the scree alone.

    The largest values of noise fall off like a power 2/3 of their number, whatever its level and
    however it is correlated. The drop that this gives is measured on the values next to the
    structure, the structure being what is before the last drop of twice that size; the two are
    found by iteration.

    Parameters
    ----------
    values : array
        Squared singular values, falling, in any unit.
    most : int
        Most components of structure; where the floor is first looked for.

    References
    ----------
    A. Onatski, Rev. Econ. Stat. 92 (2010) 1004, https://doi.org/10.1162/REST_a_00043
    """
    most = min(most, len(values) - FLOOR_VALUES_FITTED)
    if most < 1:
        return int(values[0] > 0)
    drops = values[:most] - values[1 : most + 1]
    structure = most
    for _ in range(10):
        # The slope of the floor, from the values next to the structure.
        positions = np.arange(structure, structure + FLOOR_VALUES_FITTED)
        slope = np.polyfit(positions ** (2 / 3), values[positions], 1)[0]
        # The structure, from the drops that are too large for that floor.
        large_drops = np.flatnonzero(drops > 2 * abs(slope))
        previous, structure = structure, int(large_drops[-1]) + 1 if len(large_drops) else 0
        if structure == previous:
            break
    return structure
