"""Choices of one result, for others: a small TOML, and the options that it stands for."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .code_to_repeat import DEFAULTS, UNIMPORTANT

# Of these some values are signals or arrays, in a recipe the files of saved ones.
OF_FILES = ("low_loss", "thickness", "noise", "navigation_mask", "signal_mask")
WORDS = ("auto", "poisson", "uniform")  # that such an option may be in place of a file
MISSING, KNOWN = "missing", "known"
HEAD = """\
# Choices of an unmixing, for other files:
#   hyperspy-unmix *.dm4 --recipe r.toml
#   hyperspy_unmix.unmix(s, **hyperspy_unmix.read_recipe("r.toml"))
# What is not here is chosen for each file; false is None.
"""
MISSING_HEAD = """
# Given as arrays or signals, which a recipe does not hold. What is the same for all files can be
# saved, and its file named before this line ({example}); else give it when the recipe is read.
"""
FOUND_HEAD = """
# Found automatically; without its # a line holds for every file:
"""


@dataclass(frozen=True)
class Asked:
    """What a result was asked for, as far as it differs from the defaults.

    Parameters
    ----------
    options : mapping of str to value
        Options of `hyperspy_unmix.unmix`: numbers, words, None and lists of these.
    missing : tuple of str
        Options that were arrays or signals.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def updated(self, **options: Any) -> Asked:
        """The same with these options."""
        kept = {name: value for name, value in self.options.items() if name not in options}
        missing = [name for name in self.missing if name not in options]
        for name, value in options.items():
            if name in UNIMPORTANT or _is_default(name, value):
                continue
            if name != KNOWN and _is_plain(value):
                kept[name] = _as_plain(value)
            else:
                missing.append(name)
        order = list(DEFAULTS)
        return Asked(
            dict(sorted(kept.items(), key=lambda item: order.index(item[0]))),
            tuple(sorted(missing, key=order.index)),
        )

    def text(self, found: Mapping[str, Any]) -> str:
        """As TOML; ``found`` are options that were found, set down as comments."""
        lines = [HEAD, *(f"{name} = {_toml(value)}\n" for name, value in self.options.items())]
        if self.missing:
            example = f'{self.missing[0]} = "file.hspy"'
            if self.missing[0] == KNOWN:
                example = f'{KNOWN}.oxide = "oxide.hspy"'
            lines.append(MISSING_HEAD.format(example=example))
            lines.append(f"{MISSING} = {_toml(list(self.missing))}\n")
        open_ones = {name: value for name, value in found.items() if name not in self.options}
        if open_ones:
            lines.append(FOUND_HEAD)
            lines += [f"# {name} = {_toml(_as_plain(v))}\n" for name, v in open_ones.items()]
        return "".join(lines)


def read_recipe(filename: str | Path, **own: Any) -> dict[str, Any]:
    """Options of `hyperspy_unmix.unmix` from the recipe of another result, see `Unmixing.recipe`.

    Parameters
    ----------
    filename : str or Path
        TOML: options by their names, False for None, files of saved signals for signals (relative
        to the recipe), ``known.name = "file"`` for a known spectrum.
    **own
        Options of this one signal, which come before those of the recipe: ``low_loss=`` and the
        like, where the recipe says that they are missing.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no recipe, or lacks an option that is not given.

    Examples
    --------
    >>> import hyperspy_unmix
    >>> signal, low_loss, truth = hyperspy_unmix.data.inclined_boundary()
    >>> u = hyperspy_unmix.unmix(signal, background=(450, 520))
    >>> print(u.recipe())  # u.recipe("r.toml") writes it
    # Choices of an unmixing, ...
    background = [450, 520]
    ...
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: u.recipe({path.name!r}) writes one.")
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no recipe, which is a text in TOML: {error}.") from None
    missing = read.pop(MISSING, [])
    for name in read:
        if name not in DEFAULTS or name in UNIMPORTANT:
            known = ", ".join(n for n in DEFAULTS if n not in UNIMPORTANT)
            raise ValueError(f"{path}: there is no option {name!r}; there are {known}.")
    lacking = [name for name in missing if name not in read and name not in own]
    if lacking:
        raise ValueError(
            f"{path}: the result was made with {', '.join(lacking)}, which the recipe does not "
            f"hold: read_recipe({path.name!r}, {lacking[0]}=...) takes it, on the command line "
            f"--low-loss the low loss; or take it out of {MISSING!r} in the file, to do without."
        )
    options = {name: _option(name, value, path) for name, value in read.items() if name not in own}
    return options | own


def _option(name: str, value: Any, path: Path) -> Any:
    """A value of the file as the option is typed."""
    if value is False:
        return None
    if name == KNOWN:
        if not isinstance(value, dict):
            raise ValueError(f'{path}: known is a table, known.oxide = "oxide.hspy" for example.')
        return {what: _loaded(file, path) for what, file in value.items()}
    if name in OF_FILES and isinstance(value, str) and value not in WORDS:
        return _loaded(value, path)
    return _as_typed(value)


def _as_typed(value: Any) -> Any:
    """Lists as tuples, those of lists as lists of tuples: windows, pairs and ranges."""
    if not isinstance(value, list):
        return value
    items = [_as_typed(item) for item in value]
    return items if any(isinstance(item, tuple) for item in items) else tuple(items)


def _loaded(file: Any, path: Path) -> Any:
    """The signal of a file that a recipe names."""
    import hyperspy.api as hs

    place = path.parent / str(file)
    if not place.exists():
        raise ValueError(f"{path}: {file} is not there; files are looked for beside the recipe.")
    try:
        loaded = hs.load(place)
    except Exception as error:  # readers raise whatever their format makes them
        raise ValueError(f"{path}: {file} could not be read: {error}") from error
    if isinstance(loaded, list):
        raise ValueError(f"{path}: {file} holds {len(loaded)} signals; save the one by itself.")
    return loaded


def _is_default(name: str, value: Any) -> bool:
    default = DEFAULTS.get(name)
    if value is None or default is None:
        return value is default
    return type(value) is type(default) and bool(value == default)


def _is_plain(value: Any) -> bool:
    """Whether TOML has it, or stands for it by false."""
    if isinstance(value, (tuple, list)):
        return all(_is_plain(item) and item is not None for item in value)
    return value is None or isinstance(value, (bool, int, float, str, np.bool_, np.number))


def _as_plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_as_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if value is None:
        return "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):
        # JSON's strings, but for the one control character that it leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
