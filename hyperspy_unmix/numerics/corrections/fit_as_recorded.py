"""Corrected spectra fitted to the counts as they were recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank, pixel_slices
from hyperspy_unmix.numerics.types import Floats

from .chain import Chain, Fits

LEAST_EIGENVALUE = 1e-10  # of the greatest of a fit's normal matrix; less is rounding


def fit_as_recorded(spectra: LowRank, raw: LowRank, corrections: Chain, fits: Fits) -> LowRank:
    """The scores with which corrected components describe the counts best.

    Corrections that differ from pixel to pixel make the noise of corrected spectra differ too, and
    the scores that the corrected spectra have along few components are not those of least squares:
    a component more could fit the counts worse. So the components are put back as every pixel
    records them, and fitted to what was recorded.

    Parameters
    ----------
    spectra : LowRank
        Corrected, its components those that are unmixed.
    raw : LowRank
        Counts as recorded, of the same pixels.
    corrections : Chain
    fits : mapping
        What was fitted for them.

    Returns
    -------
    LowRank
        With other scores.
    """
    n, rank = spectra.scores.shape
    weights, shapes = corrections.recorded_shapes(spectra.components, n)
    # Channels are weighed as by the reduced chi-square, by which the fit will be judged.
    sd = raw.whitening.channel_sd
    weighted = shapes.reshape(-1, shapes.shape[-1]) / sd
    added_scores, added = corrections.added((n, shapes.shape[-1]), fits)
    recorded = np.concatenate([raw.components, -added])
    n_kernels = weights.shape[1]
    products = weighted @ (recorded / sd).T
    with_recorded = products.reshape(rank, n_kernels, len(recorded))
    with_shapes = (weighted @ weighted.T).reshape(rank, n_kernels, rank, n_kernels)

    def fit(pixels: slice) -> Floats:
        own, scores = weights[pixels], np.concatenate([raw.scores, added_scores], 1)[pixels]
        right = [np.sum((own @ of_shape) * scores, 1) for of_shape in with_recorded]
        normal = np.empty((len(own), rank, rank))
        for i, j in zip(*np.tril_indices(rank), strict=True):
            normal[:, i, j] = normal[:, j, i] = np.sum((own @ with_shapes[i, :, j]) * own, 1)
        inverse = np.linalg.pinv(normal, rcond=LEAST_EIGENVALUE, hermitian=True)
        return np.asarray(np.einsum("pij,jp->pi", inverse, np.array(right)))

    scores = np.concatenate([fit(pixels) for pixels in pixel_slices(n)])
    return replace(spectra, scores=scores)
