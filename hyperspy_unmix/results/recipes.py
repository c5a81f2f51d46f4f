"""The recipe of a result: its choices as a small TOML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.analysis.separated_of_detector import SeparatedOfDetector
from hyperspy_unmix.storage.atomic_write import may_write, replacing

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components


def recipe(result: Components, filename: str | Path | None, overwrite: bool | None) -> str:
    """See `Unmixing.recipe`."""
    if result.are_spectra_given:
        raise ValueError(
            "the spectra of this result were given: it has no recipe. Save them, "
            'u.spectra.inav[0].save("oxide.hspy") and so on, and name the files in the recipe of '
            'another result: known.oxide = "oxide.hspy".'
        )
    if isinstance(result.separated, SeparatedOfDetector):
        raise ValueError(
            "several detectors of one scan are unmixed in Python, not by a recipe: u.code is the "
            "call that does it."
        )
    if not result.calls:
        raise ValueError("this result does not say how it was made: it has no recipe.")
    found: dict[str, Any] = {"n_components": result.n_components}
    ranges = result.prepared.background.ranges
    if ranges:
        windows = [[float(f"{end:.10g}") for end in window] for window in ranges]
        found["background"] = windows[0] if len(windows) == 1 else windows
    text = result.asked.text(found)
    if filename is None:
        return text
    path = Path(filename).expanduser()
    if path.suffix != ".toml":
        raise ValueError(f"{path}: a recipe is a .toml.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}.")
    if may_write(path, overwrite):
        with replacing(path) as new:
            new.write_text(text, encoding="utf-8")
    return text
