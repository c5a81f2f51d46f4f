"""Which assumption the data speak for, component by component: as facts, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.certainty.evidence import MOST_ERROR_OF_ICA, Evidence, Verdict
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.settings import UNDECIDED, Choice, Settings, caution

LEAST_SHARE_CLEARLY_ALONE = 0.03  # of the pixels
MOST_TURN_UNDECIDED = 20.0  # degrees between two answers, from which a reader must choose


@dataclass(frozen=True)
class EvidenceFinding:
    """What decided how the components were separated.

    All for the components in the order of the result.

    Parameters
    ----------
    verdict : str
        As in `evidence.Evidence`.
    is_alone : tuple of bool
        Which are taken as phases that are alone in many pixels.
    alone_pixels : tuple of int
        In how many pixels each is estimated to be alone.
    shares, likelihood_gains, density_ratios : tuple of float
        As in `corner_population.CornerPopulation`.
    overlap_turns, pure_turns : tuple of float
        Degrees by which each spectrum would turn were ``assume`` the other one.
    ica_error, ica_negativity, pure_negativity, ica_moved, variation : float
        As in `evidence.Evidence`.
    known : tuple of int
        Numbers of those that were given.
    is_clear : bool
        Whether the evidence decides clearly, as in `evidence.Evidence`.
    """

    verdict: Verdict
    is_alone: tuple[bool, ...]
    alone_pixels: tuple[int, ...]
    shares: tuple[float, ...]
    likelihood_gains: tuple[float, ...]
    density_ratios: tuple[float, ...]
    overlap_turns: tuple[float, ...]
    pure_turns: tuple[float, ...]
    ica_error: float
    ica_negativity: float
    pure_negativity: float
    ica_moved: float
    variation: float
    known: tuple[int, ...] = ()
    is_clear: bool = True

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        corners: list[int],
        number_of_pixels: int,
        overlap_turns: Floats,
        pure_turns: Floats,
        known: tuple[int, ...] = (),
    ) -> EvidenceFinding:
        """The finding about the evidence; ``corners`` are in the order of the result's components.

        A component that has none, a known one in the place of noise, has a number beyond them.
        """

        def of_corners(values: Any) -> Any:
            return np.append(values, np.zeros(len(corners), values.dtype))[corners]

        population = evidence.population
        shares = of_corners(population.share)
        verdict = evidence.verdict
        is_held = evidence.held if verdict == "independent" else evidence.alone
        is_held = is_held & (verdict != "impossible")
        return cls(
            verdict=verdict,
            is_alone=tuple(bool(is_alone) for is_alone in of_corners(is_held)),
            alone_pixels=tuple(round(float(share) * number_of_pixels) for share in shares),
            shares=_rounded(shares, 4),
            likelihood_gains=_rounded(of_corners(population.likelihood_gain), 1),
            density_ratios=_rounded(of_corners(population.density_ratio), 1),
            overlap_turns=_rounded(overlap_turns, 1),
            pure_turns=_rounded(pure_turns, 1),
            ica_error=round(evidence.ica_error, 1),
            ica_negativity=round(evidence.ica_negativity, 1),
            pure_negativity=round(evidence.pure_negativity, 1),
            ica_moved=round(evidence.ica_moved, 1),
            variation=round(evidence.variation, 3),
            known=known,
            is_clear=evidence.is_clear,
        )

    def choices(self) -> Settings:
        """In plain words."""
        numbers = "share of the pixels in which each component seems to be alone"
        independence = (
            f"error by chance in degrees; rotated by {self.ica_moved:g}° to remove negative "
            f"values, which leaves {self.ica_negativity:g} × noise (pure pixels: "
            f"{self.pure_negativity:g} ×)"
        )
        turns = 'degrees by which assume="overlap" turns each spectrum'
        pure = 'the same for assume="pure"'
        choices = {
            "assume": Choice("auto", f"{self._components()}; {self.reason}"),
            "alone": Choice(list(self.shares), numbers),
            "independence": Choice(self.ica_error, independence),
            "if overlap": Choice(list(self.overlap_turns), turns),
            "if pure": Choice(list(self.pure_turns), pure),
        }
        return choices | self._undecided()

    def _components(self) -> str:
        """What decided on which components."""
        is_alone, is_known = self._are_alone, self._are_known
        known = [str(i) for i in np.flatnonzero(is_known)]
        alone = [f"{i} in {self.alone_pixels[i]:,}" for i in np.flatnonzero(is_alone & ~is_known)]
        others = [str(i) for i in np.flatnonzero(~is_alone & ~is_known)]
        words = [f"known: {', '.join(known)}"] if known else []
        words += [f"alone in many pixels: {', '.join(alone)}"] if alone else []
        if others and self.verdict == "independent":
            words.append(f"not seen alone, by independence: {', '.join(others)}")
        elif self.verdict == "impossible":
            words.append("by independence")
        elif others:
            words.append(f"taken where they are most alone: {', '.join(others)}")
        return "; ".join(words)

    @property
    def _are_alone(self) -> Mask:
        return np.array(self.is_alone) | (self.verdict in ("alone", "alike"))

    @property
    def _are_known(self) -> Mask:
        return np.isin(np.arange(len(self.is_alone)), self.known)

    @property
    def by_independence(self) -> tuple[int, ...]:
        """Components that nothing but their independence of the others tells."""
        if self.verdict not in ("independent", "impossible"):
            return ()
        is_held = self._are_alone & (self.verdict == "independent")
        return tuple(int(i) for i in np.flatnonzero(~is_held & ~self._are_known))

    @property
    def reason(self) -> str:
        """The reason for the verdict."""
        reasons: dict[Verdict, str] = {
            "alone": "pixels gather at each",
            "alike": "pixels gather at each, and independence says the same",
            "independent": "independent spectra contradict nothing",
            "impossible": (
                "of the spectra where each is most alone, one would have less than no counts"
            ),
            "contradictory": (
                "independent spectra or maps would be clearly negative "
                f"({self.ica_negativity:g} × noise)"
            ),
            "refuted": "independence misses phases that are clearly alone",
            "uninformed": (
                "the spectra have too little detail for independence (chance error "
                f"{self.ica_error:g} degrees)"
            ),
            "strained": (
                f"independent spectra had to be turned by {self.ica_moved:g} degrees, and pixels "
                "gather where each is most alone"
            ),
            "extrapolated": (
                f"an independent spectrum would be {max(self.overlap_turns):.0f} degrees from "
                "where it is most alone, and nothing speaks for so much"
            ),
        }
        return reasons[self.verdict]

    def _undecided(self) -> Settings:
        """A warning where nothing tells which of two different answers is right."""
        barely_alone = min(self.shares) < LEAST_SHARE_CLEARLY_ALONE
        tells_nothing = self.verdict == "uninformed" or (
            self.verdict == "contradictory" and self.ica_error > MOST_ERROR_OF_ICA and barely_alone
        )
        is_decided = all(self.is_alone) or max(self.overlap_turns) < MOST_TURN_UNDECIDED
        if is_decided or not tells_nothing:
            return {}
        i = int(np.argmax(self.overlap_turns))
        hint = (
            f"component {i} might hold less of the others: its spectrum has too little detail to "
            "tell what lies under it, and was taken where it is most alone. Compare with "
            'assume="overlap", and look at u.ambiguity'
        )
        short = (
            f"Component {i} might hold less of the others: its spectrum has little detail. "
            'Compare with assume="overlap".'
        )
        return caution("assume", hint, short, UNDECIDED)


def _rounded(values: Floats, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


@dataclass(frozen=True)
class OneAnswerOnly:
    """Only one of the two assumptions could be tried, and why."""

    taken: str
    reason: str

    def choices(self) -> Settings:
        """In plain words."""
        return {"assume": Choice("auto", f"as {self.taken}: {self.reason}")}
