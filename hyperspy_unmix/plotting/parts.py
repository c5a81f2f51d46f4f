"""Axes, labels and maps that several figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .labels import add_scale_bar

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


STRIP = 5.0  # length over width of a map that cannot be read to scale


def label(axis: Any, fallback: str) -> str:
    """Name and units of an axis, without HyperSpy's word for missing ones."""
    name, units = (("" if "undefined" in str(x) else str(x)) for x in (axis.name, axis.units))
    name = name or fallback
    return f"{name} ({units})" if units else name


def per_unit(axis: Any) -> str:
    """Label of an intensity of integral one over this axis."""
    units = str(axis.units)
    if not units or "undefined" in units:
        return "Intensity"
    return f"Intensity (1/({units}))" if "/" in units else f"Intensity (1/{units})"


def _further(signal: BaseSignal) -> str:
    axes = signal.axes_manager.navigation_axes[::-1]
    return " and ".join(label(axis, "further axes").split(" (")[0] for axis in axes)


def show_map(ax: Any, maps: BaseSignal, i: int, title: str) -> None:
    """One of several maps, see `show_values`."""
    quantity = maps.metadata.get_item("Signal.quantity", default="Counts")
    show_values(ax, maps.inav[i], title, quantity, add=True)


def show_values(
    ax: Any,
    signal: BaseSignal,
    title: str,
    quantity: str,
    cmap: str = "viridis",
    add: bool = False,
) -> None:
    """A map with calibrated axes, scale bar and colour bar, or a profile of a line scan.

    Of further scan axes (depth, time) the mean is shown, or the sum: ``add``.
    """
    values, scan = signal.data, signal.axes_manager.signal_axes
    if len(scan) == 1:
        ax.plot(scan[0].axis, np.ravel(values), lw=1)
        ax.set(xlabel=label(scan[0], "Position"), ylabel=quantity, title=title)
        return
    if values.ndim > 2:
        over = tuple(range(values.ndim - 2))
        values = np.nansum(values, over) if add else np.nanmean(values, over)
        title = f"{title}, {'sum' if add else 'mean'} over {_further(signal)}"
    x, y = scan
    image = ax.pcolormesh(x.axis, y.axis, values, cmap=cmap, shading="nearest", rasterized=True)
    frame_map(ax, x, y)
    ax.set_title(title)
    ax.figure.colorbar(image, ax=ax, label=quantity)


def frame_map(ax: Any, x: Any, y: Any) -> None:
    """Axes of a map, to scale unless it is a strip, and a scale bar."""
    strip = is_strip(x, y)
    ax.set_aspect("auto" if strip else "equal")
    ax.invert_yaxis()
    across = label(y, "y") + (", not to scale" if strip else "")
    ax.set(xlabel=label(x, "x"), ylabel=across)
    add_scale_bar(ax, x, y)


def is_strip(x: Any, y: Any) -> bool:
    """Whether a map over these axes cannot be read to scale."""
    return max(_extent(x) / _extent(y), _extent(y) / _extent(x)) > STRIP


def _extent(axis: Any) -> float:
    return float(np.ptp(axis.axis)) or 1.0
