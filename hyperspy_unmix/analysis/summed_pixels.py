"""Components of few counts, found in sums of neighbouring pixels and channels.

A component is above the noise of n pixels and m channels when its squared singular value exceeds
about sqrt(n m). Sums of b pixels keep that of what is larger than b pixels, and are b times fewer;
so do sums of channels that of what is broader. Maps stay those of single pixels, and spectra those
of single channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.summed_channels import (
    over_all_channels,
    sums_of_channels,
)
from hyperspy_unmix.numerics.compression.weighted_pca import project
from hyperspy_unmix.numerics.noise.weights import LEAST_COUNTS_PER_PIXEL
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import (
    factors_along_axes,
    with_summed_channels,
)

from .counted import Counted, SummedPixels
from .lost_components import known_components, lost_components
from .tried_sums import (
    COMPONENTS_OF_NOISE,
    FACTORS,
    LEAST_CHANNELS,
    LEAST_GAIN,
    LEAST_GAIN_OF_SINGLE,
    MOST_VALUES,
    PcaOfSums,
    TriedSums,
    pca_of_sums,
)

MOST_COUNTS = 1000.0  # of a pixel, with which no sums are tried
FIRST_TRIED = 4  # pixels along each axis of the scan
COARSE = (8, 4)  # channels to sum, to see whether sums of pixels show anything more


@dataclass(frozen=True, eq=False)
class Sought:
    """What was found in sums, if anything, and the sums of pixels (by factor) that were tried."""

    found: SummedPixels | None = None
    tried: Mapping[tuple[int, ...], PcaOfSums] = field(default_factory=dict)


def find_in_sums(single: Counted, count: Callable[[Prepared], Counted]) -> Sought:
    """The sums of pixels and channels in which most is known of the components.

    None if single ones do.

    Parameters
    ----------
    single : Counted
        Of single pixels.
    count : callable
        What counts the components of an image.
    """
    prepared = single.prepared
    possible = _possible_sums(prepared)
    if not possible:
        return Sought()
    tried_first = (i for i, factors in enumerate(possible) if max(factors) >= FIRST_TRIED)
    first = next(tried_first, len(possible) - 1)
    if first > 0:
        coarse = _nothing_more(single, count, possible, first)
        if coarse is not None:
            return Sought(None, coarse)
    sums = TriedSums(single, count, possible, first)
    # How many pixels, by what is known in every channel, or by what is found at all.
    i = first
    while i + 1 < len(possible) and sums.rise_from(i):
        i += 1
    if sums.known(i, 1) < sums.known(0, 1) + LEAST_GAIN and not sums.find_more(i):
        i = 0
    # The less is summed the better, if it makes no difference.
    while i > 1 and sums.known(i - 1, sums.channels(i)) > sums.known(i) - LEAST_GAIN:
        i -= 1
    pixels, channels, counted = sums.pixels(i), sums.channels(i), sums.counted(i)
    if counted is single:
        return Sought(None, sums.tried)
    found = SummedPixels(
        possible[i],
        channels,
        counted,
        pixels,
        *in_all_channels(prepared, pixels, counted, channels),
        sums.counts,
        single.count.consensus,
        sums.found(),
        int(sums.alone(i).sum()),
    )
    return Sought(found, sums.tried)


def _nothing_more(
    single: Counted,
    count: Callable[[Prepared], Counted],
    possible: Sequence[tuple[int, ...]],
    first: int,
) -> dict[tuple[int, ...], PcaOfSums] | None:
    """Sums of pixels, where none of them show more than single pixels; else None.

    Looked at with channels summed that are finer than what the components differ by, which takes
    a fraction of the time; and in the first sums with all channels. None also where channels are
    not as fine.
    """
    known, number = known_components(single), single.count.consensus
    pca = _coarse(single, count)
    if pca is None or pca.count.consensus > number:
        return None
    sums, i = TriedSums(pca, count, possible, first), first
    if sums.known(0, 1) > known + LEAST_GAIN_OF_SINGLE:
        return None
    while True:
        if sums.known(i, 1) > known + LEAST_GAIN or sums.number(i) > number:
            return None
        if i + 1 == len(possible) or not sums.rise_from(i):
            break
        i += 1
    # A component of lines as narrow as a channel shows in the first sums with all channels.
    most = number + single.count.drift
    fine = pca_of_sums(single.prepared, possible[first], most + COMPONENTS_OF_NOISE)
    if fine.scree.above_noise_edge > most:
        return None
    sums.pixels(1)
    tried = sums.tried | {possible[first]: fine}
    # What others hardly show is looked at again.
    return {k: of for k, of in tried.items() if of.scree.above_noise_edge <= most}


def _coarse(single: Counted, count: Callable[[Prepared], Counted]) -> Counted | None:
    """Single pixels with channels summed, the most that keep all components; None if none do."""
    known = known_components(single)
    for factor in COARSE:
        if single.prepared.image.blocks.shape[1] // factor < LEAST_CHANNELS:
            continue
        pca = count(with_summed_channels(single.prepared, factor))
        is_lost = lost_components(pca, single, factor).any()
        if not is_lost and known_components(pca) > known - LEAST_GAIN:
            return pca
    return None


def along_components(prepared: Prepared, spectra: LowRank) -> LowRank:
    """Every pixel as recorded, along the components of these sums; a pass over the data."""
    image = prepared.image
    return project(image.blocks, image.summary, prepared.noise, spectra)


def in_all_channels(
    prepared: Prepared, pixels: Prepared, pca: Counted, factor: int
) -> tuple[LowRank, LowRank]:
    """The sums, and every single pixel, along the components of a PCA; with all channels.

    Parameters
    ----------
    prepared : Prepared
        Single pixels.
    pixels : Prepared
        Sums of them, or the same.
    pca : Counted
        Of these, with ``factor`` channels summed.
    """
    raw, image = pca.raw, pixels.image
    if factor == 1:
        return raw, along_components(prepared, raw)
    sums = sums_of_channels(image.blocks.channels, factor)
    # Channels without counts share the noise that they are given.
    variance = np.maximum(image.summary.mean, LEAST_COUNTS_PER_PIXEL)
    spectra = over_all_channels(image.blocks, raw, sums, variance)
    if pixels is prepared:
        return spectra, spectra
    return spectra, along_components(prepared, spectra)


def _possible_sums(prepared: Prepared) -> list[tuple[int, ...]]:
    """Pixels that can be summed along each axis, from one on; none where sums would not help.

    Corrections are those of single pixels, and sums have the noise model of these only if that is
    of Poisson counts.
    """
    if prepared.noise.kind != "poisson" or prepared.corrections.corrections:
        return []
    if prepared.image.summary.mean.sum() >= MOST_COUNTS:
        return []
    shape = prepared.image.navigation_shape
    along_axes = [factors_along_axes(shape, factor) for factor in FACTORS]
    more = [new for former, new in pairwise(along_axes) if new != former]
    values = prepared.image.blocks.shape[0] * prepared.image.blocks.shape[1]
    return [along_axes[0], *(new for new in more if values <= MOST_VALUES * np.prod(new))]
