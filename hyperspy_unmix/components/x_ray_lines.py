"""X-ray lines as references: Gaussians as wide as the detector makes them."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.elements import STRONGEST
from hyperspy_unmix.preparation.metadata import EV
from hyperspy_unmix.preparation.spectrum_image import Image

from .suggested_names import resolution

FWHM_OF_SD = 2 * np.sqrt(2 * np.log(2))


class XRayLines:
    """A line, ``"Fe_Ka"``, with those of its family.

    ``function`` is what HyperSpy's model components have: intensities at energies in the units of
    the axis. Relative intensities within a family are those of exspy's table.

    Parameters
    ----------
    name : str
    what : str
        What errors call it.
    image : Image
        Of the components.

    Raises
    ------
    ValueError
        If exspy does not know the element or line, or it has none in the range.
    """

    def __init__(self, name: str, what: str, image: Image) -> None:
        self.name = name
        unit = EV.get(str(image.axis.units), 1.0)
        low, high = image.energies.min(), image.energies.max()
        found = {line: (1e3 * e / unit, w) for line, e, w in _lines(name, what)}
        self.lines = [
            (energy, weight, resolution(image, energy * unit) / unit)
            for energy, weight in found.values()
            if low <= energy <= high
        ]
        if not self.lines:
            energies = ", ".join(f"{energy:.4g}" for energy, _ in found.values())
            raise ValueError(
                f"{what}: the lines of {name} are at {energies}, the components go from {low:g} to "
                f"{high:g} {image.axis.units}: leave it out, or unmix with a wider signal_range."
            )

    def function(self, energies: Floats) -> Floats:
        """Intensities at these energies."""
        return np.asarray(
            sum(
                weight / width * np.exp(-0.5 * ((energies - energy) / (width / FWHM_OF_SD)) ** 2)
                for energy, weight, width in self.lines
            )
        )


def strongest_lines(element: str, image: Image) -> list[str]:
    """The strongest line of each family of an element that lies in the range."""
    unit = EV.get(str(image.axis.units), 1.0)
    low, high = image.energies.min() * unit, image.energies.max() * unit
    known = {key: 1e3 * energy for key, energy, _ in _lines(element, element)}
    return [f"{element}_{key}" for key in STRONGEST if low <= known.get(key, np.inf) <= high]


def _lines(name: str, what: str) -> list[tuple[str, float, float]]:
    """Names, energies in keV and weights of the lines that a name stands for."""
    from exspy.material import elements as database

    element, _, line = name.partition("_")
    try:
        table = database[element].Atomic_properties.Xray_lines.as_dictionary()
    except (KeyError, AttributeError):
        table = {}
    family = {key: one for key, one in table.items() if key[:1] == line[:1] or not line}
    if not family or (line and line not in table):
        known = ", ".join(f"{element}_{key}" for key in table) or "'Fe_Ka' or 'Fe', for example"
        raise ValueError(f"{what}: exspy has no X-ray line {name!r}; it has {known}.")
    return [(key, float(one["energy (keV)"]), float(one["weight"])) for key, one in family.items()]
