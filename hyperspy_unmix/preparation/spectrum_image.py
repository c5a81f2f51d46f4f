"""A spectrum image ready for the numerics: the part that counts, and the first pass over it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.arguments.checks import (
    check_choice,
    check_signal,
    read_channel_range,
    read_navigation_mask,
    read_signal_mask,
)
from hyperspy_unmix.numerics.cleaning.dead_channels import emptied_channels
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.types import Floats, Progress, silent
from hyperspy_unmix.settings import Choice, Finding, Settings

from .frame import frame_of
from .value_checks import (
    LARGEST,
    DefectsFinding,
    OffsetFinding,
    SaturationFinding,
    check_size,
    drop_defects,
)

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

_logger = logging.getLogger(__name__)
EXACT_IN_FLOAT32 = 2.0**24  # counts
LEAST_CHANNELS = 2


@dataclass(frozen=True)
class Image:
    """A spectrum image, the part of it that counts, and what the first pass found.

    ``frame`` has its axes and metadata, and zeros for data (lazy if they are); the counts are in
    ``blocks`` alone. ``first`` to ``last`` (exclusive) are the channels of the analysed range;
    ``blocks.channels`` are those in it that are neither masked nor empty.
    """

    frame: BaseSignal
    blocks: RowBlocks
    summary: Summary
    first: int
    last: int
    masked_channels: NDArray[np.bool_]

    @property
    def axis(self) -> BaseDataAxis:
        """Energy axis of the analysed range."""
        axis = self.frame.axes_manager.signal_axes[0].copy()
        axis.crop(self.first, self.last)
        return axis

    @property
    def counts(self) -> Any:
        """The data as recorded, over the scan and the analysed range."""
        return self.blocks.data[..., self.first : self.last]

    @property
    def energies(self) -> Floats:
        """Energies of the channels that count."""
        return np.asarray(self.frame.axes_manager.signal_axes[0].axis)[self.blocks.channels]

    @property
    def positions(self) -> NDArray[np.intp]:
        """Channels that count, from the start of the analysed range."""
        return self.blocks.channels - self.first

    @property
    def channel_widths(self) -> Floats:
        """Widths of the channels that count."""
        axis = self.axis
        if axis.is_uniform:
            return np.full(len(self.positions), abs(axis.scale))
        return np.asarray(np.abs(np.gradient(axis.axis))[self.positions])

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Channels of the analysed range that hold no counts at all."""
        empty = ~self.masked_channels[self.first : self.last]
        empty[self.positions] = False
        return empty

    @property
    def navigation_shape(self) -> tuple[int, ...]:
        """Shape of the scan, in array order."""
        return tuple(self.frame.data.shape[:-1])

    @property
    def whole_summary(self) -> Summary | None:
        """What the first pass found, over the whole signal axis; None if parts were left out."""
        number = len(self.masked_channels)
        if self.masked_channels.any() or (self.first, self.last) != (0, number):
            return None
        return self.summary.expand_channels(self.blocks.channels, number)

    def drop_channels_before(self, first: int) -> Image:
        """The same image without the channels before ``first``."""
        return replace(self.select_channels(self.blocks.channels >= first), first=first)

    def select_channels(self, keep: NDArray[np.bool_]) -> Image:
        """The same image with these of the channels that count now."""
        summary = replace(self.summary, extremes=None).select_channels(keep)
        blocks = self.blocks.select_channels(self.blocks.channels[keep])
        return replace(self, blocks=blocks, summary=summary)

    def shifted(self, moves: NDArray[np.intp]) -> Image:
        """The same image, every spectrum moved to higher channels by ``moves`` (pixels that count).

        Channels that are not there in all spectra are left out; so are those to which an excluded
        one was moved in some.
        """
        shifts = np.zeros(len(self.blocks.pixels), int)
        shifts[self.blocks.pixels] = moves
        least, most = min(int(moves.min()), 0), max(int(moves.max()), 0)
        n_channels = len(self.masked_channels)
        masked = self.masked_channels.copy()
        for channel in np.flatnonzero(self.masked_channels):
            masked[max(channel + least, 0) : channel + most + 1] = True
        first, last = max(self.first, most), min(self.last, n_channels + least)
        channels = self.blocks.channels
        channels = channels[(channels >= first) & (channels < last) & ~masked[channels]]
        blocks = replace(self.blocks, shifts=shifts, channels=channels)
        image = replace(
            self,
            blocks=blocks,
            summary=summarise(blocks),
            first=first,
            last=last,
            masked_channels=masked,
        )
        return image.select_channels(~(image.summary.groups == 0).all(0))

    def drop_variance(self) -> Image:
        """The same image; the variance of its values is not used."""
        blocks = replace(self.blocks, variance=None)
        if blocks.spikes is not None:
            blocks = replace(blocks, spikes=replace(blocks.spikes, variances=None))
        summary = replace(self.summary, group_variance=None, least_variance=np.inf)
        return replace(self, blocks=blocks, summary=summary)

    def variance_problem(self) -> str:
        """What is wrong with the variance of the values; empty where nothing is.

        A single zero may be a pixel without counts.
        """
        least = self.summary.least_variance
        if least < 0:
            return f"holds negative variances, down to {least:g}"
        if np.isnan(least):
            return "holds NaN"
        assert self.summary.group_variance is not None
        greatest = float(np.max(self.summary.group_variance))
        if greatest > LARGEST:
            return (
                f"holds infinity or variances too large for 32-bit numbers (up to {greatest:.3g}): "
                "divide the signal by a number and its variance by the square of it"
            )
        if 0 < greatest < 1 / LARGEST:
            return (
                f"holds no variances above {greatest:.3g}, too small for 32-bit numbers: multiply "
                "the signal by a number and its variance by the square of it"
            )
        return "" if greatest else "is zero everywhere"

    def drop_pixels(self, pixels: NDArray[np.bool_]) -> Image:
        """The same image without these of the pixels that count now."""
        blocks = self.blocks.drop_pixels(pixels)
        image = replace(self, blocks=blocks, summary=summarise(blocks))
        return image.select_channels(~(image.summary.groups == 0).all(0))


@dataclass(frozen=True)
class RangeFinding:
    """What the user leaves out: range, pixels, channels; None where nothing was said.

    ``chunk_parts`` are those into which the chunks of lazy data cut the energy axis.
    """

    signal_range: tuple[float, float] | None
    masked_pixels: int | None
    mask_is_transposed: bool
    masked_channels: int | None
    chunk_parts: int

    def choices(self) -> Settings:
        """In plain words."""
        said: Settings = {}
        if self.signal_range is not None:
            said["signal_range"] = Choice(self.signal_range, "given")
        if self.masked_pixels is not None:
            order = "array order"
            if self.mask_is_transposed:
                order = "(x, y) order, transposed: the scan is not square"
            reason = f"pixels excluded; given in {order}"
            said["navigation_mask"] = Choice(self.masked_pixels, reason)
        if self.masked_channels is not None:
            said["signal_mask"] = Choice(self.masked_channels, "channels excluded, as given")
        if self.chunk_parts > 1:
            said["chunks"] = Choice(
                self.chunk_parts,
                "parts into which the chunks of the lazy data cut the signal axis: put together in "
                "every pass, which takes time and memory; signal.rechunk() and save() once is "
                "quicker",
            )
        return said


@dataclass(frozen=True)
class EmptyFinding:
    """Numbers of pixels that are not finite, and of channels without counts."""

    not_finite_pixels: int
    empty_channels: int
    emptied_channels: int

    def choices(self) -> Settings:
        """In plain words."""
        numbers = {
            "not finite": (self.not_finite_pixels, "pixels with NaN or infinity were masked"),
            "empty channels": (
                self.empty_channels,
                "channels without a single count: zero in the result",
            ),
            "emptied channels": (
                self.emptied_channels,
                "channels at the ends that are zero in some spectra only, as an alignment leaves "
                "them: left out, zero in the result",
            ),
        }
        return {name: Choice(n, reason) for name, (n, reason) in numbers.items() if n}


def read_image(
    signal: BaseSignal,
    *,
    signal_range: tuple[float, float] | None,
    variance: Any,
    navigation_mask: BaseSignal | ArrayLike | None,
    signal_mask: BaseSignal | ArrayLike | None,
    spikes: str | None = "auto",
    progress: Progress = silent,
) -> tuple[Image, tuple[Finding, ...]]:
    """Check a spectrum image and its masks, and pass over the data once.

    ``variance`` is that of every value, or None.

    Raises
    ------
    ValueError, TypeError
        Saying what was given, what is needed and what to do.
    """
    check_signal(signal)
    check_choice("spikes", spikes, ("auto", None))
    first, last = read_channel_range(signal, signal_range)
    pixels, is_transposed = read_navigation_mask(signal, navigation_mask)
    masked = read_signal_mask(signal, signal_mask).copy()
    limits = RangeFinding(
        None if signal_range is None else (float(signal_range[0]), float(signal_range[1])),
        None if navigation_mask is None else int((~pixels).sum()),
        is_transposed,
        None if signal_mask is None else int(masked.sum()),
        _chunk_parts(signal),
    )
    channels = np.flatnonzero(~masked)
    channels = channels[(channels >= first) & (channels < last)]
    if len(channels) < LEAST_CHANNELS:
        raise ValueError(
            f"{len(channels)} channels are left of {last - first} after signal_mask; at least 2 "
            "are needed (True in a mask means excluded)."
        )
    blocks, summary = _first_pass(signal, variance, pixels, channels, progress)
    values = OffsetFinding(summary.least, summary.greatest)
    defects = DefectsFinding(looked_for=spikes is not None)
    if defects.looked_for:
        blocks, summary, defects = drop_defects(blocks, summary)
        masked[np.asarray(defects.dead_channels, int)] = True
    saturation = SaturationFinding.of(summary, signal.data.dtype)
    not_finite = int((~summary.finite).sum())
    if not_finite:
        blocks = blocks.drop_pixels(~summary.finite)
        summary = replace(summary, finite=np.ones(blocks.shape[0], bool))
    empty = (summary.groups == 0).all(0)
    emptied = emptied_channels(summary.sample) & ~empty
    left_out = EmptyFinding(not_finite, int(empty.sum()), int(emptied.sum()))
    image = Image(frame_of(signal), blocks, summary, first, last, masked)
    findings = (limits, values, defects, saturation, left_out)
    return image.select_channels(~empty & ~emptied), findings


def _first_pass(
    signal: BaseSignal,
    variance: Any,
    pixels: NDArray[np.bool_],
    channels: NDArray[np.intp],
    progress: Progress,
) -> tuple[RowBlocks, Summary]:
    """The first pass over the data, and what must hold for any other."""
    # where float32 would round the counts, or overflow, is not known yet
    long = signal.data.dtype.itemsize > 4
    blocks = replace(
        row_blocks(signal.data, variance),
        dtype=np.float64 if long else np.float32,
        pixels=pixels,
        channels=channels,
        progress=progress,
    )
    summary = summarise(blocks)
    if long and max(-summary.least, summary.greatest) <= EXACT_IN_FLOAT32:
        blocks = replace(blocks, dtype=np.float32)
    check_size(summary)
    if not summary.finite.any():
        raise ValueError(
            "Every pixel holds NaN or infinity, nothing is left to analyse. Choose other channels "
            "with signal_range or signal_mask if only some of them are bad."
        )
    holding = int(summary.groups.any(0).sum())
    if holding < LEAST_CHANNELS:
        raise ValueError(
            "Every value is zero: there is nothing to analyse."
            if holding == 0
            else "One channel holds counts, all others are zero: at least 2 are needed."
        )
    return blocks, summary


def _chunk_parts(signal: BaseSignal) -> int:
    """Parts into which the chunks of lazy data cut the energy axis, which is said."""
    parts = len(signal.data.chunks[-1]) if hasattr(signal.data, "dask") else 1
    if parts > 1:
        _logger.info("chunks cut the signal axis into %d parts: put together in every pass", parts)
    return parts


def to_channels(image: Image, values: Floats) -> Floats:
    """Put ``values`` (rows, channels that count) on the analysed range.

    Channels without a count are zero, excluded ones NaN.
    """
    return channel_filler(image)(values)


def channel_filler(image: Image) -> Callable[[Floats], Floats]:
    """`to_channels`, without the image: workers of a cluster need not get it."""
    masked, positions = image.masked_channels[image.first : image.last], image.positions

    def fill(values: Floats) -> Floats:
        full = np.zeros((len(values), len(masked)), values.dtype)
        full[:, masked] = np.nan
        full[:, positions] = values
        return full

    return fill


def to_pixels(image: Image, values: Floats) -> Floats:
    """Put ``values`` (pixels that count, ...) on the whole scan, NaN elsewhere."""
    full = np.full((len(image.blocks.pixels), *values.shape[1:]), np.nan, values.dtype)
    full[image.blocks.pixels] = values
    return full.reshape(*image.navigation_shape, *values.shape[1:])
