"""The short words that results print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, as_html_table, as_text_table, value_in_words

if TYPE_CHECKING:
    from hyperspy_unmix.preparation.prepare import Prepared


def name(prepared: Prepared) -> str:
    """Title of the spectrum image and how much of it counts."""
    signal = prepared.image.frame
    title = signal.metadata.get_item("General.title", default="") or "untitled"
    n_pixels, n_channels = prepared.image.blocks.shape
    return f"{title} ({n_pixels} pixels, {n_channels} channels)"


def rows(
    names: tuple[str, ...], counts: Floats, stability: Floats
) -> list[tuple[str, str, str, str]]:
    """Name, counts, share and stability of each component.

    Shares are of the counts that components add; one below zero, which takes away, says so.
    """
    added = counts[counts > 0].sum()
    share = counts / added if added > 0 else np.full_like(counts, np.nan)
    in_words = [
        (f"{100 * s:.1f} %" if np.isfinite(s) else "-") + ", a difference" * bool(c < 0)
        for s, c in zip(share, counts, strict=True)
    ]
    return [
        (name, f"{c:.4g}", of_all, f"{index:.2f}")
        for name, c, of_all, index in zip(names, counts, in_words, stability, strict=True)
    ]


def text(title: str, settings: Mapping[str, Choice], table: Sequence[tuple[str, ...]] = ()) -> str:
    """Title, table and settings, a line each."""
    rows = [f"  {row}" for row in as_text_table(table)]
    lines = [
        f"  {key}: {value_in_words(choice.value)} ({choice.reason})"
        for key, choice in settings.items()
    ]
    return "\n".join([title, *rows, *lines])


def html(title: str, settings: Mapping[str, Choice], table: Sequence[tuple[str, ...]] = ()) -> str:
    """The same for notebooks; everything is escaped."""
    choices = [(name, value_in_words(c.value), c.reason) for name, c in settings.items()]
    return f"<b>{escape(title)}</b>{as_html_table(table) if table else ''}{as_html_table(choices)}"
