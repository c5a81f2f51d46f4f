"""Figures in HyperSpy's own navigator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import colours
from .edges_and_lines import mark_features
from .maps_and_labels import words

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components
    from hyperspy_unmix.numerics.types import Floats


def plot_together(spectra: BaseSignal, maps: BaseSignal, note: str = "") -> None:
    """Plot both, the component axis shared, with the counts of each component as navigator.

    ``note`` goes into the navigator's title.
    """
    import hyperspy.api as hs

    if len(spectra.data) == 1:
        # A navigator over one component would have nothing to navigate.
        spectrum = spectra.inav[0]
        spectrum.plot()
        maps.inav[0].plot(**_scale_bar(maps))
        mark_features(spectrum._plot.signal_plot.ax, spectrum, "inside")
        return
    for signal in (spectra, maps):
        # HyperSpy closes an old figure by what is now the number of a new one.
        if signal._plot is not None and signal._plot.is_active:
            signal._plot.close()
    # The counts of each component are the navigator of the spectra.
    component_axis = max(maps.data.ndim - 3, 0)
    scan_axes = tuple(i for i in range(maps.data.ndim) if i != component_axis)
    counts = hs.signals.Signal1D(np.nansum(maps.data, axis=scan_axes))
    counts.axes_manager[0].name = "Component"
    quantity = str(maps.metadata.Signal.quantity)
    counts.metadata.General.title = f"{quantity}{note}"
    spectra.plot(navigator=counts)
    mark_features(spectra._plot.signal_plot.ax, spectra, "inside")
    navigator_ax = spectra._plot.navigator_plot.ax
    navigator_ax.set(xlabel="Component", ylabel=quantity)
    # Further scan axes need a navigator of the maps.
    has_further_axes = maps.axes_manager.navigation_dimension > 1
    maps.plot(navigator="auto" if has_further_axes else None, **_scale_bar(maps))
    _link(spectra, maps)


def _scale_bar(maps: BaseSignal) -> dict[str, str]:
    is_image = maps.axes_manager.signal_dimension == 2
    return {"scalebar_color": colours.SCALE_BAR} if is_image else {}


def _link(first: BaseSignal, second: BaseSignal) -> None:
    """Let the component axes of two plotted signals follow each other."""

    def component(signal: BaseSignal) -> Any:
        axes = signal.axes_manager.navigation_axes
        return next(axis for axis in axes if axis.name == "Component")

    for source, target in ((first, second), (second, first)):

        def follow(source: BaseSignal = source, target: BaseSignal = target) -> None:
            if component(target).index != component(source).index:
                component(target).index = component(source).index

        source.axes_manager.events.indices_changed.connect(follow, [])


def plot_fit(result: Components) -> None:
    """Counts of the navigator's pixel, the model, each component, background and residual."""
    import hyperspy.drawing.signal1d as drawing

    from hyperspy_unmix.components.forward_model import parts_of_fit

    image, parts = parts_of_fit(result.pca, result.arrays, result.names)
    has_image = image.axes_manager.navigation_dimension >= 2
    image.plot(navigator_kwds={"scalebar_color": colours.SCALE_BAR} if has_image else {})
    figure = image._plot.signal_plot
    # A line of HyperSpy's own is drawn anew whenever the navigator moves.
    counts = figure.ax_lines[0]
    counts.set_line_properties(color="k", type="scatter")
    entries = [counts.line]
    names = [result.prepared.unit]
    for k, (name, function) in enumerate(parts.items()):
        line = drawing.Signal1DLine()
        line.data_function = _of_pixel(function)
        line.set_line_properties(color=f"C{k}", type="line", linewidth=1.5 if k == 0 else 1)
        figure.add_line(line)
        line.plot()
        entries.append(line.line)
        names.append(words(name))
    figure.ax.legend(entries, names, fontsize="small", loc="upper right")
    mark_features(figure.ax, result.spectra, "inside")
    figure.figure.canvas.draw_idle()


def _of_pixel(function: Callable[[tuple[int, ...]], Floats]) -> Callable[..., Floats]:
    """What HyperSpy asks a line for: its values at the place of the navigator."""

    def values(axes_manager: Any = None, **unused: Any) -> Floats:
        return function(tuple(axes_manager.indices[::-1]))

    return values
