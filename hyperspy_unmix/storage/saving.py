"""Saving results and loading them again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hyperspy_unmix import __version__
from hyperspy_unmix.components.as_signals import as_recorded
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.preparation.spectrum_image import Image

from . import containers
from .atomic_write import may_write, replacing
from .missing_counts import Absent, CountsMissingError
from .record import recorded
from .saved_classes import saved_classes

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

VERSION = 2  # of what is recorded; a change needs the next number, and older files still loaded
COUNTS_IN_FILE = "counts"  # name of the counts as recorded among the signals of a file


def save(result: Components, filename: str | Path, overwrite: bool | None, counts: bool) -> None:
    """Write a result as a whole, with or without the counts; see `Unmixing.save`."""
    path = checked_path(filename)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}.")
    if counts and isinstance(result.prepared.image.blocks.data, Absent):
        raise CountsMissingError
    if not may_write(path, overwrite):
        return
    text, arrays = recorded(result, saved_classes())
    about = {"version": VERSION, "package_version": __version__, "counts": counts}
    with replacing(path) as new:
        containers.write(new, _signals(result, counts), about, text, arrays)


def checked_path(filename: str | Path) -> Path:
    """The path, of a suffix that HyperSpy knows for its own files."""
    path = Path(filename).expanduser()
    if not path.name:
        raise ValueError(f"{str(filename)!r} is no name of a file: 'result.hspy', for example.")
    if not path.suffix:
        path = path.with_suffix(".hspy")
    # HyperSpy finds .HSPY, but not .ZSPY.
    if path.suffix not in (*containers.SUFFIXES, ".HSPY"):
        raise ValueError(
            f"{path.name}: results are kept in HyperSpy's own formats, .hspy or .zspy; "
            ".export(folder) writes .msa and .tif."
        )
    if path.suffix == ".zspy":
        _check_zarr(path)
    # A link is written through, not replaced.
    return path.resolve()


def _check_zarr(path: Path) -> None:
    """Raise ImportError where zarr is not there, or does not go with what it needs itself."""
    try:
        import zarr  # noqa: F401
    except Exception as error:
        raise ImportError(
            f"{path.name}: .zspy needs zarr, which cannot be imported ({error}): pip install "
            '"hyperspy-unmix[all]" brings one that can; .hspy needs nothing more.'
        ) from error


def _signals(result: Components, counts: bool) -> dict[str, BaseSignal]:
    """What HyperSpy finds in the file, by name, the largest first."""
    signals = {COUNTS_IN_FILE: _counts_of(result.prepared.image)} if counts else {}
    signals |= {
        "spectra": result.spectra,
        "spectra counts": result.spectra_counts,
        "maps": result.maps,
    }
    if result.thickness is not None:
        signals["thickness"] = result.thickness
    about = {
        "components": list(result.names),
        "stability": [float(index) for index in result.stability],
        "summary": repr(result),
    }
    for name, signal in signals.items():
        # The counts are a signal of their own already, and large.
        signals[name] = signal = signal.deepcopy() if name != COUNTS_IN_FILE else signal
        signal.metadata.add_dictionary({"Unmixing": {"holds": name, **about}})
    return signals


def _counts_of(image: Image) -> BaseSignal:
    """The counts as they were recorded, and their variance if that was given."""
    signal = as_recorded(image)
    if image.blocks.variance is not None:
        variance = image.frame.deepcopy()
        variance.data = image.blocks.variance
        signal.set_noise_variance(variance)
    return signal
