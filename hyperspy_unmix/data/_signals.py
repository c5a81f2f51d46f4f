"""Phantoms as HyperSpy signals, and the parameter file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal, Signal2D

Axis = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """What a phantom is made of.

    Attributes
    ----------
    spectra : BaseSignal
        One spectrum for each phase, navigation axis "Component", integral 1 over the energy axis.
        EELS: the edges after single scattering, seen through instrument response and detector
        point spread, without background. EDS: lines and bremsstrahlung at detector resolution.
    maps : Signal2D
        One map for each phase, navigation axis "Component", in recorded units:
        ``maps * spectra * channel width`` is the contribution of the phase. EELS: what would be
        recorded of electrons that lost energy to this edge alone, thus with the factor
        ``exp(-t/lambda)``; the noise-free recording above the background is that sum convolved
        with ``low loss / zero loss`` (both without instrument response).
    thickness : Signal2D or None
        t/lambda of every pixel (EELS).
    background : BaseSignal or None
        Expected recorded background of every pixel, plural scattering and drift included,
        float32 (EELS).
    names : tuple of str
        Names of the phases.
    parameters : dict
        Everything that was set or drawn: geometry, phase thicknesses in nm, dose, detector, drift
        in channels, seed; where it is known, the ``composition`` of each phase in atomic fractions
        (EDS, with the weight ``k_factors`` against Fe Ka, and the ceramic boundary).
    """

    spectra: BaseSignal
    maps: Signal2D
    thickness: Signal2D | None
    background: BaseSignal | None
    names: tuple[str, ...]
    parameters: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Phantom:
    """A spectrum image with known truth; unpacks into ``signal, low_loss, truth``.

    Attributes
    ----------
    signal : BaseSignal
        The recorded spectrum image, of type "EELS_unmix" or "EDS_TEM_unmix".
    low_loss : BaseSignal or None
        The low loss of the same scan, of type "EELS"; None for EDS.
    truth : Truth
        Noise-free truth.
    """

    signal: BaseSignal
    low_loss: BaseSignal | None
    truth: Truth

    def __iter__(self) -> Iterator[Any]:
        return iter((self.signal, self.low_loss, self.truth))


def atomic_fractions(atoms: Mapping[str, float]) -> dict[str, float]:
    """Share of each element, of its number of atoms in any unit."""
    total = sum(atoms.values())
    return {element: number / total for element, number in atoms.items()}


def read_parameters() -> dict[str, Any]:
    """Read the parameter file, ``parameters.toml``."""
    return deepcopy(_parameters())


@cache
def _parameters() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("parameters.toml").read_text("utf-8"))


def scan_axes(shape: tuple[int, int], step: float) -> list[Axis]:
    """Calibrated axes (y, x) of a scan in nm."""
    return [
        {"name": name, "size": size, "scale": step, "offset": 0.0, "units": "nm"}
        for name, size in zip("yx", shape, strict=True)
    ]


def energy_axis(name: str, size: int, start: float, step: float, units: str) -> Axis:
    """Calibrated energy axis."""
    return {"name": name, "size": size, "scale": step, "offset": start, "units": units}


def spectrum_image(
    data: NDArray[Any],
    scan: Sequence[Axis],
    energy: Axis,
    signal_type: str,
    title: str,
    metadata: Mapping[str, Any],
) -> BaseSignal:
    """Spectra of a scan, `data` of shape (ny, nx, n_channels)."""
    return _spectra(data, [*scan, energy], signal_type, title, metadata)


def component_spectra(
    data: NDArray[Any], energy: Axis, signal_type: str, title: str, metadata: Mapping[str, Any]
) -> BaseSignal:
    """Spectra of the phases, `data` of shape (n_phases, n_channels)."""
    axes = [{"name": "Component", "size": len(data)}, energy]
    return _spectra(data, axes, signal_type, title, metadata)


def component_maps(data: NDArray[Any], scan: Sequence[Axis], title: str) -> Signal2D:
    """Maps of the phases, `data` of shape (n_phases, ny, nx)."""
    return _image(data, [{"name": "Component", "size": len(data)}, *scan], title)


def scan_image(data: NDArray[Any], scan: Sequence[Axis], title: str) -> Signal2D:
    """One value for each pixel, `data` of shape (ny, nx)."""
    return _image(data, list(scan), title)


def tem_metadata(microscope: Mapping[str, float], elements: Sequence[str]) -> dict[str, Any]:
    """Metadata items of microscope and sample, by their paths in HyperSpy's tree."""
    paths = {
        "beam_energy": "",
        "convergence_angle": "",
        "collection_angle": "Detector.EELS.",
        "energy_resolution_MnKa": "Detector.EDS.",
    }
    items: dict[str, Any] = {
        f"Acquisition_instrument.TEM.{paths[key]}{key}": value
        for key, value in microscope.items()
        if key in paths
    }
    return items | {"Sample.elements": sorted(elements)}


def _spectra(
    data: NDArray[Any],
    axes: list[Axis],
    signal_type: str,
    title: str,
    metadata: Mapping[str, Any],
) -> BaseSignal:
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(np.ascontiguousarray(data), axes=axes)
    signal.set_signal_type(signal_type)
    for path, value in metadata.items():  # after the type, which brings defaults of its own
        signal.metadata.set_item(path, value)
    signal.metadata.General.title = title
    return signal


def _image(data: NDArray[Any], axes: list[Axis], title: str) -> Signal2D:
    import hyperspy.api as hs

    image = hs.signals.Signal2D(np.ascontiguousarray(data), axes=axes)
    image.metadata.General.title = title
    return image
