"""Highest and lowest values of every channel in runs of pixels, in which spikes are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats, Index


@dataclass(frozen=True)
class Extremes:
    """Highest and lowest values of every channel (tiles, channels), in tiles of ``size`` pixels.

    Tiles are of consecutive pixels; only finite ones count. Those not ``filled`` hold none of them.
    """

    size: int
    highest: Floats
    lowest: Floats
    filled: NDArray[np.bool_]

    @classmethod
    def of_tiles(
        cls, size: int, n_tiles: int, tile: Index, highest: Floats, lowest: Floats
    ) -> Extremes:
        """Those of all tiles, from those of some; the others hold zeros."""
        filled = np.zeros(n_tiles, bool)
        filled[tile] = True
        if filled.all():
            return cls(size, highest, lowest, filled)
        of_all = np.zeros((2, n_tiles, highest.shape[1]), highest.dtype)
        of_all[:, tile] = highest, lowest
        return cls(size, of_all[0], of_all[1], filled)


class TilesInPlace:
    """Extremes of all tiles, into which those of blocks are written."""

    def __init__(self, n_tiles: int, m: int, dtype: Any) -> None:
        self._highest, self._lowest = np.empty((2, n_tiles, m), dtype)
        self._filled, self._lock = np.zeros(n_tiles, bool), Lock()

    def add(self, tile: Index, highest: Floats, lowest: Floats) -> None:
        """Take the extremes of a block's pixels in these tiles, each of which is named once."""
        # Blocks share a tile at their ends, and may be of different threads.
        with self._lock:
            known = self._filled[tile]
            np.maximum.at(self._highest, tile[known], highest[known])
            np.minimum.at(self._lowest, tile[known], lowest[known])
            self._highest[tile[~known]] = highest[~known]
            self._lowest[tile[~known]] = lowest[~known]
            self._filled[tile] = True

    def extremes(self, size: int) -> Extremes:
        """Those of all tiles, of ``size`` pixels; one without finite spectra holds zeros."""
        self._highest[~self._filled] = self._lowest[~self._filled] = 0
        return Extremes(size, self._highest, self._lowest, self._filled)


def extremes_of_tiles(spectra: Floats, tile: Index) -> tuple[Index, Floats, Floats]:
    """Tiles of these spectra, and the highest and lowest values of every channel in each."""
    starts = np.flatnonzero(np.diff(tile, prepend=-1))
    if len(starts) == len(spectra):
        return tile, spectra, spectra
    highest, lowest = np.empty((2, len(starts), spectra.shape[1]), spectra.dtype)
    # One tile after the other, so that it stays in the processor's cache.
    for k, (first, last) in enumerate(zip(starts, [*starts[1:], len(tile)], strict=True)):
        np.max(spectra[first:last], 0, out=highest[k])
        np.min(spectra[first:last], 0, out=lowest[k])
    return tile[starts], highest, lowest
