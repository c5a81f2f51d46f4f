"""Data of the benchmarks of speed, and how time and memory are taken."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 2048  # spectra drawn at once, so that drawing them leaves no peak of its own
COUNTS = 20
LOW_LOSS_CHANNELS = 1024


def counts(side: int, channels: int) -> np.ndarray:
    """Poisson counts of three phases, (side, side, channels), float32."""
    generator = np.random.default_rng(0)
    energy = np.arange(channels)
    centres = (0.2 * channels, 0.5 * channels, 0.8 * channels)
    spectra = COUNTS * np.array([0.2 + np.exp(-(((energy - c) / 60) ** 2)) for c in centres])
    drawn = np.empty((side**2, channels), np.float32)
    for start in range(0, len(drawn), BLOCK):
        share = generator.dirichlet(np.ones(3), len(drawn[start : start + BLOCK]))
        drawn[start : start + BLOCK] = generator.poisson(share @ spectra)
    return drawn.reshape(side, side, channels)


def eds_counts(side: int, channels: int, total: float = 60.0) -> np.ndarray:
    """Poisson counts of three phases, ``total`` in a spectrum, (side, side, channels), uint8.

    Lines on bremsstrahlung; most values are zero.
    """
    generator = np.random.default_rng(0)
    energy = np.arange(channels) / channels
    lines = [np.exp(-(((energy - c) / 0.004) ** 2) / 2) for c in (0.05, 0.1, 0.17, 0.3, 0.42)]
    background = 0.05 * np.exp(-energy / 0.15)
    spectra = np.array([background + lines[k] + 0.6 * lines[k + 2] for k in range(3)])
    spectra *= total / spectra.sum(1, keepdims=True)
    drawn = np.empty((side**2, channels), np.uint8)
    for start in range(0, len(drawn), BLOCK):
        share = generator.dirichlet(np.ones(3), len(drawn[start : start + BLOCK]))
        drawn[start : start + BLOCK] = generator.poisson(share @ spectra)
    return drawn.reshape(side, side, channels)


def dual(side: int) -> tuple[Any, Any]:
    """Core loss and low loss of an inclined boundary, float32.

    The low loss goes on with its last mean counts.
    """
    from hyperspy_unmix import data

    signal, low_loss, _ = data.inclined_boundary(shape=(side, side))
    more = LOW_LOSS_CHANNELS - low_loss.data.shape[-1]
    level = float(low_loss.data[..., -64:].mean())
    tail = np.random.default_rng(0).poisson(level, (side, side, more))
    longer = low_loss._deepcopy_with_new_data(
        np.concatenate([low_loss.data, tail], -1).astype(np.float32)
    )
    longer.axes_manager.signal_axes[0].size = LOW_LOSS_CHANNELS
    signal.data = signal.data.astype(np.float32)
    return signal, longer


def seconds(work: Callable[[], Any]) -> float:
    """Wall time."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best_in_turn(jobs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Best time of each job; they take turns, so that all meet the same load of the machine."""
    times = np.array([[seconds(work) for work in jobs.values()] for _ in range(repeats)])
    return dict(zip(jobs, times.min(0).tolist(), strict=True))


@contextmanager
def resident(interval: float = 0.02) -> Iterator[list[int]]:
    """Largest anonymous memory while inside, in bytes: pages of files do not count."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(interval):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            lines = dict(line.split(":", 1) for line in status.splitlines())
            peak[0] = max(peak[0], 1024 * int(lines["RssAnon"].split()[0]))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def extra_memory(script: str, *arguments: str) -> int:
    """Bytes that a fresh process prints last, see `print_extra_memory`."""
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def print_extra_memory(work: Callable[[], Any]) -> None:
    """Largest anonymous memory of this process while it works, less that before."""
    with resident() as before:
        time.sleep(0.1)
    with resident() as peak:
        work()
    print(peak[0] - before[0])
