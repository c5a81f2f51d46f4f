"""Whether pixels gather about a spectrum, or pass through it: a phase, or a slice of a range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.integrate import quad
from scipy.stats import chi2

from hyperspy_unmix.numerics.types import Floats

SHARE_OF_CORE, SHARE_OF_BALL = 0.5, 0.95  # of the noise, of the two balls that are compared
LEAST_GATHERED = 0.25  # of the pixels in the ball, of a phase: mixtures with others pass by, too
MOST_GATHERED_OF_RANGE = 0.6
LEAST_SIGMAS = 3.7  # one of 10,000 slices of a range has more


@dataclass(frozen=True)
class Population:
    """Pixels about a spectrum.

    Parameters
    ----------
    gathered : float
        Share of those within its noise that have this very spectrum; others pass by.
    error : float
        Standard deviation of ``gathered``.
    pixels : int
        Within its noise.
    """

    gathered: float
    error: float
    pixels: int

    @property
    def is_phase(self) -> bool:
        """Whether they have this very spectrum, beyond the error."""
        return self.gathered >= LEAST_GATHERED and self.gathered > LEAST_SIGMAS * self.error

    @property
    def is_range(self) -> bool:
        """Whether most pass by, beyond the error; if neither, they are too few to tell."""
        return self.gathered + LEAST_SIGMAS * self.error < MOST_GATHERED_OF_RANGE


def population(squared_distances: Floats, dof: int) -> Population:
    """Pixels that gather about a spectrum, of those within its noise.

    Within two balls about the spectrum lie known shares of the pixels that have it, and a known
    ratio of pixels that are spread evenly along a line through it (a range of mixtures, a
    gradient): the numbers in both balls say how many there are of either kind.

    Parameters
    ----------
    squared_distances : array, shape (pixels,)
        In units of the noise, from a spectrum that was found without this noise.
    dof : int
        Their degrees of freedom.
    """
    core_limit, ball_limit = (float(chi2.ppf(s, dof)) for s in (SHARE_OF_CORE, SHARE_OF_BALL))
    in_core = int(np.sum(squared_distances < core_limit))
    in_ball = int(np.sum(squared_distances < ball_limit))
    if in_ball == 0:
        return Population(0.0, 1.0, 0)
    on_line = share_on_line(dof)
    # in_core = (SHARE_OF_CORE / SHARE_OF_BALL) gathered + on_line (in_ball - gathered)
    slope = SHARE_OF_CORE / SHARE_OF_BALL - on_line
    share = in_core / in_ball
    error = np.sqrt(max(share * (1 - share), 1 / in_ball) / in_ball) / slope
    return Population((share - on_line) / slope, float(error), in_ball)


@cache
def share_on_line(dof: int) -> float:
    """Share of the ball's pixels that are in its core, where they lie evenly along a line."""
    core, ball = (_length(float(chi2.ppf(s, dof)), dof - 1) for s in (SHARE_OF_CORE, SHARE_OF_BALL))
    return core / ball


def _length(limit: float, dof_across: int) -> float:
    """Mean length of the line within the squared distance ``limit``, over two."""
    if dof_across == 0:
        return float(np.sqrt(limit))
    return float(
        quad(lambda c: np.sqrt(limit - c) * chi2.pdf(c, dof_across), 0, limit, limit=200)[0]
    )
