"""Independent components of the spectral derivative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import special_ortho_group

from .noise import Floats

RESTARTS = 5


@dataclass(frozen=True)
class Separation:
    """Spectra ``unmixing @ components`` and maps ``scores @ inverse(unmixing)``.

    ``converged`` tells whether the best restart met its tolerance, ``objective`` is its negative
    mean log-likelihood.
    """

    unmixing: Floats
    converged: bool
    objective: float


def derivative(components: Floats, channels: NDArray[np.intp], sd: Floats) -> Floats:
    """First difference of the spectra over neighbouring channels, in units of its noise.

    Differences across a gap in ``channels`` are left out.
    """
    neighbours = np.diff(channels) == 1
    noise = np.sqrt(sd[1:] ** 2 + sd[:-1] ** 2)
    return np.asarray((np.diff(components, axis=1) / noise)[:, neighbours])


def separate(signals: Floats, random_state: int = 0) -> Separation:
    """Maximum-likelihood ICA of the rows of ``signals`` (Picard, tanh, not only rotations).

    Parameters
    ----------
    signals : array, shape (components, samples)
    random_state : int
        Of the restarts, of which the likeliest is taken.

    References
    ----------
    P. Ablin, J.-F. Cardoso, A. Gramfort, IEEE Trans. Signal Process. 66 (2018) 4040,
    https://doi.org/10.1109/TSP.2018.2844203
    """
    n = len(signals)
    if n == 1:
        return Separation(np.ones((1, 1)), True, 0.0)
    centred = signals - signals.mean(1, keepdims=True)
    covariance = centred @ centred.T / centred.shape[1]
    level, axes = np.linalg.eigh(covariance)
    level = np.maximum(level, 1e-12 * level[-1])
    whitening = axes.T / np.sqrt(level)[:, None]
    white = whitening @ centred
    generator = np.random.default_rng(random_state)
    starts = [np.eye(n)]
    starts += [special_ortho_group.rvs(n, random_state=generator) for _ in range(RESTARTS - 1)]
    runs = [_picard(white, start) for start in starts]
    # runs that agree differ by rounding only: the earliest of the likeliest, always the same one
    best = min(range(len(runs)), key=lambda i: (not runs[i].converged, round(runs[i].objective, 6)))
    return Separation(runs[best].unmixing @ whitening, runs[best].converged, runs[best].objective)


def _picard(white: Floats, start: Floats) -> Separation:
    import warnings

    from picard import picard

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, unmixing, sources = picard(
            white,
            ortho=False,
            extended=False,
            whiten=False,
            centering=False,
            w_init=start,
            max_iter=500,
            tol=1e-7,
            random_state=0,
        )
    objective = float(
        np.sum(np.mean(np.logaddexp(sources, -sources), 1)) - np.linalg.slogdet(unmixing)[1]
    )
    return Separation(np.asarray(unmixing), not caught, objective)
