"""What stands in the place of spikes and tracks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.neighbourhoods import read_windows
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .spike_candidates import FLANK, HALF_WINDOW

LEAST_RELATIVE_SIGMA = 1e-3  # of the largest in a window, which bounds the weights of a fit


@dataclass(frozen=True)
class Hits:
    """Places of the highest (lowest) values of spikes or tracks, and the windows about them.

    All windows are of the same odd number of channels, with the place in the middle. ``covered``
    (hits, channels of a window) marks the values that belong to the spike; ``usual`` is
    the mean of the pixels beside, zero where they are not known, ``scatter`` the noise of each
    value.
    """

    pixels: Index
    positions: Index
    windows: Floats
    usual: Floats
    scatter: Floats
    covered: NDArray[np.bool_]

    def select(self, chosen: Any) -> Hits:
        """The ``chosen`` ones (a mask)."""
        return Hits(*(getattr(self, field.name)[chosen] for field in fields(self)))


def fill_hits(hits_by_sign: list[Hits], blocks: RowBlocks, integers: bool) -> Spikes:
    """Fill the covered values from the channels beside, along the shape that neighbours have."""
    n_channels = len(blocks.channels)
    offsets_by_sign = [_window_offsets(hits.windows) for hits in hits_by_sign]

    # One number for each pair of pixel and position: spikes may lie within each other's windows.
    keys_by_sign = [
        hits.pixels[:, None] * n_channels + hits.positions[:, None] + offsets
        for hits, offsets in zip(hits_by_sign, offsets_by_sign, strict=True)
    ]
    covered_keys = [
        key
        for keys, hits in zip(keys_by_sign, hits_by_sign, strict=True)
        for key in keys[hits.covered]
    ]
    spike_keys = np.unique(covered_keys).astype(np.intp)

    values, recorded = np.zeros(len(spike_keys)), np.zeros(len(spike_keys))
    for keys, hits in zip(keys_by_sign, hits_by_sign, strict=True):
        covered = np.isin(keys, spike_keys) & np.isfinite(hits.windows)
        for k in range(len(keys)):
            row = np.searchsorted(spike_keys, keys[k][covered[k]])
            values[row] = _fill_window(hits.windows[k], hits.usual[k], hits.scatter[k], covered[k])
            recorded[row] = hits.windows[k][covered[k]]

    pixels, positions = np.divmod(spike_keys, n_channels)
    variances = None
    # Wide enough to reach beyond what is replaced on at least one side.
    half_window = max([HALF_WINDOW, *(len(offsets) // 2 for offsets in offsets_by_sign)])
    if blocks.variance is not None:
        _, variance_windows = read_windows(blocks, pixels, positions, half_window)
        assert variance_windows is not None
        is_spike = np.isin(spike_keys[:, None] + _window_offsets(variance_windows), spike_keys)
        variances = np.nanmedian(np.where(is_spike, np.nan, variance_windows), 1)
    values = np.rint(values) if integers else values
    return Spikes(
        pixels=pixels,
        channels=blocks.channels[positions],
        values=values,
        change=values - recorded,
        variances=variances,
    )


def _fill_window(
    window: Floats, usual: Floats, scatter: Floats, covered: NDArray[np.bool_]
) -> Floats:
    """Covered values: a straight line plus the neighbours' shape, through the values nearest."""
    # The values that are fitted, and their weights.
    offsets = _window_offsets(window)
    good = np.isfinite(window) & ~covered
    channels = np.arange(len(window))
    distance = np.abs(np.subtract.outer(channels, np.flatnonzero(covered))).min(1)
    near = good & (distance <= FLANK)
    noise = scatter[near]
    if noise.any():
        weight = 1 / np.maximum(noise, LEAST_RELATIVE_SIGMA * noise.max())
    else:
        weight = np.ones(len(noise))

    # How much of the neighbours' shape is in them, and the line through what is left.
    values, shape = weight * window[near], weight * usual[near]
    power = float(shape @ shape)
    scale = max(float(shape @ values) / power, 0.0) if power > 0 else 0.0
    on_both_sides = near[offsets < 0].any() and near[offsets > 0].any()
    rest = window[near] - scale * usual[near]
    line = np.polyfit(offsets[near], rest, int(on_both_sides), w=weight)

    filled = np.polyval(line, offsets[covered]) + scale * usual[covered]
    return np.maximum(filled, 0.0) if window[good].min() >= 0 else filled


def _window_offsets(windows: Floats) -> Index:
    """Channels of windows (..., channels), counted from the place in their middle."""
    half = windows.shape[-1] // 2
    return np.arange(-half, half + 1)
