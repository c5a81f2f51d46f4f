"""Short windows of single spectra, about given places in scan and energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

from .block import Block
from .row_blocks import RowBlocks


def cut_windows(rows: Floats, row: Index, position: Index, half: int) -> Floats:
    """``rows`` about each place, shape (places, 2 half + 1); NaN beyond the ends."""
    column = np.asarray(position)[:, None] + np.arange(-half, half + 1)
    inside = (column >= 0) & (column < rows.shape[1])
    values = rows[np.asarray(row)[:, None], np.clip(column, 0, rows.shape[1] - 1)]
    return np.where(inside, values.astype(float), np.nan)


def read_windows(
    blocks: RowBlocks, pixels: Index, positions: Index, half: int
) -> tuple[Floats, Floats | None]:
    """Spectra about places, and their variance if it is given; only these pixels are read.

    Parameters
    ----------
    blocks : RowBlocks
    pixels, positions : int array, shape (places,)
        Pixel of the scan, and channel among those that count.
    half : int
        Channels on both sides.

    Returns
    -------
    values, variances : array, shape (places, 2 half + 1)
        NaN where a pixel does not count or a channel is beyond the ends.
    """
    values = np.full((len(pixels), 2 * half + 1), np.nan)
    variances = None if blocks.variance is None else values.copy()

    # Places by ascending pixel, without those in pixels that do not count.
    order = np.argsort(pixels, kind="stable")
    order = order[blocks.pixels[pixels[order]]]
    ascending = pixels[order]
    wanted = np.zeros_like(blocks.pixels)
    wanted[ascending] = True
    wanted_pixels = np.flatnonzero(wanted)

    def on_block(block: Block) -> tuple[Index, Floats, Floats | None]:
        """Places in the pixels of a block, and the windows about them."""
        block_pixels = wanted_pixels[block.index]
        # The rows of a block of joined chunks do not ascend.
        rows = np.argsort(block_pixels)
        lowest, highest = block_pixels[rows[0]], block_pixels[rows[-1]]
        place = order[slice(*np.searchsorted(ascending, [lowest, highest + 1]))]
        place = place[np.isin(pixels[place], block_pixels)]
        row = rows[np.searchsorted(block_pixels, pixels[place], sorter=rows)]
        windows = cut_windows(block.spectra, row, positions[place], half)
        if block.variance is None:
            return place, windows, None
        return place, windows, cut_windows(block.variance, row, positions[place], half)

    def on_blocks(parts: Iterator[Block]) -> tuple[list[Any], None]:
        return [on_block(block) for block in parts], None

    if len(wanted_pixels):
        wanted_blocks = replace(blocks, pixels=wanted)
        of_blocks, _ = wanted_blocks.reduce(on_blocks, _chain_lists, stage="spikes")
        for place, windows, variance_windows in of_blocks:
            values[place] = windows
            if variances is not None:
                variances[place] = variance_windows
    return values, variances


def _chain_lists(lists: Sequence[list[Any]]) -> list[Any]:
    """The items of all lists in one."""
    return [item for items in lists for item in items]


def read_around(
    blocks: RowBlocks, pixels: Index, positions: Index, half: int, reach: int
) -> tuple[Floats, Floats]:
    """Spectra about places, and those of the pixels up to ``reach`` away along every scan axis.

    Returns
    -------
    windows : array, shape (places, 2 half + 1)
    beside : array, shape (places, neighbours, 2 half + 1)
        NaN where there is no such pixel, or it does not count.
    """
    scan = blocks.data.shape[:-1] if blocks.data.ndim > 1 else (1,)
    place = np.array(np.unravel_index(pixels, scan))
    # The places themselves come first, then one array of pixels for each neighbour.
    pixels_read, is_in_scan = [pixels], [np.ones(len(pixels), bool)]
    for axis, size in enumerate(scan):
        for step in range(-reach, reach + 1):
            if step:
                neighbour = place.copy()
                neighbour[axis] += step
                is_in_scan.append((neighbour[axis] >= 0) & (neighbour[axis] < size))
                neighbour[axis] = np.clip(neighbour[axis], 0, size - 1)
                pixels_read.append(np.ravel_multi_index(tuple(neighbour), scan))
    all_positions = np.tile(positions, len(pixels_read))
    windows, _ = read_windows(blocks, np.concatenate(pixels_read), all_positions, half)
    windows = np.where(np.concatenate(is_in_scan)[:, None], windows, np.nan)
    windows = windows.reshape(len(pixels_read), len(pixels), 2 * half + 1)
    return windows[0], np.moveaxis(windows[1:], 0, 1)
