"""X-ray spectra of thin phases, on arrays: lines, detector resolution and bremsstrahlung."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ._signals import atomic_fractions

Array = NDArray[np.float64]
Energy = TypeVar("Energy", float, Array)
Lines = Mapping[str, Mapping[str, tuple[float, float]]]

_SIGMA = 1 / np.sqrt(8 * np.log(2))


def phase_spectra(names: list[str], parameters: Mapping[str, Any]) -> tuple[Array, list[str]]:
    """Counts per nm and channel of every phase, shape (n_phases, n_channels), and its elements."""
    axis = parameters["axis"]
    channels = axis["start"] + axis["dispersion"] * np.arange(axis["channels"])
    phases = [parameters["phases"][name] for name in names]
    elements = sorted({e for phase in phases for e in phase["weights"]})
    lines, atoms = line_database([*elements, "Fe"])
    spectra = [
        phase_spectrum(channels, axis["dispersion"], phase, parameters, lines, atoms)
        for phase in phases
    ]
    return np.stack(spectra), elements


def composition(weights: Mapping[str, float]) -> dict[str, float]:
    """Atomic fractions of weight fractions."""
    _, atoms = line_database(list(weights))
    return atomic_fractions({element: w / atoms[element][1] for element, w in weights.items()})


def line_database(elements: list[str]) -> tuple[Lines, dict[str, tuple[float, float]]]:
    """What eXSpy knows of the elements.

    Returns
    -------
    lines : dict
        For each element and X-ray line its energy in keV and its weight within its family.
    atoms : dict
        For each element its atomic number and weight.
    """
    from exspy.material import elements as database

    lines, atoms = {}, {}
    for element in elements:
        known = database[element].as_dictionary()
        lines[element] = {
            name: (line["energy (keV)"], line["weight"])
            for name, line in known["Atomic_properties"]["Xray_lines"].items()
        }
        general = known["General_properties"]
        atoms[element] = (general["Z"], general["atomic_weight"])
    return lines, atoms


def resolution(energy: Energy, microscope: Mapping[str, float]) -> Energy:
    """FWHM in keV of a line at `energy` in keV (Fiori and Newbury)."""
    at_mn_ka = microscope["energy_resolution_MnKa"] ** 2
    variance = at_mn_ka + microscope["fano_slope"] * (energy * 1e3 - microscope["MnKa"])
    fwhm: Energy = np.sqrt(variance) * 1e-3
    return fwhm


def line_shape(channels: Array, step: float, energy: float, fwhm: float) -> Array:
    """Share of a Gaussian line in every channel."""
    sigma = fwhm * _SIGMA
    share: Array = ndtr((channels + step / 2 - energy) / sigma) - ndtr(
        (channels - step / 2 - energy) / sigma
    )
    return share


def phase_spectrum(
    channels: Array,
    step: float,
    phase: Mapping[str, Any],
    parameters: Mapping[str, Any],
    lines: Lines,
    atoms: Mapping[str, tuple[float, float]],
) -> Array:
    """Counts per nm and channel of one phase, in units of the Fe Ka counts of 1 g/cm3 of Fe.

    Parameters
    ----------
    channels : ndarray, shape (n_channels,)
        Channel centres in keV.
    step : float
        Channel width in keV.
    phase : mapping
        With ``density`` (g/cm3) and ``weights`` (weight fractions of the elements).
    parameters : mapping
        With ``k_factors`` and ``microscope``, as in the parameter file.
    lines : mapping
        Result of `line_database`.
    atoms : mapping
        Atomic number and weight of every element.
    """
    microscope = parameters["microscope"]
    spectrum = np.zeros_like(channels)
    for key, k_factor in parameters["k_factors"].items():
        element, leader = key.split("_")
        fraction = phase["weights"].get(element, 0.0)
        for name, (energy, weight) in lines.get(element, {}).items():
            if fraction and name[0] == leader[0]:  # same family: K, L or M
                shape = line_shape(channels, step, energy, resolution(energy, microscope))
                spectrum += fraction / k_factor * weight * shape
    density: float = phase["density"]
    return density * (spectrum + bremsstrahlung(channels, step, phase, microscope, atoms))


def bremsstrahlung(
    channels: Array,
    step: float,
    phase: Mapping[str, Any],
    microscope: Mapping[str, float],
    atoms: Mapping[str, tuple[float, float]],
) -> Array:
    """Continuum counts per channel and g/cm3: Kramers, thin, Z^2 per atom, through the window."""
    energy = np.maximum(channels, step)
    shape = (1 - energy / microscope["beam_energy"]) / energy
    shape *= np.exp(-((microscope["window_cut"] / energy) ** 3))

    def stopping(weights: Mapping[str, float]) -> float:
        return sum(w * atoms[e][0] ** 2 / atoms[e][1] for e, w in weights.items())

    fe_ka = 6.4  # keV, where the peak-to-background ratio of pure iron is stated
    reference = (1 - fe_ka / microscope["beam_energy"]) / fe_ka * stopping({"Fe": 1.0})
    per_channel = step / 0.01 / microscope["peak_to_background"]
    return per_channel * shape * stopping(phase["weights"]) / reference
