"""Two maps against each other, and pixels picked in that figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.regions import (
    Region,
    corners,
    counts_of,
    is_inside,
    scatter_values,
)

from . import colours
from .figures import new_figure
from .maps_and_labels import draw_pixels, frame_map, label, name_of, per_unit, title_figure

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.numerics.types import Floats

MOST_BINS = 100  # along each axis
SELECTORS = ("lasso", "rectangle")


def plot_scatter(
    result: Components,
    first: int | str = 0,
    second: int | str = 1,
    *,
    of: str = "maps",
    ax: Any = None,
    cmap: str = colours.MAP,
    title: str | None = None,
    select: bool | str = False,
) -> Any:
    """Maps of two components against each other, coloured by the number of pixels.

    The triangle has its corners where a pixel is all of one component: of either, or of any other.
    In counts these are of the median pixel of those that are mostly that component; thicker ones
    lie beyond.

    Parameters
    ----------
    result : Unmixing
    first, second : int or str
        Numbers or names of the components.
    of : {"maps", "fractions"}
        Counts, or shares of the counts of a pixel.
    ax : matplotlib axes, optional
        Where to draw; default a new figure.
    cmap : str
        A colour map of matplotlib.
    title : str, optional
        Default the summary of the result; ``""`` for none.
    select : bool or {"lasso", "rectangle"}
        Whether pixels can be picked with the mouse: a second panel shows where they lie, a third
        their mean spectrum. True is ``"lasso"``.

    Returns
    -------
    matplotlib axes, or with ``select`` a Picker, whose ``region`` holds mask and spectrum

    Raises
    ------
    ValueError
        If there is no such component, both are the same, or ``select`` has axes of its own.
    """
    if select:
        if ax is not None:
            raise ValueError("select=True makes a figure of three panels: leave ax out.")
        return Picker(result, first, second, of, cmap, title, select)
    if ax is None:
        figure, ax = new_figure(1, 1, figsize=(5.4, 4.4))
        title_figure(figure, result.title if title is None else title, 10.0)
    else:
        ax.set_title(title or "")
    _draw(ax, result, first, second, of, cmap)
    return ax


def _draw(
    ax: Any, result: Components, first: int | str, second: int | str, of: str, cmap: str
) -> Floats:
    """Density, corners and labels; the values drawn, (pixels, 2)."""
    from matplotlib.colors import LogNorm

    i, j, values = scatter_values(result, first, second, of)
    x, y = values[np.isfinite(values).all(1)].T
    bins = int(np.clip(np.sqrt(len(x)), 10, MOST_BINS))
    *_, density = ax.hist2d(x, y, bins, norm=LogNorm(), cmap=cmap, rasterized=True)
    ax.figure.colorbar(density, ax=ax, label="Pixels")
    names = [name_of(result, place, 20) for place in (i, j)]
    unit = "share of counts" if of == "fractions" else result.quantity
    ax.set(xlabel=f"{names[0]} ({unit.lower()})", ylabel=f"{names[1]} ({unit.lower()})")
    _draw_corners(ax, result, (i, j), names, of)
    return values


def _draw_corners(
    ax: Any, result: Components, places: tuple[int, int], names: list[str], of: str
) -> None:
    """Where a pixel is all of one component, in the counts of its median pixel."""
    whole = np.ones(2)
    if of == "maps":
        integrals = result.arrays.spectra @ result.prepared.image.channel_widths
        whole = np.array([_whole(result, place) / integrals[place] for place in places])
    points = np.array([[whole[0], 0], [0, whole[1]], [0, 0]])
    ends = [f"100 % {name}" for name in names]
    if result.n_components > 2:
        ends.append("other components")
        outline = np.concatenate([points, points[:1]])
    else:
        points = outline = points[:2]
    ax.plot(*outline.T, color=colours.SCALE_BAR, lw=1, ls="--")
    ax.plot(*points.T, "o", color=colours.SCALE_BAR, mec="k", mew=0.5)
    places_of_text = (("right", (4, 8)), ("left", (8, -2)), ("left", (8, 6)))
    for text, point, (side, offset) in zip(ends, points, places_of_text, strict=False):
        ax.annotate(
            text,
            point,
            offset,
            textcoords="offset points",
            ha=side,
            va="bottom" if point[0] or not point[1] else "top",
            fontsize="small",
            bbox={"fc": "w", "ec": "none", "alpha": 0.7, "pad": 1},
        )
    ax.margins(0.05)
    ax.autoscale()


def _whole(result: Components, place: int) -> float:
    """Counts of the median pixel of those that are mostly one component; of all, if none is."""
    counts = counts_of(result)
    total = counts.sum(1)
    mostly = counts[:, place] > total / 2
    return float(np.median(total[mostly] if mostly.any() else total))


class Picker:
    """A scatter plot in which pixels are picked, where they lie, and their mean spectrum.

    Parameters
    ----------
    result : Unmixing
    first, second, of, cmap, title, select
        As in `plot_scatter`.

    Attributes
    ----------
    region : Region or None
        What was picked last: ``.mask``, ``.spectrum``.
    """

    def __init__(
        self,
        result: Components,
        first: int | str,
        second: int | str,
        of: str,
        cmap: str,
        title: str | None,
        select: bool | str,
    ) -> None:
        kind = SELECTORS[0] if select is True else select
        if kind not in SELECTORS:
            raise ValueError(f"select={select!r}: True, 'lasso' or 'rectangle' is needed.")
        self.result, self.region = result, None
        self.figure = new_figure(figsize=(9.5, 7))
        grid = self.figure.add_gridspec(2, 2, height_ratios=[1.5, 1])
        self.scatter = self.figure.add_subplot(grid[0, 0])
        self.place = self.figure.add_subplot(grid[0, 1])
        self.spectrum = self.figure.add_subplot(grid[1, :])
        self._values = _draw(self.scatter, result, first, second, of, cmap)
        title_figure(self.figure, result.title if title is None else title, 10.0)
        self._selector = self._select_with(str(kind))
        self.figure.picker = self  # else nothing would keep the selector alive
        self._show()

    region: Region | None

    def pick(self, limits: Any) -> Region:
        """Pick the pixels in a rectangle (left, right, bottom, top) or in a polygon."""
        self.region = Region(self.result, is_inside(self._values, corners(limits)))
        self._show()
        return self.region

    def _select_with(self, kind: str) -> Any:
        from matplotlib.widgets import LassoSelector, RectangleSelector

        if kind == "lasso":
            return LassoSelector(self.scatter, self._picked_by_lasso)
        return RectangleSelector(self.scatter, self._picked_by_rectangle, interactive=True)

    def _picked_by_lasso(self, vertices: Any) -> None:
        if len(vertices) >= 3:
            self.pick(vertices)

    def _picked_by_rectangle(self, *_: Any) -> None:
        left, right, bottom, top = self._selector.extents
        if left < right and bottom < top:
            self.pick((left, right, bottom, top))

    def _show(self) -> None:
        self.place.clear()
        self.spectrum.clear()
        region = self.region
        number = 0 if region is None else region.pixels
        axis = self.result.spectra.axes_manager.signal_axes[0]
        self.spectrum.set(xlabel=label(axis, "Signal axis"), ylabel=per_unit(axis))
        self.place.set_title(f"{number} pixels" if region else "draw round pixels at the left")
        if region is not None:
            self._show_place(region)
        if region is not None and number:
            self.spectrum.plot(axis.axis, region.spectrum.data, lw=1)
            self.spectrum.set_title(f"mean of {number} pixels")
        self.figure.canvas.draw_idle()

    def _show_place(self, region: Region) -> None:
        mask, scan = region.mask.data, region.mask.axes_manager.signal_axes
        if len(scan) == 1:
            self.place.step(scan[0].axis, mask.astype(float), where="mid")
            self.place.set(xlabel=label(scan[0], "Position"), yticks=[0, 1])
            return
        further = tuple(range(mask.ndim - 2))
        x, y = scan
        draw_pixels(self.place, x, y, mask.sum(further) if further else mask, cmap="gray")
        frame_map(self.place, x, y)
