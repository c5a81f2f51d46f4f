"""Hard scenes of EDS, D1 to D8b: shared lines, few counts, absorption, particles on films."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from .hard_physics import SIDE, X_AXIS, Floats, Scene, bell, places, x_rays

PHASES = {
    "olivine": dict(O=0.42, Mg=0.25, Si=0.19, Fe=0.14),
    "pyroxene": dict(O=0.43, Mg=0.14, Si=0.25, Fe=0.09, Ca=0.09),
    "troilite": dict(Fe=0.635, S=0.365),
    "anorthite": dict(O=0.46, Al=0.19, Si=0.2, Ca=0.15),
    "magnetite": dict(Fe=0.72, O=0.28),
    "chromite": dict(Cr=0.46, Fe=0.25, O=0.29),
    "albite": dict(O=0.49, Na=0.09, Al=0.1, Si=0.32),
    "quartz": dict(Si=0.47, O=0.53),
    "apatite": dict(Ca=0.4, P=0.18, O=0.42),
    "kamacite": dict(Fe=0.94, Ni=0.06),
}
THREE = ("olivine", "troilite", "anorthite")
FIVE = ("olivine", "pyroxene", "magnetite", "anorthite", "quartz")
EIGHT = (*FIVE, "chromite", "apatite", "albite")
FILM = x_rays(dict(C=0.8, O=0.05, Cu=0.15), 1.5)


def of_phases(names: tuple[str, ...]) -> Floats:
    """Their spectra."""
    return np.array([x_rays(PHASES[name]) for name in names])


def grains(rng: np.random.Generator, phases: int, number: int = 40) -> Floats:
    """Grains side by side, a little blurred, shape (pixels, phases)."""
    centres = rng.uniform(0, SIDE, (number, 2))
    phase = np.concatenate([np.arange(phases), rng.integers(0, phases, number - phases)])
    y, x = np.mgrid[:SIDE, :SIDE]
    squares = (y[..., None] - centres[:, 0]) ** 2 + (x[..., None] - centres[:, 1]) ** 2
    nearest = phase[squares.argmin(-1)]
    return np.stack([gaussian_filter(1.0 * (nearest == i), 0.8).ravel() for i in range(phases)], 1)


def record(
    rng: np.random.Generator,
    maps: Floats,
    spectra: Floats,
    counts: float,
    change: Callable[[Floats], Floats] | None = None,
    extra: Floats | float = 0.0,
) -> Scene:
    """Poisson counts, so many of the phases in the mean pixel; ``change`` what happens to them."""
    maps = maps * counts / maps.sum(1).mean()
    mean = maps @ spectra
    mean = mean if change is None else change(mean)
    beside = np.zeros_like(mean) + extra
    mean = mean + beside
    return Scene(X_AXIS, spectra, maps, beside, mean, rng.poisson(mean), "EDS_TEM")


def with_film(maps: Floats, spectra: Floats, strength: float) -> tuple[Floats, Floats]:
    """Also a carbon film on copper, even."""
    return np.column_stack([maps, np.full(len(maps), strength)]), np.vstack([spectra, FILM])


def d1(rng):
    """Particles of three phases on a film, 60 counts a pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    maps = np.zeros((SIDE**2, 3))
    for i in range(24):
        (a, b), radius = rng.uniform(3, 45, 2), rng.uniform(3, 6)
        height = np.sqrt(np.maximum(radius**2 - (y - a) ** 2 - (x - b) ** 2, 0))
        maps[:, i % 3] += height.ravel() / 3
    return record(rng, *with_film(maps, of_phases(THREE), 0.6), 60)


def d2(rng):
    """Five phases that share elements, 20 counts a pixel."""
    return record(rng, grains(rng, 5), of_phases(FIVE), 20)


def d2b(rng):
    """The same five, 300 counts a pixel."""
    return record(rng, grains(rng, 5), of_phases(FIVE), 300)


def d3(rng):
    """Eight phases, 12 counts a pixel."""
    return record(rng, grains(rng, 8, 60), of_phases(EIGHT), 12)


def d3b(rng):
    """The same eight, 200 counts a pixel."""
    return record(rng, grains(rng, 8, 60), of_phases(EIGHT), 200)


def d4(rng):
    """Absorption in a wedge, ten times as thick at one end, 300 counts a pixel."""
    thickness = 0.2 + 1.8 * places()[0]
    depth = np.outer(thickness, 0.35 * np.maximum(X_AXIS, 0.15) ** -2.8)
    maps = grains(rng, 3) * thickness[:, None]
    return record(rng, maps, of_phases(THREE), 300, lambda m: m * -np.expm1(-depth) / depth)


def d5(rng):
    """Strobe, escape and sum peaks, 300 counts a pixel."""

    def artefacts(mean: Floats) -> Floats:
        escape, zero, n = 87, 10, len(X_AXIS)
        escaped = np.zeros_like(mean)
        escaped[:, :-escape] = 0.015 * mean[:, escape:]
        transform = np.fft.rfft(mean, 2048)
        sums = np.fft.irfft(transform * transform, 2048)[:, zero : zero + n]
        return mean + escaped + 1e-4 * sums

    maps = grains(rng, 3) * (0.3 + 1.4 * places()[0])[:, None]
    strobe = 60 * bell(X_AXIS, 0, 0.022) / bell(X_AXIS, 0, 0.022).sum()
    return record(rng, maps, of_phases(THREE), 300, artefacts, strobe)


def d6(rng):
    """Solid solution, 15 to 85 %, 100 counts a pixel."""
    share = 0.15 + 0.7 * places()[0]
    maps = np.stack([1 - share, share], 1)
    return record(rng, maps, of_phases(("magnetite", "chromite")), 100)


def d7(rng):
    """FeNi core, Fe3O4 shell, film, 150 counts a pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    maps = np.zeros((SIDE**2, 2))
    for _ in range(8):
        a, b = rng.uniform(8, 40, 2)
        square = (y - a) ** 2 + (x - b) ** 2
        whole, core = (2 * np.sqrt(np.maximum(r - square, 0)).ravel() for r in (49, 22))
        maps += np.stack([core, whole - core], 1) / 8
    return record(rng, *with_film(maps, of_phases(("kamacite", "magnetite")), 0.4), 150)


def d8(rng):
    """Stray bremsstrahlung that varies by itself, 5 counts a pixel."""
    x, y = places()
    maps = np.column_stack([grains(rng, 3), 0.1 + 0.9 * y * (0.5 + x)])
    return record(rng, maps, np.vstack([of_phases(THREE), x_rays({})]), 5)


def d8b(rng):
    """Three phases, 5 counts a pixel."""
    return record(rng, grains(rng, 3), of_phases(THREE), 5)


SCENES = (d1, d2, d2b, d3, d3b, d4, d5, d6, d7, d8, d8b)
