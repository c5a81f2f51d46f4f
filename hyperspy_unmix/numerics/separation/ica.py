"""Independent component analysis: two algorithms behind one interface."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import special_ortho_group

from hyperspy_unmix.numerics.linear_algebra import with_signs
from hyperspy_unmix.numerics.types import Floats

Algorithm = Literal["picard", "fastica"]
RESTARTS = 10  # from the principal axes, and from random rotations of them
MOST_ITERATIONS = 500  # of each restart
CONVERGENCE_TOLERANCE = 1e-7  # of the gradient (Picard), of the change of the unmixing (FastICA)
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

    Returns
    -------
    Separation

    References
    ----------
    P. Ablin, J.-F. Cardoso, A. Gramfort, IEEE Trans. Signal Process. 66 (2018) 4040,
    https://doi.org/10.1109/TSP.2018.2844203; A. Hyvarinen, IEEE Trans. Neural Netw. 10 (1999) 626,
    https://doi.org/10.1109/72.761722
    """
    n = len(signals)
    if n == 1:
        return Separation(np.ones((1, 1)), True, 0.0)
    white, whitening = whiten(signals)
    generator = np.random.default_rng(random_state)
    starts = [np.eye(n)]
    starts += [special_ortho_group.rvs(n, random_state=generator) for _ in range(RESTARTS - 1)]
    likeliest = _find_likeliest(_picard if algorithm == "picard" else _fastica, white, starts)
    if algorithm == "picard" and not likeliest.super_gaussian:
        likeliest = _find_likeliest(_picard_extended, white, starts)
    return replace(likeliest, unmixing=likeliest.unmixing @ whitening)


def separate_again(
    signals: Floats,
    generator: np.random.Generator,
    algorithm: Algorithm = "picard",
    super_gaussian: bool = True,
) -> Floats:
    """Unmixing of the same kind as `separate` gives, from one random start.

    Parameters
    ----------
    signals : array, shape (components, samples)
    generator : numpy.random.Generator
        Draws the rotation to start from.
    algorithm : {"picard", "fastica"}
    super_gaussian : bool
        What `separate` said of the sources: it decides which kind of Picard is run.

    Returns
    -------
    array, shape (components, components)
        Sources are this times ``signals``; zeros if the run fails.
    """
    n = len(signals)
    if n == 1:
        return np.ones((1, 1))
    white, whitening = whiten(signals)
    start = special_ortho_group.rvs(n, random_state=generator)
    run = _fastica if algorithm == "fastica" else _picard if super_gaussian else _picard_extended
    separation = run(white, start)
    return np.asarray(separation.unmixing @ whitening * float(np.isfinite(separation.objective)))


def whiten(signals: Floats) -> tuple[Floats, Floats]:
    """Signals without mean, uncorrelated and of variance one, and the matrix that makes them so."""
    centred = signals - signals.mean(1, keepdims=True)
    eigenvalues, eigenvectors = np.linalg.eigh(centred @ centred.T / centred.shape[1])
    eigenvalues = np.maximum(eigenvalues, max(1e-12 * eigenvalues[-1], 1e-300))
    whitening = with_signs(eigenvectors).T / np.sqrt(eigenvalues)[:, None]
    return whitening @ centred, whitening


def _find_likeliest(
    run: Callable[[Floats, Floats], Separation], white: Floats, starts: Sequence[Floats]
) -> Separation:
    """The likeliest of the runs that converged; of all runs where none did."""
    runs = [run(white, start) for start in starts]
    # Runs that agree differ by rounding only; the earliest of them is the same on every machine.
    best = min(range(len(runs)), key=lambda i: (not runs[i].converged, round(runs[i].objective, 6)))
    return runs[best]


def _picard(white: Floats, start: Floats) -> Separation:
    """Super-Gaussian sources, which may be correlated."""
    return _run_picard(white, start, ortho=False, extended=False)


def _picard_extended(white: Floats, start: Floats) -> Separation:
    """Uncorrelated sources on either side of the Gaussian."""
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
            max_iter=MOST_ITERATIONS,
            tol=CONVERGENCE_TOLERANCE,
            random_state=0,
        )
    converged = not any("converge" in str(warning.message) for warning in caught)
    if not (np.isfinite(unmixing).all() and np.isfinite(sources).all()):
        return Separation(start, False, np.inf)
    return _assess(np.asarray(unmixing), np.asarray(sources), converged, uncorrelated=ortho)


def _fastica(white: Floats, start: Floats) -> Separation:
    """Uncorrelated sources by FastICA."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    ica = FastICA(
        whiten=False,
        w_init=start,
        max_iter=MOST_ITERATIONS,
        tol=CONVERGENCE_TOLERANCE,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ica.fit(white.T)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return _assess(ica.components_, ica.components_ @ white, converged, uncorrelated=True)


def _assess(unmixing: Floats, sources: Floats, converged: bool, uncorrelated: bool) -> Separation:
    """The separation with its objective, and whether all sources are super-Gaussian."""
    log_cosh = np.mean(np.logaddexp(sources, -sources), 1)
    if uncorrelated:
        objective = -float(np.sum(np.abs(log_cosh - GAUSSIAN_LOG_COSH)))
    else:
        objective = float(np.sum(log_cosh) - np.linalg.slogdet(unmixing)[1])
    # Picard's own test: a source has heavier tails than a Gaussian where this is positive.
    score = np.tanh(sources)
    power = np.maximum(np.mean(sources**2, 1), 1e-300)
    heaviness = np.mean(1 - score**2, 1) - np.mean(score * sources, 1) / power
    return Separation(unmixing, converged, objective, bool((heaviness > -1e-3).all()))
