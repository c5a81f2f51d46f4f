"""Single panels, to build figures of one's own: spectra in one axes, the map of a component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.naming import find_place, find_places

from . import colours
from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import Limit, label, name_of, per_unit, quantity_of, show_values
from .slices import in_words_of, slice_of

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components

MOST_LINES_INSIDE = 3  # of the axes; a longer legend would cover spectra


def plot_spectra(
    result: Components,
    components: Sequence[int | str] | None = None,
    *,
    ax: Any = None,
    colors: Sequence[Any] | None = None,
    title: str | None = None,
    bands: bool = True,
    stacked: bool = False,
) -> Any:
    """Spectra of components in one axes, with bands of two standard deviations.

    Parameters
    ----------
    result : Unmixing
    components : sequence of int or str, optional
        Numbers or names, in the order of the legend; default all.
    ax : matplotlib axes, optional
        Where to draw; default a new figure.
    colors : sequence of matplotlib colours, optional
        One for each component.
    title : str, optional
    bands : bool
        Whether the bands are drawn.
    stacked : bool
        One above the other, each over its own zero line.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ValueError
        If there is no such component, or colours are too few.
    """
    chosen = result.shown if components is None else components
    places = find_places(chosen, result.names)
    palette = [f"C{i % 10}" for i in range(len(places))]
    if colors is not None:
        palette = colours.as_colours(colors)
    if len(palette) < len(places):
        raise ValueError(f"colors={palette!r}: {len(places)} are needed, one for each component.")
    is_own = ax is None
    if ax is None:
        _, ax = new_figure(1, 1, figsize=(6.5, 4.5))
    axis = result.spectra.axes_manager.signal_axes[0]
    spectra = result.spectra.data[places]
    errors = np.nan_to_num(2 * result.spectra_uncertainty.data[places], posinf=np.nan)
    step = 1.05 * float(np.nanmax(spectra) - min(np.nanmin(spectra), 0)) if stacked else 0.0
    drawn = [name_of(result, place, 20) for place in places]
    for k, (spectrum, error, colour) in enumerate(zip(spectra, errors, palette, strict=False)):
        # The first stands on top, as in the legend.
        zero = step * (len(places) - 1 - k)
        if bands:
            bounds = (zero + spectrum - error, zero + spectrum + error)
            ax.fill_between(axis.axis, *bounds, color=colour, alpha=0.3, lw=0)
        ax.plot(axis.axis, zero + spectrum, lw=1, color=colour, label=drawn[k])
        if stacked:
            ax.axhline(zero, color="0.6", lw=0.5, zorder=0)
    ax.set(xlabel=label(axis, "Signal axis"), ylabel=per_unit(axis))
    if stacked:
        ax.set(yticks=[])
    mark_features(ax, result.spectra, "inside" if title else "above")
    ax.set_title(title or "")
    if is_own and sum(1 + names.count("\n") for names in drawn) > MOST_LINES_INSIDE:
        ax.figure.legend(loc="outside right upper", fontsize="small")
    else:
        ax.legend(fontsize="small")
    return ax


def plot_map(
    result: Components,
    component: int | str,
    *,
    ax: Any = None,
    cmap: str = colours.MAP,
    vmin: Limit = None,
    vmax: Limit = None,
    title: str | None = None,
    scalebar: bool | None = None,
    at: int | Sequence[int] | None = None,
) -> Any:
    """Map of one component; of a line scan its profile, of a stack a slice or the sum.

    Parameters
    ----------
    result : Unmixing
    component : int or str
        Its number or name.
    ax : matplotlib axes, optional
        Where to draw; default a new figure.
    cmap : str
        A colour map of matplotlib.
    vmin, vmax : float or str, optional
        Limits of the colours; ``"99th"`` is a percentile, as in HyperSpy's figures.
    title : str, optional
        Default the component's name; ``""`` for none.
    scalebar : bool, optional
        A bar instead of ticks, or ticks alone; default both.
    at : int or sequence of int, optional
        Slice of a stack: its number along each scan axis beyond the two of a map, in HyperSpy's
        order; default the sum over all.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ValueError
        If there is no such component or slice, or no unit for the scale bar asked for.
    """
    place = find_place(component, result.names)
    if ax is None:
        _, ax = new_figure(1, 1, figsize=(5, 4.4))
    name = name_of(result, place) if title is None else title
    maps = result.maps
    one = maps.inav[place] if at is None else slice_of(maps.inav[place], at)
    if title is None and at is not None:
        name = f"{name}, {in_words_of(maps.inav[place], at)}"
    show_values(
        ax,
        one,
        name,
        quantity_of(maps),
        cmap=cmap,
        add=True,
        scalebar=scalebar,
        limits=(vmin, vmax),
    )
    return ax
