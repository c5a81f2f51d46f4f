"""The label map of phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.naming import called
from hyperspy_unmix.numerics.segmentation.labels import LEFT_OUT, MIXED, UNDECIDED

from . import colours
from .figures import new_figure
from .maps_and_labels import draw_pixels, frame_map, label, title_figure, words

if TYPE_CHECKING:
    from hyperspy_unmix.components.phases import PhaseRegions
    from hyperspy_unmix.numerics.types import Floats

MIXED_COLOUR, UNDECIDED_COLOUR, LEFT_OUT_COLOUR = (0.6,) * 3, (0.8,) * 3, (1.0,) * 3
HATCH = "////"  # of mixed pixels


def plot_phases(
    phases: PhaseRegions,
    *,
    ax: Any = None,
    colors: Sequence[Any] | None = None,
    title: str | None = None,
    scalebar: bool | None = None,
) -> Any:
    """Label map of phases, with a legend of names and areas; mixed pixels are grey and hatched.

    Of a line scan a strip; of further scan axes (depth, time) the middle slice.

    Parameters
    ----------
    phases : Phases
    ax : matplotlib axes, optional
        Where to draw; default a new figure.
    colors : sequence of matplotlib colours, optional
        One for each phase.
    title : str, optional
        Default the summary of the result; ``""`` for none.
    scalebar : bool, optional
        A bar instead of ticks, or ticks alone; default both.

    Returns
    -------
    matplotlib figure, or axes if ``ax`` was given

    Raises
    ------
    ValueError
        If colours are too few, or no unit for the scale bar asked for.
    """
    palette = _palette(len(phases), colors)
    labels, note = _slice(phases)
    figure, own_ax = (None, ax) if ax is not None else new_figure(1, 1, figsize=(7.5, 4.5))
    scan = phases.labels.axes_manager.signal_axes
    if len(scan) == 1:
        _draw_line(own_ax, scan[0], _picture(labels[None], palette))
    else:
        x, y = scan
        draw_pixels(own_ax, x, y, _picture(labels, palette))
        _hatch(own_ax, x, y, labels == MIXED)
        frame_map(own_ax, x, y, scalebar)
    handles = _handles(phases, palette, labels)
    if figure is None:
        own_ax.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0
        )
        own_ax.set_title(words((title or "") + note))
        return own_ax
    figure.legend(handles=handles, loc="outside right center", title="phase, area")
    title_figure(figure, (phases.title if title is None else title) + note, 10.0)
    return figure


def _palette(n: int, colors: Sequence[Any] | None) -> Floats:
    """A colour for each phase, shape (phases, 3)."""
    import matplotlib
    from matplotlib.colors import to_rgb

    if colors is not None:
        given = colours.as_colours(colors)
        if len(given) < n:
            raise ValueError(f"colors={colors!r}: {n} are needed, one for each phase.")
        return np.array([to_rgb(one) for one in given[:n]]).reshape(n, 3)
    own = [*colours.COMPOSITE, *matplotlib.colormaps["tab20"].colors]  # type: ignore[attr-defined]
    more = matplotlib.colormaps["hsv"](np.linspace(0, 1, max(n - len(own), 0), endpoint=False))
    return np.array([to_rgb(tuple(one)) for one in [*own, *more]])[:n].reshape(n, 3)


def _slice(phases: PhaseRegions) -> tuple[Any, str]:
    """Labels of one map, and which of several it is."""
    labels = phases.labels.data
    if labels.ndim <= 2:
        return labels, ""
    middle = tuple(n // 2 for n in labels.shape[:-2])
    places = ", ".join(str(i) for i in middle[::-1])
    return labels[middle], f", slice {places}"


def _picture(labels: Any, palette: Floats) -> Floats:
    """Colours (rows, columns, 3) of the labels."""
    first = np.array([LEFT_OUT_COLOUR, UNDECIDED_COLOUR, MIXED_COLOUR])
    table = np.concatenate([first, palette.reshape(-1, 3)])
    assert (LEFT_OUT, UNDECIDED, MIXED) == (-3, -2, -1)
    return np.asarray(table[labels + 3])


def _hatch(ax: Any, x: Any, y: Any, mixed: Any) -> None:
    """Lines over the pixels that are mixed."""
    import matplotlib

    if not mixed.any() or min(mixed.shape) < 2:
        return
    with matplotlib.rc_context({"hatch.linewidth": 0.5, "hatch.color": "0.4"}):
        drawn = ax.contourf(
            x.axis, y.axis, mixed.astype(float), levels=[0.5, 1.5], colors="none", hatches=[HATCH]
        )
    drawn.set_edgecolor("0.4")
    drawn.set_linewidth(0.0)


def _draw_line(ax: Any, axis: Any, picture: Floats) -> None:
    """A strip along a line scan."""
    from .maps_and_labels import edges

    ends = edges(axis)
    ax.pcolormesh(ends, np.array([0.0, 1.0]), picture, rasterized=True)
    ax.set(xlabel=label(axis, "Position"), yticks=[], xlim=(ends[0], ends[-1]))


def _handles(phases: PhaseRegions, palette: Floats, labels: Any) -> list[Any]:
    """Entries of the legend: each phase with its area, and what is none."""
    from matplotlib.patches import Patch

    areas = phases.areas
    handles = [
        Patch(fc=colour, ec="k", lw=0.5, label=f"{_name(phases, i)}, {_percent(areas[name])}")
        for i, (name, colour) in enumerate(zip(phases.names, palette, strict=True))
    ]
    mixed, undecided = areas["(mixed)"], areas["(undecided)"]
    if mixed > 0:
        text = f"mixed, {_percent(mixed)}"
        handles.append(Patch(fc=MIXED_COLOUR, ec="0.4", hatch=HATCH, lw=0.5, label=text))
    if undecided > 0:
        text = f"too few counts, {_percent(undecided)}"
        handles.append(Patch(fc=UNDECIDED_COLOUR, ec="k", lw=0.5, label=text))
    if np.any(labels == LEFT_OUT):
        handles.append(Patch(fc=LEFT_OUT_COLOUR, ec="k", lw=0.5, label="left out"))
    return handles


def _name(phases: PhaseRegions, i: int) -> str:
    return words(called(phases.names[i], i, "phase"), 20)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
