"""The smallest move from ICA that makes spectra and maps non-negative within their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

from .positivity import MOST_PIXELS_IN_MIXTURE, Mixture, excess_and_slope

ICA_ERROR = 0.1  # usual share of other components in ICA's (about the angle in radians)
NOISE_ROUNDS = 2  # each with the noise that the mixing of the one before gives
MOST_MINIMISER_STARTS = 5
LEAST_COST_GAIN = 1e-12  # for which the minimiser is started again
# The search ends where rounding does: earlier, and where it ends would hang on rounding.
MINIMISER_OPTIONS = {"ftol": 1e-15, "gtol": 1e-9, "maxcor": 30, "maxiter": 5000, "maxfun": 5000}
LARGEST_CONDITION_NUMBER = 1e8  # of a mixing, beyond which its cost is not computed
PROHIBITIVE_COST = 1e30


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


def refine(spectra: LowRank, unmixing: Floats, errors: Floats | None = None) -> Refined:
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
    errors : array, shape (rank,), optional
        Usual share of other components in each; default `ICA_ERROR`. Those of smaller errors move
        less, those of none not at all.

    Returns
    -------
    Refined
    """
    errors = np.full(spectra.rank, ICA_ERROR) if errors is None else errors
    mixture = Mixture(spectra, unmixing, MOST_PIXELS_IN_MIXTURE)
    mixing: Floats = np.eye(spectra.rank)
    before = mixture.negativity_ratios(mixing)
    if (before > 1).any() and spectra.rank > 1:
        for _ in range(NOISE_ROUNDS):
            mixing = _find_mixing(mixture, mixing, errors)
    after = mixture.negativity_ratios(mixing)
    return Refined(mixing @ mixture.unmixing, mixture.turn_angles(mixing), before, after)


def _find_mixing(mixture: Mixture, start: Floats, errors: Floats) -> Floats:
    """Mixing of least cost with ones on its diagonal, the noise that of the mixing ``start``."""
    shape_sd, map_sd = mixture.noise(start)
    _, (shape_limits, map_limits) = mixture.negativity_of(start)
    identity = np.eye(len(start))
    may_move = errors > 0
    off_diagonal = ~identity.astype(bool) & may_move[:, None]
    precision = np.where(may_move, errors, 1)[:, None] ** -2 * np.ones_like(identity)

    def cost(shares: Floats) -> tuple[float, Floats]:
        mixing = identity.copy()
        mixing[off_diagonal] = shares
        # Maps have a pole where two spectra meet; the line search must step back from there.
        if np.linalg.cond(mixing) > LARGEST_CONDITION_NUMBER:
            return PROHIBITIVE_COST, np.zeros_like(shares)
        inverse = np.linalg.inv(mixing)
        maps = mixture.maps @ inverse
        shape_cost, by_shapes = _negativity_cost(
            mixing @ mixture.shapes, shape_sd, shape_limits, axis=1
        )
        map_cost, by_maps = _negativity_cost(maps, map_sd, map_limits, axis=0)
        gradient = (mixing - identity) * precision
        gradient += by_shapes @ mixture.shapes.T - maps.T @ by_maps @ inverse.T
        move_cost = float(np.sum(shares**2 * precision[off_diagonal])) / 2
        return move_cost + shape_cost + map_cost, gradient[off_diagonal]

    best = identity.copy()
    best[off_diagonal] = _minimise(cost, start[off_diagonal])
    return np.asarray(best)


def _minimise(cost: Callable[[Floats], tuple[float, Floats]], x: Floats) -> Floats:
    """Minimum by L-BFGS, begun again where it stops short: its memory may have become wrong."""
    least = np.inf
    for _ in range(MOST_MINIMISER_STARTS):
        result = minimize(cost, x, jac=True, method="L-BFGS-B", options=MINIMISER_OPTIONS)
        x, gain, least = result.x, least - result.fun, result.fun
        if gain < LEAST_COST_GAIN:
            break
    return np.asarray(x)


def _negativity_cost(values: Floats, sd: Floats, limit: Floats, axis: int) -> tuple[float, Floats]:
    """Squared logarithm of the negativity over its limit, where it is more, and its gradient."""
    below, slope_of_values = excess_and_slope(values / sd)
    mean = below.mean(axis)
    logarithm = np.log(np.maximum(mean / limit, 1))
    slope = 2 * logarithm / np.maximum(mean, 1e-300) / values.shape[axis]
    gradient = -np.expand_dims(slope, axis) * slope_of_values / sd
    return float(np.sum(logarithm**2)), gradient
