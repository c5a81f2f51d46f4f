"""The tilt of a boundary from how wide it looks in projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from hyperspy_unmix.numerics.types import Floats

Kind = Literal["phase", "layer"]

SIGMA = 1 / np.sqrt(8 * np.log(2))  # standard deviation of a Gaussian of FWHM 1
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(4)  # across a pixel
DIRECTIONS, PLACES, SLOPES = 12, 9, 7  # tried before the fit
MOST_PIXELS = 1500  # looked at then
REFINED = 5  # of the directions tried


@dataclass(frozen=True)
class Projection:
    """A boundary fitted to a map of densities.

    ``slope`` is its width in projection over the thickness (tan of the inclination, if both are in
    the same unit), ``position`` its distance from the origin along ``direction`` (radians from the
    x axis), ``layer`` the width of a layer in projection (0 for a phase boundary), ``amplitude``
    and ``offset`` the densities. ``covariance`` is that of (slope, position, direction, layer),
    ``scatter`` the standard deviation of what is left, in units of the ``sd`` given; ``seen`` is
    how much the boundary takes out of the map's variance, in units of what noise lets it take.
    """

    slope: float
    position: float
    direction: float
    layer: float
    amplitude: float
    offset: float
    covariance: Floats
    scatter: float
    seen: float
    fitted: Floats


def ramp(x: Floats, width: Floats, sigma: float, pixel: float) -> Floats:
    """Share of the thickness beyond an inclined plane, seen with probe and pixel.

    Rises linearly from 0 to 1 over ``width`` about zero; averaged over a Gaussian of standard
    deviation ``sigma`` and over a pixel.
    """
    width = np.maximum(width, 1e-6 * max(pixel, sigma))
    found = np.zeros(np.broadcast(x, width).shape)
    for point, weight in zip(POINTS, WEIGHTS, strict=True):
        at = x + point * pixel / 2
        rise = _integral(at + width / 2, sigma) - _integral(at - width / 2, sigma)
        found += weight / 2 * rise / width
    return found


def _integral(x: Floats, sigma: float) -> Floats:
    """Antiderivative of the normal distribution."""
    sigma = max(sigma, 1e-9)
    normal = np.exp(-0.5 * (x / sigma) ** 2) / np.sqrt(2 * np.pi)
    return np.asarray(x * ndtr(x / sigma) + sigma * normal)


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
    """
    sigma = probe * SIGMA
    centre = np.array([x.mean(), y.mean()])
    x, y = x - centre[0], y - centre[1]

    def shape(p: Floats, some: slice | Floats = slice(None)) -> Floats:
        slope, place, angle, layer = p
        across = x[some] * np.cos(angle) + y[some] * np.sin(angle) - place
        width = abs(slope) * thickness[some]
        if kind == "phase":
            return ramp(across, width, sigma, pixel)
        half = abs(layer) / 2
        first = ramp(across + half, width, sigma, pixel)
        return first - ramp(across - half, width, sigma, pixel)

    beside = np.ones((len(x), 1))

    def solved(p: Floats, some: slice | Floats = slice(None)) -> tuple[Floats, Floats]:
        design = np.insert(beside[some], 0, shape(p, some), axis=1) / sd[some, None]
        amounts = np.linalg.lstsq(design, density[some] / sd[some], rcond=None)[0]
        return amounts, design @ amounts - density[some] / sd[some]

    some = np.linspace(0, len(x) - 1, min(MOST_PIXELS, len(x))).astype(int)
    if near is None:
        tried = _starts(x, y, thickness, kind, pixel, direction)
        tried.sort(key=lambda p: float(np.sum(solved(p, some)[1] ** 2)))
        # the best of every direction: the best of all may lead to a minimum that is not the least
        starts = list({p[2]: p for p in reversed(tried)}.values())[::-1][:REFINED]
    else:
        along = np.array([np.cos(near.direction), np.sin(near.direction)])
        place = near.position - float(centre @ along)
        starts = [np.array([near.slope, place, near.direction, near.layer])]

    def refined(p: Floats) -> Any:
        scale = np.array([max(p[0], 1e-3), pixel, 0.1, max(p[3], pixel)])
        return least_squares(lambda q: solved(q)[1], p, x_scale=scale)

    found = min((refined(p) for p in starts), key=lambda fit: float(fit.cost))
    amounts, rest = solved(found.x)
    free = 4 if kind == "layer" else 3
    left = max(len(x) - free - 2, 1)
    scatter = float(np.sqrt(np.sum(rest**2) / left))
    jacobian = found.jac[:, :free]
    covariance = np.zeros((4, 4))
    covariance[:free, :free] = np.linalg.pinv(jacobian.T @ jacobian) * scatter**2
    plain, target = beside / sd[:, None], density / sd
    without = target - plain @ np.linalg.lstsq(plain, target, rcond=None)[0]
    taken = (np.sum(without**2) - np.sum(rest**2)) / (free + 1)
    slope, place, angle, layer = found.x
    along = np.array([np.cos(angle), np.sin(angle)])
    return Projection(
        abs(float(slope)),
        float(place + centre @ along),
        float(angle),
        abs(float(layer)) if kind == "layer" else 0.0,
        float(amounts[0]),
        float(amounts[1]),
        covariance,
        scatter,
        float(taken / max(scatter**2, 1e-300)),
        shape(found.x) * amounts[0] + beside @ amounts[1:],
    )


def _starts(
    x: Floats, y: Floats, thickness: Floats, kind: Kind, pixel: float, direction: float | None
) -> list[Floats]:
    """Places, directions, slopes and layers from which the best is taken to start."""
    if direction is None:
        angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    else:
        angles = direction + np.array([-0.15, 0.0, 0.15])
    reach = float(np.hypot(np.ptp(x), np.ptp(y)))
    typical = float(np.median(thickness))
    starts = []
    for angle in angles:
        across = x * np.cos(angle) + y * np.sin(angle)
        for place in np.linspace(across.min(), across.max(), PLACES + 2)[1:-1]:
            for width in np.geomspace(pixel, reach, SLOPES):
                layer = pixel if kind == "layer" else 0.0
                starts.append(np.array([width / typical, place, angle, layer]))
    return starts
