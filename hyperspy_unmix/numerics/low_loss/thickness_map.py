"""Maps of t/lambda: smoothed where counts are few, vacuum recognised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter

from hyperspy_unmix.numerics.types import Floats

SMOOTHING_WIDTHS_IN_PIXELS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)  # standard deviations
MOST_RISK_LEFT = 0.9  # of that without smoothing: where more is left, the map stays as it is
VACUUM_T_OVER_LAMBDA = 0.02  # below which there is no specimen
SIGMAS_OF_SPECIMEN = 3.0  # by which t/lambda must be above zero for there to be one


@dataclass(frozen=True)
class ThicknessMap:
    """A map of t/lambda, smoothed or as it was measured.

    Parameters
    ----------
    values, error : array, shape of the scan
        t/lambda and its standard deviation; NaN where masked.
    width : float
        Standard deviation of the smoothing in pixels, 0 for none.
    vacuum : bool array, shape of the scan
        Marks pixels without specimen.
    systematic : array, shape of the scan, optional
        Standard deviation by what is no counting noise, which ``error`` is.
    """

    values: Floats
    error: Floats
    width: float
    vacuum: NDArray[np.bool_]
    systematic: Floats | None = None


def thickness_map(t: Floats, error: Floats, zero_loss: Floats) -> ThicknessMap:
    """Smooth a map of t/lambda as far as its noise calls for, and mark the vacuum.

    Counts, not logarithms, are averaged with a Gaussian, which keeps the log-ratio unbiased. Its
    width is the one of least estimated risk (Stein): the noise that it takes away against the
    detail.

    Parameters
    ----------
    t, error, zero_loss : array, shape of the scan
        t/lambda, its standard deviation and the zero-loss counts; NaN where masked.

    References
    ----------
    C. M. Stein, Ann. Stat. 9 (1981) 1135, https://doi.org/10.1214/aos/1176345632
    """
    known = np.isfinite(t) & np.isfinite(error) & (zero_loss > 0)
    # A pixel without inelastic electrons has no error of its own to judge the smoothing by.
    judged = known & (error > 0)
    plane = _plane(t, known)
    best: tuple[float, float, Floats, Floats] = (0.0, 1.0, t, error)
    noise = float(np.mean(error[judged] ** 2)) if judged.any() else 0.0
    for width in SMOOTHING_WIDTHS_IN_PIXELS if noise > 0 and judged.sum() > 1 else ():
        smooth, own_weight, squared_weights = _smooth(t, plane, zero_loss, known, width)
        # In units of each pixel's own noise, or thick pixels, which have more, decide alone.
        change = np.mean(((smooth - t)[judged] / error[judged]) ** 2) - 1
        risk = float(change + 2 * np.mean(own_weight[judged]))
        if risk < min(best[1], MOST_RISK_LEFT):
            # The error is what is left of the noise, and the detail lost as a share of it.
            variance = np.where(known, error, 0) ** 2
            averaged = squared_weights * variance
            share = float((averaged[judged] / variance[judged]).mean())
            detail = max(risk - share, 0) * variance
            best = width, risk, smooth, np.where(known, np.sqrt(averaged + detail), np.nan)
    width, _, values, smooth_error = best
    significant = SIGMAS_OF_SPECIMEN * np.where(known, smooth_error, 0)
    vacuum = known & (values < np.maximum(VACUUM_T_OVER_LAMBDA, significant))
    return ThicknessMap(values, smooth_error, width, vacuum)


def inner_vacuum(vacuum: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Vacuum whose neighbours are vacuum too: at an edge the beam's tails see the specimen."""
    around = np.ones((3,) * vacuum.ndim)
    return np.asarray(binary_erosion(vacuum, around, border_value=1))


def _smooth(
    t: Floats, plane: Floats, zero_loss: Floats, known: NDArray[np.bool_], width: float
) -> tuple[Floats, Floats, Floats]:
    """Smoothed t, each pixel's own weight in it, and the sum of squared weights."""

    def average(values: Floats) -> Floats:
        return np.asarray(gaussian_filter(np.where(known, values, 0.0), width, mode="constant"))

    # The counts are averaged about the plane, or the slope of a wedge is a bias at the scan's ends.
    about_plane = np.where(known, t - plane, 0)
    elastic = np.where(known, zero_loss, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = np.log(average(elastic * np.exp(about_plane)) / average(elastic))
        share = average(np.ones_like(about_plane))
        squares = gaussian_filter(known.astype(float), width / np.sqrt(2), mode="constant")
    # The weights are the Gaussian's, over its share that lies on known pixels.
    impulse = np.zeros([2 * int(4 * width + 1) + 1] * t.ndim)
    impulse[tuple(n // 2 for n in impulse.shape)] = 1
    kernel = gaussian_filter(impulse, width, mode="constant")
    own_weight = kernel.max() / np.where(share > 0, share, 1)
    squared_weights = np.sum(kernel**2) * squares / np.where(share > 0, share, 1) ** 2
    return np.where(known, smooth + plane, np.nan), own_weight, squared_weights


def _plane(t: Floats, known: NDArray[np.bool_]) -> Floats:
    """The plane nearest to the map (least squares); zero where too few pixels are known."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in t.shape), indexing="ij")
    design = np.stack([np.ones(t.size), *(axis.ravel() for axis in axes)], 1)
    if known.sum() < 2 * design.shape[1]:
        return np.zeros(t.shape)
    fit = np.linalg.lstsq(design[known.ravel()], t[known], rcond=None)[0]
    return np.asarray((design @ fit).reshape(t.shape))
