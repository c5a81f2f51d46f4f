"""Compressed spectra of one scan by several detectors as those of one detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from hyperspy_unmix.numerics.linear_algebra import generalised_eigenvectors, with_signs
from hyperspy_unmix.numerics.noise.noise_edge import leading_count, noise_edge
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, side_by_side
from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank
from .number_of_components import expected_squared_cosines


@dataclass(frozen=True)
class JoinedChannels:
    """Spectra of several detectors as those of one, whose channels are all of theirs.

    Parameters
    ----------
    spectra : LowRank
        Most significant first; the channels of the first detector, then those of the second, ...
    whitenings : tuple of ChannelWhitening
        Of the channels of each detector, in ``spectra``.
    values : array, shape (rank,)
        Sums of squares over what noise reaches: 1 is the floor, falling.
    visible : array, shape (rank,)
        Share of each component's spectrum that is not noise.
    """

    spectra: LowRank
    whitenings: tuple[ChannelWhitening, ...]
    values: Floats
    visible: Floats

    @property
    def above_noise(self) -> int:
        """Components that the detectors hold together; no fewer than one of them alone."""
        return leading_count(self.values > 1)

    def truncate(self, rank: int) -> JoinedChannels:
        """Keep the first ``rank`` components."""
        return JoinedChannels(
            self.spectra.truncate(rank), self.whitenings, self.values[:rank], self.visible[:rank]
        )

    @property
    def channels(self) -> tuple[slice, ...]:
        """The channels of each detector."""
        ends = np.cumsum([len(whitening.channel_sd) for whitening in self.whitenings])
        return tuple(
            slice(int(b - len(w.channel_sd)), int(b))
            for w, b in zip(self.whitenings, ends, strict=True)
        )

    def of_detector(self, detector: int) -> LowRank:
        """The same scores, over the channels of one detector."""
        channels = self.channels[detector]
        return replace(
            self.spectra,
            components=self.spectra.components[:, channels],
            whitening=self.whitenings[detector],
            shape_noise=np.zeros((0, channels.stop - channels.start)),
        )

    def with_components(self, components: Floats) -> JoinedChannels:
        """The same scores with other spectra, shape (rank, channels of all)."""
        return replace(self, spectra=replace(self.spectra, components=components))


def join_channels(parts: Sequence[LowRank], reach: Sequence[float]) -> JoinedChannels:
    """Join the channels of several compressed images of the same pixels.

    Maps that detectors share become one component, those that one of them sees alone stay. Each
    detector counts by its noise. A pixel's weight is that of the sum of the relative variances: the
    same for all detectors, for one product of maps and spectra has one factor for each pixel.

    A direction counts as noise up to the sum of squares that the noise of its detectors may reach:
    a map that is found again in another detector leaves there no more than noise. So the count is
    at least that of each detector, and at most the sum of them (Cauchy's interlacing theorem).

    Parameters
    ----------
    parts : sequence of LowRank
        Components that stand out of the noise, the most significant first. Noise and model error of
        the weighted scores add up to the unit matrix, see `significance.order_by_significance`.
    reach : sequence of float
        Sum of squares that noise reaches along a component of each: its noise edge.

    Returns
    -------
    JoinedChannels
    """
    n = len(parts[0].scores)
    # One weight for all detectors, and the mean variance that it leaves each of them.
    relative = [1 / part.weights for part in parts]
    weights = 1 / np.mean([variance / variance.mean() for variance in relative], 0)
    variances = [float(np.mean(weights * variance)) for variance in relative]
    stacked = _stacked(parts, weights, variances)
    # What noise may reach, along each component of each detector.
    second = stacked.second_moment()
    reached = [
        np.full(part.rank, variance * own / n)
        for part, own, variance in zip(parts, reach, variances, strict=True)
    ]
    values, vectors = generalised_eigenvectors(second, np.diag(np.concatenate(reached)))
    values, vectors = values[::-1], vectors[:, ::-1]
    components = np.linalg.solve(vectors, stacked.components)
    signs = np.sign(np.sum(components * with_signs(components.T).T, 1))
    components, vectors = components * signs[:, None], vectors * signs
    joined = replace(
        stacked,
        scores=stacked.scores @ vectors,
        components=components,
        noise=vectors.T @ stacked.noise @ vectors,
        model_error=vectors.T @ stacked.model_error @ vectors,
    )
    whitenings = tuple(_scaled(part, h) for part, h in zip(parts, variances, strict=True))
    visible = _visible(joined, vectors, parts, variances)
    return JoinedChannels(joined, whitenings, values, visible)


def _stacked(parts: Sequence[LowRank], weights: Floats, variances: Sequence[float]) -> LowRank:
    """All components of all parts, each on the channels of its detector."""
    noise = [h * part.noise for part, h in zip(parts, variances, strict=True)]
    model_error = [h * part.model_error for part, h in zip(parts, variances, strict=True)]
    components = block_diag(*(part.components for part in parts))
    whitenings = [_scaled(part, h) for part, h in zip(parts, variances, strict=True)]
    return LowRank(
        scores=np.concatenate([part.scores for part in parts], 1),
        components=components,
        weights=weights,
        whitening=side_by_side(whitenings),
        noise=block_diag(*noise),
        model_error=block_diag(*model_error),
        # That of the parts is in the noise of their scores.
        shape_noise=np.zeros((0, components.shape[1])),
    )


def _scaled(part: LowRank, variance: float) -> ChannelWhitening:
    """Whitening of noise of so many times the variance."""
    return replace(part.whitening, channel_sd=part.whitening.channel_sd * np.sqrt(variance))


def _visible(
    joined: LowRank, vectors: Floats, parts: Sequence[LowRank], variances: Sequence[float]
) -> Floats:
    """Share of each component's spectrum that is not noise."""
    n = len(joined.scores)
    noise = np.diag(joined.noise + joined.model_error)
    ratios = np.diag(joined.second_moment()) / noise
    # Each component over as many channels as its noise comes from.
    channels = np.concatenate(
        [
            np.full(part.rank, h * part.components.shape[1])
            for part, h in zip(parts, variances, strict=True)
        ]
    )
    effective = np.maximum(channels @ vectors**2 / noise, 1).astype(int)
    return np.array(
        [
            expected_squared_cosines(np.array([ratio * n / noise_edge(n, m)]), n, m)[0][0]
            for ratio, m in zip(ratios, effective, strict=True)
        ]
    )
