"""From compressed, corrected spectra to components: ICA, refinement, sign, scale, order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .certainty import Detail, Independent, Separated
from .inputs import check_choice, check_random_state
from .numerics.derivative import choose_width
from .numerics.ica import RESTARTS, Algorithm, Separation, separate
from .numerics.noise import Floats
from .numerics.normalise import CLEAR, Normalised, normalise, signs
from .numerics.pca import LowRank
from .numerics.pure import FEWEST_LIKE, PurePixels, pure_components
from .numerics.refine import Refined, refine
from .settings import Choice, Settings, warn
from .wrapping import base_type

if TYPE_CHECKING:
    from .counting import ComponentCount
    from .image import Image

ORDER = 2  # of the derivative
CONTRADICTION = 3.0  # times as far below zero as noise explains
NAMES = {"picard": "Picard", "fastica": "FastICA"}
COUNTED = ("EELS", "EDS_TEM", "EDS_SEM")
UNDER_ALL = (
    ", with background=(start, end) and background_type='polynomial' where a baseline "
    "(fluorescence) lies under all spectra"
)


@dataclass(frozen=True)
class Options:
    """How to separate, see `hyperspy_unmix.unmix`."""

    algorithm: Algorithm = "picard"
    refine: Literal["auto"] | None = "auto"
    assume: Literal["overlap", "pure"] = "overlap"
    random_state: int = 0

    def __post_init__(self) -> None:
        check_choice("algorithm", self.algorithm, ("picard", "fastica"))
        check_choice("refine", self.refine, ("auto", None))
        check_choice("assume", self.assume, ("overlap", "pure"))
        object.__setattr__(self, "random_state", check_random_state(self.random_state))


def separate_components(
    image: Image,
    spectra: LowRank,
    seen: Floats,
    count: ComponentCount,
    options: Options,
    settings: Settings,
) -> Separated:
    """Unmix the components; every choice goes into ``settings``.

    Components asked for beyond those that ``count`` finds are noise, and are set beside the others
    rather than mixed with them. ``seen`` (rank,) is the share of each component that is not noise.
    """
    supported, clear = count.consensus + count.drift, count.clear + count.drift
    kept = spectra.truncate(min(max(supported, 1), spectra.rank))
    refined = pure = None
    found_by: Independent | PurePixels
    detail = _detail(image, kept, clear)
    if options.assume == "pure":
        found_by = pure = pure_components(kept, kept.components.sum(1))
        found = pure.unmixing
    else:
        found_by = _independent(kept, detail, options, settings)
        found = found_by.unmixing
        if options.refine == "auto":
            refined = refine(kept, found)
            found = refined.unmixing
        else:
            settings["refine"] = Choice(None, "not asked for: spectra and maps as ICA gave them")
    unmixing = np.eye(spectra.rank)
    unmixing[: kept.rank, : kept.rank] = found
    if spectra.rank > kept.rank:
        settings["beyond the counts"] = Choice(
            spectra.rank - kept.rank,
            "components asked for that the counts do not support: principal components, left beside"
            " the others",
        )
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    arrays = normalise(
        spectra.scores,
        spectra.components,
        unmixing,
        image.channel_widths,
        1 / (strength * np.sqrt(len(spectra.scores))),
        spectra.whitening.channel_sd,
        spectra.whitening.sum_variance,
    )
    places = [i for i in _places(unmixing, arrays.unmixing) if i < kept.rank]
    if refined is not None:
        advice = "more components" if kept.rank < supported else "another number of components"
        if base_type(image.frame) not in COUNTED:
            advice += UNDER_ALL
        _report_refinement(refined, places, advice, settings)
    if pure is not None:
        _report_pure(pure, places, settings)
        if (arrays.maps.sum(0) < 0).any():
            hint = (
                "a component has less than no counts in all, so it is no pure phase: compare with "
                'one component fewer, or with assume="overlap"'
            )
            warn(settings, "not pure", hint)
    axis, state = (image.energies, image.channel_widths), options.random_state
    return Separated(spectra, arrays, *axis, seen, detail, found_by, state)


def _places(before: Floats, after: Floats) -> list[int]:
    """Which row of ``before`` each row of ``after`` is, up to its scale."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (after, before)]
    return [int(i) for i in np.abs(unit[0] @ unit[1].T).argmax(1)]


def _detail(image: Image, spectra: LowRank, clear: int) -> Detail:
    """The spectral derivative, as fine as the noise allows."""
    sd = spectra.whitening.channel_sd
    # a faint component is noise where the others show their finest detail
    sharp = spectra.truncate(min(max(clear, 1), spectra.rank))
    given = sharp.components, image.positions, sd, sharp.component_errors(), ORDER
    return Detail(image.positions, ORDER, choose_width(*given))


def _independent(
    spectra: LowRank, detail: Detail, options: Options, settings: Settings
) -> Independent:
    """ICA of the spectral derivative; each component with its sign."""
    sd, rank, width = spectra.whitening.channel_sd, spectra.rank, detail.width
    signals = detail.of(spectra.components, sd)
    if rank > 1 and rank >= signals.shape[1]:
        raise ValueError(
            f"{rank} components cannot be separated: of the {len(sd)} channels that hold counts "
            f"and are not excluded by signal_mask, {signals.shape[1]} have neighbours on both "
            "sides. Mask ranges rather than every other channel, ask for fewer components, or "
            'say assume="pure".'
        )
    separation, algorithm = _converged(signals, options, settings)
    contrast = "tanh" if separation.super_gaussian else "tanh, sources of either kind"
    smoothed = (
        f"smoothed by {width:g} channels (the least that keeps noise below a fifth of it)"
        if width
        else "not smoothed"
    )
    asked = algorithm == options.algorithm and separation.converged
    failed = "" if asked else f"; {NAMES[options.algorithm]} did NOT converge"
    settings["ica"] = Choice(
        f"{NAMES[algorithm]}, {contrast}",
        f"of the second derivative of the spectra, {smoothed}; likeliest of {RESTARTS} starts"
        + failed,
    )
    settings["random_state"] = Choice(options.random_state, "of the starts of the ICA")
    shapes = separation.unmixing @ spectra.components
    maps = spectra.scores @ np.linalg.inv(separation.unmixing)
    signed = signs(shapes, maps, sd)[0][:, None] * separation.unmixing
    return Independent(signed, algorithm, separation.super_gaussian)


def _converged(
    signals: Floats, options: Options, settings: Settings
) -> tuple[Separation, Algorithm]:
    """By the algorithm asked for, or by the other where only that one converges."""
    asked = options.algorithm
    separation = separate(signals, options.random_state, asked)
    if separation.converged:
        return separation, asked
    other: Algorithm = "fastica" if asked == "picard" else "picard"
    second = separate(signals, options.random_state, other)
    if second.converged:
        return second, other
    hint = (
        f"neither {NAMES[asked]} nor {NAMES[other]} did converge: the components are where it "
        "stopped. Look at their stability, and compare with fewer components or with "
        'assume="pure"'
    )
    warn(settings, "not converged", hint)
    return separation, asked


def _report_refinement(result: Refined, places: list[int], advice: str, settings: Settings) -> None:
    moved = [round(float(result.moved[i]), 1) for i in places]
    before, left = float(result.before.max()), float(result.after.max())
    if before <= 1:
        reason = "no spectrum or map of the ICA is more negative than its noise: nothing to do"
    else:
        reason = (
            "degrees by which each spectrum turned to make spectra and maps less negative (before "
            f"{before:.2g}, after {left:.2g} times what noise gives)"
        )
    settings["refine"] = Choice(moved, reason)
    if left > CONTRADICTION:
        hint = (
            f"spectra or maps stay {left:.2g} times as negative as their noise explains: not all "
            f"of them are phases with spectra independent of the others. Compare with {advice} "
            'and, if every phase is alone in some pixels, with assume="pure"'
        )
        warn(settings, "negative", hint)


def _report_pure(found: PurePixels, places: list[int], settings: Settings) -> None:
    settings["assume"] = Choice(
        "pure", "asked for: every component is alone in some pixels; no ICA, no refinement"
    )
    pixels = [int(found.pixels[i]) for i in places]
    settings["pure pixels"] = Choice(
        pixels, "that differ by noise only; the spectrum of each component is their mean"
    )
    rare = [i for i, number in enumerate(pixels) if number < FEWEST_LIKE]
    if rare:
        names = ", ".join(str(i) for i in rare)
        hint = (
            f"alone in next to no pixel, their spectra are of impure ones: component {names}. "
            'Compare with fewer components, or with assume="overlap"'
        )
        warn(settings, "not pure", hint)


def flags(arrays: Normalised, names: tuple[str, ...]) -> Settings:
    """What a reader should know about single components."""
    found: Settings = {}

    def flag(name: str, condition: Floats, reason: str) -> None:
        chosen = [names[i] for i in np.flatnonzero(condition)]
        if chosen:
            found[name] = Choice(chosen, reason)

    flag(
        "sign",
        arrays.confidence < CLEAR,
        "components whose spectrum and map contradict each other about the sign",
    )
    flag(
        "negative",
        arrays.maps.sum(0) < 0,
        "components that take counts away in all: a difference, not a phase",
    )
    flag(
        "scale",
        ~arrays.unit_integral,
        "components whose integral is not above zero: L2 norm 1 instead of integral 1",
    )
    return found
