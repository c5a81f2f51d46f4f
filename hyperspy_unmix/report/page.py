"""The page: text, tables and figures in one file of HTML."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix import plotting
from hyperspy_unmix.components.matching import Match, match
from hyperspy_unmix.settings import Choice, cautions_in, value_in_words
from hyperspy_unmix.storage.atomic_write import may_write, replacing
from hyperspy_unmix.storage.missing_counts import CountsMissingError

from .methods import methods, versions

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components

DPI = 100
STYLE = """
body { font: 15px/1.5 sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: #666; }
th, td { text-align: left; vertical-align: top; padding: .25em .8em .25em 0; }
th { border-bottom: 1px solid #888; } tr + tr td { border-top: 1px solid #e4e4e4; }
img { max-width: 100%; } figure { margin: 1em 0; } figcaption { color: #555; }
.warning { background: #fff3d6; border-left: 4px solid #e69f00; padding: .5em 1em; margin: .5em 0; }
pre { background: #f5f5f5; padding: .8em; overflow-x: auto; } footer { color: #777; }
@media print { body { margin: 0; max-width: none; } figure, table { break-inside: avoid; } }
"""


def report(
    result: Components, filename: str | Path, references: Any, overwrite: bool | None
) -> None:
    """Write the page; see `Unmixing.report`."""
    path = Path(filename).expanduser()
    if not path.suffix:
        path = path.with_suffix(".html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path.name}: the report is a page, .html.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}.")
    compared = None if references is None else match(result, references)
    if not may_write(path, overwrite):
        return
    text = "\n".join(_page(result, compared))
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def _page(result: Components, compared: Match | None) -> Iterator[str]:
    title = escape(result.title)
    yield f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield from _warnings(result)
    yield "<h2>Components</h2>"
    yield _table(_components(result, compared))
    yield from _figures(result)
    yield "<h2>What was done, and why</h2>"
    choices: list[tuple[str, ...]] = [("choice", "value", "why")]
    for name, choice in result.settings.items():
        choices.append((name, value_in_words(choice.value), choice.reason))
    yield _table(choices)
    paragraph, cited = methods(result)
    yield f"<h2>Methods</h2><p>{escape(paragraph)}</p><ol>"
    yield from (f"<li>{_linked(reference)}</li>" for reference in cited)
    yield "</ol><h2>The same again</h2>"
    yield "<p><code>s</code> is the signal; other signals and arrays have their option's name.</p>"
    yield f"<pre>import hyperspy.api as hs, hyperspy_unmix\n\n{escape(result.code)}</pre>"
    packages = ", ".join(f"{name} {number}" for name, number in versions().items())
    day = datetime.date.today().isoformat()
    yield f"<footer><p>{escape(packages)}; {day}.</p></footer></body></html>"


def _warnings(result: Components) -> Iterator[str]:
    """What a reader must know before the rest."""
    warnings: list[tuple[str, Choice]] = []
    if result.unstable:
        names = value_in_words(result.unstable)
        warnings.append((f"UNSTABLE: {names}", result.findings["UNSTABLE"]))
    if result.ambiguity.pairs:
        warnings.append(("ambiguity", result.findings["ambiguity"]))
    for head, choice in [*warnings, *cautions_in(result.settings).items()]:
        yield f'<div class="warning"><b>{escape(head)}</b><br>{escape(choice.reason)}</div>'


def _components(result: Components, compared: Match | None) -> list[tuple[str, ...]]:
    """The table of the components, with the reference nearest to each if there are any."""
    head = ("component", result.quantity, "share", "stability")
    rows = [
        (f"{label} (excluded)" if i in result.excluded else label, *row[1:])
        for i, (label, row) in enumerate(zip(result.labels, result.rows(), strict=True))
    ]
    if compared is None:
        return [head, *rows]
    table: list[tuple[str, ...]] = [(*head, "nearest reference")]
    for row, pair, near, angles in zip(
        rows, compared.pairs, compared.near, compared.angles, strict=True
    ):
        nearest = "-"
        if pair is not None and np.isfinite(angles[pair]):
            too_far = "" if near else " (too far)"
            nearest = f"{compared.references[pair]}, {angles[pair]:.1f}°{too_far}"
        table.append((*row, nearest))
    return table


def _table(rows: list[tuple[str, ...]]) -> str:
    head, *others = rows
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in others]
    return f"<table><tr>{cells}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _linked(reference: str) -> str:
    """A reference of a paper, its address at the end a link."""
    before_link, _, address = reference.rpartition("https://")
    link = escape(f"https://{address}")
    return f'{escape(before_link)}<a href="{link}">{link}</a>'


def _figures(result: Components) -> Iterator[str]:
    """The figures that this result has, each with what it shows."""
    figures: list[tuple[Callable[[], Any], str]] = [
        (
            lambda: plotting.plot_overview(result),
            "Spectra of integral one and maps. Blue: two standard deviations; orange: spectra that "
            "describe the data as well.",
        ),
        (
            lambda: plotting.plot_scree(result.pca).figure,
            "Variance of the principal components of the data in units of what noise reaches.",
        ),
        (
            lambda: plotting.plot_residual(result),
            "How well the model describes the data: reduced chi-square of the pixels (1 is noise "
            "alone), residual of the channels against its noise.",
        ),
    ]
    n_scan_axes = len(result.prepared.image.navigation_shape)
    if len(result.shown) > 1 and n_scan_axes == 2:
        caption = "Shares of the first components, a colour each."
        figures.append((lambda: plotting.plot_composite(result), caption))
    if result.thickness is not None:
        caption = "Thickness and its standard deviation."
        figures.append((lambda: plotting.plot_thickness(result), caption))
    yield "<h2>Figures</h2>"
    for draw, caption in figures:
        try:
            yield _figure(draw, caption)
        except CountsMissingError:
            yield f"<p>({escape(caption)} Left out: the counts are not in the saved result.)</p>"


def _figure(draw: Callable[[], Any], caption: str) -> str:
    """A figure as part of the page, its picture in the text."""
    import matplotlib.pyplot as plt

    with plt.ioff():
        figure = draw()
    buffer = BytesIO()
    try:
        figure.savefig(buffer, format="png", dpi=DPI)
    finally:
        plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    caption = escape(caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
