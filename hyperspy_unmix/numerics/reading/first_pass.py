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
from .extremes import Extremes, TilesInPlace, extremes_of_tiles
from .gaps import Gaps, find_gaps, merge_gaps
from .row_blocks import RowBlocks

MOST_GROUPS = 512  # runs of pixels of which the mean spectra are kept
MOST_PIXELS_SAMPLED = 1024  # whose spectra are kept
CHANNELS_COMPARED_FIRST = 16  # of a spectrum that may be flat
MOST_TILES = 4096  # runs of pixels of which the extremes are kept
MARKS = np.dtype(
    [("finite", "?"), ("flat", "?"), ("blank", "?"), ("total", "f4"), ("key", "u8")]
)  # of every spectrum


@dataclass(frozen=True)
class Summary:
    """What the first pass over the data found.

    ``finite`` (pixels,) marks spectra without NaN or infinity, ``flat`` those of them that hold one
    value in all channels and ``blank`` those whose value is zero; ``key`` is a number that only
    equal spectra share and ``total`` their sum; ``groups`` (groups, channels) are
    mean spectra (and ``group_variance`` mean given variances) of runs of ``group_run`` pixels,
    ``group_size`` the numbers of finite ones in them, ``group`` which run each is. ``sample``
    (pixels, channels) is every n-th spectrum, of the pixels ``sampled``; ``integers`` tells whether
    it holds whole numbers only. ``least`` and ``greatest`` are the extreme values,
    ``least_variance`` that of the given variance. ``extremes`` are there until values are replaced
    or channels chosen; ``gaps`` are those of spectra that are NaN in some channels.
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
    flat: NDArray[np.bool_] | None = None
    blank: NDArray[np.bool_] | None = None
    key: NDArray[np.uint64] | None = None
    total: Floats | None = None
    gaps: Gaps | None = None

    @property
    def mean(self) -> Floats:
        """Mean spectrum of the finite pixels, shape (channels,)."""
        return np.asarray(self.group_size @ self.groups / self.group_size.sum())

    def select_channels(self, keep: NDArray[np.bool_]) -> Summary:
        """The same with some of the channels; ``keep`` is a mask over them."""
        if keep.all():
            return self

        def select(values: Floats) -> Floats:
            # Not in brackets, which takes five times as long and leaves spectra in strides.
            return np.compress(keep, values, 1)

        variance, extremes = self.group_variance, self.extremes
        greatest, least = self.greatest, self.least
        if extremes is not None:
            highest, lowest = select(extremes.highest), select(extremes.lowest)
            extremes = replace(extremes, highest=highest, lowest=lowest)
            greatest = float(highest[extremes.filled].max(initial=-np.inf))
            least = float(lowest[extremes.filled].min(initial=np.inf))
        return replace(
            self,
            greatest=greatest,
            least=least,
            groups=select(self.groups),
            group_variance=None if variance is None else select(variance),
            sample=select(self.sample),
            extremes=extremes,
        )

    def expand_channels(self, channels: Index, number: int) -> Summary:
        """The same over ``number`` channels, of which all but ``channels`` hold zeros."""

        def expand(values: Floats) -> Floats:
            expanded = np.zeros((len(values), number))
            expanded[:, channels] = values
            return expanded

        variance = self.group_variance
        return replace(
            self,
            groups=expand(self.groups),
            group_variance=None if variance is None else expand(variance),
            sample=expand(self.sample),
            extremes=None,
        )

    def replace_values(
        self, pixels: Index, channels: Index, values: Floats, change: Floats
    ) -> Summary:
        """The same once single ``values`` of finite pixels are changed, by ``change``."""
        assert self.group is not None and self.sampled is not None and self.extremes is not None
        groups, sample = self.groups.copy(), self.sample.copy()
        row = np.searchsorted(self.group, pixels // self.group_run)
        np.add.at(groups, (row, channels), change / self.group_size[row])
        row = np.searchsorted(self.sampled, pixels)
        is_sampled = np.append(self.sampled, -1)[row] == pixels
        sample[row[is_sampled], channels[is_sampled]] += change[is_sampled]
        # An extreme of a tile may be the value that is replaced, and hides all others of the same
        # channel of these few pixels. They cannot be far off, and are left out.
        is_extreme = np.repeat(self.extremes.filled[:, None], self.groups.shape[1], 1)
        is_extreme[pixels // self.extremes.size, channels] = False
        return replace(
            self,
            groups=groups,
            sample=sample,
            least=float(self.extremes.lowest[is_extreme].min(initial=values.min())),
            greatest=float(self.extremes.highest[is_extreme].max(initial=values.max())),
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
    gaps: Gaps | None = None


def summarise(
    blocks: RowBlocks, stage: str = "first pass", *, with_extremes: bool = True
) -> Summary:
    """Pass over the data once: which pixels are finite, group means, a sample, the range.

    Parameters
    ----------
    blocks : RowBlocks
    stage : str
        What is done, for the progress bar.
    with_extremes : bool
        Keep those of every few pixels, in which spikes are looked for.
    """
    n, m = blocks.shape
    most_tiles = MOST_TILES if with_extremes else 1
    run, stride, tile_size = (
        -(-n // min(most, n)) for most in (MOST_GROUPS, MOST_PIXELS_SAMPLED, most_tiles)
    )
    n_tiles = -(-n // tile_size)
    in_place = None if blocks.is_lazy else TilesInPlace(n_tiles, m, blocks.dtype)
    none = np.zeros((0, m), blocks.dtype)

    def on_block(block: Block) -> tuple[_Runs, NDArray[Any]]:
        marks = _mark(block.spectra)
        finite, gaps = marks["finite"], None
        if not finite.all():
            gaps = find_gaps(block.spectra[~finite])
            block = replace(
                block,
                spectra=block.spectra[finite],
                variance=None if block.variance is None else block.variance[finite],
                index=block.index[finite],
            )
        runs = _sum_runs(block, run, stride, tile_size)
        if in_place is not None:
            in_place.add(runs.tile, runs.highest, runs.lowest)
            runs = replace(runs, tile=runs.tile[:0], highest=none, lowest=none)
        return replace(runs, gaps=gaps), marks

    def on_blocks(parts: Iterator[Block]) -> tuple[_Runs, NDArray[Any]]:
        runs, marks = zip(*map(on_block, parts), strict=True)
        return _merge_runs(runs), np.concatenate(marks)

    runs, marks = blocks.reduce(on_blocks, _merge_runs, stage=stage)
    if in_place is None:
        extremes = Extremes.of_tiles(tile_size, n_tiles, runs.tile, runs.highest, runs.lowest)
    else:
        extremes = in_place.extremes(tile_size)
    count, order = runs.count[:, None], np.argsort(runs.index)
    sample = runs.sample[order].astype(float)
    return Summary(
        finite=marks["finite"],
        groups=runs.sums / count,
        group_variance=None if blocks.variance is None else runs.sums_variance / count,
        group_size=runs.count,
        sample=sample,
        integers=bool((sample == np.rint(sample)).all()),
        least=float(extremes.lowest[extremes.filled].min(initial=np.inf)),
        greatest=float(extremes.highest[extremes.filled].max(initial=-np.inf)),
        least_variance=runs.least_variance,
        extremes=extremes if with_extremes else None,
        group=runs.group,
        group_run=run,
        sampled=runs.index[order],
        flat=marks["finite"] & marks["flat"],
        blank=marks["blank"],
        key=marks["key"],
        total=marks["total"],
        gaps=runs.gaps,
    )


def _mark(spectra: Floats) -> NDArray[Any]:
    """What is to be known of every spectrum, shape (rows,) of `MARKS`."""
    marks = np.empty(len(spectra), MARKS)
    # A sum is finite only where every term is, and is found much faster than a look at each.
    with np.errstate(invalid="ignore", over="ignore"):
        total = spectra @ np.ones(spectra.shape[1], spectra.dtype)
        marks["total"] = total
    finite = np.isfinite(total)
    if not finite.all():
        # A sum of finite terms may still be too large for its type.
        finite[~finite] = np.isfinite(spectra[~finite]).all(1)
    flat = _are_flat(spectra)
    marks["finite"], marks["flat"], marks["blank"] = finite, flat, flat & (spectra[:, 0] == 0)
    marks["key"] = _keys(spectra)
    return marks


def _keys(spectra: Floats) -> NDArray[np.uint64]:
    """A number for every spectrum, the same for equal ones and by chance for no others."""
    rng = np.random.default_rng(0)
    n_bytes = spectra.shape[1] * spectra.dtype.itemsize
    words = spectra.view(np.uint8)[:, : n_bytes // 8 * 8].view(np.uint64)
    factors = rng.integers(2**64, size=words.shape[1], dtype=np.uint64) | np.uint64(1)
    # Of two 32-bit numbers in a word the second has next to no part in this: zeros end it.
    keys = np.einsum("ij,j->i", words, factors)
    weights = np.asarray(rng.random(spectra.shape[1]), spectra.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        # Not a product of matrices: equal rows must give the same bits wherever they are.
        second = np.asarray(np.einsum("ij,j->i", spectra, weights), np.float32)
    return np.asarray(keys ^ (second.view(np.uint32) * np.uint64(2**31 - 1)))


def _are_flat(spectra: Floats) -> NDArray[np.bool_]:
    """Which spectra hold one value in all channels, shape (rows,)."""
    first = spectra[:, :1]
    # A few channels tell of nearly all spectra that they are not flat.
    flat = (spectra[:, :: max(spectra.shape[1] // CHANNELS_COMPARED_FIRST, 1)] == first).all(1)
    if flat.any():
        flat[flat] = (spectra[flat] == first[flat]).all(1)
    return np.asarray(flat)


def _sum_runs(block: Block, run: int, stride: int, tile_size: int) -> _Runs:
    """Sums, extremes and sample of the finite spectra of a block.

    Runs of ``run`` pixels are summed, extremes are those of ``tile_size`` pixels, and every pixel
    whose number divides by ``stride`` is sampled.
    """
    spectra, variance, index = block.spectra, block.variance, block.index
    group, member = np.unique(index // run, return_inverse=True)
    ones = np.ones(len(index), spectra.dtype)
    sum_up = csr_array((ones, (member, np.arange(len(index)))), shape=(len(group), len(index)))
    no_sums = np.zeros((len(group), 0))
    tile, highest, lowest = extremes_of_tiles(spectra, index // tile_size)
    sampled = index % stride == 0
    return _Runs(
        group=group,
        count=np.bincount(member, minlength=len(group)),
        sums=(sum_up @ spectra).astype(float),
        sums_variance=no_sums if variance is None else (sum_up @ variance).astype(float),
        tile=tile,
        highest=highest,
        lowest=lowest,
        index=index[sampled],
        sample=spectra[sampled],
        # Not `fmin`: one NaN must not be hidden by the other values.
        least_variance=np.inf if variance is None else float(np.min(variance, initial=np.inf)),
    )


def _merge_runs(parts: Sequence[_Runs]) -> _Runs:
    """The runs of several parts of the data; those that are in more than one put together."""

    def concatenate(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def merge(number: Index, **ufuncs: np.ufunc) -> dict[str, NDArray[Any]]:
        """Arrays by name, those rows combined that have the same ``number``."""
        are_unique = (np.diff(number) > 0).all()
        if are_unique:
            return {name: concatenate(name) for name in ufuncs}
        order = np.argsort(number, kind="stable")
        starts = np.flatnonzero(np.diff(number[order], prepend=-1))
        return {
            name: ufunc.reduceat(concatenate(name)[order], starts) for name, ufunc in ufuncs.items()
        }

    group, tile = concatenate("group"), concatenate("tile")
    return _Runs(
        group=np.unique(group),
        **merge(group, count=np.add, sums=np.add, sums_variance=np.add),
        tile=np.unique(tile),
        **merge(tile, highest=np.maximum, lowest=np.minimum),
        index=concatenate("index"),
        sample=concatenate("sample"),
        least_variance=float(np.min([part.least_variance for part in parts])),
        gaps=merge_gaps([part.gaps for part in parts]),
    )
