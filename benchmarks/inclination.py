"""Inclination of the boundary phantoms: `python benchmarks/inclination.py`.

Phase and grain boundary inclined by 10 to 60 degrees in a foil of 50 nm, everything from `unmix`
with the number of components given. The field of view holds the boundary, as a microscopist would
choose it. About two minutes; `--quick` takes one seed. Table and figure go to docs/benchmarks/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.tables import markdown, publish, quiet

from hyperspy_unmix import boundary_inclination, data, unmix

ANGLES = (10, 20, 30, 40, 50, 60)
# nm, by the formula of Malis, Cheng and Egerton (1988) for magnetite and for strontium titanate;
# the phantoms' phases have 74 and 78, and 77 and 82
MEAN_FREE_PATH = {"phase": 75.0, "grain": 73.0}
PROBE = {"phase": 1.0, "grain": 0.5}
THICKNESS, THICKEST = 50.0, 1.35  # nm; of the wedge, over the mean


def field_of_view(kind: str, angle: float) -> float:
    """Twice what the boundary takes at the thick end, or the phantom's own if that is more."""
    least = {"phase": 48.0, "grain": 24.0}[kind]
    return max(least, 2.2 * THICKEST * THICKNESS * np.tan(np.radians(angle)))


def measure(kind: Any, angle: float, seed: int) -> Any:
    """The inclination found in one phantom."""
    phantom = data.inclined_boundary(
        kind, inclination=angle, field_of_view=field_of_view(kind, angle), seed=seed
    )
    result = unmix(phantom.signal, 2, low_loss=phantom.low_loss)
    options: dict[str, Any] = {"probe": PROBE[kind], "mean_free_path": MEAN_FREE_PATH[kind]}
    if kind == "phase":
        return boundary_inclination(result, 0, **options)
    # the layer is the component of fewer counts
    return boundary_inclination(result, 1, kind="layer", **options)


def main() -> None:
    """Measure, and write table and figure."""
    quiet()
    seeds = eels.arguments(__doc__).seeds
    figure, axes = eels.subplots(1, 2, figsize=(10, 4), sharey=True)
    rows, worst, outside = [], 0.0, 0
    for ax, kind in zip(axes, ("phase", "grain"), strict=True):
        for angle in ANGLES:
            found = [measure(kind, angle, seed) for seed in seeds]
            errors = np.array([f.angle - angle for f in found])
            stated = np.array([f.error for f in found])
            worst, outside = (
                max(worst, np.abs(errors).max()),
                outside + np.sum(abs(errors) > stated),
            )
            rows.append(
                [
                    f"{kind} boundary",
                    angle,
                    " ".join(f"{f.angle:.1f}" for f in found),
                    f"{stated.mean():.1f}",
                    f"{np.mean([f.parts['noise'] for f in found]):.2f}",
                    f"{np.mean([f.width for f in found]):.1f}",
                    f"{THICKNESS * np.tan(np.radians(angle)):.1f}",
                    f"{field_of_view(kind, angle):.0f}",
                ]
            )
            for f in found:
                ax.errorbar(angle, f.angle - angle, f.error, fmt="o", ms=4, color="C0", lw=0.8)
        ax.axhline(0, color="k", lw=0.8)
        for limit in (-3, 3):
            ax.axhline(limit, color="k", lw=0.8, ls=":")
        ax.set(xlabel="True inclination (degrees)", title=f"{kind.capitalize()} boundary")
    axes[0].set_ylabel("Found - true (degrees)")
    header = (
        "", "true, degrees", "found", "stated error", "of it noise", "width, nm", "true width",
        "field of view, nm",
    )  # fmt: skip
    publish(
        "inclination",
        "Inclination of a boundary",
        f"Angles found in {len(seeds)} seeds, with their stated errors: nearly all of them is the "
        f"20 % of the mean free path, taken as {MEAN_FREE_PATH['phase']:g} nm (phase boundary) and "
        f"{MEAN_FREE_PATH['grain']:g} nm (grain boundary).",
        markdown(header, rows),
        f"Largest error {worst:.1f} degrees (goal 3); outside their own error bar: {outside} of "
        f"{len(rows) * len(seeds)}.",
        eels.save(figure, "inclination"),
    )


if __name__ == "__main__":
    main()
