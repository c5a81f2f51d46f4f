"""The first pass over the data: which pixels are finite, mean spectra of groups, a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .blocks import RowBlocks
from .noise import Floats

GROUPS = 512
SAMPLE = 1024
TILES = 4096


@dataclass(frozen=True)
class Extremes:
    """Highest and lowest values of every channel (tiles, channels), in tiles of ``size`` pixels.

    Tiles are of consecutive pixels; only finite ones count.
    """

    size: int
    highest: Floats
    lowest: Floats


@dataclass(frozen=True)
class Summary:
    """What the first pass over the data found.

    ``finite`` (pixels,) marks spectra without NaN or infinity; ``groups`` (groups, channels) are
    mean spectra (and ``group_variance`` mean given variances) of consecutive pixels, ``group_size``
    their numbers; ``sample`` (pixels, channels) is every n-th spectrum, ``integers`` whether it
    holds whole numbers only, ``least`` and
    ``greatest`` the extreme values; ``least_variance`` is that of the given variance. ``extremes``
    are there until channels are chosen.
    """

    finite: NDArray[np.bool_]
    groups: Floats
    group_variance: Floats | None
    group_size: NDArray[np.integer]
    sample: Floats
    integers: bool
    greatest: float
    least: float
    least_variance: float
    extremes: Extremes | None = None

    @property
    def mean(self) -> Floats:
        """Mean spectrum of the finite pixels, shape (channels,)."""
        return np.asarray(self.group_size @ self.groups / self.group_size.sum())

    def having(self, keep: NDArray[np.bool_]) -> Summary:
        """The same with some of the channels."""
        variance, extremes = self.group_variance, self.extremes
        if extremes is not None:
            highest, lowest = extremes.highest[:, keep], extremes.lowest[:, keep]
            extremes = replace(extremes, highest=highest, lowest=lowest)
        return replace(
            self,
            groups=self.groups[:, keep],
            group_variance=None if variance is None else variance[:, keep],
            sample=self.sample[:, keep],
            extremes=extremes,
        )


def summarise(blocks: RowBlocks) -> Summary:
    """Pass over the data once: which pixels are finite, group means, a sample, the range."""
    n, m = blocks.shape
    size = -(-n // min(GROUPS, n))
    stride = -(-n // min(SAMPLE, n))
    tile = -(-n // TILES)
    order = np.arange(n)

    def on_block(spectra: Floats, variance: Floats | None, index: NDArray[np.intp]) -> Any:
        # a sum is finite only where every term is, and is much the quicker look
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(spectra @ np.ones(m, spectra.dtype))
        kept = spectra if finite.all() else spectra[finite]
        index = index[finite]
        chosen = kept[index % stride == 0]
        first = index[0] // size if len(index) else 0
        group = index // size - first
        members = (np.ones(len(index), spectra.dtype), (group, np.arange(len(index))))
        member = csr_array(members, shape=(group[-1] + 1 if len(index) else 0, len(index)))
        sums_variance, least_variance = None, np.inf
        if variance is not None and kept.size:
            sums_variance = member @ variance[finite]
            # NaN must not hide behind a minimum of the others
            least_variance = float(np.min(variance[finite], initial=np.inf))
        tiles = _tile_extremes(kept, index // tile)
        sums = (np.bincount(group, minlength=member.shape[0]), member @ kept, sums_variance)
        return finite, chosen, first, *sums, least_variance, tiles

    parts = list(blocks.map(on_block, order))
    groups = np.zeros((n // size + 1, m))
    group_variance = None if blocks.variance is None else np.zeros_like(groups)
    number = np.zeros(len(groups), int)
    for _, _, first, count, sums, sums_variance, *_ in parts:
        group = slice(first, first + len(count))
        groups[group] += sums
        number[group] += count.astype(int)
        if group_variance is not None and sums_variance is not None:
            group_variance[group] += sums_variance
    filled = number > 0
    share = number[filled, None]
    sample = np.concatenate([p[1] for p in parts]).astype(float)
    return Summary(
        finite=np.concatenate([p[0] for p in parts]),
        groups=groups[filled] / share,
        group_variance=None if group_variance is None else group_variance[filled] / share,
        group_size=number[filled],
        sample=sample,
        integers=bool((sample == np.rint(sample)).all()),
        least=min(float(p[7][2].min(initial=np.inf)) for p in parts),
        greatest=max(float(p[7][1].max(initial=-np.inf)) for p in parts),
        least_variance=float(np.min([p[6] for p in parts])),
        extremes=_merged([p[7] for p in parts], tile, (-(-n // tile), m), parts[0][1].dtype),
    )


def _tile_extremes(
    spectra: Floats, tile: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Tiles of these spectra, and the highest and lowest values of every channel in each."""
    starts = np.flatnonzero(np.diff(tile, prepend=-1))
    if len(starts) == len(spectra):
        return tile, spectra, spectra
    highest, lowest = np.empty((2, len(starts), spectra.shape[1]), spectra.dtype)
    for k, (first, last) in enumerate(zip(starts, [*starts[1:], len(tile)], strict=True)):
        # one tile at a time stays in the cache
        np.max(spectra[first:last], 0, out=highest[k])
        np.min(spectra[first:last], 0, out=lowest[k])
    return tile[starts], highest, lowest


def _merged(
    parts: Sequence[tuple[NDArray[np.intp], Floats, Floats]],
    size: int,
    shape: tuple[int, int],
    dtype: Any,
) -> Extremes:
    """Extremes of all tiles; a tile may lie in two blocks, one without spectra holds zeros."""
    highest, lowest = np.full(shape, -np.inf, dtype), np.full(shape, np.inf, dtype)
    for tile, high, low in parts:
        highest[tile] = np.maximum(highest[tile], high)
        lowest[tile] = np.minimum(lowest[tile], low)
    nothing = np.setdiff1d(np.arange(shape[0]), np.concatenate([tile for tile, *_ in parts]))
    highest[nothing] = lowest[nothing] = 0
    return Extremes(size, highest, lowest)
