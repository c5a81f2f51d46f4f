"""How fast the interactive tool answers: `python benchmarks/interactive.py`.

Core-shell particles, 128 x 128 x 1024, with their low loss: a change of the number of components,
of the background window, and the picture that follows. Median of nine changes. Ten seconds. The
table goes to docs/benchmarks/.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common.tables import markdown, publish, quiet, system

from hyperspy_unmix import data, unmix

SHAPE, TIMES = (128, 128), 9


def median(changes: list[Callable[[], Any]]) -> float:
    """Of the seconds that they take."""
    taken = []
    for change in changes:
        start = time.perf_counter()
        change()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    """Measure, and write the table."""
    quiet()
    told = system()
    phantom = data.core_shell(shape=SHAPE)
    start = time.perf_counter()
    unmix(phantom.signal, low_loss=phantom.low_loss)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    tool = unmix(phantom.signal, interactive=True, low_loss=phantom.low_loss)
    opened = time.perf_counter() - start
    figure = tool.shown()
    figure.png()
    numbers = [lambda n=n: setattr(tool, "n_components", n) for n in (2, 3, 4) * (TIMES // 3)]
    number = median(numbers)
    tool.n_components = 3
    windows = [lambda i=i: tool.set_background(450.0 + 3 * i, 522.0) for i in range(TIMES)]
    window = median(windows)
    picture = median([figure.png] * TIMES)
    rows = [
        ["unmix()", f"{whole:.2f}", "-"],
        ["the tool opened", f"{opened:.2f}", "-"],
        ["another number of components", f"{number:.2f}", f"{number + picture:.2f}"],
        ["another background window", f"{window:.2f}", f"{window + picture:.2f}"],
    ]
    publish(
        "interactive",
        "The interactive tool",
        f"128 x 128 x 1024 with its low loss ({told}). The counts are not read again; background, "
        "plural scattering and unmixing are done anew in compressed form.",
        markdown(["", "s", "s, with the picture"], rows),
    )


if __name__ == "__main__":
    main()
