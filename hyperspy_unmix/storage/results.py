"""Saving results and loading them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_unmix import __version__
from hyperspy_unmix.image import Image, framed_as
from hyperspy_unmix.unmixing import Unmixing
from hyperspy_unmix.wrapping import as_recorded

from . import containers
from .absent import Absent, CountsMissingError, fingerprint
from .kept import KEPT
from .record import recorded, restored
from .replacing import may_write, replacing
from .vetting import check_file

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

VERSION = 1  # of what is recorded; a change needs the next number, and older files still loaded
COUNTS = "counts"


def save(result: Unmixing, filename: str | Path, overwrite: bool | None, counts: bool) -> None:
    """See `Unmixing.save`."""
    path = _checked(filename)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}.")
    if counts and isinstance(result.pca.prepared.image.blocks.data, Absent):
        raise CountsMissingError
    if not may_write(path, overwrite):
        return
    text, arrays = recorded(result, KEPT)
    about = {"version": VERSION, "package_version": __version__, "counts": counts}
    with replacing(path) as new:
        containers.write(new, _signals(result, counts), about, text, arrays)


def load(filename: str | Path, signal: BaseSignal | None = None) -> Unmixing:
    """A result that was saved with `Unmixing.save`.

    Parameters
    ----------
    filename : str or Path
        ``.hspy`` or ``.zspy``.
    signal : BaseSignal, optional
        What was unmixed. ``residual()``, ``plot_fit()`` and ``plot_residual()`` need its counts,
        unless they were saved with the result; everything else is in the file.

    Returns
    -------
    Unmixing
        As it was, bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If it is not a whole result, or of a later version of this package, or the signal is not
        what was unmixed.
    """
    path = _checked(filename)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        check_file(path)
        about, text, arrays = containers.read(path)
        version = int(about["version"])
    except PermissionError:
        raise
    except Exception as error:
        raise _broken(path, error) from error
    if version > VERSION:
        raise ValueError(
            f"{path} was saved by hyperspy_unmix {about.get('package_version')}, this is "
            f"{__version__}: a later version is needed to load it. HyperSpy's own load() gives the "
            "spectra and maps."
        )
    try:
        result = restored(text, arrays, KEPT)
    except Exception as error:
        raise _broken(path, error) from error
    if not isinstance(result, Unmixing):
        raise _broken(path, "it holds something else")
    if signal is None and about.get("counts"):
        signal = _counts_in(path, lazy=hasattr(result.pca.prepared.image.frame.data, "dask"))
    return result if signal is None else _with_counts(result, signal)


def _checked(filename: str | Path) -> Path:
    """The path, of a suffix that HyperSpy knows for its own files."""
    path = Path(filename).expanduser()
    if not path.name:
        raise ValueError(f"{str(filename)!r} is no name of a file: 'result.hspy', for example.")
    if not path.suffix:
        path = path.with_suffix(".hspy")
    # HyperSpy finds .HSPY, but not .ZSPY
    if path.suffix not in (*containers.SUFFIXES, ".HSPY"):
        raise ValueError(
            f"{path.name}: results are kept in HyperSpy's own formats, .hspy or .zspy; "
            ".export(folder) writes .msa and .tif."
        )
    # a link is written through
    return path.resolve()


def _signals(result: Unmixing, counts: bool) -> dict[str, BaseSignal]:
    """What HyperSpy finds in the file, by name, the largest first."""
    found = {COUNTS: _counts_of(result.pca.prepared.image)} if counts else {}
    found |= {
        "spectra": result.spectra,
        "spectra counts": result.spectra_counts,
        "maps": result.maps,
    }
    if result.thickness is not None:
        found["thickness"] = result.thickness
    about = {
        "components": list(result.names),
        "stability": [float(index) for index in result.stability],
        "summary": repr(result),
    }
    for name, signal in found.items():
        found[name] = signal = signal.deepcopy() if name != COUNTS else signal
        signal.metadata.add_dictionary({"Unmixing": {"holds": name, **about}})
    return found


def _counts_of(image: Image) -> BaseSignal:
    signal = as_recorded(image)
    if image.blocks.variance is not None:
        variance = image.frame.deepcopy()
        variance.data = image.blocks.variance
        signal.set_noise_variance(variance)
    return signal


def _counts_in(path: Path, lazy: bool) -> BaseSignal:
    import hyperspy.api as hs

    found: list[Any] = hs.load(path, lazy=lazy)
    for signal in found:
        if signal.metadata.get_item("Unmixing.holds") == COUNTS:
            return signal
    raise _broken(path, "the counts are not in it")


def _with_counts(result: Unmixing, signal: BaseSignal) -> Unmixing:
    """The result with the counts that it was made from.

    Raises
    ------
    TypeError, ValueError
        If these are not they.
    """
    if not hasattr(signal, "axes_manager"):
        raise TypeError(
            f"load(filename, {type(signal).__name__}): the HyperSpy signal that was unmixed is "
            "needed."
        )
    image = result.pca.prepared.image
    known, data = image.blocks.data, signal.data
    if tuple(data.shape) != known.shape:
        raise ValueError(
            f"the signal has the shape {tuple(data.shape)}, what was unmixed had {known.shape} "
            "(array order): the same signal is needed, not cropped or rebinned."
        )
    if fingerprint(data) != known.fingerprint:
        raise ValueError(
            "the signal has other values than what was unmixed: the same signal is needed, its "
            "counts as they were."
        )
    blocks = replace(image.blocks, data=data)
    if blocks.variance is not None:
        given = signal.get_noise_variance()
        if getattr(getattr(given, "data", None), "shape", None) == known.shape:
            blocks = replace(blocks, variance=given.data)
    frame = framed_as(image.frame, data)
    prepared = replace(result.pca.prepared, image=replace(image, blocks=blocks, frame=frame))
    return replace(result, pca=replace(result.pca, prepared=prepared))


def _broken(path: Path, error: Any) -> ValueError:
    return ValueError(
        f"{path} is not a whole result of hyperspy_unmix ({type(error).__name__}: {error}). "
        "HyperSpy's own load() may still read what is left of it."
        if isinstance(error, Exception)
        else f"{path} is not a result of hyperspy_unmix: {error}."
    )
