"""How far components may move into each other with spectra and maps non-negative within noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import minimize

from hyperspy_unmix.numerics.separation.positivity import Mixture, excess_below_zero
from hyperspy_unmix.numerics.types import Floats

LARGEST_SHARE_TRIED = 4.0  # of another component's counts, in a component's own
MOST_COMPONENTS_MOVED_TOGETHER = 4
BISECTIONS = 10
BURSTS, ITERATIONS_PER_BURST = 4, 6  # of the optimiser that moves all components
SINGULAR_DETERMINANT = 1e-8  # of a mixing of shapes of norm one
TOLERATED_EXCESS = 0.05  # over the limits, in units of them, in an answer of the optimiser


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
    where that is found to widen it (as in MCR-BANDS); with more, one moves at a time.

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
        scale = np.abs(ends).max(0)
        for end, sign in enumerate((-1.0, 1.0)):
            for i, j in pairs:
                shares = search.find_together(i, j, sign, ends[end, i, j], scale)
                ends[end, i, j] = shares[i, j]
                answers.append(shares)
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

        def is_allowed(size: float) -> bool:
            excess = self.excess(self.single_share(i, j, sign * size))
            return bool(excess[0, i] <= 0 and excess[1, j] <= 0)

        allowed, too_large = 0.0, 1e-3
        while too_large < LARGEST_SHARE_TRIED and is_allowed(too_large):
            allowed, too_large = too_large, 2 * too_large
        for _ in range(BISECTIONS):
            middle = (allowed + too_large) / 2
            allowed, too_large = (middle, too_large) if is_allowed(middle) else (allowed, middle)
        return min(allowed, LARGEST_SHARE_TRIED)

    def find_together(self, i: int, j: int, sign: float, start: float, scale: Floats) -> Floats:
        """Shares with as much of j in i as is found when all components move.

        Short bursts of sequential quadratic programming, each begun inside the limits; what a burst
        finds beyond them is taken back towards no shares at all, as far as needed.
        """
        vectors = _ShareVectors(self, scale)
        # The optimiser minimises: this falls with the share that is wanted.
        objective = vectors.from_shares(self.single_share(i, j, -sign))
        objective /= np.linalg.norm(objective)
        best: Floats = vectors.from_shares(self.single_share(i, j, start))
        inside: Floats = best / 2
        for _ in range(BURSTS):
            beyond = minimize(
                lambda x: (float(objective @ x), objective),
                inside,
                jac=True,
                method="SLSQP",
                constraints=vectors.constraints,
                options={"maxiter": ITERATIONS_PER_BURST, "ftol": 1e-3},
            ).x
            allowed = vectors.take_back(beyond)
            if objective @ allowed < objective @ best:
                best = allowed
            # A burst that ends far behind the best answer is no place to go on from.
            is_near = objective @ allowed < 0.3 * (objective @ best)
            inside = 0.97 * (allowed if is_near else best)
        return vectors.to_shares(best)

    def band(self, answers: list[Floats]) -> tuple[Floats, Floats]:
        """Least and greatest value of the spectra that all these shares give."""
        lower, upper = self.spectra.copy(), self.spectra.copy()
        for shares in answers:
            mixed = (np.eye(self.n) + shares) @ self.spectra
            integral = mixed.sum(1)
            mixed /= np.where(self.has_integral & (integral > 0), integral, 1)[:, None]
            lower, upper = np.minimum(lower, mixed), np.maximum(upper, mixed)
        return lower, upper


class _ShareVectors:
    """Shares of all components in each other as one vector, in units of what each may be alone."""

    def __init__(self, search: _Search, scale: Floats) -> None:
        self.search = search
        self.off_diagonal = ~np.eye(search.n, dtype=bool)
        self.units = np.maximum(scale[self.off_diagonal], 1e-3)
        self.last_trial: dict[bytes, _Trial] = {}

    def from_shares(self, shares: Floats) -> Floats:
        """The vector of these shares."""
        return np.asarray(shares[self.off_diagonal] / self.units)

    def to_shares(self, x: Floats) -> Floats:
        """The shares of a vector, none larger than is tried."""
        shares = np.zeros((self.search.n, self.search.n))
        shares[self.off_diagonal] = np.clip(
            x * self.units, -LARGEST_SHARE_TRIED, LARGEST_SHARE_TRIED
        )
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
            "fun": lambda x: -self.trial(x).excess.ravel(),
            "jac": lambda x: -self.trial(x).gradient[:, self.off_diagonal] * self.units,
        }

    def take_back(self, x: Floats) -> Floats:
        """The farthest point towards ``x`` that is within the limits."""

        def is_allowed(part: float) -> bool:
            return bool((self.trial(part * x).excess <= TOLERATED_EXCESS).all())

        if is_allowed(1.0):
            return x
        allowed, too_far = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (allowed + too_far) / 2
            allowed, too_far = (middle, too_far) if is_allowed(middle) else (allowed, middle)
        return np.asarray(allowed * x)


class _Trial:
    """Spectra and maps with some shares in each other, against their limits."""

    def __init__(self, search: _Search, shares: Floats) -> None:
        self.search = search
        mixture = search.mixture
        mixing = np.eye(search.n) + shares * search.shape_ratios
        if abs(np.linalg.det(mixing)) < SINGULAR_DETERMINANT:
            # Two spectra have met: their maps are next to infinite.
            mixing = mixing + 1e-6 * np.diag(1 + np.arange(search.n))
        self.inverse = np.linalg.inv(mixing)
        self.maps = mixture.maps @ self.inverse
        self.shape_sd, self.map_sd = mixture.noise(mixing)
        self.shapes_below = excess_below_zero(mixing @ mixture.shapes / self.shape_sd)
        self.maps_below = excess_below_zero(self.maps / self.map_sd)
        below = np.array([self.shapes_below.mean(1), self.maps_below.mean(0)])
        self.excess: Floats = below / search.limits - 1

    @cached_property
    def gradient(self) -> Floats:
        """Of the excess by the shares, the noise as it is: (2 components, components, components).

        Spectra first, then maps.
        """
        search, mixture, n = self.search, self.search.mixture, self.search.n
        gradient = np.zeros((2 * n, n, n))
        slopes = (self.shapes_below > 0) / self.shape_sd / self.shapes_below.shape[1]
        for k in range(n):
            gradient[k, k] = -slopes[k] @ mixture.shapes.T / search.limits[0, k]
            slope = (self.maps_below[:, k] > 0) / self.map_sd[:, k] / len(self.maps)
            along = self.maps.T @ slope / search.limits[1, k]
            gradient[n + k] = np.outer(along, self.inverse[:, k])
        return np.asarray(gradient * search.shape_ratios)
