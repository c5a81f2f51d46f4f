"""What to type for the same result."""

from __future__ import annotations

import inspect
from typing import Any

from hyperspy_unmix.pca_result import PCA
from hyperspy_unmix.unmixing import Unmixing

SHORT = 60  # characters; longer values are named, not written


def code_of(result: Unmixing, given: dict[str, Any], how: dict[str, Any], pca: PCA) -> str:
    """The calls that gave a result of the tool.

    ``given`` are the options of the preprocessing, ``how`` those of the separation.
    """
    prepared = pca.prepared
    wide = {name: value for name, value in given.items() if name != "background"}
    kind = wide.pop("background_type", "auto")
    window = prepared.settings["background"].value if prepared.window.found else None
    lines = [f"pca = s.pca({_arguments({'background': None} | wide)})"]
    shape = "" if kind == "auto" else f", {kind!r}"
    lines.append(f"pca = pca.with_background({_shown('background', window)}{shape})")
    defaults = inspect.signature(PCA.ica).parameters
    changed = {name: v for name, v in how.items() if v != defaults[name].default}
    n = str(result.n_components)
    lines.append(f"u = pca.ica({', '.join(filter(None, [n, _arguments(changed)]))})")
    if result.names != tuple(str(i) for i in range(result.n_components)):
        lines.append(f"u = u.rename({list(result.names)!r})")
    return "\n".join(lines)


def _arguments(given: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(name, value)}" for name, value in given.items())


def _shown(name: str, value: Any) -> str:
    """A value as it is typed; its name where that is too long, or a signal."""
    if isinstance(value, (tuple, list)):
        inside = ", ".join(_shown(name, v) for v in value)
        return f"({inside})" if len(inside) < SHORT else name
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    plain = value is None or isinstance(value, (str, int, bool))
    return text if plain and len(text) < SHORT else name
