"""Results that were saved, as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_unmix import __version__
from hyperspy_unmix.preparation.axes_and_metadata import framed_as
from hyperspy_unmix.storage import containers
from hyperspy_unmix.storage.missing_counts import fingerprint
from hyperspy_unmix.storage.record import restored
from hyperspy_unmix.storage.safety import check_file
from hyperspy_unmix.storage.saved_classes import saved_classes
from hyperspy_unmix.storage.saving import COUNTS_IN_FILE, VERSION, checked_path
from hyperspy_unmix.storage.version_1 import of_version_1

from .pca import PCA
from .unmixing import Unmixing

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


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
    path = checked_path(filename)
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
        saved = saved_classes(PCA, Unmixing)
        result = restored(text, arrays, of_version_1(saved) if version == 1 else saved)
    except Exception as error:
        raise _broken(path, error) from error
    if not isinstance(result, Unmixing):
        raise _broken(path, "it holds something else")
    if signal is None and about.get("counts"):
        signal = _counts_in(path, lazy=hasattr(result.prepared.image.frame.data, "dask"))
    return result if signal is None else _with_counts(result, signal)


def _counts_in(path: Path, lazy: bool) -> BaseSignal:
    import hyperspy.api as hs

    signals: list[Any] = hs.load(path, lazy=lazy)
    for signal in signals:
        if signal.metadata.get_item("Unmixing.holds") == COUNTS_IN_FILE:
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
    image = result.prepared.image
    absent, data = image.blocks.data, signal.data
    if tuple(data.shape) != absent.shape:
        raise ValueError(
            f"the signal has the shape {tuple(data.shape)}, what was unmixed had {absent.shape} "
            "(array order): the same signal is needed, not cropped or rebinned."
        )
    if fingerprint(data) != absent.fingerprint:
        raise ValueError(
            "the signal has other values than what was unmixed: the same signal is needed, its "
            "counts as they were."
        )
    blocks = replace(image.blocks, data=data)
    if blocks.variance is not None:
        variance = signal.get_noise_variance()
        if getattr(getattr(variance, "data", None), "shape", None) == absent.shape:
            blocks = replace(blocks, variance=variance.data)
    frame = framed_as(image.frame, data)
    prepared = replace(result.prepared, image=replace(image, blocks=blocks, frame=frame))
    return replace(result, pca=replace(result.pca, prepared=prepared))


def _broken(path: Path, error: Any) -> ValueError:
    return ValueError(
        f"{path} is not a whole result of hyperspy_unmix ({type(error).__name__}: {error}). "
        "HyperSpy's own load() may still read what is left of it."
        if isinstance(error, Exception)
        else f"{path} is not a result of hyperspy_unmix: {error}."
    )
