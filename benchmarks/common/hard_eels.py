"""How the hard scenes of EELS are recorded: phases, plural scattering, drifts, detectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import convolve1d

from .hard_physics import (
    ABOVE,
    BACKGROUND,
    BELOW,
    EDGE,
    LENGTH,
    LOW_CHANNELS,
    LOW_START,
    SIDE,
    STEP,
    Floats,
    Scene,
    k_edge,
    l_edge,
    losses,
    plasmon,
    power_law,
    recorded,
    shifted,
    zero_loss,
)

POINT_SPREAD = np.array([0.02, 0.06, 0.18, 0.48, 0.18, 0.06, 0.02])
DISTRIBUTIONS = (
    plasmon(22, 9, ((33, 4, 0.2),)),
    plasmon(25, 14, ((12, 3, 0.15),)),
    plasmon(24, 11, ((15, 3, 0.1),)),
)


def iron_oxide(e: Floats, shift: float = 0.0, oxygen: float = 1.0) -> Floats:
    """O-K and Fe-L2,3."""
    of_oxygen = k_edge(e, 532, 26 * oxygen, [(-1.5, 2, 0.5), (8, 4, 0.9)], 1.95, 0.4)
    return of_oxygen + l_edge(e, 708, 26, 13, (2.2, 1.1), shift)


def manganese_oxide(e: Floats) -> Floats:
    """O-K and Mn-L2,3."""
    of_oxygen = k_edge(e, 532, 23, [(3, 3, 0.8), (14, 6, 0.5)], 2.2, 1.0)
    return of_oxygen + l_edge(e, 640, 43, 11, (2.4, 1.0))


def chromium_oxide(e: Floats) -> Floats:
    """O-K and Cr-L2,3."""
    of_oxygen = k_edge(e, 532, 28, [(1, 2.5, 0.7), (9, 4, 0.7)], 2.0, 2.0)
    return of_oxygen + l_edge(e, 574, 46, 9, (1.8, 1.2))


def silica(e: Floats) -> Floats:
    """O-K."""
    return k_edge(e, 532, 34, [(5, 4, 0.8)], 1.6, 2.0)


OXIDES = (iron_oxide, manganese_oxide, chromium_oxide)
NAMES = ("O", "Fe", "Mn", "Cr")


def record(
    rng: np.random.Generator,
    thickness: Floats,
    edges: tuple[Callable[[Floats], Floats], ...],
    *,
    start: float = 420.0,
    channels: int = 560,
    elements: tuple[str, ...] = NAMES,
    core: Floats | None = None,
    laws: tuple[Any, ...] | None = None,
    distributions: tuple[Floats, ...] = DISTRIBUTIONS,
    surface: tuple[Floats, Floats] | None = None,
    beam: Any = 1.0,
    intensity: float = 2e5,
    shift: Any = None,
    low_shift: Any = None,
    low_from: Any = None,
    detector: Callable[[Floats, np.random.Generator], Any] | None = None,
    spread: Floats | None = None,
) -> Scene:
    """One measurement of phases of ``thickness`` (pixels, phases) in mean free paths.

    ``core`` is what the core losses see of it, where channeling makes that another; ``laws`` the
    backgrounds, ``surface`` a distribution and its strength, ``low_from`` the pixel whose low loss
    each gets.
    """
    phases = thickness.shape[1]
    energy = start - BELOW + STEP * np.arange(2 * (BELOW + channels + ABOVE))
    single = EDGE * np.array([edge(energy) for edge in edges])
    law = laws or (lambda e: power_law(e, 2.9),) * phases
    tails = BACKGROUND * np.array([one(energy) for one in law])
    exponent = thickness @ np.fft.rfft(np.array(distributions[:phases]))
    total = thickness.sum(1)
    if surface is not None:
        exponent = exponent + np.outer(surface[1], np.fft.rfft(surface[0]))
        total = total + surface[1]
    kernels = np.exp(exponent)
    current = intensity * np.exp(-total) * beam
    maps = (thickness if core is None else core) * current[:, None]
    response = zero_loss()

    def scattered(sources: Floats) -> Floats:
        transform = (maps @ np.fft.rfft(sources, LENGTH)) * kernels * response * shifted(shift)
        values = np.fft.irfft(transform, LENGTH)
        return np.maximum(recorded(values, energy[0], start, channels), 0)

    background = scattered(tails)
    mean = scattered(single) + background
    peak = np.fft.irfft(kernels * response * shifted(low_shift), LENGTH)
    low = np.maximum(recorded(peak, losses()[0], LOW_START, LOW_CHANNELS), 0) * 0.4
    low = low * current[:, None]
    low = low if low_from is None else low[low_from]
    spectra = recorded(
        np.fft.irfft(np.fft.rfft(single, LENGTH) * response, LENGTH), energy[0], start, channels
    )
    if spread is not None:
        spectra = convolve1d(spectra, spread, axis=1, mode="nearest")
    data = rng.poisson(mean) if detector is None else detector(mean, rng)
    axis = start + np.arange(float(channels))
    scene = Scene(axis, spectra, maps, background, mean, data, "EELS", elements=elements)
    scene.low_loss, scene.kernels = rng.poisson(low), kernels * shifted(shift)
    scene.window = (start + 30, 525.0) if start > 300 else (start + 5, 278.0)
    return scene


def ccd(mean: Floats, rng: np.random.Generator, pattern: float = 0.015) -> Any:
    """Gain 1.7, point spread, read noise 3, a fixed pattern."""
    gain = 1 + pattern * np.random.default_rng(5).standard_normal(mean.shape[1])
    spread = convolve1d(rng.poisson(mean * gain) * 1.7, POINT_SPREAD, axis=1, mode="nearest")
    return np.rint(spread + rng.normal(0, 3, mean.shape)).astype(np.int32)


def in_counts(scene: Scene) -> Scene:
    """Maps in the unit that the camera gives."""
    scene.maps, scene.background = 1.7 * scene.maps, 1.7 * scene.background
    return scene


def time_() -> Floats:
    """Of every pixel, from zero to one along the scan."""
    return np.arange(SIDE**2) / SIDE**2
