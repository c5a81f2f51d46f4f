"""The scree plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import new_figure

if TYPE_CHECKING:
    from hyperspy_unmix.analysis.compressed import Compressed
    from hyperspy_unmix.analysis.counted import SummedPixels
    from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount

LEAST_SHOWN = 30  # components, as far as there are so many


def plot_scree(pca: Compressed, ax: Any = None) -> Any:
    """Scree plot: variance of each component in units of the noise edge, the counts marked."""
    if ax is None:
        _, ax = new_figure(1, 1, figsize=(7, 4.5))
    count = pca.count
    values = pca.scree_values[: max(LEAST_SHOWN, count.noise_edge + 5)]
    number = np.arange(1, len(values) + 1)
    above = number <= count.noise_edge
    ax.semilogy(number[above], values[above], "o", color="C0", label="above the noise edge")
    ax.semilogy(number[~above], values[~above], "o", mfc="none", color="0.5", label="noise")
    if pca.summed is not None:
        of_pixels = pca.single_pixel_values[: len(values)]
        ax.semilogy(
            np.arange(1, len(of_pixels) + 1), of_pixels, ".", color="C2", label="single pixels"
        )
    if pca.prepared.window.found or pca.prepared.kernel is not None:
        after_physics = pca.corrected.values[: count.noise_edge]
        is_positive = after_physics > 0
        ax.semilogy(
            np.arange(1, len(after_physics) + 1)[is_positive],
            after_physics[is_positive],
            "x",
            color="C1",
            label="after background and plural-scattering removal",
        )
    ax.axhline(1, color="k", lw=0.8, ls="--")
    _mark_counts(ax, count, pca.n_components, pca.summed)
    ax.set(xlabel="Component", ylabel="Variance (noise edge = 1)", title=_title(pca))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize="small", loc="upper right")
    return ax


def _title(pca: Compressed) -> str:
    """What the values are of."""
    return "Scree plot" if pca.summed is None else f"Scree plot of sums of {pca.summed.words}"


def _mark_counts(
    ax: Any, count: ComponentCount, n_components: int, summed: SummedPixels | None
) -> None:
    """Write each count at its place below the axis of the values; a line at the number taken."""
    names = {"noise edge": count.noise_edge, "elbow": count.elbow, "split half": count.split_half}
    if count.after_physics != count.noise_edge:
        names["after removal"] = count.after_physics
    if summed is not None:
        names["at full resolution"] = summed.counted_before
    names_by_number: dict[int, list[str]] = {}
    for name, number in names.items():
        names_by_number.setdefault(number, []).append(name)
    ax.axvline(n_components + 0.5, color="C3", lw=0.8, ls=":", label=f"{n_components} taken")
    for i, (number, counted_by) in enumerate(sorted(names_by_number.items())):
        is_left = number > 0.6 * ax.get_xlim()[1]
        ax.annotate(
            f"{', '.join(counted_by)}: {number}",
            (number + 0.5, 0.02 + 0.06 * i),
            xycoords=("data", "axes fraction"),
            xytext=(-14 if is_left else 14, 0),
            textcoords="offset points",
            ha="right" if is_left else "left",
            va="bottom",
            fontsize="small",
            arrowprops={"arrowstyle": "-|>", "lw": 0.8},
        )
    low, high = ax.get_ylim()
    # Leave room for the names below the noise.
    ax.set_ylim(low * (low / high) ** 0.25, high)
