"""Short windows of single spectra, about given places in scan and energy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import RowBlocks
from .noise import Floats

Index = NDArray[np.intp]


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

    def on_block(spectra: Floats, variance: Floats | None, index: Index) -> Any:
        place = order[slice(*np.searchsorted(ascending, [index[0], index[-1] + 1]))]
        row = np.searchsorted(index, pixels[place])
        found = windows_of(spectra, row, positions[place], half)
        if variance is None:
            return place, found, None
        return place, found, windows_of(variance, row, positions[place], half)

    part = replace(blocks, pixels=wanted)
    for place, found, of_variance in part.map(on_block, np.flatnonzero(wanted)):
        values[place] = found
        if variances is not None:
            variances[place] = of_variance
    return values, variances


def read_beside(
    blocks: RowBlocks, pixels: Index, positions: Index, half: int, reach: int
) -> Floats:
    """The same windows of the pixels up to ``reach`` away along every scan axis.

    Shape (places, neighbours, 2 half + 1); NaN where there is no such pixel.
    """
    scan = blocks.data.shape[:-1] if blocks.data.ndim > 1 else (1,)
    place = np.array(np.unravel_index(pixels, scan))
    steps = [step for step in range(-reach, reach + 1) if step]
    at, inside = [], []
    for axis, size in enumerate(scan):
        for step in steps:
            moved = place.copy()
            moved[axis] += step
            inside.append((moved[axis] >= 0) & (moved[axis] < size))
            moved[axis] = np.clip(moved[axis], 0, size - 1)
            at.append(np.ravel_multi_index(tuple(moved), scan))
    repeated = np.tile(positions, len(at))
    found, _ = read_windows(blocks, np.concatenate(at), repeated, half)
    found = np.where(np.concatenate(inside)[:, None], found, np.nan)
    return np.moveaxis(found.reshape(len(at), len(pixels), 2 * half + 1), 0, 1)
