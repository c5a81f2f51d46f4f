"""Which component is what: spectral angles to references, and the names that follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import summary
from .image import Image
from .inputs import EELS_DETECTOR, EV, check_signal
from .numerics.noise import Floats
from .settings import Choice, FrozenSettings, Settings, warn
from .wrapping import base_type, to_channels

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis

    from .unmixing import Unmixing

LIMIT = 20.0  # degrees; phases of one element in common are hardly closer
EDGE_LIMIT = 30.0  # degrees; calculated edges lack the near-edge structure
LEAST_CHANNELS = 10
SAME = 1e-3  # of a channel
MICROSCOPE = {  # where the metadata hold it, and what is taken if they do not
    "beam energy (keV)": ("Acquisition_instrument.TEM.beam_energy", 200.0),
    "convergence angle (mrad)": ("Acquisition_instrument.TEM.convergence_angle", 10.0),
    "collection angle (mrad)": (f"{EELS_DETECTOR}.collection_angle", 20.0),
}


class _Reference(NamedTuple):
    """A spectrum, or several of which the best combination counts; on the components' channels."""

    name: str
    shapes: Floats  # (spectra, channels), NaN where not known
    limit: float
    how: str


@dataclass(frozen=True, eq=False)
class Match:
    """Spectral angles of components to references, and the names that follow.

    Parameters
    ----------
    references : tuple of str
        Their names.
    angles : ndarray, shape (components, references)
        In degrees; NaN where a reference and the components hardly overlap.
    names : tuple of str
        Of the components: that of the reference where one is near, else the former name.
    renamed : Unmixing
        The result with these names.
    components : tuple of str
        Their former names.
    pairs : tuple of int or None
        The reference each component is paired with, near or too far; None where none was left.
    near : tuple of bool
        Whether that reference is near enough to name the component.
    settings : mapping of str to (value, reason)
        Every choice made.
    """

    references: tuple[str, ...]
    angles: Floats
    names: tuple[str, ...]
    renamed: Unmixing = field(repr=False)
    components: tuple[str, ...]
    pairs: tuple[int | None, ...]
    near: tuple[bool, ...]
    settings: Mapping[str, Choice] = field(repr=False)

    @property
    def title(self) -> str:
        """One line: what was compared, and how many components have a name now."""
        what = summary.name(self.renamed.pca.prepared)
        return f"Match of {what}: {sum(self.near)} of {len(self.components)} components named"

    def _rows(self) -> list[tuple[str, ...]]:
        """Head; then component, reference, angle, next best reference, its angle."""
        rows = [("component", "reference", "angle (degrees)", "next best", "angle (degrees)")]
        for name, pair, near, row in zip(
            self.components, self.pairs, self.near, self.angles, strict=True
        ):
            rest = [j for j in np.argsort(row) if j != pair and np.isfinite(row[j])]
            best = "none left (name kept)", "-"
            if pair is not None:
                kept = "" if near else " (too far, name kept)"
                best = f"{self.references[pair]}{kept}", f"{row[pair]:.1f}"
            other = (self.references[rest[0]], f"{row[rest[0]]:.1f}") if rest else ("-", "-")
            rows.append((name, *best, *other))
        return rows

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  " + "  ".join(map(str.ljust, cells, widths)).rstrip()  # as wide as the widest
            for cells in rows
        ]
        return summary.text(self.title, self.settings, table)

    def _repr_html_(self) -> str:
        return summary.html(self.title, self.settings, tuple(self._rows()))


def match(result: Unmixing, references: Any) -> Match:
    """Compare components with references, and name each after the one it resembles.

    The spectral angle (Kruse et al., Remote Sens. Environ. 44 (1993) 145,
    https://doi.org/10.1016/0034-4257(93)90013-N) is the arc cosine of ``a.b / (|a| |b|)``: no mean
    is subtracted, and intensities do not matter. References are given one to one, with the least
    total angle. A component keeps its name if no reference is left, or if its reference is farther
    than 20 degrees (a spectrum) or 30 degrees (edges, which lack the near-edge structure). These
    limits are a convention: oxides that have only oxygen in common are some 25 degrees apart
    between 400 and 900 eV. Pairs beyond count as the limit in the total, whatever their angle.

    Parameters
    ----------
    result : Unmixing
        What was unmixed.
    references : mapping of str to reference, sequence of references, or a reference
        Each of them one of:

        - a HyperSpy signal, eager or lazy: a spectrum, or several with one navigation axis, without
          the background if the components are. Another calibration is interpolated linearly; the
          overlap counts, of 10 channels at least.
        - another result: each of its components.
        - an edge, ``"O_K"`` or ``exspy.components.EELSCLEdge``, or another HyperSpy model component
          (its ``function`` takes energies in the units of the signal). A name stands for the
          hydrogenic cross section, for K and L shells, with the microscope of the metadata.
        - a sequence of these edges and components: their closest non-negative combination.

        Without a mapping, names are the titles of signals, and the names of edges or components.

    Returns
    -------
    Match

    Raises
    ------
    TypeError, ValueError
        If references are not that, are in other units, or none overlaps with the components.
    """
    from .unmixing import Unmixing

    if not isinstance(result, Unmixing):
        raise TypeError(
            f"result is a {type(result).__name__}, what hyperspy_unmix.unmix returns is needed."
        )
    settings: Settings = dict(_compared(result))
    found = _distinct(_read(references, result.pca.prepared.image, settings), settings)
    spectra = np.asarray(result.arrays.spectra, float)
    angles = np.array([[_angle(row, each.shapes) for each in found] for row in spectra])
    _report_overlaps(found, angles, result.pca.prepared.image, settings)
    limits = np.array([reference.limit for reference in found])
    pairs = _paired(angles, limits)
    near = tuple(
        j is not None and bool(row[j] <= limits[j]) for j, row in zip(pairs, angles, strict=True)
    )
    references = tuple(reference.name for reference in found)
    given = [references[j] if ok and j is not None else None for j, ok in zip(pairs, near)]
    names = _named(given, result.names, settings)
    _report_rivals(angles, pairs, result.names, settings)
    return Match(
        references, angles, names, result.rename(names), result.names, pairs, near,
        FrozenSettings(settings),
    )  # fmt: skip
