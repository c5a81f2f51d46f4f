"""What a result prints: a verdict, a table, the most important findings, what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.arguments.code_to_repeat import as_function, with_options
from hyperspy_unmix.settings import (
    LINE_WIDTH,
    Caution,
    Choice,
    FrozenSettings,
    as_html_table,
    as_text_table,
)

from .standing import Standing, find_standing

if TYPE_CHECKING:
    from .components import Components
    from .trials import Trials

NUMBERS = (0, 2, 3)  # columns of the table
MOST_FINDINGS = 3
MOST_LINES = 15
MOST_ROWS = 6  # of the table; of more components the last ones share one
INDENT = "  "


def as_text(result: Components, trials: Trials) -> str:
    """One screen."""
    standing = find_standing(result, trials)
    verdict = wrap(standing.sentence(), LINE_WIDTH)
    table = [INDENT + row for row in as_text_table(_table(result, standing), to_the_right=NUMBERS)]
    top = [result.title, *verdict, *table, *_fit_in_words(result)]
    last = [*_next(result, trials), _more(result)]
    room = MOST_LINES - len(top) - len(last)
    findings: list[str] = []
    for short in _findings(result):
        lines = wrap(short, LINE_WIDTH, initial_indent="! ", subsequent_indent="  ")
        if len(findings) + len(lines) > room:
            lines = [shorten(f"! {short}", LINE_WIDTH, placeholder=" ...")]
        findings += lines
    return "\n".join([*top, *findings[: max(room, 1)], *last])


def as_html(result: Components, trials: Trials) -> str:
    """The same for notebooks, every choice folded up beneath it; everything is escaped."""
    standing = find_standing(result, trials)
    findings = "".join(f"<li>{escape(short)}</li>" for short in _findings(result))
    advice = "".join(f"<p><code>{escape(line)}</code></p>" for line in _next(result, trials))
    choices = FrozenSettings({**result.findings, **result.settings})
    return (
        f"<b>{escape(result.title)}</b><p>{escape(standing.sentence())}</p>"
        f"{as_html_table(_table(result, standing))}"
        f"<p>{escape(' '.join(_fit_in_words(result)))}</p><ul>{findings}</ul>{advice}"
        f"<details><summary>{escape(_more(result))}</summary>{choices._repr_html_()}</details>"
    )


def _table(result: Components, standing: Standing) -> list[tuple[str, ...]]:
    """Head and rows: number, name, share, stability, a note."""
    unit = result.prepared.unit
    head = ("", "name", f"share of {unit}", "stability", "")
    rows = []
    for i, (name, _, share, index) in enumerate(result.rows()):
        called = result.suggested_names[i] if name == str(i) else name
        rows.append((str(i), called or "-", share.split(",")[0], index, standing.note(i)))
    if len(rows) > MOST_ROWS:
        beyond = result.stability[MOST_ROWS - 1 :]
        span = f"{min(beyond):.2f} to {max(beyond):.2f}"
        numbers = f"{MOST_ROWS - 1} to {len(rows) - 1}"
        rows = [*rows[: MOST_ROWS - 1], (numbers, "u.rows()", "", span, "")]
    return [head, *rows]


def _fit_in_words(result: Components) -> list[str]:
    """The reduced chi-square, where it is known without a pass over the data."""
    values = result._sampled_chi_square
    if values is None or not np.isfinite(values).any():
        return []
    return [f"{INDENT}reduced chi-square: {np.nanmean(values):.4g} (1 is noise alone)"]


def _findings(result: Components) -> list[str]:
    """The warnings that matter most."""
    return most_important({**result.findings, **result.settings})


def most_important(settings: Mapping[str, Choice]) -> list[str]:
    """The warnings that matter most among what was found, each in one line."""
    cautions = [choice for choice in settings.values() if isinstance(choice, Caution)]
    cautions = sorted(cautions, key=lambda caution: -caution.weight)[:MOST_FINDINGS]
    room = 2 * LINE_WIDTH - 4
    return [one.short or shorten(one.reason, room, placeholder=" ...") for one in cautions]


def _next(result: Components, trials: Trials) -> list[str]:
    """What to type next: only what was tried and is better."""
    if trials.found is None or trials.here is None:
        return []
    code = with_options(result.calls, **trials.options)
    if code is None:
        return []
    if not hasattr(result.prepared.image.frame, "unmix"):
        code = as_function(code)
    return [f"next: {code}  # tried: {'; '.join(trials.found.gains_over(trials.here))}"]


def _more(result: Components) -> str:
    """Where the rest is."""
    choices = (*result.findings.values(), *result.settings.values())
    warnings = sum(isinstance(choice, Caution) for choice in choices)
    number = f" ({warnings} warning{'s' * (warnings != 1)})" if warnings else ""
    return f'all choices and findings{number}: u.settings, u.findings, u.report("result.html")'
