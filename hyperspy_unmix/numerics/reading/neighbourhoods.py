"""Short windows of single spectra, about given places in scan and energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

from .block import Block
from .row_blocks import RowBlocks


def windows_of(rows: Floats, row: Index, position: Index, half: int) -> Floats:
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
    order = np.argsort(pixels, kind="stable")
    order = order[blocks.pixels[pixels[order]]]
    ascending = pixels[order]
    wanted = np.zeros_like(blocks.pixels)
    wanted[ascending] = True

    counted = np.flatnonzero(wanted)

    def on_block(block: Block) -> tuple[Index, Floats, Floats | None]:
        pixel = counted[block.index]
        rows = np.argsort(pixel)
        low, high = pixel[rows[0]], pixel[rows[-1]]
        place = order[slice(*np.searchsorted(ascending, [low, high + 1]))]
        place = place[np.isin(pixels[place], pixel)]
        row = rows[np.searchsorted(pixel, pixels[place], sorter=rows)]
        found = windows_of(block.spectra, row, positions[place], half)
        if block.variance is None:
            return place, found, None
        return place, found, windows_of(block.variance, row, positions[place], half)

    def on_blocks(parts: Iterator[Block]) -> tuple[list[Any], None]:
        return [on_block(block) for block in parts], None

    if len(counted):
        part = replace(blocks, pixels=wanted)
        for place, found, of_variance in part.reduce(on_blocks, _joined, stage="spikes")[0]:
            values[place] = found
            if variances is not None:
                variances[place] = of_variance
    return values, variances


def _joined(lists: Sequence[list[Any]]) -> list[Any]:
    return [found for part in lists for found in part]


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
    at, inside = [pixels], [np.ones(len(pixels), bool)]
    for axis, size in enumerate(scan):
        for step in range(-reach, reach + 1):
            if step:
                moved = place.copy()
                moved[axis] += step
                inside.append((moved[axis] >= 0) & (moved[axis] < size))
                moved[axis] = np.clip(moved[axis], 0, size - 1)
                at.append(np.ravel_multi_index(tuple(moved), scan))
    found, _ = read_windows(blocks, np.concatenate(at), np.tile(positions, len(at)), half)
    found = np.where(np.concatenate(inside)[:, None], found, np.nan)
    found = found.reshape(len(at), len(pixels), 2 * half + 1)
    return found[0], np.moveaxis(found[1:], 0, 1)
