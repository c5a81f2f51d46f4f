"""Components of few counts, found in sums of neighbouring pixels.

A component is above the noise of n pixels and m channels when its squared singular value exceeds
about sqrt(n m). Sums of b pixels keep that of what is larger than b pixels, and are b times fewer.
The maps stay those of single pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.weighted_pca import project
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.reading.sums_of_pixels import cells_of_pixels
from hyperspy_unmix.numerics.types import Index, Mask
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import factors_along_axes, with_summed_pixels
from hyperspy_unmix.settings import Choice, FrozenSettings

from .correct_and_count import correct_leading
from .counted import Counted, SummedPixels

# Counts of a pixel from which more is asked of components that only sums show, since these show
# traces of the detector too, and with which none is looked for there.
MANY_COUNTS, MOST_COUNTS = 100.0, 1000.0
FACTORS = (2, 4, 8, 16, 32)  # pixels to sum along each axis of the scan
FIRST_TRIED = 4
LEAST_GAIN = 0.05  # components, of what is known of all: less is not worth the blur
# Over the noise edge, of a component that single pixels do not show: noise has a chance in each of
# several sums.
LEAST_STRENGTH, LEAST_STRENGTH_OF_MANY = 1.05, 1.2
SIGMAS_ALONE = 5.0  # by which a pixel differs from those about it not to be summed with them
LEAST_SHARE_KEPT = 0.5  # of what is known of a component of single pixels


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
        """Of these sums."""
        return cls(raw, scree, np.flatnonzero(blocks.pixels), blocks.data.shape[:-1])


@dataclass(frozen=True, eq=False)
class Sought:
    """What was found in sums of pixels, if anything, and the sums (by factor) that were tried."""

    found: SummedPixels | None = None
    tried: Mapping[tuple[int, ...], PcaOfSums] = field(default_factory=dict)


def find_in_sums(single: Counted, count: Callable[[Prepared], Counted]) -> Sought:
    """The sums of pixels in which most is known of the components; none if single pixels do.

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
    first = min(FACTORS.index(FIRST_TRIED), len(possible) - 1)
    sums = _Sums(single, count, possible, first)
    i = first
    while i + 1 < len(possible) and (sums.shows_nothing(i) or sums.known(i + 1) > sums.known(i)):
        i += 1
    if sums.known(i) < _known_components(single) + LEAST_GAIN:
        return Sought(None, sums.tried)
    # The less is summed the better, if it makes no difference.
    while i > 0 and sums.known(i - 1) > sums.known(i) - LEAST_GAIN:
        i -= 1
    found = SummedPixels(
        possible[i],
        sums.counted(i),
        along_components(prepared, sums.counted(i).raw),
        sums.counts,
        single.count.consensus,
        sums.found(),
        int(sums.alone(i).sum()),
    )
    return Sought(found, sums.tried)


class _Sums:
    """Sums of ever more pixels, each made and counted when it is asked for."""

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
        self._counted: dict[int, tuple[Counted, Mask]] = {}
        self.tried: dict[tuple[int, ...], PcaOfSums] = {}
        self.counts = float(single.prepared.image.summary.mean.sum())
        few = self.counts < MANY_COUNTS
        self._strength = LEAST_STRENGTH if few else LEAST_STRENGTH_OF_MANY

    def counted(self, i: int) -> Counted:
        """The components of the sums, without those that may be noise."""
        # What the smallest sums alone show are spots of two pixels rather than phases.
        other = 1 if i == 0 and len(self._possible) > 1 else i
        least = leading_count(self._single.corrected.values > LEAST_STRENGTH)
        sums, others = self._with_small(i)[0], self._with_small(other)[0]
        return _without_doubtful(sums, others, least, self._strength)

    def alone(self, i: int) -> Mask:
        """Pixels that are not summed, (all pixels,)."""
        return self._with_small(i)[1]

    def known(self, i: int) -> float:
        """Of all components; none where one of single pixels is lost."""
        return (
            0.0
            if _lost(self.counted(i), self._single).any()
            else _known_components(self.counted(i))
        )

    def shows_nothing(self, i: int) -> bool:
        """Whether not a single component is found."""
        return self.counted(i).count.consensus == 0

    def found(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """Pixels that were summed and the components found in them."""
        tried = sorted(self._counted)
        return tuple((self._possible[i], self.counted(i).count.consensus) for i in tried)

    def _with_small(self, i: int) -> tuple[Counted, Mask]:
        """Counted, and which pixels are not summed: small particles would be lost in sums."""
        if i not in self._counted:
            image = self._image(i)
            counted = self._count(image)
            self.tried[self._possible[i]] = PcaOfSums.of(
                image.image.blocks, counted.raw, counted.scree_of_pixels
            )
            alone = np.zeros(self._single.prepared.image.blocks.pixels.shape, bool)
            lost = _lost(counted, self._single)
            if lost.any():
                alone = standing_out(self._single, lost, self._possible[i])
            if alone.any():
                image = with_summed_pixels(self._single.prepared, self._possible[i], alone)
                counted = self._count(image)
            self._counted[i] = counted, alone
        return self._counted[i]

    def _image(self, i: int) -> Prepared:
        """Of the sums; larger ones are made of smaller ones."""
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


def _possible_sums(prepared: Prepared) -> list[tuple[int, ...]]:
    """Pixels that can be summed along each axis, ever more; none where sums would not help.

    Corrections are those of single pixels, and sums have the noise model of these only if that is
    of Poisson counts.
    """
    if prepared.noise.kind != "poisson" or prepared.corrections.corrections:
        return []
    if prepared.image.summary.mean.sum() >= MOST_COUNTS:
        return []
    shape = prepared.image.navigation_shape
    along_axes = [factors_along_axes(shape, factor) for factor in (1, *FACTORS)]
    return [new for former, new in pairwise(along_axes) if new != former and max(new) > 1]


def _known_components(counted: Counted) -> float:
    """Expected squared cosines of the components' spectra with the truth, summed over all."""
    values = counted.corrected.values[: counted.count.consensus]
    return float(expected_squared_cosines(values, *counted.shape)[0].sum())


def _without_doubtful(sums: Counted, other: Counted, of_single: int, strength: float) -> Counted:
    """The same without counting components that are only in sums, and not clearly in ``other``.

    ``strength`` is what they must have in both, over the noise edge.
    """
    count, number = sums.count, sums.count.consensus
    clear = min(leading_count(one.scree_values > strength) for one in (sums, other))
    kept = max(min(clear, number), min(of_single, number))
    if kept == number:
        return sums
    reason = f"{count.reason}; {number - kept} hardly above the noise of sums left out"
    limited = replace(
        count,
        consensus=kept,
        automatic=min(count.automatic, kept),
        clear=min(count.clear, kept),
        reason=reason,
    )
    return with_number(replace(sums, count=limited), "auto")


def with_number(counted: Counted, asked: int | str) -> Counted:
    """The same with as many components as are asked for, a number or the name of a count."""
    n, why = counted.count.chosen(asked)
    n, corrected = min(n, counted.raw.rank), counted.corrected
    if n > corrected.spectra.rank:
        corrected = correct_leading(counted.prepared, counted.raw, counted.edge, n)
    settings = FrozenSettings({**counted.settings, "n_components": Choice(n, why)})
    return replace(counted, n_components=n, corrected=corrected, settings=settings)


def _lost(sums: Counted, single: Counted) -> Mask:
    """Which of the components that single pixels clearly show the sums do not have."""
    number, whiten = single.count.consensus, sums.raw.whitening.whiten
    counted = sums.corrected.spectra.truncate(sums.count.consensus)
    directions = np.linalg.qr(whiten(counted.components).T)[0]
    components = whiten(single.corrected.spectra.truncate(number).components)
    lengths = np.sum(components**2, 1)
    kept = np.sum((components @ directions) ** 2, 1) / np.maximum(lengths, 1e-300)
    values = single.corrected.values[:number]
    known = expected_squared_cosines(values, *single.shape)[0]
    return np.asarray((kept < LEAST_SHARE_KEPT * known) & (values > LEAST_STRENGTH))


def standing_out(single: Counted, components: Mask, factors: tuple[int, ...]) -> Mask:
    """Pixels that stand out of those that they would be summed with, (all pixels,).

    Parameters
    ----------
    single : Counted
        Of single pixels.
    components : bool array
        Marks those of its components in which they may.
    factors : tuple of int
        Pixels summed along each axis of the scan.
    """
    image, spectra = single.prepared.image, single.corrected.spectra
    cells = cells_of_pixels(image.navigation_shape, factors)[0][image.blocks.pixels]
    scores = spectra.scores[:, : len(components)][:, components]
    # The whitened components have unit length: their scores the noise of the weights.
    ones = np.bincount(cells)
    alone = np.zeros(image.blocks.pixels.shape, bool)
    clear = np.zeros(len(scores), bool)
    for score in scores.T:
        mean = np.bincount(cells, score) / np.maximum(ones, 1)
        clear |= np.abs(score - mean[cells]) * np.sqrt(spectra.weights) > SIGMAS_ALONE
    alone[np.flatnonzero(image.blocks.pixels)[clear]] = True
    return alone
