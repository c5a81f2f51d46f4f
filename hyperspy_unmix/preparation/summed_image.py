"""The same image with neighbouring pixels or channels summed, where single ones hold few counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.reading.sums_of_pixels import cells_of_pixels, sum_pixels
from hyperspy_unmix.numerics.types import Floats, Mask

from .axes_and_metadata import array_axes, frame_from
from .noise import LEAST_PIXELS_SUMMED
from .prepare import Prepared
from .spectrum_image import Image


def factors_along_axes(shape: tuple[int, ...], factor: int) -> tuple[int, ...]:
    """Pixels to sum along each axis of a scan: ``factor``, or fewer where few sums are left.

    ``factor`` is a power of two.
    """

    def most(length: int) -> int:
        reached = factor
        while reached > 1 and length < LEAST_PIXELS_SUMMED * reached:
            reached //= 2
        return reached

    return tuple(most(length) for length in shape)


def with_summed_pixels(
    prepared: Prepared, factors: tuple[int, ...], alone: Mask | None = None
) -> Prepared:
    """What a PCA of the sums starts from: only what the counts themselves need.

    Sums of Poisson counts are Poisson counts: the noise model stays.

    Parameters
    ----------
    prepared : Prepared
        With Poisson noise and without corrections.
    factors : tuple of int
        Pixels to sum along each axis of the scan, array order.
    alone : bool array, shape (all pixels,), optional
        Marks pixels that are not summed: they follow after the sums, an empty line between.
    """
    image = prepared.image
    blocks = summed_blocks(image, factors, alone)
    summed = Image(
        frame=_frame(image, blocks.data, factors),
        blocks=blocks,
        summary=summarise(blocks, with_extremes=False),
        first=image.first,
        last=image.last,
        masked_channels=image.masked_channels,
    )
    return replace(prepared, image=summed, low_loss=None, drift=None, thickness=None, findings=())


def summed_blocks(image: Image, factors: tuple[int, ...], alone: Mask | None = None) -> RowBlocks:
    """The sums alone, in memory, in the shape of their scan; see `with_summed_pixels`."""
    cells, scan = cells_of_pixels(image.navigation_shape, factors)
    if alone is not None and alone.any():
        of_line, number = int(np.prod(scan[1:])), int(alone.sum())
        cells[alone] = (scan[0] + 1) * of_line + np.arange(number)
        scan[0] += 1 - (-number // of_line)
    filled, sums = sum_pixels(image.blocks, cells[image.blocks.pixels])
    shape = tuple(int(n) for n in scan)
    n_cells, n_channels = int(np.prod(shape)), len(image.masked_channels)
    if len(filled) == n_cells and sums.shape[1] == n_channels:
        spectra = sums
    else:
        spectra = np.zeros((n_cells, n_channels), sums.dtype)
        spectra[np.ix_(filled, image.blocks.channels)] = sums
    data = spectra.reshape(*shape, n_channels)
    pixels = np.zeros(n_cells, bool)
    pixels[filled] = True
    return replace(
        row_blocks(data), pixels=pixels, channels=image.blocks.channels, dtype=image.blocks.dtype
    )


def with_summed_channels(prepared: Prepared, factor: int) -> Prepared:
    """The same with ``factor`` neighbouring channels summed, fewer beside those left out.

    Parameters
    ----------
    prepared : Prepared
        See `with_summed_pixels`.
    factor : int
    """
    image = prepared.image
    kept, starts = np.unique(image.blocks.channels // factor, return_index=True)
    are_full = len(kept) * factor == len(image.blocks.channels)

    dtype = _dtype_of_sums(image, factor)

    def sums(block: Block) -> NDArray[Any]:
        values = block.spectra
        of_block = _halved(values, factor) if are_full else np.add.reduceat(values, starts, 1)
        return of_block.astype(dtype, copy=False)

    rows = image.blocks.rows(sums, stage="sums of channels")
    every = np.arange(0, len(image.masked_channels), factor)
    shape = (len(image.blocks.pixels), len(every))
    data = rows
    if rows.shape != shape:
        data = np.zeros(shape, rows.dtype)
        data[np.ix_(image.blocks.pixels, kept)] = rows
    data = data.reshape(*image.navigation_shape, len(every))
    blocks = replace(
        row_blocks(data), pixels=image.blocks.pixels, channels=kept, dtype=image.blocks.dtype
    )
    *scan, energy = array_axes(image.frame)
    axes = [axis.get_axis_dictionary() for axis in scan]
    axes.append(_summed_axis(energy, factor, len(every)) | {"navigate": False})
    metadata = image.frame.metadata.as_dictionary()
    summed = replace(
        image,
        frame=frame_from(data.shape, data.dtype, None, axes, metadata),
        blocks=blocks,
        summary=summarise(blocks, with_extremes=False),
        first=image.first // factor,
        last=-(-image.last // factor),
        masked_channels=np.logical_and.reduceat(image.masked_channels, every),
        bad_channels=None,
    )
    return replace(prepared, image=summed)


def _dtype_of_sums(image: Image, factor: int) -> Any:
    """Of half the size, where it holds all sums of so many channels: they are held in memory."""
    blocks, most = image.blocks, image.summary.greatest * factor
    are_whole = blocks.data.dtype.kind in "ui" and blocks.spikes is None
    fits = image.summary.least >= 0 and most <= np.iinfo(np.uint16).max
    return np.uint16 if are_whole and fits else blocks.dtype


def _halved(spectra: Floats, factor: int) -> Floats:
    """Sums of ``factor`` channels, a power of two, two by two: faster than `reduceat`."""
    while factor > 1:
        spectra, factor = spectra[:, ::2] + spectra[:, 1::2], factor // 2
    return spectra


def _frame(image: Image, data: Floats, factors: tuple[int, ...]) -> Any:
    """Axes and metadata of the sums."""
    frame = image.frame
    *scan, energy = array_axes(frame)
    axes = [
        _summed_axis(axis, factor, number)
        for axis, factor, number in zip(scan, factors, data.shape, strict=False)
    ]
    axes.append(energy.get_axis_dictionary())
    return frame_from(data.shape, data.dtype, None, axes, frame.metadata.as_dictionary())


def _summed_axis(axis: Any, factor: int, number: int) -> dict[str, Any]:
    """An axis, each place the middle of those that are summed.

    Beyond the end of a scan's, where single pixels follow, it goes on by number.
    """
    positions = np.asarray(axis.axis, float)
    described = {"size": number, "navigate": True, "name": axis.name, "units": axis.units}
    if axis.is_uniform:
        offset = float(axis.offset + axis.scale * (factor - 1) / 2)
        return described | {"offset": offset, "scale": float(axis.scale * factor)}
    if number * factor >= len(positions) + factor:
        return described | {"offset": 0.0, "scale": 1.0}
    starts = np.arange(number) * factor
    middle = np.add.reduceat(positions, starts) / np.diff([*starts, len(positions)])
    return described | {"axis": middle}
