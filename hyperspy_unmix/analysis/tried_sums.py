"""Sums of neighbouring pixels and channels, each made and counted when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Index, Mask
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import (
    summed_blocks,
    with_summed_channels,
    with_summed_pixels,
)

from .counted import Counted
from .lost_components import (
    LEAST_STRENGTH,
    known_components,
    lost_components,
    standing_out,
    without_doubtful,
)

# Counts of a pixel from which more is asked of components that only sums show, since these show
# traces of the detector too.
MANY_COUNTS = 100.0
FACTORS = (1, 2, 4, 8, 16, 32)  # pixels to sum along each axis of the scan
CHANNELS = (1, 2, 4, 8)  # to sum, where they are finer than what the spectra differ by
COMPONENTS_OF_NOISE = 6  # of sums, whose maps are compared with those of the others
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


def pca_of_sums(prepared: Prepared, factors: tuple[int, ...], least_rank: int) -> PcaOfSums:
    """The components of sums; of their noise as well, as many as ``least_rank`` in all."""
    blocks = summed_blocks(prepared.image, factors)
    found = compress(
        blocks, summarise(blocks, with_extremes=False), prepared.noise, least_rank, split=False
    )
    return PcaOfSums.of(blocks, *found)


class TriedSums:
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

    def number(self, i: int) -> int:
        """Of components that are clearly there, with no channels summed."""
        return self._clear(i, 1).count.consensus

    def rise_from(self, i: int) -> bool:
        """Whether sums of more pixels show more, in every channel."""
        return self.number(i) == 0 or self.known(i + 1, 1) > self.known(i, 1)

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
