"""Spikes: single values of single spectra, as stray X-rays and cosmic rays leave them.

A spike is far above (or below) its flanks in energy, narrower than detectors draw lines, and not
shared by the pixels beside it. "Far" is a bound on chance (`LocalNoise.threshold`), "narrow" and
"not shared" keep lines, edges and particles of one pixel from being taken for spikes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.neighbourhoods import read_around
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .coincidence import are_isolated
from .filling import Hits, fill_hits
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
LEAST_PIXELS_SEARCHED = 8
LEAST_CHANNELS_SEARCHED = 4 * HALF_WINDOW
WINDOW_OFFSETS = np.arange(-HALF_WINDOW, HALF_WINDOW + 1)


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
        return fill_hits([], blocks, summary.integers)
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
        of_both_signs.append(
            hits.select(are_isolated(hits.pixels, hits.positions, n_pixels, n_channels))
        )
    return fill_hits(of_both_signs, blocks, summary.integers)


def _select_spikes(
    pixels: Index, positions: Index, windows: Floats, beside: Floats, noise: LocalNoise, sign: float
) -> Hits:
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
    hits = Hits(
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
