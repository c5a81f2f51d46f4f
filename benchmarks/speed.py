"""How fast the complete `unmix()` is: `python benchmarks/speed.py`.

Beside one product `X.T @ X` of the same array, and what HyperSpy's users do now:
`decomposition(True, output_dimension=20)` or the default `decomposition(True)`, with
`blind_source_separation(4)`. Poisson counts of three phases, float32, 256 x 256 pixels of 1 024,
2 048 and 4 096 channels; 512 x 512 x 2 048 of 50 counts, uint8, as EDS maps are. Dual EELS is
compared with the chain of exspy and HyperSpy: `remove_background`,
`fourier_ratio_deconvolution`, decomposition, blind source separation. Memory is the
largest anonymous memory of a fresh process at work less that before, over the size of the data.
Tables are written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from typing import Any

from common.speed_scenes import (
    best_in_turn,
    counts,
    dual,
    eds_counts,
    extra_memory,
    print_extra_memory,
    seconds,
)
from common.tables import markdown, publish, quiet, system

WINDOW = (448.0, 526.5)  # eV, that ours finds before the O-K edge of the dual EELS
OURS, PRODUCT = "`unmix()`", "`X.T @ X`"
FEW, ALL = "HyperSpy, 20 components", "HyperSpy, all components"
EXSPY = "exspy and HyperSpy"
GOALS = {  # over the product; HyperSpy over ours, with 20 components and with all
    1024: ("2", "6", "50"),
    2048: ("1", "8", ""),
    4096: ("0.6", "10", ""),
}
LARGE = (512, 2048, 50.0)  # pixels along each axis, channels, counts in a spectrum


def unmix(signal: Any, low_loss: Any = None) -> Any:
    """The default call; the low loss is an argument only where there is one.

    A signal of its own over the same data each time: of the last one its steps would be known.
    """
    import hyperspy_unmix

    given = {} if low_loss is None else {"low_loss": low_loss}
    return hyperspy_unmix.unmix(signal._deepcopy_with_new_data(signal.data), **given)


def hyperspy(signal: Any, dimension: int | None, n: int = 4) -> None:
    """Decomposition with Poisson weights, and ICA, in place."""
    signal.decomposition(True, output_dimension=dimension, print_info=False)
    signal.blind_source_separation(n, print_info=False)


def exspy(signal: Any, low_loss: Any, window: tuple[float, float], n: int) -> None:
    """Background subtraction, Fourier ratio, decomposition and ICA."""
    single = signal.remove_background(window, "PowerLaw", fast=True, zero_fill=False)
    single = single.fourier_ratio_deconvolution(
        low_loss, extrapolate_coreloss=False, extrapolate_lowloss=False
    )
    # the Poisson weights of the decomposition take no negative values
    single.data = single.data.clip(0)
    hyperspy(single, 20, n)


def generic(side: int, channels: int, repeats: int, with_all: bool) -> list[list[str]]:
    """Rows of the table for one number of channels."""
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(counts(side, channels))
    rows = signal.data.reshape(-1, channels)
    ours: dict[str, Callable[[], Any]] = {
        PRODUCT: lambda: rows.T @ rows,
        OURS: lambda: unmix(signal),
    }
    times = best_in_turn(ours, repeats)
    for name, dimension in ((FEW, 20), (ALL, None)):
        if dimension or with_all:
            copy = signal.deepcopy()
            times[name] = seconds(lambda copy=copy, k=dimension: hyperspy(copy, k))
            del copy
            gc.collect()
    names = {PRODUCT: "", OURS: GOALS[channels][0], FEW: "", ALL: ""}
    over_ours = {FEW: GOALS[channels][1], ALL: GOALS[channels][2]}
    table = []
    for name, t in times.items():
        ratio = [f"{t / times[PRODUCT]:.2f}", names[name]]
        ratio += [f"{t / times[OURS]:.1f}", over_ours.get(name, "")]
        table.append([f"{channels} channels: {name}", f"{t:.2f} s", *ratio])
        print(table[-1], flush=True)
    return table


def of_dual(side: int, repeats: int) -> list[list[str]]:
    """Rows of the table for dual EELS."""
    signal, low_loss = dual(side)
    times = best_in_turn({OURS: lambda: unmix(signal, low_loss)}, repeats)
    u = unmix(signal, low_loss)
    window = tuple(u.settings["background"].value)
    times[EXSPY] = seconds(lambda: exspy(signal, low_loss, window, u.n_components))
    return [
        [f"dual EELS: {name}", f"{t:.2f} s", f"{t / times[OURS]:.1f}", goal]
        for (name, t), goal in zip(times.items(), ("", "20"), strict=True)
    ]


def of_large() -> list[list[str]]:
    """Rows of the table of a large EDS map, ours and HyperSpy's once each."""
    import hyperspy.api as hs

    side, channels, total = LARGE
    signal = hs.signals.Signal1D(eds_counts(side, channels, total))
    times = {OURS: seconds(lambda: unmix(signal))}
    signal.change_dtype("float32")  # HyperSpy decomposes nothing else
    times[FEW] = seconds(lambda: hyperspy(signal, 20))
    return [
        [name, f"{t:.1f} s", f"{t / times[OURS]:.1f}", goal]
        for (name, t), goal in zip(times.items(), ("", "10"), strict=True)
    ]


def of_wide(repeats: int) -> list[list[str]]:
    """Rows of the table of axes of many channels, with few counts; the first has fewer."""
    import hyperspy.api as hs

    jobs: dict[str, Callable[[], Any]] = {}
    for side, channels in ((256, 1024), (128, 4096), (16, 4096)):
        signal = hs.signals.Signal1D(eds_counts(side, channels))
        jobs[f"{side} x {side} x {channels}"] = lambda signal=signal: unmix(signal)
    times = best_in_turn(jobs, repeats)
    first = next(iter(times.values()))
    return [
        [name, f"{t:.2f} s", f"{t / first:.2f}", goal]
        for (name, t), goal in zip(times.items(), ("", "1.5", "1.5"), strict=True)
    ]


def child(what: str, name: str, side: int) -> None:
    """A process that makes data, does one job, and prints what memory that took."""
    import hyperspy.api as hs

    quiet()
    small = hs.signals.Signal1D(counts(16, 128))
    unmix(small)  # what is imported is not counted
    hyperspy(small, 3, 2)
    if what == "dual":
        signal, low_loss = dual(side)
    else:
        signal, low_loss = hs.signals.Signal1D(counts(side, int(what))), None
    jobs: dict[str, Callable[[], Any]] = {
        OURS: lambda: unmix(signal, low_loss),
        FEW: lambda: hyperspy(signal, 20),
        EXSPY: lambda: exspy(signal, low_loss, WINDOW, 2),
    }
    print_extra_memory(jobs[name])


def memory(side: int) -> list[list[str]]:
    """Rows of the table of extra memory."""
    rows = []
    for what, names in (("1024", (OURS, FEW)), ("2048", (OURS, FEW)), ("dual", (OURS, EXSPY))):
        channels = 2048 if what == "dual" else int(what)
        size = side**2 * channels * 4
        for name in names:
            extra = extra_memory(__file__, "--job", what, name, "--side", str(side))
            label = "dual EELS" if what == "dual" else f"{what} channels"
            goal = "0.5" if name == OURS and what != "dual" else ""
            rows.append([f"{label}: {name}", f"{extra / size:.2f}", goal])
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="pixels along x and y")
    parser.add_argument("--repeats", type=int, default=5, help="of ours, of which the best counts")
    parser.add_argument("--full", action="store_true", help="all components for 2 048 channels too")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return child(*options.job, options.side)
    quiet()
    machine = system()
    extra = memory(options.side)
    rows = [
        row
        for channels in GOALS
        for row in generic(
            options.side, channels, options.repeats, options.full or channels == 1024
        )
    ]
    publish(
        "speed",
        "Time and memory of the complete unmix()",
        f"{options.side**2} pixels, float32; ours and the product best of {options.repeats}, taken "
        f"in turn, the others once; {machine}.",
        markdown(["", "time", "over the product", "goal", "over `unmix()`", "goal"], rows),
        "Dual EELS, 1 024 channels each, background and plural scattering taken out:",
        markdown(
            ["", "time", "over `unmix()`", "goal"],
            of_dual(options.side, options.repeats),
        ),
        f"{LARGE[0]} x {LARGE[0]} x {LARGE[1]}, {LARGE[2]:g} counts in a spectrum, uint8:",
        markdown(["", "time", "over `unmix()`", "goal"], of_large()),
        "Wide axes, 60 counts in a spectrum, uint8:",
        markdown(["", "time", "over the first", "goal"], of_wide(options.repeats)),
        "Memory beside the data, over their size:",
        markdown(["", "extra memory", "goal"], extra),
    )


if __name__ == "__main__":
    main()
