"""Where particles, precipitates and grains are drawn; lengths in nm."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DRAWS = 2000  # of particles, before they are said not to fit
_CANDIDATES = 20  # of a grain's centre


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

    def draw() -> tuple[float, ...] | None:
        inner = rng.uniform(*core_radius)
        outer = inner + rng.uniform(*shell_thickness)
        room = np.array(extent) / 2 - outer
        return None if (room < 0).any() else (*rng.uniform(-room, room), inner, outer)

    placed = _apart(n, draw, dimensions=2)
    if len(placed) < n:
        raise ValueError(
            f"{n} particles do not fit side by side into {extent[0]:g} x {extent[1]:g} nm "
            f"(placed {len(placed)}); ask for fewer particles or a shape nearer to square"
        )
    return placed


def place_embedded(
    extent: tuple[float, float],
    foil: float,
    n: int,
    radius: tuple[float, float],
    rng: np.random.Generator,
) -> Array:
    """Spheres at random in a foil: inside it, not touching; they may overlap in projection.

    Parameters
    ----------
    extent : tuple of float
        Height and width of the scan, which may cut spheres.
    foil : float
        Thickness of the foil where it is thinnest.
    n : int
        Number of spheres.
    radius : tuple of float
        Smallest and largest.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n, 4)
        Rows (y, x, depth, radius) around the centre of scan and foil.

    Raises
    ------
    ValueError
        If there is no room for them.
    """

    def draw() -> tuple[float, ...] | None:
        outer = rng.uniform(*radius)
        room = np.array([*extent, foil - 2 * outer]) / 2
        return None if room[2] < 0 else (*rng.uniform(-room, room), outer)

    placed = _apart(n, draw, dimensions=3)
    if len(placed) < n:
        raise ValueError(
            f"{n} particles of up to {2 * radius[1]:g} nm do not fit into a foil of "
            f"{extent[0]:g} x {extent[1]:g} nm that is {foil:g} nm where it is thinnest (placed "
            f"{len(placed)}); ask for fewer particles, more thickness or less wedge"
        )
    return placed


def place_grains(
    extent: tuple[float, float], n: int, depth: float, n_phases: int, rng: np.random.Generator
) -> tuple[Array, NDArray[np.int_]]:
    """Centres of grains that keep apart, and their phases, dealt out evenly.

    Returns
    -------
    centres : ndarray, shape (n, 3)
        Rows (y, x, depth) around the centre of scan and foil, depths within `depth`.
    phase : ndarray, shape (n,)
    """
    half = np.array(extent) / 2
    centres = rng.uniform(-half, half, (1, 2))
    while len(centres) < n:  # each the most remote of some candidates
        candidates = rng.uniform(-half, half, (_CANDIDATES, 2))
        gaps = np.linalg.norm(candidates[:, None] - centres, axis=2).min(axis=1)
        centres = np.vstack([centres, candidates[gaps.argmax()]])
    depths = rng.uniform(-depth / 2, depth / 2, (n, 1))
    return np.hstack([centres, depths]), rng.permutation(np.arange(n) % n_phases)


def _apart(n: int, draw: Callable[[], tuple[float, ...] | None], dimensions: int) -> Array:
    """Up to `n` of what `draw` gives, not touching: rows of centre, ..., outer radius."""
    placed: list[tuple[float, ...]] = []
    for _ in range(_DRAWS):
        if len(placed) == n:
            break
        new = draw()
        if new is not None and all(
            np.linalg.norm(np.subtract(new[:dimensions], old[:dimensions])) > new[-1] + old[-1]
            for old in placed
        ):
            placed.append(new)
    return np.array(placed).reshape(-1, 4)
