"""Row and column scales with which counts have noise of variance one (biwhitening)."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import leading_eigenvectors
from hyperspy_unmix.numerics.types import Floats

TYPICAL_COUNTS_ADDED = 5.0  # to a pixel's own, for its weight
# Channels of fewer counts, a pixel and in all, weigh less than Poisson would have it.
LEAST_COUNTS_PER_PIXEL, LEAST_COUNTS_OF_CHANNEL = 0.01, 10.0


def column_scales(variance: Floats, sweeps: int = 20) -> Floats:
    """Column scales that, with suitable row scales, make ``variance`` doubly stochastic.

    Parameters
    ----------
    variance : array, shape (groups of pixels, channels)
        Mean variance of groups of pixels; positive in every row and column.
    sweeps : int
        Sinkhorn sweeps.

    Returns
    -------
    array, shape (channels,)
        ``v`` such that rows scaled by ``pixel_weights`` and columns by ``v`` have mean one.

    References
    ----------
    B. Landa, T. T. C. K. Zhang, Y. Kluger, SIAM J. Math. Data Sci. 4 (2022) 1420,
    https://doi.org/10.1137/21M1456807
    """
    v = 1.0 / variance.mean(0)
    for _ in range(sweeps):
        u = 1.0 / (variance @ v / variance.shape[1])
        v = 1.0 / (u @ variance / variance.shape[0])
    return np.asarray(v)


def pixel_weights(
    scaled: Floats,
    typical: float,
    counts: Floats | None = None,
    typical_counts: float | None = None,
) -> Floats:
    """Row scales ``u``: one over the mean scaled variance of each pixel.

    Parameters
    ----------
    scaled : array, shape (pixels,)
        Mean over the channels of each pixel's variance times the column scales. These should be
        those of `project_scales`: the noise of rare channels, whose scales are large, then stays
        out of the weights.
    typical : float
        Mean of ``scaled`` over all pixels; bounds the weight of a pixel that is all but empty.
    counts : array, shape (pixels,), optional
        Counts of each pixel, where they are Poisson. The scale of a count is then the mean over the
        pixel's own and five typical ones: else a pixel of three counts, all in channels of small
        scale, would pass for one that has next to no noise.
    typical_counts : float, optional
        Mean of ``counts`` over all pixels.

    Returns
    -------
    array, shape (pixels,)
    """
    if counts is not None and typical_counts is not None:
        scaled_of_typical = TYPICAL_COUNTS_ADDED * typical / typical_counts
        scaled = counts * (scaled + scaled_of_typical) / (counts + TYPICAL_COUNTS_ADDED)
    return np.asarray(1.0 / np.maximum(scaled, 0.05 * typical))


def project_scales(sample_variance: Floats, v: Floats, rank: int = 8) -> Floats:
    """Project the column scales on the leading components of a sample of variances.

    In counts of rare channels ``variance @ v`` is mostly noise; the same sum over the low-rank part
    of the variance is not.

    Parameters
    ----------
    sample_variance : array, shape (pixels, channels)
        Variance of the values of a sample of pixels.
    v : array, shape (channels,)
        Column scales, see `column_scales`.
    rank : int
        Number of components.

    Returns
    -------
    array, shape (channels,)
        For the ``scaled`` of `pixel_weights`.
    """
    scaled = sample_variance * np.sqrt(v)
    row_sums = scaled.sum(1, keepdims=True)
    scaled = scaled / np.sqrt(np.maximum(row_sums, 1e-6 * row_sums.mean()))
    if len(scaled) < len(v):
        # With fewer pixels than channels, the Gram matrix of the pixels is the smaller one.
        rank = min(rank, len(scaled))
        leading = leading_eigenvectors(scaled @ scaled.T, rank)[1]
        leading = np.linalg.qr(scaled.T @ leading)[0]
    else:
        leading = leading_eigenvectors(scaled.T @ scaled, min(rank, len(v)))[1]
    return np.asarray(np.sqrt(v) * (leading @ (leading.T @ np.sqrt(v))))
