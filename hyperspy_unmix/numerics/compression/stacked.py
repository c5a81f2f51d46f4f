"""Compressed spectra of several images as those of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank


def joined(parts: Sequence[LowRank], least: float) -> LowRank:
    """All pixels of several compressed images over the same channels, in the order given.

    Components that several images share become one. The noise of the channels is the geometric mean
    of the images', its correlation that of the largest; each image's pixels get weights for it.

    Parameters
    ----------
    parts : sequence of LowRank
    least : float
        Sum of squares (of whitened, weighted spectra) of a direction that is kept.

    Returns
    -------
    LowRank
    """
    sizes = np.array([len(part.scores) for part in parts])
    logarithms = np.array([np.log(part.whitening.channel_sd) for part in parts])
    mean = sizes @ logarithms / sizes.sum()
    largest = parts[int(sizes.argmax())].whitening
    whitening = replace(largest, channel_sd=np.exp(mean))
    # variance of a pixel: the channels' over its weight, which is to stay
    factors = np.exp(2 * (mean - logarithms).mean(1))
    ranks = [part.rank for part in parts]
    ends = np.cumsum([0, *ranks])
    rank, n = int(ends[-1]), int(sizes.sum())
    scores, noise, model_error = np.zeros((n, rank)), np.zeros((rank, rank)), np.zeros((rank, rank))
    first = 0
    for part, factor, start, stop in zip(parts, factors, ends[:-1], ends[1:], strict=True):
        own = slice(start, stop)
        scores[first : first + len(part.scores), own] = part.scores
        share = factor * len(part.scores) / n
        noise[own, own] = share * part.noise
        model_error[own, own] = share * part.model_error
        first += len(part.scores)
    together = LowRank(
        scores=scores,
        components=np.concatenate([part.components for part in parts]),
        weights=np.concatenate([f * part.weights for f, part in zip(factors, parts, strict=True)]),
        whitening=whitening,
        noise=noise,
        model_error=model_error,
        shape_noise=_shape_noise(parts, factors * sizes / n, whitening.whiten),
    )
    return together.recompressed(least, 1)


def _shape_noise(
    parts: Sequence[LowRank], shares: Floats, whiten: Callable[[Floats], Floats]
) -> Floats:
    """Uncertain shapes of all parts, in units of the common noise."""
    return np.concatenate(
        [
            np.sqrt(share) * whiten(part.whitening.colour(part.shape_noise))
            for part, share in zip(parts, shares, strict=True)
        ]
    )
