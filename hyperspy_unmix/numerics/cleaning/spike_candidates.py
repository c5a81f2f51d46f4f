"""Where spikes may be: what stands out of the extremes that the first pass saw."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.reading.extremes import Extremes
from hyperspy_unmix.numerics.reading.neighbourhoods import cut_windows, read_windows
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .local_noise import LocalNoise

HALF_CORE = 3  # channels on both sides of a peak that a spike may cover
FLANK = 4  # channels beyond them that tell the level
HALF_WINDOW = HALF_CORE + FLANK
LEAST_RATIO_TO_NEIGHBOURS = 4.0  # of a spike to a narrow line of neighbouring pixels there
# A screen takes half of the bound on chance: extremes of the flanks are those of several pixels.
HALF_OF_THRESHOLD = 0.5
MOST_CANDIDATES = 20000  # that are looked at
TILES_SCREENED_AT_ONCE = 128  # few enough to stay in the processor's cache


def spike_candidates(
    blocks: RowBlocks,
    counted: Index,
    extremes: Extremes,
    noise: LocalNoise,
    half_core: int = HALF_CORE,
    signs_wanted: tuple[float, ...] = (1.0, -1.0),
    threshold_share: float = HALF_OF_THRESHOLD,
) -> tuple[Floats, Index, Index]:
    """Signs, pixels and positions of values that stand out of the extremes about them.

    ``counted`` are the pixels of the tiles, ``blocks`` those of them that are finite; the level is
    that of the channels more than ``half_core`` away. ``threshold_share`` is how much of the bound
    on chance they must be above it.
    """
    of_both_signs = []
    for sign in signs_wanted:
        tiles, opposite = extremes.highest, extremes.lowest
        if sign < 0:
            tiles, opposite = opposite, tiles
        tile, position, level = _screen(tiles, noise, sign, half_core, threshold_share)
        is_possible = _are_possible(tile, position, tiles, opposite, noise, sign, half_core)
        tile, position, level = tile[is_possible], position[is_possible], level[is_possible]
        # Every pixel of a tile may be the one that has the extreme.
        row = tile[:, None] * extremes.size + np.arange(extremes.size)
        candidate, k = np.nonzero(row < len(counted))
        of_both_signs.append(
            (
                np.full(len(candidate), sign),
                counted[row[candidate, k]],
                position[candidate],
                level[candidate],
            )
        )
    signs, pixels, positions, levels = (
        np.concatenate(arrays) for arrays in zip(*of_both_signs, strict=True)
    )
    if extremes.size > 1:
        values = signs * read_windows(blocks, pixels, positions, 0)[0][:, 0]
        is_high = values >= levels
        signs, pixels, positions = signs[is_high], pixels[is_high], positions[is_high]
    return signs, pixels, positions


def flanks(windows: Floats) -> tuple[Floats, Floats]:
    """Levels (...) of the channels before and after the core; that of the other at an end."""
    before, after = np.median(windows[..., :FLANK], -1), np.median(windows[..., -FLANK:], -1)
    return np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)


def over_flanks(windows: Floats) -> tuple[Floats, Floats]:
    """Level of the higher flank (...), and how far the core is above it.

    The second is as wide as the windows are without their flanks, and NaN beyond the ends of the
    axis.
    """
    base = np.maximum(*flanks(windows))
    return base, windows[..., FLANK:-FLANK] - base[..., None]


def _screen(
    tiles: Floats, noise: LocalNoise, sign: float, half_core: int, threshold_share: float
) -> tuple[Index, Index, Floats]:
    """Tiles and positions where an extreme stands out, and the least value that does so."""
    least = (noise.threshold(noise.variance) * threshold_share).astype(tiles.dtype)
    least = np.maximum(least, np.finfo(tiles.dtype).tiny)
    tile, position = _find_peaks(tiles, least, sign, half_core)
    windows = sign * cut_windows(tiles, tile, position, half_core + FLANK)
    base, over = over_flanks(windows)
    excess = over[:, half_core] / least[position]
    if len(tiles) > 2:
        shared = _height_in_tiles_beside(tiles, tile, position, sign, half_core)
        excess[over[:, half_core] <= LEAST_RATIO_TO_NEIGHBOURS * shared] = 0
    n_best = min(MOST_CANDIDATES, int((excess > 0).sum()))
    best = np.argsort(-excess, kind="stable")[:n_best]
    return tile[best], position[best], base[best] + least[position[best]]


def _find_peaks(
    tiles: Floats, least_height: Floats, sign: float, half_core: int
) -> tuple[Index, Index]:
    """Tiles and positions of local maxima that are so high above the channels beside the core."""
    n_channels, half_window = tiles.shape[1], half_core + FLANK
    peaks = []
    for first in range(0, len(tiles), TILES_SCREENED_AT_ONCE):
        some_tiles = tiles[first : first + TILES_SCREENED_AT_ONCE]
        padded = np.full((len(some_tiles), n_channels + 2 * half_window), -np.inf, tiles.dtype)
        inner = padded[:, half_window:-half_window]
        np.multiply(some_tiles, sign, out=inner)
        # Of two channels of a flank the lower is the level: the higher may be another spike.
        near_below, far_below, near_above, far_above = (
            padded[:, half_window + k : half_window + k + n_channels]
            for k in (-half_core - 1, 1 - half_window, half_core + 1, half_window - 1)
        )
        level = np.maximum(np.minimum(near_below, far_below), np.minimum(near_above, far_above))
        level += least_height
        row, position = np.divmod(np.flatnonzero(inner > level), n_channels)
        beside = padded[row[:, None], position[:, None] + half_window + [-1, 1]].max(1)
        is_peak = inner[row, position] >= beside
        peaks.append(np.stack([row[is_peak] + first, position[is_peak]]))
    tile, position = np.concatenate(peaks, 1)
    return tile, position


def _height_in_tiles_beside(
    tiles: Floats, tile: Index, position: Index, sign: float, half_core: int
) -> Floats:
    """Height of what the tiles before and after have at the same place: the lower of the two.

    A line is in both of them, a spike is not. The first and the last tile have two on one side.
    """
    before = np.where(tile == 0, 2, tile - 1)
    after = np.where(tile == len(tiles) - 1, tile - 2, tile + 1)
    heights = []
    for tile_beside in (before, after):
        windows = sign * cut_windows(tiles, tile_beside, position, half_core + FLANK)
        _, over = over_flanks(windows)
        heights.append(np.nanmax(over, 1, initial=0))
    return np.asarray(np.minimum(*heights))


def _are_possible(
    tile: Index,
    position: Index,
    tiles: Floats,
    opposite: Floats,
    noise: LocalNoise,
    sign: float,
    half_core: int,
) -> Mask:
    """Which values even a pixel of the least flanks would call a spike.

    ``opposite`` are the other extremes of the same tiles. Clean data are then not read again.
    """
    least, _ = over_flanks(sign * cut_windows(opposite, tile, position, half_core + FLANK))
    height = sign * tiles[tile, position] - least
    return np.asarray(height > noise.threshold(noise.variance[position]))
