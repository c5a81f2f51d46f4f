"""Which pixels are of which phase, and which are none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from hyperspy_unmix.numerics.types import Floats, Index

from .find import FoundPhases, find_phases, neighbours
from .population import SHARE_OF_CORE, Population, population
from .scattered import Mean, Scattered, transverse
from .search import FEWEST_PIXELS, is_mixture

MIXED, UNDECIDED, LEFT_OUT = -1, -2, -3
SHARE_OF_PHASE, MOST_OF_PHASE = 0.99, 0.999  # of the noise: without, and with neighbours alike
PER_NEIGHBOUR = 0.5  # logarithm of the odds that a neighbour of the same phase adds
LABELLING_ROUNDS = 10
LEAST_SIGNAL = 3.0  # standard deviations, of a pixel whose spectrum says anything
LEAST_ODDS = 1.0  # logarithm, of the phase taken over the next
LEAST_INTERIOR = 0.1  # of the pixels of a phase that single pixels do not tell from a mixture
SINGLE = 2.0  # standard deviations of a pixel, within which that is so


@dataclass(frozen=True)
class Segmentation:
    """Phases of a scan and the pixels of each, the phases in the order of their areas.

    Parameters
    ----------
    labels : array, shape (pixels,)
        Number of the phase; `MIXED`, or `UNDECIDED` where the counts do not tell.
    means : tuple of Mean
        Sums of the scores of the pixels of each phase, with their noise.
    populations : tuple of Population
        Of the pixels about each phase.
    candidates, continuous, summed : int
        As in `FoundPhases`.
    false_alarm : float
    """

    labels: Index
    means: tuple[Mean, ...]
    populations: tuple[Population, ...]
    candidates: int
    continuous: int
    summed: int
    false_alarm: float

    @property
    def areas(self) -> Floats:
        """Share of the pixels that each phase has, shape (phases,)."""
        return np.array([np.mean(self.labels == i) for i in range(len(self.means))])


def segmented(
    pixels: Scattered,
    places: Index,
    scan: tuple[int, ...],
    false_alarm: float,
    random_state: int = 0,
) -> Segmentation:
    """Phases of a scan, and the pixels of each; parameters as in `find_phases`."""
    found = find_phases(pixels, places, scan, false_alarm, random_state)
    local = neighbours(places, scan)
    kept = list(range(len(found.phases)))
    means = [_averaged(pixels, found.phases[i].trial) for i in kept]
    labels = label(pixels, means, local)
    while True:
        sizes = [int(np.sum(labels == i)) for i in range(len(means))]
        few = [i for i, size in enumerate(sizes) if size < FEWEST_PIXELS]
        none = few or _slices_of_ranges(pixels, means, labels, local)
        if not none:
            break
        # The smallest goes first: what is left of a range need not be one.
        worst = min(none, key=sizes.__getitem__)
        del kept[worst], means[worst]
        labels = label(pixels, means, local)
    return _in_order(pixels, found, kept, means, labels, false_alarm)


def _in_order(
    pixels: Scattered,
    found: FoundPhases,
    kept: list[int],
    means: list[Mean],
    labels: Index,
    false_alarm: float,
) -> Segmentation:
    sizes = np.array([int(np.sum(labels == i)) for i in range(len(means))])
    order = [int(i) for i in np.argsort(-sizes, kind="stable")]
    number = np.arange(len(means) + 3) - 3
    for new, old in enumerate(order):
        number[old + 3] = new
    labels = number[labels + 3].astype(np.intp)
    final = tuple(pixels.mean(np.flatnonzero(labels == new)) for new in range(len(order)))
    dof = max(pixels.k - 1, 1)
    populations = tuple(population(pixels.squared_distances(mean), dof) for mean in final)
    return Segmentation(
        labels,
        final,
        populations,
        found.candidates,
        found.continuous + len(found.phases) - len(kept),
        found.summed,
        false_alarm,
    )


def _averaged(pixels: Scattered, trial: Mean) -> Mean:
    """The mean in all counts of the pixels within the core of what was found in a share of them."""
    limit = float(chi2.ppf(SHARE_OF_CORE, max(pixels.k - 1, 1)))
    rows = np.flatnonzero(pixels.squared_distances(trial) < limit)
    return pixels.mean(rows) if len(rows) else trial


def label(pixels: Scattered, means: list[Mean], local: Index) -> Index:
    """The phase of each pixel.

    Of the greatest posterior probability, in which every neighbour of a phase speaks for it
    (iterated conditional modes); a pixel farther from all than 99 % of the noise is mixed, unless
    its neighbours are of the nearest phase and it is within 99.9 %.

    Parameters
    ----------
    pixels : Scattered
    means : list of Mean
    local : array, shape (pixels, neighbours)
        Rows of the pixels around each, itself included.

    Returns
    -------
    array, shape (pixels,)

    References
    ----------
    J. Besag, J. R. Stat. Soc. B 48 (1986) 259, https://doi.org/10.1111/j.2517-6161.1986.tb01412.x
    """
    if not means:
        return np.full(len(pixels.scores), MIXED)
    dof = max(pixels.k - 1, 1)
    usual, most = (float(chi2.ppf(share, dof)) for share in (SHARE_OF_PHASE, MOST_OF_PHASE))
    squared = np.stack([pixels.squared_distances(mean) for mean in means], 1)
    volume = np.array([np.linalg.slogdet(mean.covariance)[1] for mean in means]) / 2
    cost = np.where(squared < most, squared / 2 + volume, np.inf)
    own = np.arange(len(squared))
    beside = np.where(local == own[:, None], -1, local)
    labels = np.where(squared.min(1) < usual, cost.argmin(1), MIXED)
    for _ in range(LABELLING_ROUNDS):
        of_beside = np.where(beside < 0, MIXED, labels[beside])
        votes = np.stack([(of_beside == i).sum(1) for i in range(len(means))], 1)
        energy = cost - PER_NEIGHBOUR * votes
        best = energy.argmin(1)
        none = usual / 2 + volume[best]
        new = np.where(energy[own, best] < none, best, MIXED)
        if np.array_equal(new, labels):
            break
        labels = new
    return _told(pixels, means, labels, energy)


def _told(pixels: Scattered, means: list[Mean], labels: Index, energy: Floats) -> Index:
    """The labels of pixels whose counts tell them."""
    ordered = np.sort(energy, 1)
    is_close = np.zeros(len(labels), bool)
    if len(means) > 1:
        with np.errstate(invalid="ignore"):
            is_close = ordered[:, 1] - ordered[:, 0] < LEAST_ODDS
    signal = np.max(
        [transverse(pixels.scores, mean.direction, mean.covariance).along for mean in means], 0
    )
    is_faint = signal * np.sqrt(pixels.weights) < LEAST_SIGNAL
    return np.where(is_faint | (is_close & (labels >= 0)), UNDECIDED, labels)


def _slices_of_ranges(
    pixels: Scattered, means: list[Mean], labels: Index, local: Index
) -> list[int]:
    """Phases that single pixels do not tell from mixtures of two others, and without interior."""
    found = []
    for i, mean in enumerate(means):
        rows = np.flatnonzero(labels == i)
        if len(rows) == 0 or len(means) < 3:
            continue
        interior = float(np.mean((labels[local[rows]] == i).all(1)))
        n = np.linalg.norm(mean.direction) / np.linalg.norm(pixels.scores[rows].mean(0))
        noise = mean.covariance * np.mean(1 / pixels.weights[rows]) * n**2
        others = [other for j, other in enumerate(means) if j != i]
        single = replace(mean, noise=noise)
        if interior < LEAST_INTERIOR and is_mixture(single, others, SINGLE**2):
            found.append(i)
    return found
