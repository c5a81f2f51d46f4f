"""A spectrum image ready for the numerics: the part that counts, and the first pass over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .value_checks import LARGEST

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True)
class Image:
    """A spectrum image, the part of it that counts, and what the first pass found.

    Parameters
    ----------
    frame : BaseSignal
        Its axes and metadata, and zeros for data (lazy if they are); the counts are in ``blocks``.
    blocks : RowBlocks
        Its channels are those of the analysed range that are neither masked nor empty.
    summary : Summary
    first, last : int
        Channels of the analysed range, ``last`` exclusive.
    masked_channels : bool array, shape (all channels,)
    empty_pixels : bool array, shape (all pixels,), optional
        Those left out because they hold no counts: zero in maps.
    copy_of : int array, shape (all pixels,), optional
        Pixel whose spectrum each holds that was left out for it, -1 for the others.
    bad_channels : bool array, shape (all channels,), optional
        Those of ``masked_channels`` that nobody excluded: the detector's, dead or hot.
    """

    frame: BaseSignal
    blocks: RowBlocks
    summary: Summary
    first: int
    last: int
    masked_channels: NDArray[np.bool_]
    empty_pixels: NDArray[np.bool_] | None = None
    copy_of: NDArray[np.intp] | None = None
    bad_channels: NDArray[np.bool_] | None = None

    @cached_property
    def axis(self) -> BaseDataAxis:
        """Energy axis of the analysed range; HyperSpy takes a millisecond to make one."""
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
    def are_densities(self) -> bool:
        """Whether values are per unit of energy, not per channel: not binned, as HyperSpy says.

        On a uniform axis it makes no difference but for the unit, and values are per channel.
        """
        return not self.axis.is_uniform and not self.axis.is_binned

    @property
    def widths_in_values(self) -> Floats:
        """What makes values as recorded of spectra per unit of energy, for channels that count.

        The widths of the channels, or one where values are densities.
        """
        return np.ones(len(self.positions)) if self.are_densities else self.channel_widths

    @property
    def widths_of_values(self) -> Floats:
        """What makes an integral of values as recorded: one, or the widths for densities."""
        return self.channel_widths if self.are_densities else np.ones(len(self.positions))

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Channels of the analysed range that hold no counts at all."""
        empty = ~self.masked_channels[self.first : self.last]
        empty[self.positions] = False
        return empty

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Channels of the analysed range that are the detector's fault: values are interpolated."""
        if self.bad_channels is None:
            return np.zeros(self.last - self.first, bool)
        return self.bad_channels[self.first : self.last]

    @property
    def without_weight(self) -> NDArray[np.bool_]:
        """Channels of the analysed range whose values in spectra are no measurement."""
        return self.empty | self.bad

    @property
    def empty_at_ends(self) -> NDArray[np.bool_]:
        """Those at the ends; between channels with counts the spectrum is not zero, but lost."""
        empty = self.empty
        empty[self.positions[0] : self.positions[-1]] = False
        return empty

    @property
    def copies(self) -> NDArray[np.bool_]:
        """Pixels left out because they hold the spectrum of another, shape (all pixels,)."""
        if self.copy_of is None:
            return np.zeros(len(self.blocks.pixels), bool)
        return self.copy_of >= 0

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

    def limited(self, channels: Index, empty: Index, first: int, last: int) -> Image:
        """The same image with these channels; ``empty`` hold no counts, all others are excluded."""
        masked = np.ones_like(self.masked_channels)
        masked[channels], masked[empty] = False, False
        image = self.select_channels(np.isin(self.blocks.channels, channels))
        return replace(image, masked_channels=masked, first=first, last=last)

    def shifted(self, moves: NDArray[np.intp]) -> Image:
        """The same image, every spectrum moved to higher channels by ``moves`` (pixels that count).

        Channels that are not there in all spectra are left out; so are those to which an excluded
        one was moved in some.
        """
        shifts = np.zeros(len(self.blocks.pixels), int)
        shifts[self.blocks.pixels] = moves
        least, most = min(int(moves.min()), 0), max(int(moves.max()), 0)
        n_channels = len(self.masked_channels)
        # Neither do channels without counts move with the spectra.
        left_out = self.masked_channels.copy()
        left_out[self.first : self.last] |= self.empty
        masked, bad = _widened(left_out, least, most), None
        if self.bad_channels is not None:
            bad = masked & ~_widened(left_out & ~self.bad_channels, least, most)
        # What is excluded beside the range, NaN for example, must not be moved into it.
        low = self.first if self.masked_channels[: self.first][-1:].any() else 0
        high = self.last if self.masked_channels[self.last :][:1].any() else n_channels
        first, last = max(self.first, low + most), min(self.last, high + least)
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
            bad_channels=bad,
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


def _widened(channels: NDArray[np.bool_], least: int, most: int) -> NDArray[np.bool_]:
    """Channels to which any of these is moved by ``least`` (not positive) to ``most``."""
    widened = channels.copy()
    for channel in np.flatnonzero(channels):
        widened[max(channel + least, 0) : channel + most + 1] = True
    return widened


def to_channels(image: Image, values: Floats, *, interpolated: bool = True) -> Floats:
    """Put ``values`` (rows, channels that count) on the analysed range.

    Channels without a count are zero, those that were excluded NaN, dead and hot ones on the line
    between the channels beside them (NaN if not ``interpolated``).
    """
    return channel_filler(image, interpolated=interpolated)(values)


def channel_filler(image: Image, *, interpolated: bool = True) -> Callable[[Floats], Floats]:
    """`to_channels`, without the image: workers of a cluster need not get it."""
    masked, positions = image.masked_channels[image.first : image.last], image.positions
    known, bad = np.flatnonzero(~masked), np.flatnonzero(image.bad)
    energies = np.asarray(image.axis.axis, float)
    after = np.clip(np.searchsorted(known, bad), 1, len(known) - 1)
    left, right = known[after - 1], known[after]
    # Beyond the last channel that counts it is the value there.
    share = np.clip((energies[bad] - energies[left]) / (energies[right] - energies[left]), 0, 1)

    def fill(values: Floats) -> Floats:
        full = np.zeros((len(values), len(masked)), values.dtype)
        full[:, masked] = np.nan
        full[:, positions] = values
        if interpolated and len(bad):
            full[:, bad] = (1 - share) * full[:, left] + share * full[:, right]
        return full

    return fill


def to_pixels(
    image: Image, values: Floats, *, of_empty: float = np.nan, with_copies: bool = True
) -> Floats:
    """Put ``values`` (pixels that count, ...) on the whole scan, NaN elsewhere.

    ``of_empty`` is the value of pixels that were left out because they hold no counts;
    ``with_copies`` gives those that hold the spectrum of another what that one has.
    """
    scan = np.full((len(image.blocks.pixels), *values.shape[1:]), np.nan, values.dtype)
    if image.empty_pixels is not None:
        scan[image.empty_pixels] = of_empty
    scan[image.blocks.pixels] = values
    if with_copies and image.copy_of is not None:
        scan[image.copies] = scan[image.copy_of[image.copies]]
    return scan.reshape(*image.navigation_shape, *values.shape[1:])
