"""How close unmixed spectra and maps are to the truth: `python benchmarks/separation.py`.

Phantoms with exact truth, everything automatic, against peers that are told the right number of
components; a dose sweep; the same answer for every random state and for too many components; and
the FePt particles of the real files. Tables and figures are written to docs/benchmarks/. With the
peers it takes about three quarters of an hour on two cores, `--no-peers` a few minutes.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # the processes share the cores

import numpy as np  # noqa: E402
from common import separation_scenes as scenes  # noqa: E402
from common import separation_studies as studies  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402

OURS, ASSUMED, ORACLE = "hyperspy_unmix", "hyperspy_unmix, right `assume`", "oracle"
Row = dict[str, list]


def one(job: tuple[int, int, bool]) -> Row:
    """Accuracies of everybody on one scene and seed: (mean angle, worst angle, map error)."""
    number, seed, with_peers = job
    quiet()
    scene = scenes.SCENES[number]
    phantom, clean = scene.pair(seed)
    found = {}
    result = scenes.unmix(phantom)
    found[OURS] = scenes.judge(phantom, *scenes.arrays(result, phantom))
    if scene.assume is not None:
        assumed = scenes.unmix(phantom, assume=scene.assume)
        found[ASSUMED] = scenes.judge(phantom, *scenes.arrays(assumed, phantom))
    found[ORACLE] = scenes.oracle(phantom, clean)
    if with_peers:
        found |= studies.peers(phantom)
    row: Row = {name: [a.mean_angle, a.worst_angle, a.map_error] for name, a in found.items()}
    row["n"] = [result.n_components - len(phantom.truth.names)]
    return row


def accuracy_table(rows: dict[int, list[Row]]) -> str:
    """A line a scene: mean over the seeds of mean / worst angle."""
    everybody = sorted({name for collected in rows.values() for name in collected[0]} - {"n"})
    peers = [name for name in everybody if name not in (OURS, ASSUMED, ORACLE)]
    header = ["scene", "number right", OURS, ASSUMED, ORACLE, "map error / oracle's", *peers]
    lines = []
    for number, collected in rows.items():

        def cell(name: str, collected: list[Row] = collected) -> str:
            if name not in collected[0]:
                return "-"
            mean, worst = (np.mean([row[name][i] for row in collected]) for i in (0, 1))
            return f"{mean:.1f} / {worst:.1f}"

        ratio = np.mean([row[OURS][2] / row[ORACLE][2] for row in collected])
        assumed = "-"
        if ASSUMED in collected[0]:
            assumed = f"{np.mean([row[ASSUMED][2] / row[ORACLE][2] for row in collected]):.2f}"
        right = sum(row["n"][0] == 0 for row in collected)
        lines.append(
            [
                scenes.SCENES[number].name,
                f"{right} of {len(collected)}",
                *map(cell, (OURS, ASSUMED, ORACLE)),
                f"{ratio:.2f}, {assumed}",
                *map(cell, peers),
            ]
        )
    means = ["geometric mean", "", *(_geometric(rows, name) for name in (OURS, ASSUMED, ORACLE))]
    lines.append([*means, "", *(_geometric(rows, name) for name in peers)])
    return markdown(header, lines)


def _geometric(rows: dict[int, list[Row]], name: str) -> str:
    values = []
    for collected in rows.values():
        # without a right assumption the default is what there is
        used = name if name in collected[0] else OURS
        values.append(np.mean([row[used][0] for row in collected]))
    return f"{np.exp(np.mean(np.log(values))):.2f}"


def main() -> None:
    """Run the studies and write their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    quiet()
    rows: dict[int, list[Row]] = {i: [] for i in range(len(scenes.SCENES))}
    seeds, numbers = range(options.seeds), range(len(scenes.SCENES))
    jobs = [(i, seed, not options.no_peers) for i in numbers for seed in seeds]
    with ProcessPoolExecutor(options.jobs) as pool:
        for job, row in zip(jobs, pool.map(one, jobs), strict=True):
            rows[job[0]].append(row)
            words = {name: np.round(values[:2], 1).tolist() for name, values in row.items()}
            print(scenes.SCENES[job[0]].name, job[1], words, flush=True)
        sweep = studies.dose_sweep(pool, options.seeds)
        same = studies.same_answer(pool)
    studies.draw_accuracy(rows, (OURS, ASSUMED, ORACLE))
    studies.draw_sweep(sweep)
    publish(
        "separation",
        "Spectra and maps against the truth",
        f"Mean / largest spectral angle in degrees over the components, mean over {options.seeds} "
        "seeds; everything automatic. Peers are told the number of components; they get EELS "
        "counts denoised by HyperSpy's PCA, the power law removed, deconvolved with exspy's "
        "Fourier ratio. A component not found counts as 90 degrees. Map errors are "
        "relative to the oracle's: default, and with the right `assume`.",
        accuracy_table(rows),
        "![Angles](separation_angles.png)",
        "Dose sweep on three oxides (electrons in a spectrum, all from edges; everything "
        'automatic): mean angle over the oracle\'s, default and `assume="pure"`, and seeds with '
        "the right number of components.",
        studies.sweep_table(sweep),
        "![Dose sweep](separation_dose.png)",
        "The same answer: largest angle between any components of 20 random states; largest angle "
        "by which the components move when one and two more are asked for.",
        studies.same_table(same),
        studies.measured_core_shell(),
    )


if __name__ == "__main__":
    main()
