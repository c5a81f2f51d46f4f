"""Spectra and maps for other programs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.plotting.maps_and_labels import label

from .atomic_write import may_write, replacing_in

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.components.phases import PhaseRegions

MOST_SCAN_AXES = 3  # of a .tif
LONGEST_SLUG = 60  # characters of a component's name in that of a file
_logger = logging.getLogger(__name__)


def export(result: Components, folder: str | Path, overwrite: bool | None) -> list[Path]:
    """Write spectra, maps and summary for other programs; see `Unmixing.export`."""
    _check_scan(result.prepared.image.navigation_shape)
    writers: dict[str, Callable[[Path], Any]] = {}
    for i in result.shown:
        name = result.names[i]
        stem = f"component_{i}" if name == str(i) else f"component_{i}_{_slug(name)}"
        _add_writer(writers, stem, result.spectra_counts.inav[i], f"component {name}")
        _add_writer(writers, f"{stem}_map", result.maps.inav[i], f"map of component {name}")
    if result.thickness is not None:
        _add_writer(writers, "thickness", result.thickness, "thickness")
    summary = f"{result!r}\n\n{result.findings!r}\n\n{result.settings!r}\n"
    writers["summary.txt"] = lambda path: path.write_text(summary, encoding="utf-8")
    return _write(writers, folder, overwrite)


def export_phases(phases: PhaseRegions, folder: str | Path, overwrite: bool | None) -> list[Path]:
    """Write label map, mean spectra and summary of phases; see `Phases.export`."""
    _check_scan(phases.pca.prepared.image.navigation_shape)
    writers: dict[str, Callable[[Path], Any]] = {}
    for i, name in enumerate(phases.names):
        stem = f"phase_{i}" if name == str(i) else f"phase_{i}_{_slug(name)}"
        spectrum = phases.spectra.inav[i]
        _add_writer(writers, stem, spectrum, f"phase {name}")
    _add_writer(writers, "phases", phases.labels, "phases: -1 mixed, -2 undecided, -3 left out")
    writers["summary.txt"] = lambda path: path.write_text(f"{phases!r}\n", encoding="utf-8")
    return _write(writers, folder, overwrite)


def _check_scan(scan: tuple[int, ...]) -> None:
    if len(scan) > MOST_SCAN_AXES:
        raise ValueError(
            f"the scan has {len(scan)} axes, a .tif holds {MOST_SCAN_AXES} at most: .save() keeps "
            "all of them."
        )


def _write(
    writers: dict[str, Callable[[Path], Any]], folder: str | Path, overwrite: bool | None
) -> list[Path]:
    """Write files into a folder, all of them or none."""
    folder = Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; the name of a folder is needed.")
    chosen = [name for name in writers if may_write(folder / name, overwrite)]
    with replacing_in(folder) as new:
        for name in chosen:
            writers[name](new / name)
    return [folder / name for name in chosen]


def _slug(name: str) -> str:
    """A name as the part of a file's name that every system accepts."""
    return re.sub(r"[^\w.+-]+", "_", name)[:LONGEST_SLUG].strip("_.") or "unnamed"


def _add_writer(
    writers: dict[str, Callable[[Path], Any]], stem: str, signal: BaseSignal, title: str
) -> None:
    """Add what writes this signal, by the name of its file."""
    signal = signal.deepcopy()
    signal.metadata.General.title = title
    # Writers fail on dates and times that are none.
    for item in ("date", "time", "time_zone"):
        if signal.metadata.has_item(f"General.{item}"):
            delattr(signal.metadata.General, item)
    axes = signal.axes_manager.signal_axes
    if len(axes) == 2:
        writers[f"{stem}.tif"] = lambda path: _write_image(path, signal)
    elif axes[0].is_uniform:
        writers[f"{stem}.msa"] = lambda path: _write_msa(path, signal)
    else:
        # The format .msa has an offset and a step, but no energies.
        writers[f"{stem}.csv"] = lambda path: _write_csv(path, signal)


def _check_resolution(signal: BaseSignal) -> None:
    """Pixels per unit are a ratio of 32-bit integers; some writers make zero of what is not."""
    for axis in signal.axes_manager.signal_axes:
        if axis.is_uniform and not 2**-32 < abs(axis.scale) < 2**32:
            raise ValueError(f"a step of {axis.scale:g} {axis.units}")


def _write_image(path: Path, signal: BaseSignal) -> None:
    """32-bit, which DigitalMicrograph and ImageJ read."""
    signal.change_dtype("float32")
    # The tags of a .tif are ASCII.
    quantity = str(signal.metadata.Signal.quantity).replace("λ", "lambda")
    signal.metadata.Signal.quantity = quantity.encode("ascii", "replace").decode()
    try:
        _check_resolution(signal)
        signal.save(path, overwrite=True)
    except Exception as error:  # whatever writers make of axes that their tags cannot hold
        import hyperspy.api as hs

        _logger.warning(
            "%s is without its scale, which .tif cannot hold (%s): .save() keeps it",
            path.name,
            error,
        )
        hs.signals.Signal2D(signal.data).save(path, overwrite=True, export_scale=False)


def _write_msa(path: Path, signal: BaseSignal) -> None:
    """By HyperSpy's writer, but with every digit: it gives six after the point."""
    with _writer_tables_restored():
        signal.save(path, overwrite=True)
    text = path.read_bytes().decode("latin-1")
    begin, end = text.rindex("#SPECTRUM"), text.rindex("#ENDOFDATA")
    begin = text.index("\r\n", begin) + 2
    # Channels that were left out are NaN, which the format does not have.
    lines = [f"{value!r}," for value in np.nan_to_num(signal.data).tolist()]
    path.write_bytes(
        "".join([text[:begin], *(f"{line}\r\n" for line in lines), text[end:]]).encode("latin-1")
    )


@contextmanager
def _writer_tables_restored() -> Iterator[None]:
    """Put the tables of the .msa writer back.

    Once it has written a signal of a SEM it looks for a SEM in the place of the TEM ever after.
    """
    from rsciio.msa import _api

    tables: dict[str, dict[str, Any]] = getattr(_api, "keywords", {})
    former = {name: dict(table) for name, table in tables.items()}
    try:
        yield
    finally:
        for name, table in former.items():
            tables[name].update(table)


def _write_csv(path: Path, signal: BaseSignal) -> None:
    """Energies and values, in columns with a head."""
    axis: Any = signal.axes_manager.signal_axes[0]
    np.savetxt(
        path,
        np.stack([axis.axis, signal.data], 1),
        fmt="%.17g",
        delimiter=",",
        header=f"{label(axis, 'Signal axis')},{signal.metadata.Signal.quantity}",
        comments="",
        encoding="utf-8",
    )
