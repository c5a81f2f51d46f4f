"""EELS and X-rays of the same specimen: the built-in EELS phantoms, and what their phases emit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix import data

Floats = NDArray[np.float64]
KEV = 0.01 * np.arange(1200)
LINES = {  # energy in keV, height
    "O": [(0.525, 1.0)],
    "Mg": [(1.254, 1.0)],
    "Si": [(1.740, 1.0), (1.837, 0.03)],
    "V": [(0.511, 0.6), (4.952, 1.0), (5.427, 0.13)],
    "Cr": [(0.573, 0.6), (5.415, 1.0), (5.947, 0.13)],
    "Mn": [(0.637, 0.65), (5.899, 1.0), (6.490, 0.13)],
    "Fe": [(0.705, 0.75), (6.404, 1.0), (7.058, 0.13)],
    "Au": [(2.123, 1.0), (2.205, 0.6), (9.713, 0.6), (11.442, 0.4)],
}
PHASES = {  # density in g/cm3, mass fractions
    "Fe3O4": (5.2, {"Fe": 0.72, "O": 0.28}),
    "MnO": (5.4, {"Mn": 0.77, "O": 0.23}),
    "SiO2": (2.2, {"Si": 0.47, "O": 0.53}),
    "MgO": (3.6, {"Mg": 0.60, "O": 0.40}),
    "MgFe2O4": (4.5, {"Mg": 0.12, "Fe": 0.56, "O": 0.32}),
    "V2O3": (4.9, {"V": 0.68, "O": 0.32}),
    "Cr2O3": (5.2, {"Cr": 0.68, "O": 0.32}),
    "Fe2O3": (5.2, {"Fe": 0.70, "O": 0.30}),
    "Au": (19.3, {"Au": 1.0}),
}


@dataclass(frozen=True)
class Pair:
    """What two detectors saw of one scan, and the truth.

    ``eels`` and ``low_loss``, ``x_rays`` are signals. True spectra, each (phases, channels), are on
    the axes ``energies`` and `KEV`; phases that EELS does not see come last, and have none there.
    """

    eels: Any
    low_loss: Any
    x_rays: Any
    energies: Floats
    true_eels: Floats
    true_x_rays: Floats


def emitted(phase: str) -> Floats:
    """X-rays of a phase for each nm of it: lines at the detector's resolution, bremsstrahlung."""
    density, composition = PHASES[phase]
    energy = np.maximum(KEV, 0.05)
    spectrum = 5e-5 * (20 / energy - 0.2) * np.exp(-((0.25 / energy) ** 3))
    for element, fraction in composition.items():
        for centre, height in LINES[element]:
            sd = np.sqrt(max(0.002, 0.13**2 + 0.0025 * (centre - 5.9))) / 2.355
            line = np.exp(-0.5 * ((KEV - centre) / sd) ** 2) * 0.01 / (sd * np.sqrt(2 * np.pi))
            spectrum = spectrum + fraction * height * line
    return density * spectrum


def pair(
    phantom: Callable[..., Any],
    pixels: int,
    counts: float,
    x_ray_counts: float,
    seed: int,
    gold: bool = False,
) -> Pair:
    """EELS of a phantom with so many counts a pixel, and the X-rays of its phases.

    ``gold`` puts small particles of gold on it, which have no edge in the core loss.
    """
    import hyperspy.api as hs

    made = phantom((pixels, pixels), counts=counts, seed=seed)
    truth, names = made.truth, list(made.truth.names)
    rng = np.random.default_rng(seed + 1000)
    thickness = np.moveaxis(truth.parameters["phase_thickness"], 0, -1)
    if gold:
        y, x = np.mgrid[:pixels, :pixels]
        centres = rng.uniform(0, pixels, (6, 2))
        heights = [np.clip(4 - (y - a) ** 2 - (x - b) ** 2, 0, None) for a, b in centres]
        thickness = np.concatenate([thickness, 2 * np.sqrt(sum(heights))[..., None]], -1)
        names.append("Au")
    spectra = np.array([emitted(name) for name in names])
    expected = thickness @ spectra
    expected *= x_ray_counts / expected.sum(-1).mean()
    x_rays = hs.signals.Signal1D(rng.poisson(expected).astype(np.uint16))
    axis = x_rays.axes_manager.signal_axes[0]
    axis.name, axis.units, axis.scale = "X-ray energy", "keV", KEV[1]
    x_rays.set_signal_type("EDS_TEM_unmix")
    energies = truth.spectra.axes_manager.signal_axes[0].axis
    return Pair(made.signal, made.low_loss, x_rays, energies, truth.spectra.data, spectra)


def core_shell(seed: int, counts: float, x_ray_counts: float) -> Pair:
    """Magnetite in manganosite on silica."""
    return pair(data.core_shell, 32, counts, x_ray_counts, seed)


def precipitates(seed: int, counts: float, x_ray_counts: float) -> Pair:
    """Magnesioferrite in magnesia."""
    return pair(data.precipitates, 32, counts, x_ray_counts, seed)


def sphere(seed: int, counts: float, x_ray_counts: float) -> Pair:
    """A magnetite sphere on silica."""
    return pair(data.sphere_on_substrate, 32, counts, x_ray_counts, seed)


def three_oxides(seed: int, counts: float, x_ray_counts: float) -> Pair:
    """Grains of three oxides."""
    return pair(data.three_oxides, 32, counts, x_ray_counts, seed)


def gold_on_sphere(seed: int, counts: float, x_ray_counts: float) -> Pair:
    """The sphere on silica with particles of gold, which X-rays alone show."""
    return pair(data.sphere_on_substrate, 32, counts, x_ray_counts, seed, gold=True)
