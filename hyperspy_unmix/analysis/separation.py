"""From compressed, corrected spectra to components: ICA, refinement, sign, scale, order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import Evidence, gather_evidence, turns_between
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.map_correlation import (
    has_alike_neighbours,
    neighbour_significance,
)
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.separation.beside_known import separate_beside
from hyperspy_unmix.numerics.separation.derivative import choose_width
from hyperspy_unmix.numerics.separation.ica import Algorithm, Separation, separate
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, Refined, refine
from hyperspy_unmix.numerics.separation.sign_and_scale import normalise, signs
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import Finding, warn_of

from .evidence_finding import EvidenceFinding, OneAnswerOnly
from .found_by import BesideAlone, Detail, FoundBy, Independent
from .separated import Separated
from .separation_findings import (
    BeyondCounts,
    IcaFinding,
    NotRefined,
    PurePixelsFinding,
    RefinementFinding,
)

DERIVATIVE_ORDER = 2
COUNTED_SIGNAL_TYPES = ("EELS", "EDS_TEM", "EDS_SEM")  # whose baselines are known
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


def separate_components(
    image: Image,
    spectra: LowRank,
    signal_share: Floats,
    count: ComponentCount,
    options: SeparationOptions,
) -> Separated:
    """Separate the components.

    Components asked for beyond those that ``count`` finds are separated too where their maps are
    no noise; the others are set beside them rather than mixed with them. ``signal_share`` (rank,)
    is the share of each component that is not noise.
    """
    supported, clear = count.consensus + count.drift, count.clear + count.drift
    leading = spectra.truncate(_count_separable(image, spectra, supported))
    detail = _choose_detail(image, leading, clear)
    answer = _separate_leading(leading, detail, options)
    found_by, refined = answer.found_by, answer.refined
    # The components beyond the leading ones stay as they are.
    findings = list(answer.findings)
    if spectra.rank > leading.rank:
        findings.append(BeyondCounts(spectra.rank - leading.rank))
    unmixing = np.eye(spectra.rank)
    separated = found_by if refined is None else refined
    unmixing[: leading.rank, : leading.rank] = separated.unmixing
    # Every component gets its sign, scale and place.
    arrays = normalise(
        scores=spectra.scores,
        components=spectra.components,
        unmixing=unmixing,
        width=image.channel_widths,
        component_sd=_component_sd(spectra),
        sd=spectra.whitening.channel_sd,
        sum_variance=spectra.whitening.sum_variance,
    )
    # Findings tell of the components in the order of the result.
    order = [i for i in _match_rows(unmixing, arrays.unmixing) if i < leading.rank]
    if answer.weighed is not None:
        findings.append(_evidence_finding(leading, answer.weighed, separated.unmixing, order))
    if refined is not None:
        findings.append(
            RefinementFinding(
                moved=tuple(round(float(refined.moved[i]), 1) for i in order),
                before=float(refined.before.max()),
                after=float(refined.after.max()),
                holds_more=leading.rank < supported,
                is_counted=base_type(image.frame) in COUNTED_SIGNAL_TYPES,
                is_weighed=answer.weighed is not None,
            )
        )
    if isinstance(found_by, PurePixels):
        findings.append(
            PurePixelsFinding(
                pixels=tuple(int(found_by.pixels[i]) for i in order),
                is_negative=bool((arrays.maps.sum(0) < 0).any()),
                is_asked=options.assume == "pure",
            )
        )
    warn_of(*findings)
    return Separated(
        spectra=spectra,
        arrays=arrays,
        energies=image.energies,
        widths=image.channel_widths,
        visible=signal_share,
        detail=detail,
        found_by=found_by,
        random_state=options.random_state,
        findings=tuple(findings),
    )


def _count_separable(image: Image, spectra: LowRank, supported: int) -> int:
    """Components that are there by their counts, or by neighbouring pixels that are alike."""
    supported, pixels = min(max(supported, 1), spectra.rank), np.flatnonzero(image.blocks.pixels)
    # Of several images together the pixels have no place in one scan.
    if supported == spectra.rank or len(pixels) != len(spectra.scores):
        return supported
    significance = neighbour_significance(
        spectra.scores, spectra.weights, pixels, image.navigation_shape
    )
    alike = has_alike_neighbours(significance, spectra.rank)
    return max(supported, 1 + int(np.flatnonzero(alike)[-1])) if alike.any() else supported


def _evidence_finding(
    leading: LowRank, weighed: Weighed, unmixing: Floats, order: list[int]
) -> EvidenceFinding:
    """What decided, for the components in the order of the result."""
    evidence, rows = weighed.evidence, unmixing[order]

    def nearest_turns(other: Floats) -> tuple[Floats, Floats]:
        turns = turns_between(leading, rows, other)
        row, column = linear_sum_assignment(turns)
        return turns[row, column], column

    pure_turns, corners = nearest_turns(weighed.pure.unmixing)
    return EvidenceFinding.of(
        evidence=evidence,
        corners=[int(i) for i in corners],
        number_of_pixels=len(leading.scores),
        overlap_turns=nearest_turns(weighed.independent.unmixing)[0],
        pure_turns=pure_turns,
    )


def _separate_leading(leading: LowRank, detail: Detail, options: SeparationOptions) -> Answer:
    """By what is assumed, or by what the data speak for."""
    if options.assume == "pure":
        return Answer(pure_components(leading), None, [])
    if options.assume == "auto" and leading.rank > 1:
        return _separate_by_evidence(leading, detail, options)
    return _refine(leading, *_separate_by_ica(leading, detail, options), options)


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
    ica, finding = _separate_by_ica(leading, detail, options)
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
    if evidence.verdict != "independent":
        return Answer(pure, None, [finding], weighed)
    if not evidence.alone.any() or not ica.super_gaussian:
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
    is_alone = evidence.alone
    unmixing = pure.unmixing.copy()
    start = ica.unmixing[evidence.nearest[~is_alone]]
    unmixing[~is_alone] = separate_beside(signals, pure.unmixing[is_alone], start)
    found_by = BesideAlone(_signed(leading, unmixing), is_alone, pure)
    if options.refine is None:
        return Answer(found_by, None, [NotRefined()], weighed)
    errors = np.where(is_alone, ERROR_OF_ALONE, ICA_ERROR)
    return Answer(found_by, refine(leading, found_by.unmixing, errors), [], weighed)


def _signed(spectra: LowRank, unmixing: Floats) -> Floats:
    """The unmixing, each component with its sign."""
    shapes, maps = unmixing @ spectra.components, spectra.scores @ np.linalg.inv(unmixing)
    sign = signs(shapes, maps, spectra.whitening.channel_sd)[0]
    return np.asarray(sign[:, None] * unmixing)


def _component_sd(spectra: LowRank) -> Floats:
    """Noise of each component, relative to that of the channels."""
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    return np.asarray(1 / (strength * np.sqrt(len(spectra.scores))))


def _match_rows(before: Floats, after: Floats) -> list[int]:
    """Which row of ``before`` each row of ``after`` is, up to its scale."""
    after = after / np.linalg.norm(after, axis=1, keepdims=True)
    before = before / np.linalg.norm(before, axis=1, keepdims=True)
    return [int(i) for i in np.abs(after @ before.T).argmax(1)]


def _choose_detail(image: Image, spectra: LowRank, clear: int) -> Detail:
    """The spectral derivative, as fine as the noise of the ``clear`` leading components allows."""
    # A faint component is noise where the others show their finest detail.
    sharp = spectra.truncate(min(max(clear, 1), spectra.rank))
    width = choose_width(
        spectra=sharp.components,
        channels=image.positions,
        sd=spectra.whitening.channel_sd,
        errors=sharp.component_errors(),
        order=DERIVATIVE_ORDER,
    )
    return Detail(image.positions, DERIVATIVE_ORDER, width)


def _separate_by_ica(
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
        asked=options.algorithm,
        used=algorithm,
        converged=separation.converged,
        super_gaussian=separation.super_gaussian,
        smoothing=detail.width,
        random_state=options.random_state,
    )
    signed = _signed(spectra, separation.unmixing)
    return Independent(signed, algorithm, separation.super_gaussian), finding


def _separate_by_either(
    signals: Floats, options: SeparationOptions
) -> tuple[Separation, Algorithm]:
    """By the algorithm asked for, or by the other where only that one converges."""
    algorithm = options.algorithm
    separation = separate(signals, options.random_state, algorithm)
    if separation.converged:
        return separation, algorithm
    other: Algorithm = "fastica" if algorithm == "picard" else "picard"
    by_other = separate(signals, options.random_state, other)
    return (by_other, other) if by_other.converged else (separation, algorithm)
