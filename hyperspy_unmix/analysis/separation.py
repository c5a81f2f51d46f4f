"""From compressed, corrected spectra to components: ICA, refinement, sign, scale, order."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.separation.derivative import choose_width
from hyperspy_unmix.numerics.separation.ica import Algorithm, Separation, separate
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.separation.refine import Refined, refine
from hyperspy_unmix.numerics.separation.sign_and_scale import normalise, signs
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import Finding, warn_of

from .separated import Detail, FoundBy, Independent, Separated
from .separation_findings import (
    BeyondCounts,
    IcaFinding,
    NotRefined,
    PurePixelsFinding,
    RefinementFinding,
)

DERIVATIVE_ORDER = 2
COUNTED_SIGNAL_TYPES = ("EELS", "EDS_TEM", "EDS_SEM")  # whose baselines are known


def separate_components(
    image: Image,
    spectra: LowRank,
    signal_share: Floats,
    count: ComponentCount,
    options: SeparationOptions,
    recorded: LowRank | None = None,
) -> Separated:
    """Separate the components.

    Components asked for beyond those that ``count`` finds are noise, and are set beside the others
    rather than mixed with them. ``signal_share`` (rank,) is the share of each component that is not
    noise. ``recorded`` are the same components, with the scores that fit the counts as recorded
    best: where they are given, the maps are theirs.
    """
    recorded = spectra if recorded is None else recorded
    supported, clear = count.consensus + count.drift, count.clear + count.drift
    leading = spectra.truncate(min(max(supported, 1), spectra.rank))
    detail = _choose_detail(image, leading, clear)
    found_by, refined, findings = _separate_leading(leading, detail, options)
    # The components beyond the leading ones stay as they are.
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
        width=image.channel_widths,
        component_sd=_component_sd(spectra),
        sd=spectra.whitening.channel_sd,
        sum_variance=spectra.whitening.sum_variance,
    )
    # Findings tell of the components in the order of the result.
    order = [i for i in _match_rows(unmixing, arrays.unmixing) if i < leading.rank]
    if refined is not None:
        findings.append(
            RefinementFinding(
                moved=tuple(round(float(refined.moved[i]), 1) for i in order),
                before=float(refined.before.max()),
                after=float(refined.after.max()),
                holds_more=leading.rank < supported,
                is_counted=base_type(image.frame) in COUNTED_SIGNAL_TYPES,
            )
        )
    if isinstance(found_by, PurePixels):
        pixels = tuple(int(found_by.pixels[i]) for i in order)
        findings.append(PurePixelsFinding(pixels, bool((arrays.maps.sum(0) < 0).any())))
    warn_of(*findings)
    return Separated(
        spectra=recorded,
        arrays=arrays,
        energies=image.energies,
        widths=image.channel_widths,
        visible=signal_share,
        detail=detail,
        found_by=found_by,
        random_state=options.random_state,
        findings=tuple(findings),
    )


def _separate_leading(
    leading: LowRank, detail: Detail, options: SeparationOptions
) -> tuple[FoundBy, Refined | None, list[Finding]]:
    """Pure pixels; or the ICA, and its refinement where that is wanted."""
    if options.assume == "pure":
        return pure_components(leading, leading.components.sum(1)), None, []
    ica, ica_finding = _separate_by_ica(leading, detail, options)
    if options.refine == "auto":
        return ica, refine(leading, ica.unmixing), [ica_finding]
    return ica, None, [ica_finding, NotRefined()]


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
    shapes = separation.unmixing @ spectra.components
    maps = spectra.scores @ np.linalg.inv(separation.unmixing)
    signed = signs(shapes, maps, sd)[0][:, None] * separation.unmixing
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
