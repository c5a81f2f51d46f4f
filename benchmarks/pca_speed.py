"""How long the PCA takes and how much memory: `python benchmarks/pca_speed.py`.

Compared with one product `X.T @ X` of the same array, which no PCA by the Gram matrix can do
without: 65 536 spectra of 1 024 channels, Poisson counts of three phases in float32, 268 MB. The
goals are 2.5 times that, and 0.3 of the array in memory beside it. A second table has more channels
and fewer pixels, where what follows the Gram matrix takes most of the time. The tables are
written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common.speed_scenes import counts
from common.tables import markdown, publish, quiet, system

SIDE, CHANNELS = 256, 1024
MANY_CHANNELS, FEW_SIDE = (1024, 2048, 4096), 128
TIME_GOAL, MEMORY_GOAL = 2.5, 0.3
JOBS = ("product", "pca")


def job(name: str, data: np.ndarray) -> Callable[[], Any]:
    """What is timed."""
    if name == "product":
        x = data.reshape(-1, data.shape[-1])
        return lambda: x.T @ x
    import hyperspy.api as hs

    import hyperspy_unmix

    signal = hs.signals.Signal1D(data)
    return lambda: hyperspy_unmix.pca(signal, background=None)


def peak(name: str) -> int:
    """Peak memory in bytes of a fresh process that makes the array and does one job."""
    # a child starts with its parent's peak on record: ask before the array is made here
    command = [sys.executable, __file__, "--job", name]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def warm_up() -> None:
    """Import all that is needed: neither its time nor its memory is the work's."""
    quiet()
    job("pca", np.random.default_rng(0).poisson(3.0, (16, 16, 32)))()


def child(name: str) -> None:
    """The process that `peak` starts."""
    import resource

    warm_up()
    data = counts(SIDE, CHANNELS)
    job("product", data)()
    work = job("pca", data)
    if name == "pca":
        work()
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def stages(work: Callable[[], Any]) -> str:
    """The 25 functions that take longest, with all they call."""
    profile = cProfile.Profile()
    profile.runcall(work)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("cumulative").print_stats(25)
    return text.getvalue()


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of which the best counts")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return child(options.job)
    machine = system()  # first, so that the load is that of others
    product_peak, pca_peak = (peak(name) for name in JOBS)
    warm_up()
    data = counts(SIDE, CHANNELS)
    jobs = [job(name, data) for name in JOBS]
    # alternating, so that both meet the same load of the machine
    seconds = np.array([[timed(work) for work in jobs] for _ in range(options.repeats)])
    product, pca = seconds.min(0)
    extra = (pca_peak - product_peak) / data.nbytes
    rows = [
        ["`X.T @ X`", f"{product:.2f} s", "1", "-", "-"],
        [
            "`pca`",
            f"{pca:.2f} s",
            f"{pca / product:.2f}",
            f"{extra:.2f}",
            jobs[1]().count.consensus,
        ],
        ["goal", "-", f"{TIME_GOAL}", f"{MEMORY_GOAL}", 3],
    ]
    many = []
    for channels in MANY_CHANNELS:
        fewer = [job(name, counts(FEW_SIDE, channels)) for name in JOBS]
        best = np.array([[timed(work) for work in fewer] for _ in range(options.repeats)]).min(0)
        times = [f"{best[0]:.2f} s", f"{best[1]:.2f} s", f"{best[1] / best[0]:.1f}"]
        many.append([f"{FEW_SIDE**2} x {channels}", *times])
    publish(
        "pca_speed",
        "Time and memory of the PCA",
        f"{SIDE**2} spectra of {CHANNELS} channels, float32, {data.nbytes / 1e6:.0f} MB; best of "
        f"{options.repeats}, taken in turn; {machine}. Memory: peak of a process that does it "
        "less that of one that only does the product, over the size of the array.",
        markdown(["", "time", "over the product", "memory over the array", "components"], rows),
        "More channels: the noise level, the elbow and the split half take a time beside the "
        "Gram matrix that does not depend on the number of pixels.",
        markdown(["pixels x channels", "`X.T @ X`", "`pca`", "over the product"], many),
    )
    print("all times:", seconds.round(2).tolist())
    if options.profile:
        print(stages(jobs[1]))


if __name__ == "__main__":
    main()
