"""A boundary that is not straight: its trace, and its profile about that."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .boundary_profile import AMPLITUDE, OFFSET, PLACE, Profile, profile_of
from .inclined_boundary import Kind, Projection
from .tilt_or_diffusion import Comparison, Model, compare, fit, starts_of

FEWEST_KNOTS, LEAST_SPACING = 2, 2.0  # of the trace; pixels between its knots
LEAST_WAVINESS = 0.1  # pixels: less is an error of the map, and widens nothing
SETTLED = 0.05  # pixels by which a trace no longer changes
ROUNDS, STEPS = 4, 6  # widths and trace in turn, and Gauss-Newton steps of the trace
NEGLIGIBLE = 1e-3  # of the steepest slope: pixels that do not tell where the boundary is


@dataclass(frozen=True)
class Straightened:
    """A boundary's profile across its own trace.

    ``across`` (pixels,) are the distances from the trace, ``waviness`` is the standard deviation of
    the trace about a straight line (0 where none is seen), ``turned`` the share by which that
    stretches the profile. ``comparison`` is what explains the profile, ``pixels`` what it is of.
    """

    across: Floats
    waviness: float
    turned: float
    comparison: Comparison
    pixels: Profile

    def step_of_thickness(self) -> float:
        """By how much the logarithm of the thickness changes at the boundary, beside any wedge."""
        pixels, parameters = self.pixels, self.comparison.fits["both"].parameters
        share = (self.shape("both") - parameters[OFFSET]) / (parameters[AMPLITUDE] or 1.0)
        design = np.stack([np.ones(len(share)), pixels.across, share], axis=1)
        return float(np.linalg.lstsq(design, np.log(pixels.thickness), rcond=None)[0][2])

    def shape(self, model: Model) -> Floats:
        """What a model makes of each pixel, shape (pixels,)."""
        return self.pixels.shape(self.comparison.fits[model].parameters)[0]


def straighten(
    x: Floats,
    y: Floats,
    density: Floats,
    sd: Floats,
    thickness: Floats,
    boundary: Projection,
    kind: Kind,
    pixel: float,
    probe: tuple[float, float],
    added: float = 0.0,
) -> Straightened:
    """Follow a boundary's trace, and tell tilt from diffusion by the profile across it.

    Waviness in the plane of the map would widen the mean profile as diffusion does. The trace is
    linear between knots, as many as the criterion of Schwarz allows, and fitted in turn with the
    widths.

    Parameters
    ----------
    x, y, density, sd, thickness : array, shape (pixels,)
        As for `fit_boundary`.
    boundary : Projection
        Fitted to them.
    kind : {"phase", "layer"}
    pixel : float
    probe : (float, float)
        FWHM and its standard deviation.
    added : float
        Variance that the foil adds to the probe's.

    Returns
    -------
    Straightened

    References
    ----------
    G. Schwarz, Ann. Stat. 6 (1978) 461, https://doi.org/10.1214/aos/1176344136
    """
    cosine, sine = np.cos(boundary.direction), np.sin(boundary.direction)
    across, along = x * cosine + y * sine - boundary.position, y * cosine - x * sine
    trace: Floats = np.zeros(len(x))
    told = (kind, pixel, probe, added)
    binned = profile_of(across, density, sd, thickness, *told)
    starts = starts_of(binned, boundary.slope, boundary.layer, boundary.amplitude)
    for _ in range(ROUNDS):
        binned = profile_of(across - trace, density, sd, thickness, *told)
        fitted = fit(binned, "both", starts).parameters
        pixels = Profile(across, np.zeros(len(x)), density, sd, thickness, *told)
        scatter = _scatter(pixels, trace, fitted)
        sd, followed = sd * scatter, _follow(pixels, along, trace, fitted, scatter)
        is_settled = np.ptp(followed - trace) < SETTLED * pixel
        trace = followed
        if is_settled:
            break
    binned = profile_of(across - trace, density, sd, thickness, *told)
    compared = compare(binned, [fitted, *starts])
    bend = trace - _line(along, trace)
    bend = np.where(np.abs(bend) < 1e-9 * pixel, 0.0, bend)
    pixels = replace(pixels, across=across - trace)
    turned = _turned(along, bend, pixels.across, pixel)
    return Straightened(pixels.across, float(bend.std()), turned, compared, pixels)


def _scatter(pixels: Profile, trace: Floats, parameters: Floats) -> float:
    """Standard deviation of what a fit leaves in the pixels, in units of theirs."""
    shape = replace(pixels, across=pixels.across - trace).shape(parameters)[0]
    return float(np.sqrt(np.mean(((pixels.density - shape) / pixels.sd) ** 2)))


def _follow(
    pixels: Profile, along: Floats, trace: Floats, parameters: Floats, scatter: float
) -> Floats:
    """The trace of the boundary (pixels,), a straight line where that is as good."""
    steep = replace(pixels, across=pixels.across - trace).shape(parameters)[1][:, PLACE]
    steep = np.abs(steep / pixels.sd)
    near = steep > NEGLIGIBLE * steep.max()
    here = replace(
        pixels,
        across=pixels.across[near],
        spread=pixels.spread[near],
        density=pixels.density[near],
        sd=pixels.sd[near] * scatter,
        thickness=pixels.thickness[near],
    )
    length, penalty = float(np.ptp(along)), float(np.log(near.sum()))
    bend = LEAST_WAVINESS * pixels.pixel
    best, least, at, knots = trace, np.inf, trace[near], FEWEST_KNOTS
    while knots == FEWEST_KNOTS or length / (knots - 1) >= LEAST_SPACING * pixels.pixel:
        hats = _hats(along, knots)
        at, heights = _gauss_newton(here, hats[near], at, parameters)
        criterion = _chi_square(here, at, parameters) + knots * penalty
        is_seen = knots == FEWEST_KNOTS or np.std(at - _line(along[near], at)) > bend
        if criterion < least and is_seen:
            best, least = hats @ heights, criterion
        knots = 2 * knots - 1
    return best


def _gauss_newton(
    here: Profile, hats: Floats, at: Floats, parameters: Floats
) -> tuple[Floats, Floats]:
    """Trace in the pixels, and its heights at the knots; a step is half a profile at most."""
    heights = np.linalg.lstsq(hats, at, rcond=None)[0]
    ridge = 1e-6 * np.eye(hats.shape[1])
    for _ in range(STEPS):
        shape, derivatives = replace(here, across=here.across - hats @ heights).shape(parameters)
        design = hats * (derivatives[:, PLACE] / here.sd)[:, None]
        square = design.T @ design
        left = design.T @ ((here.density - shape) / here.sd)
        heights = heights + np.linalg.solve(square + np.trace(square) * ridge, left)
    return hats @ heights, heights


def _chi_square(here: Profile, trace: Floats, parameters: Floats) -> float:
    shape = replace(here, across=here.across - trace).shape(parameters)[0]
    return float(np.sum(((here.density - shape) / here.sd) ** 2))


def _turned(along: Floats, bend: Floats, beside: Floats, pixel: float) -> float:
    """Share by which a profile is stretched where the trace is turned, in the mean along it.

    By one over the cosine of the angle; of pixels that are beside the boundary, for the trace is
    known only there.
    """
    near = np.abs(beside) < max(2 * pixel, float(np.quantile(np.abs(beside), 0.1)))
    place = np.rint((along[near] - along[near].min()) / (LEAST_SPACING * pixel)).astype(int)
    groups, place = np.unique(place, return_inverse=True)
    if len(groups) < 3:
        return 0.0
    count = np.bincount(place)
    slope = np.gradient(
        np.bincount(place, bend[near]) / count, np.bincount(place, along[near]) / count
    )
    return float(1 - np.mean(1 / np.sqrt(1 + slope**2)))


def _line(along: Floats, trace: Floats) -> Floats:
    return np.asarray(np.polynomial.Polynomial.fit(along, trace, 1)(along))


def _hats(along: Floats, knots: int) -> Floats:
    """Linear interpolation between knots that are spread evenly, shape (pixels, knots)."""
    place = (along - along.min()) / np.ptp(along) * (knots - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(knots))))
