"""Whether the other assumption gives another answer, by more than the stated errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.settings import UNDECIDED, Choice, Settings, caution, finding_of, part_of_one

from .other_answers import ALONE, OtherAnswers

LEAST_TURN, LEAST_TURN_OF_CAUTION = 3.0, 10.0  # degrees, from which it is said, and warned of
LEAST_ERRORS = 2.0  # stated errors of a component: less is no disagreement
LEAST_ERROR = 0.1  # degrees, to which turns are known


@dataclass(frozen=True)
class Disagreement:
    """What an assumption that was not taken makes of the components.

    Parameters
    ----------
    assumption : {"overlap", "pure"}
    turns : tuple of (str, float, float)
        Of the components that differ, the one that does most first: name, degrees by which the
        spectrum turns, stated error of its mixing in degrees.
    is_clear : bool
        Whether the evidence decides clearly between the two.
    reason : str
        What decided.
    """

    assumption: str
    turns: tuple[tuple[str, float, float], ...]
    is_clear: bool
    reason: str

    @property
    def is_caution(self) -> bool:
        """Whether the answers are far apart, and what decided is weak."""
        return not self.is_clear and self.turns[0][1] >= LEAST_TURN_OF_CAUTION

    def choices(self, others: OtherAnswers = ALONE) -> Settings:
        """In plain words; ``others`` tells what advice may point to."""
        name, turn, error = self.turns[0]
        times = turn / max(error, LEAST_ERROR)
        beside = [f"{name} by {turn:.0f}" for name, turn, _ in self.turns[1:]]
        also = f"; component {', '.join(beside)}" if beside else ""
        found = (
            f'assume="{self.assumption}" turns the spectrum of component {name} by {turn:.0f} '
            f"degrees, {times:.2g} times its stated error{also}"
        )
        if not self.is_caution:
            reason = f"{found}. What decided: {self.reason}"
            return {"other answer": Choice(round(turn, 1), reason)}
        hint = (
            f"{found}. Stated errors are those of the assumption taken, and what decided is weak: "
            f"{self.reason}. {others.under(self.assumption)}: which spectra are those of phases? A "
            f"spectrum or a region that you know decides: {others.known()}"
        )
        short = (
            f'With assume="{self.assumption}" component {name} has another spectrum '
            f"({turn:.0f}° away), and what decided is weak: "
            f"{others.short_under(self.assumption)}."
        )
        return caution("other answer", hint, short, UNDECIDED + part_of_one(turn, 30.0))


def disagreement(
    separated: Separated, arrays: Normalised, names: tuple[str, ...]
) -> Disagreement | None:
    """The assumption whose answer differs most; None where both agree, or one was asked for."""
    evidence = finding_of(separated.findings, EvidenceFinding)
    if evidence is None:
        return None
    errors = separated.mixing_degrees[separated.mixed]
    places = np.argsort(arrays.origin)[separated.mixed]
    found = []
    turns_of = {"overlap": evidence.overlap_turns, "pure": evidence.pure_turns}
    for assumption, turns in turns_of.items():
        order = np.argsort(turns, kind="stable")[::-1]
        differing = tuple(
            (names[places[i]], float(turns[i]), float(errors[i]))
            for i in order
            if turns[i] > max(LEAST_TURN, LEAST_ERRORS * errors[i])
        )
        if differing:
            found.append(Disagreement(assumption, differing, evidence.is_clear, evidence.reason))
    return max(found, key=lambda one: one.turns[0][1], default=None)
