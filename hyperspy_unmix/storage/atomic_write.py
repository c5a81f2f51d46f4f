"""Files that are replaced as a whole or not at all, whatever comes between."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def may_write(path: Path, overwrite: bool | None) -> bool:
    """Whether nothing is there, or it may be replaced; None asks, as HyperSpy does."""
    if not path.exists():
        return True
    if overwrite is not None:
        return overwrite
    try:
        answer = ""
        while answer not in ("y", "n"):
            answer = input(f"Overwrite '{path}' (y/n)?\n").strip().lower()
    except (EOFError, OSError, NotImplementedError):
        # HyperSpy's own question takes that for a no, and a batch job goes on as if it had saved.
        raise FileExistsError(
            f"{path} exists, and nobody can be asked: say overwrite=True, or False to leave it."
        ) from None
    return answer == "y"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write to, which becomes ``path`` once all is written.

    Until then, and after an error or an interrupt, ``path`` is what it was.
    """
    is_folder = path.is_dir()
    if is_folder and not (path.suffix == ".zspy" and (path / ".zgroup").exists()):
        raise FileExistsError(f"{path} is a folder with other things in it: choose another name.")
    if path.is_file() and path.suffix == ".zspy":
        raise FileExistsError(f"{path} is a file, a .zspy is a folder: choose another name.")
    with _folder_in(path.parent) as folder:
        yield folder / path.name
        _replace(path, folder / path.name, folder / f"{path.name}.before")


@contextmanager
def replacing_in(folder: Path) -> Iterator[Path]:
    """A place to write files to, which are moved to ``folder`` once all are written.

    Links that are there already are replaced, not followed.
    """
    existing = (parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    with _folder_in(next(existing)) as new:
        yield new
        files = sorted(new.iterdir())
        for file in files:
            if (folder / file.name).is_dir():
                raise FileExistsError(f"{folder / file.name} is a folder: choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            _replace(folder / file.name, file, new / f"{file.name}.before")


@contextmanager
def _folder_in(parent: Path) -> Iterator[Path]:
    """A folder of the same disk, for as long as it is needed."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".unmix-", dir=parent))
    except PermissionError:
        raise PermissionError(f"{parent} cannot be written to.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(path: Path, new: Path, before: Path) -> None:
    """Put a new file or folder in the place of ``path``, which is at ``before`` meanwhile."""
    if not path.is_dir():
        if path.is_file() and not path.is_symlink():
            shutil.copymode(path, new)
        os.replace(new, path)
        return
    # A folder that is not empty cannot be replaced in one step.
    try:
        os.replace(path, before)
        os.replace(new, path)
    except BaseException:
        if before.exists() and not path.exists():
            os.replace(before, path)
        raise
