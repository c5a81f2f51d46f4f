"""Figures of single maps: residual, thickness, composite of several components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.naming import find_place

from . import colours
from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import edges, frame_map, label, name_of, show_values, title_figure

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components


def plot_residual(result: Components) -> Any:
    """Where the model fails: reduced chi-square of the pixels, residual of the channels."""
    # This needs the counts, and fails before there is a figure if they are missing.
    chi_square = result.reduced_chi_square
    figure = new_figure(figsize=(11, 4.5))
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.5])
    left = figure.add_subplot(grid[:, 0])
    mean = figure.add_subplot(grid[0, 1])
    spread = figure.add_subplot(grid[1, 1], sharex=mean)
    title = f"reduced chi-square, mean {np.nanmean(chi_square.data):.3f}"
    show_values(left, chi_square, title, "Reduced chi-square", cmap=colours.MISFIT)
    image, goodness = result.prepared.image, result.goodness
    order = np.argsort(image.energies)
    energies, n_pixels = image.energies[order], len(goodness.chi_square)
    band = 2 * goodness.noise_of_mean[order]
    mean.fill_between(energies, -band, band, color="0.85", lw=0, label="±2 s.d. of noise")
    mean.plot(energies, goodness.mean_residual[order], lw=0.8, label="mean of all pixels")
    mean.set(ylabel=f"Mean residual ({result.prepared.unit})")
    mean.tick_params(labelbottom=False)
    mean.legend(fontsize="small", loc="upper right")
    error = 2 * np.sqrt(2 / n_pixels)
    spread.axhspan(1 - error, 1 + error, color="0.85", lw=0, label="noise alone")
    spread.plot(energies, goodness.spread[order], lw=0.8, label="mean square")
    spread.set(xlabel=label(image.axis, "Signal axis"), ylabel="Over noise")
    spread.legend(fontsize="small", loc="upper right")
    mark_features(mean, result.spectra)
    mark_features(spread, result.spectra, names=None)
    title_figure(figure, result.title)
    return figure


def plot_thickness(result: Components) -> Any:
    """Map of the thickness and, where it is known, of its standard deviation."""
    thickness = result.thickness
    if thickness is None:
        raise ValueError(
            "there is no thickness: give unmix() a low loss with an unclipped zero-loss peak, or "
            "thickness=(map, 't/lambda')."
        )
    variance = thickness.get_noise_variance()
    columns = 1 if variance is None else 2
    figure, axes = new_figure(1, columns, figsize=(5 * columns, 4.4), squeeze=False)
    quantity = str(thickness.metadata.Signal.quantity)
    show_values(axes[0, 0], thickness, "thickness", quantity)
    if variance is not None:
        error = variance.deepcopy()
        error.data = np.sqrt(variance.data)
        show_values(axes[0, 1], error, "standard deviation", quantity, cmap=colours.MISFIT)
    title_figure(figure, result.title)
    return figure


def plot_composite(result: Components, components: Sequence[int | str] | None = None) -> Any:
    """Two or three components as one picture, a colour each, mixed in proportion.

    In proportion to their maps, each divided by its greatest value.

    Parameters
    ----------
    result : Unmixing
    components : sequence of int or str, optional
        Numbers or names of two or three; default the first three.
    """
    if result.n_components == 1:
        raise ValueError(
            "a composite shows where one component gives way to another, and there is one only: "
            "plot() and plot_overview() show its map, maps.inav[0] is it."
        )
    chosen = range(min(3, result.n_components)) if components is None else components
    places = [find_place(component, result.names) for component in chosen]
    if len(set(places)) != len(places) or len(places) not in (2, 3):
        raise ValueError(
            f"components={list(chosen)!r}: two or three different ones are needed, of "
            f"{', '.join(result.names)}; maps.inav[i] is the map of a single one."
        )
    maps = result.maps
    scan = maps.axes_manager.signal_axes
    if len(scan) != 2 or maps.axes_manager.navigation_dimension != 1:
        raise ValueError(
            "a composite needs a map of two axes, this scan has "
            f"{result.prepared.image.navigation_shape}."
        )
    counts = np.clip([maps.inav[i].data for i in places], 0, None)
    # Each map over its greatest value, and the shares of the colours in every pixel.
    greatest = np.nanmax(counts, (1, 2), keepdims=True)
    counts = counts / np.where(greatest > 0, greatest, 1)
    total = counts.sum(0)
    shares = counts / np.where(total > 0, total, 1)
    picture = np.tensordot(shares, colours.COMPOSITE[: len(places)], (0, 0))
    picture[~(total > 0)] = colours.MISSING
    figure, ax = new_figure(1, 1, figsize=(6.5, 4.5))
    x, y = scan
    ax.pcolormesh(edges(x), edges(y), picture, rasterized=True)
    frame_map(ax, x, y)
    names = [name_of(result, i, 20) for i in places]
    for colour, name in zip(colours.COMPOSITE, names, strict=False):
        ax.plot([], [], "s", color=colour, mec="k", mew=0.5, label=name)
    figure.legend(loc="outside right center", title="over its maximum")
    title_figure(figure, result.title, 10.0)
    return figure
