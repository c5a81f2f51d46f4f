"""What was called: the code that gives a result again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from .options import Preprocessing, SeparationOptions

SHORT = 60  # characters; longer values are named, not written
LINE = 88  # characters of a line of code
DEFAULTS = {"n_components": "auto"} | {
    option.name: option.default
    for kind in (SeparationOptions, Preprocessing)
    for option in fields(kind)
}
UNIMPORTANT = ("show_progressbar", "store")


def call(name: str, *words: str, **options: Any) -> str:
    """A call as one types it: these words, then options that are not the defaults."""
    written = list(words)
    for option, value in options.items():
        default = DEFAULTS.get(option)
        same = isinstance(value, type(default)) and value == default
        if option in UNIMPORTANT or same or (value is None and default is None):
            continue
        word = typed(option, value)
        written.append(word if option == "n_components" else f"{option}={word}")
    return f"{name}({', '.join(written)})"


def typed(name: str, value: Any) -> str:
    """A value as it is typed; its name where that is too long, or a signal."""
    if isinstance(value, (tuple, list)):
        inside = ", ".join(typed(name, v) for v in value)
        inside += "," * (len(value) == 1 and isinstance(value, tuple))
        left, right = "()" if isinstance(value, tuple) else "[]"
        return f"{left}{inside}{right}" if len(inside) < SHORT else name
    if isinstance(value, Mapping) and all(_is_rectangle(v) for v in value.values()):
        return f"{{{', '.join(f'{key!r}: {v!r}' for key, v in value.items())}}}"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = repr(value)
    plain = value is None or isinstance(value, (str, int, bool))
    return text if plain and len(text) < SHORT else name


def _is_rectangle(value: Any) -> bool:
    """Whether this is a tuple of whole numbers."""
    return isinstance(value, tuple) and all(type(v) is int for v in value)


def code(calls: Sequence[str]) -> str:
    """One statement of calls that follow each other."""
    line = f"u = {'.'.join(calls)}"
    if len(line) <= LINE:
        return line
    first, *others = calls
    return "\n".join(["u = (", f"    {first}", *(f"    .{other}" for other in others), ")"])


def of_options(options: Preprocessing) -> Mapping[str, Any]:
    """The options by name."""
    return {option.name: getattr(options, option.name) for option in fields(Preprocessing)}
