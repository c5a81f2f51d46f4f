"""References that components are compared with: spectra, results, edges; each checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hyperspy_unmix.arguments.checks import check_signal
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import EELS_DETECTOR, EV, base_type
from hyperspy_unmix.preparation.spectrum_image import Image, to_channels
from hyperspy_unmix.settings import Choice, Settings

from .x_ray_lines import XRayLines, strongest_lines

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis

SPECTRUM_LIMIT = 20.0  # degrees; phases of one element in common are hardly closer
EDGE_LIMIT = 30.0  # degrees; calculated edges lack the near-edge structure
ENERGY_TOLERANCE = 1e-3  # of a channel, within which two energies are the same
# Where the metadata hold it, its unit, and what is taken if they do not.
MICROSCOPE = {
    "beam energy": ("Acquisition_instrument.TEM.beam_energy", "keV", 200.0),
    "convergence angle": ("Acquisition_instrument.TEM.convergence_angle", "mrad", 10.0),
    "collection angle": (f"{EELS_DETECTOR}.collection_angle", "mrad", 20.0),
}


class Reference(NamedTuple):
    """A spectrum, or several of which the best combination counts; on the components' channels.

    Parameters
    ----------
    name : str
    shapes : array, shape (spectra, channels)
        NaN where they are not known.
    limit : float
        Angle in degrees from which on it gives no name.
    how : str
        How it came onto the channels.
    microscope : dict
        Which microscope calculated edges were calculated for.
    """

    name: str
    shapes: Floats
    limit: float
    how: str
    microscope: Settings = {}  # noqa: RUF012


def read_references(references: Any, image: Image) -> list[Reference]:
    """All references on the components' channels."""
    if isinstance(references, Mapping):
        named_references = list(references.items())
        for name, _ in named_references:
            if not isinstance(name, str) or not name:
                raise TypeError(f"references has the name {name!r}: words are needed as names.")
    elif _is_single(references):
        named_references = [("", references)]
    else:
        named_references = [("", reference) for reference in references]
    if not named_references:
        raise ValueError("references is empty: at least one spectrum, edge or result is needed.")
    return [
        spectrum
        for place, (name, reference) in enumerate(named_references)
        for spectrum in _read_reference(name, reference, f"reference {name or place}", image)
    ]


def _is_single(references: Any) -> bool:
    """Whether this is no sequence of references; signals and results can be iterated as well."""
    from hyperspy.component import Component
    from hyperspy.signal import BaseSignal

    from .components import Components

    single_types = (str, BaseSignal, Component, Components, np.ndarray)
    return isinstance(references, single_types) or not isinstance(references, Iterable)


def _read_reference(name: str, reference: Any, what: str, image: Image) -> list[Reference]:
    """One reference, or each spectrum of a stack or a result; errors call it ``what``."""
    from hyperspy.component import Component
    from hyperspy.signal import BaseSignal

    from .components import Components

    if isinstance(reference, Components):
        reference_image = reference.pca.prepared.image
        values = to_channels(reference_image, np.asarray(reference.arrays.spectra, float))
        values[:, reference_image.without_weight] = np.nan
        names = [f"{name} {component}" if name else component for component in reference.names]
        return _put_on_channels(names, reference_image.axis, values, what, image)
    if isinstance(reference, (str, Component)) or not _is_single(reference):
        return [_combine_edges(name, reference, what, image)]
    if not isinstance(reference, BaseSignal):
        raise TypeError(
            f"{what} is a {type(reference).__name__}; a HyperSpy signal, another result, an edge "
            "such as 'O_K' or a model component is needed: hyperspy.api.signals.Signal1D(array) "
            "makes a signal, whose energy axis then needs its scale, offset and units."
        )
    check_signal(reference, what)
    axes = reference.axes_manager
    if axes.navigation_dimension > 1:
        raise ValueError(
            f"{what} has {axes.navigation_dimension} navigation axes, a spectrum is needed, or "
            "several along one axis: signal.mean() or signal.inav[...] makes one of a map."
        )
    data = reference.data.compute() if hasattr(reference.data, "dask") else reference.data
    values = np.array(data, float).reshape(-1, axes.signal_axes[0].size)
    name = name or str(reference.metadata.get_item("General.title", default="")) or what
    names = [name] if len(values) == 1 else [f"{name} {i}" for i in range(len(values))]
    return _put_on_channels(names, axes.signal_axes[0], values, what, image)


def _put_on_channels(
    names: list[str], axis: BaseDataAxis, values: Floats, what: str, image: Image
) -> list[Reference]:
    """Spectra on the components' channels, interpolated where theirs are others."""
    units, needed_units = str(axis.units), str(image.axis.units)
    if units != needed_units and not (units in EV and needed_units in EV):
        raise ValueError(
            f"{what} has its energies in {units}, the components in {needed_units}: "
            "signal.axes_manager.signal_axes[0].units says which it is."
        )
    factor = 1.0 if units == needed_units else EV[units] / EV[needed_units]
    if axis.is_binned and not axis.is_uniform:
        # Components are per energy, not per channel.
        values = values / np.abs(np.gradient(axis.axis))
    known_energies = factor * np.asarray(axis.axis, float)
    spectra, are_same_channels = _resample(image.energies, known_energies, values)
    how = "on the same channels" if are_same_channels else "interpolated linearly"
    how += "" if units == needed_units else f", {units} converted"
    return [
        Reference(name, spectrum[None], SPECTRUM_LIMIT, how)
        for name, spectrum in zip(names, spectra, strict=True)
    ]


def _resample(energies: Floats, known_energies: Floats, values: Floats) -> tuple[Floats, bool]:
    """Values (spectra, known energies) at other energies, NaN outside of the known ones.

    Also whether the other energies are among the known ones, so that nothing is interpolated.
    """
    order = np.argsort(known_energies)
    x, values = known_energies[order], np.where(np.isfinite(values), values, np.nan)[:, order]
    tolerance = ENERGY_TOLERANCE * float(np.diff(x).min()) if len(x) > 1 else 0.0
    nearest = np.searchsorted((x[1:] + x[:-1]) / 2, energies)
    inside = (energies >= x[0] - tolerance) & (energies <= x[-1] + tolerance)
    are_same = bool((np.abs(x[nearest] - energies)[inside] <= tolerance).all())
    resampled = values[:, nearest]
    if not are_same:
        resampled = np.array([np.interp(energies, x, row) for row in values])
    resampled[:, ~inside] = np.nan
    return resampled, are_same


def _combine_edges(name: str, reference: Any, what: str, image: Image) -> Reference:
    """Edges and model components, of which the closest combination counts."""
    from hyperspy.component import Component

    parts = [reference] if isinstance(reference, (str, Component)) else list(reference)
    unknown = [part for part in parts if not isinstance(part, (str, Component))]
    if unknown or not parts:
        raise TypeError(
            f"{what} is a sequence of {type(unknown[0]).__name__ if unknown else 'nothing'}; only "
            "edges ('O_K') and model components are combined. Give each spectrum a name of its "
            "own, {name: signal}."
        )
    labels = [part if isinstance(part, str) else part.name for part in parts]
    parts = [one for part in parts for one in _families(part, image)]
    shapes: list[Floats] = []
    twins: list[str] = []
    microscope: Settings = {}
    for part in parts:
        edge, calculated_for = _prepare_edge(part, what, image)
        microscope |= calculated_for
        values = _intensities(edge, what, image)
        if any(np.array_equal(values, shape, equal_nan=True) for shape in shapes):
            # A hydrogenic L shell holds L3, L2 and L1.
            twins.append(edge.name)
        else:
            shapes.append(values)
    how = f"closest combination of {len(shapes)} edges or components"
    if len(shapes) == 1:
        how = "calculated"
    if twins:
        how += f"; {', '.join(twins)} the same as another (a hydrogenic L shell is one shape)"
    return Reference(
        name=name or " + ".join(labels),
        shapes=np.array(shapes),
        limit=EDGE_LIMIT,
        how=how,
        microscope=microscope,
    )


def _families(part: Any, image: Image) -> list[Any]:
    """An edge or line itself; of an X-ray signal's element its families of lines in the range."""
    if not isinstance(part, str) or "_" in part or not base_type(image.frame).startswith("EDS"):
        return [part]
    return strongest_lines(part, image) or [part]


def _prepare_edge(part: Any, what: str, image: Image) -> tuple[Any, Settings]:
    """An edge that can be calculated, and for which microscope."""
    from exspy.components import EELSCLEdge

    is_name = isinstance(part, str)
    if is_name and base_type(image.frame).startswith("EDS"):
        return XRayLines(part, what, image), {}
    if not is_name and not isinstance(part, EELSCLEdge):
        return part, {}
    if base_type(image.frame) != "EELS":
        raise ValueError(
            f"{what} is an edge, but the signal is not EELS: give spectra, or another result; or "
            "unmix a signal of type 'EELS_unmix' (signal.set_signal_type)."
        )
    edge = _hydrogenic_edge(part, what) if is_name else part
    energies = _energies_in_ev(image)
    low, high = np.min(energies), np.max(energies)
    onset = float(edge.onset_energy.value)
    if not low <= onset <= high:
        raise ValueError(
            f"{what}: {edge.name} sets in at {onset:g} eV, the components go from {low:g} to "
            f"{high:g} eV: leave it out, or unmix with a wider signal_range."
        )
    if hasattr(edge, "tab_xsection"):
        return edge, {f"microscope of {edge.name}": Choice("given", "set in the edge itself")}
    # The user's own edge is left as it is.
    edge = edge if is_name else deepcopy(edge)
    (beam, convergence, collection), settings = _microscope(image)
    channel_width = float(np.abs(np.diff(energies)).min())
    edge.set_microscope_parameters(beam, convergence, collection, channel_width)
    return edge, settings


def _hydrogenic_edge(name: str, what: str) -> Any:
    """The hydrogenic cross section of an edge; nothing is downloaded."""
    from exspy.components import EELSCLEdge

    if name.partition("_")[2][:1] in ("M", "N", "O"):
        raise ValueError(
            f"{what}: the hydrogenic cross sections are those of K and L shells; for {name!r} give "
            f"exspy.components.EELSCLEdge({name!r}), whose table exspy downloads once, or a "
            "measured spectrum."
        )
    try:
        return EELSCLEdge(name, GOS="hydrogenic")
    except (ValueError, KeyError):
        raise ValueError(
            f"{what}: exspy has no hydrogenic edge {name!r}; element and subshell are needed, such "
            "as 'O_K' or 'Ti_L3'. A measured spectrum is a reference as well."
        ) from None


def _microscope(image: Image) -> tuple[list[float], Settings]:
    """Beam energy in keV, convergence and collection angle in mrad; and where they are from."""
    values, words, all_known = [], [], True
    for label, (path, unit, default) in MICROSCOPE.items():
        value = image.frame.metadata.get_item(path, default=None)
        least = 0.0 if label == "convergence angle" else 1e-9
        usable = isinstance(value, (int, float, np.number)) and least <= value < np.inf
        values.append(float(value) if usable else default)
        words.append(f"{label} {values[-1]:g} {unit}" + ("" if usable else " by default"))
        all_known = all_known and bool(usable)
    hint = "signal.set_microscope_parameters sets what is missing"
    if all_known:
        hint = "from the metadata"
    return values, {"microscope": Choice(words, f"for the edges; {hint}")}


def _energies_in_ev(image: Image) -> Floats:
    """Energies of the channels that count, in eV."""
    return np.asarray(EV.get(str(image.axis.units), 1.0) * image.energies)


def _intensities(component: Any, what: str, image: Image) -> Floats:
    """What an edge or a model component is at the channels that count; NaN where not finite."""
    from exspy.components import EELSCLEdge

    is_edge = isinstance(component, EELSCLEdge)
    energies = _energies_in_ev(image) if is_edge else image.energies
    try:
        with np.errstate(all="ignore"):
            values = np.array(component.function(energies.copy()), float)
    except Exception as error:
        raise TypeError(
            f"{what}: {component.name}.function(energies) failed ({error}); a model component of "
            "one axis is needed, all of its parameters set."
        ) from error
    if values.shape != energies.shape:
        raise TypeError(
            f"{what}: {component.name}.function(energies) has shape {values.shape}, that of the "
            f"energies is needed: {energies.shape}."
        )
    return np.where(np.isfinite(values), values, np.nan)
