"""The smallest move from ICA that makes spectra and maps non-negative within their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

from .noise import Floats
from .pca import LowRank

ICA_ERROR = 0.1  # usual share of other components in ICA's (about the angle in radians)
BELOW = 2.0  # standard deviations below zero from which a value counts
LEAST_ZEROS = 0.02
MOST_PIXELS = 8192
ROUNDS = 2


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


def negativity(values: Floats) -> tuple[Floats, Floats]:
    """How far values in units of their noise are below zero, and how far noise alone may be.

    Parameters
    ----------
    values : array, shape (components, any)

    Returns
    -------
    below : array, shape (components,)
        Mean of what exceeds two standard deviations below zero.
    limit : array, shape (components,)
        What normal noise about values of zero or more gives, plus twice its standard error. As
        many values are taken to be zero as twice those that are negative.
    """
    zeros = np.clip(2 * np.mean(values < 0, 1), LEAST_ZEROS, 1)
    mean = norm.pdf(BELOW) - BELOW * norm.sf(BELOW)
    square = (1 + BELOW**2) * norm.sf(BELOW) - BELOW * norm.pdf(BELOW)
    limit = zeros * mean + 2 * np.sqrt(zeros * square / values.shape[1])
    return np.mean(np.maximum(-values - BELOW, 0), 1), limit


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
    problem = _Problem(spectra, unmixing)
    mixing: Floats = np.eye(spectra.rank)
    before = problem.ratios(mixing)
    if (before > 1).any() and spectra.rank > 1:
        for _ in range(ROUNDS):
            mixing = problem.solve(mixing)
    after = problem.ratios(mixing)
    return Refined(mixing @ problem.unmixing, problem.moved(mixing), before, after)


class _Problem:
    """Spectra of unit norm in units of their noise, their maps, and the noise of both."""

    def __init__(self, spectra: LowRank, unmixing: Floats) -> None:
        self.spectra = spectra
        norms = np.linalg.norm(spectra.whitening.whiten(unmixing @ spectra.components), axis=1)
        self.unmixing = unmixing / norms[:, None]
        n = len(spectra.scores)
        pixels = np.unique(np.linspace(0, n - 1, min(n, MOST_PIXELS)).astype(int))
        self.sd = spectra.whitening.channel_sd
        self.shapes = self.unmixing @ spectra.components
        self.maps = spectra.scores[pixels] @ np.linalg.inv(self.unmixing)
        self.pixel_sd = 1 / np.sqrt(spectra.weights[pixels])[:, None]
        self.shape_errors = self.unmixing @ spectra.component_errors() @ self.unmixing.T
        back = np.linalg.inv(self.unmixing)
        self.map_errors = back.T @ (spectra.noise + spectra.model_error) @ back

    def noise(self, mixing: Floats) -> tuple[Floats, Floats]:
        """Standard deviations of spectra (components, channels) and maps (pixels, components)."""
        back = np.linalg.inv(mixing)
        of_shapes = np.sqrt(np.diag(mixing @ self.shape_errors @ mixing.T))
        of_maps = np.sqrt(np.diag(back.T @ self.map_errors @ back))
        return of_shapes[:, None] * self.sd, of_maps * self.pixel_sd

    def ratios(self, mixing: Floats) -> Floats:
        """Negativity of spectra and maps over its limit."""
        shape_sd, map_sd = self.noise(mixing)
        shapes = negativity(mixing @ self.shapes / shape_sd)
        maps = negativity((self.maps @ np.linalg.inv(mixing) / map_sd).T)
        return np.array([shapes[0] / shapes[1], maps[0] / maps[1]])

    def moved(self, mixing: Floats) -> Floats:
        """Angle of each spectrum with its own former self, in degrees."""
        white = self.spectra.whitening.whiten(self.shapes)
        turned = mixing @ white
        cosine = np.sum(turned * white, 1) / np.linalg.norm(turned, axis=1)
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def solve(self, mixing: Floats) -> Floats:
        """Best mixing with ones on the diagonal, the noise that of ``mixing``."""
        shape_sd, map_sd = self.noise(mixing)
        limits = (
            negativity(mixing @ self.shapes / shape_sd)[1],
            negativity((self.maps @ np.linalg.inv(mixing) / map_sd).T)[1],
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
            maps = self.maps @ back
            of_shapes, by_shapes = _excess(tried @ self.shapes, shape_sd, limits[0], axis=1)
            of_maps, by_maps = _excess(maps, map_sd, limits[1], axis=0)
            gradient = (tried - unit) / ICA_ERROR**2
            gradient += by_shapes @ self.shapes.T - maps.T @ by_maps @ back.T
            move = float(np.sum(x**2)) / (2 * ICA_ERROR**2)
            return move + of_shapes + of_maps, gradient[free]

        best = minimize(objective, mixing[free], jac=True, method="L-BFGS-B").x
        solved = unit.copy()
        solved[free] = best
        return np.asarray(solved)


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
