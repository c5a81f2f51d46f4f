"""Thickness along the beam of every phase, on arrays; lengths in nm, angles in degrees."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]

_SIGMA = 1 / np.sqrt(8 * np.log(2))


def scan_positions(shape: tuple[int, int], step: float) -> tuple[Array, Array]:
    """Positions (y, x) of the pixels around the centre of the scan, shapes (ny, 1) and (1, nx)."""
    y, x = (step * (np.arange(n) - (n - 1) / 2) for n in shape)
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
    width = np.maximum(film * np.tan(np.radians(inclination)), 1e-9)

    def area(at: Array) -> Array:  # antiderivative of the ramp from 0 to 1
        return np.clip(at + width / 2, 0, width) ** 2 / (2 * width) + np.maximum(at - width / 2, 0)

    return film * (area(x + step / 2) - area(x - step / 2)) / step


def phase_boundary(x: Array, step: float, film: Array, inclination: float) -> Array:
    """Thicknesses of two phases that meet at an inclined plane, shape (2, ny, nx)."""
    right = beyond_plane(x, step, film, inclination)
    return np.stack([film - right, right])


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


def place_particles(
    extent: tuple[float, float],
    n: int,
    core_radius: tuple[float, float],
    shell_thickness: tuple[float, float],
    rng: np.random.Generator,
) -> Array:
    """Particles that neither touch each other nor leave the scan.

    Returns
    -------
    ndarray, shape (n, 4)
        Rows (y, x, core radius, shell radius) around the centre of the scan.

    Raises
    ------
    ValueError
        If there is no room for them.
    """
    placed: list[tuple[float, float, float, float]] = []
    for _ in range(2000):
        if len(placed) == n:
            break
        inner = rng.uniform(*core_radius)
        outer = inner + rng.uniform(*shell_thickness)
        room = np.array(extent) / 2 - outer
        if (room < 0).any():
            continue
        y, x = rng.uniform(-room, room)
        if all(np.hypot(y - py, x - px) > outer + r for py, px, _, r in placed):
            placed.append((y, x, inner, outer))
    if len(placed) < n:
        raise ValueError(
            f"{n} particles do not fit side by side into {extent[0]:g} x {extent[1]:g} nm "
            f"(placed {len(placed)}); ask for fewer particles or a shape nearer to square"
        )
    return np.array(placed).reshape(-1, 4)


def blur(maps: Array, step: float, probe: float) -> Array:
    """Average over a Gaussian probe of FWHM `probe`; `maps` has shape (n, ny, nx)."""
    sigma = probe * _SIGMA / step
    # thicknesses are differences: rounding may leave them below zero
    return np.stack([gaussian_filter(np.maximum(m, 0), sigma, mode="nearest") for m in maps])
