"""Numbers of atoms in spectra, by exspy's models of edges and of X-ray lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

# What exspy needs of the microscope, and where the metadata hold it.
OF_EELS = {
    "beam_energy": "Acquisition_instrument.TEM.beam_energy",
    "convergence_angle": "Acquisition_instrument.TEM.convergence_angle",
    "collection_angle": "Acquisition_instrument.TEM.Detector.EELS.collection_angle",
}
OF_EDS = {"beam_energy": "Acquisition_instrument.TEM.beam_energy"}
OF_DOSE = {
    "beam_current": "Acquisition_instrument.TEM.beam_current",
    "live_time": "Acquisition_instrument.TEM.Detector.EDS.live_time",
}
# Of the lowest and the highest line: where a polynomial describes the bremsstrahlung.
RANGE_OF_LINES = (0.67, 1.5)


@dataclass(frozen=True)
class Atoms:
    """Relative numbers of atoms, linear in the spectra.

    Parameters
    ----------
    elements : tuple of str
    values, variance : array, shape (spectra, elements)
        Of the spectra, and what their channels' own variance makes of them.
    of : callable
        Of other spectra over the same channels, with the weights of one of them by its number.
    """

    elements: tuple[str, ...]
    values: Floats
    variance: Floats
    of: Callable[[Floats, int], Floats]


def atoms_by_edges(
    spectra: BaseSignal, elements: Sequence[str], gos: str, has_background: bool
) -> Atoms:
    """Atoms in EELS spectra: a model of the edges of these elements, by their cross sections.

    ``has_background`` tells whether the background is still in the spectra.

    Raises
    ------
    ValueError
        If an element has no edge that the cross sections know.
    """
    one = spectra.inav[0].deepcopy()
    # What it knows of other elements is in these sets.
    one.elements, one.subshells = set(), set()
    one.add_elements(list(elements))
    other = ', or give gos="dft" (fetched once)' if gos == "hydrogenic" else ""
    try:
        model = one.create_model(auto_background=has_background, GOS=gos)
    except ValueError as error:
        raise ValueError(
            f"exspy's {gos} cross sections do not know all edges of {', '.join(elements)} in the "
            f"analysed range ({error}): leave some out, elements=[...]{other}."
        ) from None
    intensities: dict[str, Any] = {}
    for edge in model:
        # Other shells of an element are twins of one, with its number of atoms.
        if hasattr(edge, "GOS") and edge.intensity.twin is None:
            intensities.setdefault(edge.name.split("_")[0], edge.intensity)
    lacking = [element for element in elements if element not in intensities]
    if lacking:
        raise ValueError(
            f"no edge of {', '.join(lacking)} in the analysed range is known to exspy's {gos} "
            f"cross sections: leave it out, elements={sorted(intensities)!r}{other}."
        )
    every_channel = slice(None)
    return _fitted(model, spectra, [intensities[e] for e in elements], elements, every_channel)


def atoms_by_lines(
    spectra: BaseSignal, factors: Mapping[str, float], method: str
) -> tuple[Atoms, Callable[[Floats], Floats]]:
    """Atoms in EDS spectra: a model of all lines of their elements, and factors for these.

    Returns
    -------
    Atoms
    mass_thickness : callable
        Of the atoms (elements,) of one spectrum, in kg/m2; for zeta factors alone.
    """
    lines = list(factors)
    elements, channels = [line.split("_")[0] for line in lines], _about(spectra, lines)
    one = spectra.inav[0].isig[channels].deepcopy()
    one.add_elements(elements)
    one.set_lines(lines)
    model = one.create_model()
    counts = _fitted(model, spectra, [model[line].A for line in lines], elements, channels)
    intensities = model.get_lines_intensity(lines)
    order = [lines.index(i.metadata.Sample.xray_lines[0]) for i in intensities]

    def quantified(values: Floats) -> Any:
        for intensity, place in zip(intensities, order, strict=True):
            intensity.data = np.full_like(intensity.data, values[place], float)
        with _without_progressbars():
            return one.quantification(intensities, method, [factors[lines[i]] for i in order])

    # Atoms are a line's counts times a number, by Cliff and Lorimer's factors and by zeta factors.
    of_equal = quantified(np.ones(len(lines)))
    of_equal = of_equal[0] if method == "zeta" else of_equal
    per_count = np.empty(len(lines))
    per_count[order] = [float(np.squeeze(share.data)) for share in of_equal]
    atoms = Atoms(
        counts.elements,
        counts.values * per_count,
        counts.variance * per_count**2,
        lambda values, i: counts.of(values, i) * per_count,
    )
    return atoms, lambda values: np.asarray(np.squeeze(quantified(values / per_count)[1].data))


@contextmanager
def _without_progressbars() -> Iterator[None]:
    """Leave out exspy's progress bars, shown for stacking a handful of numbers."""
    import hyperspy.api as hs

    former = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    try:
        yield
    finally:
        hs.preferences.General.show_progressbar = former


def _about(spectra: BaseSignal, lines: Sequence[str]) -> slice:
    """Channels about these lines."""
    axis = spectra.axes_manager.signal_axes[0]
    energies = [spectra._get_line_energy(line) for line in lines]
    low, high = RANGE_OF_LINES[0] * min(energies), RANGE_OF_LINES[1] * max(energies)
    inside = np.flatnonzero((axis.axis >= low) & (axis.axis <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _fitted(
    model: Any,
    spectra: BaseSignal,
    parameters: Sequence[Any],
    elements: Sequence[str],
    channels: slice,
) -> Atoms:
    """Weighted linear least squares, one spectrum after the other in the model's own signal."""
    data, variance = spectra.data[:, channels], spectra.get_noise_variance().data[:, channels]
    known = np.isfinite(data).all(0) & np.isfinite(variance).all(0) & (variance > 0).all(0)
    model.set_signal_range_from_mask(known)
    weights = model.signal.get_noise_variance()

    def fit(values: Floats, i: int) -> tuple[list[float], list[float]]:
        model.signal.data[:] = np.where(known, values, 0)
        weights.data[:] = np.where(known, variance[i], 1)
        model.fit(optimizer="lstsq")
        return [p.value for p in parameters], [p.std for p in parameters]

    fits = np.array([fit(row, i) for i, row in enumerate(data)], float)
    return Atoms(
        tuple(elements),
        fits[:, 0],
        fits[:, 1] ** 2,
        lambda values, i: np.array(fit(values[channels], i)[0]),
    )
