"""Figures in HyperSpy's own navigator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from . import colours
from .edges_and_lines import mark_features
from .maps_and_labels import words

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.numerics.types import Floats

MOST_NAMED = 6  # components with their names along an axis
NAME_WIDTH, LONGEST_NAME = 12, 26  # characters of a line, and of all lines of a name there


def plot_together(spectra: BaseSignal, maps: BaseSignal, titles: Mapping[int, str]) -> None:
    """Plot both, the component axis shared, with the counts of each component as navigator.

    ``titles`` are those of the components by their numbers, which the figures show as they move.
    """
    in_order = tuple(titles.values())
    if len(spectra.data) == 1:
        # A navigator over one component would have nothing to navigate.
        spectrum, one_map = spectra.inav[0], maps.inav[0]
        spectrum.plot()
        one_map.plot(**_scale_bar(maps))
        mark_features(spectrum._plot.signal_plot.ax, spectrum, "inside")
        _show_title(spectrum, in_order[0])
        if one_map.axes_manager.signal_dimension:  # a single pixel is printed
            _show_title(one_map, in_order[0])
        return
    for signal in (spectra, maps):
        # HyperSpy closes an old figure by what is now the number of a new one.
        if signal._plot is not None and signal._plot.is_active:
            signal._plot.close()
    spectra.plot(navigator=_counts_of(spectra, maps))
    mark_features(spectra._plot.signal_plot.ax, spectra, "inside")
    _tidy_navigator(spectra, str(maps.metadata.Signal.quantity), titles)
    # Further scan axes need a navigator of the maps.
    has_further_axes = maps.axes_manager.navigation_dimension > 1
    maps.plot(navigator="auto" if has_further_axes else None, **_scale_bar(maps))
    _link(spectra, maps)
    for signal in (spectra, maps):
        _follow_with_title(signal, in_order)


def _counts_of(spectra: BaseSignal, maps: BaseSignal) -> BaseSignal:
    """The counts of each component: the navigator of the spectra."""
    import hyperspy.api as hs

    component_axis = max(maps.data.ndim - 3, 0)
    scan_axes = tuple(i for i in range(maps.data.ndim) if i != component_axis)
    counts = hs.signals.Signal1D(np.nansum(maps.data, axis=scan_axes))
    counts.axes_manager[0].name = "Component"
    return counts


def _tidy_navigator(spectra: BaseSignal, quantity: str, titles: Mapping[int, str]) -> None:
    """One point for each component, by its name, in place of stairs from one to the next."""
    figure = spectra._plot.navigator_plot
    points = figure.ax_lines[0]
    points.set_line_properties(color="C0", type="scatter", markersize=8)
    points.autoscale = ""  # HyperSpy's own limits cut through the largest and the smallest
    figure.ax.margins(y=0.1)
    figure.ax.autoscale(axis="y")
    short = [fill(title, NAME_WIDTH) for title in titles.values()]
    named = len(short) <= MOST_NAMED and max(len(x) for x in short) <= LONGEST_NAME
    figure.ax.set(xlabel="Component", ylabel=quantity, title="", xlim=(-0.5, len(titles) - 0.5))
    if named:
        figure.ax.set_xticks(range(len(titles)), [words(x) for x in short])
    else:
        figure.ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        numbers = dict(enumerate(map(str, titles)))
        figure.ax.xaxis.set_major_formatter(lambda place, _: numbers.get(round(place), ""))
    figure.figure.tight_layout()


def _show_title(signal: BaseSignal, title: str) -> None:
    figure = signal._plot.signal_plot
    figure.ax.set_title(words(title))
    figure.figure.canvas.draw_idle()


def _follow_with_title(signal: BaseSignal, titles: Sequence[str]) -> None:
    """The title of the component that the figure shows, as long as it is open."""

    def show() -> None:
        _show_title(signal, titles[_component(signal).index])

    changed = signal.axes_manager.events.indices_changed
    changed.connect(show, [])
    signal._plot.signal_plot.events.closed.connect(lambda: changed.disconnect(show), [])
    show()


def _scale_bar(maps: BaseSignal) -> dict[str, str]:
    is_image = maps.axes_manager.signal_dimension == 2
    return {"scalebar_color": colours.SCALE_BAR} if is_image else {}


def _link(first: BaseSignal, second: BaseSignal) -> None:
    """Let the component axes of two plotted signals follow each other."""
    for source, target in ((first, second), (second, first)):

        def follow(source: BaseSignal = source, target: BaseSignal = target) -> None:
            if _component(target).index != _component(source).index:
                _component(target).index = _component(source).index

        source.axes_manager.events.indices_changed.connect(follow, [])


def _component(signal: BaseSignal) -> Any:
    """The axis of the components."""
    axes = signal.axes_manager.navigation_axes
    return next(axis for axis in axes if axis.name == "Component")


def plot_fit(result: Components) -> None:
    """Counts of the navigator's pixel, the model, each component, background and residual."""
    import hyperspy.drawing.signal1d as drawing

    from hyperspy_unmix.components.forward_model import parts_of_fit

    names = tuple(result.names[i] for i in result.shown)
    image, parts = parts_of_fit(result.pca, result.included, names)
    has_image = image.axes_manager.navigation_dimension >= 2
    image.plot(navigator_kwds={"scalebar_color": colours.SCALE_BAR} if has_image else {})
    figure = image._plot.signal_plot
    # A line of HyperSpy's own is drawn anew whenever the navigator moves.
    counts = figure.ax_lines[0]
    counts.set_line_properties(color="k", type="scatter")
    entries = [counts.line]
    labels = [result.prepared.unit]
    for k, (name, function) in enumerate(parts.items()):
        line = drawing.Signal1DLine()
        line.data_function = _of_pixel(function)
        line.set_line_properties(color=f"C{k}", type="line", linewidth=1.5 if k == 0 else 1)
        figure.add_line(line)
        line.plot()
        entries.append(line.line)
        labels.append(words(name))
    figure.ax.legend(entries, labels, fontsize="small", loc="upper right")
    mark_features(figure.ax, result.spectra, "inside")
    figure.figure.canvas.draw_idle()


def _of_pixel(function: Callable[[tuple[int, ...]], Floats]) -> Callable[..., Floats]:
    """What HyperSpy asks a line for: its values at the place of the navigator."""

    def values(axes_manager: Any = None, **unused: Any) -> Floats:
        return function(tuple(axes_manager.indices[::-1]))

    return values
