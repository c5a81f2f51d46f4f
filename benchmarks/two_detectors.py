"""EELS and X-rays of one scan, unmixed together and alone: `python benchmarks/two_detectors.py`.

The built-in EELS phantoms, with X-rays that their phases emit from the same places. Spectral angles
of each detector's spectra with the true ones. The table is written to
docs/benchmarks/two_detectors.md; five seeds take a quarter of an hour on a core.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from common.two_detector_scenes import (  # noqa: E402
    KEV,
    Floats,
    Pair,
    core_shell,
    gold_on_sphere,
    precipitates,
    sphere,
    three_oxides,
)
from scipy.optimize import linear_sum_assignment  # noqa: E402

import hyperspy_unmix  # noqa: E402

MISSING = 90.0  # degrees, of a phase that is not found
SCENES: tuple[tuple[Callable[..., Pair], float, float], ...] = (
    (core_shell, 1e5, 200),
    (core_shell, 1e5, 1000),
    (core_shell, 6e5, 200),
    (precipitates, 1e5, 200),
    (precipitates, 6e5, 1000),
    (sphere, 1e5, 200),
    (sphere, 6e5, 1000),
    (three_oxides, 1e4, 200),
    (gold_on_sphere, 1e5, 300),
)
HEADER = (
    "scene",
    "EELS counts a pixel",
    "X-rays a pixel",
    "phases",
    "found by EELS, X-rays, both",
    "EELS alone",
    "EELS, of both",
    "X-rays alone",
    "X-rays, of both",
)


def angle(result: Any, axis: Floats, true: Floats) -> float:
    """Mean spectral angle in degrees with the true spectra, each with its own component."""
    energies = result.spectra.axes_manager.signal_axes[0].axis
    found = np.nan_to_num(result.spectra.data)
    true = np.array([np.interp(energies, axis, one) for one in true])
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (true, found)]
    angles = np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1)))
    phase, component = linear_sum_assignment(angles)
    of_phases = np.full(len(true), MISSING)
    of_phases[phase] = angles[phase, component]
    return float(of_phases.mean())


def row_of(make: Callable[..., Pair], counts: float, x_rays: float, seeds: range) -> list[str]:
    """A row of the table."""
    angles, numbers, phases = [], [], 0
    for seed in seeds:
        scene = make(seed, counts, x_rays)
        phases = len(scene.true_x_rays)
        eels = hyperspy_unmix.unmix(scene.eels, low_loss=scene.low_loss)
        alone = hyperspy_unmix.unmix(scene.x_rays)
        signals = {"EELS": scene.eels, "X-rays": scene.x_rays}
        both = hyperspy_unmix.unmix(signals, low_loss={"EELS": scene.low_loss})
        numbers.append([u.n_components for u in (eels, alone, both)])
        angles.append(
            [
                angle(eels, scene.energies, scene.true_eels),
                angle(both["EELS"], scene.energies, scene.true_eels),
                angle(alone, KEV, scene.true_x_rays),
                angle(both["X-rays"], KEV, scene.true_x_rays),
            ]
        )
    number = ", ".join(f"{n:.2g}" for n in np.mean(numbers, 0))
    words = [make.__name__.replace("_", " "), f"{counts:.0e}", f"{x_rays:.0f}", str(phases), number]
    return [*words, *(f"{a:.1f}" for a in np.mean(angles, 0))]


def main() -> None:
    """Score every scene, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows = []
    for scene in SCENES:
        rows.append(row_of(*scene, seeds))
        print(*rows[-1], sep=" | ", flush=True)
    publish(
        "two_detectors",
        "Two detectors of one scan",
        "EELS (core loss and low loss) and X-rays of the same phases in the same places, 32 × 32 "
        f"pixels. Mean spectral angle in degrees, mean over {options.seeds} seeds, nothing told; a "
        "phase that is not found counts as 90 degrees. `alone` is `unmix` of one signal, `of both` "
        '`unmix({"EELS": s, "X-rays": e})`. Numbers of components are means over the seeds. Gold '
        "has no edge in the core loss: EELS has two phases to find there, X-rays three.",
        markdown(HEADER, rows),
        "Where one detector is blind to a phase, or its spectra have too much in common for "
        "independence, the other one decides. Where EELS alone is right already, it stays within "
        "chance of that: two independent mixtures are averaged, and either may be the better one.",
    )


if __name__ == "__main__":
    main()
