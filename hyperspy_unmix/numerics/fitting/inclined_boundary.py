"""The tilt of a boundary from how wide it looks in projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import least_squares

from hyperspy_unmix.numerics.types import Floats, Index

from . import projected_profile

Kind = Literal["phase", "layer"]

SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))  # of a Gaussian
# How the starts of the fit are chosen: all combinations are compared by some of the pixels.
DIRECTIONS_TRIED, PLACES_TRIED, WIDTHS_TRIED = 12, 9, 7
MARGIN_OF_DIRECTION = 0.15  # radians, tried on both sides of a direction that is given
MOST_PIXELS_TRIED = 1500
MOST_STARTS_REFINED = 5  # each of another direction
ALL_PIXELS = slice(None)


@dataclass(frozen=True)
class Projection:
    """A boundary fitted to a map of densities.

    ``slope`` is its width in projection over the thickness (tan of the inclination, if both are in
    the same unit), ``position`` its distance from the origin along ``direction`` (radians from the
    x axis), ``layer`` the width of a layer in projection (0 for a phase boundary), ``amplitude``
    and ``offset`` the densities, ``fitted`` (pixels,) the map that they make. ``covariance`` is
    that of (slope, position, direction, layer), ``scatter`` the standard deviation of what is left,
    in units of the ``sd`` given; ``f_statistic`` is how much the boundary takes out of the map's
    variance, in units of what noise lets it take.
    """

    slope: float
    position: float
    direction: float
    layer: float
    amplitude: float
    offset: float
    covariance: Floats
    scatter: float
    f_statistic: float
    fitted: Floats


@dataclass(frozen=True)
class _Map:
    """The pixels to which a boundary is fitted, and how it is recorded in them.

    ``x`` and ``y`` (pixels,) are counted from their middle, ``sigma`` is the standard deviation of
    the probe and ``pixel`` the width of a pixel. Parameters of a boundary are (slope, place, angle,
    layer), where ``place`` is its distance from the middle.
    """

    x: Floats
    y: Floats
    density: Floats
    sd: Floats
    thickness: Floats
    kind: Kind
    sigma: float
    pixel: float

    def shape(self, parameters: Floats, pixels: slice | Index = ALL_PIXELS) -> Floats:
        """Share of the thickness of the pixels that is beyond the boundary, or in the layer."""
        slope, place, angle, layer = parameters
        across = self.x[pixels] * np.cos(angle) + self.y[pixels] * np.sin(angle) - place
        width = abs(slope) * self.thickness[pixels]
        if self.kind == "phase":
            return ramp(across, width, self.sigma, self.pixel)
        half = abs(layer) / 2
        first = ramp(across + half, width, self.sigma, self.pixel)
        return first - ramp(across - half, width, self.sigma, self.pixel)

    def holds(self, parameters: Floats) -> bool:
        """Whether the middle of the boundary is among the pixels."""
        _, place, angle, _ = parameters
        across = self.x * np.cos(angle) + self.y * np.sin(angle)
        return bool(across.min() <= place <= across.max())

    def solve(
        self, parameters: Floats, pixels: slice | Index = ALL_PIXELS
    ) -> tuple[Floats, Floats]:
        """Amplitude and offset that fit best, and what they leave in units of ``sd``."""
        shape, sd = self.shape(parameters, pixels), self.sd[pixels]
        design = np.stack([shape, np.ones(len(shape))], axis=1) / sd[:, None]
        target = self.density[pixels] / sd
        amounts = np.linalg.lstsq(design, target, rcond=None)[0]
        return amounts, design @ amounts - target


def ramp(x: Floats, width: Floats, sigma: float, pixel: float) -> Floats:
    """Share of the thickness beyond an inclined plane, seen with probe and pixel.

    Rises linearly from 0 to 1 over ``width`` about zero; averaged over a Gaussian of standard
    deviation ``sigma`` and over a pixel.
    """
    return projected_profile.ramp(x, width, sigma**2, pixel).value


def fit_boundary(
    x: Floats,
    y: Floats,
    density: Floats,
    sd: Floats,
    thickness: Floats,
    kind: Kind,
    probe: float,
    pixel: float,
    direction: float | None = None,
    near: Projection | None = None,
) -> Projection:
    """Fit a plane (or a layer between two) that is inclined through a foil.

    Every pixel has its own thickness, so that a wedge needs no average. A phase boundary is a ramp
    between two densities, a layer the difference of two ramps; amplitude and offset are free, so
    that components need not be pure.

    Parameters
    ----------
    x, y : array, shape (pixels,)
        Where they are.
    density, sd : array, shape (pixels,)
        Component per thickness, and its relative standard deviation (any unit).
    thickness : array, shape (pixels,)
    kind : {"phase", "layer"}
    probe : float
        FWHM, in the unit of ``x``.
    pixel : float
        Width of a pixel.
    direction : float, optional
        Across the boundary, in radians from the x axis, about where to look; default everywhere.
    near : Projection, optional
        A fit to start from, in place of looking.

    Returns
    -------
    Projection
    """
    centre = np.array([x.mean(), y.mean()])
    density_map = _Map(
        x=x - centre[0],
        y=y - centre[1],
        density=density,
        sd=sd,
        thickness=thickness,
        kind=kind,
        sigma=probe * SIGMA_PER_FWHM,
        pixel=pixel,
    )
    if near is None:
        starts = _best_starts(density_map, direction)
    else:
        along = np.array([np.cos(near.direction), np.sin(near.direction)])
        place = near.position - float(centre @ along)
        starts = [np.array([near.slope, place, near.direction, near.layer])]
    fits = [_refine(density_map, start) for start in starts]
    # A boundary that is no plane may be fitted better by the thickness, with a plane far outside.
    inside = [fit for fit in fits if density_map.holds(fit.x)]
    best = min(inside or fits, key=lambda fit: float(fit.cost))
    return _projection(density_map, best.x, best.jac, centre)


def _best_starts(density_map: _Map, direction: float | None) -> list[Floats]:
    """The best start of each direction, for that of all may lead to a local minimum.

    Not of all directions: of those the worst starts of which are the least bad.
    """
    n = len(density_map.x)
    pixels = np.linspace(0, n - 1, min(MOST_PIXELS_TRIED, n)).astype(int)
    tried = _starts(density_map, direction)
    tried.sort(key=lambda start: float(np.sum(density_map.solve(start, pixels)[1] ** 2)))
    # A key keeps the place of the first value that it is given, and the last value: so directions
    # are ordered by their worst starts, and hold their best ones.
    best_of_direction = {start[2]: start for start in reversed(tried)}
    return list(best_of_direction.values())[::-1][:MOST_STARTS_REFINED]


def _starts(density_map: _Map, direction: float | None) -> list[Floats]:
    """Places, directions, slopes and layers from which the best is taken to start."""
    if direction is None:
        angles = np.arange(DIRECTIONS_TRIED) * np.pi / DIRECTIONS_TRIED
    else:
        angles = direction + np.array([-MARGIN_OF_DIRECTION, 0.0, MARGIN_OF_DIRECTION])
    x, y, pixel = density_map.x, density_map.y, density_map.pixel
    reach = float(np.hypot(np.ptp(x), np.ptp(y)))
    typical = float(np.median(density_map.thickness))
    layer = pixel if density_map.kind == "layer" else 0.0
    starts = []
    for angle in angles:
        across = x * np.cos(angle) + y * np.sin(angle)
        for place in np.linspace(across.min(), across.max(), PLACES_TRIED + 2)[1:-1]:
            for width in np.geomspace(pixel, reach, WIDTHS_TRIED):
                starts.append(np.array([width / typical, place, angle, layer]))
    return starts


def _refine(density_map: _Map, start: Floats) -> Any:
    """Least squares over all pixels, as scipy returns it."""
    pixel = density_map.pixel
    scale = np.array([max(start[0], 1e-3), pixel, 0.1, max(start[3], pixel)])
    return least_squares(lambda parameters: density_map.solve(parameters)[1], start, x_scale=scale)


def _projection(
    density_map: _Map, parameters: Floats, jacobian: Floats, centre: Floats
) -> Projection:
    """The fitted boundary, counted from the origin, with its errors and how well it is seen."""
    is_layer = density_map.kind == "layer"
    amounts, residual = density_map.solve(parameters)

    # Two more numbers are fitted than those of the boundary: amplitude and offset.
    n_free = 4 if is_layer else 3
    degrees_of_freedom = max(len(density_map.x) - n_free - 2, 1)
    scatter = float(np.sqrt(np.sum(residual**2) / degrees_of_freedom))
    jacobian = jacobian[:, :n_free]
    covariance = np.zeros((4, 4))
    covariance[:n_free, :n_free] = np.linalg.pinv(jacobian.T @ jacobian) * scatter**2

    # What the boundary takes out of a map that is otherwise the same everywhere.
    constant = 1 / density_map.sd[:, None]
    target = density_map.density / density_map.sd
    without = target - constant @ np.linalg.lstsq(constant, target, rcond=None)[0]
    taken_out = (np.sum(without**2) - np.sum(residual**2)) / (n_free + 1)

    slope, place, angle, layer = parameters
    along = np.array([np.cos(angle), np.sin(angle)])
    return Projection(
        slope=abs(float(slope)),
        position=float(place + centre @ along),
        direction=float(angle),
        layer=abs(float(layer)) if is_layer else 0.0,
        amplitude=float(amounts[0]),
        offset=float(amounts[1]),
        covariance=covariance,
        scatter=scatter,
        f_statistic=float(taken_out / max(scatter**2, 1e-300)),
        fitted=density_map.shape(parameters) * amounts[0] + amounts[1],
    )
