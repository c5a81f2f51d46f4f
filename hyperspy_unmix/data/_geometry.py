"""Thickness along the beam of every phase, on arrays; lengths in nm, angles in degrees."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]

_SIGMA = 1 / np.sqrt(8 * np.log(2))
_LEVELS = 32  # depths at which grains are looked up


def scan_positions(shape: tuple[int, int], step: float) -> tuple[Array, Array]:
    """Positions (y, x) of the pixels around the centre of the scan, shapes (ny, 1) and (1, nx)."""
    y, x = (step * (np.arange(n, dtype=float) - (n - 1) / 2) for n in shape)
    return y[:, None], x[None, :]


def wedge_film(shape: tuple[int, int], thickness: float, wedge: float) -> Array:
    """A film whose thickness grows from first to last row by `wedge` times its mean."""
    rows = np.linspace(-0.5, 0.5, shape[0]) if shape[0] > 1 else np.zeros(1)
    return np.broadcast_to(thickness * (1 + wedge * rows)[:, None], shape).copy()


def sphere_chord(y: Array, x: Array, radius: float) -> Array:
    """Length of the beam's path inside a sphere at the origin."""
    return 2 * np.sqrt(np.maximum(radius**2 - y**2 - x**2, 0))


def beyond_plane(x: Array, step: float, film: Array, inclination: float) -> Array:
    """Thickness of the film on the far side (large x) of a plane through x = 0 at mid-depth.

    Parameters
    ----------
    x : ndarray, shape (1, nx)
        Pixel centres.
    step : float
        Pixel width, over which the thickness is averaged.
    film : ndarray, shape (ny, nx)
        Thickness of the foil.
    inclination : float
        Angle between plane and beam. The thickness rises linearly over
        ``film * tan(inclination)``.
    """
    width: Array = np.maximum(film * np.tan(np.radians(inclination)), 1e-9)

    def area(at: Array) -> Array:  # antiderivative of the ramp from 0 to 1
        on_ramp = np.clip(at + width / 2, 0, width) ** 2 / (2 * width)
        covered: Array = on_ramp + np.maximum(at - width / 2, 0)
        return covered

    return film * (area(x + step / 2) - area(x - step / 2)) / step


def layers(
    x: Array, step: float, film: Array, interfaces: Sequence[float], inclination: float
) -> Array:
    """Thicknesses of phases that meet at parallel inclined planes, shape (n_phases, ny, nx).

    Parameters
    ----------
    x : ndarray, shape (1, nx)
        Pixel centres.
    step : float
        Pixel width.
    film : ndarray, shape (ny, nx)
        Thickness of the foil.
    interfaces : sequence of float
        Positions in x of the planes at mid-depth, ascending; one fewer than phases.
    inclination : float
        Angle between planes and beam.
    """
    beyond = [beyond_plane(x - at, step, film, inclination) for at in interfaces]
    return np.stack([a - b for a, b in pairwise([film, *beyond, np.zeros_like(film)])])


def grain_boundary(x: Array, step: float, film: Array, inclination: float, width: float) -> Array:
    """Thicknesses of grains and boundary layer, shape (2, ny, nx); both grains are one phase."""
    half = width / 2 / np.cos(np.radians(inclination))
    layer = beyond_plane(x + half, step, film, inclination)
    layer -= beyond_plane(x - half, step, film, inclination)
    layer = np.clip(layer, 0, film)  # a difference of equals leaves rounding of either sign
    return np.stack([film - layer, layer])


def core_shell(y: Array, x: Array, particles: Array) -> tuple[Array, Array]:
    """Thicknesses of cores and shells; `particles` has rows (y, x, core radius, shell radius)."""
    core, whole = np.zeros((2, y.size, x.size))
    for cy, cx, inner, outer in particles:
        core += sphere_chord(y - cy, x - cx, inner)
        whole += sphere_chord(y - cy, x - cx, outer)
    return core, whole - core


def embedded(y: Array, x: Array, film: Array, spheres: Array) -> Array:
    """Thicknesses of matrix and precipitates, which take the matrix's place, shape (2, ny, nx).

    `spheres` has rows (y, x, depth, radius), disjoint and inside the film; their depth does not
    matter.
    """
    inside = np.zeros(film.shape)
    for cy, cx, _, radius in spheres:
        inside += sphere_chord(y - cy, x - cx, radius)
    return np.stack([film - inside, inside])


def grains_in_projection(
    y: Array, x: Array, film: Array, centres: Array, phase: NDArray[np.int_], n_phases: int
) -> Array:
    """Thicknesses of the phases of a polycrystalline foil, shape (n_phases, ny, nx).

    Every point belongs to the grain whose centre is nearest (Voronoi), so boundaries are planes,
    inclined as the centres' depths have it. `centres` has rows (y, x, depth); `phase` is the
    phase of each.
    """
    thickness = np.zeros((n_phases, *film.shape))
    in_plane = (y - centres[:, 0, None, None]) ** 2 + (x - centres[:, 1, None, None]) ** 2
    for level in (np.arange(_LEVELS) + 0.5) / _LEVELS - 0.5:
        distance = in_plane + (level * film - centres[:, 2, None, None]) ** 2
        here = phase[distance.argmin(axis=0)]
        thickness += (here == np.arange(n_phases)[:, None, None]) * (film / _LEVELS)
    return thickness


def blur(maps: Array, step: float, probe: float) -> Array:
    """Average over a Gaussian probe of FWHM `probe`; `maps` has shape (n, ny, nx)."""
    sigma = probe * _SIGMA / step
    # Thicknesses are differences: rounding may leave them below zero.
    return np.stack([gaussian_filter(np.maximum(m, 0), sigma, mode="nearest") for m in maps])
