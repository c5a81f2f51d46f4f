"""Of compressed spectra in tests."""

import numpy as np


def singular_values(form):
    """Of the whitened spectra, weighted by their pixels' weights."""
    white = form.whitening.whiten(form.components)
    factor = np.linalg.qr(white.T)[1]
    return np.linalg.svd(np.sqrt(form.weights)[:, None] * form.scores @ factor.T, compute_uv=False)
