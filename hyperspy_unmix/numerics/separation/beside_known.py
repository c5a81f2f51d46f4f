"""Independent sources beside others that are known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from hyperspy_unmix.numerics.types import Floats

from .ica import whiten

MOST_ITERATIONS = 500
GRADIENT_TOLERANCE = 1e-9
MOST_NEWTON_STEPS, ROUNDING = 50, 1e-14


def separate_beside(signals: Floats, known: Floats, start: Floats) -> Floats:
    """Sources of largest likelihood, where others are known.

    The likelihood is that of independent super-Gaussian sources. What is known has its part in the
    determinant of the unmixing, and is left as it is.

    Parameters
    ----------
    signals : array, shape (components, samples)
    known : array, shape (known, components)
        Known sources are ``known @ signals``, in any scale.
    start : array, shape (components - known, components)
        Of the search.

    Returns
    -------
    array, shape (components - known, components)
        The other sources are this times ``signals``, in the scale in which the likelihood has them.

    References
    ----------
    D.-T. Pham, P. Garat, IEEE Trans. Signal Process. 45 (1997) 1712,
    https://doi.org/10.1109/78.599941 (likelihood of a mixture of independent sources)
    """
    white, whitening = whiten(signals)
    to_white = np.linalg.inv(whitening)
    held = known @ to_white
    held /= np.linalg.norm(held, axis=1, keepdims=True)
    first = scale_to_unit_score(start @ to_white, white)
    shape, samples = first.shape, white.shape[1]

    def cost(values: Floats) -> tuple[float, Floats]:
        free = values.reshape(shape)
        unmixing = np.concatenate([held, free])
        log_volume = np.linalg.slogdet(unmixing)[1]
        if not np.isfinite(log_volume):
            return 1e12, np.zeros_like(values)
        sources = free @ white
        gradient = np.tanh(sources) @ white.T / samples
        gradient -= np.linalg.inv(unmixing).T[len(held) :]
        log_cosh = np.mean(np.logaddexp(sources, -sources), 1).sum()
        return float(log_cosh - log_volume), gradient.ravel()

    options = {"maxiter": MOST_ITERATIONS, "gtol": GRADIENT_TOLERANCE, "ftol": 1e-15}
    found = minimize(cost, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(shape) @ whitening)


def scale_to_unit_score(unmixing: Floats, signals: Floats) -> Floats:
    """Rows scaled so that the mean of ``y tanh(y)`` of each source is one, as likelihood has it."""
    scaled = unmixing / np.std(unmixing @ signals, axis=1, keepdims=True)
    for i, source in enumerate(scaled @ signals):
        factor = 1.0
        # Newton's method; the mean rises with the scale, and is convex near its root.
        for _ in range(MOST_NEWTON_STEPS):
            value = factor * source
            score = np.tanh(value)
            slope = np.mean(source * score + source * value * (1 - score**2))
            step = (np.mean(value * score) - 1) / max(slope, 1e-300)
            factor = max(factor - step, factor / 4)
            if abs(step) < ROUNDING * factor:
                break
        scaled[i] *= factor
    return np.asarray(scaled)
