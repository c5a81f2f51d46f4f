"""Pixels that hold the spectrum of another: lines recorded twice, repeated or filled in.

The noise of two spectra is their own, so none is by chance the same as another in every channel,
unless there are next to no counts. Where single pixels hold so few, whole lines of the scan tell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats, Index, Mask

CHANCE_OF_COPY = 1e-6  # that any two pixels, or lines, of a map are the same
BRIGHTNESSES = 32  # at which the chance is computed; between them it is interpolated
NO_SOURCE = -1


def find_copies(summary: Summary, counted: Mask, scan: tuple[int, ...]) -> Index:
    """The pixel that each one is a copy of.

    Parameters
    ----------
    summary : Summary
        Of the pixels that count.
    counted : bool array, shape (all pixels,)
        Pixels that count.
    scan : tuple of int
        Shape of the scan, in array order.

    Returns
    -------
    int array, shape (all pixels,)
        The first pixel with the same spectrum; -1 for those that are no copies.
    """
    source = np.full(len(counted), NO_SOURCE, np.intp)
    key, total, blank = summary.key, summary.total, summary.blank
    assert key is not None and total is not None and blank is not None
    holds = summary.finite & ~blank
    if not _has_repeated(key[holds]):
        return source
    pixels = np.flatnonzero(counted)
    log_chance = np.zeros(len(counted))
    log_chance[pixels[holds]] = _log_chance_of_equal(summary, total[holds])
    keys = np.zeros(len(counted), np.uint64)
    keys[pixels[holds]] = key[holds]
    _mark(source, np.arange(len(counted))[:, None], keys[:, None], log_chance[:, None])
    for axis in range(len(scan)):
        lines = np.moveaxis(np.arange(len(counted)).reshape(scan), axis, -1)
        lines = lines.reshape(-1, scan[axis])
        if lines.shape[1] > 1:
            _mark(source, lines, keys[lines], log_chance[lines])
    source[~counted] = NO_SOURCE
    return _originals(source)


def _has_repeated(key: NDArray[np.uint64]) -> bool:
    ordered = np.sort(key)
    return bool((ordered[1:] == ordered[:-1]).any())


def _mark(source: Index, pixels: Index, keys: NDArray[np.uint64], log_chance: Floats) -> None:
    """Set the source of lines (or single pixels) that hold the same as one before.

    All arrays but the first are of shape (lines, pixels of a line).
    """
    summed = log_chance.sum(1)
    is_certain = summed < np.log(CHANCE_OF_COPY) - 2 * np.log(len(pixels))
    lines = np.flatnonzero(is_certain & (np.count_nonzero(keys, axis=1) > 0))
    if not len(lines):
        return
    _, first, place = np.unique(keys[lines], axis=0, return_index=True, return_inverse=True)
    original = lines[first[place.ravel()]]
    is_copy = original != lines
    changed = pixels[lines[is_copy]]
    # Without a spectrum there is nothing to copy.
    source[changed] = np.where(keys[lines[is_copy]] > 0, pixels[original[is_copy]], NO_SOURCE)


def _originals(source: Index) -> Index:
    """Sources that are no copies themselves."""
    copies = np.flatnonzero(source >= 0)
    while True:
        further = source[source[copies]]
        if (further < 0).all():
            return source
        source[copies] = np.where(further >= 0, further, source[copies])


def _log_chance_of_equal(summary: Summary, total: Floats) -> Floats:
    """Logarithm of the chance that another spectrum of so many counts is the same, at most.

    Two Poisson numbers of one mean L are equal with the chance exp(-2 L) I0(2 L) [1]_. What is not
    made of counts is taken for multiples of the smallest difference between two of its values.

    References
    ----------
    .. [1] J. G. Skellam, J. R. Stat. Soc. 109 (1946) 296, doi:10.2307/2981372
    """
    sample = summary.sample
    gaps = np.diff(np.unique(sample))
    if not len(gaps):
        return np.zeros(len(total))
    step = float(gaps.min())
    # An offset does not scatter.
    level = np.minimum(np.abs(sample).mean(0) / step, sample.var(0) / step**2)
    relative = total / max(float(np.abs(sample).sum(1).mean()), step)
    grid = np.geomspace(max(relative.min(), 1e-6), max(relative.max(), 2e-6), BRIGHTNESSES)
    log_chance = np.array([np.log(i0e(2 * level * bright)).sum() for bright in grid])
    return np.asarray(np.interp(relative, grid, log_chance))
