"""Compressed spectra of several images as those of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank


def join(parts: Sequence[LowRank], least: float) -> LowRank:
    """Join the pixels of several compressed images over the same channels, in the order given.

    Components that several images share become one. The noise of the channels is the geometric mean
    of the images', its correlation that of the largest; each image's pixels get weights for it.

    Parameters
    ----------
    parts : sequence of LowRank
        The images.
    least : float
        Sum of squares (of whitened, weighted spectra) of a direction that is kept.

    Returns
    -------
    LowRank
    """
    # The whitening for all images.
    sizes = np.array([len(part.scores) for part in parts])
    log_sd = np.array([np.log(part.whitening.channel_sd) for part in parts])
    mean_log_sd = sizes @ log_sd / sizes.sum()
    largest = parts[int(sizes.argmax())]
    whitening = replace(largest.whitening, channel_sd=np.exp(mean_log_sd))
    # A pixel's variance is the channels' over its weight. It stays, so that the weights change.
    weight_factors = np.exp(2 * (mean_log_sd - log_sd).mean(1))
    # All scores, in which each image has pixels and components of its own.
    ends = np.cumsum([0, *(part.rank for part in parts)])
    rank, n = int(ends[-1]), int(sizes.sum())
    scores, noise, model_error = np.zeros((n, rank)), np.zeros((rank, rank)), np.zeros((rank, rank))
    first_pixel = 0
    for part, factor, start, stop in zip(parts, weight_factors, ends[:-1], ends[1:], strict=True):
        columns = slice(start, stop)
        scores[first_pixel : first_pixel + len(part.scores), columns] = part.scores
        share = factor * len(part.scores) / n
        noise[columns, columns] = share * part.noise
        model_error[columns, columns] = share * part.model_error
        first_pixel += len(part.scores)
    # What several images share becomes one component.
    together = LowRank(
        scores=scores,
        components=np.concatenate([part.components for part in parts]),
        weights=np.concatenate(
            [factor * part.weights for factor, part in zip(weight_factors, parts, strict=True)]
        ),
        whitening=whitening,
        noise=noise,
        model_error=model_error,
        shape_noise=_shape_noise(parts, weight_factors * sizes / n, whitening.whiten),
    )
    return together.recompress(least, 1)


def _shape_noise(
    parts: Sequence[LowRank], shares: Floats, whiten: Callable[[Floats], Floats]
) -> Floats:
    """Whitened spectra along which the parts' components are uncertain, for the common noise."""
    return np.concatenate(
        [
            np.sqrt(share) * whiten(part.whitening.colour(part.shape_noise))
            for part, share in zip(parts, shares, strict=True)
        ]
    )
