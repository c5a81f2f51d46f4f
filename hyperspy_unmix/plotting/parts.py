"""Axes, labels and maps that several figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


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


def show_map(ax: Any, maps: BaseSignal, i: int, title: str) -> None:
    """One of several maps, see `show_values`."""
    quantity = maps.metadata.get_item("Signal.quantity", default="Counts")
    show_values(ax, maps.inav[i], title, quantity)


def show_values(
    ax: Any, signal: BaseSignal, title: str, quantity: str, cmap: str = "viridis"
) -> None:
    """A map with calibrated axes and a colour bar, or a profile of a line scan."""
    values, scan = signal.data, signal.axes_manager.signal_axes
    if len(scan) == 1:
        ax.plot(scan[0].axis, np.ravel(values), lw=1)
        ax.set(xlabel=label(scan[0], "Position"), ylabel=quantity, title=title)
        return
    if values.ndim > 2:
        # further scan axes (depth, time): the figure shows their sum
        values = np.nansum(values, axis=tuple(range(values.ndim - 2)))
    x, y = scan
    image = ax.pcolormesh(x.axis, y.axis, values, cmap=cmap, shading="nearest", rasterized=True)
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set(xlabel=label(x, "x"), ylabel=label(y, "y"), title=title)
    ax.figure.colorbar(image, ax=ax, label=quantity)
