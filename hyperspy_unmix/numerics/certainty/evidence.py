"""What the data say about how they were mixed: side by side, or one phase under another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.beside_known import scale_to_unit_score
from hyperspy_unmix.numerics.separation.corner_population import (
    CornerPopulation,
    corner_population,
)
from hyperspy_unmix.numerics.separation.positivity import MOST_PIXELS_IN_MIXTURE, Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import Cloud, PurePixels
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, Refined
from hyperspy_unmix.numerics.types import Floats, Mask

from .ica_error import ica_covariance

# A phase is alone at a corner where pixels gather there far beyond what is around it.
LEAST_SHARE_ALONE, LEAST_DENSITY_RATIO = 0.02, 6.0
# A corner is populated where the likelihood wants pixels there.
LEAST_SHARE_POPULATED, LEAST_LIKELIHOOD_GAIN = 0.01, 10.0
MOST_ERROR_OF_ICA = 30.0  # degrees, beyond which independence tells nothing
MOST_NEGATIVITY_LEFT = 8.0  # times what noise gives, beyond which ICA contradicts itself
MOST_TURN_OF_HELD = 15.0  # degrees between a corner and the independent component it stands for
LEAST_SHARE_OF_COUNTS = -0.02  # of a component: one with less is no phase
LEAST_CORNERS_THAT_REFUTE = 2  # one may be that of particles of one size
MOST_TURN_ALIKE = 3.0  # degrees, within which two answers are the same
# Degrees from every pixel to which independence leads by itself; and how negative, over noise,
# spectra and maps of pixels that were chosen among few may be.
MOST_EXTRAPOLATION, MOST_NEGATIVITY_OF_FEW = 30.0, 12.0
MOST_ERROR_TO_EXTRAPOLATE = 15.0  # degrees: independence known no better does not lead so far
LEAST_GAIN_OF_PIXEL = 0.03  # logarithm of the likelihood, of those that a corner seems to hold
CHANCE_OF_GAIN = 0.5  # what chance changes it by, whatever the number of pixels
LEAST_VARIATION_WITHOUT_FILM = 0.25  # of a map over its mean: no layer of nearly even thickness
MOST_STEADY_VARIATION = 0.15  # of a map over its mean: a layer of one thickness
Verdict = Literal[
    "alone",
    "alike",
    "independent",
    "impossible",
    "contradictory",
    "refuted",
    "uninformed",
    "strained",
    "extrapolated",
]


@dataclass(frozen=True)
class Evidence:
    """What speaks for phases that are alone somewhere, and for independent ones.

    All for the corners of the cloud of spectra, in their order.

    Parameters
    ----------
    population : CornerPopulation
    nearest : int array, shape (components,)
        The independent component that is nearest to each corner.
    turns : array, shape (components,)
        Degrees between these two.
    ica_error : float
        Largest chance error of an independent component, degrees.
    ica_negativity, pure_negativity : float
        Of the worst spectrum or map, over what noise gives.
    ica_moved : float
        Largest turn, in degrees, that made the independent components less negative.
    variation, pure_variation : float
        Least standard deviation of a map over its mean, without noise.
    least_share, pure_least_share : float
        Of the counts, of the component that has the least.
    """

    population: CornerPopulation
    nearest: NDArray[np.intp]
    turns: Floats
    ica_error: float
    ica_negativity: float
    pure_negativity: float
    ica_moved: float
    variation: float
    pure_variation: float
    least_share: float = 0.0
    pure_least_share: float = 0.0

    @property
    def alone(self) -> Mask:
        """Which corners are phases that are alone in many pixels."""
        population = self.population
        return np.asarray(
            (population.share > LEAST_SHARE_ALONE)
            & (population.density_ratio > LEAST_DENSITY_RATIO)
        )

    @property
    def populated(self) -> Mask:
        """Which corners pixels seem to gather at, clearly or not."""
        population = self.population
        seems = (population.share > LEAST_SHARE_POPULATED) & (
            population.likelihood_gain > LEAST_LIKELIHOOD_GAIN
        )
        return np.asarray(seems | self.alone)

    @property
    def is_confirmed(self) -> bool:
        """Whether ICA finds a layer of even thickness under the others, which it does not look for.

        Such a map is no accident where the layer is alone elsewhere.
        """
        is_steady = self.variation < min(MOST_STEADY_VARIATION, self.pure_variation / 2)
        return bool(is_steady and self.alone.any())

    @property
    def is_extrapolated(self) -> bool:
        """Whether an independent component is far from all pixels, and nothing speaks for that.

        Few counts hide what would contradict it, and what would show that pixels gather at the
        corners: these are likely to be populated, and as non-negative; of a corner that is an
        independent component as well, nothing need show it. A layer of nearly even thickness that
        independence finds does speak for it, and so do pixels that are nowhere at a corner, but not
        where independence itself is hardly known.
        """
        population = self.population
        gain_of_all = LEAST_GAIN_OF_PIXEL * population.pixels * population.share
        may_be = population.likelihood_gain >= gain_of_all - CHANCE_OF_GAIN
        return bool(
            self.turns.max() > MOST_EXTRAPOLATION
            and may_be[self.turns > MOST_TURN_OF_HELD].all()
            and self.variation > LEAST_VARIATION_WITHOUT_FILM
            and ((population.share > LEAST_SHARE_POPULATED).all() or self._is_poorly_known)
            and self.pure_negativity < MOST_NEGATIVITY_OF_FEW
        )

    @property
    def _is_poorly_known(self) -> bool:
        """Whether chance leaves independence more degrees than it may lead beyond all pixels."""
        return self.ica_error > MOST_ERROR_TO_EXTRAPOLATE

    @property
    def held(self) -> Mask:
        """Phases that are alone, as far as independence does not deny it.

        Particles of one size gather pixels at a mixture: one corner by itself is no evidence
        against independent components that contradict nothing.
        """
        return np.asarray(self.alone & (self.turns <= MOST_TURN_OF_HELD))

    @property
    def verdict(self) -> Verdict:
        """What decides, see the theory page; ``"independent"`` lets phases that are alone stand."""
        if self.pure_least_share < min(LEAST_SHARE_OF_COUNTS, self.least_share):
            return "impossible"
        alone, all_populated = self.alone, bool(self.populated.all())
        if alone.all():
            return "alone"
        less_negative = self.pure_negativity < self.ica_negativity / 2
        if self.ica_negativity > MOST_NEGATIVITY_LEFT and (all_populated or less_negative):
            return "contradictory"
        if all_populated and self.turns.max() < MOST_TURN_ALIKE:
            return "alike"
        if self.is_confirmed:
            return "independent"
        missed = int((alone & ~self.held).sum())
        if missed >= LEAST_CORNERS_THAT_REFUTE or (missed and all_populated):
            return "refuted"
        if self.ica_error > MOST_ERROR_OF_ICA:
            return "uninformed"
        if self.ica_moved > np.degrees(ICA_ERROR) and all_populated:
            return "strained"
        if self.is_extrapolated:
            return "extrapolated"
        return "independent"

    @property
    def is_clear(self) -> bool:
        """Whether something speaks against the answer that is not taken.

        That it leaves spectra or maps more negative than noise, that no pixels are where it wants
        some, that it misses phases which are alone; or that the answer taken finds a film.
        """
        verdict = self.verdict
        if verdict == "impossible":
            return self.ica_negativity <= MOST_NEGATIVITY_LEFT
        if verdict == "independent":
            is_empty = bool((self.population.share < LEAST_SHARE_POPULATED).any())
            is_negative = self.pure_negativity > MOST_NEGATIVITY_LEFT
            return is_empty or is_negative or self.is_confirmed
        # Where few counts hide what would decide, nothing did.
        return verdict not in ("strained", "uninformed", "extrapolated")


def gather_evidence(
    spectra: LowRank,
    signals: Floats,
    ica_unmixing: Floats,
    uncorrelated: bool,
    refined: Refined,
    pure: PurePixels,
) -> Evidence:
    """What the data say about how they were mixed.

    Parameters
    ----------
    spectra : LowRank
    signals : array, shape (rank, samples)
        What the ICA saw.
    ica_unmixing : array, shape (rank, rank)
    uncorrelated : bool
        Whether the ICA was one that keeps sources uncorrelated.
    refined : Refined
        Of the ICA.
    pure : PurePixels

    Returns
    -------
    Evidence
    """
    cloud = Cloud.of(spectra)
    turns = turns_between(spectra, pure.unmixing, refined.unmixing)
    corner, nearest = linear_sum_assignment(turns)
    signed = np.where(pure.unmixing @ spectra.components.sum(1) < 0, -1.0, 1.0)
    mixture = Mixture(spectra, signed[:, None] * pure.unmixing, MOST_PIXELS_IN_MIXTURE)
    return Evidence(
        population=corner_population(cloud, pure.unmixing @ cloud.whitening),
        nearest=nearest,
        turns=turns[corner, nearest],
        ica_error=float(ica_errors(spectra, signals, ica_unmixing, uncorrelated).max()),
        ica_negativity=float(refined.after.max()),
        pure_negativity=float(mixture.negativity_ratios(np.eye(spectra.rank)).max()),
        ica_moved=float(refined.moved.max()),
        variation=float(_variations(spectra, refined.unmixing).min()),
        pure_variation=float(_variations(spectra, pure.unmixing).min()),
        least_share=_least_share(spectra, refined.unmixing),
        pure_least_share=_least_share(spectra, pure.unmixing),
    )


def turns_between(spectra: LowRank, first: Floats, second: Floats) -> Floats:
    """Angles in degrees between spectra of two unmixings, in units of their noise.

    Parameters
    ----------
    spectra : LowRank
    first, second : array, shape (any, rank)
        Spectra are ``first @ components``.

    Returns
    -------
    array, shape (of the first, of the second)
    """
    white = spectra.whitening.whiten(spectra.components)
    products = white @ white.T
    lengths = [np.sqrt(np.einsum("ij,jk,ik->i", u, products, u)) for u in (first, second)]
    cosines = first @ products @ second.T / np.maximum(np.outer(*lengths), 1e-300)
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def ica_errors(
    spectra: LowRank, signals: Floats, unmixing: Floats, uncorrelated: bool = False
) -> Floats:
    """Degrees by which chance may turn each spectrum of an ICA towards each other one.

    Parameters
    ----------
    spectra : LowRank
    signals : array, shape (rank, samples)
    unmixing : array, shape (rank, rank)
    uncorrelated : bool
        As in `ica_covariance`.

    Returns
    -------
    array, shape (rank, rank)
        Large where a spectrum has no detail that ICA could see, and may be in another to any
        amount.
    """
    centred = signals - signals.mean(1, keepdims=True)
    scaled = scale_to_unit_score(unmixing, centred)
    covariance = ica_covariance(scaled @ centred, uncorrelated)
    share = np.sqrt(np.maximum(np.einsum("ijij->ij", covariance), 0))
    white = spectra.whitening.whiten(scaled @ spectra.components)
    lengths = np.linalg.norm(white, axis=1)
    return np.asarray(np.degrees(np.arctan(share * lengths / lengths[:, None])))


def _least_share(spectra: LowRank, unmixing: Floats) -> float:
    """Share of the counts of the component that has the least."""
    maps = spectra.scores @ np.linalg.inv(unmixing)
    counts = maps.sum(0) * (unmixing @ spectra.components.sum(1))
    return float(counts.min() / max(abs(counts.sum()), 1e-300))


def _variations(spectra: LowRank, unmixing: Floats) -> Floats:
    """Standard deviation of each map over its mean, noise taken off, shape (components,)."""
    mean, covariance = spectra.map_moments(unmixing)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0))
    return np.asarray(sd / np.maximum(np.abs(mean), 1e-300))
