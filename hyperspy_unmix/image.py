"""A spectrum image ready for the numerics: the part that counts, and the first pass over it."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .defects import without_defects
from .inputs import (
    check_choice,
    check_signal,
    read_channel_range,
    read_navigation_mask,
    read_signal_mask,
)
from .magnitudes import LARGEST, check_size, look_for_offset, look_for_saturation
from .numerics.blocks import Progress, RowBlocks, row_blocks, silent
from .numerics.drift import emptied_channels
from .numerics.first_pass import Summary, summarise
from .numerics.noise import Floats
from .settings import Choice, Settings

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

_logger = logging.getLogger(__name__)
EXACT_IN_FLOAT32 = 2.0**24


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
        return self.summary.spread(self.blocks.channels, number)

    def cropped(self, first: int) -> Image:
        """The same image without the channels before ``first``."""
        return replace(self.keeping(self.blocks.channels >= first), first=first)

    def keeping(self, keep: NDArray[np.bool_]) -> Image:
        """The same image with these of the channels that count now."""
        summary = replace(self.summary, extremes=None).having(keep)
        blocks = self.blocks.with_channels(self.blocks.channels[keep])
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
        return image.keeping(~(image.summary.groups == 0).all(0))

    def without_variance(self) -> Image:
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

    def without(self, pixels: NDArray[np.bool_]) -> Image:
        """The same image without these of the pixels that count now."""
        blocks = self.blocks.without(pixels)
        image = replace(self, blocks=blocks, summary=summarise(blocks))
        return image.keeping(~(image.summary.groups == 0).all(0))


def read_image(
    signal: BaseSignal,
    settings: Settings,
    *,
    signal_range: tuple[float, float] | None,
    variance: Any,
    navigation_mask: BaseSignal | ArrayLike | None,
    signal_mask: BaseSignal | ArrayLike | None,
    spikes: str | None = "auto",
    progress: Progress = silent,
) -> Image:
    """Check a spectrum image and its masks, and pass over the data once.

    ``variance`` is that of every value, or None.

    Raises
    ------
    ValueError, TypeError
        Saying what was given, what is needed and what to do.
    """
    check_signal(signal)
    check_choice("spikes", spikes, ("auto", None))
    first, last = read_channel_range(signal, signal_range, settings)
    pixels = read_navigation_mask(signal, navigation_mask, settings)
    masked = read_signal_mask(signal, signal_mask, settings).copy()
    channels = np.flatnonzero(~masked)
    channels = channels[(channels >= first) & (channels < last)]
    if len(channels) < 2:
        raise ValueError(
            f"{len(channels)} channels are left of {last - first} after signal_mask; at least 2 "
            "are needed (True in a mask means excluded)."
        )
    _say_where_chunked(signal, settings)
    chosen = {"pixels": pixels, "channels": channels, "progress": progress}
    # where float32 would round the counts, or overflow, is not known yet
    long = signal.data.dtype.itemsize > 4
    blocks = replace(
        row_blocks(signal.data, variance), dtype=np.float64 if long else np.float32, **chosen
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
    if holding < 2:
        raise ValueError(
            "Every value is zero: there is nothing to analyse."
            if holding == 0
            else "One channel holds counts, all others are zero: at least 2 are needed."
        )
    look_for_offset(summary, settings)
    if spikes is None:
        settings["spikes"] = Choice(None, "not asked for; nor are dead channels")
    else:
        blocks, summary, dead = without_defects(blocks, summary, settings)
        masked[dead] = True
    look_for_saturation(summary, signal.data.dtype, settings)
    bad = int((~summary.finite).sum())
    if bad:
        settings["not finite"] = Choice(bad, "pixels with NaN or infinity were masked")
        blocks = blocks.without(~summary.finite)
        summary = replace(summary, finite=np.ones(blocks.shape[0], bool))
    empty = (summary.groups == 0).all(0)
    if empty.any():
        settings["empty channels"] = Choice(
            int(empty.sum()), "channels without a single count: zero in the result"
        )
    emptied = emptied_channels(summary.sample) & ~empty
    if emptied.any():
        settings["emptied channels"] = Choice(
            int(emptied.sum()),
            "channels at the ends that are zero in some spectra only, as an alignment leaves them: "
            "left out, zero in the result",
        )
    image = Image(frame_of(signal), blocks, summary, first, last, masked)
    return image.keeping(~empty & ~emptied)


def frame_of(signal: BaseSignal) -> BaseSignal:
    """Axes and metadata of a signal, copied: results do not follow the user's signal."""
    return framed_as(signal, signal.data)


def framed_as(signal: BaseSignal, data: Any) -> BaseSignal:
    """Axes and metadata of a signal, for data of this shape, dtype and chunks."""
    axes = [axis.get_axis_dictionary() for axis in signal.axes_manager._axes]
    metadata = signal.metadata.as_dictionary()
    # a variance of every value would be copied with it
    noise = metadata.get("Signal", {}).get("Noise_properties", {})
    for name in ("variance", "_sig_variance"):
        noise.pop(name, None)
    chunks = data.chunks if hasattr(data, "dask") else None
    return frame_from(data.shape, data.dtype, chunks, axes, deepcopy(metadata))


def frame_from(
    shape: tuple[int, ...], dtype: Any, chunks: Any, axes: list[dict[str, Any]], metadata: Any
) -> BaseSignal:
    """A signal of zeros that take no memory; lazy where there are chunks."""
    import hyperspy.api as hs

    if chunks is None:
        zeros = np.broadcast_to(np.zeros((), dtype), shape)
    else:
        import dask.array as da

        zeros = da.zeros(shape, dtype=dtype, chunks=chunks)
    return hs.signals.BaseSignal(zeros, axes=axes, metadata=metadata)


def _say_where_chunked(signal: BaseSignal, settings: Settings) -> None:
    """A word on lazy data whose chunks do not span the energy axis."""
    parts = len(signal.data.chunks[-1]) if hasattr(signal.data, "dask") else 1
    if parts > 1:
        settings["chunks"] = Choice(
            parts,
            "parts into which the chunks of the lazy data cut the signal axis: put together in "
            "every pass, which takes time and memory; signal.rechunk() and save() once is quicker",
        )
        _logger.info("chunks cut the signal axis into %d parts: put together in every pass", parts)
