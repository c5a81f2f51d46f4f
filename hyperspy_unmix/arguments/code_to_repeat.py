"""What was called: the code that gives a result again."""

from __future__ import annotations

import ast
import re
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
SEPARATES = ("s.unmix(", "ica(")  # calls that take the options of the separation
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
    if value is not None and not isinstance(value, (str, int, bool)):
        return name
    text = repr(value)
    return text if len(text) < SHORT else name


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


def with_options(calls: Sequence[str], **options: Any) -> str | None:
    """The call that separates, with other options; what was called after it is left out.

    None where there is no such call.
    """
    places = [i for i, one in enumerate(calls) if one.startswith(SEPARATES)]
    if not places:
        return None
    place = places[-1]
    text = calls[place]
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)

    def written(part: ast.expr) -> str:
        return ast.get_source_segment(text, part) or ""

    given = {str(keyword.arg): written(keyword.value) for keyword in node.keywords}
    if node.args:
        given["n_components"] = written(node.args[0])
    # An alternative that was taken is an option, too.
    for later in calls[place + 1 :]:
        if later.startswith("alternatives["):
            given["assume"] = later.removeprefix("alternatives[").rstrip("]")
    given |= {name: f'"{v}"' if isinstance(v, str) else repr(v) for name, v in options.items()}
    number = given.pop("n_components", None)
    words = [] if number is None else [number]
    words += [f"{name}={value}" for name, value in given.items()]
    return ".".join([*calls[:place], f"{written(node.func)}({', '.join(words)})"])


def as_function(code: str) -> str:
    """The same for a signal that has no such method: ``hyperspy_unmix.unmix(s)``."""
    method = re.match(r"s\.(unmix|pca)\(", code)
    if method is None:
        return code
    rest = code[method.end() :]
    return f"hyperspy_unmix.{method[1]}(s{'' if rest.startswith(')') else ', '}{rest}"


def of_options(options: Preprocessing) -> Mapping[str, Any]:
    """The options by name."""
    return {option.name: getattr(options, option.name) for option in fields(Preprocessing)}
