"""From compressed, corrected spectra to components: ICA, refinement, sign, scale, order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import turns_between
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.map_correlation import (
    has_alike_neighbours,
    neighbour_significance,
)
from hyperspy_unmix.numerics.compression.number_of_components import (
    ComponentCount,
    limit_to_stable,
)
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.separation.derivative import choose_width
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.sign_and_scale import normalise
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import COUNTED_SIGNAL_TYPES, base_type

from .answers import Weighed, separate_leading
from .evidence_finding import EvidenceFinding
from .factorised import separate_by_factorisation
from .found_by import BesideKnown, Detail
from .known_components import (
    known_finding,
    known_places,
    separate_beside_known,
    with_known,
)
from .known_finding import KnownSpectra
from .separable import Separable
from .separated import LEAST_STABLE, Separated
from .separation_findings import (
    BeyondCounts,
    PurePixelsFinding,
    RefinementFinding,
)

DERIVATIVE_ORDER = 2


def count_stable_components(
    image: Separable,
    spectra: LowRank,
    signal_share: Floats,
    count: ComponentCount,
    detail: Detail | None = None,
) -> ComponentCount:
    """The same count, with as many components to take as are stable by ICA.

    The number is one of the data: what is asked of a separation later does not change it.
    ``detail`` is as in `separate_components`.
    """
    options = SeparationOptions(refine=None, assume="overlap")

    def number_unstable(n: int) -> int:
        found = _unstable(image, spectra, signal_share, count, n, options, detail)
        # More than the channels tell apart: one fewer is tried.
        return count.tolerated + 1 if found is None else found

    return limit_to_stable(count, number_unstable)


def count_stable_in_sums(
    image: Separable, spectra: LowRank, signal_share: Floats, count: ComponentCount, known: int
) -> ComponentCount:
    """The same count, without taking components that only sums show and are not reproducible.

    ``known`` are those that single pixels show, which are taken in any case.
    """
    options, n = SeparationOptions(refine=None), count.automatic
    while n > max(known, 1) and _unstable(image, spectra, signal_share, count, n, options) != 0:
        n -= 1
    if n == count.automatic:
        return count
    why = "those that only sums show are not reproducible when repeated"
    advice = f"n_components={count.automatic} takes all"
    return replace(count, automatic=n, reason=f"{count.reason}; {n} taken: {why}; {advice}")


def _unstable(
    image: Separable,
    spectra: LowRank,
    signal_share: Floats,
    count: ComponentCount,
    n: int,
    options: SeparationOptions,
    detail: Detail | None = None,
) -> int | None:
    """How many of the ``n`` leading components are unstable; None where none can be separated."""
    try:
        found = separate_components(
            image, spectra.truncate(n), signal_share[:n], count, options, detail=detail
        )
    except ValueError:
        return None
    return int(np.sum(found.stability < LEAST_STABLE))


def separate_components(
    image: Separable,
    spectra: LowRank,
    signal_share: Floats,
    count: ComponentCount,
    options: SeparationOptions,
    recorded: LowRank | None = None,
    known: KnownSpectra | None = None,
    counts_added: float = 0.0,
    detail: Detail | None = None,
) -> Separated:
    """Separate the components; who calls warns of the findings.

    Components asked for beyond those that ``count`` finds are separated too where their maps are
    no noise; the others are set beside them rather than mixed with them. ``signal_share`` (rank,)
    is the share of each component that is not noise. ``recorded`` are the same components, with
    the scores that fit the counts as recorded best: where they are given, the maps are theirs.
    ``known`` are components that stay as they are; ``counts_added`` is that of
    `factorised.counts_added`. ``detail`` is that in which independence is looked for; default the
    second derivative, as fine as the noise allows.
    """
    recorded = spectra if recorded is None else recorded
    supported, clear = count.consensus + count.drift, count.clear + count.drift
    n_known = 0 if known is None else len(known.names)
    leading = spectra.truncate(max(_count_separable(image, spectra, supported), n_known))
    if detail is None:
        detail = choose_detail(image, leading, clear)
    if options.factorises:
        answer, leading = separate_by_factorisation(leading, detail, options, counts_added)
        spectra, recorded = spectra.with_leading(leading), recorded.with_leading(leading)
    elif known is None:
        answer = separate_leading(leading, detail, options)
    else:
        answer, leading = separate_beside_known(
            spectra, leading.rank, signal_share, detail, options, known
        )
        spectra, recorded = spectra.with_leading(leading), recorded.with_leading(leading)
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
        scores=recorded.scores,
        components=spectra.components,
        unmixing=unmixing,
        width=image.widths_in_values,
        component_sd=component_sd(spectra),
        sd=spectra.whitening.channel_sd,
        sum_variance=spectra.whitening.sum_variance,
        weight=image.widths_of_values,
    )
    places: tuple[int, ...] = ()
    if isinstance(found_by, BesideKnown):
        arrays = with_known(arrays, found_by, unmixing, image)
        places = known_places(arrays, found_by, unmixing)
        findings.insert(0, known_finding(found_by, places, spectra.rank, count.consensus))
    # Findings tell of the components in the order of the result.
    order = [i for i in _match_rows(unmixing, arrays.unmixing) if i < leading.rank]
    if answer.weighed is not None:
        findings.append(
            _evidence_finding(leading, answer.weighed, separated.unmixing, order, places)
        )
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
    return Separated(
        spectra=recorded,
        arrays=arrays,
        energies=image.energies,
        widths=image.widths_in_values,
        visible=signal_share,
        detail=detail,
        found_by=found_by,
        random_state=options.random_state,
        findings=tuple(findings),
    )


def _count_separable(image: Separable, spectra: LowRank, supported: int) -> int:
    """Components that are there by their counts, or by neighbouring pixels that are alike."""
    supported, pixels = min(max(supported, 1), spectra.rank), np.flatnonzero(image.blocks.pixels)
    # Of several images together the pixels have no place in one scan; what corrections leave of a
    # component has neighbours alike, and is none.
    is_corrected = bool(spectra.model_error.any())
    if supported == spectra.rank or len(pixels) != len(spectra.scores) or is_corrected:
        return supported
    significance = neighbour_significance(
        spectra.scores, spectra.weights, pixels, image.navigation_shape
    )
    alike = has_alike_neighbours(significance, spectra.rank)
    return supported + leading_count(alike[supported:])


def _evidence_finding(
    leading: LowRank, weighed: Weighed, unmixing: Floats, order: list[int], known: tuple[int, ...]
) -> EvidenceFinding:
    """What decided, for the components in the order of the result; ``known`` are given ones."""
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
        known=known,
    )


def component_sd(spectra: LowRank) -> Floats:
    """Noise of each component, relative to that of the channels."""
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    return np.asarray(1 / (strength * np.sqrt(len(spectra.scores))))


def _match_rows(before: Floats, after: Floats) -> list[int]:
    """Which row of ``before`` each row of ``after`` is, up to its scale."""
    after = after / np.linalg.norm(after, axis=1, keepdims=True)
    before = before / np.linalg.norm(before, axis=1, keepdims=True)
    return [int(i) for i in np.abs(after @ before.T).argmax(1)]


def choose_detail(image: Separable, spectra: LowRank, clear: int) -> Detail:
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
