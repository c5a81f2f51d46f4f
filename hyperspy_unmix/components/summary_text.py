"""The short words that results print."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.settings import Choice

if TYPE_CHECKING:
    from hyperspy_unmix.preparation.prepare import Prepared


def name(prepared: Prepared) -> str:
    """Title of the spectrum image and how much of it counts."""
    signal = prepared.image.frame
    title = signal.metadata.get_item("General.title", default="") or "untitled"
    n_pixels, n_channels = prepared.image.blocks.shape
    return f"{title} ({n_pixels} pixels, {n_channels} channels)"


def text(title: str, settings: Mapping[str, Choice], table: list[str] | None = None) -> str:
    """Title, table and settings, a line each."""
    lines = [
        f"  {key}: {value_in_words(choice.value)} ({choice.reason})"
        for key, choice in settings.items()
    ]
    return "\n".join([title, *(table or []), *lines])


def html(
    title: str, settings: Mapping[str, Choice], table: tuple[tuple[str, ...], ...] = ()
) -> str:
    """The same for notebooks; everything is escaped."""

    def row(cells: tuple[str, ...]) -> str:
        return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"

    counts = "<table>" + "".join(row(cells) for cells in table) + "</table>" if table else ""
    choices = "".join(row((k, value_in_words(c.value), c.reason)) for k, c in settings.items())
    return f"<b>{escape(title)}</b>{counts}<table>{choices}</table>"


def value_in_words(value: Any) -> str:
    """A setting as it is printed."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(value_in_words(item) for item in value)
    return str(value)
