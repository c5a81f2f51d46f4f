"""Whether neighbouring pixels share their noise, as after smoothing or interpolation in space."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.noise_edge import (
    elbow,
    leading_count,
    noise_edge,
    noise_edge_of_profile,
)
from hyperspy_unmix.numerics.types import Floats

from .edge_iteration import VALUES_BELOW_EDGE
from .scree import Scree

VALUES_MEASURED = 2**15  # pixels times directions, which tell a correlation to 0.006
FEWEST_DIRECTIONS, MOST_DIRECTIONS = 4, 32
LARGE_PART, LEAST_BESIDE = 4, 12  # a quarter of the components; and at least so many
LAG_SIGNIFICANCE = 4.0  # standard deviations, of the lags that belong to the correlation
MOST_LAG_SHARE = 4  # of an axis' length, over which noise may be correlated


def kept_beside(shape: tuple[int, int], rank: int) -> int:
    """Number of ``rank`` leading components beside which noise is sought.

    Where they are a large part of all, most are noise, and what is left of it is no longer alike.
    """
    return min(rank, max(min(shape) // LARGE_PART, LEAST_BESIDE))


def noise_directions(leading: Floats, pixels: int) -> Floats:
    """Random directions beside the ``leading`` ones, shape (channels, directions), orthonormal.

    The scores along them are noise, of all channels alike; the more the fewer ``pixels`` there are.
    """
    m = leading.shape[0]
    leading = leading[:, : kept_beside((pixels, m), leading.shape[1])]
    rank = leading.shape[1]
    number = int(np.clip(VALUES_MEASURED // pixels, FEWEST_DIRECTIONS, MOST_DIRECTIONS))
    drawn = np.random.default_rng(0).standard_normal((m, max(min(number, m - rank), 0)))
    for _ in range(2):  # twice, against rounding
        drawn = np.linalg.qr(drawn - leading @ (leading.T @ drawn))[0]
    return np.asarray(drawn)


@dataclass(frozen=True)
class _Scan:
    """Places of the ``pixels`` that count in a scan of this ``shape``, C order."""

    pixels: NDArray[np.intp]
    shape: tuple[int, ...]

    def grid(self, values: Floats | float) -> Floats:
        """One map, zero where no pixel counts."""
        grid = np.zeros(int(np.prod(self.shape)))
        grid[self.pixels] = values
        return grid.reshape(self.shape)

    def products(self, maps: Floats, shares: Floats) -> Floats:
        """Mean product of values every lag apart, shape of twice the scan, circular.

        ``shares`` (maps,) is what each map counts. Zero where no two pixels are so far apart.
        """
        double = [2 * length for length in self.shape]
        axes = tuple(range(len(double)))

        def power(values: Floats | float) -> Floats:
            return np.asarray(np.abs(np.fft.rfftn(self.grid(values), double, axes)) ** 2)

        total = sum(share * power(one) for share, one in zip(shares, maps.T, strict=True))
        pairs = np.rint(np.fft.irfftn(power(1.0), double, axes))
        products = np.fft.irfftn(total, double, axes)
        return np.where(pairs > 0, products / np.maximum(pairs, 1), 0.0)


def noise_autocorrelation(
    white: Floats, shares: Floats, pixels: NDArray[np.intp], scan_shape: tuple[int, ...]
) -> Floats:
    """Autocorrelation of the noise over the scan, circular, as far as it is seen.

    Parameters
    ----------
    white : array, shape (pixels, maps)
        Scores of noise.
    shares : array, shape (maps,)
        Number of directions that each map stands for.
    pixels, scan_shape
        As in `measure_neighbours`.

    Returns
    -------
    array, shape ``scan_shape``
        One at zero, zero from the first lags on that are not significant.
    """
    scan = _Scan(pixels, scan_shape)
    products = scan.products(white - white.mean(0), shares)
    correlation = products / max(float(products.flat[0]), 1e-300)
    limit = LAG_SIGNIFICANCE / np.sqrt(len(white) * _effective_number(shares))
    circular = np.zeros(scan_shape)
    lags = []
    for axis, length in enumerate(scan_shape):
        most = length // MOST_LAG_SHARE
        along = np.moveaxis(correlation, axis, 0).reshape(2 * length, -1)[1 : most + 1, 0]
        reach = leading_count(np.abs(along) > limit)
        lags.append(np.arange(-reach, reach + 1))
    box = np.ix_(*lags)
    circular[box] = correlation[box]
    return circular


def correct_for_neighbours(
    scree: Scree,
    scores: Floats,
    noise_scores: Floats,
    pixels: NDArray[np.intp],
    scan_shape: tuple[int, ...],
    white_edge: float,
    calibrated: bool,
) -> Scree:
    """The scree in units of the noise edge that noise has which neighbouring pixels share.

    Noise whose rows are correlated has the singular values of rows that are independent and whose
    variances are its power spectrum over the scan. The edge is raised by its standard
    error.

    Parameters
    ----------
    scree : Scree
        Against independent noise.
    scores : array, shape (pixels, rank)
        Of the leading components, weighted; those that turn out as noise tell about it too.
    noise_scores : array, shape (pixels, directions)
        Along `noise_directions`, weighted.
    pixels, scan_shape
        As in `measure_neighbours`.
    white_edge : float
        Of independent noise whose level is one.
    calibrated : bool
        Take the level of the noise from the data.

    References
    ----------
    J. W. Silverstein, S.-I. Choi, J. Multivar. Anal. 54 (1995) 295,
    https://doi.org/10.1006/jmva.1995.1058
    """
    (n, m), rank = scree.shape, kept_beside(scree.shape, scores.shape[1])
    eigenvalues, total = scree.values * scree.edge, scree.total * scree.edge
    # The elbow needs no independence.
    structure = min(elbow(scree.values, scree.above_noise_edge + VALUES_BELOW_EDGE), rank)
    autocorrelation, edge, level = None, scree.edge, scree.calibration
    for _ in range(5):
        white = np.concatenate([scores[:, structure:rank], noise_scores], 1)
        shares = np.ones(white.shape[1])
        shares[rank - min(structure, rank) :] = (m - rank) / noise_scores.shape[1]
        autocorrelation = noise_autocorrelation(white, shares, pixels, scan_shape)
        error = np.sqrt(np.count_nonzero(autocorrelation) / (n * _effective_number(shares)))
        ratio = _edge_ratio(autocorrelation, n, m) * (1 + float(error))
        # The sum of all depends on no correlation.
        left = (n - structure) * (m - structure)
        level = float(total - eigenvalues[:structure].sum()) / left if calibrated else level
        edge = white_edge * ratio * (level if calibrated else 1.0)
        former, structure = structure, min(leading_count(eigenvalues > edge), rank)
        if structure == former:
            break
    assert scree.neighbours is not None
    return replace(
        scree,
        values=eigenvalues / edge,
        edge=edge,
        calibration=level,
        rest=scree.rest * scree.edge / edge,
        # Noise that neighbours share repeats in other shares.
        repeats=scree.repeats[: max(leading_count(eigenvalues > edge), 1)],
        neighbours=replace(scree.neighbours, autocorrelation=autocorrelation),
    )


def _effective_number(shares: Floats) -> float:
    """Number of maps of equal shares that tell as much."""
    return float(shares.sum() ** 2 / np.sum(shares**2))


def _edge_ratio(autocorrelation: Floats, n: int, m: int) -> float:
    """Noise edge of n pixels with this autocorrelation and m channels, over that of white noise.

    The Tracy-Widom margin is that of the effective number of pixels.
    """
    power = np.maximum(np.fft.fftn(autocorrelation).real.ravel(), 0)
    power = np.quantile(power, (np.arange(n) + 0.5) / n)
    power /= power.mean()
    effective = max(round(n / float(np.mean(power**2))), 2)

    def margin(columns: int) -> float:
        end = float(np.sqrt(max(m - 1, 1)) + np.sqrt(columns)) ** 2
        return noise_edge(m, columns) / end

    ratio = noise_edge_of_profile(m, power) / noise_edge(m, n) * margin(effective) / margin(n)
    return float(ratio)
