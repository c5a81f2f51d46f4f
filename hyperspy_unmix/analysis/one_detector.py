"""What one of several detectors has to be joined with the others: components, pixels, reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats, Mask

from .counted import Counted
from .separate_counted import fitted_as_recorded

SHARE_OF_WEAKEST = 0.9  # component of few counts: up to that a direction may be noise


def drift_components(one: Counted) -> int:
    """Components that an energy drift makes, and that no alignment took out."""
    aligned = one.prepared.drift is not None and one.prepared.drift.applied
    return 0 if aligned else one.count.drift


def supported_components(one: Counted) -> int:
    """Components of a detector that are no noise, those of a drift among them; at least one."""
    return max(one.count.consensus + drift_components(one), 1)


def corrected_in_pixels(one: Counted, rank: int) -> LowRank:
    """The leading components of a detector, with the scores of single pixels that fit best."""
    spectra = one.corrected_components(rank)
    return spectra if one.summed else fitted_as_recorded(one, spectra, one.corrected)


def rows_in_common(one: Counted, pixels: Mask) -> Mask:
    """Which of the pixels that count for a detector count for all."""
    return pixels[one.prepared.image.blocks.pixels]


def in_common(one: Counted, spectra: LowRank, pixels: Mask, factor: Floats) -> LowRank:
    """The spectra of the pixels that count for all, in the units that the maps of all have."""
    chosen = spectra.select_pixels(np.flatnonzero(rows_in_common(one, pixels)))
    return replace(
        chosen, scores=chosen.scores * factor[:, None], weights=chosen.weights / factor**2
    )


def not_scattered_again(one: Counted) -> Floats:
    """One over the share of the beam that single scattering is recorded of, for every pixel.

    ``exp(t/lambda)`` where plural scattering is taken out of a core loss: what was scattered more
    than once is no single scattering, and thick pixels lose the more of it. Other detectors lose
    nothing. The mean is one.
    """
    low_loss, image = one.prepared.low_loss, one.prepared.image
    if low_loss is None or not low_loss.deconvolves:
        return np.ones(image.blocks.shape[0])
    t = np.nan_to_num(low_loss.per_pixel(low_loss.thickness.values, image), nan=0.0)
    factor = np.exp(np.maximum(t, 0.0))
    return np.asarray(factor / factor.mean())


def reach_of_noise(one: Counted, part: LowRank) -> float:
    """Sum of squares up to which a direction of a detector may be noise.

    Components that were found in sums of pixels may be weaker in single ones than what noise
    reaches there: then it is next to the weakest of them.
    """
    if one.summed is None:
        return one.edge
    n = len(part.scores)
    least = n * float(np.linalg.eigvalsh(part.second_moment())[0])
    return min(one.edge, SHARE_OF_WEAKEST * least)
