"""Other options tried, where a result leaves something to be wished: another number, assumption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding, OneAnswerOnly
from hyperspy_unmix.analysis.factorisation_finding import FactorisationFinding
from hyperspy_unmix.analysis.found_by import BesideKnown
from hyperspy_unmix.analysis.separated import LEAST_STABLE, Separated
from hyperspy_unmix.analysis.separation_findings import (
    MOST_NEGATIVITY_RATIO,
    IcaFinding,
    NotRefined,
    PurePixelsFinding,
)
from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import FrozenSettings, finding_of

from .disagreement import LEAST_TURN
from .naming import numbers
from .trials import Score, Trials
from .uncertainty import MOST_CHI_SQUARE

if TYPE_CHECKING:
    from .components import Components

STEP_OF_CHI_SQUARE = 0.05
LEAST_COSINE = 0.5  # between a spectrum and the one that stands for it under another assumption
_tried: WeakKeyDictionary[Separated, Trials] = WeakKeyDictionary()


def score_of(result: Components) -> Score:
    """How good a result is by its own evidence."""
    unstable = int(np.sum(result.stability < LEAST_STABLE))
    return replace(_score_if_stable(result), unstable=unstable)


def _score_if_stable(result: Components) -> Score:
    """The score of a result if all of its components are stable, which takes the most time."""
    chi_square = result._sampled_chi_square
    mean = 1.0 if chi_square is None else float(np.nanmean(chi_square))
    excess = np.log(max(mean, 1e-9) / MOST_CHI_SQUARE) / np.log1p(STEP_OF_CHI_SQUARE)
    negativity = np.log2(max(result.separated.negativity, 1e-9) / MOST_NEGATIVITY_RATIO)
    pure = finding_of(result.separated.findings, PurePixelsFinding)
    return Score(
        differences=int(np.sum(result.arrays.maps.sum(0) < 0)),
        unstable=0,
        missing=result.residual_finding.number,
        misfit=max(int(np.ceil(excess)), 0),
        negativity=max(int(np.ceil(negativity)), 0),
        mixtures=0 if pure is None else len(pure.impure),
    )


def trials_of(result: Components) -> Trials:
    """What other options give, tried once; nothing where there is no reason to try."""
    separated = result.separated
    if separated not in _tried:
        _tried[separated] = _tried_anew(result)
    return _tried[separated]


def _tried_anew(result: Components) -> Trials:
    is_given = result.are_spectra_given or isinstance(result.separated.found_by, BesideKnown)
    if is_given or "together" in result.choices:
        return Trials()
    here = score_of(result)
    tried: list[tuple[dict[str, Any], Components]] = []
    elsewhere: dict[int, tuple[str, float]] = {}
    best: Trials | None = None
    for changed in _worth_trying(result, here):
        is_for_place = bool(here.unstable) and "assume" in changed
        if best is not None and not is_for_place:
            continue
        try:
            other = _with(result, **changed)
        except ValueError:
            # Too few pixels or channels for this one.
            continue
        if_stable = _score_if_stable(other)
        if is_for_place and if_stable.mixtures <= here.mixtures:
            elsewhere |= {
                origin: (changed["assume"], index)
                for origin, index in _stable_in(result, other).items()
                if index > elsewhere.get(origin, ("", 0.0))[1]
            }
        if best is None and if_stable.is_best and score_of(other).is_best:
            # Nothing is better, and of those before none is as good.
            best = Trials(found=score_of(other), here=here, **changed)
        tried.append((changed, other))
    places = tuple((origin, *where) for origin, where in sorted(elsewhere.items()))
    return replace(best or _best_of(here, tried), elsewhere=places)


def _best_of(here: Score, tried: Sequence[tuple[dict[str, Any], Components]]) -> Trials:
    """The last that is better than all before that were; nothing where none is."""
    best = Trials()
    for changed, other in tried:
        better_than = best.found or here
        # What is no better though it be stable is not repeated to see whether it is.
        if not _score_if_stable(other).is_better_than(better_than):
            continue
        score = score_of(other)
        if score.is_better_than(better_than):
            best = Trials(found=score, here=here, **changed)
    return best


def _worth_trying(result: Components, here: Score) -> Iterator[dict[str, Any]]:
    """Options that might mend what is wrong with a result, one at a time."""
    n, count = result.n_components, result.pca.count
    # Where "auto" weighed two assumptions, it knew which one is less negative.
    is_weighed = finding_of(result.separated.findings, EvidenceFinding) is not None
    if n > 1 and (here.differences or here.unstable or (here.negativity and not is_weighed)):
        for assumption in _other_assumptions(result):
            yield {"assume": assumption}
    if n > 1 and (here.differences or here.unstable):
        yield {"n_components": n - 1}
        if 0 < count.consensus < n - 1:
            yield {"n_components": count.consensus}
    # What "auto" leaves out was tried by it.
    if here.missing and n < count.consensus == count.automatic:
        yield {"n_components": count.consensus}


def _other_assumptions(result: Components) -> list[str]:
    """Assumptions under which the components are others."""
    findings = result.separated.findings
    evidence = finding_of(findings, EvidenceFinding)
    if evidence is not None:
        turns = {"overlap": evidence.overlap_turns, "pure": evidence.pure_turns}
        return [name for name, each in turns.items() if max(each, default=0.0) > LEAST_TURN]
    if finding_of(findings, OneAnswerOnly) is not None:
        return []
    return ["pure"] if finding_of(findings, PurePixelsFinding) is None else ["overlap"]


def options_of(result: Components, **changed: Any) -> SeparationOptions:
    """The options with which a result was separated, but for these."""
    findings, found_by = result.separated.findings, result.separated.found_by
    how = finding_of(findings, FactorisationFinding) or finding_of(findings, IcaFinding)
    is_weighed = any(finding_of(findings, kind) for kind in (EvidenceFinding, OneAnswerOnly))
    is_pure = finding_of(findings, PurePixelsFinding) is not None
    options: dict[str, Any] = {
        "algorithm": "picard" if how is None else how.asked,
        "refine": "auto" if finding_of(findings, NotRefined) is None else None,
        "assume": "auto" if is_weighed else "pure" if is_pure else "overlap",
        "random_state": result.separated.random_state,
        "known": found_by.known if isinstance(found_by, BesideKnown) else None,
    }
    return SeparationOptions(**{**options, **changed})


def _with(result: Components, n_components: int | None = None, **changed: Any) -> Components:
    """The result with other options; nothing is said of it."""
    n = result.n_components if n_components is None else n_components
    separated, choices = result.pca.separate_silently(n, options_of(result, **changed))
    return replace(
        result,
        names=numbers(n),
        choices=FrozenSettings(choices),
        arrays=result.pca.arrays_of(separated),
        separated=separated,
    )


def _stable_in(result: Components, other: Components) -> dict[int, float]:
    """Unstable components of a result that are stable in another: number, stability there."""
    mine, theirs = _unit_spectra(result.separated), _unit_spectra(other.separated)
    cosines = mine @ theirs.T
    here = result.separated.stability
    pairs = [
        (int(i), int(j))
        for i, j in zip(*linear_sum_assignment(-cosines), strict=True)
        if here[i] < LEAST_STABLE and cosines[i, j] > LEAST_COSINE
    ]
    if not pairs:
        return {}
    there = other.separated.stability
    return {i: float(there[j]) for i, j in pairs if there[j] >= LEAST_STABLE}


def _unit_spectra(separated: Separated) -> Floats:
    """Spectra of norm one in units of the channels' noise."""
    sd = separated.spectra.whitening.channel_sd
    white = separated.arrays.spectra * separated.widths / sd
    return np.asarray(white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-300))
