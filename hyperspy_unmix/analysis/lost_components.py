"""Components of sums against those of single pixels: what is known of them, what is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.compression.summed_channels import share_in_sums
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.sums_of_pixels import cells_of_pixels
from hyperspy_unmix.numerics.types import Mask
from hyperspy_unmix.settings import Choice, FrozenSettings

from .correct_and_count import correct_leading
from .counted import Counted

# Over the noise edge, of a component that is clearly there.
LEAST_STRENGTH = 1.05
SIGMAS_ALONE = 5.0  # by which a pixel differs from those about it not to be summed with them
LEAST_SHARE_KEPT = 0.5  # of what is known of a component of single pixels


def known_components(counted: Counted) -> float:
    """Expected squared cosines of the components' spectra with the truth, summed over all."""
    values = counted.corrected.values[: counted.count.consensus]
    return float(expected_squared_cosines(values, *counted.shape)[0].sum())


def without_doubtful(sums: Counted, other: Counted, of_single: int, strength: float) -> Counted:
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


def lost_components(sums: Counted, single: Counted, channels: int = 1) -> Mask:
    """Which of the components that ``single`` clearly shows the sums do not have.

    ``channels`` are summed in ``sums``, none in ``single``.
    """
    number, of_channels = single.count.consensus, single.prepared.image.blocks.channels
    found = sums.corrected.spectra.truncate(sums.count.consensus)
    directions = np.linalg.qr(sums.raw.whitening.whiten(found.components).T)[0]
    components = single.corrected.spectra.truncate(number).components
    held, summed = share_in_sums(components, single.raw.whitening, of_channels, channels)
    white = sums.raw.whitening.whiten(summed)
    lengths = np.sum(white**2, 1)
    kept = held * np.sum((white @ directions) ** 2, 1) / np.maximum(lengths, 1e-300)
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
