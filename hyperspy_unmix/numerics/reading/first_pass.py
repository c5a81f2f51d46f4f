"""The first pass over the data: which pixels are finite, mean spectra of groups, a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hyperspy_unmix.numerics.types import Floats, Index

from .block import Block
from .row_blocks import RowBlocks

GROUPS = 512
SAMPLE = 1024
TILES = 4096


@dataclass(frozen=True)
class Extremes:
    """Highest and lowest values of every channel (tiles, channels), in tiles of ``size`` pixels.

    Tiles are of consecutive pixels; only finite ones count. Those not ``filled`` hold none of them.
    """

    size: int
    highest: Floats
    lowest: Floats
    filled: NDArray[np.bool_]


@dataclass(frozen=True)
class Summary:
    """What the first pass over the data found.

    ``finite`` (pixels,) marks spectra without NaN or infinity; ``groups`` (groups, channels) are
    mean spectra (and ``group_variance`` mean given variances) of runs of ``group_run`` pixels,
    ``group_size`` the numbers of finite ones in them, ``group`` which run each is. ``sample``
    (pixels, channels) is every n-th spectrum, of the pixels ``sampled``; ``integers`` tells whether
    it holds whole numbers only. ``least`` and ``greatest`` are the extreme values,
    ``least_variance`` that of the given variance. ``extremes`` are there until values are replaced
    or channels chosen.
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
    group: Index | None = None
    group_run: int = 1
    sampled: Index | None = None

    @property
    def mean(self) -> Floats:
        """Mean spectrum of the finite pixels, shape (channels,)."""
        return np.asarray(self.group_size @ self.groups / self.group_size.sum())

    def select_channels(self, keep: NDArray[np.bool_]) -> Summary:
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

    def spread(self, channels: Index, number: int) -> Summary:
        """The same over ``number`` channels, of which all but ``channels`` hold zeros."""

        def wide(values: Floats) -> Floats:
            full = np.zeros((len(values), number))
            full[:, channels] = values
            return full

        variance = self.group_variance
        return replace(
            self,
            groups=wide(self.groups),
            group_variance=None if variance is None else wide(variance),
            sample=wide(self.sample),
            extremes=None,
        )

    def replaced(self, pixels: Index, channels: Index, values: Floats, change: Floats) -> Summary:
        """The same once single ``values`` of finite pixels are changed, by ``change``."""
        assert self.group is not None and self.sampled is not None and self.extremes is not None
        # what else is in the same channel of the same few pixels is hidden, and cannot be far off
        left = np.repeat(self.extremes.filled[:, None], self.groups.shape[1], 1)
        left[pixels // self.extremes.size, channels] = False
        groups, sample = self.groups.copy(), self.sample.copy()
        row = np.searchsorted(self.group, pixels // self.group_run)
        np.add.at(groups, (row, channels), change / self.group_size[row])
        row = np.searchsorted(self.sampled, pixels)
        here = np.append(self.sampled, -1)[row] == pixels
        sample[row[here], channels[here]] += change[here]
        return replace(
            self,
            groups=groups,
            sample=sample,
            least=float(self.extremes.lowest[left].min(initial=values.min())),
            greatest=float(self.extremes.highest[left].max(initial=values.max())),
            extremes=None,
        )


@dataclass(frozen=True)
class _Runs:
    """Sums and extremes of runs of pixels, of a part of the data or of all.

    ``group`` and ``tile`` are the runs' numbers, ascending, and the arrays after each have a row
    for every one of them; ``index`` are the pixels of ``sample``.
    """

    group: Index
    count: NDArray[np.integer]
    sums: Floats
    sums_variance: Floats
    tile: Index
    highest: Floats
    lowest: Floats
    index: Index
    sample: Floats
    least_variance: float


def summarise(blocks: RowBlocks, stage: str = "first pass") -> Summary:
    """Pass over the data once: which pixels are finite, group means, a sample, the range."""
    n, m = blocks.shape
    size, stride, tile = (-(-n // min(number, n)) for number in (GROUPS, SAMPLE, TILES))
    ones = np.ones(m, blocks.dtype)

    def on_block(block: Block) -> tuple[_Runs, NDArray[np.bool_]]:
        # a sum is finite only where every term is, and is much the quicker look
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(block.spectra @ ones)
        if not finite.all():
            # or a sum of finite terms is too large
            finite[~finite] = np.isfinite(block.spectra[~finite]).all(1)
        if not finite.all():
            block = replace(
                block,
                spectra=block.spectra[finite],
                variance=None if block.variance is None else block.variance[finite],
                index=block.index[finite],
            )
        return _runs(block, size, stride, tile), finite

    def on_blocks(parts: Iterator[Block]) -> tuple[_Runs, NDArray[np.bool_]]:
        runs, finite = zip(*map(on_block, parts), strict=True)
        return _merged(runs), np.concatenate(finite)

    found, finite = blocks.reduce(on_blocks, _merged, stage=stage)
    share, order = found.count[:, None], np.argsort(found.index)
    sample = found.sample[order].astype(float)
    return Summary(
        finite=finite,
        groups=found.sums / share,
        group_variance=None if blocks.variance is None else found.sums_variance / share,
        group_size=found.count,
        sample=sample,
        integers=bool((sample == np.rint(sample)).all()),
        least=float(found.lowest.min(initial=np.inf)),
        greatest=float(found.highest.max(initial=-np.inf)),
        least_variance=found.least_variance,
        extremes=_of_all_tiles(found, tile, -(-n // tile)),
        group=found.group,
        group_run=size,
        sampled=found.index[order],
    )


def _runs(block: Block, size: int, stride: int, tile: int) -> _Runs:
    """Of finite spectra; runs of ``size`` pixels are summed, extremes are those of ``tile``."""
    spectra, variance, index = block.spectra, block.variance, block.index
    group, member = np.unique(index // size, return_inverse=True)
    ones = np.ones(len(index), spectra.dtype)
    sum_up = csr_array((ones, (member, np.arange(len(index)))), shape=(len(group), len(index)))
    # NaN must not hide behind a minimum of the others
    least = np.inf if variance is None else float(np.min(variance, initial=np.inf))
    chosen = index % stride == 0
    return _Runs(
        group,
        np.bincount(member, minlength=len(group)),
        (sum_up @ spectra).astype(float),
        np.zeros((len(group), 0)) if variance is None else (sum_up @ variance).astype(float),
        *_tile_extremes(spectra, index // tile),
        index[chosen],
        spectra[chosen],
        least,
    )


def _tile_extremes(spectra: Floats, tile: Index) -> tuple[Index, Floats, Floats]:
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


def _merged(parts: Sequence[_Runs]) -> _Runs:
    """Runs that are in several parts as one."""

    def all_of(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def merge(number: Index, **names: np.ufunc) -> dict[str, NDArray[Any]]:
        if (np.diff(number) > 0).all():  # each is there once
            return {name: all_of(name) for name in names}
        order = np.argsort(number, kind="stable")
        starts = np.flatnonzero(np.diff(number[order], prepend=-1))
        return {name: add.reduceat(all_of(name)[order], starts) for name, add in names.items()}

    group, tile = all_of("group"), all_of("tile")
    return _Runs(
        group=np.unique(group),
        **merge(group, count=np.add, sums=np.add, sums_variance=np.add),
        tile=np.unique(tile),
        **merge(tile, highest=np.maximum, lowest=np.minimum),
        index=all_of("index"),
        sample=all_of("sample"),
        least_variance=float(np.min([part.least_variance for part in parts])),
    )


def _of_all_tiles(runs: _Runs, size: int, number: int) -> Extremes:
    """Extremes of all tiles; one without finite spectra holds zeros."""
    filled = np.zeros(number, bool)
    filled[runs.tile] = True
    if filled.all():
        return Extremes(size, runs.highest, runs.lowest, filled)
    highest, lowest = np.zeros((2, number, runs.highest.shape[1]), runs.highest.dtype)
    highest[runs.tile], lowest[runs.tile] = runs.highest, runs.lowest
    return Extremes(size, highest, lowest, filled)
