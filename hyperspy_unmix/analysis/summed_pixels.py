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
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.summed_channels import (
    over_all_channels,
    sums_of_channels,
)
from hyperspy_unmix.numerics.compression.weighted_pca import project
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.noise.weights import LEAST_COUNTS_PER_PIXEL
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Index, Mask
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import (
    factors_along_axes,
    with_summed_channels,
    with_summed_pixels,
)

from .counted import Counted, SummedPixels
from .lost_components import (
    LEAST_STRENGTH,
    known_components,
    lost_components,
    standing_out,
    without_doubtful,
)

# Counts of a pixel from which more is asked of components that only sums show, since these show
# traces of the detector too, and with which none is looked for there.
MANY_COUNTS, MOST_COUNTS = 100.0, 1000.0
FACTORS = (1, 2, 4, 8, 16, 32)  # pixels to sum along each axis of the scan
FIRST_TRIED = 4
CHANNELS = (1, 2, 4, 8)  # to sum, where they are finer than what the spectra differ by
LEAST_CHANNELS = 64  # sums of them
MOST_VALUES = 2**26  # of sums, which are held in memory
LEAST_GAIN = 0.05  # components, of what is known of all: less is not worth the blur
LEAST_GAIN_OF_SINGLE = 0.1  # the same, of channels that are summed in single pixels
# Over the noise edge, of a component that single pixels do not show, where there are many counts.
LEAST_STRENGTH_OF_MANY = 1.2


@dataclass(frozen=True, eq=False)
class PcaOfSums:
    """Principal components of sums of pixels, as recorded.

    Parameters
    ----------
    raw : LowRank
    scree : Scree
    pixels : int array
        Numbers of the sums that hold counts.
    scan : tuple of int
        Shape of the scan of the sums.
    """

    raw: LowRank
    scree: Scree
    pixels: Index
    scan: tuple[int, ...]

    @classmethod
    def of(cls, blocks: RowBlocks, raw: LowRank, scree: Scree) -> PcaOfSums:
        """The PCA of these sums."""
        return cls(raw, scree, np.flatnonzero(blocks.pixels), blocks.data.shape[:-1])


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
    sums = _Sums(single, count, possible, first)
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


class _Sums:
    """Sums of ever more pixels, from single ones on, each made and counted when it is asked for."""

    def __init__(
        self,
        single: Counted,
        count: Callable[[Prepared], Counted],
        possible: Sequence[tuple[int, ...]],
        first: int,
    ) -> None:
        self._single, self._possible = single, possible
        self._count, self._first = count, first
        self._images: dict[int, Prepared] = {}
        none = np.zeros(single.prepared.image.blocks.pixels.shape, bool)
        self._with_small: dict[int, tuple[Prepared, Mask]] = {0: (single.prepared, none)}
        self._all: dict[tuple[int, int], Counted] = {(0, 1): single}
        self._channels: dict[int, int] = {}
        self._summed_channels: dict[tuple[int, int], Prepared] = {}
        self.tried: dict[tuple[int, ...], PcaOfSums] = {}
        self.counts = float(single.prepared.image.summary.mean.sum())
        few = self.counts < MANY_COUNTS
        self._strength = LEAST_STRENGTH if few else LEAST_STRENGTH_OF_MANY

    def counted(self, i: int) -> Counted:
        """The components of the sums, without those that may be noise."""
        return self._clear(i, self.channels(i))

    def pixels(self, i: int) -> Prepared:
        """The sums of pixels, and the pixels that are not summed."""
        return self._pixels_and_alone(i)[0]

    def alone(self, i: int) -> Mask:
        """Pixels that are not summed, (all pixels,)."""
        return self._pixels_and_alone(i)[1]

    def channels(self, i: int) -> int:
        """Channels to sum: the fewest of those with which most is known."""
        if i not in self._channels:
            known = self._known_by_channels(i)
            # Where single pixels show nearly as much, their answer stays.
            least = LEAST_GAIN if i > 0 else LEAST_GAIN_OF_SINGLE
            most = max(known.values())
            enough = most - LEAST_GAIN if most > known[1] + least else known[1] - LEAST_GAIN
            self._channels[i] = min(k for k, value in known.items() if value > enough)
        return self._channels[i]

    def _known_by_channels(self, i: int) -> dict[int, float]:
        """What is known with so many channels summed; most first, fewer as long as they help."""
        known, of_more = {1: self.known(i, 1)}, 0.0
        for k in CHANNELS[:0:-1]:
            if self._can_be_summed(i, k):
                known[k] = self.known(i, k)
                if known[k] < of_more - LEAST_GAIN:
                    break
                of_more = known[k]
        return known

    def known(self, i: int, channels: int | None = None) -> float:
        """What is known of all components, with so many channels summed; none where one is lost."""
        channels = self.channels(i) if channels is None else channels
        counted = self._clear(i, channels)
        if lost_components(counted, self._single, channels).any():
            return 0.0
        if channels > 1:
            fine = self._clear(i, 1)
            fewer = counted.count.consensus < fine.count.consensus
            if fewer or lost_components(counted, fine, channels).any():
                return 0.0
        return known_components(counted)

    def rise_from(self, i: int) -> bool:
        """Whether sums of more pixels show more, in every channel."""
        shows_nothing = self._clear(i, 1).count.consensus == 0
        return shows_nothing or self.known(i + 1, 1) > self.known(i, 1)

    def find_more(self, i: int) -> bool:
        """Whether they show more components than single pixels, each with channels summed."""
        number, before = (self.counted(j).count.consensus for j in (i, 0))
        return number > before and self.known(i) > 0

    def found(self) -> tuple[tuple[tuple[int, ...], int, int], ...]:
        """Pixels and channels that were summed, and the components found in them."""
        chosen = {(i, k) for i, k in self._channels.items()}
        tried = ({(i, 1) for i, _ in self._all} | chosen) - {(0, 1)}
        return tuple(
            (self._possible[i], k, self._clear(i, k).count.consensus) for i, k in sorted(tried)
        )

    def _can_be_summed(self, i: int, channels: int) -> bool:
        """Whether enough channels are left, and the sums are not too large to be held."""
        pixels, number = self.pixels(i).image.blocks.shape
        left = number // channels
        return left >= LEAST_CHANNELS and pixels * left <= MOST_VALUES

    def _clear(self, i: int, channels: int) -> Counted:
        """Counted with so many channels summed, without those that may be noise."""
        if (i, channels) == (0, 1):
            return self._single
        # What the smallest sums alone show are spots of two pixels rather than phases.
        is_smallest = i == 1 and max(self._possible[i]) == FACTORS[1]
        other = 2 if is_smallest and len(self._possible) > 2 else i
        least = self._single.count.consensus
        if i > 0:
            least = leading_count(self._single.corrected.values > LEAST_STRENGTH)
        sums, others = self._counted(i, channels), self._counted(other, channels)
        return without_doubtful(sums, others, least, self._strength)

    def _counted(self, i: int, channels: int) -> Counted:
        """All that is counted with so many channels summed."""
        if (i, channels) not in self._all:
            if channels == 1:
                self._pixels_and_alone(i)
            else:
                self._all[i, channels] = self._count(self._in_channels(i, channels))
        return self._all[i, channels]

    def _in_channels(self, i: int, channels: int) -> Prepared:
        """With so many channels summed; the most of half as many, which are asked for next."""
        if (i, channels) not in self._summed_channels:
            half, image, factor = channels // 2, self.pixels(i), channels
            if channels == CHANNELS[-1] and self._can_be_summed(i, half):
                image, factor = self._in_channels(i, half), 2
            self._summed_channels[i, channels] = with_summed_channels(image, factor)
        return self._summed_channels[i, channels]

    def _pixels_and_alone(self, i: int) -> tuple[Prepared, Mask]:
        """The sums, counted, and which pixels are not summed: small particles would be lost."""
        if i not in self._with_small:
            image = self._image(i)
            counted = self._count(image)
            self.tried[self._possible[i]] = PcaOfSums.of(
                image.image.blocks, counted.raw, counted.scree_of_pixels
            )
            alone = np.zeros(self._single.prepared.image.blocks.pixels.shape, bool)
            lost = lost_components(counted, self._single)
            if lost.any():
                alone = standing_out(self._single, lost, self._possible[i])
            if alone.any():
                image = with_summed_pixels(self._single.prepared, self._possible[i], alone)
                counted = self._count(image)
            self._all[i, 1], self._with_small[i] = counted, (image, alone)
        return self._with_small[i]

    def _image(self, i: int) -> Prepared:
        """The image of the sums; larger ones are made of smaller ones."""
        if i not in self._images:
            factors, image = self._possible[i], self._single.prepared
            if i > self._first:
                image, smaller = self._image(i - 1), self._possible[i - 1]
                factors = tuple(n // of for n, of in zip(factors, smaller, strict=True))
            self._images[i] = with_summed_pixels(image, factors)
        return self._images[i]


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
