"""All counts of components of real measurements: `python benchmarks/measured_counts.py`.

What is known of them: the core-shell particles and the silicate have three phases (published), a
repeated read of one spot has one component, drift aside. Of LaAlO3/SrTiO3 no number is known; its
halves and its binned channels show whether the counts change by no more than the data do. Needs
the measurements in ../shared/data. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from common.tables import ABSENT, MEASURED, markdown, publish, quiet

FIELDS = ("noise_edge", "elbow", "split_half", "drift", "consensus", "automatic")


def load(name: str, **kwargs: Any) -> Any:
    """One measurement, of several in a file the spectrum image."""
    import hyperspy.api as hs

    loaded = hs.load(MEASURED / name, **kwargs)
    if not isinstance(loaded, list):
        return loaded
    return next(s for s in loaded if s.axes_manager.navigation_dimension)


def measurements() -> Iterator[tuple[str, int | None, Any]]:
    """(name, known number of components or None, signal)."""
    yield "core-shell, EDS", 3, load("eds_fept_core_shell/core_shell.hdf5", file_format="HSPY")
    yield "silicate, EDS", 3, load("eds_silicate/71GPa_subsolidus.hspy")
    for name in ("T3_B3_region1_SI_HL_cal", "T3_D3_region1_SI_HL"):
        yield f"repeated reads {name[:5]}", 1, load(f"eels_repeated_reads/{name}.dm3")
    whole = load("eels_lao_sto/DMReader_SpectrumImage_SI-EELS.dm3")
    middle = whole.axes_manager.navigation_shape[1] // 2
    yield "LaAlO3/SrTiO3", None, whole
    yield "LaAlO3/SrTiO3, upper half", None, whole.inav[:, :middle]
    yield "LaAlO3/SrTiO3, lower half", None, whole.inav[:, middle:]
    yield "LaAlO3/SrTiO3, channels binned by 2", None, whole.rebin(scale=(1, 1, 2))


def main() -> None:
    """Count, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    if not MEASURED.is_dir():
        print(ABSENT)
        return
    quiet()
    import hyperspy_unmix

    rows, reasons = [], []
    for name, known, signal in measurements():
        # the background is left in: it is one of the components of the counts as recorded
        pca = hyperspy_unmix.pca(signal, background=None)
        numbers = [getattr(pca.count, field) for field in FIELDS]
        floor = f"{pca._scree.calibration:.3f}"
        size = " x ".join(str(n) for n in signal.data.shape)
        rows.append([name, size, "-" if known is None else known, *numbers, floor])
        noise = pca.settings["noise"].reason
        scree = ", ".join(f"{v:.3g}" for v in pca.scree_values[:8])
        reasons.append(f"- {name}: {pca.count.reason}. Noise: {noise}. Over the edge: {scree}.")
        print(rows[-1], flush=True)
    publish(
        "measured_counts",
        "Counts of real measurements",
        "`background=None`; floor: median eigenvalue over that of noise alone.",
        markdown(["measurement", "shape", "known", *FIELDS, "floor"], rows),
        "\n".join(reasons),
    )


if __name__ == "__main__":
    main()
