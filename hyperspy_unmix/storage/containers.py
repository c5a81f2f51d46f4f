"""The two formats of HyperSpy: its signals, and beside them what is this package's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .record import ARRAY_KINDS

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

SUFFIXES = (".hspy", ".zspy")
SIGNALS, OWN = "Experiments", "hyperspy_unmix"  # groups; HyperSpy reads the first alone
LEAST_COMPRESSED = 1024  # values of an array


def is_hdf5(path: Path) -> bool:
    """Whether a file of this name is HDF5; else it is zarr."""
    return path.suffix.lower() == ".hspy"


def write(
    path: Path,
    signals: Mapping[str, BaseSignal],
    about: dict[str, Any],
    text: str,
    arrays: list[NDArray[Any]],
) -> None:
    """Write signals, by name, and a record beside them.

    Parameters
    ----------
    path : Path
        New, its suffix one of `SUFFIXES`.
    signals : mapping of str to BaseSignal
        The first is written in place, so let it be the largest.
    about : dict
        Attributes of the record.
    text, arrays
        The record.
    """
    first, *others = signals
    _save(signals[first], path, first)
    part_path = path.with_name(f"{'other' if path.stem == 'part' else 'part'}{path.suffix}")
    with _opened(path, "a") as file:
        # HyperSpy writes one signal into a file: the others are copied from files of their own.
        signal_groups = file[SIGNALS]
        for name in others:
            _save(signals[name], part_path, name)
            with _opened(part_path, "r") as part:
                _copy_group(part[SIGNALS][name], signal_groups, name, path)
        # They were saved under their names in the file, and get their titles back.
        for name, signal in signals.items():
            general = signal_groups[name]["metadata"]["General"]
            general.attrs["title"] = str(signal.metadata.General.title)
        own = file.create_group(OWN)
        own.attrs.update(about)
        _put(own, "record", np.frombuffer(text.encode(), np.uint8), path)
        array_group = own.create_group("arrays")
        for i, array in enumerate(arrays):
            _put(array_group, str(i), array, path)


def read(path: Path) -> tuple[dict[str, Any], str, Callable[[int], NDArray[Any]]]:
    """Attributes, text and arrays of the record.

    Raises
    ------
    KeyError
        If there is none in the file.
    """
    with _opened(path, "r") as file:
        own = file[OWN]
        text = _read_array(own["record"]).tobytes().decode()
        # All of them, for the file is closed when this is done.
        arrays = {int(name): _read_array(own["arrays"][name]) for name in own["arrays"]}
        return dict(own.attrs), text, arrays.__getitem__


def _read_array(dataset: Any) -> NDArray[Any]:
    if dataset.dtype.kind not in ARRAY_KINDS:
        raise ValueError(f"{dataset.name} in it holds {dataset.dtype}, which is not read")
    return np.asarray(dataset[()])


def _save(signal: BaseSignal, path: Path, name: str) -> None:
    """Save as a group of this name, which HyperSpy takes from the title."""
    options = {} if is_hdf5(path) else {"consolidate": False}
    title = signal.metadata.General.title
    try:
        signal.metadata.General.title = name
        signal.save(path, overwrite=True, show_progressbar=False, **options)
    finally:
        signal.metadata.General.title = title


def _put(group: Any, name: str, array: NDArray[Any], path: Path) -> None:
    """Write an array; zarr compresses by itself."""
    compresses = is_hdf5(path) and array.size >= LEAST_COMPRESSED
    options = {"compression": "gzip", "shuffle": True} if compresses else {}
    group.create_dataset(name, data=array, **options)


def _copy_group(source: Any, group: Any, name: str, path: Path) -> None:
    if is_hdf5(path):
        source.file.copy(source, group, name=name)
        return
    import zarr

    zarr.copy(source, group, name=name)


@contextmanager
def _opened(path: Path, mode: Any) -> Iterator[Any]:
    if is_hdf5(path):
        import h5py

        with h5py.File(path, mode) as file:
            yield file
        return
    import zarr

    yield zarr.open_group(str(path), mode=mode)
