"""What eXSpy knows of a signal's elements: where their edges and X-ray lines are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .metadata import EV, base_type

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

STRONGEST = {"Ka": "Kα", "La": "Lα", "Ma": "Mα"}


def onsets(signal: BaseSignal, *, weak: bool = False) -> dict[str, float]:
    """Energies of the major edges of an EELS signal's elements, in the units of its axis.

    ``weak`` tells whether minor ones are among them.
    """
    return {
        f"{element}-{name}": float(edge["onset_energy (eV)"]) / _unit(signal)
        for element, properties in _elements(signal)
        for name, edge in properties.get("Binding_energies", {}).items()
        if weak or edge.get("relevance") == "Major"
    }


def lines(signal: BaseSignal) -> dict[str, float]:
    """Energies of the strongest X-ray lines of an EDS signal's elements, in units of its axis."""
    return {
        f"{element} {shown}": 1e3
        * float(properties["Xray_lines"][name]["energy (keV)"])
        / _unit(signal)
        for element, properties in _elements(signal)
        for name, shown in STRONGEST.items()
        if name in properties.get("Xray_lines", {})
    }


def features(signal: BaseSignal) -> dict[str, float]:
    """Where something is to be expected in a signal's spectra: shells of EELS, lines of EDS."""
    kind = base_type(signal)
    if kind.startswith("EDS"):
        return lines(signal)
    if kind != "EELS":
        return {}
    lowest: dict[str, float] = {}
    for name, energy in sorted(onsets(signal).items(), key=lambda item: item[1]):
        # L3 and L2 as L
        lowest.setdefault(name[: name.index("-") + 2], energy)
    return lowest


def _unit(signal: BaseSignal) -> float:
    """One unit of the signal axis in eV."""
    return EV.get(str(signal.axes_manager.signal_axes[0].units), 1.0)


def _elements(signal: BaseSignal) -> Iterator[tuple[str, dict[str, Any]]]:
    """Elements in the metadata that eXSpy knows, and their atomic properties."""
    from exspy.material import elements as database

    elements = signal.metadata.get_item("Sample.elements", default=None)
    for element in () if elements is None else elements:
        try:
            properties = database[str(element)]["Atomic_properties"]
        except (KeyError, AttributeError):
            continue
        yield str(element), properties.as_dictionary()
