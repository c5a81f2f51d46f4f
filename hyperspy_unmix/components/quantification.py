"""The composition of components in one call: what is asked for, checked; fits; errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.certainty.composition import (
    fractions,
    fractions_range,
    fractions_variance,
)
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.spectrum_image import to_channels
from hyperspy_unmix.settings import warn_of

from . import uncertainty
from .composition import Composition, CompositionFinding, composition_of
from .exspy_fits import OF_DOSE, OF_EDS, OF_EELS, Atoms, atoms_by_edges, atoms_by_lines

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .components import Components

EXAMPLES = {
    "beam_energy": ("200", "keV"),
    "convergence_angle": ("10", "mrad"),
    "collection_angle": ("30", "mrad"),
    "beam_current": ("0.5", "nA"),
    "live_time": ("0.01", "s, of a pixel"),
}
SIGMAS_LESS_THAN_NONE, MOST_LESS_THAN_NONE = 3.0, 0.05  # fraction of an element, below zero
GOS = ("hydrogenic", "dft", "dirac", "Hartree-Slater")
LEAST_SHARED = 0.01  # of the atoms of another component, for it to share an element


def quantify(
    result: Components,
    factors: Mapping[str, float] | None,
    *,
    method: str,
    elements: Sequence[str] | None,
    gos: str,
    microscope: Mapping[str, float],
) -> Composition:
    """Atomic percent of the components; see `Unmixing.quantify`."""
    spectra, kind = result.spectra_counts, base_type(result.prepared.image.frame)
    mass_thickness = None
    if kind == "EELS":
        _refuse(factors, method)
        check_choice("gos", gos, GOS)
        _set_microscope(spectra, microscope, OF_EELS)
        chosen = _elements(spectra, elements, 'u.quantify(elements=["O", "Mg"])')
        atoms = atoms_by_edges(spectra, chosen, gos, result.background is None)
        how = CompositionFinding("edges", gos, result.names)
        how = replace(how, scattering_left=result.prepared.kernel is None)
    elif kind == "EDS_TEM":
        check_choice("method", method, ("CL", "zeta"))
        lines = _lines(spectra, factors)
        _set_microscope(spectra, microscope, OF_EDS | (OF_DOSE if method == "zeta" else {}))
        if elements is not None:
            spectra.set_elements(list(elements))
        atoms, thickness_of = atoms_by_lines(spectra, lines, method)
        others = set(spectra.metadata.get_item("Sample.elements", default=None) or ())
        how = CompositionFinding(
            method,
            ", ".join(lines),
            result.names,
            not_counted=tuple(sorted(others - set(atoms.elements))),
        )
        if method == "zeta":
            pixels = result.prepared.image.blocks.shape[0]
            mass_thickness = np.array([thickness_of(row / pixels) for row in atoms.values])
    else:
        raise ValueError(
            f"exspy quantifies EELS and EDS_TEM, this signal is {kind or 'of no type'!r}: "
            's.set_signal_type("EELS") or ("EDS_TEM") before unmix() tells what it is.'
        )
    return _with_errors(result, atoms, how, mass_thickness)


def _with_errors(
    result: Components, atoms: Atoms, how: CompositionFinding, mass_thickness: Floats | None
) -> Composition:
    image, arrays = result.prepared.image, result.arrays
    totals = arrays.maps.sum(0) * (arrays.spectra @ image.channel_widths)
    holds_none = ~(atoms.values.sum(1) / totals > 0)
    if holds_none.all():
        raise ValueError(
            "no component holds atoms of these elements: look at u.plot_spectra(), and name "
            "elements that are there."
        )
    # What the numbers of such a component are does not matter, they are not shown.
    atoms = replace(atoms, values=np.where(holds_none[:, None], totals[:, None], atoms.values))
    per_count = atoms.values / totals[:, None]
    modes = uncertainty.background_modes(arrays, result._background_spread)
    of_modes = np.array(
        [[atoms.of(row, i) for row in to_channels(image, of_one)] for i, of_one in enumerate(modes)]
    ).reshape(len(atoms.values), -1, len(atoms.elements))
    changes = uncertainty.changes_now(result.separated, arrays)
    variance = fractions_variance(atoms.values, atoms.variance, per_count, changes, of_modes)
    low, high = fractions_range(per_count, result.ambiguity.shares)
    share, error = fractions(atoms.values), np.sqrt(variance)
    less_than_none = _less_than_none(share, error, atoms.elements)
    # Of what is no spectrum of a phase, or holds none of it, there is no composition.
    for i in (*(i for i, *_ in less_than_none), *np.flatnonzero(holds_none)):
        share[i], error[i], low[i], high[i] = np.nan, np.nan, 0.0, 1.0
    shares = (share, error, low, high)
    without = composition_of(how, atoms.elements, shares, mass_thickness)
    how = replace(
        how,
        unstable=tuple(result.unstable),
        less_than_none=less_than_none,
        without=tuple(result.names[i] for i in np.flatnonzero(holds_none)),
        others=result._other_answers,
        ambiguous=_ambiguous(without, per_count, result.ambiguity.pairs),
    )
    warn_of(how)
    return composition_of(how, atoms.elements, shares, mass_thickness)


def _less_than_none(
    share: Floats, error: Floats, elements: tuple[str, ...]
) -> tuple[tuple[int, str, float, float], ...]:
    """The most negative element of each component that has one, beyond its error."""
    found = []
    for i, least in enumerate(np.argmin(share, 1)):
        value, sd = float(share[i, least]), float(error[i, least])
        if value < -max(SIGMAS_LESS_THAN_NONE * sd, MOST_LESS_THAN_NONE):
            found.append((i, elements[least], 100 * value, 100 * sd))
    return tuple(found)


def _ambiguous(
    table: Composition, per_count: Floats, pairs: list[tuple[int, int]]
) -> tuple[tuple[int, str, float, float, tuple[int, ...]], ...]:
    """Elements whose range is wide, for a component that has them as well: the widest first."""
    shares, found = fractions(per_count), []
    for i, e in np.argwhere(table.is_ambiguous).tolist():
        others = tuple(
            j for k, j in pairs if k == i and min(shares[i, e], shares[j, e]) > LEAST_SHARED
        )
        if others:
            low, high = float(table.low[i, e]), float(table.high[i, e])
            found.append((i, table.elements[e], low, high, others))
    return tuple(sorted(found, key=lambda one: one[2] - one[3]))


def _refuse(factors: Any, method: str) -> None:
    if factors is not None or method == "zeta":
        raise ValueError(
            "factors and method are for X-ray lines; EELS is quantified by cross sections: "
            'u.quantify(elements=["O", "Mg"]), gos= tells which.'
        )


def _set_microscope(
    spectra: BaseSignal, given: Mapping[str, float], needed: Mapping[str, str]
) -> None:
    """Put what is given where exspy looks for it, and see that nothing is missing."""
    for name, value in given.items():
        if name not in EXAMPLES:
            raise TypeError(
                f"quantify() has no option {name!r}; of the microscope it takes "
                f"{', '.join(EXAMPLES)}."
            )
        path = (OF_EELS | OF_EDS | OF_DOSE)[name]
        if not isinstance(value, (int, float)) or not np.isfinite(value) or value <= 0:
            raise ValueError(f"{name}={value!r}: a number above zero ({EXAMPLES[name][1]}).")
        spectra.metadata.set_item(path, float(value))
    missing = [name for name, path in needed.items() if not spectra.metadata.has_item(path)]
    if missing:
        what = ", ".join(f"{name} ({EXAMPLES[name][1]})" for name in missing)
        call = ", ".join(f"{name}={EXAMPLES[name][0]}" for name in missing)
        raise ValueError(
            f"the metadata do not tell {what}: u.quantify(..., {call}), or set them by "
            f"s.set_microscope_parameters({call}) before unmix()."
        )


def _elements(spectra: BaseSignal, elements: Sequence[str] | None, example: str) -> list[str]:
    """The elements asked for, or those in the metadata."""
    from exspy.material import elements as database

    chosen = elements
    if chosen is None:
        chosen = spectra.metadata.get_item("Sample.elements", default=None)
    # exspy's own order is that of a set.
    names = [chosen] if isinstance(chosen, str) else sorted(() if chosen is None else chosen)
    if len(names) < 2:
        raise ValueError(
            f"two or more elements are needed, there {'is' if names else 'are'} "
            f"{', '.join(names) or 'none'}: {example}, or s.add_elements([...]) before unmix()."
        )
    unknown = [name for name in names if name not in set(database.keys())]
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"elements={names!r}: symbols such as 'Fe' are needed, each once.")
    return names


def _lines(spectra: BaseSignal, factors: Mapping[str, float] | None) -> dict[str, float]:
    """The factors, for one line of each element."""
    example = "factors={" + ", ".join(f'"{line}": ...' for line in _examples(spectra)) + "}"
    if not isinstance(factors, Mapping) or len(factors) < 2:
        raise ValueError(
            "weight k-factors (or zeta factors, kg/m2, with method='zeta') of your detector are "
            f"needed, of one line of two or more elements: u.quantify({example})."
        )
    known = _lines_known(spectra)
    for line, factor in factors.items():
        if line not in known:
            raise ValueError(
                f"factors: {line!r} is no line in the analysed range; {example}, for example."
            )
        if not isinstance(factor, (int, float)) or not np.isfinite(factor) or factor <= 0:
            raise ValueError(f"factors: {factor!r} of {line} is no number above zero.")
    elements = [line.split("_")[0] for line in factors]
    if len(set(elements)) < len(elements):
        raise ValueError(f"factors of {', '.join(factors)}: one line for each element is needed.")
    return {line: float(factors[line]) for line in sorted(factors)}


def _lines_known(spectra: BaseSignal) -> set[str]:
    """All lines in the range of the spectra."""
    from exspy.material import elements as database

    axis = spectra.axes_manager.signal_axes[0]
    in_kev = 1e-3 if str(axis.units) == "eV" else 1.0
    low, high = in_kev * axis.low_value, in_kev * axis.high_value
    return {
        f"{element}_{line}"
        for element in sorted(database.keys())
        for line, of_line in database[element].Atomic_properties.get_item("Xray_lines", {})
        if low < of_line["energy (keV)"] < high
    }


def _examples(spectra: BaseSignal) -> list[str]:
    """Lines of the elements in the metadata, or any, for a message."""
    elements = spectra.metadata.get_item("Sample.elements", default=None) or ("Fe", "O")
    known = _lines_known(spectra)
    of_each = ([f"{element}_{line}" for line in ("Ka", "La", "Ma")] for element in elements)
    return [next((line for line in lines if line in known), lines[0]) for lines in of_each]
