"""A map of few counts, estimated with the help of neighbouring pixels where these are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.types import Floats

Mask = NDArray[np.bool_]

WIDTHS_IN_PIXELS = (0.6, 1.2, 2.4, 4.8, 9.6)  # standard deviations
# Noise that detail must exceed to stay: its variance in the neighbourhood, and in the pixel alone,
# where more is needed since there are so many pixels. The last leaves no detail: a Gaussian.
THRESHOLDS = ((1.5, 9.0), (2.5, 9.0), (4.0, 14.0), (np.inf, np.inf))
MOST_RISK_LEFT = 0.95  # of that without smoothing: where more is left, the map stays as it is
MOST_NEGATIVE = 0.01  # of the pixels, whose variance may come out so
PROBE_STEP = 0.05  # standard deviations
PIXELS_PROBED = 4096  # by as many probes as that takes
MOST_PROBES = 16
TINY = 1e-300


@dataclass(frozen=True)
class SmoothMap:
    """A map of which neighbouring pixels are averaged as far as they are alike.

    Parameters
    ----------
    values : array, shape of the scan
        NaN where masked.
    pixels : float
        Averaged in the mean: variance of the noise over what the map follows of it; 1 for none.
    error, error_before : float
        R.m.s. error as estimated, the standard error of the estimate added; and that of the map as
        it was.
    """

    values: Floats
    pixels: float
    error: float
    error_before: float


class _Detail(NamedTuple):
    """What one Gaussian has more than the next: in a pixel, squared about it, and its noise."""

    values: Floats
    strength: Floats
    noise: Floats


def smooth_map(values: Floats, variance: Floats, seed: int = 0) -> SmoothMap:
    """Average neighbouring pixels where the noise lets no difference be seen.

    The map is a broad Gaussian average and the details that narrower ones add. A detail is kept as
    far as it exceeds its noise, in the pixel or about it (as the non-negative garrote and its like
    for blocks, with the share that is lost squared, so that what is clear stays whole): a single
    bright pixel stays what it is beside a plain that is averaged. How broad, and how much a detail
    must exceed its noise, is what has the least risk as estimated by Stein, the divergence found
    by random changes of the map.

    Parameters
    ----------
    values : array, shape of the scan
        NaN where masked. Of more than two axes, images of the last two are averaged by themselves
        or with those beside them, which has less risk.
    variance : array, shape of the scan
        Of the noise. Right in the mean of neighbouring pixels is enough, single ones may come out
        negative: so are those without bias where counts are few.
    seed : int
        Of the random changes.

    References
    ----------
    C. M. Stein, Ann. Stat. 9 (1981) 1135, https://doi.org/10.1214/aos/1176345632;
    H.-Y. Gao, J. Comput. Graph. Stat. 7 (1998) 469,
    https://doi.org/10.1080/10618600.1998.10474789;
    T. T. Cai, Ann. Stat. 27 (1999) 898, https://doi.org/10.1214/aos/1018031262;
    S. Ramani, T. Blu, M. Unser, IEEE Trans. Image Process. 17 (2008) 1540,
    https://doi.org/10.1109/TIP.2008.2001404
    """
    known = np.isfinite(values) & np.isfinite(variance)
    noise = _not_negative(np.where(known, variance, 0.0), known)
    total = float(noise.sum())
    if known.sum() < 2 or not total > 0:
        return SmoothMap(values, 1.0, 0.0, 0.0)
    given = np.where(known, values, 0.0)
    n = int(known.sum())
    probes = _probes(noise, n, seed)
    smooth, risk, followed = given, total, total
    for axes in _axes_to_average(values.shape):
        changed = [_estimates(given + PROBE_STEP * probe, noise, known, axes) for probe in probes]
        for estimate, *others in zip(_estimates(given, noise, known, axes), *changed, strict=True):
            follows = _followed(estimate, others, probes)
            estimated = float(np.sum((estimate - given) ** 2)) - total + 2 * follows
            if estimated < min(risk, MOST_RISK_LEFT * total):
                smooth, risk, followed = estimate, estimated, follows
    # What follows a share of each pixel's own noise has at least the square of it left.
    risk = max(risk, followed**2 / total)
    return SmoothMap(
        np.where(known, smooth, np.nan),
        float(np.clip(total / max(followed, TINY), 1, n)),
        float(np.sqrt((risk + np.sqrt(2 * np.sum(noise**2))) / n)),
        float(np.sqrt(total / n)),
    )


def _not_negative(variance: Floats, known: Mask) -> Floats:
    """The variance, averaged over as few neighbours as it takes for next to none to be negative.

    That of single counts is right in the mean only.
    """
    axes, share = tuple(range(variance.ndim)), known.astype(float)
    averaged = variance
    for width in WIDTHS_IN_PIXELS:
        if (averaged[known] < 0).mean() < MOST_NEGATIVE:
            break
        averaged = _Average(share, known, width, axes)(variance)
    return np.maximum(averaged, 0)


def _probes(noise: Floats, n_known: int, seed: int) -> list[Floats]:
    """Random changes, in every pixel of one standard deviation up or down."""
    rng, sd = np.random.default_rng(seed), np.sqrt(noise)
    number = min(max(PIXELS_PROBED // n_known, 1), MOST_PROBES)
    return [sd * rng.choice([-1.0, 1.0], noise.shape) for _ in range(number)]


def _followed(estimate: Floats, others: Sequence[Floats], probes: Sequence[Floats]) -> float:
    """Sum of each pixel's noise times the share of its change that the estimate follows."""
    follows = [
        np.sum(probe * (other - estimate)) for probe, other in zip(probes, others, strict=True)
    ]
    return float(np.mean(follows)) / PROBE_STEP


def _axes_to_average(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Axes of the scan along which pixels may be averaged."""
    every = tuple(range(len(shape)))
    return [every] if len(shape) < 3 else [every[-2:], every]


def _estimates(
    values: Floats, noise: Floats, known: Mask, axes: tuple[int, ...]
) -> Iterator[Floats]:
    """The map with ever broader averages, for each of the thresholds; zero where masked."""
    narrow, share = values, known.astype(float)
    kept = [np.zeros_like(values) for _ in THRESHOLDS]
    for width, noise_share in zip(WIDTHS_IN_PIXELS, _noise_of_details(len(axes)), strict=True):
        average = _Average(share, known, width, axes)
        broad = average(values)
        detail = narrow - broad
        strength = average(detail**2)
        least = noise_share * average(noise)
        for so_far, thresholds in zip(kept, THRESHOLDS, strict=True):
            so_far += _kept(_Detail(detail, strength, least), *thresholds)
            yield broad + so_far
        narrow = broad


def _kept(detail: _Detail, about: float, alone: float) -> Floats:
    """The detail, without what may be its noise."""
    if not np.isfinite(about):
        return np.zeros_like(detail.values)
    about_it = about * detail.noise / np.maximum(detail.strength, TINY)
    in_it = alone * detail.noise / np.maximum(detail.values**2, TINY)
    lost = np.minimum(np.minimum(about_it, in_it), 1) ** 2
    return np.asarray(detail.values * (1 - lost))


class _Average:
    """A Gaussian average over the pixels that are known."""

    def __init__(self, share: Floats, known: Mask, width: float, axes: tuple[int, ...]) -> None:
        self.sigma = [width if axis in axes else 0.0 for axis in range(share.ndim)]
        self.known = known
        weight = gaussian_filter(share, self.sigma, mode="constant")
        self.weight = np.where(known, weight, 1)

    def __call__(self, values: Floats) -> Floats:
        """Average of values that are zero where they are not known."""
        sums = gaussian_filter(values, self.sigma, mode="constant")
        return np.where(self.known, sums / self.weight, 0)


def _noise_of_details(n_axes: int) -> list[float]:
    """Share of the noise of independent pixels in what each Gaussian has more than the next."""
    half = int(4 * WIDTHS_IN_PIXELS[-1]) + 1
    impulse = np.zeros(2 * half + 1)
    impulse[half] = 1
    lines = [impulse]
    lines += [gaussian_filter(impulse, width, mode="constant") for width in WIDTHS_IN_PIXELS]
    # Kernels are products of lines: so are their inner products.
    products = (np.array(lines) @ np.array(lines).T) ** n_axes
    return [
        float(products[j, j] - 2 * products[j, j + 1] + products[j + 1, j + 1])
        for j in range(len(WIDTHS_IN_PIXELS))
    ]
