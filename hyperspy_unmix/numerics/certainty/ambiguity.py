"""How far components may move into each other with spectra and maps non-negative within noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hyperspy_unmix.numerics.separation.positivity import BELOW, Mixture, negativity
from hyperspy_unmix.numerics.types import Floats

MOST_SHARE = 4.0  # of another component's counts that are tried, in its own
MOST_TOGETHER = 4  # components that are moved together
HALVINGS = 10
BURSTS, STEPS = 4, 6
SINGULAR = 1e-8  # determinant of shapes of norm one
TOLERANCE = 0.05  # of the limits, that an answer of the optimiser may exceed them by


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
    ends = np.zeros((2, n, n))
    lower, upper = spectra.copy(), spectra.copy()
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    for end, sign in enumerate((-1.0, 1.0)):
        for i, j in pairs:
            ends[end, i, j] = sign * search.alone(i, j, sign)
    scale = np.abs(ends).max(0)
    found = [search.shares(i, j, t[i, j]) for t in ends for i, j in pairs]
    if 2 < n <= MOST_TOGETHER:
        for end, sign in enumerate((-1.0, 1.0)):
            for i, j in pairs:
                together = search.together(i, j, sign, ends[end, i, j], scale)
                ends[end, i, j] = together[i, j]
                found.append(together)
    for shares in found:
        moved = (np.eye(n) + shares) @ spectra
        size = np.where(search.has_integral & (moved.sum(1) > 0), moved.sum(1), 1)
        moved /= size[:, None]
        lower, upper = np.minimum(lower, moved), np.maximum(upper, moved)
    return Ambiguity(ends[0], ends[1], lower, upper)


class _Search:
    """Shares of the components in each other that keep spectra and maps non-negative."""

    def __init__(self, mixture: Mixture, spectra: Floats) -> None:
        self.mixture, self.n = mixture, len(spectra)
        # shapes have norm one in units of their noise
        size = np.sum(mixture.shapes * spectra, 1) / np.sum(spectra**2, 1)
        self.of_shapes = size[:, None] / size
        self.has_integral = np.abs(spectra.sum(1) - 1) < 1e-3
        unit = np.eye(self.n)
        shape_sd, map_sd = mixture.noise(unit)
        limits = (
            negativity(mixture.shapes / shape_sd)[1],
            negativity((mixture.maps / map_sd).T)[1],
        )
        # [spectra, maps] of each component
        self.limits = np.array(limits) * np.maximum(mixture.ratios(unit), 1)

    def shares(self, i: int, j: int, share: float) -> Floats:
        """One share of component j in i."""
        shares = np.zeros((self.n, self.n))
        shares[i, j] = share
        return shares

    def alone(self, i: int, j: int, sign: float) -> float:
        """Largest share of j in i while all others stay."""

        def possible(size: float) -> bool:
            excess = self.excess(self.shares(i, j, sign * size))
            return bool(excess[0, i] <= 0 and excess[1, j] <= 0)

        good, bad = 0.0, 1e-3
        while bad < MOST_SHARE and possible(bad):
            good, bad = bad, 2 * bad
        for _ in range(HALVINGS):
            middle = (good + bad) / 2
            good, bad = (middle, bad) if possible(middle) else (good, middle)
        return min(good, MOST_SHARE)

    def excess(self, shares: Floats) -> Floats:
        """How much more negative than their limits spectra and maps are, in units of these."""
        return _Tried(self, shares).excess

    def together(self, i: int, j: int, sign: float, start: float, scale: Floats) -> Floats:
        """Shares with as much of j in i as is found when all components move.

        Short bursts of sequential quadratic programming, each begun inside the limits; what a burst
        finds beyond them is taken back towards no shares at all, as far as needed.
        """
        moves = _Moves(self, scale)
        toward = moves.of(self.shares(i, j, -sign))
        toward /= np.linalg.norm(toward)
        best: Floats = moves.of(self.shares(i, j, start))
        inside: Floats = best / 2
        for _ in range(BURSTS):
            answer = minimize(
                lambda x: (float(toward @ x), toward),
                inside,
                jac=True,
                method="SLSQP",
                constraints=moves.limits,
                options={"maxiter": STEPS, "ftol": 1e-3},
            ).x
            found = moves.taken_back(answer)
            if toward @ found < toward @ best:
                best = found
            inside = 0.97 * (found if toward @ found < 0.3 * (toward @ best) else best)
        return moves.shares(best)


class _Moves:
    """Shares of all components in each other as one vector, in units of what each may be alone."""

    def __init__(self, search: _Search, scale: Floats) -> None:
        self.search = search
        self.free = ~np.eye(search.n, dtype=bool)
        self.unit = np.maximum(scale[self.free], 1e-3)
        self.last: dict[bytes, _Tried] = {}

    def of(self, shares: Floats) -> Floats:
        return np.asarray(shares[self.free] / self.unit)

    def shares(self, x: Floats) -> Floats:
        shares = np.zeros((self.search.n, self.search.n))
        shares[self.free] = np.clip(x * self.unit, -MOST_SHARE, MOST_SHARE)
        return shares

    def tried(self, x: Floats) -> _Tried:
        key = x.tobytes()
        if key not in self.last:
            self.last = {key: _Tried(self.search, self.shares(x))}
        return self.last[key]

    @property
    def limits(self) -> dict[str, Any]:
        """The constraints, as scipy wants them."""
        return {
            "type": "ineq",
            "fun": lambda x: -self.tried(x).excess.ravel(),
            "jac": lambda x: -self.tried(x).gradient[:, self.free] * self.unit,
        }

    def taken_back(self, x: Floats) -> Floats:
        """The farthest point towards ``x`` that is within the limits."""

        def possible(part: float) -> bool:
            return bool((self.tried(part * x).excess <= TOLERANCE).all())

        good, bad = (1.0, 1.0) if possible(1.0) else (0.0, 1.0)
        for _ in range(HALVINGS if good < bad else 0):
            middle = (good + bad) / 2
            good, bad = (middle, bad) if possible(middle) else (good, middle)
        return np.asarray(good * x)


class _Tried:
    """Spectra and maps with some shares in each other, against their limits."""

    def __init__(self, search: _Search, shares: Floats) -> None:
        self.search = search
        mixture = search.mixture
        mixing = np.eye(search.n) + shares * search.of_shapes
        if abs(np.linalg.det(mixing)) < SINGULAR:
            # two spectra have met: their maps are next to infinite
            mixing = mixing + 1e-6 * np.diag(1 + np.arange(search.n))
        self.back = np.linalg.inv(mixing)
        self.maps = mixture.maps @ self.back
        self.shape_sd, self.map_sd = mixture.noise(mixing)
        self.below = _below(mixing @ mixture.shapes / self.shape_sd)
        self.maps_below = _below(self.maps / self.map_sd)
        mean = np.array([self.below.mean(1), self.maps_below.mean(0)])
        self.excess: Floats = mean / search.limits - 1

    @cached_property
    def gradient(self) -> Floats:
        """Of the excess by the shares, the noise as it is: (2 components, components, components).

        Spectra first, then maps.
        """
        search, mixture, n = self.search, self.search.mixture, self.search.n
        gradient = np.zeros((2 * n, n, n))
        slopes = (self.below > 0) / self.shape_sd / self.below.shape[1]
        for k in range(n):
            gradient[k, k] = -slopes[k] @ mixture.shapes.T / search.limits[0, k]
            slope = (self.maps_below[:, k] > 0) / self.map_sd[:, k] / len(self.maps)
            along = self.maps.T @ slope / search.limits[1, k]
            gradient[n + k] = np.outer(along, self.back[:, k])
        return np.asarray(gradient * search.of_shapes)


def _below(values: Floats) -> NDArray[np.floating]:
    return np.asarray(np.maximum(-values - BELOW, 0))
