"""Component spectra and maps from spectrum images, as ordinary HyperSpy signals.

``unmix(signal)`` does the whole job; ``preprocess``, ``pca``, ``denoise`` and
``estimate_number_of_components`` are its stages. Each takes any HyperSpy signal with one signal
axis. Signals of type ``unmix``, ``EELS_unmix``, ``EDS_TEM_unmix`` and ``EDS_SEM_unmix`` have them
as methods. ``boundary_inclination`` turns a component's map and the thickness into an angle,
``load`` reads a result that was saved.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "PCA": "results.pca",
    "ComponentCount": "numerics.compression.number_of_components",
    "Inclination": "components.inclination",
    "Match": "components.matching",
    "SpectralAmbiguity": "components.ambiguity",
    "Unmixing": "results.unmixing",
    "boundary_inclination": "components.boundary_inclination",
    "denoise": "workflow",
    "estimate_number_of_components": "workflow",
    "load": "results.loading",
    "pca": "workflow",
    "preprocess": "workflow",
    "unmix": "workflow",
}
__all__ = ["__version__", "data", *_HOME]


def __getattr__(name: str) -> Any:
    """Import on first use, so that HyperSpy starts as fast as without this package."""
    if name == "data":
        return import_module("hyperspy_unmix.data")
    if name in _HOME:
        return getattr(import_module(f"hyperspy_unmix.{_HOME[name]}"), name)
    raise AttributeError(f"module 'hyperspy_unmix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
