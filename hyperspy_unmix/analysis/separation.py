"""From compressed, corrected spectra to components: ICA, refinement, sign, scale, order."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.rank import ComponentCount
from hyperspy_unmix.numerics.separation.derivative import choose_width
from hyperspy_unmix.numerics.separation.ica import Algorithm, Separation, separate
from hyperspy_unmix.numerics.separation.pure_pixels import pure_components
from hyperspy_unmix.numerics.separation.refine import refine
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

ORDER = 2  # of the derivative
COUNTED = ("EELS", "EDS_TEM", "EDS_SEM")


def separate_components(
    image: Image,
    spectra: LowRank,
    share_seen: Floats,
    count: ComponentCount,
    options: SeparationOptions,
) -> Separated:
    """Separate the components.

    Components asked for beyond those that ``count`` finds are noise, and are set beside the others
    rather than mixed with them. ``share_seen`` (rank,) is the share of each component that is not
    noise.
    """
    supported, clear = count.consensus + count.drift, count.clear + count.drift
    kept = spectra.truncate(min(max(supported, 1), spectra.rank))
    detail = _detail(image, kept, clear)
    found_by: FoundBy
    refined, findings = None, list[Finding]()
    if options.assume == "pure":
        found_by = pure_components(kept, kept.components.sum(1))
        separating = found_by.unmixing
    else:
        found_by, of_ica = _independent(kept, detail, options)
        separating = found_by.unmixing
        findings.append(of_ica)
        if options.refine == "auto":
            refined = refine(kept, separating)
            separating = refined.unmixing
        else:
            findings.append(NotRefined())
    if spectra.rank > kept.rank:
        findings.append(BeyondCounts(spectra.rank - kept.rank))
    unmixing = np.eye(spectra.rank)
    unmixing[: kept.rank, : kept.rank] = separating
    arrays = normalise(
        spectra.scores,
        spectra.components,
        unmixing,
        image.channel_widths,
        _component_sd(spectra),
        spectra.whitening.channel_sd,
        spectra.whitening.sum_variance,
    )
    places = [i for i in _places(unmixing, arrays.unmixing) if i < kept.rank]
    if refined is not None:
        findings.append(
            RefinementFinding(
                moved=tuple(round(float(refined.moved[i]), 1) for i in places),
                before=float(refined.before.max()),
                after=float(refined.after.max()),
                holds_more=kept.rank < supported,
                is_counted=base_type(image.frame) in COUNTED,
            )
        )
    if not isinstance(found_by, Independent):
        pixels = tuple(int(found_by.pixels[i]) for i in places)
        findings.append(PurePixelsFinding(pixels, bool((arrays.maps.sum(0) < 0).any())))
    warn_of(*findings)
    return Separated(
        spectra,
        arrays,
        image.energies,
        image.channel_widths,
        share_seen,
        detail,
        found_by,
        options.random_state,
        tuple(findings),
    )


def _component_sd(spectra: LowRank) -> Floats:
    """Noise of each component, relative to that of the channels."""
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    return np.asarray(1 / (strength * np.sqrt(len(spectra.scores))))


def _places(before: Floats, after: Floats) -> list[int]:
    """Which row of ``before`` each row of ``after`` is, up to its scale."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (after, before)]
    return [int(i) for i in np.abs(unit[0] @ unit[1].T).argmax(1)]


def _detail(image: Image, spectra: LowRank, clear: int) -> Detail:
    """The spectral derivative, as fine as the noise allows."""
    # a faint component is noise where the others show their finest detail
    sharp = spectra.truncate(min(max(clear, 1), spectra.rank))
    sd = spectra.whitening.channel_sd
    width = choose_width(sharp.components, image.positions, sd, sharp.component_errors(), ORDER)
    return Detail(image.positions, ORDER, width)


def _independent(
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
    separation, algorithm = _converged(signals, options)
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


def _converged(signals: Floats, options: SeparationOptions) -> tuple[Separation, Algorithm]:
    """By the algorithm asked for, or by the other where only that one converges."""
    asked = options.algorithm
    separation = separate(signals, options.random_state, asked)
    if separation.converged:
        return separation, asked
    other: Algorithm = "fastica" if asked == "picard" else "picard"
    second = separate(signals, options.random_state, other)
    return (second, other) if second.converged else (separation, asked)
