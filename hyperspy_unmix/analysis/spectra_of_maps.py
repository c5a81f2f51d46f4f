"""Spectra of each of several detectors that fit its counts best, the maps being those of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hyperspy_unmix.numerics.compression.join_channels import JoinedChannels
from hyperspy_unmix.numerics.corrections.correct import correct
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.types import Floats, Mask

from .component_count import agreed_count
from .counted import Counted
from .one_detector import in_common, rows_in_common
from .separate_counted import fitted_as_recorded


def with_spectra_of_maps(
    channels: JoinedChannels,
    counted: Sequence[Counted],
    pixels: Mask,
    factors: Sequence[Floats],
    gains: Sequence[Floats] | None,
) -> JoinedChannels:
    """The same maps, with the spectra that fit the counts of each detector best.

    A component that a detector does not see by itself is in no direction of its own PCA, and may
    well be seen along a map that another detector knows. One pass over the data of each. What is
    given is described in `detectors.Joined`.
    """
    scores, weights = channels.spectra.scores, channels.spectra.weights
    normal = (scores.T * weights) @ scores
    weighted = np.linalg.solve(normal, scores.T * weights).T
    ones = (np.ones(len(scores)),) * len(counted)
    each = zip(counted, factors, gains or ones, strict=True)
    components = [
        _least_squares(one, pixels, factor, gain, scores, weighted) for one, factor, gain in each
    ]
    return channels.with_components(np.concatenate(components, 1))


def _least_squares(
    one: Counted, pixels: Mask, factor: Floats, gain: Floats, scores: Floats, weighted: Floats
) -> Floats:
    """Spectra (rank, channels) of these scores; ``weighted.T @ counts`` are those of the counts.

    What of the counts as recorded goes along the scores, and is in no component yet, goes through
    the corrections with them.
    """
    rows = rows_in_common(one, pixels)
    on_pixels = np.zeros((len(rows), weighted.shape[1]))
    on_pixels[rows] = weighted / gain[:, None]
    corrections = one.prepared.corrections
    recorded = one.recorded
    if one.summed is None:
        recorded = recorded.truncate(max(agreed_count(one.scree_of_pixels), 1))
    found = _along(one, on_pixels)
    if not corrections.corrections:
        return found
    left = found - (on_pixels.T @ recorded.scores) @ recorded.components
    of_pixels = np.zeros_like(on_pixels)
    of_pixels[rows] = scores * gain[:, None]
    with_them = recorded.append_components(of_pixels, left)
    corrected = correct(with_them, one.edge, corrections).spectra
    corrected = in_common(one, fitted_as_recorded(one, corrected, one.corrected), pixels, factor)
    return np.asarray((weighted.T @ corrected.scores) @ corrected.components)


def _along(one: Counted, on_pixels: Floats) -> Floats:
    """``on_pixels.T @ counts``, shape (rank, channels); one pass over the counts."""

    def add(blocks: Iterator[Block]) -> tuple[Floats, None]:
        total = np.zeros((on_pixels.shape[1], one.prepared.image.blocks.shape[1]))
        for block in blocks:
            total += block.per_pixel[0].T @ block.spectra.astype(float)
        return total, None

    combine: Callable[[Sequence[Floats]], Floats] = sum  # type: ignore[assignment]
    return one.prepared.image.blocks.reduce(add, combine, on_pixels, stage="spectra of the maps")[0]
