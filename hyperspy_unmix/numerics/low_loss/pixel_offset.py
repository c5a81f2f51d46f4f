"""By how many pixels a low loss lies beside its core loss, and whether they are of one scan."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from hyperspy_unmix.numerics.types import Floats

MOST_PIXELS_OFF = 2  # that are looked for, along each axis
LEAST_PIXELS_ALONG = 12  # of an axis, along which an offset is looked for
BLOCKS_ALONG = 4  # of the scan along an axis (16 of a line), each judging by itself
SIGMAS_OF_OFFSET = 4.0  # of what the blocks say, by which another offset has to be better
MOST_MISFIT_LEFT = 0.8  # of the misfit without it
LEAST_AGREEING = 0.7  # of the blocks, in which it has to be better
LEAST_BLOCKS = 4
LEAST_STRUCTURE = 5.0  # times its noise, of a map that can be compared


@dataclass(frozen=True)
class PixelOffset:
    """How a low loss lies beside its core loss.

    Parameters
    ----------
    offset : tuple of int
        Along each axis of the scan, in array order: what the core loss saw in a pixel the low loss
        saw so many pixels further. Zeros where none is clear.
    misfit_left : float
        Of the core loss's counts against the low loss: what the offset leaves of it.
    explained : float, optional
        Share of the variance of the core loss's counts that the low loss explains, at the best
        offset; None where one of the two has no structure beyond noise.
    """

    offset: tuple[int, ...]
    misfit_left: float
    explained: float | None


def pixel_offset(core: Floats, core_noise: float, maps: Floats) -> PixelOffset:
    """Compare the core loss's counts with the low loss's maps, moved by up to two pixels.

    The counts are fitted by the maps (least squares) at every offset, in the pixels that all have
    in common. Composition makes a misfit too, whose size is no noise: parts of the scan have to
    agree that another offset is better.

    Parameters
    ----------
    core : array, shape of the scan
        Counts of the core loss; NaN where masked.
    core_noise : float
        Variance of these counts by noise.
    maps : array, shape (maps, *shape of the scan)
        Of the low loss: its counts, zero-loss counts, and products with t/lambda.
    """
    reach = [MOST_PIXELS_OFF * (n >= LEAST_PIXELS_ALONG) for n in core.shape]
    inner = tuple(slice(r, n - r) for r, n in zip(reach, core.shape, strict=True))
    finite = np.where(np.isfinite(core), core, 0.0)
    moved = {
        offset: maps[(slice(None), *_moved(inner, offset))]
        for offset in product(*(range(-r, r + 1) for r in reach))
    }
    known = np.isfinite(core[inner])
    for values in moved.values():
        known &= np.isfinite(values).all(0)
    n_maps = len(maps)
    no_offset = (0,) * core.ndim
    if known.sum() < 4 * (n_maps + 1):
        return PixelOffset(no_offset, 1.0, None)
    counts = finite[inner][known]
    misfits = {offset: _misfit(counts, values[:, known]) for offset, values in moved.items()}
    best = min(misfits, key=lambda offset: float(misfits[offset].sum()))
    total = float(np.sum((counts - counts.mean()) ** 2))
    if not total > LEAST_STRUCTURE * core_noise * len(counts):
        return PixelOffset(no_offset, 1.0, None)
    offset = _clear_along_axes(best, misfits, _blocks(known.shape)[known])
    left = float(misfits[offset].sum()) / max(float(misfits[no_offset].sum()), 1e-300)
    if left > MOST_MISFIT_LEFT or not any(offset):
        offset, left = no_offset, 1.0
    return PixelOffset(offset, left, 1 - float(misfits[best].sum()) / total)


def _clear_along_axes(
    best: tuple[int, ...], misfits: dict[tuple[int, ...], Floats], blocks: np.ndarray
) -> tuple[int, ...]:
    """The best offset, without what along one axis is not clear by itself."""
    offset = best
    for axis, pixels in enumerate(best):
        without = (*offset[:axis], 0, *offset[axis + 1 :])
        if pixels and not _agree(misfits[without], misfits[offset], blocks):
            offset = without
    return offset


def _moved(inner: tuple[slice, ...], offset: tuple[int, ...]) -> tuple[slice, ...]:
    """The same part of a scan, so many pixels further."""
    return tuple(slice(s.start + d, s.stop + d) for s, d in zip(inner, offset, strict=True))


def _misfit(counts: Floats, maps: Floats) -> Floats:
    """Squares of what the maps (maps, pixels) leave of the counts (pixels,), least squares."""
    design = np.concatenate([maps, np.ones((1, maps.shape[1]))])
    design = design / np.maximum(np.abs(design).max(1, keepdims=True), 1e-300)
    fit = np.linalg.lstsq(design @ design.T, design @ counts, rcond=None)[0]
    return np.asarray((counts - fit @ design) ** 2)


def _blocks(shape: tuple[int, ...]) -> np.ndarray:
    """Number of the block in which each pixel of a scan is."""
    long = [n for n in shape if n >= LEAST_PIXELS_ALONG - 2 * MOST_PIXELS_OFF]
    along = BLOCKS_ALONG if len(long) > 1 else BLOCKS_ALONG**2
    number = np.zeros(shape, int)
    for axis, n in enumerate(shape):
        parts = min(along, max(n // 2, 1))
        place = np.arange(n) * parts // n
        number = number * parts + place.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return number


def _agree(without: Floats, with_offset: Floats, blocks: np.ndarray) -> bool:
    """Whether the blocks agree that an offset is better, by the scatter of what each says.

    Ratios, not differences: a few edges of grains must not say it for the whole scan.
    """
    numbers = np.unique(blocks)
    if len(numbers) < LEAST_BLOCKS:
        return False
    sums = [np.bincount(blocks, weights=m)[numbers] for m in (without, with_offset)]
    gains = np.log(np.maximum(sums[0], 1e-300) / np.maximum(sums[1], 1e-300))
    error = float(np.std(gains, ddof=1)) / np.sqrt(len(gains))
    agreeing = float(np.mean(gains > 0))
    return bool(gains.mean() > SIGMAS_OF_OFFSET * error and agreeing >= LEAST_AGREEING)
