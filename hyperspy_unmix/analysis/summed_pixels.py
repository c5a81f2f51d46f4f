"""Components of few counts, found in sums of neighbouring pixels.

A component is above the noise of n pixels and m channels when its squared singular value exceeds
about sqrt(n m). Sums of b pixels keep that of what is larger than b pixels, and are b times fewer.
The maps stay those of single pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.compression.weighted_pca import project
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import factors_along_axes, with_summed_pixels
from hyperspy_unmix.settings import Choice, FrozenSettings

from .correct_and_count import correct_leading
from .counted import Counted, SummedPixels

MOST_COUNTS = 100.0  # a pixel; with more, sums show traces of detector and drift rather than phases
FACTORS = (2, 4, 8, 16, 32)  # pixels to sum along each axis of the scan
FIRST_TRIED = 4
LEAST_GAIN = 0.05  # components, of what is known of all: less is not worth the blur
# Over the noise edge, of a component that single pixels do not show: noise has a chance in each of
# several sums.
LEAST_STRENGTH = 1.05
LEAST_SHARE_KEPT = 0.5  # of what is known of a component of single pixels


def find_in_sums(single: Counted, count: Callable[[Prepared], Counted]) -> SummedPixels | None:
    """The sums of pixels in which most is known of the components; None if single pixels do.

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
        return None

    @cache
    def sums_of(i: int) -> Counted:
        return count(with_summed_pixels(prepared, possible[i]))

    @cache
    def counted(i: int) -> Counted:
        # What the smallest sums alone show are spots of two pixels rather than phases.
        other = 1 if i == 0 and len(possible) > 1 else i
        least = single.count.consensus
        return _without_doubtful(sums_of(i), sums_of(other), least)

    def known(i: int) -> float:
        # Small particles may be lost in sums.
        return _known_components(counted(i)) if _keeps_all(counted(i), single) else 0.0

    i = min(FACTORS.index(FIRST_TRIED), len(possible) - 1)
    while i + 1 < len(possible) and known(i + 1) > known(i):
        i += 1
    if known(i) < _known_components(single) + LEAST_GAIN:
        return None
    # The less is summed the better, if it makes no difference.
    while i > 0 and known(i - 1) > known(i) - LEAST_GAIN:
        i -= 1
    sums, counts = counted(i), float(prepared.image.summary.mean.sum())
    recorded = along_components(prepared, sums.raw)
    return SummedPixels(possible[i], sums, recorded, counts, single.count.consensus)


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


def _without_doubtful(sums: Counted, other: Counted, of_single: int) -> Counted:
    """The same without counting components that are only in sums, and not clearly in ``other``."""
    count, number = sums.count, sums.count.consensus
    clear = min(leading_count(one.scree_values > LEAST_STRENGTH) for one in (sums, other))
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


def _keeps_all(sums: Counted, single: Counted) -> bool:
    """Whether the sums have every component of single pixels."""
    number, whiten = single.count.consensus, sums.raw.whitening.whiten
    counted = sums.corrected.spectra.truncate(sums.count.consensus)
    directions = np.linalg.qr(whiten(counted.components).T)[0]
    components = whiten(single.corrected.spectra.truncate(number).components)
    lengths = np.sum(components**2, 1)
    kept = np.sum((components @ directions) ** 2, 1) / np.maximum(lengths, 1e-300)
    known = expected_squared_cosines(single.corrected.values[:number], *single.shape)[0]
    return bool((kept >= LEAST_SHARE_KEPT * known).all())
