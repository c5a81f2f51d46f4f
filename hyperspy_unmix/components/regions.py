"""Pixels picked by two of their maps: where they lie, and their mean spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.types import Floats, Mask

from .as_signals import as_labels
from .mean_spectra import mean_spectra
from .naming import find_place

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .components import Components

OF = ("maps", "fractions")


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels that were picked.

    Parameters
    ----------
    result : Unmixing
        In whose maps.
    picked : array of bool, shape (pixels that count,)
    """

    result: Components = field(repr=False)
    picked: Mask = field(repr=False)

    @property
    def pixels(self) -> int:
        """How many."""
        return int(self.picked.sum())

    @cached_property
    def mask(self) -> BaseSignal:
        """Where they are, (| x, y): True in them, as ``known={"core": region.mask}`` takes it."""
        image = self.result.prepared.image
        signal = as_labels(image, self.picked.astype(np.intp), "pixels picked", 0)
        signal.data = signal.data.astype(bool)
        return signal

    @cached_property
    def spectrum(self) -> BaseSignal:
        """Their mean, of integral one, with its variance; as `Unmixing.spectra`.

        Raises
        ------
        ValueError
            If no pixel was picked.
        """
        if not self.pixels:
            raise ValueError("no pixel was picked: choose a larger region.")
        pca, n = self.result.pca, self.result.n_components
        rows = np.flatnonzero(self.picked)
        title = f"mean spectrum of {self.pixels} pixels"
        return mean_spectra(pca, pca.corrected_components(n), [rows], title).inav[0]

    def __repr__(self) -> str:
        return f"Region: {self.pixels} of {len(self.picked)} pixels; .mask, .spectrum"


def scatter_values(
    result: Components, first: int | str, second: int | str, of: str
) -> tuple[int, int, Floats]:
    """Places of two components, and what each pixel has of them: (pixels, 2).

    Raises
    ------
    ValueError
        If there is no such component, or both are the same.
    """
    check_choice("of", of, OF)
    i, j = (find_place(component, result.names) for component in (first, second))
    if i == j:
        raise ValueError(f"components {first!r} and {second!r} are the same, two are needed.")
    counts = counts_of(result)
    if of == "maps":
        return i, j, result.arrays.maps[:, [i, j]]
    total = counts.sum(1, keepdims=True)
    shares = np.where(total > 0, counts / np.where(total > 0, total, 1), np.nan)
    return i, j, shares[:, [i, j]]


def counts_of(result: Components) -> Floats:
    """What each component adds to the counts of each pixel, (pixels, components)."""
    integrals = result.arrays.spectra @ result.prepared.image.channel_widths
    return np.asarray(result.arrays.maps * integrals)


def region_between(
    result: Components, first: int | str, second: int | str, limits: Any, of: str
) -> Region:
    """Pixels whose two maps lie in a rectangle or a polygon; see `Unmixing.region_between`."""
    _, _, values = scatter_values(result, first, second, of)
    return Region(result, is_inside(values, corners(limits)))


def corners(limits: Any) -> Floats:
    """Corners (corners, 2) of a rectangle (left, right, bottom, top) or of a polygon.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    try:
        values = np.asarray(limits, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape == (4,):
        left, right, bottom, top = values
        if not (left < right and bottom < top):
            raise ValueError(
                f"limits={limits!r}: (left, right, bottom, top) must rise, left below right and "
                "bottom below top."
            )
        return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
    if values.ndim == 2 and values.shape[1] == 2 and len(values) >= 3:
        return values
    raise TypeError(
        f"limits={limits!r}: a rectangle (left, right, bottom, top) or the corners of a polygon "
        "[(x, y), (x, y), (x, y), ...] is needed, in the units of the two maps."
    )


def is_inside(points: Floats, polygon: Floats | Sequence[Any]) -> Mask:
    """Whether points (n, 2) lie in a polygon: a ray from each crosses its sides an odd number."""
    vertices = np.asarray(polygon, float)
    x, y = points.T
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, 0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside
