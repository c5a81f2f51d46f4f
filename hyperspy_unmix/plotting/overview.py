"""Every component in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.components.naming import find_places

from .edges_and_lines import mark_features
from .figures import new_figure
from .maps_and_labels import label, name_of, per_unit, show_map, title_figure
from .paper import paper_overview, width_in_mm
from .spectrum import show_spectrum

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from numpy.typing import NDArray

    from hyperspy_unmix.components.components import Components


MOST_IN_A_COLUMN = 5  # components


def plot_overview(
    result: Components,
    reference: tuple[BaseSignal, BaseSignal] | None = None,
    names: Sequence[str] | None = None,
    smooth: bool = False,
    *,
    components: Sequence[int | str] | None = None,
    style: Literal["screen", "paper"] = "screen",
    width: float | str | None = None,
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
    smooth : bool
        Whether the maps are those that borrow from neighbouring pixels, and say so.
    components : sequence of int or str, optional
        Numbers or names; default all.
    style : {"screen", "paper"}
        ``"paper"``: at the width of a column, see `paper_overview`; without a reference.
    width : float or {"single", "double"}, optional
        Of the figure in mm, for ``"paper"``; default two columns.

    Raises
    ------
    ValueError
        If one of these is not that.
    """
    check_choice("style", style, ("screen", "paper"))
    chosen = result.shown if components is None else components
    places = find_places(chosen, result.names)
    if style == "paper":
        return paper_overview(result, places, width_in_mm(width), smooth)
    if width is not None:
        raise ValueError(f'width={width!r} is that of a figure for print: style="paper".')
    n = len(places)
    columns = 2 if reference is None else 3
    # Many components stand side by side, in blocks of columns.
    blocks = -(-n // MOST_IN_A_COLUMN) if reference is None else 1
    rows = -(-n // blocks)
    figure, axes = new_figure(
        rows,
        columns * blocks,
        squeeze=False,
        figsize=((3.6 * columns + 2) * blocks, 2.8 * rows + 0.6),
        width_ratios=[1.7, *[1] * (columns - 1)] * blocks,
    )
    axes = np.concatenate(np.split(axes, blocks, axis=1))
    for ax in axes[n:].flat:
        ax.remove()
    energy = result.spectra.axes_manager.signal_axes[0]
    partners: list[int] = []
    if reference is not None:
        partners = nearest(result.spectra.data, reference[0], energy.axis)
    for i, row in zip(places, axes[:n], strict=True):
        name = name_of(result, i)
        if result.names[i] in result.unstable:
            name = f"{name} (UNSTABLE)"
        show_spectrum(row[0], result, i, name)
        mark_features(row[0], result.spectra)
        row[0].set(xlabel=label(energy, "Signal axis"), ylabel=per_unit(energy))
        if smooth:
            show_map(row[1], result.smooth_maps, i, f"{name}\n{result.smoothing.label(i)}")
        else:
            show_map(row[1], result.maps, i, name)
        if reference is not None:
            j = partners[i]
            _show_reference(
                spectrum_ax=row[0],
                map_ax=row[2],
                reference=reference,
                j=j,
                energies=energy.axis,
                name=f"reference {j}" if names is None else f"truth: {names[j]}",
            )
        row[0].legend(fontsize="small")
    title_figure(figure, result.title)
    return figure


def _show_reference(
    spectrum_ax: Any,
    map_ax: Any,
    reference: tuple[BaseSignal, BaseSignal],
    j: int,
    energies: NDArray[Any],
    name: str,
) -> None:
    """Spectrum ``j`` of a reference over the one that it is compared with, and its map."""
    spectra, maps = reference
    axis = spectra.axes_manager.signal_axes[0]
    spectrum = np.interp(energies, axis.axis, spectra.data[j])
    # Its integral is one over the analysed range, as that of the component's spectrum.
    spectrum = spectrum / np.sum(spectrum * np.abs(np.gradient(energies)))
    spectrum_ax.plot(energies, spectrum, "k--", lw=0.8, label=name)
    show_map(map_ax, maps, j, name)


def nearest(spectra: NDArray[Any], reference: BaseSignal, energies: NDArray[Any]) -> list[int]:
    """For each spectrum the reference at the smallest angle, each reference used once.

    Spectra beyond the references have the nearest one, whoever else has it.
    """
    from scipy.optimize import linear_sum_assignment

    axis = reference.axes_manager.signal_axes[0].axis
    references = np.stack([np.interp(energies, axis, row) for row in reference.data])

    def unit(rows: NDArray[Any]) -> NDArray[Any]:
        rows = np.nan_to_num(rows)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    cosine = unit(spectra) @ unit(references).T
    partners = np.argmax(cosine, axis=1)
    paired, assigned = linear_sum_assignment(-cosine)
    partners[paired] = assigned
    return [int(j) for j in partners]
