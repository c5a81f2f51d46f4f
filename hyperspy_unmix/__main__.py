"""Command line: unmix a file, or the built-in phantom; figures and signals go to a folder."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        _run(options)
    except (ValueError, TypeError, OSError) as error:
        print(f"hyperspy_unmix: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hyperspy_unmix: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hyperspy_unmix",
        description="Component spectra and maps of a spectrum image.",
    )
    parser.add_argument("file", nargs="?", help="spectrum image, any format HyperSpy reads")
    parser.add_argument("--demo", action="store_true", help="unmix the built-in phantom instead")
    parser.add_argument("--low-loss", metavar="FILE", help="EELS low loss of the same scan")
    parser.add_argument(
        "--signal-type", choices=SIGNAL_TYPES, help="default: what the file says it is"
    )
    parser.add_argument("--components", type=int, metavar="N", help="default: chosen by the data")
    parser.add_argument(
        "--assume",
        choices=("auto", "overlap", "pure"),
        default="auto",
        help="pure: every component is alone in some pixels; overlap: spectra are independent; "
        "auto: what the data speak for (default: %(default)s)",
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


def _run(options: argparse.Namespace) -> None:
    if bool(options.file) == options.demo:
        raise ValueError("give a FILE to unmix, or --demo for the built-in phantom.")
    import matplotlib

    matplotlib.use("agg")
    import hyperspy.api as hs
    from hyperspy.exceptions import VisibleDeprecationWarning

    from hyperspy_unmix.storage.atomic_write import replacing_in

    from .workflow import unmix

    # What HyperSpy tells exspy about its version 3 is nothing for who runs this command.
    warnings.simplefilter("ignore", VisibleDeprecationWarning)
    hs.preferences.General.show_progressbar = False
    truth = None
    if options.demo:
        from .data import inclined_boundary

        signal, low_loss, truth = inclined_boundary()
        name = "demo"
    else:
        signal, name = _load(options.file, options.signal, options.reader), Path(options.file).stem
        low_loss = _load(options.low_loss, reader=options.reader) if options.low_loss else None
        _set_type(signal, options.signal_type)
    output = Path(options.output)
    if output.exists() and not output.is_dir():
        raise ValueError(f"-o {output} is a file; the name of a folder is needed.")
    files = [f"{name}_{what}" for what in WRITTEN]
    present = [str(output / file) for file in files if (output / file).exists()]
    if present and not options.overwrite:
        raise ValueError(
            f"{', '.join(present)} would be replaced: choose another folder with -o, or "
            "--overwrite."
        )
    n_components: Any = "auto" if options.components is None else options.components
    result = unmix(signal, n_components, low_loss=low_loss, assume=options.assume)
    with replacing_in(output) as new:
        _write(result, [new / file for file in files], truth)
    print(result)
    if truth is not None:
        _compare(result, truth)
    print("Written:", *(output / file for file in files), sep="\n  ")


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


def _write(result: Unmixing, targets: list[Path], truth: Any) -> None:
    from .plotting import plot_overview

    saved, overview, scree, summary = targets
    reference = None if truth is None else (truth.spectra, truth.maps)
    names = None if truth is None else truth.names
    plot_overview(result, reference, names).savefig(overview, dpi=120)
    result.plot_scree().figure.savefig(scree, dpi=120)
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
