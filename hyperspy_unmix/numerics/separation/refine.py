"""The smallest move from ICA that makes spectra and maps non-negative within their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

from .positivity import BELOW, MOST_PIXELS, Mixture, negativity

ICA_ERROR = 0.1  # usual share of other components in ICA's (about the angle in radians)
ROUNDS = 2
MOST_STARTS, SETTLED = 5, 1e-6  # of the minimiser; of the cost


@dataclass(frozen=True)
class Refined:
    """Spectra ``unmixing @ components`` after the move, of unit norm in units of their noise.

    ``moved`` (components,) is the angle in degrees by which each spectrum turned.
    ``before`` and ``after`` (2, components) are `negativity` of spectra and maps.
    """

    unmixing: Floats
    moved: Floats
    before: Floats
    after: Floats


def refine(spectra: LowRank, unmixing: Floats) -> Refined:
    """Mix the components a little, so that spectra and maps are physical within their noise.

    Spectra become ``M @ S`` and maps ``A @ inverse(M)``: their product, the model, stays as it is,
    so that the counts neither favour nor forbid the move (held-out counts neither). Its size, the
    shares of the other components, is measured in units of the error that ICA is known to have; it
    is weighed against the logarithm of what is still more negative than noise, so that a clear
    contradiction moves the components as far as needed, and a faint one (such as an error of the
    background) next to nothing.

    Parameters
    ----------
    spectra : LowRank
    unmixing : array, shape (rank, rank)
        Spectra are ``unmixing @ components``, each with its sign.

    Returns
    -------
    Refined
    """
    mixture = Mixture(spectra, unmixing, MOST_PIXELS)
    mixing: Floats = np.eye(spectra.rank)
    before = mixture.ratios(mixing)
    if (before > 1).any() and spectra.rank > 1:
        for _ in range(ROUNDS):
            mixing = _solve(mixture, mixing)
    after = mixture.ratios(mixing)
    return Refined(mixing @ mixture.unmixing, mixture.moved(mixing), before, after)


def _solve(mixture: Mixture, mixing: Floats) -> Floats:
    """Best mixing with ones on the diagonal, the noise that of ``mixing``."""
    shape_sd, map_sd = mixture.noise(mixing)
    limits = (
        negativity(mixing @ mixture.shapes / shape_sd)[1],
        negativity((mixture.maps @ np.linalg.inv(mixing) / map_sd).T)[1],
    )
    unit = np.eye(len(mixing))
    free = ~unit.astype(bool)

    def objective(x: Floats) -> tuple[float, Floats]:
        tried = unit.copy()
        tried[free] = x
        # maps have a pole where two spectra meet; the line search must step back from there
        if np.linalg.cond(tried) > 1e8:
            return 1e30, np.zeros_like(x)
        back = np.linalg.inv(tried)
        maps = mixture.maps @ back
        of_shapes, by_shapes = _excess(tried @ mixture.shapes, shape_sd, limits[0], axis=1)
        of_maps, by_maps = _excess(maps, map_sd, limits[1], axis=0)
        gradient = (tried - unit) / ICA_ERROR**2
        gradient += by_shapes @ mixture.shapes.T - maps.T @ by_maps @ back.T
        move = float(np.sum(x**2)) / (2 * ICA_ERROR**2)
        return move + of_shapes + of_maps, gradient[free]

    solved = unit.copy()
    solved[free] = _least(objective, mixing[free])
    return np.asarray(solved)


def _least(objective: Callable[[Floats], tuple[float, Floats]], x: Floats) -> Floats:
    """Minimum by L-BFGS, begun again where it stops short: behind a kink its memory is wrong."""
    cost = np.inf
    for _ in range(MOST_STARTS):
        found = minimize(objective, x, jac=True, method="L-BFGS-B")
        x, gain, cost = found.x, cost - found.fun, found.fun
        if gain < SETTLED:
            break
    return np.asarray(x)


def _excess(
    values: Floats, sd: Floats, limit: NDArray[np.floating], axis: int
) -> tuple[float, Floats]:
    """Squared logarithm of the negativity over its limit, where it is more, and its gradient."""
    below = np.maximum(-values / sd - BELOW, 0)
    mean = below.mean(axis)
    logarithm = np.log(np.maximum(mean / limit, 1))
    slope = 2 * logarithm / np.maximum(mean, 1e-300) / values.shape[axis]
    gradient = np.where(below > 0, -np.expand_dims(slope, axis) / sd, 0.0)
    return float(np.sum(logarithm**2)), gradient
