"""Compressed spectra: ``scores @ components``, with their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.types import Floats

NEGLIGIBLE = 0.02  # of the noise edge: directions that hold less are dropped
PIXELS = 4096  # whose scores are worked on at once


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
    """

    scores: Floats
    components: Floats
    weights: Floats
    whitening: ChannelWhitening
    noise: Floats
    model_error: Floats
    shape_noise: Floats

    @property
    def rank(self) -> int:
        """Number of components."""
        return len(self.components)

    def truncate(self, rank: int) -> LowRank:
        """The first ``rank`` components."""
        return replace(
            self,
            scores=self.scores[:, :rank],
            components=self.components[:rank],
            noise=self.noise[:rank, :rank],
            model_error=self.model_error[:rank, :rank],
        )

    def select_pixels(self, pixels: NDArray[np.intp]) -> LowRank:
        """The spectra of some pixels."""
        return replace(self, scores=self.scores[pixels], weights=self.weights[pixels])

    def select_channels(self, keep: NDArray[np.bool_]) -> LowRank:
        """The spectra in some of the channels."""
        white = self.whitening.select_channels(keep)
        shapes = white.whiten(self.whitening.colour(self.shape_noise)[:, keep])
        components = self.components[:, keep]
        return replace(self, components=components, whitening=white, shape_noise=shapes)

    def appended(self, scores: Floats, components: Floats) -> LowRank:
        """With more components, whose scores and spectra are known without noise."""
        more = (0, len(components))
        return replace(
            self,
            scores=np.concatenate([self.scores, scores], 1),
            components=np.concatenate([self.components, components]),
            noise=np.pad(self.noise, more),
            model_error=np.pad(self.model_error, more),
        )

    def recompressed(self, least: float, rank: int) -> LowRank:
        """With as few components as there are directions of at least this sum of squares.

        ``rank`` are kept in any case.
        """
        moment = self.second_moment() * len(self.scores)
        turn, components = recompression(self.components, moment, self.whitening, least, rank)
        return replace(
            self,
            scores=self.scores @ turn,
            components=components,
            noise=turn.T @ self.noise @ turn,
            model_error=turn.T @ self.model_error @ turn,
        )

    def second_moment(self) -> Floats:
        """Mean over the pixels of the weighted scores' products, shape (rank, rank)."""
        return moment_sum(self.scores.__getitem__, self.weights, self.rank) / len(self.scores)

    def component_errors(self) -> Floats:
        """Covariance of the components' noise, in units of the channels' variance."""
        products = self.second_moment() * len(self.scores)
        level, axes = np.linalg.eigh(products)
        least = np.finfo(float).eps * level[-1]
        if level[0] > least:
            return np.asarray(np.linalg.inv(products))
        # a component without scores may be next to anything
        return np.asarray(axes / np.maximum(level, least) @ axes.T)


def moment_sum(scores: Callable[[slice], Floats], weights: Floats, rank: int) -> Floats:
    """Sum over the pixels of the weighted scores' products, in double precision.

    ``scores`` gives those of some pixels, shape (pixels, rank): all at once may be too much.
    """
    total = np.zeros((rank, rank))
    for piece in pieces(len(weights)):
        some = scores(piece).astype(float)
        total += (some.T * weights[piece]) @ some
    return total


def pieces(n: int) -> list[slice]:
    """Some pixels after the others."""
    return [slice(start, start + PIXELS) for start in range(0, n, PIXELS)]


def recompression(
    components: Floats, moment: Floats, whitening: ChannelWhitening, least: float, rank: int
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
    rank : int
        Directions that are kept in any case.

    Returns
    -------
    turn : array, shape (any, kept)
        New scores are ``scores @ turn``.
    components : array, shape (kept, channels)
    """
    basis, to_basis = np.linalg.qr(whitening.whiten(components).T)
    values, axes = np.linalg.eigh(to_basis @ moment @ to_basis.T)
    kept = min(max(int((values > least).sum()), rank), len(values))
    axes = axes[:, ::-1][:, :kept]
    return to_basis.T @ axes, whitening.colour((basis @ axes).T)
