"""Where spikes may be: what stands out of the extremes that the first pass saw."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.reading.first_pass import Extremes
from hyperspy_unmix.numerics.reading.neighbourhoods import read_windows, windows_of
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .local_noise import LocalNoise

CORE = 3  # channels on both sides of a peak that a spike may cover
FLANK = 4  # channels beyond them that tell the level
HALF = CORE + FLANK
RATIO = 4.0  # times what neighbouring pixels have of a narrow line at the same place
MOST = 20000  # candidates that are looked at
TILES = 128  # screened at a time, to stay in the processor's cache


def spike_candidates(
    blocks: RowBlocks, counted: Index, extremes: Extremes, noise: LocalNoise
) -> tuple[Floats, Index, Index]:
    """Signs, pixels and positions of values that stand out of the extremes about them.

    ``counted`` are the pixels of the tiles, ``blocks`` those of them that are finite.
    """
    both = extremes.highest, extremes.lowest
    found = []
    for sign, tiles, others in ((1.0, *both), (-1.0, *both[::-1])):
        tile, position, level = _possible(_screen(tiles, noise, sign), tiles, others, noise, sign)
        row = tile[:, None] * extremes.size + np.arange(extremes.size)
        candidate, k = np.nonzero(row < len(counted))
        arrays = counted[row[candidate, k]], position[candidate], level[candidate]
        found.append((np.full(len(candidate), sign), *arrays))
    signs, pixels, positions, levels = (np.concatenate(a) for a in zip(*found, strict=True))
    if extremes.size > 1:
        values = signs * read_windows(blocks, pixels, positions, 0)[0][:, 0]
        high = values >= levels
        signs, pixels, positions = signs[high], pixels[high], positions[high]
    return signs, pixels, positions


def flanks(windows: Floats) -> tuple[Floats, Floats]:
    """Levels (...) of the channels before and after the core; that of the other at an end."""
    before, after = np.median(windows[..., :FLANK], -1), np.median(windows[..., -FLANK:], -1)
    return np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)


def over_flanks(windows: Floats) -> tuple[Floats, Floats]:
    """Level of the higher flank (...), and the core over it (..., 2 CORE + 1); NaN at the ends."""
    base = np.maximum(*flanks(windows))
    return base, windows[..., FLANK:-FLANK] - base[..., None]


def _screen(tiles: Floats, noise: LocalNoise, sign: float) -> tuple[Index, Index, Floats]:
    """Tiles and positions where an extreme stands out, and the least value that does so.

    Half of the threshold, for the extremes of the flanks are those of several pixels.
    """
    m = tiles.shape[1]
    half = (noise.threshold(noise.variance) / 2).astype(tiles.dtype)
    half = np.maximum(half, np.finfo(tiles.dtype).tiny)
    found = []
    for first in range(0, len(tiles), TILES):
        part = tiles[first : first + TILES]
        padded = np.full((len(part), m + 2 * HALF), -np.inf, tiles.dtype)
        inner = padded[:, HALF:-HALF]
        np.multiply(part, sign, out=inner)
        # of two values on either side the lower, which is not another spike
        near, far, near_above, far_above = (
            padded[:, HALF + k : HALF + k + m] for k in (-CORE - 1, 1 - HALF, CORE + 1, HALF - 1)
        )
        level = np.maximum(np.minimum(near, far), np.minimum(near_above, far_above))
        level += half
        row, position = np.divmod(np.flatnonzero(inner > level), m)
        beside = padded[row[:, None], position[:, None] + HALF + [-1, 1]].max(1)
        peak = inner[row, position] >= beside
        found.append(np.stack([row[peak] + first, position[peak]]))
    tile, position = np.concatenate(found, 1)
    base, over = over_flanks(sign * windows_of(tiles, tile, position, HALF))
    excess = over[:, CORE] / half[position]
    if len(tiles) > 2:
        # a line is there before and after, a spike is not
        before = np.where(tile == 0, 2, tile - 1)
        after = np.where(tile == len(tiles) - 1, tile - 2, tile + 1)
        shared = [
            np.nanmax(over_flanks(sign * windows_of(tiles, t, position, HALF))[1], 1, initial=0)
            for t in (before, after)
        ]
        excess[over[:, CORE] <= RATIO * np.minimum(*shared)] = 0
    best = np.argsort(-excess, kind="stable")[: min(MOST, int((excess > 0).sum()))]
    return tile[best], position[best], base[best] + half[position[best]]


def _possible(
    found: tuple[Index, Index, Floats],
    tiles: Floats,
    others: Floats,
    noise: LocalNoise,
    sign: float,
) -> tuple[Index, Index, Floats]:
    """Of what was screened, that which even a pixel of the least flanks would call a spike.

    ``others`` are the opposite extremes of the same tiles. Clean data are then not read again.
    """
    tile, position, level = found
    least, _ = over_flanks(sign * windows_of(others, tile, position, HALF))
    far = sign * tiles[tile, position] - least > noise.threshold(noise.variance[position])
    return tile[far], position[far], level[far]
