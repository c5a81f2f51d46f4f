"""Command line: unmix files, or the built-in phantom; figures and signals go to a folder."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import batch

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.results.unmixing import Unmixing

SIGNAL_TYPES = ("EELS_unmix", "EDS_TEM_unmix", "EDS_SEM_unmix", "unmix")
WRITTEN = ("result.hspy", "overview.png", "scree.png", "summary.txt")
EXIT_INTERRUPTED = 130  # as shells call it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (ValueError, TypeError, OSError) as error:
        print(f"hyperspy_unmix: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hyperspy_unmix: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hyperspy_unmix",
        description="Component spectra and maps of a spectrum image.",
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="spectrum images, any format HyperSpy reads"
    )
    parser.add_argument("--demo", action="store_true", help="unmix the built-in phantom instead")
    parser.add_argument(
        "--recipe", metavar="FILE", help="choices of another result, from its u.recipe(FILE)"
    )
    parser.add_argument(
        "--joint",
        action="store_true",
        help="unmix all together: one set of spectra",
    )
    parser.add_argument(
        "--low-loss",
        metavar="FILE",
        nargs="+",
        action="extend",
        default=[],
        help="EELS low loss of the same scan: one, or one for each file",
    )
    parser.add_argument(
        "--signal-type", choices=SIGNAL_TYPES, help="default: what the file says it is"
    )
    parser.add_argument("--components", type=int, metavar="N", help="default: chosen by the data")
    parser.add_argument(
        "--assume",
        choices=("auto", "overlap", "pure"),
        help="pure: every component is alone in some pixels; overlap: spectra are independent; "
        "auto: what the data speak for (default: that of the recipe, or auto)",
    )
    parser.add_argument(
        "--reader", metavar="NAME", help="of HyperSpy, where the suffix does not tell the format"
    )
    parser.add_argument("--signal", type=int, metavar="N", help="which signal of a file of several")
    parser.add_argument(
        "-o", "--output", default="unmix-output", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace results that are already there"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    """Unmix what was asked for; returns the exit status."""
    if bool(options.files) == options.demo:
        raise ValueError("give a FILE to unmix, or --demo for the built-in phantom.")
    import matplotlib

    matplotlib.use("agg")
    import hyperspy.api as hs
    from hyperspy.exceptions import VisibleDeprecationWarning

    # What HyperSpy tells exspy about its version 3 is nothing for who runs this command.
    warnings.simplefilter("ignore", VisibleDeprecationWarning)
    hs.preferences.General.show_progressbar = False
    output = Path(options.output)
    if output.exists() and not output.is_dir():
        raise ValueError(f"-o {output} is a file; the name of a folder is needed.")
    if options.demo:
        _run_demo(options, output)
        return 0
    files = batch.expanded(options.files)
    if len(files) == 1 and not options.joint:
        _run_one(options, output, files[0], Path(files[0]).stem, _low_losses(options, files)[0])
        return 0
    return _run_many(options, output, files)


def _run_demo(options: argparse.Namespace, output: Path) -> None:
    """Unmix the built-in phantom, and say how far from its truth that is."""
    from .data import inclined_boundary
    from .workflow import unmix

    signal, low_loss, truth = inclined_boundary()
    files = _files(options, output, "demo")
    result = unmix(signal, **_choices(options, low_loss))
    _write(result, output, files, truth)
    print(result)
    _compare(result, truth)
    print("Written:", *files, sep="\n  ")


def _run_one(
    options: argparse.Namespace, output: Path, file: str, name: str, low_loss: str | None
) -> Unmixing:
    """Unmix one file."""
    from .workflow import unmix

    signal = _load(file, options.signal, options.reader)
    _set_type(signal, options.signal_type)
    loaded = None if low_loss is None else _load(low_loss, reader=options.reader)
    files = _files(options, output, name)
    result: Unmixing = unmix(signal, **_choices(options, loaded))
    _write(result, output, files)
    print(result)
    print("Written:", *files, sep="\n  ")
    return result


def _run_many(options: argparse.Namespace, output: Path, files: list[str]) -> int:
    """Unmix all files, each by itself or all together; one table at the end."""
    low_losses, names = _low_losses(options, files), batch.names_of(files)
    summary = output / batch.TABLE
    if summary.exists() and not options.overwrite:
        raise ValueError(_would_be_replaced([summary]))

    def say(file: str, row: batch.Row) -> None:
        print(f"hyperspy_unmix: {file}: {row.warnings}", file=sys.stderr)

    def run(i: int) -> batch.Row:
        return batch.row_of(files[i], _run_one(options, output, files[i], names[i], low_losses[i]))

    if options.joint:
        rows = _run_joint(options, output, files, low_losses, say)
    else:
        rows = batch.each(files, run, say)
    output.mkdir(parents=True, exist_ok=True)
    batch.write_table(summary, rows)
    print(f"\n{batch.table(rows)}\n\nWritten: {summary}")
    return int(any(row.has_failed for row in rows))


def _run_joint(
    options: argparse.Namespace,
    output: Path,
    files: list[str],
    low_losses: list[str | None],
    say: Callable[[str, batch.Row], None],
) -> list[batch.Row]:
    """Unmix together what can be read."""
    from .workflow import unmix

    signals: dict[int, Any] = {}
    of_files: dict[int, Any] = {}
    names = batch.names_of(files)

    def read(i: int) -> batch.Row:
        signal = _load(files[i], options.signal, options.reader)
        _set_type(signal, options.signal_type)
        low_loss = low_losses[i]
        of_files[i] = None if low_loss is None else _load(low_loss, reader=options.reader)
        _files(options, output, names[i])
        signals[i] = signal
        return batch.Row(files[i], "0")

    rows = batch.each(files, read, say)
    if not signals:
        return rows
    given = [of_files[i] for i in signals] if options.low_loss else None
    results = unmix(list(signals.values()), **_choices(options, given))
    for i, result in zip(signals, results, strict=True):
        written = _files(options, output, names[i])
        _write(result, output, written)
        print(result)
        print("Written:", *written, sep="\n  ")
        rows[i] = batch.row_of(files[i], result)
    return rows


def _low_losses(options: argparse.Namespace, files: list[str]) -> list[str | None]:
    return batch.one_for_each(files, batch.expanded(options.low_loss), "--low-loss")


def _choices(options: argparse.Namespace, low_loss: Any) -> dict[str, Any]:
    """Options of `unmix`: those of the recipe, then those of the command line."""
    own: dict[str, Any] = {}
    if options.components is not None:
        own["n_components"] = options.components
    if options.assume is not None:
        own["assume"] = options.assume
    if low_loss is not None:
        own["low_loss"] = low_loss
    if options.recipe is None:
        # As it was before there were recipes: a core loss alone has no low loss.
        return {"low_loss": None} | own
    from .arguments.recipe import read_recipe

    return read_recipe(options.recipe, **own)


def _files(options: argparse.Namespace, output: Path, name: str) -> list[Path]:
    """What is going to be written for one file; raises where that may not be replaced."""
    files = [output / f"{name}_{what}" for what in WRITTEN]
    present = [file for file in files if file.exists()]
    if present and not options.overwrite:
        raise ValueError(_would_be_replaced(present))
    return files


def _would_be_replaced(present: list[Path]) -> str:
    return (
        f"{', '.join(map(str, present))} would be replaced: choose another folder with -o, or "
        "--overwrite."
    )


def _load(file: str, number: int | None = None, reader: str | None = None) -> BaseSignal:
    """The file's only spectrum image, or the one asked for."""
    import hyperspy.api as hs

    if not Path(file).exists():
        raise ValueError(f"{file} does not exist.")
    if reader is None and Path(file).suffix == ".hdf5":
        reader = "HSPY"
    try:
        loaded = hs.load(file, file_format=reader)
    except Exception as error:  # readers raise whatever their format makes them
        raise ValueError(f"{file} could not be read: {error}") from error
    if not isinstance(loaded, list):
        return loaded
    listing = "\n".join(f"  {i}: {signal}" for i, signal in enumerate(loaded))
    if number is not None:
        if not 0 <= number < len(loaded):
            raise ValueError(f"--signal {number}: {file} holds\n{listing}")
        return loaded[number]
    images = [s for s in loaded if s.axes_manager.signal_dimension == 1 and s.data.ndim > 1]
    if len(images) != 1:
        raise ValueError(
            f"{file} holds {len(loaded)} signals, {len(images)} of them spectrum images:\n{listing}"
            "\nSay which with --signal N."
        )
    print(f"{file} holds\n{listing}\nTaken: {images[0]}")
    return images[0]


def _set_type(signal: BaseSignal, signal_type: str | None) -> None:
    """Make it one of our types: the one asked for, or that of the file."""
    if signal_type is None:
        present = str(signal.metadata.get_item("Signal.signal_type", default=""))
        signal_type = next((t for t in SIGNAL_TYPES if t in (present, f"{present}_unmix")), "unmix")
    signal.set_signal_type(signal_type)


def _write(result: Unmixing, output: Path, files: list[Path], truth: Any = None) -> None:
    """Write all of the files or none."""
    import matplotlib.pyplot as plt

    from .plotting import plot_overview
    from .storage.atomic_write import replacing_in

    with replacing_in(output) as new:
        saved, overview, scree, summary = (new / file.name for file in files)
        reference = None if truth is None else (truth.spectra, truth.maps)
        names = None if truth is None else truth.names
        plot_overview(result, reference, names).savefig(overview, dpi=120)
        result.plot_scree().figure.savefig(scree, dpi=120)
        plt.close("all")
        result.save(saved)
        summary.write_text(f"{result}\n", encoding="utf-8")


def _compare(result: Unmixing, truth: Any) -> None:
    """Print how far each component is from the phantom's truth."""
    import numpy as np

    from .plotting import nearest

    axis = result.spectra.axes_manager.signal_axes[0].axis
    true_axis = truth.spectra.axes_manager.signal_axes[0].axis
    for i, j in enumerate(nearest(result.spectra.data, truth.spectra, axis)):
        spectrum = result.spectra.data[i]
        true_spectrum = np.interp(axis, true_axis, truth.spectra.data[j])
        product = spectrum @ true_spectrum
        cosine = product / np.linalg.norm(spectrum) / np.linalg.norm(true_spectrum)
        ratio = np.nansum(result.maps.data[i]) / truth.maps.data[j].sum()
        print(
            f"  component {i} is {truth.names[j]}: {np.degrees(np.arccos(min(cosine, 1))):.1f} "
            f"degrees from the true spectrum, {ratio:.2f} of its counts"
        )


if __name__ == "__main__":
    sys.exit(main())
