"""Counts that are not there: in a result that was loaded without them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

MOST_SPECTRA_SAMPLED = 16  # to tell whether counts are the same


class CountsMissingError(ValueError):
    """The counts are needed, and the file of the result does not hold them."""

    def __init__(self) -> None:
        super().__init__(
            "this needs the counts, which are not in the file that the result was loaded from "
            "(lazy ones not in a pickle either): hyperspy_unmix.load(filename, signal) takes them "
            "from the signal that was unmixed; .save(filename) writes the file."
        )


@dataclass(frozen=True)
class Absent:
    """What stands in the place of the data: their shape, dtype and `fingerprint`."""

    shape: tuple[int, ...]
    dtype: str
    fingerprint: str

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def flags(self) -> NoReturn:
        """There are none."""
        raise CountsMissingError

    def __getitem__(self, index: Any) -> NoReturn:
        raise CountsMissingError


def fingerprint(data: Any) -> str:
    """Checksum of a few spectra, whatever their dtype; that of absent data is known.

    Returns
    -------
    str
        SHA-256 of the values of up to 16 spectra, evenly over the scan, as 64-bit numbers.
    """
    if isinstance(data, Absent):
        return data.fingerprint
    scan = data.shape[:-1]
    n_pixels = int(np.prod(scan))
    n_sampled = min(MOST_SPECTRA_SAMPLED, n_pixels)
    sample = np.unique(np.linspace(0, n_pixels - 1, n_sampled).astype(int))
    places = [tuple(int(i) for i in np.unravel_index(pixel, scan)) for pixel in sample]
    values = np.stack([np.asarray(data[place]) for place in places])
    # Adding zero makes no difference between 0 and -0.
    return hashlib.sha256((values.astype("<f8") + 0.0).tobytes()).hexdigest()
