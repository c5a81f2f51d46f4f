"""Maps of t/lambda: smoothed where counts are few, vacuum recognised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.types import Floats

WIDTHS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)  # pixels, standard deviation
WORTH = 0.9  # of the risk without smoothing: less must be left for it to be done
VACUUM = 0.02  # t/lambda below which there is no specimen
SIGMAS_OF_SPECIMEN = 3.0  # by which t/lambda must be above zero for there to be one


@dataclass(frozen=True)
class ThicknessMap:
    """t/lambda with its standard deviation; ``width`` in pixels of the smoothing, 0 for none.

    ``vacuum`` marks pixels without specimen.
    """

    values: Floats
    error: Floats
    width: float
    vacuum: NDArray[np.bool_]


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
    plane = _plane(t, known)
    best: tuple[float, float, Floats, Floats] = (0.0, 1.0, t, error)
    noise = float(np.mean(error[known] ** 2)) if known.any() else 0.0
    for width in WIDTHS if noise > 0 and known.sum() > 1 else ():
        smooth, own, spread = _smoothed(t, plane, zero_loss, known, width)
        # in units of each pixel's own noise: thick pixels, which have more, do not decide alone
        left = np.mean(((smooth - t)[known] / error[known]) ** 2) - 1
        risk = float(left + 2 * np.mean(own[known]))
        if risk < min(best[1], WORTH):
            own_noise = np.where(known, error, 0) ** 2
            averaged = spread * own_noise
            share = float((averaged[known] / own_noise[known]).mean())
            detail = max(risk - share, 0) * own_noise
            best = width, risk, smooth, np.where(known, np.sqrt(averaged + detail), np.nan)
    width, _, values, spread = best
    vacuum = known & (values < np.maximum(VACUUM, SIGMAS_OF_SPECIMEN * np.where(known, spread, 0)))
    return ThicknessMap(values, spread, width, vacuum)


def _smoothed(
    t: Floats, plane: Floats, zero_loss: Floats, known: NDArray[np.bool_], width: float
) -> tuple[Floats, Floats, Floats]:
    """Smoothed t, each pixel's own weight in it, and the sum of squared weights."""

    def average(values: Floats) -> Floats:
        return np.asarray(gaussian_filter(np.where(known, values, 0.0), width, mode="constant"))

    # about the plane, so that the slope of a wedge is no bias where the scan ends
    filled = np.where(known, t - plane, 0)
    elastic = np.where(known, zero_loss, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = np.log(average(elastic * np.exp(filled)) / average(elastic))
        share = average(np.ones_like(filled))
        squares = gaussian_filter(known.astype(float), width / np.sqrt(2), mode="constant")
    impulse = np.zeros([2 * int(4 * width + 1) + 1] * t.ndim)
    impulse[tuple(n // 2 for n in impulse.shape)] = 1
    kernel = gaussian_filter(impulse, width, mode="constant")
    own = kernel.max() / np.where(share > 0, share, 1)
    spread = np.sum(kernel**2) * squares / np.where(share > 0, share, 1) ** 2
    return np.where(known, smooth + plane, np.nan), own, spread


def _plane(t: Floats, known: NDArray[np.bool_]) -> Floats:
    """The plane that is nearest to the map."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in t.shape), indexing="ij")
    design = np.stack([np.ones(t.size), *(axis.ravel() for axis in axes)], 1)
    if known.sum() < 2 * design.shape[1]:
        return np.zeros(t.shape)
    fit = np.linalg.lstsq(design[known.ravel()], t[known], rcond=None)[0]
    return np.asarray((design @ fit).reshape(t.shape))
