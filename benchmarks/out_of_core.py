"""Data larger than memory: `python benchmarks/out_of_core.py`.

A file of 16 GB (2048 x 2048 pixels, 1024 channels, float32: Poisson counts of three phases), made
here, in chunks of 4 MB that span the energy axis; uncompressed, and as HyperSpy saves by default.
It is loaded lazily by a process that has 4 GB of memory, the page cache included, where the system
lets control groups be made (else its private memory is limited): the sum of all values, the
complete `unmix()`, and the sum again. The goals are 2 GB of resident memory, and four times the
time of the sum. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common.speed_scenes import resident
from common.tables import markdown, publish, quiet, system

GB = 2**30
CHUNK = 32  # pixels along both axes of the scan
COUNTS = 2.0  # a channel
GROUPS = Path("/sys/fs/cgroup/memory")
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "uncompressed": (".hspy", {"compression": None}),
    "default": (".hspy", {}),
    "zspy": (".zspy", {}),
}


def make(path: Path, side: int, channels: int, **options: Any) -> None:
    """Write the counts, chunk by chunk."""
    import dask.array as da
    import hyperspy.api as hs

    energy = np.arange(channels)
    centres = (0.2 * channels, 0.5 * channels, 0.8 * channels)
    width = 0.06 * channels
    spectra = COUNTS * np.array([0.2 + np.exp(-(((energy - c) / width) ** 2)) for c in centres])

    def counts(block_info: Any = None) -> np.ndarray:
        info = block_info[None]
        generator = np.random.default_rng(list(info["chunk-location"]))
        share = generator.dirichlet(np.ones(3), info["chunk-shape"][:2])
        return generator.poisson(share @ spectra).astype(np.float32)

    edges = tuple([CHUNK] * (side // CHUNK))
    data = da.map_blocks(
        counts, chunks=(edges, edges, (channels,)), dtype=np.float32, meta=np.empty((0, 0, 0))
    )
    signal = hs.signals.Signal1D(data).as_lazy()
    shape = (CHUNK, CHUNK, channels)
    signal.save(path, chunks=shape, show_progressbar=False, **options)


def sum_up(signal: Any) -> str:
    """Everything read once."""
    return f"{float(signal.data.sum().compute()):.0f} counts"


def unmix(signal: Any) -> str:
    """The default call, and its result asked for."""
    import hyperspy_unmix

    u = hyperspy_unmix.unmix(signal)
    return f"{u.n_components} components, maps of {u.maps.data.nbytes / GB:.2f} GB"


JOBS: dict[str, Callable[[Any], str]] = {"sum": sum_up, "unmix": unmix}


def child(name: str, path: str) -> None:
    """The process that is limited: does one job, prints how it went."""
    import hyperspy.api as hs

    quiet()
    signal = hs.load(path, lazy=True)
    with resident() as peak:
        start = time.perf_counter()
        said = JOBS[name](signal)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak[0], "said": said}))


def own_group() -> Path:
    """The control group of this process, whose limits hold for groups within it too."""
    lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    own = [line.split(":")[2] for line in lines if ":memory:" in line]
    return GROUPS / own[0].strip("/") if own else GROUPS


def limited(name: str, path: Path, limit: int) -> dict[str, Any]:
    """Do a job in a process of limited memory."""
    group = own_group() / f"unmix-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
    except OSError:
        group = None

    def limit_self() -> None:
        if group is None:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        else:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    command = [sys.executable, __file__, "--job", name, str(path)]
    try:
        done = subprocess.run(command, preexec_fn=limit_self, capture_output=True, text=True)
    finally:
        if group is not None:
            group.rmdir()
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    how = "private memory" if group is None else "memory and page cache"
    return {**json.loads(done.stdout.splitlines()[-1]), "limit": how}


def measure(path: Path, what: str, limit: int, repeats: int) -> list[list[str]]:
    """Rows of the table for one file."""
    order = ["sum", *["unmix", "sum"] * repeats]
    found = [limited(name, path, limit) for name in order]
    sums = [f["seconds"] for name, f in zip(order, found, strict=True) if name == "sum"]
    rows = []
    for name, f in zip(order, found, strict=True):
        ratio = f["seconds"] / float(np.mean(sums))
        rows.append(
            [
                f"`{path.suffix}` ({what}), {name}",
                f"{f['seconds']:.1f} s",
                f"{ratio:.2f}",
                f"{f['peak'] / GB:.2f} GB",
                f["said"],
            ]
        )
        print(rows[-1], flush=True)
    return [*rows, [f"limited: {found[0]['limit']}", "", "", "", ""]]


def main() -> None:
    """Make the files, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048, help="pixels along x and y")
    parser.add_argument("--channels", type=int, default=1024)
    parser.add_argument("--limit", type=float, default=4, help="GB of memory")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=["uncompressed", "default"]
    )
    parser.add_argument("--folder", help="where the files are made; default a temporary one")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return child(*options.job)
    machine = system()
    size = options.side**2 * options.channels * 4 / GB
    rows = []
    for what in options.formats:
        suffix, saving = FORMATS[what]
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / f"counts{suffix}"
            make(path, options.side, options.channels, **saving)
            rows += measure(path, what, int(options.limit * GB), options.repeats)
    rows.append(["goal of `unmix`", "", "4", "2 GB", ""])
    explained = (
        "Over the sum: over the mean of the sums before and after. Uncompressed, the sum is as "
        "fast as memory and disk; then the Gram matrices, at two cores, take more than the reading."
    )
    publish(
        "out_of_core",
        "Data larger than memory",
        f"{options.side} x {options.side} pixels, {options.channels} channels, float32: "
        f"{size:.0f} GB, in chunks of {CHUNK} x {CHUNK} pixels; processes of {options.limit:g} GB, "
        f"one after the other; {machine}.",
        markdown(["", "time", "over the sum", "anonymous memory", "result"], rows),
        explained,
    )


if __name__ == "__main__":
    main()
