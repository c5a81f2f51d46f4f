"""Compressed spectra: ``scores @ components``, with their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.linear_algebra import with_signs
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.types import Floats

NEGLIGIBLE_SHARE_OF_EDGE = 0.02  # of the noise edge: directions that hold less are dropped
PIXELS_AT_ONCE = 4096  # whose scores are worked on together


@dataclass(frozen=True)
class LowRank:
    """Spectra in compressed form: ``scores @ components``, and the noise in the scores.

    Parameters
    ----------
    scores : array, shape (pixels, rank)
    components : array, shape (rank, channels)
        In the units of the data.
    weights : array, shape (pixels,)
        One over the noise variance of each pixel, relative to ``whitening``.
    whitening : ChannelWhitening
        Noise of the channels at unit weight.
    noise : array, shape (rank, rank)
        Mean covariance of the noise of ``sqrt(weights) * scores``.
    model_error : array, shape (rank, rank)
        Mean second moment of what the physics stages may have got wrong, likewise.
    shape_noise : array, shape (any, channels)
        Whitened spectra along which the components themselves are uncertain.
    directions : array, shape (rank, channels), optional
        Orthonormal, along which the scores of whitened spectra were taken; None: the components, as
        of a PCA.
    """

    scores: Floats
    components: Floats
    weights: Floats
    whitening: ChannelWhitening
    noise: Floats
    model_error: Floats
    shape_noise: Floats
    directions: Floats | None = None

    @property
    def white_directions(self) -> Floats:
        """Whitened spectra along which the scores were taken, shape (rank, channels)."""
        if self.directions is not None:
            return self.directions
        return self.whitening.whiten(self.components)

    @property
    def rank(self) -> int:
        """Number of components."""
        return len(self.components)

    def truncate(self, rank: int) -> LowRank:
        """Keep the first ``rank`` components."""
        return replace(
            self,
            scores=self.scores[:, :rank],
            components=self.components[:rank],
            noise=self.noise[:rank, :rank],
            model_error=self.model_error[:rank, :rank],
            directions=None if self.directions is None else self.directions[:rank],
        )

    def with_leading(self, leading: LowRank) -> LowRank:
        """The same scores, the first components those of ``leading``."""
        components = np.concatenate([leading.components, self.components[leading.rank :]])
        return replace(self, components=components)

    def select_pixels(self, pixels: NDArray[np.intp]) -> LowRank:
        """Keep the spectra of these pixels, given by their numbers."""
        return replace(self, scores=self.scores[pixels], weights=self.weights[pixels])

    def select_channels(self, keep: NDArray[np.bool_]) -> LowRank:
        """Keep the channels that the boolean mask ``keep`` selects."""
        whitening = self.whitening.select_channels(keep)
        return replace(
            self,
            components=self.components[:, keep],
            directions=None if self.directions is None else self.directions[:, keep],
            whitening=whitening,
            shape_noise=whitening.whiten(self.whitening.colour(self.shape_noise)[:, keep]),
        )

    def append_components(self, scores: Floats, components: Floats) -> LowRank:
        """Add components whose scores (pixels, k) and spectra (k, channels) have no noise."""
        zeros_behind = (0, len(components))
        return replace(
            self,
            scores=np.concatenate([self.scores, scores], 1),
            components=np.concatenate([self.components, components]),
            noise=np.pad(self.noise, zeros_behind),
            model_error=np.pad(self.model_error, zeros_behind),
        )

    def recompress(self, least: float, least_rank: int) -> LowRank:
        """Keep as few components as there are directions of at least this sum of squares.

        ``least_rank`` are kept in any case; see `recompression`.
        """
        moment = self.second_moment() * len(self.scores)
        transform, components = recompression(
            self.components, moment, self.whitening, least, least_rank
        )
        return replace(
            self,
            scores=self.scores @ transform,
            components=components,
            noise=transform.T @ self.noise @ transform,
            model_error=transform.T @ self.model_error @ transform,
        )

    def second_moment(self) -> Floats:
        """Mean over the pixels of the weighted scores' products, shape (rank, rank)."""
        return moment_sum(self.scores.__getitem__, self.weights, self.rank) / len(self.scores)

    def map_moments(self, unmixing: Floats) -> tuple[Floats, Floats]:
        """Mean of the maps of ``unmixing @ components``, and their covariance less their noise's.

        Shapes (rank,) and (rank, rank); pixels are weighted.
        """
        inverse, share = np.linalg.inv(unmixing), self.weights / self.weights.sum()
        mean = share @ self.scores
        centred = self.scores - mean
        covariance = (centred.T * share) @ centred
        covariance = covariance - (self.noise + self.model_error) / self.weights.mean()
        return mean @ inverse, inverse.T @ covariance @ inverse

    def component_errors(self) -> Floats:
        """Covariance of the components' noise, in units of the channels' variance."""
        products = self.second_moment() * len(self.scores)
        eigenvalues, axes = np.linalg.eigh(products)
        floor = np.finfo(float).eps * eigenvalues[-1]
        if eigenvalues[0] > floor:
            return np.asarray(np.linalg.inv(products))
        # The spectrum of a component without scores may be next to anything.
        return np.asarray(axes / np.maximum(eigenvalues, floor) @ axes.T)


def moment_sum(scores: Callable[[slice], Floats], weights: Floats, rank: int) -> Floats:
    """Sum over the pixels of the weighted scores' products, in double precision.

    Parameters
    ----------
    scores : callable
        Gives the scores of a slice of the pixels, shape (pixels of the slice, rank): those of all
        pixels may take too much memory.
    weights : array, shape (pixels,)
    rank : int

    Returns
    -------
    array, shape (rank, rank)
    """
    total = np.zeros((rank, rank))
    for pixels in pixel_slices(len(weights)):
        slice_scores = scores(pixels).astype(float)
        total += (slice_scores.T * weights[pixels]) @ slice_scores
    return total


def pixel_slices(n: int) -> list[slice]:
    """Slices of `PIXELS_AT_ONCE` pixels that together are all n."""
    return [slice(start, start + PIXELS_AT_ONCE) for start in range(0, n, PIXELS_AT_ONCE)]


def recompression(
    components: Floats, moment: Floats, whitening: ChannelWhitening, least: float, least_rank: int
) -> tuple[Floats, Floats]:
    """The few directions in which ``scores @ components`` are more than next to nothing.

    Parameters
    ----------
    components : array, shape (any, channels)
    moment : array, shape (any, any)
        Sum over the pixels of the weighted scores' products.
    whitening : ChannelWhitening
    least : float
        Sum of squares (of whitened, weighted spectra) of a direction that is kept.
    least_rank : int
        Directions that are kept in any case.

    Returns
    -------
    transform : array, shape (any, kept)
        New scores are ``scores @ transform``.
    components : array, shape (kept, channels)
    """
    basis, to_basis = np.linalg.qr(whitening.whiten(components).T)
    values, axes = np.linalg.eigh(to_basis @ moment @ to_basis.T)
    n_kept = min(max(int((values > least).sum()), least_rank), len(values))
    axes = axes[:, ::-1][:, :n_kept]
    directions = with_signs(basis @ axes)
    axes = basis.T @ directions
    return to_basis.T @ axes, whitening.colour(directions.T)
