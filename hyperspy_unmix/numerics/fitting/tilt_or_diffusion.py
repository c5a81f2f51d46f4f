"""Whether a boundary is wide because it is inclined or because it is diffuse: by its profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.stats import chi2

from hyperspy_unmix.numerics.types import Floats, Mask

from .boundary_profile import (
    AMPLITUDE,
    LAYER,
    OFFSET,
    PLACE,
    PROBE,
    SLOPE,
    VARIANCE,
    Profile,
)
from .inclined_boundary import SIGMA_PER_FWHM

Model = Literal["sharp", "tilt", "diffusion", "both"]
Cause = Literal["sharp", "tilt", "diffusion", "both", "cannot be told", "neither"]

FREE: dict[Model, tuple[int, ...]] = {
    "sharp": (),
    "tilt": (SLOPE,),
    "diffusion": (VARIANCE,),
    "both": (SLOPE, VARIANCE),
}
LEAST_CHANCE = 1e-3  # of a misfit by noise
MOST_LEFT = 2.0  # mean square of a misfit, over that of the difference of tilt and diffusion
REFUTED = 9.0  # chi-square above the best model's: three standard deviations of one parameter
IN_RANGE = 4.0  # two standard deviations
STEPS_OF_SCAN, MOST_DOUBLINGS = 8, 12
NO_VARIANCE = 1e-4  # square pixels: below, the probe may be narrower as well
FARTHEST_PROBE = 3.0  # standard deviations from what was told
TOLERANCE, MOST_STEPS = 1e-6, 40  # of a fit; chi-squares are compared to 0.1
NUMBERS_FITTED = 6  # amplitude, offset, place, two widths, a layer
NEAR = 3.0  # standard deviations of the profile's rise, in which its misfit is judged


@dataclass(frozen=True)
class Fit:
    """One model of a profile: its parameters (see `Profile.shape`), and what it leaves."""

    parameters: Floats
    chi_square: float

    @property
    def slope(self) -> float:
        """Width in projection over thickness."""
        return float(self.parameters[SLOPE])

    @property
    def diffusion(self) -> float:
        """Standard deviation of the Gaussian that is more than the probe."""
        return float(np.sqrt(self.parameters[VARIANCE]))


@dataclass(frozen=True)
class Comparison:
    """A profile explained by a tilt, by diffusion, by both and by neither.

    ``misfit`` is what the best model leaves of the profile about the boundary, in units of the
    noise; where it is more than one, chi-squares and ranges count it as noise. ``chance`` is the
    probability that noise leaves as much. Ranges hold two
    standard deviations, whatever the other parameters are; ``error`` is half of that of the slope.
    """

    fits: dict[Model, Fit]
    cause: Cause
    slopes: tuple[float, float]
    diffusions: tuple[float, float]
    error: float
    misfit: float
    chance: float
    profile: Profile

    def lacks(self, model: Model) -> float:
        """By how many standard deviations a model is worse than the best one."""
        excess = self.fits[model].chi_square - self.fits["both"].chi_square
        return float(np.sqrt(max(excess, 0.0)))


def starts_of(profile: Profile, slope: float, thick: float, amplitude: float) -> list[Floats]:
    """Parameters to start from: a tilt as it was fitted without diffusion, and what may look so."""
    typical = float(np.median(profile.thickness))
    variance = max((slope * typical) ** 2 / 12, profile.pixel**2 / 12)
    area = amplitude * (max(thick, profile.pixel) if profile.kind == "layer" else 1.0)
    offset = float(np.median(profile.density)) - amplitude / 2
    seen = np.array([area, offset, 0, slope, thick, profile.probe[0], 0.0])
    diffuse, between = seen.copy(), seen.copy()
    diffuse[[SLOPE, VARIANCE]] = 0, variance
    between[[SLOPE, VARIANCE]] = slope / np.sqrt(2), variance / 2
    if profile.kind == "phase":
        return [seen, between, diffuse]
    swapped = seen.copy()  # slope and thickness of a layer look alike in an even foil
    swapped[[SLOPE, LAYER]] = thick / typical, slope * typical
    return [seen, between, diffuse, swapped]


def compare(profile: Profile, starts: Sequence[Floats]) -> Comparison:
    """Tell tilt from diffusion by the shape of a profile.

    A plane that is inclined through a foil rises linearly, a diffuse one like an error function.
    The four models are nested, so that their chi-squares can be compared; the slopes and diffusions
    that are possible are those of the profile likelihood.

    Parameters
    ----------
    profile : Profile
        With the standard deviations that its pixels have.
    starts : sequence of array, shape (parameters,)
        See `starts_of`.

    Returns
    -------
    Comparison
    """
    misfit, chance = _misfit(profile, fit(profile, "both", starts))
    profile = replace(profile, sd=profile.sd * max(misfit, 1.0))
    fits = {model: fit(profile, model, starts) for model in FREE}
    # The models are nested: none may fit better than the one that holds it.
    minima = [fit(profile, "both", [start]) for start in starts] + list(fits.values())
    fits["both"] = min(minima, key=lambda f: f.chi_square)
    slopes, variances = _range(profile, SLOPE, minima), _range(profile, VARIANCE, minima)
    slopes = _with_shape_of_probe(profile, slopes)
    low, high = slopes
    left_over = (misfit**2 - 1) / misfit**2
    is_misfit = chance < LEAST_CHANCE and left_over > MOST_LEFT * _difference(profile, fits)
    return Comparison(
        fits=fits,
        cause="neither" if is_misfit else _cause(fits, profile, slopes),
        slopes=slopes,
        diffusions=(float(np.sqrt(variances[0])), float(np.sqrt(variances[1]))),
        error=(high - low) / 4,
        misfit=misfit,
        chance=chance,
        profile=profile,
    )


def _with_shape_of_probe(profile: Profile, slopes: tuple[float, float]) -> tuple[float, float]:
    """Slopes that are possible, since a probe is not just a Gaussian.

    To fourth order a profile is told by the fourth cumulant of its derivative: -w^4 / 120 for a
    ramp of width w, 0 for a Gaussian of any width, and for a probe of the variance s^2 up to s^4
    on either side (a disc has -s^4).
    """
    typical = float(np.median(profile.thickness))
    of_probe = 120 * (SIGMA_PER_FWHM * sum(profile.probe)) ** 4
    low, high = ((slope * typical) ** 4 for slope in slopes)
    return max(low - of_probe, 0.0) ** 0.25 / typical, (high + of_probe) ** 0.25 / typical


def _cause(fits: dict[Model, Fit], profile: Profile, slopes: tuple[float, float]) -> Cause:
    """The simplest model that is not refuted.

    A layer is as wide as it is thick, so that it is sharp only where no tilt may be half as wide.
    """
    least = fits["both"].chi_square
    may_be = {model: f.chi_square - least < REFUTED for model, f in fits.items()}
    may_be["diffusion"] |= slopes[0] == 0
    widest = slopes[1] * float(np.median(profile.thickness))
    thick = float(fits["sharp"].parameters[LAYER])
    if may_be["sharp"] and (profile.kind == "phase" or widest < thick / 2):
        return "sharp"
    if may_be["tilt"] and may_be["diffusion"]:
        return "cannot be told"
    if may_be["tilt"]:
        return "tilt"
    return "diffusion" if may_be["diffusion"] else "both"


def fit(
    profile: Profile, model: Model, starts: Sequence[Floats], fixed: tuple[int, float] | None = None
) -> Fit:
    """Least squares of a model from the best of the starts; one parameter may be ``fixed``.

    A wider probe looks as diffusion does: where there is diffusion the probe stays as it was told,
    which is likeliest, and only without it may be narrower or wider.
    """
    tried = []
    for start in starts:
        for varied in (VARIANCE, PROBE):
            if varied == VARIANCE and VARIANCE not in FREE[model]:
                continue
            begin, free = start.copy(), np.zeros(7, bool)
            begin[PROBE] = profile.probe[0]
            free[[AMPLITUDE, OFFSET, PLACE, varied]] = True
            free[SLOPE], free[LAYER] = SLOPE in FREE[model], profile.kind == "layer"
            if varied == PROBE:
                begin[VARIANCE] = 0.0
            if not free[SLOPE]:
                begin[SLOPE] = 0.0
            if fixed is not None:
                begin[fixed[0]], free[fixed[0]] = fixed[1], False
                free[PROBE] |= fixed[0] == VARIANCE
            tried.append(_refine(profile, begin, free))
            if (
                varied == VARIANCE
                and tried[-1].parameters[VARIANCE] > NO_VARIANCE * profile.pixel**2
            ):
                break
    return min(tried, key=lambda f: f.chi_square)


def _refine(profile: Profile, start: Floats, free: Mask) -> Fit:
    """Least squares over the free parameters, none of them below its bound."""
    told, known_to = profile.probe
    lowest, highest = np.full(7, -np.inf), np.full(7, np.inf)
    lowest[[SLOPE, LAYER, VARIANCE]] = 0.0
    lowest[PROBE] = max(told - FARTHEST_PROBE * known_to, 1e-2 * profile.pixel)
    highest[PROBE] = told + FARTHEST_PROBE * known_to
    parameters = start.copy()
    typical = float(np.median(profile.thickness))
    scale = np.array([1, 1, 1, 1 / typical, 1, 1, profile.pixel]) * profile.pixel
    scale[[AMPLITUDE, OFFSET]] = max(abs(start[AMPLITUDE]), 1e-300)

    def residual(values: Floats) -> Floats:
        parameters[free] = values
        left = (profile.shape(parameters)[0] - profile.density) / profile.sd
        return np.append(left, (parameters[PROBE] - told) / known_to)

    def jacobian(values: Floats) -> Floats:
        parameters[free] = values
        rows = profile.shape(parameters)[1] / profile.sd[:, None]
        of_probe = np.zeros((1, 7))
        of_probe[0, PROBE] = 1 / known_to
        return np.asarray(np.concatenate([rows, of_probe])[:, free])

    begin = np.clip(start, lowest + 1e-3 * scale, highest - 1e-3 * scale)[free]
    found = least_squares(
        residual,
        begin,
        jacobian,
        bounds=(lowest[free], highest[free]),
        x_scale=scale[free],
        ftol=TOLERANCE,
        xtol=TOLERANCE,
        max_nfev=MOST_STEPS,
    )
    parameters[free] = found.x
    return Fit(parameters.copy(), 2 * float(found.cost))


class _Likelihood:
    """Chi-square with one parameter held and all others fitted, from the fit next to it."""

    def __init__(self, profile: Profile, which: int, fits: Sequence[Fit]) -> None:
        self.profile, self.which = profile, which
        self.known = [(float(f.parameters[which]), f) for f in fits]

    def __call__(self, value: float) -> float:
        _, near = min(self.known, key=lambda known: abs(known[0] - value))
        starts = [near.parameters]
        if self.profile.kind == "layer" and self.which == SLOPE:
            # What a boundary has less of slope a layer has more of thickness.
            other = near.parameters.copy()
            more = (near.slope - value) * float(np.median(self.profile.thickness))
            other[LAYER] = max(other[LAYER] + more, 0.0)
            starts.append(other)
        found = fit(self.profile, "both", starts, (self.which, value))
        self.known.append((value, found))
        return found.chi_square


def _range(profile: Profile, which: int, fits: Sequence[Fit]) -> tuple[float, float]:
    """Least and greatest value of a parameter with which the others can still fit as well.

    ``fits`` are local minima; those that are as good are all in the range.
    """
    limit = min(f.chi_square for f in fits) + IN_RANGE
    likelihood = _Likelihood(profile, which, fits)
    inside = [float(f.parameters[which]) for f in fits if f.chi_square <= limit]
    low, high = min(inside), max(inside)
    unit = profile.pixel**2
    if which == SLOPE:
        unit = profile.pixel / float(np.median(profile.thickness))

    def crossing(first: float, second: float) -> float:
        width = abs(second - first)
        return float(brentq(lambda v: likelihood(v) - limit, first, second, xtol=0.02 * width))

    if low > 0:
        outside = 0.0
        for value in np.linspace(0, low, STEPS_OF_SCAN, endpoint=False):
            if likelihood(value) <= limit:
                low = value
                break
            outside = value
        low = crossing(outside, low) if low > 0 else 0.0
    step = max(unit / 8, high / 32)
    for _ in range(MOST_DOUBLINGS):
        if likelihood(high + step) > limit:
            return low, crossing(high, high + step)
        high, step = high + step, 2 * step
    return low, float("inf")


def _near(profile: Profile, fitted: Fit) -> Mask:
    """Bins where the profile rises."""
    steep = np.abs(profile.shape(fitted.parameters)[1][:, PLACE])
    return np.asarray(steep > steep.max() * np.exp(-(NEAR**2) / 2))


def _difference(profile: Profile, fits: dict[Model, Fit]) -> float:
    """Mean square in units of noise by which a tilt and diffusion differ about the boundary."""
    near = _near(profile, fits["both"])
    first, second = (profile.shape(fits[m].parameters)[0] for m in ("tilt", "diffusion"))
    return float(np.mean(((first - second) / profile.sd)[near] ** 2))


def _misfit(profile: Profile, fitted: Fit) -> tuple[float, float]:
    """What is left about the boundary, over its noise, and how likely that is by chance."""
    near = _near(profile, fitted)
    left = ((profile.shape(fitted.parameters)[0] - profile.density) / profile.sd)[near]
    spare = len(left) - NUMBERS_FITTED
    if spare < 1:
        return 1.0, 1.0
    chi_square = float(np.sum(left**2))
    return float(np.sqrt(chi_square / spare)), float(chi2.sf(chi_square, spare))
