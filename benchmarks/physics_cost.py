"""What the physics stages cost beside the PCA: `python benchmarks/physics_cost.py`.

Dual EELS of 256 x 256 pixels, 1 024 channels of core loss and 1 024 of low loss, Poisson counts of
two oxides in an inclined boundary. The goal: low loss, energy shift, background and plural
scattering together take at most the time of the PCA. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import eels_scenes  # noqa: F401  (one thread, before numpy is there)
from common.speed_scenes import LOW_LOSS_CHANNELS, dual
from common.tables import markdown, publish, quiet, system

import hyperspy_unmix

SIDE, REPEATS = 256, 3


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of one thread: that of others on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure, and write the table."""
    quiet()
    machine = system()
    signal, low_loss = dual(SIDE)
    off = {"low_loss": None, "background": None, "energy_shift": None}
    jobs: dict[str, Callable[[], Any]] = {
        "PCA alone": lambda: hyperspy_unmix.pca(signal, **off),
        "with background": lambda: hyperspy_unmix.pca(signal, low_loss=None, energy_shift=None),
        "with background and energy shift of the spectra": lambda: hyperspy_unmix.pca(
            signal, low_loss=None
        ),
        "with low loss, energy shift, background, plural scattering": lambda: hyperspy_unmix.pca(
            signal, low_loss=low_loss
        ),
        "the same and ICA: `unmix`": lambda: hyperspy_unmix.unmix(signal, low_loss=low_loss),
    }
    # in turn, so that all meet the same machine
    times = np.array([[seconds(work) for work in jobs.values()] for _ in range(REPEATS)]).min(0)
    rows = [
        [name, f"{t:.2f} s", f"{t / times[0]:.2f}", f"{t / times[0] - 1:.2f}"]
        for name, t in zip(jobs, times, strict=True)
    ]
    publish(
        "physics_cost",
        "Cost of the physics stages",
        f"{SIDE**2} pixels, {signal.data.shape[-1]} channels of core loss and {LOW_LOSS_CHANNELS} "
        f"of low loss, float32; processor time of one thread, best of {REPEATS}, taken in turn; "
        f"{machine}. Goal: the physics at most 1 time the PCA.",
        markdown(["", "time", "over the PCA", "physics over the PCA"], rows),
    )


if __name__ == "__main__":
    main()
