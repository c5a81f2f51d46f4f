"""The search for phases: spectra that many pixels share, judged in noise that found none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from hyperspy_unmix.numerics.types import Floats, Index, Mask

from .population import SHARE_OF_BALL, SHARE_OF_CORE, Population, population
from .scattered import Mean, Scattered, cone_distance, whitening

FEWEST_PIXELS = 5  # of a phase
MOST_PHASES = 40
MOST_POPULATIONS, MOST_ENDS = 40, 40  # that are judged
MOST_SEEDS, MOST_COUNTED = 256, 4096  # pixels tried as centres, and counted about them
ENDS_TRIED = 8  # of which the one is taken that leaves the fewest pixels
SHARE_WITHIN = 0.999  # of the noise, of all pixels of a phase
SETTLING_ROUNDS, NOISE_ROUNDS = 20, 3  # of averaging, and the first of them that ask for the noise
LEAST_OF_MIXTURE = 40  # pixels, by which a mixture that is a phase is told from a range
LEAST_DISTANCE = 3.0  # standard deviations of a pixel, nearer ones may be one range
SINGLE = 2.0  # the same, of a mixture that single pixels do not tell from that of two others


@dataclass(frozen=True)
class Found:
    """A phase found in one share of the counts, accepted in the other.

    Parameters
    ----------
    rows : array
        Pixels that are averaged for it.
    trial, judged : Mean
        In the share in which it was found, and in the other.
    population : Population
        Of the pixels about it in the other share.
    """

    rows: Index
    trial: Mean
    judged: Mean
    population: Population


class Searching:
    """The densest population is found in one share of the counts and judged in the other.

    It is a phase if in the other share its mean differs from all phases before and its pixels
    gather about it. Then the ends of what is left beside all mixtures of two phases.

    Parameters
    ----------
    trial, judge : Scattered
        Two shares of the same pixels, of independent noise.
    local : array, shape (pixels, neighbours)
        Rows of the pixels around each, itself included.
    level : float
        Probability that noise passes a single test.
    phases : sequence of Found
        Known before.
    """

    def __init__(
        self,
        trial: Scattered,
        judge: Scattered,
        local: Index,
        level: float,
        phases: tuple[Found, ...] = (),
    ) -> None:
        self.trial, self.judge, self.local = trial, judge, local
        self.phases = list(phases)
        self.populations = self.ends = self.continuous = 0
        self.dof = max(trial.k - 1, 1)
        self.limit = float(chi2.isf(level, self.dof))
        shares = (SHARE_OF_CORE, SHARE_OF_BALL, SHARE_WITHIN)
        self.core, self.ball, self.within = (float(chi2.ppf(share, self.dof)) for share in shares)

    def run(self) -> tuple[Found, ...]:
        """All phases, those known before included."""
        self.find_populations()
        self.find_ends()
        self.drop_mixtures()
        return tuple(self.phases)

    def find_populations(self) -> None:
        """Add the spectra that most pixels share, the densest population first."""
        left = np.ones(len(self.trial.scores), bool)
        for phase in self.phases:
            left &= self.trial.squared_distances(phase.trial) > self.within
        while self.populations < MOST_POPULATIONS and left.sum() >= FEWEST_PIXELS:
            first = self.densest(np.flatnonzero(left))
            if len(first) < FEWEST_PIXELS:
                return
            rows = self.settle(first)
            left[first] = False
            if len(rows) < FEWEST_PIXELS:
                continue
            left[rows] = False
            found = self.judged(rows)
            self.populations += 1
            if not found.population.is_phase:
                self.continuous += 1
            elif self.accept(found, is_small=len(rows) < LEAST_OF_MIXTURE):
                left &= self.trial.squared_distances(found.trial) > self.within

    # ------------------------------------------------------------------ candidates

    def densest(self, rows: Index) -> Index:
        """Those of these pixels that are in the noise of the one that has the most about it."""
        counted = rows[_evenly(len(rows), MOST_COUNTED)]
        white = whitening(self.trial.covariance(rows))
        seeds = self.trial.scores[self.local[rows[_evenly(len(rows), MOST_SEEDS)]]].sum(1) @ white
        seeds /= np.maximum(np.linalg.norm(seeds, axis=1, keepdims=True), 1e-300)
        turned = self.trial.scores[counted] @ white
        along = turned @ seeds.T
        across = np.sum(turned**2, 1)[:, None] - along**2
        across = np.where(along > 0, across * self.trial.weights[counted][:, None], np.inf)
        for limit in (self.core, self.ball):
            near = across < limit
            best = counted[near[:, int(np.argmax(near.sum(0)))]]
            if len(best) >= LEAST_OF_MIXTURE:
                break
        return best

    def settle(self, rows: Index) -> Index:
        """Pixels about their own mean: within the core of its noise, of few pixels all."""
        limit = self.core if len(rows) >= LEAST_OF_MIXTURE else self.ball
        mean: Mean | None = None
        for i in range(SETTLING_ROUNDS):
            if len(rows) < FEWEST_PIXELS:
                return rows
            former = mean if i >= NOISE_ROUNDS else None
            mean = self.trial.mean(rows, former)
            inside = np.flatnonzero(self.trial.squared_distances(mean) < limit)
            if np.array_equal(inside, rows):
                break
            rows = inside
        return rows

    # ------------------------------------------------------------------ judgement

    def judged(self, rows: Index) -> Found:
        """What the other share shows of these pixels, and of all about their mean."""
        trial = self.trial.mean(rows)
        about = population(self.judge.squared_distances(trial), self.dof)
        return Found(rows, trial, self.judge.mean(rows), about)

    def accept(self, found: Found, *, is_small: bool) -> bool:
        """Whether this is a phase; it is then one of the phases."""
        others = [phase.judged for phase in self.phases]
        if len(others) >= MOST_PHASES:
            return False
        single = replace(found.judged, noise=self.noise_of_one(found))
        for other in others:
            if cone_distance(found.judged, [other]) < self.limit:
                return False
            if cone_distance(single, [replace(other, noise=0 * other.noise)]) < LEAST_DISTANCE**2:
                return False
        if is_small and is_mixture(found.judged, others, self.limit):
            return False
        self.phases.append(found)
        return True

    def noise_of_one(self, found: Found) -> Floats:
        """Noise of the sum over a phase's pixels, as uncertain as if it were a single one."""
        weights, n = self.judge.weights[found.rows], len(found.rows)
        return np.asarray(found.judged.covariance * np.mean(1 / weights) * n**2)

    def drop_mixtures(self) -> None:
        """Leave out small phases that are mixtures of two that were found after them."""
        for phase in sorted(self.phases, key=lambda phase: len(phase.rows)):
            others = [other.judged for other in self.phases if other is not phase]
            is_small = len(phase.rows) < LEAST_OF_MIXTURE or not phase.population.is_phase
            if is_small and is_mixture(phase.judged, others, self.limit):
                self.phases = [other for other in self.phases if other is not phase]

    # ------------------------------------------------------------------ ends of ranges

    def find_ends(self) -> None:
        """Extreme spectra of what is left beside mixtures of two phases, as many as there are axes.

        Of the farthest ones that is taken first that leaves the fewest pixels unexplained.
        """
        sample = _evenly(len(self.trial.scores), MOST_COUNTED)
        while self.ends < MOST_ENDS and len(self.phases) < self.trial.k:
            # A particle that is too small to settle is taken where nothing larger is left.
            if not any(self.accept_first(rows, sample) for rows in self.farthest()):
                return

    def accept_first(self, groups: list[Index], sample: Index) -> bool:
        """Accept the group that leaves the fewest pixels unexplained, of those that are phases."""
        found = [self.judged(rows) for rows in groups]
        self.ends += len(found)
        left = [self.unexplained(sample, one.trial).sum() for one in found]
        in_turn = (found[i] for i in np.argsort(left, kind="stable"))
        return any(self.is_extreme(one) and self.accept(one, is_small=True) for one in in_turn)

    def is_extreme(self, found: Found) -> bool:
        """Whether this is no mixture of any number of phases."""
        others = [phase.judged for phase in self.phases]
        return not others or cone_distance(found.judged, others) > self.limit

    def unexplained(self, rows: Index, *more: Mean) -> Mask:
        """Those of these pixels that are not within the noise of a mixture of two phases."""
        means = [phase.trial for phase in self.phases] + list(more)
        if not means:
            return np.ones(len(rows), bool)
        return mixture_distances(self.trial, means, rows) > self.within

    def farthest(self) -> tuple[list[Index], list[Index]]:
        """Pixels like those that are the farthest from all phases, and pixels around these.

        Several groups of either; the second where noise brings others nearer than a single pixel.
        """
        every = np.arange(len(self.trial.scores))
        sums, of_sums = self.neighbourhoods()
        far = of_sums if self.phases else np.zeros(len(every), bool)
        left = every[self.unexplained(every) | far]
        like: list[Index] = []
        beside: list[Index] = []
        while len(left) >= FEWEST_PIXELS and len(like) + len(beside) < ENDS_TRIED:
            chosen = left[_evenly(len(left), MOST_SEEDS)]
            means = [phase.trial for phase in self.phases] or [self.trial.mean(every)]
            apart = mixture_distances(sums, means, chosen)
            place = int(chosen[np.argmax(np.where(np.isfinite(apart), apart, 0.0))])
            covariance = self.trial.covariance(left)
            seed = Mean(sums.scores[place], covariance, covariance)
            near = np.flatnonzero(self.trial.squared_distances(seed) < self.ball)
            rows, around = self.settle(near), np.unique(self.local[place])
            like += [rows] if len(rows) >= FEWEST_PIXELS else []
            beside += [around] if far[place] and len(around) >= FEWEST_PIXELS else []
            left = np.setdiff1d(left, np.concatenate([rows, near, around]))
        return like, beside

    def neighbourhoods(self) -> tuple[Scattered, Mask]:
        """Sums over the pixels around each, and whether one is clearly beside all mixtures."""
        variance = (1 / self.trial.weights)[self.local].sum(1)
        scores = self.trial.scores[self.local].sum(1)
        sums = replace(self.trial, scores=scores, weights=1 / variance)
        means = [phase.trial for phase in self.phases]
        if not means:
            return sums, np.zeros(len(scores), bool)
        return sums, mixture_distances(sums, means, np.arange(len(scores))) > self.limit


def is_mixture(mean: Mean, others: list[Mean], limit: float) -> bool:
    """Whether a spectrum is a non-negative mixture of two others, within this squared distance."""
    return any(cone_distance(mean, pair) < limit for pair in _pairs(others))


def mixture_distances(pixels: Scattered, means: list[Mean], rows: Index) -> Floats:
    """Squared distance of some pixels from the nearest mixture of one or two phases."""
    nearest = np.asarray(np.min([pixels.squared_distances(mean, rows) for mean in means], 0))
    for first, second in _pairs(means):
        between = pair_distances(pixels, first, second, rows)
        nearest = np.minimum(nearest, between)
    return nearest


def pair_distances(pixels: Scattered, first: Mean, second: Mean, rows: Index) -> Floats:
    """Squared distance of some pixels from mixtures of two phases; infinite beyond either."""
    covariance = (first.covariance + second.covariance) / 2
    white = whitening(covariance)
    plane = np.stack([first.direction, second.direction]) @ white
    turned = pixels.scores[rows] @ white
    shares = turned @ np.linalg.pinv(plane)
    rest = np.sum((turned - shares @ plane) ** 2, 1) * pixels.weights[rows]
    return np.where((shares > 0).all(1), rest, np.inf)


def _pairs(means: list[Mean]) -> list[list[Mean]]:
    return [[first, second] for i, first in enumerate(means) for second in means[:i]]


def _evenly(n: int, most: int) -> Index:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.intp))
