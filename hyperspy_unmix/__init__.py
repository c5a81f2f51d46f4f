"""Component spectra and maps from spectrum images, as ordinary HyperSpy signals.

``unmix(signal)`` does the whole job; ``preprocess``, ``pca``, ``denoise`` and
``estimate_number_of_components`` are its stages. Each takes any HyperSpy signal with one signal
axis. Signals of type ``unmix``, ``EELS_unmix``, ``EDS_TEM_unmix`` and ``EDS_SEM_unmix`` have them
as methods. ``boundary_inclination`` turns a component's map and the thickness into an angle,
``load`` reads a result that was saved.
"""

import re
from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = "0.1.0"
OLDEST_HYPERSPY = (2, 5)  # as in pyproject.toml


def _check_hyperspy() -> None:
    """Raise one error where HyperSpy is too old, in place of some deep inside."""
    installed = version("hyperspy")
    oldest = ".".join(map(str, OLDEST_HYPERSPY))
    if tuple(int(number) for number in re.findall(r"\d+", installed)[:2]) < OLDEST_HYPERSPY:
        raise ImportError(
            f"hyperspy_unmix needs HyperSpy {oldest} or newer, here is {installed}: pip install -U "
            f'"hyperspy>={oldest}". Another package may have asked for the old one (espm pins '
            "2.2.0): install that in an environment of its own."
        )


_check_hyperspy()

_HOME = {
    "PCA": "results.pca",
    "Composition": "components.composition",
    "Detectors": "results.detectors",
    "ComponentCount": "numerics.compression.number_of_components",
    "Inclination": "components.inclination",
    "Match": "components.matching",
    "Phases": "results.phases",
    "Region": "components.regions",
    "SpectralAmbiguity": "components.ambiguity",
    "Unmixing": "results.unmixing",
    "boundary_inclination": "components.boundary_inclination",
    "denoise": "workflow",
    "estimate_number_of_components": "workflow",
    "load": "results.loading",
    "pca": "workflow",
    "phases": "results.phases_of_signal",
    "preprocess": "workflow",
    "read_recipe": "arguments.recipe",
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
