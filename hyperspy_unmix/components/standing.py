"""How a result stands, at a glance: which components are sure, faint or no phases; one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding
from hyperspy_unmix.analysis.separated import LEAST_STABLE
from hyperspy_unmix.analysis.separation_findings import (
    MOST_NEGATIVITY_RATIO,
    PurePixelsFinding,
    RefinementFinding,
)
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import finding_of, in_words

from . import uncertainty
from .background_error import MOST_OF_COUNTS
from .disagreement import disagreement
from .naming import called

if TYPE_CHECKING:
    from .components import Components
    from .trials import Trials

LEAST_WELL_SEPARATED = 0.8  # stability of every component
LEAST_CLEAR = 2.0  # times the noise edge, of what a component has beside the others
MOST_CLAUSES = 2  # of the sentence, beside its head
NUMBERS = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
]


@dataclass(frozen=True)
class Standing:
    """What a reader should know first.

    Parameters
    ----------
    names : tuple of str
        Of the components.
    stability : tuple of float
    differences : tuple of int
        Those that take counts away in all.
    faint : tuple of int
        Those that stand out of the others by little more than noise.
    negativity : float
        Of the worst spectrum or map, over what noise gives.
    is_open : bool
        Whether nothing limits how much of one component lies in another.
    is_undecided : bool
        Whether another assumption gives other spectra, and the evidence is weak.
    has_structure : bool
        Whether the counts support a component at all.
    has_more : bool
        Whether more than noise is left in the residual.
    elsewhere : mapping of int to (str, float)
        Unstable components that are stable under another assumption: it, and their stability.
    excluded : tuple of int
        Those that the user leaves out.
    on_background : tuple of int
        Those whose counts the background makes uncertain.
    are_mixtures : bool
        Whether components that are taken where they are alone are alone in hardly a pixel.
    by_independence : tuple of int
        Those that are alone in no pixels, so that nothing but independence tells their spectra.
    """

    names: tuple[str, ...]
    stability: tuple[float, ...]
    differences: tuple[int, ...] = ()
    faint: tuple[int, ...] = ()
    negativity: float = 0.0
    is_open: bool = False
    is_undecided: bool = False
    has_structure: bool = True
    has_more: bool = False
    elsewhere: Mapping[int, tuple[str, float]] = field(default_factory=dict)
    excluded: tuple[int, ...] = ()
    on_background: tuple[int, ...] = ()
    are_mixtures: bool = False
    by_independence: tuple[int, ...] = ()

    @property
    def unstable(self) -> tuple[int, ...]:
        """Components below what is called stable."""
        return tuple(i for i, index in enumerate(self.stability) if index < LEAST_STABLE)

    @property
    def are_phases(self) -> bool:
        """Whether nothing speaks against calling the components phases."""
        is_negative = self.negativity > MOST_NEGATIVITY_RATIO
        doubts = (self.differences, self.unstable, self.on_background, is_negative)
        others = (self.is_open, self.is_undecided, self.are_mixtures)
        return self.has_structure and not any((*doubts, *others))

    def sentence(self) -> str:
        """The verdict."""
        n = len(self.names)
        if not self.has_structure:
            return "No structure above the noise: one component, close to the mean spectrum."
        number = NUMBERS[n] if n < len(NUMBERS) else str(n)
        noun = ("phase" if self.are_phases else "component") + "s" * (n != 1)
        head = f"{number} {noun}"
        if n == 1 and self.are_phases:
            head += ", of which only the amount changes"
        elif self.are_phases:
            is_well = min(self.stability) >= LEAST_WELL_SEPARATED
            head += ", well separated" if is_well else ", separated"
        return "; ".join([head, *self._clauses()[:MOST_CLAUSES]]) + "."

    def note(self, i: int) -> str:
        """A word or two on one component, for the table."""
        notes = {
            "not reproducible": i in self.unstable,
            "takes counts away: a difference": i in self.differences,
            "faint": i in self.faint and i not in self.unstable,
            "nowhere alone": i in self.by_independence and i not in self.unstable,
            "excluded": i in self.excluded,
        }
        return ", ".join(words for words, is_so in notes.items() if is_so)

    def _clauses(self) -> list[str]:
        """What to add to the head, the most important first."""
        clauses = []
        if self.unstable:
            clauses.append(self._of_unstable())
        if self.differences and set(self.differences) != set(self.unstable):
            clauses.append(f"{self._called(self.differences)} a difference, not a phase")
        if self.has_more:
            clauses.append("the residual holds more")
        if self.negativity > MOST_NEGATIVITY_RATIO:
            clauses.append("some spectra or maps are clearly negative")
        if self.on_background:
            which = self._names(self.on_background)
            clauses.append(f"how much there is of {which} hangs on the background")
        if self.are_mixtures:
            clauses.append("the spectra are mixtures")
        if self.is_undecided:
            clauses.append("another assumption gives other spectra")
        if self.is_open:
            clauses.append("how much of one lies in another is open")
        faint = [i for i in self.faint if i not in self.unstable]
        if faint:
            clauses.append(f"{self._called(faint)} faint")
        less_sure = [i for i in range(len(self.names)) if i not in (*self.unstable, *faint)]
        less_sure = [i for i in less_sure if self.stability[i] < LEAST_WELL_SEPARATED]
        if less_sure:
            least = min(self.stability[i] for i in less_sure)
            clauses.append(f"{self._called(less_sure)} less certain ({least:.2f})")
        return clauses

    def _of_unstable(self) -> str:
        """That they are not reproducible, and where they are."""
        words = f"{self._called(self.unstable)} not reproducible"
        if set(self.differences) >= set(self.unstable):
            take = "takes" if len(self.unstable) == 1 else "take"
            return f"{words} and {take} counts away"
        found = [self.elsewhere.get(i) for i in self.unstable]
        kinds = {one[0] for one in found if one is not None}
        if len(kinds) != 1 or None in found:
            return words
        least = min(one[1] for one in found if one is not None)
        are = "it is" if len(found) == 1 else "they are"
        return f'{words} under this assumption, with assume="{kinds.pop()}" {are} ({least:.2f})'

    def _called(self, places: Sequence[int]) -> str:
        """Components as the subject of a clause."""
        return f"{self._names(places)} {'is' if len(places) == 1 else 'are'}"

    def _names(self, places: Sequence[int]) -> str:
        """Components by name or number, in words."""
        if len(places) > 1 and all(self.names[i] == str(i) for i in places):
            return f"components {in_words([str(i) for i in places])}"
        return in_words([called(self.names[i], i) for i in places])


def find_standing(result: Components, trials: Trials) -> Standing:
    """How a result stands; reads no data."""
    other = disagreement(result.separated, result.arrays, result.names)
    films = uncertainty.may_lie_under(result.separated, result.arrays)
    refined = finding_of(result.separated.findings, RefinementFinding)
    evidence = finding_of(result.separated.findings, EvidenceFinding)
    alone_nowhere = () if evidence is None else evidence.by_independence
    pure = finding_of(result.separated.findings, PurePixelsFinding)
    spread = result._background_spread
    much = () if spread is None else np.flatnonzero(spread.relative > MOST_OF_COUNTS).tolist()
    place = {int(origin): i for i, origin in enumerate(result.arrays.origin)}
    elsewhere = {place[origin]: (kind, index) for origin, kind, index in trials.elsewhere}
    return Standing(
        names=result.names,
        stability=tuple(float(index) for index in result.stability),
        differences=tuple(int(i) for i in np.flatnonzero(result.arrays.maps.sum(0) < 0)),
        faint=_faint(result),
        negativity=0.0 if refined is None else refined.after,
        is_open=bool(result.ambiguity.open_pairs or films),
        is_undecided=other is not None and other.is_caution,
        has_structure=result.pca.count.consensus > 0 or result.n_components > 1,
        has_more=result.residual_finding.number > 0,
        elsewhere=elsewhere,
        excluded=result.excluded,
        on_background=tuple(much),
        are_mixtures=pure is not None and bool(pure.impure),
        by_independence=tuple(sorted(place[origin] for origin in alone_nowhere)),
    )


def _faint(result: Components) -> tuple[int, ...]:
    """Components that stand out of the others by little more than noise.

    As many as the count calls that, and those below twice the noise edge.
    """
    count, strength = result.pca.count, strengths(result)
    number = count.consensus - count.clear if result.n_components == count.consensus else 0
    weakest = np.argsort(strength, kind="stable")[: max(number, 0)]
    faint = set(weakest.tolist()) | set(np.flatnonzero(strength < LEAST_CLEAR).tolist())
    return tuple(sorted(faint)) if result.n_components > 1 else ()


def strengths(result: Components) -> Floats:
    """Variance of the counts along what each spectrum has beside the others, noise edge = 1.

    Shape (components,).
    """
    counted = result.pca if result.pca.summed is None else result.pca.summed.pca
    spectra, separated = result.separated.spectra, result.separated.arrays
    if spectra.components.shape[1] != len(counted.recorded.whitening.channel_sd):
        # Spectra of another signal.
        return np.full(result.n_components, np.inf)
    white = spectra.whitening.whiten(separated.unmixing @ spectra.components)
    beside = 1 / np.maximum(np.diag(np.linalg.pinv(white @ white.T)), 1e-300)
    maps = spectra.scores @ np.linalg.pinv(separated.unmixing)
    variance = spectra.weights @ maps**2 * beside / counted.edge
    return np.asarray(variance[result.arrays.origin])
