"""Figures of results: HyperSpy's navigator where one moves, matplotlib where one prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .certainty import LEAST_STABLE

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .counting import ComponentCount
    from .pca_result import PCA
    from .unmixing import Unmixing

SHOWN_COMPONENTS = 30


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


def plot_scree(pca: PCA, ax: Any = None) -> Any:
    """Scree plot: variance of each component in units of the noise edge, the counts marked."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    count = pca.count
    values = pca.scree_values[: max(SHOWN_COMPONENTS, count.noise_edge + 5)]
    number = np.arange(1, len(values) + 1)
    above = number <= count.noise_edge
    ax.semilogy(number[above], values[above], "o", color="C0", label="above the noise edge")
    ax.semilogy(number[~above], values[~above], "o", mfc="none", color="0.5", label="noise")
    if pca.prepared.window.found or pca.prepared.kernel is not None:
        after = pca.corrected.values[: count.noise_edge]
        positive = after > 0
        ax.semilogy(
            np.arange(1, len(after) + 1)[positive],
            after[positive],
            "x",
            color="C1",
            label="after the physics, over noise and model error",
        )
    ax.axhline(1, color="k", lw=0.8, ls="--")
    _mark_counts(ax, count, pca.n_components)
    ax.set(xlabel="Component", ylabel="Variance (noise edge = 1)", title="Scree plot")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize="small", loc="upper right")
    return ax


def _mark_counts(ax: Any, count: ComponentCount, taken: int) -> None:
    """Write each count at its place below the axis of the values; a line at the number taken."""
    names = {"noise edge": count.noise_edge, "elbow": count.elbow, "split half": count.split_half}
    if count.after_physics != count.noise_edge:
        names["after the physics"] = count.after_physics
    places: dict[int, list[str]] = {}
    for name, number in names.items():
        places.setdefault(number, []).append(name)
    ax.axvline(taken + 0.5, color="C3", lw=0.8, ls=":", label=f"{taken} taken")
    for i, (number, there) in enumerate(sorted(places.items())):
        left = number > 0.6 * ax.get_xlim()[1]
        ax.annotate(
            f"{', '.join(there)}: {number}",
            (number + 0.5, 0.02 + 0.06 * i),
            xycoords=("data", "axes fraction"),
            xytext=(-14 if left else 14, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom",
            fontsize="small",
            arrowprops={"arrowstyle": "-|>", "lw": 0.8},
        )
    low, high = ax.get_ylim()
    # room for the names below the noise
    ax.set_ylim(low * (low / high) ** 0.25, high)


def plot_overview(
    result: Unmixing,
    reference: tuple[BaseSignal, BaseSignal] | None = None,
    names: Sequence[str] | None = None,
) -> Any:
    """Every component's spectrum beside its map; a reference's, where given, next to them.

    Each spectrum has a band of two standard deviations, and one of the spectra that fit as well
    (`Unmixing.ambiguity`). Unstable components are called that.

    Parameters
    ----------
    result : Unmixing
    reference : (spectra, maps), optional
        Of the same axes and as many components, or more, in any order; the nearest spectrum is
        shown with each component.
    names : sequence of str, optional
        Of the reference's components.
    """
    import matplotlib.pyplot as plt

    n, truth = result.n_components, reference is not None
    columns = 3 if truth else 2
    figure, axes = plt.subplots(
        n,
        columns,
        squeeze=False,
        layout="constrained",
        figsize=(3.6 * columns + 2, 2.6 * n + 0.6),
        width_ratios=[1.7, *[1] * (columns - 1)],
    )
    energy = result.spectra.axes_manager.signal_axes[0]
    partner = nearest(result.spectra.data, reference[0], energy.axis) if truth else [None] * n
    for i, row in enumerate(axes):
        name = result.names[i] if result.names[i] != str(i) else f"component {i}"
        if result.stability[i] < LEAST_STABLE:
            name = f"{name} (UNSTABLE)"
        _show_spectrum(row[0], result, i, name)
        row[0].set(xlabel=_label(energy, "Signal axis"), ylabel=_per_unit(energy))
        _show_map(row[1], result.maps, i, name)
        if truth:
            j = partner[i]
            axis = reference[0].axes_manager.signal_axes[0]
            known = np.interp(energy.axis, axis.axis, reference[0].data[j])
            known_name = f"reference {j}" if names is None else f"truth: {names[j]}"
            # its integral is one over the analysed range, as that of the spectrum found
            known = known / np.sum(known * np.abs(np.gradient(energy.axis)))
            row[0].plot(energy.axis, known, "k--", lw=0.8, label=known_name)
            _show_map(row[2], reference[1], j, known_name)
        row[0].legend(fontsize="small")
    figure.suptitle(result.title, parse_math=False)
    return figure


def _show_spectrum(ax: Any, result: Unmixing, i: int, name: str) -> None:
    """One spectrum, its error band, and the band of what fits as well."""
    energy = result.spectra.axes_manager.signal_axes[0].axis
    spectrum, sd = result.spectra.data[i], result.spectra_uncertainty.data[i]
    bounds = result.ambiguity.lower.data[i], result.ambiguity.upper.data[i]
    if np.nanmax(np.abs(bounds[1] - bounds[0])) > 0.01 * np.nanmax(np.abs(spectrum)):
        ax.fill_between(energy, *bounds, color="C1", alpha=0.25, lw=0, label="fits as well")
    known = np.isfinite(sd)
    error = np.where(known, 2 * sd, np.nan)
    ax.fill_between(
        energy, spectrum - error, spectrum + error, color="C0", alpha=0.35, lw=0, label="±2 s.d."
    )
    ax.plot(energy, spectrum, lw=1, color="C0", label=name)


def nearest(spectra: np.ndarray, reference: BaseSignal, energies: np.ndarray) -> list[int]:
    """For each spectrum the reference at the smallest angle, each reference used once."""
    from scipy.optimize import linear_sum_assignment

    axis = reference.axes_manager.signal_axes[0].axis
    known = np.stack([np.interp(energies, axis, row) for row in reference.data])

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = np.nan_to_num(rows)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    cosine = unit(spectra) @ unit(known).T
    chosen = np.argmax(cosine, axis=1)
    found, matched = linear_sum_assignment(-cosine)
    chosen[found] = matched
    return [int(j) for j in chosen]


def _label(axis: Any, fallback: str) -> str:
    """Name and units of an axis, without HyperSpy's word for missing ones."""
    name, units = (("" if "undefined" in str(x) else str(x)) for x in (axis.name, axis.units))
    name = name or fallback
    return f"{name} ({units})" if units else name


def _per_unit(axis: Any) -> str:
    units = str(axis.units)
    if not units or "undefined" in units:
        return "Intensity"
    return f"Intensity (1/({units}))" if "/" in units else f"Intensity (1/{units})"


def _show_map(ax: Any, maps: BaseSignal, i: int, title: str) -> None:
    """One map with calibrated axes and a colour bar, or one profile of a line scan."""
    values = maps.inav[i].data
    scan = maps.axes_manager.signal_axes
    quantity = maps.metadata.get_item("Signal.quantity", default="Counts")
    if len(scan) == 1:
        ax.plot(scan[0].axis, np.ravel(values), lw=1)
        ax.set(xlabel=_label(scan[0], "Position"), ylabel=quantity, title=title)
        return
    if values.ndim > 2:
        # further scan axes (depth, time): the figure shows their sum
        values = np.nansum(values, axis=tuple(range(values.ndim - 2)))
    x, y = scan
    image = ax.pcolormesh(
        x.axis, y.axis, values, cmap="viridis", shading="nearest", rasterized=True
    )
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set(xlabel=_label(x, "x"), ylabel=_label(y, "y"), title=title)
    ax.figure.colorbar(image, ax=ax, label=quantity)
