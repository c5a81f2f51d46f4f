"""The overview as journals print it: at the width of a column, in type of seven points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import colours
from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import (
    draw_pixels,
    frame_map,
    label,
    name_of,
    over_further_axes,
    per_unit,
    quantity_of,
)
from .spectrum import show_spectrum

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components

WIDTHS = {"single": 88.0, "double": 180.0}  # mm, of one column and of two
LEAST_WIDTH, MOST_WIDTH = 60.0, 300.0  # mm
ROW_HEIGHT = 30.0  # mm, of a component
TALLEST = 235.0  # mm, of a page
MM = 1 / 25.4  # inches
SHARE_OF_A_LINE = 0.11  # of the height of a spectrum
STYLE: Any = {
    "font.size": 7,
    "axes.linewidth": 0.5,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
}


def width_in_mm(width: Any) -> float:
    """The width asked for.

    Raises
    ------
    ValueError
        If it is none.
    """
    if width is None:
        return WIDTHS["double"]
    if isinstance(width, str) and width in WIDTHS:
        return WIDTHS[width]
    is_number = isinstance(width, (int, float)) and not isinstance(width, bool)
    if not is_number or not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise ValueError(
            f"width={width!r}: 'single' ({WIDTHS['single']:g} mm), 'double' "
            f"({WIDTHS['double']:g} mm) or a number of mm from {LEAST_WIDTH:g} to {MOST_WIDTH:g}."
        )
    return float(width)


def paper_overview(result: Components, places: list[int], width: float, smooth: bool) -> Any:
    """Each component's spectrum, with its bands, and its map; returns the figure.

    Bands as in `plot_overview`, whose legend a caption takes the place of: two standard deviations
    in blue, what fits as well in orange.

    Parameters
    ----------
    result : Unmixing
    places : list of int
        Of the components.
    width : float
        In mm. Two components stand side by side where two columns are wide.
    smooth : bool
        Whether the maps are `smooth_maps`.
    """
    import matplotlib

    blocks = 2 if width >= WIDTHS["double"] - 20 and len(places) > 1 else 1
    rows = -(-len(places) // blocks)
    height = min(rows * ROW_HEIGHT + 12, TALLEST)
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(
            rows,
            2 * blocks,
            squeeze=False,
            figsize=(width * MM, height * MM),
            width_ratios=[1.35, 1] * blocks,
        )
        axes = np.concatenate(np.split(axes, blocks, axis=1))
        for ax in axes[len(places) :].flat:
            ax.remove()
        maps = result.smooth_maps if smooth else result.maps
        distance = 3.2 * blocks / (0.4 * width)  # a line of six points, of the spectrum's width
        for k, (i, row) in enumerate(zip(places, axes, strict=False)):
            is_last = k in (rows - 1, len(places) - 1)
            _spectrum(row[0], result, i, first=k % rows == 0, last=is_last, distance=distance)
            _map(row[1], maps.inav[i], quantity_of(maps), last=is_last)
        # The drawing itself must see the sizes as well.
        figure.canvas.draw()
    return figure


def _spectrum(
    ax: Any, result: Components, i: int, *, first: bool, last: bool, distance: float
) -> None:
    axis = result.spectra.axes_manager.signal_axes[0]
    show_spectrum(ax, result, i, "", lw=0.6)
    mark_features(ax, result.spectra, "above" if first else None, distance)
    name = name_of(result, i, 24)
    if result.names[i] in result.unstable:
        name += "\n(UNSTABLE)"
    _leave_room(ax, 1 + name.count("\n"))
    ax.text(0.97, 0.96, name, transform=ax.transAxes, ha="right", va="top", linespacing=1.0)
    # The scale of intensities of integral one is told by the unit.
    ax.set(ylabel=per_unit(axis), yticks=[], xlabel=label(axis, "Signal axis") if last else "")
    if not last:
        ax.tick_params(labelbottom=False)


def _leave_room(ax: Any, lines: int) -> None:
    """Room for so many lines of text above all that is drawn."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (high - low) * SHARE_OF_A_LINE * lines / (1 - SHARE_OF_A_LINE * lines))


def _map(ax: Any, signal: Any, quantity: str, *, last: bool) -> None:
    values, scan = signal.data, signal.axes_manager.signal_axes
    if len(scan) == 1:
        ax.plot(scan[0].axis, np.ravel(values), lw=0.6)
        ax.set(xlabel=label(scan[0], "Position") if last else "", ylabel=quantity)
        return
    if values.ndim > 2:
        values = over_further_axes(values, add=True)
    x, y = scan
    image = draw_pixels(ax, x, y, values, cmap=colours.MAP)
    try:
        frame_map(ax, x, y, scalebar=True)
    except ValueError:
        # Without a unit there are ticks.
        frame_map(ax, x, y, scalebar=False)
    colourbar = ax.figure.colorbar(image, ax=ax, label=quantity, aspect=12, pad=0.03)
    colourbar.outline.set_linewidth(0.5)
