"""How far a result can be trusted: `python benchmarks/certainty.py`.

Error bands against the actual errors, components asked for beyond those that are there, the band
of what fits as well against truth and closed form, known spectra applied to a second scan, two maps
that each lack a phase, and what all this costs. About ten minutes on two cores; the costs are taken
at the end, alone.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # the processes share the cores

import numpy as np  # noqa: E402
from common import certainty_studies as studies  # noqa: E402
from common import separation_scenes as scenes  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402

Job = tuple[int, int]


def one(job: Job) -> dict[str, Any]:
    """Everything about one scene and seed."""
    quiet()
    scene, seed = scenes.SCENES[job[0]], job[1]
    phantom, clean = scene.pair(seed)
    row: dict[str, Any] = {}
    for assume in ("overlap", "pure"):
        if assume == "pure" and scene.assume != "pure":
            continue
        result = scenes.unmix(phantom, assume=assume)
        if result.n_components == len(phantom.truth.names):
            row[assume] = studies.bands(result, phantom)
    row["too many"] = studies.too_many(phantom)
    second, clean = scene.pair(seed + 100)
    for assume in ("overlap", "pure"):
        if assume in row:
            row[f"apply {assume}"] = studies.applied(phantom, second, clean, assume)
    return row


def table_of_bands(rows: dict[int, list[dict]], key: str, title: str) -> str:
    """A line a scene: coverage and width of the bands of spectra and maps, truth in the other."""
    header = [
        *(title, "spectra: in 2 s.d., %", "width / error", "maps: in 2 s.d., %", "width / error"),
        *("truth in what fits as well, %", "widest share"),
    ]
    lines, everything = [], []
    for number, collected in rows.items():
        known = [row[key] for row in collected if key in row]
        if not known:
            continue
        mean = {name: np.mean([row[name] for row in known]) for name in known[0]}
        everything.append(mean)
        lines.append([scenes.SCENES[number].name, *_cells(mean)])
    mean = {name: np.median([m[name] for m in everything]) for name in everything[0]}
    lines.append(["median of the scenes", *_cells(mean)])
    return markdown(header, lines)


def _cells(mean: dict[str, float]) -> list[str]:
    return [
        f"{100 * mean['spectra']:.1f}",
        f"{mean['spectra width']:.2f}",
        f"{100 * mean['maps']:.1f}",
        f"{mean['maps width']:.2f}",
        f"{100 * mean['inside']:.1f}",
        f"{mean['widest']:.2f}",
    ]


def table_of_too_many(rows: dict[int, list[dict]]) -> str:
    """A line a scene: lowest index of a real component, highest of one too many, flags."""
    header = [
        *("asked for too many", "lowest stability of real ones", "highest of the others"),
        *("others flagged", "real ones flagged"),
    ]
    lines, total = [], np.zeros(4, int)
    for number, collected in rows.items():
        known = [row["too many"] for row in collected]
        counts = np.sum([row["counts"] for row in known], 0)
        total += counts
        others = [row["others"] for row in known if np.isfinite(row["others"])]
        lines.append(
            [
                scenes.SCENES[number].name,
                f"{min(row['real'] for row in known):.2f}",
                f"{max(others):.2f}" if others else "-",
                f"{counts[0]} of {counts[1]}",
                f"{counts[2]} of {counts[3]}",
            ]
        )
    lines.append(["all", "", "", f"{total[0]} of {total[1]}", f"{total[2]} of {total[3]}"])
    return markdown(header, lines)


def table_of_applied(rows: dict[int, list[dict]]) -> str:
    """A line a scene: map errors over the oracle's, of a second scan."""
    header = [
        *("second scan of the same specimen", "spectra applied", "unmixed by itself"),
        *('spectra of assume="pure" applied', "unmixed by itself"),
    ]
    lines = []
    for number, collected in rows.items():
        cells = []
        for key in ("apply overlap", "apply pure"):
            known = [row[key] for row in collected if key in row]
            cells += [f"{x:.2f}" for x in np.nanmean(known, 0)] if known else ["-", "-"]
        lines.append([scenes.SCENES[number].name, *cells])
    return markdown(header, lines)


def main() -> None:
    """Run the studies and write their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    quiet()
    numbers = range(len(scenes.SCENES))
    rows: dict[int, list[dict]] = {i: [] for i in numbers}
    jobs = [(i, seed) for i in numbers for seed in range(options.seeds)]
    with ProcessPoolExecutor(options.jobs) as pool:
        for job, row in zip(jobs, pool.map(one, jobs), strict=True):
            rows[job[0]].append(row)
            print(scenes.SCENES[job[0]].name, job[1], row, flush=True)
        random = studies.random_scenes(pool)
    studies.picture()
    publish(
        "certainty",
        "How far results can be trusted",
        f"{options.seeds} seeds, everything automatic. Bands: share of the channels (pixels) whose "
        "error is less than two of the standard deviations given; median of these over the actual "
        "r.m.s. error. The truth counts as inside the band of what fits as well where it is within "
        "two standard deviations of the noise of it; the widest share is the widest range of one "
        "component in another, in counts of its own.",
        table_of_bands(rows, "overlap", "default"),
        table_of_bands(rows, "pure", 'assume="pure"'),
        "One and two components more than there are were asked for. Real are those within 20 "
        "degrees of a true spectrum.",
        table_of_too_many(rows),
        random,
        "Map errors over those of the oracle, which knows the spectra, the background and the "
        "noise-free plural scattering.",
        table_of_applied(rows),
        studies.closed_form(),
        studies.two_maps(),
        studies.costs(),
    )


if __name__ == "__main__":
    main()
