"""Names that components suggest by their edges and lines: "Fe-L, O-K", "Pt-La, Fe-Ka"."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.fitting.feature_areas import edge_areas, line_areas
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.elements import features
from hyperspy_unmix.preparation.metadata import EV, base_type
from hyperspy_unmix.preparation.spectrum_image import Image

LEAST_SIGNIFICANCE = 4.0  # standard deviations of an area, from which it is seen
LEAST_OF_STRONGEST = 0.1  # of the strongest edge or line of a component
MOST_IN_A_NAME = 2
EDGE_WIDTH = 0.04  # of the onset energy, behind an edge
RESOLUTION = 130.0  # eV at Mn Ka, where the metadata do not tell
MN_KA = 5898.0  # eV
LATIN = str.maketrans({"α": "a", "β": "b", " ": "-"})


def suggest_names(image: Image, spectra: Floats, variance: Floats) -> tuple[str, ...]:
    """A name for each component, by the listed elements; empty where nothing is seen.

    Of what a component shows, that comes first which it has more of than the others do.

    Parameters
    ----------
    image : Image
        Whose metadata list the elements.
    spectra, variance : array, shape (components, channels)
    """
    known = features(image.frame)
    if not known:
        return ("",) * len(spectra)
    energies = np.asarray(image.energies, float)
    measured = [_areas(image, energies, spectra, variance, x) for x in known.values()]
    areas = np.array([np.where(a > LEAST_SIGNIFICANCE * e, a, 0.0) for a, e in measured])
    share = areas / np.maximum(areas.sum(1, keepdims=True), 1e-300)
    labels = [name.translate(LATIN) for name in known]
    return tuple(_name(labels, areas[:, i], share[:, i]) for i in range(len(spectra)))


def resolution(image: Image, energy: float) -> float:
    """Full width at half maximum of an X-ray line at an energy in eV, in eV.

    Fiori and Newbury, Scanning Electron Microscopy 1 (1978) 401: the statistics of the charge add
    2.5 eV times the energy to the square of the width.
    """
    item = "Acquisition_instrument.{}.Detector.EDS.energy_resolution_MnKa"
    stated = (
        image.frame.metadata.get_item(item.format(kind), default=None) for kind in ("TEM", "SEM")
    )
    at_mn = next((float(x) for x in stated if isinstance(x, (int, float)) and x > 0), RESOLUTION)
    return float(np.sqrt(max(at_mn**2 + 2.5 * (energy - MN_KA), 30.0**2)))


def _areas(
    image: Image, energies: Floats, spectra: Floats, variance: Floats, energy: float
) -> tuple[Floats, Floats]:
    """Areas of an edge or a line, and their errors, shape (components,)."""
    if base_type(image.frame).startswith("EDS"):
        unit = EV.get(str(image.axis.units), 1.0)
        width = resolution(image, energy * unit) / unit
        return line_areas(energies, spectra, variance, energy, width)
    return edge_areas(energies, spectra, variance, energy, EDGE_WIDTH * energy)


def _name(labels: list[str], areas: Floats, share: Floats) -> str:
    """The edges or lines that tell a component best, one of each element."""
    seen = areas > LEAST_OF_STRONGEST * areas.max(initial=0.0)
    chosen: dict[str, str] = {}
    for k in np.argsort(-areas * share, kind="stable"):
        if seen[k] and len(chosen) < MOST_IN_A_NAME:
            chosen.setdefault(labels[k].split("-")[0], labels[k])
    return ", ".join(chosen.values())
