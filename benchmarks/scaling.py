"""Time and memory from small scans to large ones: `python benchmarks/scaling.py`.

The complete `unmix()` of 64 x 64 to 1 024 x 1 024 pixels of 1 024 channels, float32, from memory
and from a lazy file; each in a process of its own. The time is `a + b n` for n pixels, and the
table tells how far each size is from that. Memory is the largest anonymous memory of the process
during `unmix()` less that before it. The table and the figure are written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("agg")
import matplotlib.pyplot as plt
from common.speed_scenes import counts, resident, seconds
from common.tables import ROOT, markdown, publish, quiet, system
from out_of_core import CHUNK, make

CHANNELS, REPEATS = 1024, 3
SIDES = (64, 128, 256, 512, 1024)
MEMORY, LAZY = "from memory", "from a lazy file"


def child(path: str, side: int) -> None:
    """Best time, and memory, of one size."""
    import hyperspy.api as hs

    import hyperspy_unmix

    quiet()
    hyperspy_unmix.unmix(hs.signals.Signal1D(counts(16, 128)))
    signal = hs.load(path, lazy=True) if path else hs.signals.Signal1D(counts(side, CHANNELS))
    with resident() as before:
        time.sleep(0.1)
    with resident() as peak:
        times = [seconds(lambda: hyperspy_unmix.unmix(signal)) for _ in range(REPEATS)]
    print(json.dumps({"seconds": min(times), "bytes": peak[0] - before[0]}))


def measure(path: str, side: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--job", path, str(side)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def linear(n: np.ndarray, t: np.ndarray) -> np.ndarray:
    """``a + b n`` with the least relative departure from ``t``, ``a`` and ``b`` not negative."""
    from scipy.optimize import nnls

    design = np.column_stack([np.ones(len(n)), n])
    return np.asarray(design @ nnls(design / t[:, None], np.ones(len(n)))[0])


def draw(n: np.ndarray, found: dict[str, list[dict[str, float]]]) -> None:
    """Time and memory over the number of pixels."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    size = n * CHANNELS * 4
    for how, values in found.items():
        t = np.array([v["seconds"] for v in values])
        line = axes[0].loglog(n, t, "o", label=how)[0]
        axes[0].loglog(n, linear(n, t), color=line.get_color(), label="a + b n")
        axes[1].loglog(n, [v["bytes"] / 1e9 for v in values], "o-", label=how)
    axes[1].loglog(n, size / 1e9, "--", color="gray", label="the data")
    axes[0].set(xlabel="Pixels", ylabel="Time (s)")
    axes[1].set(xlabel="Pixels", ylabel="Memory beside the data (GB)")
    for ax in axes:
        ax.legend(frameon=False)
        ax.grid(alpha=0.3)
    figure.savefig(ROOT / "docs" / "benchmarks" / "scaling.png", dpi=120)


def main() -> None:
    """Measure, and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIDES[-1], help="pixels along x and y")
    parser.add_argument("--folder", help="where the files are made; default a temporary one")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return child(options.job[0], int(options.job[1]))
    machine = system()
    sides = [side for side in SIDES if side <= options.largest]
    found: dict[str, list[dict[str, float]]] = {MEMORY: [], LAZY: []}
    for side in sides:
        found[MEMORY].append(measure("", side))
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "counts.hspy"
            make(path, side, CHANNELS, compression=None)
            found[LAZY].append(measure(str(path), side))
        print(side, found[MEMORY][-1], found[LAZY][-1], flush=True)
    n = np.array(sides, float) ** 2
    rows: list[list[Any]] = []
    for how, values in found.items():
        t = np.array([v["seconds"] for v in values])
        for side, v, fit in zip(sides, values, linear(n, t), strict=True):
            share = v["bytes"] / (side**2 * CHANNELS * 4)
            rows.append(
                [
                    f"{side} x {side}, {how}",
                    f"{v['seconds']:.2f} s",
                    f"{100 * (v['seconds'] / fit - 1):+.0f} %",
                    f"{v['bytes'] / 1e6:.0f} MB",
                    f"{share:.2f}",
                ]
            )
    draw(n, found)
    publish(
        "scaling",
        "From small scans to large ones",
        f"{CHANNELS} channels, float32, files in chunks of {CHUNK} x {CHUNK} pixels; best of "
        f"{REPEATS}; {machine}. Goal: within 15 % of a time that is linear in the pixels; memory "
        "for lazy files flat.",
        markdown(["", "time", "beside a + b n", "memory", "over the data"], rows),
        "![Time and memory over the number of pixels](scaling.png)",
    )


if __name__ == "__main__":
    main()
