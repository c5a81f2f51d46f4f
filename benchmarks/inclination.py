"""Inclination of the boundary phantoms: `python benchmarks/inclination.py`.

Phase and grain boundary inclined by 10 to 60 degrees in a foil of 50 nm, everything from `unmix`
with the number of components given. The field of view holds the boundary, as a microscopist would
choose it. Then boundaries that are diffuse by 0 to 4 nm, on edge and inclined by 15 degrees, at
three doses: whether what is said of them is true. About ten minutes; `--quick` takes one seed.
Tables and figure go to docs/benchmarks/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.tables import markdown, publish, quiet
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix import boundary_inclination, data, unmix

ANGLES = (10, 20, 30, 40, 50, 60)
# nm, by the formula of Malis, Cheng and Egerton (1988) for magnetite and for strontium titanate;
# the phantoms' phases have 74 and 78, and 77 and 82
MEAN_FREE_PATH = {"phase": 75.0, "grain": 73.0}
PROBE = {"phase": 1.0, "grain": 0.5}
THICKNESS, THICKEST = 50.0, 1.35  # nm; of the wedge, over the mean

# Of the diffuse boundaries: degrees, nm, electrons per core-loss spectrum.
TILTS, DIFFUSIONS, DOSES = (0, 15), (0, 1, 2, 4), (6e3, 6e4, 6e5)
FIELD, ROWS, COLUMNS, FINER = 60.0, 24, 40, 4  # nm; pixels of 1.5 nm, drawn as four columns


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


def or_nan(value: float | None) -> float:
    """NaN where there is no answer."""
    return float("nan") if value is None else value


def diffuse(angle: float, diffusion: float, counts: float, seed: int) -> Any:
    """The inclination found where the phases have diffused into each other along x.

    The foil is even along x, so that a spectrum there is a mean of those beside it.
    """
    phantom = data.inclined_boundary(
        inclination=angle,
        shape=(ROWS, FINER * COLUMNS),
        field_of_view=FIELD,
        counts=counts,
        low_loss_counts=counts,
        noise=False,
    )
    generator = np.random.default_rng(seed)
    recorded = []
    for fine in (phantom.signal, phantom.low_loss):
        signal = fine.inav[:COLUMNS, :]
        blurred = np.asarray(fine.data, float)
        if diffusion:
            sigma = diffusion * FINER * COLUMNS / FIELD
            blurred = gaussian_filter1d(blurred, sigma, axis=1, mode="nearest")
        means = blurred.reshape(ROWS, COLUMNS, FINER, -1).mean(2)
        signal.data = generator.poisson(np.maximum(means, 0)).astype("float32")
        for axis in signal.axes_manager.navigation_axes:
            axis.scale = FIELD / COLUMNS
        recorded.append(signal)
    result = unmix(recorded[0], 2, low_loss=recorded[1])
    return boundary_inclination(
        result, 0, probe=1.0, mean_free_path=MEAN_FREE_PATH["phase"], mean_free_path_error=0.03
    )


def is_true(found: Any, angle: float, diffusion: float) -> bool:
    """Whether truth is in both ranges, and nothing is claimed that is not there."""
    tilted, diffused = found.cause in ("tilt", "both"), found.cause in ("diffusion", "both")
    in_ranges = (
        found.angle_range[0] <= angle <= found.angle_range[1]
        and found.diffusion_range[0] <= diffusion <= found.diffusion_range[1]
    )
    return bool(in_ranges and not (tilted and angle == 0) and not (diffused and diffusion == 0))


def diffuse_boundaries(seeds: Any) -> tuple[str, str]:
    """Table of what is said of diffuse boundaries, and how often it is true."""
    rows, right, total = [], 0, 0
    for counts in DOSES:
        for angle in TILTS:
            for diffusion in DIFFUSIONS:
                found = [diffuse(angle, diffusion, counts, seed) for seed in seeds]
                true = [is_true(f, angle, diffusion) for f in found]
                right, total = right + sum(true), total + len(true)
                rows.append(
                    [
                        f"{counts:.0e}",
                        angle,
                        diffusion,
                        ", ".join(f.cause for f in found),
                        ", ".join("{:.1f} to {:.1f}".format(*f.angle_range) for f in found),
                        ", ".join("{:.1f} to {:.1f}".format(*f.diffusion_range) for f in found),
                        f"{np.mean([_as_tilt(f) for f in found]):.1f}",
                        f"{sum(true)} of {len(true)}",
                    ]
                )
    header = (
        "electrons", "degrees", "diffusion, nm", "cause", "angle", "diffusion found",
        "as a tilt alone", "true",
    )  # fmt: skip
    return markdown(header, rows), f"True in {right} of {total}."


def _as_tilt(found: Any) -> float:
    """Degrees, if only a tilt made the boundary wide."""
    return float(np.degrees(np.arctan(found.tilt_alone / MEAN_FREE_PATH["phase"])))


def main() -> None:
    """Measure, and write table and figure."""
    quiet()
    seeds = eels.arguments(__doc__).seeds
    figure, axes = eels.subplots(1, 2, figsize=(10, 4), sharey=True)
    rows, worst, outside = [], 0.0, 0
    for ax, kind in zip(axes, ("phase", "grain"), strict=True):
        for angle in ANGLES:
            found = [measure(kind, angle, seed) for seed in seeds]
            errors = np.array([or_nan(f.angle) - angle for f in found])
            stated = np.array([or_nan(f.error) for f in found])
            worst, outside = (
                max(worst, np.nanmax(np.abs(errors))),
                outside + np.sum(~(abs(errors) <= stated)),
            )
            rows.append(
                [
                    f"{kind} boundary",
                    angle,
                    " ".join(f"{or_nan(f.angle):.1f}" for f in found),
                    f"{stated.mean():.1f}",
                    f"{np.mean([f.parts.get('noise', np.nan) for f in found]):.2f}",
                    f"{np.mean([or_nan(f.width) for f in found]):.1f}",
                    f"{THICKNESS * np.tan(np.radians(angle)):.1f}",
                    f"{field_of_view(kind, angle):.0f}",
                ]
            )
            for f in found:
                off, error = or_nan(f.angle) - angle, or_nan(f.error)
                ax.errorbar(angle, off, error, fmt="o", ms=4, color="C0", lw=0.8)
        ax.axhline(0, color="k", lw=0.8)
        for limit in (-3, 3):
            ax.axhline(limit, color="k", lw=0.8, ls=":")
        ax.set(xlabel="True inclination (degrees)", title=f"{kind.capitalize()} boundary")
    axes[0].set_ylabel("Found - true (degrees)")
    header = (
        "", "true, degrees", "found", "stated error", "of it noise", "width, nm", "true width",
        "field of view, nm",
    )  # fmt: skip
    table, how_often = diffuse_boundaries(seeds)
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
        "## Tilt or diffusion",
        "Phases that have diffused into each other (standard deviation in nm) at a boundary that "
        "is on edge or inclined, in 24 x 40 pixels of 1.5 nm; as many electrons in the low loss. "
        "*Angle* and *diffusion found* are ranges (two standard deviations; mean free path known "
        "to 3 %), *as a tilt alone* is what would have been found without asking. *True*: both "
        "truths are in their ranges, and no tilt and no diffusion is claimed where there is none.",
        table,
        how_often,
    )


if __name__ == "__main__":
    main()
