"""How the leading components are separated: by ICA, by pure pixels, or by what the data say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import Evidence, gather_evidence
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.beside_known import separate_beside
from hyperspy_unmix.numerics.separation.ica import Algorithm, Separation, separate
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, Refined, refine
from hyperspy_unmix.numerics.separation.sign_and_scale import signs
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Finding

from .evidence_finding import OneAnswerOnly
from .found_by import BesideAlone, Detail, FoundBy, Independent
from .separation_findings import IcaFinding, NotRefined

ERROR_OF_ALONE = 0.01  # usual share of other components in a phase that is alone


class Answer(NamedTuple):
    """How the leading components were separated, and what was found on the way.

    Parameters
    ----------
    found_by : FoundBy
    refined : Refined, optional
        Its refinement, where that is wanted.
    findings : list of Finding
    weighed : Weighed, optional
        The evidence, where it decided.
    """

    found_by: FoundBy
    refined: Refined | None
    findings: list[Finding]
    weighed: Weighed | None = None


@dataclass(frozen=True)
class Weighed:
    """Evidence, and the two answers that it was weighed for."""

    evidence: Evidence
    independent: Refined
    pure: PurePixels


def separate_leading(leading: LowRank, detail: Detail, options: SeparationOptions) -> Answer:
    """By what is assumed, or by what the data speak for."""
    if options.assume == "pure":
        return Answer(pure_components(leading), None, [])
    if options.assume == "auto" and leading.rank > 1:
        return _separate_by_evidence(leading, detail, options)
    return _refine(leading, *separate_by_ica(leading, detail, options), options)


def _refine(
    leading: LowRank, ica: Independent, finding: IcaFinding, options: SeparationOptions
) -> Answer:
    """The ICA, and its refinement where that is wanted."""
    if options.refine == "auto":
        return Answer(ica, refine(leading, ica.unmixing), [finding])
    return Answer(ica, None, [finding, NotRefined()])


def _separate_by_evidence(leading: LowRank, detail: Detail, options: SeparationOptions) -> Answer:
    """Phases that are alone, independent ones, or both, by what the data say."""
    signals = detail.of(leading.components, leading.whitening.channel_sd)
    if leading.rank >= signals.shape[1]:
        reason = "too few channels have neighbours for the derivative that independence needs"
        return Answer(pure_components(leading), None, [OneAnswerOnly("pure pixels", reason)])
    ica, finding = separate_by_ica(leading, detail, options)
    try:
        pure = pure_components(leading)
    except ValueError:
        answer = _refine(leading, ica, finding, options)
        reason = "too few pixels hold counts to look for some that hold one component alone"
        only = OneAnswerOnly("independent components", reason)
        return answer._replace(findings=[only, *answer.findings])
    independent = refine(leading, ica.unmixing)
    uncorrelated = ica.algorithm == "fastica" or not ica.super_gaussian
    evidence = gather_evidence(leading, signals, ica.unmixing, uncorrelated, independent, pure)
    weighed = Weighed(evidence, independent, pure)
    verdict = evidence.verdict
    if verdict not in ("independent", "impossible"):
        return Answer(pure, None, [finding], weighed)
    if verdict == "impossible" or not evidence.held.any() or not ica.super_gaussian:
        return _refine(leading, ica, finding, options)._replace(weighed=weighed)
    answer = _separate_beside_alone(leading, signals, ica, weighed, options)
    return answer._replace(findings=[finding, *answer.findings])


def _separate_beside_alone(
    leading: LowRank,
    signals: Floats,
    ica: Independent,
    weighed: Weighed,
    options: SeparationOptions,
) -> Answer:
    """Phases that are alone as they are there, and the others independent beside them."""
    evidence, pure = weighed.evidence, weighed.pure
    is_alone = evidence.held
    unmixing = pure.unmixing.copy()
    start = ica.unmixing[evidence.nearest[~is_alone]]
    unmixing[~is_alone] = separate_beside(signals, pure.unmixing[is_alone], start)
    found_by = BesideAlone(signed(leading, unmixing), is_alone, pure)
    if options.refine is None:
        return Answer(found_by, None, [NotRefined()], weighed)
    errors = np.where(is_alone, ERROR_OF_ALONE, ICA_ERROR)
    return Answer(found_by, refine(leading, found_by.unmixing, errors), [], weighed)


def signed(spectra: LowRank, unmixing: Floats) -> Floats:
    """The unmixing, each component with its sign."""
    shapes, maps = unmixing @ spectra.components, spectra.scores @ np.linalg.inv(unmixing)
    sign = signs(shapes, maps, spectra.whitening.channel_sd)[0]
    return np.asarray(sign[:, None] * unmixing)


def separate_by_ica(
    spectra: LowRank, detail: Detail, options: SeparationOptions
) -> tuple[Independent, IcaFinding]:
    """ICA of the spectral derivative; each component with its sign."""
    sd, rank = spectra.whitening.channel_sd, spectra.rank
    signals = detail.of(spectra.components, sd)
    if rank > 1 and rank >= signals.shape[1]:
        raise ValueError(
            f"{rank} components cannot be separated: of the {len(sd)} channels that hold counts "
            f"and are not excluded by signal_mask, {signals.shape[1]} have neighbours on both "
            "sides. Mask ranges rather than every other channel, ask for fewer components, or "
            'say assume="pure".'
        )
    separation, algorithm = _separate_by_either(signals, options)
    finding = IcaFinding(
        asked=options.ica,
        used=algorithm,
        converged=separation.converged,
        super_gaussian=separation.super_gaussian,
        smoothing=detail.width,
        random_state=options.random_state,
    )
    unmixing = signed(spectra, separation.unmixing)
    return Independent(unmixing, algorithm, separation.super_gaussian), finding


def _separate_by_either(
    signals: Floats, options: SeparationOptions
) -> tuple[Separation, Algorithm]:
    """By the algorithm asked for, or by the other where only that one converges."""
    algorithm = options.ica
    separation = separate(signals, options.random_state, algorithm)
    if separation.converged:
        return separation, algorithm
    other: Algorithm = "fastica" if algorithm == "picard" else "picard"
    by_other = separate(signals, options.random_state, other)
    return (by_other, other) if by_other.converged else (separation, algorithm)
