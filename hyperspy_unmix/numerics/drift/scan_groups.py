"""Mean spectra of pixels that follow each other in a scan, in the order it may have been taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .group_shifts import merge_neighbours, shift_spectra

LEAST_LINES = 4  # along either axis, for the scan to have another order


@dataclass(frozen=True)
class ScanGroups:
    """Mean spectra of groups of pixels that follow each other in a scan.

    Parameters
    ----------
    groups : array, shape (groups, channels)
    size : int array, shape (groups,)
        Pixels of each.
    order : int array, shape (pixels,)
        The pixels, in the order of the scan: the first ``size[0]`` of them are the first group.
    """

    groups: Floats
    size: NDArray[np.integer]
    order: Index

    def select_channels(self, channels: slice | Mask) -> ScanGroups:
        """The same with some of the channels."""
        return replace(self, groups=self.groups[:, channels])

    def merged(self, most: int) -> ScanGroups:
        """The same in ``most`` groups or fewer."""
        groups, size = merge_neighbours(self.groups, self.size, most)
        return replace(self, groups=groups, size=size.astype(int))

    def means(self, values: Floats) -> Floats:
        """Mean of values (pixels,) in each group."""
        starts = np.cumsum(self.size) - self.size
        return np.asarray(np.add.reduceat(values[self.order], starts) / self.size)

    def moved_back(self, shift: Floats) -> ScanGroups:
        """The same, each group moved to lower channels by its mean ``shift`` (pixels,)."""
        return replace(self, groups=shift_spectra(self.groups, self.means(shift)))

    def to_pixels(self, values: Floats) -> Floats:
        """Values (pixels,) in the order of the scan, put in the order of the pixels."""
        placed = np.empty_like(values)
        placed[self.order] = values
        return placed


def other_order(pixels: Mask, shape: tuple[int, ...]) -> Index | None:
    """Pixels that count in the order of a scan whose fast axis is the slow one of the array.

    So are the pixels of a scan taken along the other direction, or stored with its axes swapped.

    Parameters
    ----------
    pixels : bool array, shape (all pixels,)
        Those that count.
    shape : tuple of int
        Of the scan, array order.

    Returns
    -------
    int array, shape (pixels that count,), optional
        Numbers among those that count. None where the scan is a line, or too few of them.
    """
    if len(shape) < 2 or min(shape[-2:]) < LEAST_LINES:
        return None
    number = np.cumsum(pixels) - 1
    along = np.swapaxes(np.arange(pixels.size).reshape(shape), -1, -2).ravel()
    return np.asarray(number[along[pixels[along]]])
