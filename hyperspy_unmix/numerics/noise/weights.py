"""Row and column scales with which counts have noise of variance one (biwhitening)."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import leading_eigenvectors
from hyperspy_unmix.numerics.types import Floats

FEW_COUNTS = 5.0  # typical ones beside a pixel's own
LEAST_COUNTS = 0.01  # a pixel; channels of fewer weigh less than Poisson would have it


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

    ``scaled`` are means of the pixels' variances times column scales, which should be projected on
    the leading components of the data: the noise of rare channels, whose scales are large, then
    stays out of the weights. ``typical``, the mean scaled variance of all pixels, bounds them where
    a pixel is all but empty. With the ``counts`` of the pixels and the ``typical_counts`` of one,
    the scale of a count is that of the pixel's own and of five typical ones: else a pixel of three
    counts, all in channels of small scale, would pass for one next to without noise.
    """
    if counts is not None and typical_counts is not None:
        of_typical = FEW_COUNTS * typical / typical_counts
        scaled = counts * (scaled + of_typical) / (counts + FEW_COUNTS)
    return np.asarray(1.0 / np.maximum(scaled, 0.05 * typical))


def project_scales(sample_variance: Floats, v: Floats, rank: int = 8) -> Floats:
    """Column scales on the leading components of a sample of variances, see `pixel_weights`.

    In counts of rare channels ``variance @ v`` is mostly noise; the same sum over the low-rank part
    of the variance is not.
    """
    scaled = sample_variance * np.sqrt(v)
    rows = scaled.sum(1, keepdims=True)
    scaled = scaled / np.sqrt(np.maximum(rows, 1e-6 * rows.mean()))
    if len(scaled) < len(v):
        # of the smaller Gram matrix
        rank = min(rank, len(scaled))
        leading = leading_eigenvectors(scaled @ scaled.T, rank)[1]
        leading = np.linalg.qr(scaled.T @ leading)[0]
    else:
        leading = leading_eigenvectors(scaled.T @ scaled, min(rank, len(v)))[1]
    return np.asarray(np.sqrt(v) * (leading @ (leading.T @ np.sqrt(v))))
