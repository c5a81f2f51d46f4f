"""Non-negative factorisation of compressed spectra: MCR-ALS, and NMF by Poisson likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.fitting.abundance import maximise_likelihood
from hyperspy_unmix.numerics.types import Floats

from .like_pixels import SumsOfPixels

Factorising = Literal["nmf", "mcr-als"]
MOST_ROUNDS = 500  # each of one step of the spectra and one of the maps
# A round that lowers the misfit by less ends it, as is usual: beyond, spectra follow the noise.
SETTLED_SHARE_OF_MISFIT, SETTLED_MISFIT = 1e-3, 0.01
MOST_SWEEPS, MOST_FINAL_SWEEPS = 20, 2000  # over the coordinates of one step, of the last one
SETTLED_SHARE = 1e-9  # of the largest value, that no coordinate moves by when a step is done
LARGEST_CONDITION_NUMBER = 1e6  # of spectra, beyond which one of them is not its own


@dataclass(frozen=True)
class Factorisation:
    """Non-negative spectra and what led to them.

    Parameters
    ----------
    spectra : array, shape (components, channels)
        Their sums over the channels are one.
    converged : bool
    rounds : int
    misfit : float
        What they leave of the sums: squares in units of the noise, or twice the Kullback-Leibler
        divergence.
    """

    spectra: Floats
    converged: bool
    rounds: int
    misfit: float


def factorise(
    algorithm: Factorising,
    spectra: LowRank,
    sums: SumsOfPixels,
    start: Floats,
    counts_added: float = 0.0,
    most_rounds: int = MOST_ROUNDS,
) -> Factorisation:
    """Non-negative spectra whose non-negative sums come nearest to those of the pixels.

    Parameters
    ----------
    algorithm : {"nmf", "mcr-als"}
        ``"mcr-als"``: alternating non-negative least squares, weighted by the noise of channels and
        sums. ``"nmf"``: the Poisson likelihood of the sums (Kullback-Leibler divergence), maps and
        spectra in turn by a step of Fisher scoring.
    spectra : LowRank
        Whose ``components`` the sums are made of.
    sums : SumsOfPixels
    start : array, shape (components, channels)
        Spectra to start from; what is negative in them is taken as zero.
    counts_added : float
        By which counts and mean of a pixel are raised for its read noise: read variance over gain.
    most_rounds : int

    Returns
    -------
    Factorisation

    Raises
    ------
    ValueError
        If a component vanishes, or becomes another.

    References
    ----------
    R. Tauler, Chemom. Intell. Lab. Syst. 30 (1995) 133,
    https://doi.org/10.1016/0169-7439(95)00047-X (MCR-ALS); D. D. Lee, H. S. Seung, Nature 401
    (1999) 788, https://doi.org/10.1038/44565 (NMF of counts); N. Gillis, F. Glineur, Neural
    Comput. 24 (2012) 1085, https://doi.org/10.1162/NECO_a_00256 (several sweeps for each step)
    """
    shapes = _normalised(np.maximum(start, 0))
    problem = (_LeastSquares if algorithm == "mcr-als" else _Likelihood)(
        spectra, sums, counts_added
    )
    maps = problem.maps(shapes, None)
    misfit = problem.misfit(shapes, maps)
    for done in range(1, most_rounds + 1):
        before, shapes = misfit, _normalised(problem.shapes(maps, shapes))
        maps = problem.maps(shapes, maps)
        if not maps.any(0).all() or np.linalg.cond(shapes) > LARGEST_CONDITION_NUMBER:
            raise ValueError("a component vanished, or became another.")
        misfit = problem.misfit(shapes, maps)
        if before - misfit < max(SETTLED_SHARE_OF_MISFIT * misfit, SETTLED_MISFIT):
            return Factorisation(shapes, True, done, misfit)
    return Factorisation(shapes, False, most_rounds, misfit)


def shares_of(shapes: Floats, spectra: LowRank) -> Floats:
    """Spectra (any, channels) as the nearest combinations of the components, shape (any, rank)."""
    white, basis = spectra.whitening.whiten(shapes), spectra.whitening.whiten(spectra.components)
    return np.asarray(np.linalg.lstsq(basis.T, white.T, rcond=None)[0].T)


def non_negative_maps(maps: Floats, shapes: Floats, sd: Floats) -> Floats:
    """The non-negative maps that describe as well as they can what these ones describe.

    Parameters
    ----------
    maps : array, shape (pixels, components)
        Of least squares without a limit.
    shapes : array, shape (components, channels)
    sd : array, shape (channels,)
        Noise of the channels at unit weight.

    Returns
    -------
    array, shape (pixels, components)
    """
    white = shapes / sd
    normal = white @ white.T
    return non_negative(normal, maps @ normal, None)


def _normalised(shapes: Floats) -> Floats:
    """Spectra of sum one."""
    return np.asarray(shapes / np.maximum(shapes.sum(1, keepdims=True), 1e-300))


class _LeastSquares:
    """Alternating steps of weighted least squares, without the spectra of the sums in full."""

    def __init__(self, spectra: LowRank, sums: SumsOfPixels, counts_added: float) -> None:
        self.scores, self.weights = sums.scores, sums.weights
        self.components, self.variance = spectra.components, spectra.whitening.channel_sd**2

    def maps(self, shapes: Floats, start: Floats | None) -> Floats:
        """Maps of these spectra, shape (groups, components)."""
        weighted = shapes / self.variance
        right = self.scores @ (self.components @ weighted.T)
        return non_negative(weighted @ shapes.T, right, start)

    def shapes(self, maps: Floats, start: Floats) -> Floats:
        """Spectra of these maps, shape (components, channels)."""
        weighted = (maps.T * self.weights) @ self.scores
        normal = (maps.T * self.weights) @ maps
        return non_negative(normal, (weighted @ self.components).T, start.T).T

    def misfit(self, shapes: Floats, maps: Floats) -> float:
        """Squares of what is left, in units of the noise."""
        both = np.concatenate([self.components, shapes])
        products = (both / self.variance) @ both.T
        amounts = np.concatenate([self.scores, -maps], 1)
        return float(np.einsum("gi,ij,gj,g->", amounts, products, amounts, self.weights))


class _Likelihood:
    """Alternating steps up the Poisson likelihood of the sums."""

    def __init__(self, spectra: LowRank, sums: SumsOfPixels, counts_added: float) -> None:
        self.base = counts_added * sums.sizes[:, None] * np.ones((1, spectra.components.shape[1]))
        self.values = np.maximum(sums.scores @ spectra.components + self.base, 0)
        self.totals = np.maximum((self.values - self.base).sum(1, keepdims=True), 0)

    def maps(self, shapes: Floats, start: Floats | None) -> Floats:
        """Maps of these spectra, shape (groups, components)."""
        if start is None:
            start = np.repeat(self.totals / len(shapes), len(shapes), 1)
        return maximise_likelihood(self.values, shapes[None], self.base, start, most_steps=1)

    def shapes(self, maps: Floats, start: Floats) -> Floats:
        """Spectra of these maps, shape (components, channels)."""
        values, base = self.values.T, self.base.T
        return maximise_likelihood(values, maps.T[None], base, start.T, most_steps=1).T

    def misfit(self, shapes: Floats, maps: Floats) -> float:
        """Twice the Kullback-Leibler divergence."""
        mean = np.maximum(maps @ shapes + self.base, 1e-300)
        ratio = np.where(self.values > 0, self.values / mean, 1)
        return float(2 * np.sum(self.values * np.log(ratio) - self.values + mean))


def non_negative(normal: Floats, right: Floats, start: Floats | None) -> Floats:
    """Non-negative least squares of many right-hand sides, by coordinate descent.

    Parameters
    ----------
    normal : array, shape (n, n)
        Products of the columns that are fitted.
    right : array, shape (any, n)
        Their products with what they are fitted to.
    start : array, shape (any, n), optional
        To begin with; without it the descent goes on until it has settled.

    Returns
    -------
    array, shape (any, n)
    """
    diagonal = np.maximum(np.diag(normal), 1e-300)
    amounts = np.maximum(right / diagonal, 0) if start is None else start.copy()
    rows = np.arange(len(amounts))
    for _ in range(MOST_FINAL_SWEEPS if start is None else MOST_SWEEPS):
        own, own_right, change = amounts[rows], right[rows], np.zeros(len(rows))
        for i in range(len(normal)):
            moved = np.maximum(own[:, i] + (own_right[:, i] - own @ normal[i]) / diagonal[i], 0)
            change = np.maximum(change, np.abs(moved - own[:, i]))
            own[:, i] = moved
        amounts[rows] = own
        rows = rows[change > SETTLED_SHARE * np.maximum(own.max(1), 1e-300)]
        if not len(rows):
            break
    return np.asarray(amounts)
