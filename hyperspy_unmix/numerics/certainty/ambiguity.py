"""How far components may move into each other with spectra and maps non-negative within noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize

from hyperspy_unmix.numerics.separation.positivity import (
    Mixture,
    excess_below_zero,
    slope_below_zero,
)
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR
from hyperspy_unmix.numerics.types import Floats

LARGEST_SHARE_TRIED = 4.0  # of another component's counts, in a component's own
MOST_COMPONENTS_MOVED_TOGETHER = 4
FIRST_SHARE_TRIED = 1e-3
# By which the others move along, of shapes of norm one: beyond it they are other components.
FARTHEST_MOVED_ALONG = 2 * ICA_ERROR
OPTIMISER_OPTIONS = {"maxiter": 100, "ftol": 1e-8}
LEAST_INTEGRAL = 0.05  # of a spectrum, that others may leave of it in the band
MOST_SWEEPS = 5  # over all pairs, going on from answers that were found for others
LEAST_GAIN, LEAST_SHARE = 1e-5, 1e-3  # relative, of shares that are no smaller, that is gone on for
# Over the limits, in units of them. The components themselves are at some limits: whether they are
# within these is not left to rounding.
TOLERATED_EXCESS = 1e-6
SINGULAR_DETERMINANT = 1e-8  # of a mixing of shapes of norm one


@dataclass(frozen=True)
class Ambiguity:
    """What spectra and maps, the same model, might be instead.

    ``lowest`` and ``highest`` (components, components): spectrum i may be ``S_i + t S_j``, of
    spectra with integral one, for t between them; zero on the diagonal. ``lower`` and ``upper``
    (components, channels): least and greatest value of each spectrum, its integral kept.
    """

    lowest: Floats
    highest: Floats
    lower: Floats
    upper: Floats


def ambiguity(mixture: Mixture, spectra: Floats) -> Ambiguity:
    """Rotational ambiguity: the range of each component towards each other.

    Spectra ``S_i + t S_j`` and maps ``A_j - t A_i`` give the same model. With two components each
    range is a matter of one spectrum and one map, and the answer that of Lawton and Sylvestre. With
    more the true range may be wider than the one found: with up to four, the others move along
    where that widens it (as in MCR-BANDS), by twice the usual error of an ICA at most; with more,
    one moves at a time. All searches go on until rounding ends them.

    What counts as non-negative is what the refinement takes as such; an answer that exceeds that
    somewhere may do so no more than it does.

    Parameters
    ----------
    mixture : Mixture
        Of the components as they are.
    spectra : array, shape (components, channels)
        Its shapes with integral one (or any other scale that shares are to be measured in).

    References
    ----------
    W. H. Lawton, E. A. Sylvestre, Technometrics 13 (1971) 617,
    https://doi.org/10.1080/00401706.1971.10488823; J. Jaumot, R. Tauler, Chemom. Intell. Lab.
    Syst. 103 (2010) 96, https://doi.org/10.1016/j.chemolab.2010.05.020
    """
    search = _Search(mixture, spectra)
    n = len(spectra)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    # Ends of the ranges while all other components stay as they are.
    ends = np.zeros((2, n, n))
    for end, sign in enumerate((-1.0, 1.0)):
        for i, j in pairs:
            ends[end, i, j] = sign * search.find_alone(i, j, sign)
    answers = [search.single_share(i, j, shares[i, j]) for shares in ends for i, j in pairs]
    # Wider ends, where the other components move along.
    if 2 < n <= MOST_COMPONENTS_MOVED_TOGETHER:
        together = search.find_all_together(ends)
        for (end, i, j), shares in together.items():
            ends[end, i, j] = shares[i, j]
        answers += together.values()
    lower, upper = search.band(answers)
    return Ambiguity(ends[0], ends[1], lower, upper)


class _Search:
    """Shares of the components in each other that keep spectra and maps non-negative."""

    def __init__(self, mixture: Mixture, spectra: Floats) -> None:
        self.mixture, self.spectra, self.n = mixture, spectra, len(spectra)
        # Shares are of the spectra; shapes have norm one in units of their noise instead.
        size = np.sum(mixture.shapes * spectra, 1) / np.sum(spectra**2, 1)
        self.shape_ratios = size[:, None] / size
        self.has_integral = np.abs(spectra.sum(1) - 1) < 1e-3
        below, noise_limits = mixture.negativity_of(np.eye(self.n))
        # [spectra, maps] of each component: what is more negative than noise may stay as it is.
        self.limits = noise_limits * np.maximum(below / noise_limits, 1)

    def single_share(self, i: int, j: int, share: float) -> Floats:
        """Shares of which only that of component j in i is not zero."""
        shares = np.zeros((self.n, self.n))
        shares[i, j] = share
        return shares

    def excess(self, shares: Floats) -> Floats:
        """How much more negative than their limits spectra and maps are, in units of these."""
        return _Trial(self, shares).excess

    def find_alone(self, i: int, j: int, sign: float) -> float:
        """Largest share of j in i while all others stay."""

        def excess(size: float) -> float:
            return self._excess_alone(i, j, sign * size) - TOLERATED_EXCESS / 2

        allowed, too_large = 0.0, FIRST_SHARE_TRIED
        while too_large < LARGEST_SHARE_TRIED and excess(too_large) <= 0:
            allowed, too_large = too_large, 2 * too_large
        if excess(too_large) <= 0:
            return LARGEST_SHARE_TRIED
        end = float(brentq(excess, allowed, too_large, xtol=1e-12, rtol=1e-10))
        return min(end, LARGEST_SHARE_TRIED)

    def _excess_alone(self, i: int, j: int, share: float) -> float:
        """Largest excess of spectrum i and map j, which alone change with the share of j in i."""
        mixture = self.mixture
        ratio = share * self.shape_ratios[i, j]
        errors, noise = mixture.shape_errors, mixture.map_errors
        shape_sd = np.sqrt(errors[i, i] + 2 * ratio * errors[i, j] + ratio**2 * errors[j, j])
        map_sd = np.sqrt(noise[j, j] - 2 * ratio * noise[i, j] + ratio**2 * noise[i, i])
        shape = mixture.shapes[i] + ratio * mixture.shapes[j]
        its_map = mixture.maps[:, j] - ratio * mixture.maps[:, i]
        shape_below = np.mean(excess_below_zero(shape / (shape_sd * mixture.sd)))
        map_below = np.mean(excess_below_zero(its_map / (map_sd * mixture.pixel_sd[:, 0])))
        return float(max(shape_below / self.limits[0, i], map_below / self.limits[1, j]) - 1)

    def find_all_together(self, alone: Floats) -> dict[tuple[int, int, int], Floats]:
        """Shares with as much of j in i as there can be, for both ends of every pair.

        ``alone`` (2, components, components) are the ends while all others stay. A search may end
        at a lesser maximum, and rounding choose at which: where the answer for another pair holds
        more of j in i, it is gone on from there.
        """
        ends = [(end, i, j) for end in (0, 1) for i in range(self.n) for j in range(self.n)]
        ends = [(end, i, j) for end, i, j in ends if i != j]
        answers = {}
        for end, i, j in ends:
            answers[end, i, j] = self.find_together(i, j, (-1.0, 1.0)[end], alone[end, i, j])
        for _ in range(MOST_SWEEPS):
            if not any([self._go_on(answers, alone, *end) for end in ends]):
                break
        return answers

    def _go_on(
        self, answers: dict[tuple[int, int, int], Floats], alone: Floats, end: int, i: int, j: int
    ) -> bool:
        """Go on from the answer that holds the most of j in i; False where it is their own."""
        sign = (-1.0, 1.0)[end]
        most = max(answers.values(), key=lambda shares: sign * shares[i, j])
        own = sign * answers[end, i, j][i, j]
        if sign * most[i, j] <= own + LEAST_GAIN * max(own, LEAST_SHARE):
            return False
        again = self.converged(i, j, sign, alone[end, i, j], most)
        is_more = again is not None and sign * again[i, j] > sign * most[i, j]
        answers[end, i, j] = again if is_more and again is not None else most
        return True

    def find_together(self, i: int, j: int, sign: float, alone: float) -> Floats:
        """Shares with as much of j in i as there can be when all components move.

        Sequential quadratic programming from no shares at all; where that does not converge, from
        what is allowed ``alone``, which is the answer where nothing better is found.
        """
        best = self.single_share(i, j, alone)
        for start in (np.zeros_like(best), best):
            shares = self.converged(i, j, sign, alone, start)
            if shares is not None:
                return shares if abs(shares[i, j]) > abs(alone) else best
        return best

    def converged(self, i: int, j: int, sign: float, alone: float, start: Floats) -> Floats | None:
        """Shares with the most of j in i that a search from ``start`` ends at; None without end."""
        vectors = _ShareVectors(self, i, j, alone)
        # The optimiser minimises: this falls with the share that is wanted.
        objective = vectors.from_shares(self.single_share(i, j, -sign))
        objective /= np.linalg.norm(objective)
        found = minimize(
            lambda x: (float(objective @ x), objective),
            vectors.from_shares(start),
            jac=True,
            method="SLSQP",
            bounds=vectors.bounds,
            constraints=vectors.constraints,
            options=OPTIMISER_OPTIONS,
        )
        within = bool((vectors.trial(found.x).excess <= TOLERATED_EXCESS).all())
        return vectors.to_shares(found.x) if found.success and within else None

    def band(self, answers: list[Floats]) -> tuple[Floats, Floats]:
        """Least and greatest value of the spectra that all these shares give."""
        lower, upper = self.spectra.copy(), self.spectra.copy()
        for shares in answers:
            added = shares @ self.spectra
            taken_off = -added.sum(1)
            # Spectra of less than no counts are none: the way there holds those with few.
            way = np.where(
                self.has_integral & (taken_off > 1 - LEAST_INTEGRAL),
                (1 - LEAST_INTEGRAL) / np.maximum(taken_off, 1e-300),
                1.0,
            )
            mixed = self.spectra + way[:, None] * added
            mixed /= np.where(self.has_integral, mixed.sum(1), 1)[:, None]
            lower, upper = np.minimum(lower, mixed), np.maximum(upper, mixed)
        return lower, upper


class _ShareVectors:
    """Shares of all components in each other as one vector, in units of what they may move along.

    That of j in i may be larger, and its unit is what it may be ``alone``, where that is more: from
    units that are far too large the optimiser's first step is far beyond the limits.
    """

    def __init__(self, search: _Search, i: int, j: int, alone: float) -> None:
        self.search = search
        self.off_diagonal = ~np.eye(search.n, dtype=bool)
        units = np.minimum(FARTHEST_MOVED_ALONG / search.shape_ratios, LARGEST_SHARE_TRIED)
        most = units.copy()
        units[i, j], most[i, j] = max(abs(alone), units[i, j]), LARGEST_SHARE_TRIED
        self.units = units[self.off_diagonal]
        most_in_units = (most / units)[self.off_diagonal]
        self.bounds = np.stack([-most_in_units, most_in_units], 1)
        self.last_trial: dict[bytes, _Trial] = {}

    def from_shares(self, shares: Floats) -> Floats:
        """The vector of these shares."""
        return np.asarray(shares[self.off_diagonal] / self.units)

    def to_shares(self, x: Floats) -> Floats:
        """The shares of a vector."""
        shares = np.zeros((self.search.n, self.search.n))
        shares[self.off_diagonal] = x * self.units
        return shares

    def trial(self, x: Floats) -> _Trial:
        """What the shares of a vector give; the optimiser asks twice for each."""
        key = x.tobytes()
        if key not in self.last_trial:
            self.last_trial = {key: _Trial(self.search, self.to_shares(x))}
        return self.last_trial[key]

    @property
    def constraints(self) -> dict[str, Any]:
        """That nothing exceeds its limit, as scipy wants it."""
        return {
            "type": "ineq",
            "fun": lambda x: TOLERATED_EXCESS / 2 - self.trial(x).excess.ravel(),
            "jac": lambda x: -self.trial(x).gradient[:, self.off_diagonal] * self.units,
        }


class _Trial:
    """Spectra and maps with some shares in each other, against their limits."""

    def __init__(self, search: _Search, shares: Floats) -> None:
        self.search = search
        mixture = search.mixture
        self.mixing = np.eye(search.n) + shares * search.shape_ratios
        if abs(np.linalg.det(self.mixing)) < SINGULAR_DETERMINANT:
            # Two spectra have met: their maps are next to infinite.
            self.mixing = self.mixing + 1e-6 * np.diag(1 + np.arange(search.n))
        self.inverse = np.linalg.inv(self.mixing)
        shape_sd, map_sd = mixture.noise(self.mixing)
        # In units of their noise, as the limits are.
        self.shapes = self.mixing @ mixture.shapes / shape_sd
        self.maps = (mixture.maps @ self.inverse / map_sd).T
        below = [excess_below_zero(values).mean(1) for values in (self.shapes, self.maps)]
        self.excess: Floats = np.array(below) / search.limits - 1

    @cached_property
    def gradient(self) -> Floats:
        """Gradient of the excess by the shares, shape (2 components, components, components).

        Spectra first, then maps. With the values changes their noise, and so their unit.
        """
        search, mixture, n = self.search, self.search.mixture, self.search.n
        shape_errors = self.mixing @ mixture.shape_errors
        shape_variance = np.einsum("kj,kj->k", shape_errors, self.mixing)
        map_errors = self.inverse.T @ mixture.map_errors @ self.inverse
        map_variance = np.diag(map_errors)
        # Derivatives by the values in units of their noise.
        of_shapes = slope_below_zero(self.shapes) / self.shapes.shape[1]
        of_maps = slope_below_zero(self.maps) / self.maps.shape[1]
        by_shapes = of_shapes / np.sqrt(shape_variance)[:, None] @ (mixture.shapes / mixture.sd).T
        shape_units = np.sum(of_shapes * self.shapes, 1) / shape_variance
        by_shapes -= shape_units[:, None] * shape_errors
        by_maps = of_maps / np.sqrt(map_variance)[:, None] @ (self.maps.T * np.sqrt(map_variance))
        map_units = np.sum(of_maps * self.maps, 1) / map_variance
        by_maps -= map_units[:, None] * map_errors
        gradient = np.zeros((2 * n, n, n))
        for k in range(n):
            gradient[k, k] = -by_shapes[k] / search.limits[0, k]
            gradient[n + k] = np.outer(by_maps[k], self.inverse[:, k]) / search.limits[1, k]
        return np.asarray(gradient * search.shape_ratios)
