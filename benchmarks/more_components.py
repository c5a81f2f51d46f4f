"""Does a component more fit worse? `python benchmarks/more_components.py`.

All EELS phantoms with their low loss, at two doses, and the measured files with one: the number of
components counted, the mean reduced chi-square for 1, 2, ... components, and the most by which a
component more raises that of a pixel, in units of its noise, `sqrt(2 / channels)`. About three
minutes. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from common.eels_scenes import FOILS, wedge
from common.tables import ABSENT, MEASURED, markdown, publish, quiet

DOSES = ({}, {"counts": 1e5, "low_loss_counts": 1e4})
BEYOND = 2  # components more than there are
DUAL = {
    "TiO2, dual": ("eels_tio2_dual/tio2_Ti_hl.dm4", "eels_tio2_dual/tio2_Ti_ll.dm4"),
    "NMC, dual": (
        "eels_nmc_dual/EELS_TM_TM+O_EELS_Spectrum_Image.dm3",
        "eels_nmc_dual/EELS_ZLP_EELS_Spectrum_Image.dm3",
    ),
}


def load(name: str) -> Any:
    """One measurement, of several in a file the last."""
    import hyperspy.api as hs

    loaded = hs.load(MEASURED / name)
    return loaded[-1] if isinstance(loaded, list) else loaded


def scenes() -> Iterator[tuple[str, str, Any, Any]]:
    """(name, known number of phases, signal, low loss)."""
    for scene in (*FOILS, *(wedge(phase) for phase in ("Fe3O4", "SiO2", "SrTiO3"))):
        for dose in DOSES:
            phantom = scene.make(seed=0, **dose)
            name = scene.name + (", few counts" if dose else "")
            yield name, str(len(phantom.truth.names)), phantom.signal, phantom.low_loss
    if MEASURED.is_dir():
        for name, (core, low_loss) in DUAL.items():
            yield name, "-", load(core), load(low_loss)


def main() -> None:
    """Fit, and write the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    quiet()
    import hyperspy_unmix

    rows = []
    for name, known, signal, low_loss in scenes():
        pca = hyperspy_unmix.pca(signal, low_loss=low_loss)
        numbers = range(1, pca.n_components + BEYOND + 1)
        fits = np.array([pca.ica(n).reduced_chi_square.data.ravel() for n in numbers])
        noise = np.sqrt(2 / len(pca.prepared.image.energies))
        means = ", ".join(f"{value:.3f}" for value in np.nanmean(fits, axis=1))
        rise = f"{np.nanmax(np.diff(fits, axis=0)) / noise:.2f}"
        rows.append([name, known, pca.n_components, means, rise])
        print(rows[-1], flush=True)
    header = ("scene", "phases", "counted", "mean chi-square of 1, 2, ... components", "most rise")
    publish(
        "more_components",
        "Does a component more fit worse?",
        markdown(header, rows),
        "" if MEASURED.is_dir() else ABSENT,
    )


if __name__ == "__main__":
    main()
