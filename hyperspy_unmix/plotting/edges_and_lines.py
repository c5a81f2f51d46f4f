"""Edges, lines and scale bars: what a figure says beside its numbers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hyperspy_unmix.preparation.elements import features

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.numerics.types import Floats

NAME_DISTANCE = 0.03  # of the axis, between names
MOST_NAMES = 32  # beside each other


def mark_features(
    ax: Any,
    signal: BaseSignal,
    names: Literal["above", "inside"] | None = "above",
    distance: float = NAME_DISTANCE,
) -> None:
    """Thin lines where the signal's elements have edges or X-ray lines, and their names.

    Names stand beside each other, a stroke leads to each. Where there are too many for that, only
    the one of highest energy of each element is named; if they still are, neighbours share a place.

    Parameters
    ----------
    ax : matplotlib axes
        Of the signal's energies.
    signal : BaseSignal
    names : {"above", "inside"} or None
        Above the axes, or inside below their upper edge where a title is above; None for a second
        panel below the first.
    distance : float
        Of the axis, between names.
    """
    axis = signal.axes_manager.signal_axes[0].axis
    low, high = sorted(ax.get_xlim())
    low, high = max(low, float(axis.min())), min(high, float(axis.max()))
    marked = sorted((x, name) for name, x in features(signal).items() if low < x < high)
    for x, _ in marked:
        ax.axvline(x, color="0.6", lw=0.5, zorder=0)
    if names is None or not marked:
        return
    above = names == "above"
    most = int(NAME_DISTANCE / distance * MOST_NAMES)
    groups = _join_neighbours(marked if len(marked) <= most else _last_of_each(marked), most)
    left, right = ax.get_xlim()
    wanted = np.array(
        [(np.mean([x for x, _ in group]) - left) / (right - left) for group in groups]
    )
    for group, place in zip(groups, spread(wanted, distance), strict=True):
        ax.annotate(
            ", ".join(name for _, name in group),
            (group[0][0], 1.0),
            xycoords=ax.get_xaxis_transform(),
            # Where names are large, strokes need room to reach them.
            xytext=(place, 1 + 0.05 * distance / NAME_DISTANCE if above else 0.95),
            textcoords="axes fraction",
            rotation="vertical",
            ha="center",
            va="bottom" if above else "top",
            fontsize="x-small",
            color="0.3",
            annotation_clip=False,
            parse_math=False,
            arrowprops={
                "arrowstyle": "-",
                # To the near end of the name: strokes to its middle run through its neighbours,
                # and those that stop at its box stop short of it.
                "relpos": (0.5, 0.0 if above else 1.0),
                "patchA": None,
                "color": "0.6",
                "lw": 0.5,
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def _last_of_each(marked: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """For each element the last of its ascending edges or lines."""
    last = {re.split("[ -]", name)[0]: (x, name) for x, name in marked}
    return sorted(last.values())


def _join_neighbours(marked: list[tuple[float, str]], most: int) -> list[list[tuple[float, str]]]:
    """At most ``most`` groups of neighbours, the closest joined first."""
    groups = [[feature] for feature in marked]
    while len(groups) > most:
        gaps = [b[0][0] - a[-1][0] for a, b in pairwise(groups)]
        i = int(np.argmin(gaps))
        groups[i : i + 2] = [groups[i] + groups[i + 1]]
    return groups


def spread(wanted: Floats, distance: float) -> Floats:
    """Ascending places in (0, 1), the nearest to those wanted that are ``distance`` apart.

    Least squares with an order: the pools of isotonic regression.
    """
    from sklearn.isotonic import isotonic_regression

    # Half a distance is kept from the ends.
    steps = distance * (np.arange(len(wanted)) + 0.5)
    room = max(1.0 - distance / 2 - steps[-1], 0.0)
    return np.asarray(isotonic_regression(wanted - steps, y_min=0.0, y_max=room) + steps)
