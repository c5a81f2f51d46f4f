"""Spikes: single values of single spectra, as stray X-rays and cosmic rays leave them.

A spike is far above (or below) its flanks in energy, narrower than detectors draw lines, and not
shared by the pixels beside it. "Far" is a bound on chance (`LocalNoise.threshold`), "narrow" and
"not shared" keep lines, edges and particles of one pixel from being taken for spikes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.neighbourhoods import read_around, read_windows
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .local_noise import LocalNoise
from .spike_candidates import (
    FLANK,
    HALF_CORE,
    HALF_WINDOW,
    LEAST_RATIO_TO_NEIGHBOURS,
    flanks,
    over_flanks,
    spike_candidates,
)

WIDEST_SPIKE = 3.6  # effective width in channels; that of a line is 1.5 times its FWHM
REACH_IN_SCAN = 2  # pixels along every scan axis that are looked at for what they share
SIGMAS_OF_TAIL = 3.0  # at least; what is left of a spike beside its highest value
CHANCE_OF_COINCIDENCE = 1e-4  # that spikes together are taken for a line, or for a pixel's spectrum
LEAST_PIXELS_SEARCHED = 8
LEAST_CHANNELS_SEARCHED = 4 * HALF_WINDOW
LEAST_RELATIVE_SIGMA = 1e-3  # of the largest in a window, which bounds the weights of a fit
WINDOW_OFFSETS = np.arange(-HALF_WINDOW, HALF_WINDOW + 1)


@dataclass(frozen=True)
class _Hits:
    """Places of the highest (lowest) values of spikes, and the windows about them.

    ``covered`` (hits, 2 HALF_WINDOW + 1) marks the values that belong to the spike; ``usual`` is
    the mean of the pixels beside, zero where they are not known, ``scatter`` the noise of each
    value.
    """

    pixels: Index
    positions: Index
    windows: Floats
    usual: Floats
    scatter: Floats
    covered: NDArray[np.bool_]

    def select(self, chosen: Any) -> _Hits:
        """The ``chosen`` ones (a mask)."""
        return _Hits(*(getattr(self, field.name)[chosen] for field in fields(self)))


def find_spikes(blocks: RowBlocks, summary: Summary, noise: LocalNoise) -> Spikes:
    """Find spikes, up or down, and what their neighbours say should stand there.

    The extremes of short runs of pixels, known from the first pass, are the screen; only what
    stands out there is read again. Lines of less than about 2.4 channels FWHM are as narrow as
    spikes: they are told apart by the pixels beside them, and by being at the same energy, or with
    others in the same pixel, more often than chance allows.

    Parameters
    ----------
    blocks : RowBlocks
        All pixels that count, as the first pass saw them; not shifted.
    summary : Summary
        Of these blocks, with its ``extremes``.
    noise : LocalNoise
        Of its sample.

    Returns
    -------
    Spikes
        With whole numbers where the data hold nothing else.
    """
    n_pixels, n_channels = blocks.shape
    extremes = summary.extremes
    too_few_pixels = summary.finite.sum() < LEAST_PIXELS_SEARCHED
    if extremes is None or too_few_pixels or n_channels < LEAST_CHANNELS_SEARCHED:
        return _fill_spikes([], blocks, summary.integers)
    counted = np.flatnonzero(blocks.pixels)
    blocks = blocks.drop_pixels(~summary.finite)
    signs, pixels, positions = spike_candidates(blocks, counted, extremes, noise)
    # One reading for both signs: each costs that of the chunks in which the candidates are.
    windows, beside = read_around(blocks, pixels, positions, HALF_WINDOW, REACH_IN_SCAN)
    of_both_signs = []
    for sign in (1.0, -1.0):
        has_sign = signs == sign
        hits = _select_spikes(
            pixels[has_sign],
            positions[has_sign],
            sign * windows[has_sign],
            sign * beside[has_sign],
            noise,
            sign,
        )
        of_both_signs.append(hits.select(_are_isolated(hits, n_pixels, n_channels)))
    return _fill_spikes(of_both_signs, blocks, summary.integers)


def _select_spikes(
    pixels: Index, positions: Index, windows: Floats, beside: Floats, noise: LocalNoise, sign: float
) -> _Hits:
    """The candidates that are spikes: beyond chance, narrow, not shared by the pixels beside.

    ``windows`` and ``beside`` are times ``sign``.
    """
    # The cheap rules first: most candidates are the noise of the brightest pixels.
    _, over = over_flanks(windows)
    is_peak = over[:, HALF_CORE] >= np.nanmax(over, 1, initial=-np.inf)
    is_peak &= over[:, HALF_CORE] > noise.threshold(noise.variance[positions])
    pixels, positions = pixels[is_peak], positions[is_peak]
    windows, beside = windows[is_peak], beside[is_peak]

    # Not shared: the pixels beside have no more than a quarter of it, and one of them is known.
    base, over = over_flanks(windows)
    _, over_beside = over_flanks(beside)
    height = over[:, HALF_CORE]
    shared = np.nanmax(over_beside, (1, 2), initial=0)
    has_neighbour = np.isfinite(over_beside[:, :, HALF_CORE]).any(1)
    is_unshared = height > LEAST_RATIO_TO_NEIGHBOURS * shared

    # Beyond chance: a line of this pixel alone has the noise of its own height.
    excess = np.nan_to_num(_core_over_middle(windows) - _known_mean(_core_over_middle(beside)))
    level = np.fmax(base, np.median(np.where(np.isnan(over), 0, over), 1) + base)
    variance = noise.variance_at(positions, sign * level)
    unshared_height = np.minimum(height - shared, excess[:, HALF_CORE])
    is_far = unshared_height > np.maximum(noise.threshold(variance), height / 2)

    is_narrow = _effective_width(excess) < WIDEST_SPIKE
    is_spike = has_neighbour & is_far & is_narrow & is_unshared

    # The values that belong to the spike, and what is usual there.
    covered = _covered_values(excess > SIGMAS_OF_TAIL * np.sqrt(variance)[:, None])
    usual = sign * _known_mean(beside)
    channels = np.clip(positions[:, None] + WINDOW_OFFSETS, 0, len(noise.mean) - 1)
    scatter = np.sqrt(noise.variance_at(channels, usual))
    hits = _Hits(
        pixels=pixels,
        positions=positions,
        windows=sign * windows,
        usual=usual,
        scatter=scatter,
        covered=covered,
    )
    return hits.select(is_spike)


def _core_over_middle(windows: Floats) -> Floats:
    """The core of windows, less the level between their two flanks."""
    before, after = flanks(windows)
    return np.asarray(windows[..., FLANK:-FLANK] - ((before + after) / 2)[..., None])


def _effective_width(excess: Floats) -> Floats:
    """Effective number of channels (places,) of what is positive: (sum)^2 / sum of squares."""
    positive = excess.clip(0)
    sum_of_squares = np.maximum((positive**2).sum(1), np.finfo(float).tiny)
    return np.asarray(positive.sum(1) ** 2 / sum_of_squares)


def _covered_values(is_tail: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middle of each window, and the tail that is next to it without a gap."""
    covered = np.zeros((len(is_tail), 2 * HALF_WINDOW + 1), bool)
    covered[:, HALF_WINDOW] = True
    for side in (-1, 1):
        for k in range(side, side * (HALF_CORE + 1), side):
            is_next = covered[:, HALF_WINDOW + k - side]
            covered[:, HALF_WINDOW + k] = is_next & is_tail[:, HALF_CORE + k]
    return covered


def _known_mean(beside: Floats) -> Floats:
    """Mean over the neighbours (places, neighbours, channels) that are known, else zero."""
    known = np.isfinite(beside)
    return np.asarray(np.where(known, beside, 0).sum(1) / np.maximum(known.sum(1), 1))


def _are_isolated(hits: _Hits, n_pixels: int, n_channels: int) -> NDArray[np.bool_]:
    """Hits that share neither energy nor pixel with more others than chance allows."""
    isolated = np.ones(len(hits.pixels), bool)
    for places, n_places, reach in ((hits.positions, n_channels, 1), (hits.pixels, n_pixels, 0)):
        number = np.append(np.bincount(places + 1, minlength=2), 0)
        number_together = sum(number[places + 1 + k] for k in range(-reach, reach + 1))
        expected = (2 * reach + 1) * len(places) / n_places
        most_by_chance = poisson.isf(CHANCE_OF_COINCIDENCE / n_places, expected)
        # Two are too few to say what they are.
        isolated &= number_together <= max(most_by_chance, 2)
    return isolated


def _fill_spikes(hits_by_sign: list[_Hits], blocks: RowBlocks, integers: bool) -> Spikes:
    """Fill the covered values from the channels beside, along the shape that neighbours have."""
    n_channels = len(blocks.channels)

    # One number for each pair of pixel and position: spikes may lie within each other's windows.
    keys_by_sign = [
        hits.pixels[:, None] * n_channels + hits.positions[:, None] + WINDOW_OFFSETS
        for hits in hits_by_sign
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
    if blocks.variance is not None:
        _, variance_windows = read_windows(blocks, pixels, positions, HALF_WINDOW)
        assert variance_windows is not None
        is_spike = np.isin(spike_keys[:, None] + WINDOW_OFFSETS, spike_keys)
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
    on_both_sides = near[:HALF_WINDOW].any() and near[HALF_WINDOW + 1 :].any()
    rest = window[near] - scale * usual[near]
    line = np.polyfit(WINDOW_OFFSETS[near], rest, int(on_both_sides), w=weight)

    filled = np.polyval(line, WINDOW_OFFSETS[covered]) + scale * usual[covered]
    return np.maximum(filled, 0.0) if window[good].min() >= 0 else filled
