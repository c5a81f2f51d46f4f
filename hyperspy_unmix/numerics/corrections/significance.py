"""Components of corrected spectra in the order in which they stand out of noise and model error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.linear_algebra import generalised_eigenvectors, with_signs
from hyperspy_unmix.numerics.types import Floats


def order_by_significance(spectra: LowRank, edge: float) -> tuple[LowRank, Floats]:
    """Components in the order of their variance over noise and model error.

    Linear stages (background, plural scattering) correlate the noise and leave a small share of
    what they took out. A component counts only where it exceeds both. Noise is nowhere taken to be
    smaller than that of the raw counts: components have an error of that size themselves.

    Parameters
    ----------
    spectra : LowRank
    edge : float
        Noise edge of the raw counts: squared singular value that white noise reaches.

    Returns
    -------
    LowRank
        The same spectra; noise and model error of the (weighted) scores add up to the unit matrix.
    array, shape (rank,)
        Variance over noise and model error in units of the noise edge (1 is the floor), falling.
    """
    # Second moment, noise and model error of the scores of orthonormal whitened components.
    basis, to_basis = np.linalg.qr(spectra.whitening.whiten(spectra.components).T)
    second = to_basis @ spectra.second_moment() @ to_basis.T
    noise = to_basis @ spectra.noise @ to_basis.T
    variances, axes = np.linalg.eigh(noise)
    noise = (axes * np.maximum(variances, 1.0)) @ axes.T
    model_error = to_basis @ spectra.model_error @ to_basis.T
    shape_noise = spectra.shape_noise @ basis
    noise += shape_noise.T @ shape_noise
    # The directions in which the variance exceeds both the most come first.
    ratios, vectors = generalised_eigenvectors(second, noise + model_error)
    ratios, vectors = ratios[::-1], vectors[:, ::-1]
    components = np.linalg.solve(vectors, basis.T)
    signs = np.sign(np.sum(components * with_signs(components.T).T, 1))
    components, vectors = components * signs[:, None], vectors * signs
    ordered = replace(
        spectra,
        scores=spectra.scores @ (to_basis.T @ vectors),
        components=spectra.whitening.colour(components),
        noise=vectors.T @ noise @ vectors,
        model_error=vectors.T @ model_error @ vectors,
    )
    return ordered, ratios * len(spectra.scores) / edge
