"""Single values that are replaced as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index


@dataclass(frozen=True)
class Spikes:
    """Single values to be replaced.

    ``pixels`` count all pixels of the scan in C order and ascend, ``channels`` are those of the
    file; ``values`` replace the data there, ``variances`` their variance if one is given, and
    ``change`` is by how much they differ from what was recorded.
    """

    pixels: Index
    channels: Index
    values: Floats
    change: Floats
    variances: Floats | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def select_rows(self, first: int, last: int) -> Spikes:
        """The spikes of the pixels ``first`` to ``last`` (exclusive), counted from ``first``."""
        within = slice(*np.searchsorted(self.pixels, [first, last]))
        return self._select(self.pixels[within] - first, within)

    def select_pixels(self, pixels: Index) -> Spikes:
        """The spikes of these (ascending) pixels, counted among them."""
        row = np.searchsorted(pixels, self.pixels)
        is_among = pixels[np.minimum(row, len(pixels) - 1)] == self.pixels
        return self._select(row[is_among], is_among)

    def followed_by(self, later: Spikes) -> Spikes:
        """All of these and of ``later``, which were found once these had been replaced."""
        if not len(later):
            return self
        pixels = np.concatenate([self.pixels, later.pixels])
        channels = np.concatenate([self.channels, later.channels])
        n_channels = int(channels.max()) + 1
        # The last of those at one place holds.
        keys, place = np.unique(pixels * n_channels + channels, return_inverse=True)
        last = np.zeros(len(keys), np.intp)
        np.maximum.at(last, place, np.arange(len(place)))
        changes = np.concatenate([self.change, later.change])
        variances = None
        if self.variances is not None and later.variances is not None:
            variances = np.concatenate([self.variances, later.variances])[last]
        return Spikes(
            pixels=pixels[last],
            channels=channels[last],
            values=np.concatenate([self.values, later.values])[last],
            change=np.bincount(place, changes, len(keys)).astype(float),
            variances=variances,
        )

    def _select(self, pixels: Index, chosen: Any) -> Spikes:
        """The ``chosen`` spikes (a slice or a mask), with ``pixels`` counted anew."""
        return Spikes(
            pixels,
            self.channels[chosen],
            self.values[chosen],
            self.change[chosen],
            None if self.variances is None else self.variances[chosen],
        )
