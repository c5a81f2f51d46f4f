"""Axes, labels and maps that several figures share."""

from __future__ import annotations

from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from . import colours

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.numerics.types import Floats

Limit = float | str | None  # of the colours of a map

LABEL_WIDTH = 30  # characters in a line of a label
MOST_LABEL_LINES = 3
CHARACTERS_PER_INCH = 9.0  # of a title in 12 points
LEAST_STRIP_RATIO = 5.0  # length over width, from which on a map cannot be read to scale
LONGEST_UNIT = 12  # characters, of a scale bar
LONGEST_BAR, BAR_HEIGHT = 0.35, 0.015  # of a scale bar, over width and height of the map


def label(axis: Any, fallback: str) -> str:
    """Name and units of an axis, without HyperSpy's word for missing ones."""
    name, units = (("" if "undefined" in str(x) else str(x)) for x in (axis.name, axis.units))
    name = name or fallback
    return words(f"{name} ({units})" if units else name)


def words(text: str, width: int = LABEL_WIDTH) -> str:
    """Text as a figure can show it: in a few lines, and what is no mathematics as it is."""
    lines = wrap(text, width) or [text]
    if len(lines) > MOST_LABEL_LINES:
        lines = [*lines[: MOST_LABEL_LINES - 1], f"{lines[MOST_LABEL_LINES - 1]} …"]
    shown = "\n".join(lines)
    if "$" in shown and not _is_mathematics(shown):
        shown = shown.replace("$", r"\$")
    # A leading underscore would hide a name from legends.
    return f" {shown}" if shown.startswith("_") else shown


def _is_mathematics(text: str) -> bool:
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def name_of(result: Components, i: int, width: int = LABEL_WIDTH) -> str:
    """Name of a component in a figure."""
    return words(result.labels[i], width)


def title_figure(figure: Any, title: str, size: float = 12.0) -> None:
    """Title above all axes, in lines that fit on the figure."""
    width = int(figure.get_size_inches()[0] * CHARACTERS_PER_INCH * 12.0 / size)
    figure.suptitle(fill(title, width), parse_math=False, fontsize=size)


def per_unit(axis: Any) -> str:
    """Label of an intensity of integral one over this axis."""
    units = str(axis.units)
    if not units or "undefined" in units:
        return "Intensity"
    return words(f"Intensity (1/({units}))" if "/" in units else f"Intensity (1/{units})")


def _further_axes(signal: BaseSignal) -> str:
    """Names of the scan axes beyond the two of a map, in words."""
    axes = signal.axes_manager.navigation_axes[::-1]
    return " and ".join(label(axis, "further axes").split(" (")[0] for axis in axes)


def quantity_of(maps: BaseSignal) -> str:
    """What maps hold."""
    return str(maps.metadata.get_item("Signal.quantity", default="Counts"))


def show_map(ax: Any, maps: BaseSignal, i: int, title: str) -> None:
    """One of several maps, see `show_values`."""
    show_values(ax, maps.inav[i], title, quantity_of(maps), add=True)


def show_values(
    ax: Any,
    signal: BaseSignal,
    title: str,
    quantity: str,
    cmap: str = colours.MAP,
    add: bool = False,
    scalebar: bool | None = None,
    limits: tuple[Limit, Limit] = (None, None),
) -> None:
    """A map with calibrated axes, scale bar and colour bar, or a profile of a line scan.

    Of further scan axes (depth, time) the mean is shown, or the sum: ``add``. For ``scalebar`` see
    `frame_map`; ``limits`` are those of the colours, percentiles as ``"99th"``.
    """
    values, scan = signal.data, signal.axes_manager.signal_axes
    if len(scan) == 1:
        ax.plot(scan[0].axis, np.ravel(values), lw=1)
        ax.set(xlabel=label(scan[0], "Position"), ylabel=quantity, title=title)
        return
    if values.ndim > 2:
        values = over_further_axes(values, add=add)
        title = words(f"{title}, {'sum' if add else 'mean'} over {_further_axes(signal)}")
    x, y = scan
    vmin, vmax = (_limit(limit, values) for limit in limits)
    image = draw_pixels(ax, x, y, values, cmap=cmap, vmin=vmin, vmax=vmax)
    frame_map(ax, x, y, scalebar)
    ax.set_title(title)
    ax.figure.colorbar(image, ax=ax, label=quantity)


def over_further_axes(values: Floats, *, add: bool) -> Floats:
    """Sum or mean of what is known over all axes but the last two."""
    further_axes = tuple(range(values.ndim - 2))
    n_known = np.isfinite(values).sum(further_axes)
    total = np.nansum(values, further_axes)
    shown = total if add else total / np.maximum(n_known, 1)
    return np.where(n_known > 0, shown, np.nan)


def _limit(limit: Limit, values: Floats) -> float | None:
    """A limit of the colours; ``"99th"`` is a percentile, as in HyperSpy's figures."""
    if not isinstance(limit, str):
        return limit
    try:
        return float(np.nanpercentile(values, float(limit.removesuffix("th"))))
    except ValueError:
        raise ValueError(
            f"vmin or vmax {limit!r}: a number, or a percentile such as '99th', is needed."
        ) from None


def draw_pixels(ax: Any, x: Any, y: Any, values: Floats, **options: Any) -> Any:
    """The values (rows, columns) or colours (rows, columns, 3) of a map over its axes.

    Vector files hold each pixel once, as it is; those of non-uniform axes are drawn.
    """
    x_edges, y_edges = edges(x), edges(y)
    if not (_is_even(x_edges) and _is_even(y_edges)):
        return ax.pcolormesh(x_edges, y_edges, values, rasterized=True, **options)
    extent = (x_edges[0], x_edges[-1], y_edges[-1], y_edges[0])
    return ax.imshow(values, extent=extent, interpolation="none", aspect="auto", **options)


def _is_even(edges: Floats) -> bool:
    steps = np.diff(edges)
    return bool(np.ptp(steps) <= 1e-6 * np.abs(steps).max())


def frame_map(ax: Any, x: Any, y: Any, scalebar: bool | None = None) -> None:
    """Axes of a map, to scale unless it is a strip, and a scale bar.

    The first pixel is at the top left, as in HyperSpy's figures. ``scalebar`` may ask for a bar
    instead of ticks (True) or for ticks alone (False).
    """
    strip = is_strip(x, y)
    ax.set_aspect("auto" if strip or str(x.units) != str(y.units) else "equal")
    (left, *_, right), (top, *_, bottom) = edges(x), edges(y)
    ax.set(xlim=(left, right), ylim=(bottom, top))
    y_label = label(y, "y") + (", not to scale" if strip else "")
    ax.set(xlabel=label(x, "x"), ylabel=y_label)
    has_bar = scalebar is not False and add_scale_bar(ax, x, y)
    if scalebar and not has_bar:
        raise ValueError(
            f"scalebar=True: the scan axis has no unit that a bar could have ({x.units!s}); set "
            "axes_manager[...].units of the signal before unmix(), or leave it out."
        )
    if scalebar:
        ax.set(xlabel="", ylabel="", xticks=[], yticks=[])


def edges(axis: Any) -> Floats:
    """Where pixels meet, and the outer edges of the first and the last: one more than pixels."""
    centres = np.asarray(axis.axis, float)
    if len(centres) == 1:
        half = abs(float(getattr(axis, "scale", 1.0))) / 2 or 0.5
        return np.array([centres[0] - half, centres[0] + half])
    between = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def is_strip(x: Any, y: Any) -> bool:
    """Whether a map over these axes cannot be read to scale."""
    return max(_extent(x) / _extent(y), _extent(y) / _extent(x)) > LEAST_STRIP_RATIO


def _extent(axis: Any) -> float:
    return float(np.ptp(edges(axis))) or 1.0


def add_scale_bar(ax: Any, x: Any, y: Any) -> bool:
    """A bar of a round length of ``x`` in the corner of a map, if that axis has a unit; whether."""
    from matplotlib import rcParams, rcParamsDefault
    from matplotlib.patheffects import withStroke
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    units = str(x.units)
    width, height = (float(np.ptp(edges(axis))) for axis in (x, y))
    if not units or "undefined" in units or len(units) > LONGEST_UNIT:
        return False
    length = round_length(LONGEST_BAR * width)
    # In small type the map is small too, and the bar a larger part of it.
    smaller = max(rcParamsDefault["font.size"] / rcParams["font.size"], 1.0)
    bar = AnchoredSizeBar(
        ax.transData,
        length,
        words(f"{length:g} {units}"),
        "lower right",
        borderpad=0.6,
        sep=3,
        color="white",
        frameon=False,
        label_top=True,
        size_vertical=BAR_HEIGHT * height * smaller**2,
        fill_bar=True,
    )
    filled, text = bar.size_bar.get_children()[0], bar.txt_label.get_children()[0]
    filled.set(edgecolor="black", linewidth=0.8 / smaller**2)
    text.set(path_effects=[withStroke(linewidth=2 / smaller, foreground="black")])
    bar.set_in_layout(False)
    ax.add_artist(bar)
    return True


def round_length(longest: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten that is not above ``longest``."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(m * power for m in (1, 2, 5) if m * power <= longest * (1 + 1e-9)))
