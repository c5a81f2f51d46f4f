"""Results with the names and the order of another one."""

from __future__ import annotations

from typing import Any

from hyperspy_unmix.settings import held_back

from .unmixing import Unmixing


def check_like(like: Any, has_own_order: bool) -> None:
    """Raise where this is no result, or what is unmixed has an order of its own."""
    if like is None:
        return
    if not isinstance(like, Unmixing):
        raise TypeError(f"like is a {type(like).__name__}; what unmix() returns is needed.")
    if has_own_order:
        raise ValueError(
            "like is for signals that are unmixed in one call: the tool keeps names and order by "
            "itself, and the results of several detectors share theirs; leave like out."
        )


def arranged_like(result: Unmixing, like: Unmixing | None) -> Unmixing:
    """The components in the order of those that they resemble, and called as they are."""
    if like is None:
        return result
    with held_back():  # what is unlike keeps its number, which needs no warning
        arranged = result.match(like).arranged
    assert isinstance(arranged, Unmixing)
    return arranged
