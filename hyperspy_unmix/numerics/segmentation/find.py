"""Phases of a scan: pixels that differ by noise and intensity only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Index

from .scattered import Scattered, thinned, whitening
from .search import MOST_ENDS, MOST_POPULATIONS, Found, Searching

SHARES_DRAWN = 3  # times that noise is divided; the division that shows the most is taken
ENOUGH_SIGNAL = 12.0  # over noise, of a pixel; of those with less, squares are summed as well
MOST_SUMMED = 8  # along each axis
FEWEST_SUMS = 16  # for each axis of the scores


@dataclass(frozen=True)
class FoundPhases:
    """Phases, before pixels are told to which they belong.

    Parameters
    ----------
    phases : tuple of Found
    candidates, continuous : int
        Populations that were judged, and those of them that have no spectrum of their own: slices
        of a range.
    summed : int
        Pixels along each axis of the squares in which phases were looked for as well; 1 for none.
    """

    phases: tuple[Found, ...]
    candidates: int
    continuous: int
    summed: int


def find_phases(
    pixels: Scattered,
    places: Index,
    scan: tuple[int, ...],
    false_alarm: float,
    random_state: int = 0,
) -> FoundPhases:
    """Phases of a scan.

    The noise is divided into two independent shares three times; what one share shows is judged in
    the other, at a level at which all tests together err with the probability ``false_alarm``.

    Parameters
    ----------
    pixels : Scattered
    places : array, shape (pixels,)
        Of the pixels in the scan, flat.
    scan : tuple of int
    false_alarm : float
        Probability that one phase or more is found that is not there.
    random_state : int
        Of the shares of the noise.

    Returns
    -------
    FoundPhases
    """
    size = _pixels_to_sum(pixels, scan)
    sizes = [1] if size == 1 else [size, 1]
    level = false_alarm / ((MOST_POPULATIONS + MOST_ENDS) * SHARES_DRAWN * len(sizes))
    best: FoundPhases | None = None
    for i in range(SHARES_DRAWN):
        trial, judge = thinned(pixels, np.random.default_rng([random_state, i]))
        found = _search(trial, judge, places, scan, level, sizes)
        if best is None or len(found.phases) > len(best.phases):
            best = found
    assert best is not None
    return best


def _search(
    trial: Scattered,
    judge: Scattered,
    places: Index,
    scan: tuple[int, ...],
    level: float,
    sizes: list[int],
) -> FoundPhases:
    phases: tuple[Found, ...] = ()
    candidates = continuous = 0
    for size in sizes:
        cells, cell_places, cell_scan = _cells(places, scan, size)
        local = neighbours(cell_places, cell_scan)
        searching = Searching(_sums(trial, cells), _sums(judge, cells), local, level, phases)
        phases = searching.run()
        candidates += searching.populations + searching.ends
        continuous += searching.continuous
    return FoundPhases(phases, candidates, continuous, sizes[0])


def _pixels_to_sum(pixels: Scattered, scan: tuple[int, ...]) -> int:
    """Along each axis, for enough signal over noise in a sum."""
    rows = np.arange(len(pixels.scores))
    white = pixels.scores @ whitening(pixels.covariance(rows))
    signal = float(np.median(np.linalg.norm(white, axis=1) * np.sqrt(pixels.weights)))
    size, axes = 1, sum(n > 1 for n in scan)
    while (
        signal * size ** (axes / 2) < ENOUGH_SIGNAL
        and size < MOST_SUMMED
        and len(rows) / (2 * size) ** axes >= FEWEST_SUMS * pixels.k
    ):
        size *= 2
    return size


def _cells(places: Index, scan: tuple[int, ...], size: int) -> tuple[Index, Index, tuple[int, ...]]:
    """The square of each pixel, where the squares lie, and the scan that they make."""
    if size == 1:
        return np.arange(len(places)), places, scan
    coarse = tuple(-(-n // size) for n in scan)
    indices = np.unravel_index(places, scan)
    flat = np.ravel_multi_index(tuple(i // size for i in indices), coarse)
    cell_places, cells = np.unique(flat, return_inverse=True)
    return cells.astype(np.intp), cell_places.astype(np.intp), coarse


def _sums(pixels: Scattered, cells: Index) -> Scattered:
    """Sums of the pixels of each square, with their noise."""
    n = int(cells.max()) + 1
    if n == len(cells):
        return pixels
    scores = np.stack([np.bincount(cells, one, n) for one in pixels.scores.T], 1).astype(float)
    weights = 1 / np.bincount(cells, 1 / pixels.weights, n)
    order = np.argsort(cells, kind="stable")
    first = np.searchsorted(cells[order], np.arange(n))

    def noise_of(rows: Index) -> Floats:
        # One pixel of each square stands for it.
        return pixels.noise_of(order[first[rows]])

    return replace(pixels, scores=scores, weights=weights, noise_of=noise_of)


def neighbours(places: Index, scan: tuple[int, ...]) -> Index:
    """Rows of the pixels around each, itself in place of those that are missing.

    Parameters
    ----------
    places : array, shape (pixels,)
        In the scan, flat.
    scan : tuple of int

    Returns
    -------
    array, shape (pixels, 3 ** axes)
        The first is the pixel itself; along axes of one pixel there are none.
    """
    row_at = np.full(int(np.prod(scan)), -1, np.intp)
    row_at[places] = np.arange(len(places))
    indices = np.stack(np.unravel_index(places, scan), 1)
    steps = np.stack(
        np.meshgrid(*[(0, -1, 1) if n > 1 else (0,) for n in scan], indexing="ij"), -1
    ).reshape(-1, len(scan))
    found = np.empty((len(places), len(steps)), np.intp)
    for i, step in enumerate(steps):
        beside = indices + step
        inside = ((beside >= 0) & (beside < scan)).all(1)
        flat = np.ravel_multi_index(tuple(np.clip(beside, 0, np.array(scan) - 1).T), scan)
        found[:, i] = np.where(inside, row_at[flat], -1)
    return np.where(found < 0, np.arange(len(places))[:, None], found)
