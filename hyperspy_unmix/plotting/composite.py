"""Several components as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.naming import find_places

from . import colours
from .figures import new_figure
from .maps_and_labels import draw_pixels, frame_map, name_of, title_figure
from .slices import in_words_of, slice_of

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.numerics.types import Floats

LEAST_OF_SURVEY = 0.25  # brightness where a survey image is darkest, for the colours to be seen


def plot_composite(
    result: Components,
    components: Sequence[int | str] | None = None,
    *,
    ax: Any = None,
    colors: Sequence[Any] | None = None,
    survey: Any = None,
    title: str | None = None,
    scalebar: bool | None = None,
    at: int | Sequence[int] | None = None,
) -> Any:
    """Components as one picture, a colour each, mixed as light in proportion to their maps.

    Each map is divided by its greatest value; a survey image gives the brightness.

    Parameters
    ----------
    result : Unmixing
    components : sequence of int or str, optional
        Numbers or names of two or more; default all, up to as many as there are colours.
    ax : matplotlib axes, optional
        Where to draw; default a new figure.
    colors : sequence of matplotlib colours, optional
        One for each component.
    survey : Signal2D or array, shape (rows, columns), optional
        Image of the same pixels, such as HAADF.
    title : str, optional
        Default the summary of the result; ``""`` for none.
    scalebar : bool, optional
        A bar instead of ticks, or ticks alone; default both.
    at : int or sequence of int, optional
        Slice of a stack, see `plot_map`.

    Returns
    -------
    matplotlib figure, or axes if ``ax`` was given

    Raises
    ------
    ValueError
        If there is one component only, components or colours are not that, the scan is no map of
        two axes, or the survey image has other pixels.
    """
    places, palette = _chosen(result, components, colors)
    maps = result.maps
    scan = maps.axes_manager.signal_axes
    is_stack = maps.axes_manager.navigation_dimension > 1
    if len(scan) != 2 or (is_stack and at is None):
        raise ValueError(
            "a composite needs a map of two axes, this scan has "
            f"{result.prepared.image.navigation_shape}"
            + (": plot_composite(at=0) shows the first slice." if is_stack else ".")
        )
    shown = [maps.inav[i] if at is None else slice_of(maps.inav[i], at) for i in places]
    picture = _picture([one.data for one in shown], [maps.inav[i].data for i in places], palette)
    if survey is not None:
        picture = picture * _brightness(survey, picture.shape[:2])[..., None]
    figure, own_ax = (None, ax) if ax is not None else new_figure(1, 1, figsize=(6.5, 4.5))
    x, y = scan
    draw_pixels(own_ax, x, y, picture)
    frame_map(own_ax, x, y, scalebar)
    for colour, i in zip(palette, places, strict=True):
        own_ax.plot([], [], "s", color=colour, mec="k", mew=0.5, label=name_of(result, i, 20))
    if figure is None:
        own_ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
        own_ax.set_title(title or "")
        return own_ax
    figure.legend(loc="outside right center", title="over its maximum")
    where = "" if at is None else f", {in_words_of(maps.inav[places[0]], at)}"
    title_figure(figure, f"{result.title}{where}" if title is None else title, 10.0)
    return figure


def _chosen(
    result: Components, components: Sequence[int | str] | None, colors: Sequence[Any] | None
) -> tuple[list[int], Floats]:
    """Places of the components, and a colour for each, shape (components, 3)."""
    from matplotlib.colors import to_rgb

    if result.n_components == 1:
        raise ValueError(
            "a composite shows where one component gives way to another, and there is one only: "
            "plot() and plot_overview() show its map, maps.inav[0] is it."
        )
    given = None if colors is None else colours.as_colours(colors)
    most = len(colours.COMPOSITE) if given is None else len(given)
    chosen = result.shown[:most] if components is None else components
    places = find_places(chosen, result.names)
    if len(places) < 2:
        raise ValueError(
            f"components={chosen!r}: two or more different ones are needed, of "
            f"{', '.join(result.names)}; plot_map(i) is the map of a single one."
        )
    if len(places) > most:
        raise ValueError(
            f"components={chosen!r}: {len(places)} components need as many colours, there "
            f"are {most}: give colors=[...], or fewer components."
        )
    palette = colours.COMPOSITE if given is None else np.array([to_rgb(one) for one in given])
    return places, palette[: len(places)]


def _picture(shown: list[Floats], whole: list[Floats], palette: Floats) -> Floats:
    """Colours (rows, columns, 3) of the shares of maps, each over the greatest value of all slices.

    So the slices of a stack have the same colours.
    """
    greatest = np.array([np.nanmax(values) for values in whole])[:, None, None]
    counts = np.clip(shown, 0, None) / np.where(greatest > 0, greatest, 1)
    total = counts.sum(0)
    picture = colours.mixed(counts / np.where(total > 0, total, 1), palette)
    picture[~(total > 0)] = colours.MISSING
    return picture


def _brightness(survey: Any, shape: tuple[int, ...]) -> Floats:
    """A survey image between its first and last percentile, never black."""
    values = survey.data if hasattr(survey, "axes_manager") else survey
    try:
        image = np.asarray(values, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"survey is a {type(survey).__name__}: a Signal2D or an array of the pixels of the "
            f"maps, {shape}, is needed."
        ) from None
    if not np.isfinite(image).any():
        raise ValueError("survey holds no number that is finite: an image is needed.")
    if image.shape != shape:
        raise ValueError(
            f"survey has the shape {image.shape}: an image of the same pixels as the maps, "
            f"{shape}, is needed; survey.rebin(new_shape={shape[::-1]}) makes one of finer pixels."
        )
    low, high = np.nanpercentile(image, [1, 99])
    level = np.clip((np.nan_to_num(image, nan=low) - low) / ((high - low) or 1.0), 0, 1)
    return np.asarray(LEAST_OF_SURVEY + (1 - LEAST_OF_SURVEY) * level)
