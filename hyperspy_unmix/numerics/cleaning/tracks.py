"""Tracks: cosmic rays that cross several channels of a camera, in the spectrum of one pixel.

A track is as wide as a line but has another shape (`track_shape`). It is beyond chance, not shared
by the pixels beside it, and does not come together with others as lines do.
"""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.reading.extremes import Extremes
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.neighbourhoods import read_around
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .coincidence import are_isolated
from .filling import Hits, fill_hits
from .local_noise import LocalNoise
from .spike_candidates import LEAST_RATIO_TO_NEIGHBOURS, over_flanks, spike_candidates
from .spikes import LEAST_PIXELS_SEARCHED, REACH_IN_SCAN, WIDEST_SPIKE
from .track_shape import (
    HALF_WINDOW,
    IS_FLANK,
    LONGEST_TRACK,
    OFFSETS,
    Feature,
    is_real,
    own_feature,
)

LEAST_CHANNELS_SEARCHED = 2 * (2 * HALF_WINDOW + 1)
# Tracks are told from lines where they are many times the noise: what is not is not read again.
WHOLE_THRESHOLD = 1.0
LEAST_SHARED = 0.05  # of a track's height, which a pixel beside has more than others
SIGMAS_SHARED = 5.0
REACH_IN_ENERGY = 2  # channels that a line moves from pixel to pixel


def find_tracks(blocks: RowBlocks, summary: Summary, noise: LocalNoise) -> tuple[Spikes, Index]:
    """Find tracks of up to 14 channels, and what their neighbours say should stand there.

    Parameters
    ----------
    blocks : RowBlocks
        All pixels that count, as the first pass saw them, with spikes replaced.
    summary : Summary
        Of these blocks, with its ``extremes``; spikes may be among them.
    noise : LocalNoise
        Of its sample.

    Returns
    -------
    values : Spikes
        All values of the tracks.
    lengths : int array, shape (tracks,)
        Channels that each covers.
    """
    n_pixels, n_channels = blocks.shape
    extremes = summary.extremes
    too_few_pixels = summary.finite.sum() < LEAST_PIXELS_SEARCHED
    if extremes is None or too_few_pixels or n_channels < LEAST_CHANNELS_SEARCHED:
        return fill_hits([], blocks, summary.integers), np.zeros(0, np.intp)
    counted = np.flatnonzero(blocks.pixels)
    blocks = blocks.drop_pixels(~summary.finite)
    _, pixels, positions = spike_candidates(
        blocks,
        counted,
        extremes,
        noise,
        half_core=LONGEST_TRACK,
        signs_wanted=(1.0,),
        threshold_share=WHOLE_THRESHOLD,
    )
    in_memory = _from_extremes(blocks, counted, extremes)
    pixels, positions, windows, beside = _read_about_highest(in_memory, pixels, positions)
    recorded = _as_recorded(windows, pixels, positions, blocks)
    hits = _select_tracks(pixels, positions, windows, recorded, beside, noise, n_pixels)
    return fill_hits([hits], blocks, summary.integers), hits.covered.sum(1)


def _from_extremes(blocks: RowBlocks, counted: Index, extremes: Extremes) -> RowBlocks:
    """The same spectra out of the extremes, where these are of single pixels: nothing is read.

    ``counted`` are the pixels of the tiles.
    """
    if extremes.size > 1:
        return blocks
    n_channels = len(blocks.channels)
    spectra = np.full((len(blocks.pixels), n_channels), np.nan, blocks.dtype)
    spectra[counted[extremes.filled]] = extremes.highest[extremes.filled]
    if blocks.spikes is not None:
        position = np.searchsorted(blocks.channels, blocks.spikes.channels)
        spectra[blocks.spikes.pixels, position] = blocks.spikes.values
    data = spectra.reshape(*blocks.data.shape[:-1], n_channels)
    return RowBlocks(data, blocks.pixels, np.arange(n_channels), dtype=blocks.dtype)


def _read_about_highest(
    blocks: RowBlocks, pixels: Index, positions: Index
) -> tuple[Index, Index, Floats, Floats]:
    """Pixels, the highest place within a track's length, and the windows about it and beside.

    What stood out of the data as recorded may be a spike on a track, replaced since.
    """
    half_read = HALF_WINDOW + LONGEST_TRACK
    windows, beside = read_around(blocks, pixels, positions, half_read, REACH_IN_SCAN)
    about = windows[:, HALF_WINDOW : HALF_WINDOW + 2 * LONGEST_TRACK + 1]
    move = np.argmax(np.nan_to_num(about, nan=-np.inf), 1) - LONGEST_TRACK
    positions = positions + move
    _, first = np.unique(np.stack([pixels, positions]), axis=1, return_index=True)
    columns = (half_read + move[first])[:, None] + OFFSETS
    windows = np.take_along_axis(windows[first], columns, 1)
    beside = np.take_along_axis(beside[first], columns[:, None], 2)
    return pixels[first], positions[first], windows, beside


def _as_recorded(windows: Floats, pixels: Index, positions: Index, blocks: RowBlocks) -> Floats:
    """The windows with what was replaced in them put back."""
    spikes, n_channels = blocks.spikes, len(blocks.channels)
    if spikes is None or not len(spikes):
        return windows
    spike_keys = spikes.pixels * n_channels + np.searchsorted(blocks.channels, spikes.channels)
    order = np.argsort(spike_keys)
    keys = pixels[:, None] * n_channels + positions[:, None] + OFFSETS
    place = order[np.searchsorted(spike_keys, keys, sorter=order).clip(max=len(order) - 1)]
    return np.where(spike_keys[place] == keys, windows - spikes.change[place], windows)


def _select_tracks(
    pixels: Index,
    positions: Index,
    windows: Floats,
    recorded: Floats,
    beside: Floats,
    noise: LocalNoise,
    n_pixels: int,
) -> Hits:
    """The candidates that are tracks."""
    # The cheap rules first: the highest in its window, beyond chance, with a pixel beside.
    _, over = over_flanks(windows)
    height = over[:, LONGEST_TRACK]
    chosen = height >= np.nanmax(over, 1, initial=-np.inf)
    chosen &= height > noise.threshold(noise.variance[positions])
    chosen &= np.isfinite(beside[:, :, HALF_WINDOW]).any(1)
    pixels, positions = pixels[chosen], positions[chosen]
    windows, recorded, beside = windows[chosen], recorded[chosen], beside[chosen]

    # The median of the pixels beside: one of them may have a track of its own there.
    beside = np.where(np.isfinite(windows)[:, None], beside, 0)
    usual = np.nanmedian(beside, 1) if len(windows) else np.zeros_like(windows)
    channels = np.clip(positions[:, None] + OFFSETS, 0, len(noise.mean) - 1)
    covered = np.zeros(windows.shape, bool)
    is_alone, is_track = np.zeros((2, len(windows)), bool)
    for k in range(len(windows)):
        feature = own_feature(windows[k], usual[k], channels[k], noise)
        if not _is_far(feature, positions[k], windows[k], noise):
            continue
        is_alone[k] = not _is_shared(feature, beside[k], usual[k])
        if is_alone[k] and _is_long(feature):
            covered[k] = feature.is_run
            is_track[k] = not is_real(
                feature, windows[k], recorded[k], usual[k], channels[k], noise
            )

    # Lines of a pixel's own spectrum count here as well: those that come together are real.
    alone = np.flatnonzero(is_alone)
    places = pixels[alone], positions[alone]
    is_track[alone] &= are_isolated(*places, n_pixels, len(noise.mean), REACH_IN_ENERGY)
    hits = Hits(
        pixels=pixels,
        positions=positions,
        windows=windows,
        usual=usual,
        scatter=np.sqrt(noise.variance_at(channels, usual)),
        covered=covered,
    )
    return hits.select(is_track)


def _is_far(feature: Feature, position: int, window: Floats, noise: LocalNoise) -> bool:
    """Whether it is beyond the chance that a line of this height would have."""
    height = feature.excess[HALF_WINDOW]
    level = np.array([window[HALF_WINDOW] - height / 2])
    variance = noise.variance_at(np.array([position]), level)
    return bool(height > noise.threshold(variance)[0])


def _is_long(feature: Feature) -> bool:
    """Whether it is wider than a spike, and no longer than tracks are."""
    run = feature.excess[feature.is_run].clip(0)
    effective_width = run.sum() ** 2 / np.sum(run**2)
    return bool(effective_width >= WIDEST_SPIKE and len(run) <= LONGEST_TRACK)


def _is_shared(feature: Feature, beside: Floats, usual: Floats) -> bool:
    """Whether a pixel beside has a part of it, as the probe's tails and particles make it."""
    shape = feature.excess[feature.is_run]
    length = float(np.linalg.norm(shape))

    def parts(spectra: Floats) -> Floats:
        """How much of the shape is in spectra over the line through their flanks."""
        line = np.nanmedian(spectra[..., IS_FLANK], -1, keepdims=True)
        return np.asarray((spectra - line)[..., feature.is_run] @ shape / length**2)

    known = np.isfinite(beside[:, HALF_WINDOW])
    sigma = float(feature.noise[IS_FLANK].mean()) / length
    is_high = parts(beside[known]) > 1 / LEAST_RATIO_TO_NEIGHBOURS
    is_higher = parts(beside[known] - usual) > max(LEAST_SHARED, SIGMAS_SHARED * sigma)
    return bool(is_high.any() or is_higher.any())
