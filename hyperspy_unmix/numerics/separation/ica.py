"""Independent component analysis: two algorithms behind one interface."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import special_ortho_group

from hyperspy_unmix.numerics.types import Floats

Algorithm = Literal["picard", "fastica"]
RESTARTS = 10
MOST_STEPS, TOLERANCE = 500, 1e-7
GAUSSIAN_LOG_COSH = 1.06772  # mean of log(2 cosh) of a standard normal


@dataclass(frozen=True)
class Separation:
    """Sources ``unmixing @ signals``.

    ``converged`` tells whether the best restart met its tolerance. ``objective`` is its negative
    mean log-likelihood; that of uncorrelated sources is their negative distance from a Gaussian.
    ``super_gaussian`` tells whether every source has heavier tails than a Gaussian.
    """

    unmixing: Floats
    converged: bool
    objective: float
    super_gaussian: bool = True


def separate(signals: Floats, random_state: int = 0, algorithm: Algorithm = "picard") -> Separation:
    """Independent sources among linear combinations of the rows of ``signals``.

    Parameters
    ----------
    signals : array, shape (components, samples)
    random_state : int
        Of the restarts, of which the likeliest is taken.
    algorithm : {"picard", "fastica"}
        Picard maximises the likelihood of super-Gaussian sources, which need not be uncorrelated;
        where a source is none, it goes on with uncorrelated ones of either kind.
        FastICA (parallel, logcosh) makes uncorrelated sources.

    References
    ----------
    P. Ablin, J.-F. Cardoso, A. Gramfort, IEEE Trans. Signal Process. 66 (2018) 4040,
    https://doi.org/10.1109/TSP.2018.2844203; A. Hyvarinen, IEEE Trans. Neural Netw. 10 (1999) 626,
    https://doi.org/10.1109/72.761722
    """
    n = len(signals)
    if n == 1:
        return Separation(np.ones((1, 1)), True, 0.0)
    white, whitening = _white(signals)
    generator = np.random.default_rng(random_state)
    starts = [np.eye(n)]
    starts += [special_ortho_group.rvs(n, random_state=generator) for _ in range(RESTARTS - 1)]
    best = _likeliest(_picard if algorithm == "picard" else _fastica, white, starts)
    if algorithm == "picard" and not best.super_gaussian:
        best = _likeliest(_picard_extended, white, starts)
    return Separation(
        best.unmixing @ whitening, best.converged, best.objective, best.super_gaussian
    )


def separate_again(
    signals: Floats,
    generator: np.random.Generator,
    algorithm: Algorithm = "picard",
    super_gaussian: bool = True,
) -> Floats:
    """Unmixing of the same kind as `separate` gives, from one random start; zero if it fails."""
    n = len(signals)
    if n == 1:
        return np.ones((1, 1))
    white, whitening = _white(signals)
    start = special_ortho_group.rvs(n, random_state=generator)
    run = _fastica if algorithm == "fastica" else _picard if super_gaussian else _picard_extended
    found = run(white, start)
    return np.asarray(found.unmixing @ whitening * float(np.isfinite(found.objective)))


def _white(signals: Floats) -> tuple[Floats, Floats]:
    """Signals without mean, uncorrelated and of variance one, and the matrix that makes them so."""
    centred = signals - signals.mean(1, keepdims=True)
    level, axes = np.linalg.eigh(centred @ centred.T / centred.shape[1])
    level = np.maximum(level, max(1e-12 * level[-1], 1e-300))
    whitening = axes.T / np.sqrt(level)[:, None]
    return whitening @ centred, whitening


def _likeliest(
    run: Callable[[Floats, Floats], Separation], white: Floats, starts: Sequence[Floats]
) -> Separation:
    # runs that agree differ by rounding only: the earliest of the likeliest, always the same one
    runs = [run(white, start) for start in starts]
    best = min(range(len(runs)), key=lambda i: (not runs[i].converged, round(runs[i].objective, 6)))
    return runs[best]


def _picard(white: Floats, start: Floats) -> Separation:
    return _run_picard(white, start, ortho=False, extended=False)


def _picard_extended(white: Floats, start: Floats) -> Separation:
    return _run_picard(white, start, ortho=True, extended=True)


def _run_picard(white: Floats, start: Floats, ortho: bool, extended: bool) -> Separation:
    from picard import picard

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, unmixing, sources = picard(
            white,
            ortho=ortho,
            extended=extended,
            whiten=False,
            centering=False,
            w_init=start,
            max_iter=MOST_STEPS,
            tol=TOLERANCE,
            random_state=0,
        )
    converged = not any("converge" in str(warning.message) for warning in caught)
    if not (np.isfinite(unmixing).all() and np.isfinite(sources).all()):
        return Separation(start, False, np.inf)
    return _judged(np.asarray(unmixing), np.asarray(sources), converged, uncorrelated=ortho)


def _fastica(white: Floats, start: Floats) -> Separation:
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    ica = FastICA(whiten=False, w_init=start, max_iter=MOST_STEPS, tol=TOLERANCE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ica.fit(white.T)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return _judged(ica.components_, ica.components_ @ white, converged, uncorrelated=True)


def _judged(unmixing: Floats, sources: Floats, converged: bool, uncorrelated: bool) -> Separation:
    log_cosh = np.mean(np.logaddexp(sources, -sources), 1)
    if uncorrelated:
        objective = -float(np.sum(np.abs(log_cosh - GAUSSIAN_LOG_COSH)))
    else:
        objective = float(np.sum(log_cosh) - np.linalg.slogdet(unmixing)[1])
    # Picard's own test of the side of the Gaussian on which a source is
    slope = np.tanh(sources)
    power = np.maximum(np.mean(sources**2, 1), 1e-300)
    sign = np.mean(1 - slope**2, 1) - np.mean(slope * sources, 1) / power
    return Separation(unmixing, converged, objective, bool((sign > -1e-3).all()))
