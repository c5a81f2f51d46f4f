"""Which component is what: spectral angles to references, and the names that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import Choice, FrozenSettings, Settings, Told, caution, warn_of

from . import summary_text
from .in_order_of import arranged_as
from .references import EDGE_LIMIT, SPECTRUM_LIMIT, Reference, read_references

if TYPE_CHECKING:
    from .components import Components

LEAST_LEAD = 2.0  # degrees, of a component's reference before the next, to be told from it
LEAST_COMMON_CHANNELS = 10  # of a component and a reference, to compare them


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
    arranged : Unmixing
        The same in the order of the references, components without one behind them.
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
    renamed: Components = field(repr=False)
    arranged: Components = field(repr=False)
    components: tuple[str, ...]
    pairs: tuple[int | None, ...]
    near: tuple[bool, ...]
    settings: Mapping[str, Choice] = field(repr=False)

    @property
    def title(self) -> str:
        """One line: what was compared, and how many components have a name now."""
        what = summary_text.name(self.renamed.prepared)
        return f"Match of {what}: {sum(self.near)} of {len(self.components)} components named"

    def _rows(self) -> list[tuple[str, ...]]:
        """Head; then component, reference, angle, next best reference, its angle."""
        rows: list[tuple[str, ...]] = [
            ("component", "reference", "angle (degrees)", "next best", "angle (degrees)")
        ]
        for name, pair, near, row in zip(
            self.components, self.pairs, self.near, self.angles, strict=True
        ):
            reference, angle = "none left (name kept)", "-"
            if pair is not None:
                too_far = "" if near else " (too far, name kept)"
                reference, angle = f"{self.references[pair]}{too_far}", f"{row[pair]:.1f}"
            next_best, next_angle = "-", "-"
            others = [j for j in np.argsort(row) if j != pair and np.isfinite(row[j])]
            if others:
                next_best, next_angle = self.references[others[0]], f"{row[others[0]]:.1f}"
            rows.append((name, reference, angle, next_best, next_angle))
        return rows

    def __repr__(self) -> str:
        return summary_text.text(self.title, self.settings, self._rows())

    def _repr_html_(self) -> str:
        return summary_text.html(self.title, self.settings, tuple(self._rows()))


def match(result: Components, references: Any) -> Match:
    """Compare components with references, and name each after the one it resembles.

    The spectral angle (Kruse et al., Remote Sens. Environ. 44 (1993) 145,
    https://doi.org/10.1016/0034-4257(93)90013-N) is the arc cosine of ``a.b / (|a| |b|)``: no mean
    is subtracted, and intensities do not matter. References are given one to one, with the least
    total angle. A component keeps its name if no reference is left, or if its reference is farther
    than 20 degrees (a spectrum) or 30 degrees (edges, which lack the near-edge structure). These
    limits are a convention: oxides that have only oxygen in common are some 25 degrees apart
    between 400 and 900 eV. Pairs beyond count as the limit in the total, whatever their angle.
    An energy axis that is 2 eV off turns spectra with white lines by more than 10 degrees.

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
        - of EDS, a line, ``"Fe_Ka"``, or an element, ``"Fe"``: its families of lines, as wide as
          the detector makes them.
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
    from .components import Components

    if not isinstance(result, Components):
        raise TypeError(
            f"result is a {type(result).__name__}, what hyperspy_unmix.unmix returns is needed."
        )
    image = result.prepared.image
    compared = _with_distinct_names(read_references(references, image))
    # The angle of every component to every reference.
    spectra = np.asarray(result.arrays.spectra, float)
    angles = np.array(
        [[_angle(spectrum, reference.shapes) for reference in compared] for spectrum in spectra]
    )
    overlaps = _overlaps(compared, angles, image)
    # One reference for each component, which names it where it is near.
    limits = np.array([reference.limit for reference in compared])
    pairs = _pair(angles, limits)
    near = tuple(
        j is not None and bool(row[j] <= limits[j]) for j, row in zip(pairs, angles, strict=True)
    )
    reference_names = tuple(reference.name for reference in compared)
    new_names = [
        reference_names[j] if is_near and j is not None else None
        for j, is_near in zip(pairs, near, strict=True)
    ]
    names, renamed = _complete_names(new_names, result.names)
    # What is to be known of it.
    settings = dict(_what_is_compared(result.prepared))
    for reference in compared:
        settings |= reference.microscope
    settings |= overlaps | renamed | _rivals(angles, pairs, result.names)
    warn_of(Told(settings))
    return Match(
        references=reference_names,
        angles=angles,
        names=names,
        renamed=result.rename(names),
        arranged=arranged_as(result, reference_names, pairs, near),
        components=result.names,
        pairs=pairs,
        near=near,
        settings=FrozenSettings(settings),
    )


def _what_is_compared(prepared: Prepared) -> Iterator[tuple[str, Choice]]:
    """What kind of spectra the components are, which references should be as well."""
    if base_type(prepared.image.frame) == "EELS":
        background = prepared.background
        subtracted = background.is_zero_loss_tail or background.ranges
        words = (
            "without background" if subtracted else "no background subtracted",
            "plural scattering as recorded" if prepared.kernel is None else "single scattering",
        )
        yield "components", Choice(words, "references should be the same")
    limits = f"{SPECTRUM_LIMIT:g} degrees of a spectrum or {EDGE_LIMIT:g} of edges"
    reason = f"with the least total angle; beyond {limits}, names are kept"
    yield "matching", Choice("one to one", reason)


def _angle(spectrum: Floats, shapes: Floats) -> float:
    """Angle in degrees between a spectrum and the closest combination of shapes (n, channels)."""
    from scipy.optimize import nnls

    known = np.isfinite(shapes).all(0)
    shapes, spectrum = shapes[:, known], spectrum[known]
    shapes = shapes[shapes.any(1)]
    if known.sum() < LEAST_COMMON_CHANNELS or not len(shapes) or not spectrum.any():
        return float("nan")
    shapes = shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    spectrum = spectrum / np.linalg.norm(spectrum)
    fits = list(shapes)
    if len(shapes) > 1:
        fit = nnls(shapes.T, spectrum)[0] @ shapes
        fits += [fit / np.linalg.norm(fit)] if fit.any() else []
    # The arc cosine itself is inexact where spectra are alike.
    fit_angles = (
        2 * np.arctan2(np.linalg.norm(fit - spectrum), np.linalg.norm(fit + spectrum))
        for fit in fits
    )
    return float(np.degrees(min(fit_angles)))


def _pair(angles: Floats, limits: Floats) -> tuple[int | None, ...]:
    """The reference of each component, by the least total angle."""
    from scipy.optimize import linear_sum_assignment

    # A pair that gives no name must not cost others theirs, but the closer one is shown.
    beyond = np.maximum(angles - limits, 0)
    cost = np.where(np.isnan(angles), 2 * limits.max(), angles - 0.999 * beyond)
    rows, columns = linear_sum_assignment(cost)
    assigned = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    pairs = ((i, assigned.get(i)) for i in range(len(angles)))
    return tuple(None if j is None or np.isnan(angles[i, j]) else j for i, j in pairs)


def _complete_names(
    new_names: list[str | None], former_names: tuple[str, ...]
) -> tuple[tuple[str, ...], Settings]:
    """The new names, else the former ones, each once; and which of these had to change."""
    renamed: Settings = {}
    taken = {name for name in new_names if name is not None}
    names = []
    for new, old in zip(new_names, former_names, strict=True):
        name = _free(old if old not in taken else f"{old} (no reference)", taken)
        names.append(name if new is None else new)
        if new is None:
            taken.add(name)
            if name != old:
                reason = "another component has its name now"
                renamed[f"component {old}"] = Choice(name, reason)
    return tuple(names), renamed


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} ({number})"
    return free


def _with_distinct_names(references: list[Reference]) -> list[Reference]:
    """The same references, each with a name of its own."""
    taken: set[str] = set()
    distinct = []
    for reference in references:
        name = _free(reference.name, taken)
        how = reference.how if name == reference.name else f"{reference.how}; its name was taken"
        taken.add(name)
        distinct.append(reference._replace(name=name, how=how))
    return distinct


def _overlaps(references: list[Reference], angles: Floats, image: Image) -> Settings:
    """Which channels were compared; an error if there were too few with every reference."""
    settings: Settings = {}
    energies, units = image.energies, str(image.axis.units)
    known = [np.isfinite(reference.shapes).all(0) for reference in references]
    if max(int(channels.sum()) for channels in known) < LEAST_COMMON_CHANNELS:
        raise ValueError(
            f"no reference has {LEAST_COMMON_CHANNELS} channels in common with the components, "
            f"which go from {energies.min():g} to {energies.max():g} {units}: give spectra over "
            "that range, with calibrated energy axes, or unmix with a wider signal_range."
        )
    for reference, channels, reference_angles in zip(references, known, angles.T, strict=True):
        count, name = int(channels.sum()), f"reference {reference.name}"
        if count < LEAST_COMMON_CHANNELS:
            hint = (
                f"{name}: {count} channels in common, {LEAST_COMMON_CHANNELS} are needed: no "
                "angle. Give a spectrum over more of the range, with a calibrated energy axis"
            )
            settings |= caution(name, hint)
            continue
        span = (float(energies[channels].min()), float(energies[channels].max()))
        how = f"{units}, {count} of {len(energies)} channels; {reference.how}"
        if np.isnan(reference_angles).any():
            how += "; no angle, it or a component is zero there"
        settings[name] = Choice(span, how)
    return settings


def _rivals(angles: Floats, pairs: tuple[int | None, ...], names: tuple[str, ...]) -> Settings:
    """Components with another reference that is closer, or about as close."""
    not_closest, hard_to_tell = [], []
    for name, pair, row in zip(names, pairs, angles, strict=True):
        other_angles = np.delete(row, pair) if pair is not None else row[:0]
        lead = np.nanmin(other_angles) - row[pair] if np.isfinite(other_angles).any() else np.inf
        not_closest += [name] if lead < 0 else []
        hard_to_tell += [name] if 0 <= lead < LEAST_LEAD else []
    settings: Settings = {}
    if not_closest:
        settings["not the closest"] = Choice(not_closest, "their closest reference is another's")
    if hard_to_tell:
        reason = f"the next best reference is less than {LEAST_LEAD:g} degrees farther"
        settings["hard to tell"] = Choice(hard_to_tell, reason)
    return settings
