"""Whole numbers that ended at the greatest of their type: cut off there, or begun again at zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats

GREATEST = tuple(2**bits - 1 for bits in (7, 8, 15, 16, 31, 32))  # of whole numbers
SHARE_OF_NOISE = 4  # of the standard deviation of counts at the limit: one in so many
LEAST_VALUES = 20  # at the limit; the end of a distribution has one or two there
FARTHEST_SHARE = 0.02  # of the limit, from it to the greatest value found
LEAST_PILE = 100  # smaller greatest values are those of few counts
MOST_AT_LIMIT = 0.5  # of the values close to it; more have been cut off
LEAST_SPECTRA = 3  # with holes
HIGH, LOW = 0.75, 0.25  # of the limit, on the two sides of the brink of a hole


class Limit(NamedTuple):
    """Where the values end, and whether what is beyond begins again below."""

    value: int
    wraps: bool


def number_limit(summary: Summary) -> Limit | None:
    """Find the greatest number of a type at which counts were cut off or wrapped around.

    It does not matter as which type they are stored now. Cut off, many values are the greatest
    one; wrapped around, low values lie between high ones, where a line is drawn over several
    channels.

    Parameters
    ----------
    summary : Summary
        Of the values as they were recorded.

    Returns
    -------
    Limit, optional
        None where nothing shows that there is one.
    """
    greatest, sample = summary.greatest, summary.sample
    if not summary.integers or not LEAST_PILE <= greatest <= GREATEST[-1]:
        return None
    width = np.sqrt(greatest) / SHARE_OF_NOISE
    close = int(np.count_nonzero(sample > greatest - width))
    at_limit = int(np.count_nonzero(sample == greatest))
    if at_limit >= LEAST_VALUES and at_limit > MOST_AT_LIMIT * close:
        return Limit(int(greatest), wraps=False)
    limit = next(value for value in GREATEST if value >= greatest)
    if greatest <= limit - max(2 * width, FARTHEST_SHARE * limit):
        return None
    return Limit(limit, wraps=True) if _with_holes(sample, limit) >= LEAST_SPECTRA else None


def _with_holes(sample: Floats, limit: int) -> int:
    """Spectra that fall over a brink from one channel to the next, and rise over another one."""
    is_high, is_low = sample >= HIGH * limit, sample <= LOW * limit
    falls, rises = is_high[:, :-1] & is_low[:, 1:], is_low[:, :-1] & is_high[:, 1:]
    last_rise = np.where(rises.any(1), rises.shape[1] - 1 - rises[:, ::-1].argmax(1), -1)
    return int(np.count_nonzero(falls.any(1) & (falls.argmax(1) < last_rise)))
