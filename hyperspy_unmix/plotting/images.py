"""Figures of what is no component: residual and thickness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.as_signals import as_map

from . import colours
from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import label, show_values, title_figure

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components


def plot_residual(result: Components) -> Any:
    """Where the model fails: chi-square of the pixels, residual of the channels, and what is left.

    What is left is the spectrum in the residual that stands out of the noise most, and its map.
    """
    # This needs the counts, and fails before there is a figure if they are missing.
    chi_square, left, image = result.reduced_chi_square, result.left_over, result.prepared.image
    figure = new_figure(figsize=(11, 6))
    grid = figure.add_gridspec(6, 2, width_ratios=[1, 1.5])
    of_pixels, of_left = figure.add_subplot(grid[:3, 0]), figure.add_subplot(grid[3:, 0])
    mean = figure.add_subplot(grid[:2, 1])
    spread, strongest = (figure.add_subplot(grid[i : i + 2, 1], sharex=mean) for i in (2, 4))
    title = f"reduced chi-square, mean {np.nanmean(chi_square.data):.3f}"
    show_values(of_pixels, chi_square, title, "Reduced chi-square", cmap=colours.MISFIT)
    map_of_left = as_map(image, left.map, "left", "Of its r.m.s.")
    title = f"what is left, {left.greatest:.3g} times the noise's most"
    show_values(of_left, map_of_left, title, "Of its r.m.s.", cmap=colours.MISFIT)
    _plot_residual_of_channels(result, mean, spread)
    order = np.argsort(image.energies)
    strongest.plot(image.energies[order], left.spectrum[order], lw=0.8, label="what is left")
    strongest.set(
        xlabel=label(image.axis, "Signal axis"), ylabel=f"Residual ({result.prepared.unit})"
    )
    strongest.legend(fontsize="small", loc="upper right")
    for ax in (mean, spread, strongest):
        mark_features(ax, result.spectra, "above" if ax is mean else None)
    title_figure(figure, result.title)
    return figure


def _plot_residual_of_channels(result: Components, mean: Any, spread: Any) -> None:
    """Mean residual of each channel, and its mean square over that of noise."""
    image, goodness = result.prepared.image, result.goodness
    order = np.argsort(image.energies)
    energies, n_pixels = image.energies[order], len(goodness.chi_square)
    band = 2 * goodness.noise_of_mean[order]
    mean.fill_between(energies, -band, band, color="0.85", lw=0, label="±2 s.d. of noise")
    mean.plot(energies, goodness.mean_residual[order], lw=0.8, label="mean of all pixels")
    mean.set(ylabel=f"Mean residual ({result.prepared.unit})")
    mean.legend(fontsize="small", loc="upper right")
    error = 2 * np.sqrt(2 / n_pixels)
    spread.axhspan(1 - error, 1 + error, color="0.85", lw=0, label="noise alone")
    spread.plot(energies, goodness.spread[order], lw=0.8, label="mean square")
    spread.set(ylabel="Over noise")
    spread.legend(fontsize="small", loc="upper right")
    for ax in (mean, spread):
        ax.tick_params(labelbottom=False)


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
        # From zero: most of it is alike in all pixels.
        show_values(
            axes[0, 1],
            error,
            "standard deviation",
            quantity,
            cmap=colours.MISFIT,
            limits=(0.0, None),
        )
    title_figure(figure, result.title)
    return figure
