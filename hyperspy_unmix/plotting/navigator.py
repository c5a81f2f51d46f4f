"""Figures in HyperSpy's own navigator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def plot_together(spectra: BaseSignal, maps: BaseSignal, note: str = "") -> None:
    """Plot both, the component axis shared, with the counts of each component as navigator.

    ``note`` goes into the navigator's title.
    """
    import hyperspy.api as hs

    if len(spectra.data) == 1:
        # a navigator over one component would have nothing to navigate
        spectra.inav[0].plot(), maps.inav[0].plot()
        return
    component = max(maps.data.ndim - 3, 0)
    others = tuple(i for i in range(maps.data.ndim) if i != component)
    counts = hs.signals.Signal1D(np.nansum(maps.data, axis=others))
    counts.axes_manager[0].name = "Component"
    counts.metadata.General.title = f"Counts{note}"
    spectra.plot(navigator=counts)
    alone = maps.axes_manager.navigation_dimension == 1
    maps.plot(navigator=None if alone else "auto")
    _link(spectra, maps)


def _link(first: BaseSignal, second: BaseSignal) -> None:
    """Let the component axes of two plotted signals follow each other."""

    def component(signal: BaseSignal) -> Any:
        return next(a for a in signal.axes_manager.navigation_axes if a.name == "Component")

    for source, target in ((first, second), (second, first)):

        def follow(source: BaseSignal = source, target: BaseSignal = target) -> None:
            if component(target).index != component(source).index:
                component(target).index = component(source).index

        source.axes_manager.events.indices_changed.connect(follow, [])
