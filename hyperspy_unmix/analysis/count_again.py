"""Counts that take more than the PCA: components that are stable, shares that are really drawn."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TypeVar

from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.compression.split_half import thinned_significance
from hyperspy_unmix.numerics.threads import limit_blas_threads
from hyperspy_unmix.settings import Choice, FrozenSettings

from .component_count import count_components
from .counted import Counted
from .reuse import Steps
from .separation import count_stable_components, count_stable_in_sums

Kind = TypeVar("Kind", bound=Counted)
_logger = logging.getLogger(__name__)


def with_stable_components(counted: Kind, steps: Steps, known: int | None = None) -> Kind:
    """The same with the number that ``"auto"`` takes: of many components those that are stable.

    Of those that only sums show, beside the ``known`` ones of single pixels, all must be.
    """

    def limited() -> ComponentCount:
        count = limited_to_stable(counted, counted.count)
        return count if known is None else _stable_in_sums(counted, count, known)

    count = steps.once("stable", (counted.raw.rank,), limited)
    _logger.info("%s", count.reason)
    n, reason = count.chosen("auto")
    n = min(n, counted.raw.rank)
    settings = FrozenSettings({**counted.settings, "n_components": Choice(n, reason)})
    return replace(counted, n_components=n, count=count, settings=settings)


def limited_to_stable(counted: Counted, count: ComponentCount) -> ComponentCount:
    """The same count, of which as many are taken as are stable."""
    image, corrected = counted.prepared.image, counted.corrected
    signal_share = counted.visible(corrected)
    with limit_blas_threads(image.blocks.shape[0]):
        return count_stable_components(image, corrected.spectra, signal_share, count)


def _stable_in_sums(counted: Counted, count: ComponentCount, known: int) -> ComponentCount:
    """The same count, without taking what only sums show and is not reproducible."""
    image, corrected = counted.prepared.image, counted.corrected
    with limit_blas_threads(image.blocks.shape[0]):
        return count_stable_in_sums(
            image, corrected.spectra, counted.visible(corrected), count, known
        )


def recounted(counted: Counted) -> ComponentCount:
    """Count again, with shares of the counts that are really drawn: a pass over the data."""
    prepared, scree = counted.prepared, counted.scree_of_pixels
    significance = thinned_significance(
        prepared.image.blocks,
        counted.raw,
        prepared.noise,
        scree.calibration,
        number=len(scree.repeats),
    )
    scree = replace(scree, repeats=significance)
    count = count_components(prepared, counted.raw, scree, counted.corrected)
    return limited_to_stable(counted, count)
