"""From a signal to the image: range and masks, the first pass, values that are no counts."""

from __future__ import annotations

import logging
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
from hyperspy_unmix.numerics.cleaning.nan_channels import without_nan_channels
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.types import Index, Progress, silent
from hyperspy_unmix.settings import Choice, Finding, Settings

from .axes_and_metadata import frame_of
from .metadata import base_type
from .nan_channels import NanChannelsFinding
from .pixels_left_out import EmptyFinding, leave_out_pixels
from .spectrum_image import Image
from .value_checks import (
    DefectsFinding,
    OffsetFinding,
    SaturationFinding,
    check_size,
    drop_defects,
    zero_loss_may_be_in,
)
from .zero_peak import look_for_zero_peak

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

_logger = logging.getLogger(__name__)
EXACT_IN_FLOAT32 = 2.0**24  # counts
LEAST_CHANNELS = 2


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
    blocks, summary, nan = _first_pass(signal, variance, pixels, channels, progress)
    is_users = signal_range is not None or signal_mask is not None
    zero_peak = look_for_zero_peak(signal, blocks.channels, summary, is_users=is_users)
    if zero_peak is not None and zero_peak.left_out:
        # What is empty, flat or not finite is found as if they had never been recorded.
        channels = blocks.channels[zero_peak.channels :]
        first = int(channels[0])
        blocks, summary, nan_behind = _first_pass(signal, variance, pixels, channels, progress)
        nan = np.union1d(nan, nan_behind)
    first, last, without_nan = NanChannelsFinding.within(first, last, blocks.channels, nan)
    masked[nan] = True
    blocks, summary, without = leave_out_pixels(blocks, summary)
    values = OffsetFinding(summary.least, summary.greatest)
    defects = DefectsFinding(looked_for=spikes is not None)
    bad, recorded, read = np.zeros_like(masked), summary, blocks.channels
    if defects.looked_for:
        axis = signal.axes_manager.signal_axes[0]
        energies = np.asarray(axis.axis, float)[blocks.channels]
        near_zero = zero_loss_may_be_in(energies, str(axis.units), base_type(signal))
        blocks, summary, defects = drop_defects(blocks, summary, near_zero)
        bad[np.asarray(defects.dead_channels, int)] = True
        recorded = recorded.select_channels(np.isin(read, blocks.channels))
    saturation = SaturationFinding.of(recorded, signal.data.dtype)
    not_finite = int((~summary.finite).sum())
    if not_finite:
        blocks = blocks.drop_pixels(~summary.finite)
        # What is sampled is finite; its numbers are those of the pixels that are left.
        assert summary.sampled is not None
        sampled = np.searchsorted(np.flatnonzero(summary.finite), summary.sampled)
        summary = replace(summary, finite=np.ones(blocks.shape[0], bool), sampled=sampled)
    empty = (summary.groups == 0).all(0)
    emptied = emptied_channels(summary.sample) & ~empty
    left_out = EmptyFinding(
        not_finite,
        int(empty.sum()),
        int(emptied.sum()),
        0 if without.empty is None else int(without.empty.sum()),
        without.flat,
    )
    image = Image(
        frame_of(signal),
        blocks,
        summary,
        first,
        last,
        masked | bad,
        without.empty,
        without.copy_of,
        bad,
    )
    of_zero_peak = () if zero_peak is None else (zero_peak,)
    findings = (
        limits,
        *of_zero_peak,
        without_nan,
        without.copies,
        values,
        defects,
        saturation,
        left_out,
    )
    return image.select_channels(~empty & ~emptied), findings


def _first_pass(
    signal: BaseSignal,
    variance: Any,
    pixels: NDArray[np.bool_],
    channels: NDArray[np.intp],
    progress: Progress,
) -> tuple[RowBlocks, Summary, Index]:
    """The first pass over the data, and what must hold for any other; channels left out for NaN."""
    # where float32 would round the counts, or overflow, is not known yet
    long = signal.data.dtype.itemsize > 4
    blocks = replace(
        row_blocks(signal.data, variance),
        dtype=np.float64 if long else np.float32,
        pixels=pixels,
        channels=channels,
        progress=progress,
    )
    blocks, summary, nan = without_nan_channels(blocks)
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
    return blocks, summary, nan


def _chunk_parts(signal: BaseSignal) -> int:
    """Parts into which the chunks of lazy data cut the energy axis, which is said."""
    parts = len(signal.data.chunks[-1]) if hasattr(signal.data, "dask") else 1
    if parts > 1:
        _logger.info("chunks cut the signal axis into %d parts: put together in every pass", parts)
    return parts
