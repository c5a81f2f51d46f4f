"""Compressed spectra of one scan by several detectors: joined, counted, separated together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import MOST_ERROR_OF_ICA, ica_errors
from hyperspy_unmix.numerics.compression.join_channels import JoinedChannels, join_channels
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount, choose_rank
from hyperspy_unmix.numerics.compression.relative_gain import over_gain, relative_gains
from hyperspy_unmix.numerics.separation.ica import separate
from hyperspy_unmix.numerics.types import Floats, Mask

from .counted import Counted
from .one_detector import (
    corrected_in_pixels,
    drift_components,
    in_common,
    not_scattered_again,
    reach_of_noise,
    rows_in_common,
    supported_components,
)
from .separable import DetailOfDetectors, JoinedImages
from .separated import Separated
from .separation import choose_detail, count_stable_components, separate_components
from .spectra_of_maps import with_spectra_of_maps

ODDS_TRIED = (1.0, 0.3, 3.0, 0.1, 10.0, 0.03, 30.0, 0.01, 100.0)  # of one detector against others


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
    known = [supported_components(one) for one in counted]
    factors = [not_scattered_again(one)[rows_in_common(one, pixels)] for one in counted]
    parts = [
        in_common(one, corrected_in_pixels(one, max(number, wanted)), pixels, factor)
        for one, number, factor in zip(counted, known, factors, strict=True)
    ]
    reach = [reach_of_noise(one, part) for one, part in zip(counted, parts, strict=True)]
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
    drift = max(drift_components(one) for one in counted)
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
    channels = with_spectra_of_maps(channels, counted, pixels, factors, gains)
    return Joined(tuple(counted), pixels, tuple(factors), channels, count, alone, gains)


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
        part = channels.of_detector(i).recompress(np.inf, supported_components(one))
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
    rows = rows_in_common(one, joined.pixels)
    if rows.all():
        return maps, noise
    own = corrected_in_pixels(one, supported_components(one))
    white = own.whitening.whiten(spectra)
    inverse = np.linalg.pinv(white)
    maps_of_all = own.scores @ (own.whitening.whiten(own.components) @ inverse)
    noise_of_all = np.sum(inverse**2, 0) / own.weights[:, None]
    maps_of_all[rows], noise_of_all[rows] = maps, noise
    return maps_of_all, noise_of_all


def _error_by_chance(spectra: LowRank, signals: Floats, random_state: int) -> float:
    """Mean square of the degrees by which an ICA of the ``signals`` may turn the spectra."""
    if spectra.rank < 2 or spectra.rank >= signals.shape[1]:
        return 0.0
    found = separate(signals, random_state)
    errors = ica_errors(spectra, signals, found.unmixing, not found.super_gaussian)
    pairs = ~np.eye(spectra.rank, dtype=bool)
    return float(np.mean(np.minimum(errors[pairs], MOST_ERROR_OF_ICA) ** 2))
