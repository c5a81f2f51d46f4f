"""Composition of components by exspy: `python benchmarks/quantification.py`.

EELS: a model of hydrogenic edges. EDS: Cliff-Lorimer, from a model of lines and from windows. The
models are fitted to ``spectra_counts``, weighted with its variance. Phantoms of known composition,
every phase alone somewhere and so ``assume="pure"``. Half a minute; `--quick` takes one seed. The
table goes to docs/benchmarks/.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.tables import markdown, publish, quiet

from hyperspy_unmix import data, unmix

EELS_ELEMENTS = ("Al", "Mg", "O")


def by_edges(spectrum: Any, composition: dict[str, float]) -> dict[str, float]:
    """Atomic fractions from a model of edges; elements that are not there are fitted too."""
    spectrum = spectrum.deepcopy()
    spectrum.add_elements(EELS_ELEMENTS)
    model = spectrum.create_model(auto_background=False, GOS="hydrogenic")
    model.fit()
    atoms = {edge.name.split("_")[0]: edge.intensity.value for edge in model}
    return {element: atoms[element] / sum(atoms.values()) for element in composition}


def by_lines(
    spectrum: Any, composition: dict[str, float], k: dict[str, float], modelled: bool
) -> dict[str, float]:
    """Atomic fractions from the K lines: of a model, or over windows with others beside them."""
    elements = sorted(composition)
    lines = [f"{element}_Ka" for element in elements]
    spectrum = spectrum.isig[0.35:10.0]
    spectrum.set_elements(elements)
    spectrum.set_lines(lines)
    if modelled:
        model = spectrum.create_model()
        model.fit()
        intensities = model.get_lines_intensity(lines)
    else:
        beside = spectrum.estimate_background_windows(line_width=[2.0, 2.0])
        intensities = spectrum.get_lines_intensity(background_windows=beside)
    found = spectrum.quantification(intensities, "CL", [k[line] for line in lines])
    return {e: float(q.data[0]) / 100 for e, q in zip(elements, found, strict=True)}


def nearest(spectrum: np.ndarray, phantom: Any, energies: np.ndarray) -> int:
    """Which of the true spectra this is."""
    axis = phantom.truth.spectra.axes_manager.signal_axes[0].axis
    known = [np.interp(energies, axis, row) for row in phantom.truth.spectra.data]
    return int(np.argmax([spectrum @ row / np.linalg.norm(row) for row in known]))


def rows_of(name: str, phantoms: list[Any], quantify: Any) -> tuple[list[list[object]], float]:
    """A row for every element of every phase, and the largest relative error."""
    found: dict[tuple[str, str], list[float]] = {}
    for phantom in phantoms:
        composition = phantom.truth.parameters["composition"]
        n = len(phantom.truth.names)
        u = unmix(phantom.signal, n, low_loss=phantom.low_loss, assume="pure")
        energies = u.spectra.axes_manager.signal_axes[0].axis
        for i in range(n):
            phase = phantom.truth.names[nearest(u.spectra.data[i], phantom, energies)]
            atoms = quantify(u.spectra_counts.inav[i], composition[phase])
            for element, share in atoms.items():
                found.setdefault((phase, element), []).append(share)
    rows, worst = [], 0.0
    for j, phase in enumerate(phantom.truth.names):
        ideal = quantify(phantom.truth.spectra.inav[j] * 1e8, composition[phase])
        for element, true in composition[phase].items():
            values = np.array(found[phase, element])
            errors = 100 * (values / true - 1)
            worst = max(worst, float(np.abs(errors).max()))
            rows.append(
                [
                    name,
                    phase,
                    element,
                    f"{100 * true:.2f}",
                    f"{100 * ideal[element]:.2f}",
                    f"{100 * values.mean():.2f}",
                    f"{errors[np.abs(errors).argmax()]:+.1f}",
                ]
            )
    return rows, worst


def main() -> None:
    """Quantify, and write the table."""
    quiet()
    seeds = eels.arguments(__doc__).seeds
    ceramic = [data.inclined_boundary("ceramic", seed=seed) for seed in seeds]
    minerals = [data.eds_phases(phases=3, shape=(64, 64), seed=seed) for seed in seeds]
    k = minerals[0].truth.parameters["k_factors"]
    parts = [rows_of("EELS, model", ceramic, by_edges)]
    for name, modelled in (("EDS, model", True), ("EDS, windows", False)):
        how = partial(by_lines, k=k, modelled=modelled)
        parts.append(rows_of(name, minerals, how))
    head = ["", "component", "element", "true, at. %", "of the true spectrum", "found, mean"]
    publish(
        "quantification",
        "Composition of components",
        f'{len(seeds)} seeds, `assume="pure"`, by exspy\'s own methods on `spectra_counts`. EELS: '
        "model of hydrogenic edges, weighted with the variance; elements that are not in a phase "
        "are fitted too. EDS: Cliff-Lorimer, K lines from a model (weighted with the variance) or "
        "from windows. The true spectrum, quantified the same way, tells what the method itself "
        "is off.",
        markdown(
            [*head, "worst error, % of the value"], [row for rows, _ in parts for row in rows]
        ),
        "Worst relative error: "
        + ", ".join(f"{rows[0][0]} {worst:.1f} %" for rows, worst in parts)
        + ".",
    )


if __name__ == "__main__":
    main()
