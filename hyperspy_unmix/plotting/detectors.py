"""Components of several detectors in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import label, name_of, per_unit, show_map, title_figure
from .spectrum import show_spectrum

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components


def plot_detectors(results: Mapping[str, Components], maps: BaseSignal, title: str) -> Any:
    """Every component's spectrum in each detector, beside the map that they share.

    Parameters
    ----------
    results : mapping of str to Unmixing
        By the names of the detectors; components are in the same order in all.
    maps : Signal2D
        Of all detectors.
    title : str

    Returns
    -------
    matplotlib figure
    """
    first = next(iter(results.values()))
    n, number = first.n_components, len(results)
    figure, axes = new_figure(
        n,
        number + 1,
        squeeze=False,
        figsize=(4.8 * number + 3.4, 2.6 * n + 0.8),
        width_ratios=[1.4] * number + [1],
    )
    for i, row in enumerate(axes):
        name = name_of(first, i)
        if first.names[i] in first.unstable:
            name = f"{name} (UNSTABLE)"
        for ax, (detector, result) in zip(row, results.items(), strict=False):
            energy = result.spectra.axes_manager.signal_axes[0]
            show_spectrum(ax, result, i, f"{name}, {detector}")
            mark_features(ax, result.spectra)
            ax.set(xlabel=label(energy, "Signal axis"), ylabel=per_unit(energy))
            ax.legend(fontsize="small")
        show_map(row[-1], maps, i, name)
    title_figure(figure, title)
    return figure
