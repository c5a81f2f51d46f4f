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
from .spike_candidates import CORE, FLANK, HALF, RATIO, flanks, over_flanks, spike_candidates

WIDEST = 3.6  # effective width in channels; that of a line is 1.5 times its FWHM
REACH = 2  # pixels along every scan axis that are looked at for it
TAIL = 3.0  # standard deviations; what is left of a spike beside its highest value
CHANCE = 1e-4  # that spikes which come together are taken for a line, or a pixel's own spectrum
LEAST_PIXELS = 8
OFFSETS = np.arange(-HALF, HALF + 1)


@dataclass(frozen=True)
class _Hits:
    """Places of the highest (lowest) values of spikes, and the windows about them.

    ``covered`` (hits, 2 HALF + 1) marks the values that belong to the spike; ``usual`` is the mean
    of the pixels beside, zero where they are not known, ``scatter`` the noise of each value.
    """

    pixels: Index
    positions: Index
    windows: Floats
    usual: Floats
    scatter: Floats
    covered: NDArray[np.bool_]

    def select(self, chosen: Any) -> _Hits:
        """Some of them."""
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
    n, m = blocks.shape
    extremes = summary.extremes
    if extremes is None or summary.finite.sum() < LEAST_PIXELS or m < 4 * HALF:
        return _replacements([], blocks, summary.integers)
    counted = np.flatnonzero(blocks.pixels)
    blocks = blocks.drop_pixels(~summary.finite)
    sign, pixels, positions = spike_candidates(blocks, counted, extremes, noise)
    # both in one look: each costs the reading of the chunks that they are in
    windows, beside = read_around(blocks, pixels, positions, HALF, REACH)
    hits = []
    for s in (1.0, -1.0):
        chosen = sign == s
        arrays = pixels[chosen], positions[chosen], s * windows[chosen], s * beside[chosen]
        found = _examine(*arrays, noise, s)
        hits.append(found.select(_not_together(found, n, m)))
    return _replacements(hits, blocks, summary.integers)


def _middle(windows: Floats) -> Floats:
    """Level between the two flanks."""
    before, after = flanks(windows)
    return (before + after) / 2


def _examine(
    pixels: Index, positions: Index, windows: Floats, beside: Floats, noise: LocalNoise, sign: float
) -> _Hits:
    """Which candidates are spikes: beyond chance, narrow, and not shared by the pixels beside.

    ``windows`` and ``beside`` are times ``sign``.
    """
    _, over = over_flanks(windows)
    # cheap first: most candidates are the noise of the brightest pixels
    peak = over[:, CORE] >= np.nanmax(over, 1, initial=-np.inf)
    peak &= over[:, CORE] > noise.threshold(noise.variance[positions])
    pixels, positions = pixels[peak], positions[peak]
    windows, beside = windows[peak], beside[peak]
    base, over = over_flanks(windows)
    _, over_beside = over_flanks(beside)
    shared = np.nanmax(over_beside, (1, 2), initial=0)
    known = np.isfinite(over_beside[:, :, CORE]).any(1)
    own, others = (x[..., FLANK:-FLANK] - _middle(x)[..., None] for x in (windows, beside))
    excess = np.nan_to_num(own - _mean(others))
    # a line of this pixel alone has the noise of its own height
    level = np.fmax(base, np.median(np.where(np.isnan(over), 0, over), 1) + base)
    variance = noise.variance_at(positions, sign * level)
    height = np.minimum(over[:, CORE] - shared, excess[:, CORE])
    far = height > np.maximum(noise.threshold(variance), over[:, CORE] / 2)
    narrow = _width(excess) < WIDEST
    spike = known & far & narrow & (over[:, CORE] > RATIO * shared)
    covered = _run(excess > TAIL * np.sqrt(variance)[:, None])
    usual = sign * _mean(beside)
    channel = np.clip(positions[:, None] + OFFSETS, 0, len(noise.mean) - 1)
    scatter = np.sqrt(noise.variance_at(channel, usual))
    return _Hits(pixels, positions, sign * windows, usual, scatter, covered).select(spike)


def _width(excess: Floats) -> Floats:
    """Effective number of channels (places,) of what is positive."""
    positive = excess.clip(0)
    square = np.maximum((positive**2).sum(1), np.finfo(float).tiny)
    return np.asarray(positive.sum(1) ** 2 / square)


def _run(tail: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middle of each window, and what is next to it without a gap."""
    covered = np.zeros((len(tail), 2 * HALF + 1), bool)
    covered[:, HALF] = True
    for side in (-1, 1):
        for k in range(side, side * (CORE + 1), side):
            covered[:, HALF + k] = covered[:, HALF + k - side] & tail[:, CORE + k]
    return covered


def _mean(beside: Floats) -> Floats:
    """Mean over the neighbours (places, neighbours, channels) that are known, else zero."""
    known = np.isfinite(beside)
    return np.asarray(np.where(known, beside, 0).sum(1) / np.maximum(known.sum(1), 1))


def _not_together(hits: _Hits, n: int, m: int) -> NDArray[np.bool_]:
    """Hits that share neither energy nor pixel with more others than chance allows."""
    alone = np.ones(len(hits.pixels), bool)
    for at, size, reach in ((hits.positions, m, 1), (hits.pixels, n, 0)):
        number = np.append(np.bincount(at + 1, minlength=2), 0)
        together = sum(number[at + 1 + k] for k in range(-reach, reach + 1))
        most = poisson.isf(CHANCE / size, (2 * reach + 1) * len(at) / size)
        # two are too few to say what they are
        alone &= together <= max(most, 2)
    return alone


def _replacements(hits: list[_Hits], blocks: RowBlocks, integers: bool) -> Spikes:
    """Fill the covered values from the channels beside, along the shape that neighbours have."""
    m = len(blocks.channels)
    # spikes may lie within each other's windows
    keys = [h.pixels[:, None] * m + h.positions[:, None] + OFFSETS for h in hits]
    bad = np.unique([key for k, h in zip(keys, hits, strict=True) for key in k[h.covered]])
    bad = bad.astype(np.intp)
    values, recorded = np.zeros(len(bad)), np.zeros(len(bad))
    for key, h in zip(keys, hits, strict=True):
        inside = np.isin(key, bad) & np.isfinite(h.windows)
        for k, x, usual, scatter, covered in zip(
            key, h.windows, h.usual, h.scatter, inside, strict=True
        ):
            place = np.searchsorted(bad, k[covered])
            values[place], recorded[place] = _filled(x, usual, scatter, covered), x[covered]
    pixels, positions = np.divmod(bad, m)
    variances = None
    if blocks.variance is not None:
        found = read_windows(blocks, pixels, positions, HALF)[1]
        covered = np.isin(bad[:, None] + OFFSETS, bad)
        assert found is not None
        variances = np.nanmedian(np.where(covered, np.nan, found), 1)
    values = np.rint(values) if integers else values
    return Spikes(pixels, blocks.channels[positions], values, values - recorded, variances)


def _filled(x: Floats, usual: Floats, scatter: Floats, covered: NDArray[np.bool_]) -> Floats:
    """Covered values: a straight line plus the neighbours' shape, through the values nearest."""
    good = np.isfinite(x) & ~covered
    distance = np.abs(np.subtract.outer(np.arange(len(x)), np.flatnonzero(covered))).min(1)
    near = good & (distance <= FLANK)
    noise = scatter[near]
    weight = 1 / np.maximum(noise, 1e-3 * noise.max()) if noise.any() else np.ones(len(noise))
    own, shape = weight * x[near], weight * usual[near]
    power = float(shape @ shape)
    scale = max(float(shape @ own) / power, 0.0) if power > 0 else 0.0
    both = near[:HALF].any() and near[HALF + 1 :].any()
    line = np.polyfit(OFFSETS[near], x[near] - scale * usual[near], int(both), w=weight)
    value = np.polyval(line, OFFSETS[covered]) + scale * usual[covered]
    return np.maximum(value, 0.0) if x[good].min() >= 0 else value
