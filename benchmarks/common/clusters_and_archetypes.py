"""Two peers of arrays (pixels, channels): k-means clusters, and archetypes by entropic descent.

Both take spectra of which little more than the components is left (PCA-denoised), of one count
each: their mixtures are then convex combinations, whatever the thickness. Maps are the caller's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_COUNTS = 0.1  # of the mean pixel's; darker pixels are noise once they are normalised
STARTS = 10
RUNS, ROUNDS, STEPS = 50, 100, 5  # M, T, K1 = K2 of the paper
STEP_EXPONENTS = np.arange(-3, 4)  # powers of two, one drawn for each run
MOST_WORSE = 0.05  # relative, of the l1 misfit of the runs that the choice is among


def denoise(values: Floats, k: int, are_counts: bool) -> Floats:
    """The leading k components, of counts scaled so that their noise is even."""
    rows = columns = np.ones(1)
    if are_counts:
        columns = np.sqrt(np.maximum(values.mean(0), 1e-12))
        rows = np.sqrt(np.maximum(values.mean(1), 1e-12))[:, None]
    u, s, v = np.linalg.svd(values / rows / columns, full_matrices=False)
    return np.asarray((u[:, :k] * s[:k]) @ v[:k] * rows * columns)


def cluster_means(spectra: Floats, k: int, seed: int = 0) -> Floats:
    """Mean spectra of k-means clusters, (k, channels).

    Spectra of one count, in channels scaled for Poisson noise, weighted with their counts: the
    inverse of the variance that is left.
    """
    from sklearn.cluster import KMeans

    totals, bright = _bright(spectra)
    shapes = spectra[bright] / totals[bright, None]
    noise = np.sqrt(np.maximum(spectra.mean(0), 1e-3 * spectra.mean()))
    scores = _coordinates(shapes / noise, k)
    model = KMeans(k, n_init=STARTS, random_state=seed)
    labels = model.fit_predict(scores, sample_weight=totals[bright])
    return np.stack([spectra[bright][labels == i].mean(0) for i in range(k)])


def archetypes(spectra: Floats, k: int, seed: int = 0) -> Floats:
    """Entropic descent archetypal analysis, (k, channels).

    Zouaoui, Muhawenayo, Rasti, Chanussot & Mairal, IEEE Trans. Image Process. 32 (2023) 4649,
    https://doi.org/10.1109/TIP.2023.3301769: pixels are convex combinations ``a`` of archetypes,
    which are convex combinations ``b`` of pixels; both by exponentiated gradients in turn, from
    random ``b`` with random steps. Of 50 runs, among those whose l1 misfit is within five per cent
    of the least, the one whose archetypes are the least correlated.
    """
    totals, bright = _bright(spectra)
    shapes = spectra[bright] / totals[bright, None]
    points = _coordinates(shapes, k)
    misfits, coherences, found = [], [], []
    for run in range(RUNS):
        a, b = _descend(points, k, np.random.default_rng([seed, run]))
        candidate = b @ shapes
        misfits.append(np.abs(shapes - a @ candidate).sum())
        coherences.append(np.max(np.corrcoef(candidate) - np.eye(k)) if k > 1 else 0.0)
        found.append(candidate)
    fit = np.array(misfits)
    is_good = fit - fit.min() < MOST_WORSE * fit
    return found[int(np.argmin(np.where(is_good, coherences, np.inf)))]


def _bright(spectra: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    totals = spectra.sum(1)
    return totals, totals > LEAST_COUNTS * totals.mean()


def _coordinates(spectra: Floats, k: int) -> Floats:
    """The same distances and products in as few dimensions as the spectra have, (pixels, k)."""
    basis = np.linalg.svd(spectra, full_matrices=False)[2][:k]
    return np.asarray(spectra @ basis.T)


def _descend(points: Floats, k: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """One run: shares (pixels, k) of the archetypes, and (k, pixels) of the pixels in them."""
    n = len(points)
    b = _softmax(0.1 * generator.random((k, n)))
    a = np.full((n, k), 1 / k)
    corners = b @ points
    step = 2.0 ** generator.choice(STEP_EXPONENTS) / np.linalg.norm(corners, 2) ** 2
    step_b = step * np.sqrt(k / n)
    for _ in range(ROUNDS):
        linear, quadratic = points @ corners.T, corners @ corners.T
        for _ in range(STEPS):
            a = _softmax(np.log(a + 1e-300) + step * (linear - a @ quadratic))
        gram, target = a.T @ a, a.T @ points
        for _ in range(STEPS):
            b = _softmax(np.log(b + 1e-300) + step_b * ((target - gram @ corners) @ points.T))
            corners = b @ points
    return a, b


def _softmax(values: Floats) -> Floats:
    """Along the last axis."""
    shares = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))
