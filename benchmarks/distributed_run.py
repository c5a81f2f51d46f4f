"""Threads and a cluster of two processes: `python benchmarks/distributed_run.py`.

The same file is unmixed by the threads of one process, by the two workers of a
`dask.distributed.LocalCluster`, and by two workers of which one is killed in the middle of the Gram
matrices. Spectra and maps must be the same within 1e-4 of their largest values; the tasks are
counted on the workers, by a plugin of theirs. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import os
import signal as signals
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from common.speed_scenes import counts
from common.tables import markdown, publish, quiet, system
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin

CHUNK = 32


class Done(SchedulerPlugin):
    """Which worker has done which tasks."""

    name = "done"

    def __init__(self) -> None:
        self.tasks: Counter[tuple[str, str]] = Counter()

    def transition(self, key: Any, start: str, finish: str, *_: Any, **more: Any) -> None:
        """Count tasks of the passes when they end."""
        if start == "processing" and finish == "memory" and isinstance(key, tuple):
            self.tasks[str(more.get("worker", "?")), str(key[0]).split("-")[0]] += 1


def done(dask_scheduler: Any) -> dict[tuple[str, str], int]:
    """What the plugin counted."""
    return dict(dask_scheduler.plugins["done"].tasks)


def unmix(path: Path) -> tuple[float, Any]:
    """Seconds, and the result."""
    import hyperspy.api as hs

    import hyperspy_unmix

    start = time.perf_counter()
    u = hyperspy_unmix.unmix(hs.load(path, lazy=True))
    return time.perf_counter() - start, u


def kill_one(client: Client, stage: str, after: int) -> None:
    """Kill a worker once so many tasks of a stage are done."""
    workers = client.run(os.getpid)
    while True:
        tasks = client.run_on_scheduler(done)
        if sum(n for (_, name), n in tasks.items() if name == stage) >= after:
            break
        time.sleep(0.02)
    os.kill(next(iter(workers.values())), signals.SIGKILL)


def on_cluster(path: Path, kill: bool) -> tuple[float, Any, str]:
    """Seconds, the result, and what was done where."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.register_plugin(Done())
        # what the workers have to import is not the passes' time
        client.run(lambda: __import__("hyperspy_unmix.numerics.compression.weighted_pca") and None)
        if kill:
            threading.Thread(target=kill_one, args=(client, "Gram_matrix", 2)).start()
        seconds, u = unmix(path)
        tasks = client.run_on_scheduler(done)
    return seconds, u, said(tasks)


def said(tasks: dict[tuple[str, str], int]) -> str:
    """Tasks of each stage, worker by worker."""
    workers = sorted({worker for worker, _ in tasks})
    stages = [s for s in ("first_pass", "Gram_matrix", "scores") if any(s == t for _, t in tasks)]
    return "; ".join(
        f"{stage.replace('_', ' ')} " + " + ".join(str(tasks.get((w, stage), 0)) for w in workers)
        for stage in stages
    )


def difference(u: Any, reference: Any) -> float:
    """Largest difference of spectra and maps, over their largest value."""
    pairs = [(getattr(x, name).data for x in (u, reference)) for name in ("spectra", "maps")]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="pixels along x and y")
    parser.add_argument("--channels", type=int, default=1024)
    options = parser.parse_args()
    quiet()
    import dask
    import hyperspy.api as hs

    machine = system()
    with tempfile.TemporaryDirectory() as folder, dask.config.set({"array.chunk-size": "32MiB"}):
        path = Path(folder) / "counts.zspy"  # HDF5 files cannot be sent to other processes
        shape = (CHUNK, CHUNK, options.channels)
        hs.signals.Signal1D(counts(options.side, options.channels)).save(path, chunks=shape)
        unmix(path)
        plain, reference = unmix(path)
        rows = [["threads of one process", f"{plain:.1f} s", "-", "-"]]
        for name, kill in (("two processes", False), ("two, one of them killed", True)):
            seconds, u, tasks = on_cluster(path, kill)
            rows.append([name, f"{seconds:.1f} s", f"{difference(u, reference):.1e}", tasks])
            print(rows[-1], flush=True)
    rows.append(["goal", "", "1e-4", ""])
    publish(
        "distributed_run",
        "Threads, and a cluster of two processes",
        f"{options.side**2} pixels, {options.channels} channels, float32, groups of chunks of "
        f"32 MiB; {machine}. Tasks are counted on each worker; a worker that was killed comes "
        "back as another.",
        markdown(["", "time", "largest difference", "tasks, worker by worker"], rows),
    )


if __name__ == "__main__":
    main()
