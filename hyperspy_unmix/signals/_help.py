"""What ``help`` shows of the methods: the options that say something of such a signal."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

OF_EELS = ("low_loss", "thickness", "surface_losses", "exposure_ratio")


def without_options_of_eels(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, its signature and its help without the options of a low loss.

    It takes them all the same: what they need is said where it is missing.
    """

    @functools.wraps(method)
    def shown(self: Any, *args: Any, **options: Any) -> Any:
        return method(self, *args, **options)

    signature = inspect.signature(method)
    parameters = [p for p in signature.parameters.values() if p.name not in OF_EELS]
    shown.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    shown.__doc__ = _without_parameters(method.__doc__ or "", OF_EELS)
    return shown


def _without_parameters(docstring: str, names: tuple[str, ...]) -> str:
    """Without these in numpydoc's list of parameters: a line each, and what is indented below."""
    text = inspect.cleandoc(docstring)
    for name in names:
        text = re.sub(rf"^{name} : .*\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    return text
