"""What of the data is read: pixels, channels, replaced values, shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.types import Index, Mask, Progress, silent

from .block_size import BLOCK_SIZE_SETTING, DEFAULT_BLOCK_SIZE, configured_bytes

if TYPE_CHECKING:
    from .replaced_values import Spikes


@dataclass(frozen=True)
class Selection:
    """The pixels and channels of a spectrum image that count, and how their spectra are read.

    Parameters
    ----------
    data : array, shape (..., channels)
        numpy or dask, any real dtype; never modified and never copied as a whole.
    pixels : bool array, shape (all pixels,)
        Pixels that count, in the array's own (C) order.
    channels : int array
        Channels that count, ascending.
    variance : array, optional
        Variance of ``data``, of the same shape.
    shifts : int array, shape (all pixels,), optional
        Whole channels by which each spectrum is moved to higher channels as it is read; what
        leaves one end enters at the other.
    spikes : Spikes, optional
        Single values that are replaced as they are read, before the spectra are moved.
    dtype : dtype
        Of the blocks: float32, or float64 where that would lose counts.
    progress : callable, optional
        ``progress(stage, pixels)`` is a context that gives what is called with the number of
        pixels done.
    """

    data: Any
    pixels: Mask
    channels: Index
    variance: Any = None
    shifts: Index | None = None
    spikes: Spikes | None = None
    dtype: Any = np.float32
    progress: Progress = silent

    @property
    def shape(self) -> tuple[int, int]:
        """(pixels that count, channels that count)."""
        return int(np.count_nonzero(self.pixels)), len(self.channels)

    @property
    def is_lazy(self) -> bool:
        """Whether the data (or their variance) are a dask array."""
        return hasattr(self.data, "dask") or hasattr(self.variance, "dask")

    @property
    def step(self) -> int:
        """Rows of a block: `DEFAULT_BLOCK_SIZE`, unless ``dask.config`` says otherwise."""
        row_bytes = int(np.dtype(self.dtype).itemsize * self.data.shape[-1])
        return max(1, configured_bytes(BLOCK_SIZE_SETTING, DEFAULT_BLOCK_SIZE) // row_bytes)
