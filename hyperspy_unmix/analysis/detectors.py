"""Compressed spectra of one scan by several detectors: joined, counted, separated together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import MOST_ERROR_OF_ICA, ica_errors
from hyperspy_unmix.numerics.compression.join_channels import JoinedChannels, join_channels
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount, choose_rank
from hyperspy_unmix.numerics.compression.relative_gain import over_gain, relative_gains
from hyperspy_unmix.numerics.corrections.correct import correct
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.separation.ica import separate
from hyperspy_unmix.numerics.types import Floats, Mask

from .component_count import agreed_count
from .counted import Counted
from .separable import DetailOfDetectors, JoinedImages
from .separate_counted import fitted_as_recorded
from .separated import Separated
from .separation import choose_detail, count_stable_components, separate_components

ODDS_TRIED = (1.0, 0.3, 3.0, 0.1, 10.0, 0.03, 30.0, 0.01, 100.0)  # of one detector against others

SHARE_OF_WEAKEST = 0.9  # component of few counts: up to that a direction may be noise


@dataclass(frozen=True, eq=False)
class Joined:
    """What several detectors saw of the same pixels, as spectra of one.

    Parameters
    ----------
    counted : tuple of Counted
        Of each detector.
    pixels : bool array, shape (all pixels,)
        Those that count for every detector.
    factors : tuple of arrays, each of shape (pixels,)
        By which the maps of all are more than what each detector records of them.
    channels : JoinedChannels
    count : ComponentCount
    alone : tuple of int
        Components of each detector.
    gains : tuple of arrays, each of shape (pixels,), optional
        By which a detector records more of a pixel than the others do, where that is more than
        noise and explains what else would be components of its own.
    """

    counted: tuple[Counted, ...]
    pixels: Mask
    factors: tuple[Floats, ...]
    channels: JoinedChannels
    count: ComponentCount
    alone: tuple[int, ...]
    gains: tuple[Floats, ...] | None = None

    @property
    def image(self) -> JoinedImages:
        """The axes of all."""
        return JoinedImages.of([one.prepared.image for one in self.counted], self.pixels)

    @property
    def shared(self) -> int:
        """Components that are found again in another detector."""
        return max(sum(self.alone) - self.count.consensus, 0)


def join_detectors(counted: Sequence[Counted], asked: int | str) -> Joined:
    """Join what several detectors saw of one scan, and count what they hold together.

    Parameters
    ----------
    counted : sequence of Counted
        Of each detector; all scans have the same pixels.
    asked : int or str
        As in `hyperspy_unmix.unmix`: at least so many components are kept.

    Raises
    ------
    ValueError
        If there is no pixel that counts for every detector.
    """
    pixels = np.all([one.prepared.image.blocks.pixels for one in counted], 0)
    if not pixels.any():
        raise ValueError(
            "no pixel counts for every detector: each is masked or without counts in one of them."
        )
    wanted = asked if isinstance(asked, int) else 1
    known = [_supported(one) for one in counted]
    factors = [_share_not_scattered(one)[_rows(one, pixels)] for one in counted]
    parts = [
        _in_pixels(one, _corrected(one, max(number, wanted)), pixels, factor)
        for one, number, factor in zip(counted, known, factors, strict=True)
    ]
    reach = [_reach(one, part) for one, part in zip(counted, parts, strict=True)]
    channels = join_channels(parts, reach)
    gains = _gains(parts, channels, known)
    if gains is not None:
        evened = [over_gain(part, gain) for part, gain in zip(parts, gains, strict=True)]
        with_gains = join_channels(evened, reach)
        if with_gains.above_noise < channels.above_noise:
            channels = with_gains
            factors = [f / gain for f, gain in zip(factors, gains, strict=True)]
        else:
            gains = None
    drift = max(_drift(one) for one in counted)
    alone = tuple(one.count.consensus for one in counted)
    agreed = max(min(channels.above_noise, sum(known)) - drift, 0)
    count = choose_rank(
        channels.values,
        int(pixels.sum()),
        max(part.components.shape[1] for part in parts),
        agreed,
        "in all detectors together",
        f" (alone: {', '.join(map(str, alone))})",
        drift=drift,
    )
    kept = max(agreed + drift, wanted, 1)
    channels = channels.truncate(min(kept, channels.spectra.rank))
    joined = Joined(tuple(counted), pixels, tuple(factors), channels, count, alone, gains)
    return replace(joined, channels=_with_spectra_of_maps(joined))


def _gains(
    parts: Sequence[LowRank], channels: JoinedChannels, known: Sequence[int]
) -> tuple[Floats, ...] | None:
    """Gains of the pixels of each detector; None where all maps are in common without them."""
    if channels.above_noise <= max(known) or sorted(known)[-2] < 2:
        return None
    leading = [part.truncate(number) for part, number in zip(parts, known, strict=True)]
    return relative_gains(leading)


def detail_of(joined: Joined, random_state: int) -> DetailOfDetectors:
    """The derivatives of all detectors, with the powers of which chance leaves the least mixed up.

    Independence errs where spectra share features by chance, and how far is known from the spectra
    themselves, see `ica_errors`: a detector whose lines coincide gets less of a say. Powers are
    tried in steps, one detector after the other against all others.
    """
    channels, details = joined.channels, []
    for i, one in enumerate(joined.counted):
        # As many components as the detector tells apart, of the maps that all have found.
        part = channels.of_detector(i).recompress(np.inf, _supported(one))
        details.append(choose_detail(one.prepared.image, part, part.rank))
    positions, spectra = joined.image.positions, channels.spectra
    sd = spectra.whitening.channel_sd

    def of_odds(odds: Floats) -> DetailOfDetectors:
        shares = odds / odds.sum()
        return DetailOfDetectors.of_parts(details, positions, shares, spectra.components, sd)

    odds = np.ones(len(details))
    for i in range(len(details) - 1):
        errors = {}
        for factor in ODDS_TRIED:
            tried = np.where(np.arange(len(odds)) == i, odds * factor, odds)
            signals = of_odds(tried).of(spectra.components, sd)
            errors[factor] = _error_by_chance(spectra, signals, random_state)
        odds[i] *= min(errors, key=lambda factor: errors[factor])
    return of_odds(odds)


def separate_detectors(
    joined: Joined, asked: int | str, options: SeparationOptions
) -> tuple[Separated, ComponentCount, int]:
    """Separate what all detectors saw; who calls warns of the findings.

    Returns
    -------
    Separated
        Over the channels of all detectors, one behind the other.
    ComponentCount
    int
        Number of components taken.
    """
    image, detail, count = joined.image, detail_of(joined, options.random_state), joined.count
    spectra, visible = joined.channels.spectra, joined.channels.visible
    if asked == "auto":
        count = count_stable_components(image, spectra, visible, count, detail)
    n = min(asked if isinstance(asked, int) else max(count.automatic, 1), spectra.rank)
    separated = separate_components(
        image, spectra.truncate(n), visible[:n], count, options, detail=detail
    )
    return separated, count, n


def on_all_pixels(
    joined: Joined, detector: int, spectra: Floats, maps: Floats, noise: Floats
) -> tuple[Floats, Floats]:
    """Maps of a detector, and the variance of their noise, on all pixels that count for it.

    Pixels that do not count for the others have the maps that fit its own counts.

    Parameters
    ----------
    joined : Joined
    detector : int
    spectra : array, shape (components, channels)
        Of the detector, in values as recorded.
    maps, noise : array, shape (pixels that count for all, components)

    Returns
    -------
    maps, noise : array, shape (pixels that count for the detector, components)
    """
    one = joined.counted[detector]
    rows = _rows(one, joined.pixels)
    if rows.all():
        return maps, noise
    own = _corrected(one, _supported(one))
    white = own.whitening.whiten(spectra)
    inverse = np.linalg.pinv(white)
    maps_of_all = own.scores @ (own.whitening.whiten(own.components) @ inverse)
    noise_of_all = np.sum(inverse**2, 0) / own.weights[:, None]
    maps_of_all[rows], noise_of_all[rows] = maps, noise
    return maps_of_all, noise_of_all


def _drift(one: Counted) -> int:
    """Components that an energy drift makes, and that no alignment took out."""
    aligned = one.prepared.drift is not None and one.prepared.drift.applied
    return 0 if aligned else one.count.drift


def _supported(one: Counted) -> int:
    """Components of a detector that are no noise, those of a drift among them; at least one."""
    return max(one.count.consensus + _drift(one), 1)


def _corrected(one: Counted, rank: int) -> LowRank:
    """The leading components of a detector, with the scores of single pixels that fit best."""
    if one.summed is not None:
        sums = one.summed
        return sums.of_pixels(sums.separable.corrected.spectra.truncate(rank))
    spectra = one.corrected.spectra.truncate(rank)
    return fitted_as_recorded(one, spectra, one.corrected)


def _rows(one: Counted, pixels: Mask) -> Mask:
    """Which of the pixels that count for a detector count for all."""
    return pixels[one.prepared.image.blocks.pixels]


def _in_pixels(one: Counted, spectra: LowRank, pixels: Mask, factor: Floats) -> LowRank:
    """The spectra of the pixels that count for all, in the units that the maps of all have."""
    chosen = spectra.select_pixels(np.flatnonzero(_rows(one, pixels)))
    return replace(
        chosen, scores=chosen.scores * factor[:, None], weights=chosen.weights / factor**2
    )


def _share_not_scattered(one: Counted) -> Floats:
    """Of every pixel, one over the share of the beam that single scattering is recorded of.

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


def _reach(one: Counted, part: LowRank) -> float:
    """Sum of squares up to which a direction of a detector may be noise.

    Components that were found in sums of pixels may be weaker in single ones than what noise
    reaches there: then it is next to the weakest of them.
    """
    if one.summed is None:
        return one.edge
    n = len(part.scores)
    least = n * float(np.linalg.eigvalsh(part.second_moment())[0])
    return min(one.edge, SHARE_OF_WEAKEST * least)


def _error_by_chance(spectra: LowRank, signals: Floats, random_state: int) -> float:
    """Mean square of the degrees by which an ICA of the ``signals`` may turn the spectra."""
    if spectra.rank < 2 or spectra.rank >= signals.shape[1]:
        return 0.0
    found = separate(signals, random_state)
    errors = ica_errors(spectra, signals, found.unmixing, not found.super_gaussian)
    pairs = ~np.eye(spectra.rank, dtype=bool)
    return float(np.mean(np.minimum(errors[pairs], MOST_ERROR_OF_ICA) ** 2))


def _with_spectra_of_maps(joined: Joined) -> JoinedChannels:
    """The same maps, with the spectra that fit the counts of each detector best.

    A component that a detector does not see by itself is in no direction of its own PCA, and may
    well be seen along a map that another detector knows. One pass over the data of each.
    """
    channels = joined.channels
    scores, weights = channels.spectra.scores, channels.spectra.weights
    normal = (scores.T * weights) @ scores
    weighted = np.linalg.solve(normal, scores.T * weights).T
    ones = (np.ones(len(scores)),) * len(joined.counted)
    each = zip(joined.counted, joined.factors, joined.gains or ones, strict=True)
    components = [
        _least_squares(one, joined.pixels, factor, gain, scores, weighted)
        for one, factor, gain in each
    ]
    return channels.with_components(np.concatenate(components, 1))


def _least_squares(
    one: Counted, pixels: Mask, factor: Floats, gain: Floats, scores: Floats, weighted: Floats
) -> Floats:
    """Spectra (rank, channels) of these scores; ``weighted.T @ counts`` are those of the counts.

    What of the counts as recorded goes along the scores, and is in no component yet, goes through
    the corrections with them.
    """
    rows = _rows(one, pixels)
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
    corrected = _in_pixels(one, fitted_as_recorded(one, corrected, one.corrected), pixels, factor)
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
