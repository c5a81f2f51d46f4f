"""What was found while components were separated: as facts, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.separation.concentration import (
    FEWEST_LINES,
    FEWEST_PIXELS,
    in_one_place,
)
from hyperspy_unmix.numerics.separation.detector_step import step_channel
from hyperspy_unmix.numerics.separation.ica import RESTARTS, Algorithm
from hyperspy_unmix.numerics.separation.pure_pixels import FEWEST_PIXELS_AVERAGED
from hyperspy_unmix.numerics.separation.sign_and_scale import LEAST_CONFIDENCE, Normalised
from hyperspy_unmix.numerics.types import Floats, Index, Mask
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import (
    NO_PHASE,
    WRONG,
    Choice,
    Settings,
    caution,
    in_words,
    part_of_one,
)

MOST_NEGATIVITY_RATIO = 3.0  # of spectra and maps, over what noise explains
ALGORITHM_NAMES = {"picard": "Picard", "fastica": "FastICA"}
BASELINE_ADVICE = (
    ", with background=(start, end) and background_type='polynomial' where a baseline "
    "(fluorescence) lies under all spectra"
)


@dataclass(frozen=True)
class IcaFinding:
    """How the ICA went.

    Parameters
    ----------
    asked, used : {"picard", "fastica"}
    converged : bool
        Whether the one used did.
    super_gaussian : bool
        Whether all sources are taken as such.
    smoothing : float
        Channels over which the derivative is smoothed.
    random_state : int
    """

    asked: Algorithm
    used: Algorithm
    converged: bool
    super_gaussian: bool
    smoothing: float
    random_state: int

    @property
    def method(self) -> str:
        """Algorithm and contrast."""
        contrast = "tanh" if self.super_gaussian else "tanh, sources of either kind"
        return f"{ALGORITHM_NAMES[self.used]}, {contrast}"

    @property
    def material(self) -> str:
        """What the ICA saw."""
        smoothed = "not smoothed"
        if self.smoothing:
            channels = f"{self.smoothing:g} channel{'s' * (self.smoothing != 1)}"
            smoothed = f"smoothed over {channels} (so that noise is less than a fifth of it)"
        return f"of the second derivative of the spectra, {smoothed}"

    def choices(self) -> Settings:
        """In plain words."""
        choices: Settings = {}
        if not self.converged:
            first, second = (
                ("Picard", "FastICA") if self.asked == "picard" else ("FastICA", "Picard")
            )
            hint = (
                f"neither {first} nor {second} converged: the components are those where it "
                "stopped. Look at their stability, and compare with fewer components or with "
                'assume="pure"'
            )
            short = "The ICA did not converge: compare with fewer components."
            choices |= caution("not converged", hint, short, WRONG)
        as_asked = self.used == self.asked and self.converged
        failed = "" if as_asked else f"; {ALGORITHM_NAMES[self.asked]} did NOT converge"
        reason = f"{self.material}; the most likely of {RESTARTS} starting points{failed}"
        choices["ica"] = Choice(self.method, reason)
        choices["random_state"] = Choice(
            self.random_state, "seed of the starting points of the ICA"
        )
        return choices


@dataclass(frozen=True)
class RefinementFinding:
    """The move to spectra and maps that are non-negative within their noise.

    Parameters
    ----------
    moved : tuple of float
        Degrees by which each spectrum turned, in the order of the result.
    before, after : float
        How far the worst spectrum or map is below zero, over what noise gives.
    holds_more : bool
        Whether the counts support more components than were separated.
    is_counted : bool
        Whether the signal is one whose baselines are known (EELS, EDS).
    is_weighed : bool
        Whether other assumptions were tried and found no better.
    """

    moved: tuple[float, ...]
    before: float
    after: float
    holds_more: bool
    is_counted: bool
    is_weighed: bool = False

    def choices(self) -> Settings:
        """In plain words."""
        reason = "no spectrum or map is more negative than its noise explains: nothing to do"
        if self.before > 1:
            reason = (
                "degrees by which each spectrum was rotated to remove negative values "
                f"({self.before:.2g} × noise before, {self.after:.2g} × after)"
            )
        choices = {"refine": Choice(list(self.moved), reason)}
        if self.after > MOST_NEGATIVITY_RATIO:
            advice = "more components" if self.holds_more else "another number of components"
            advice += "" if self.is_counted else BASELINE_ADVICE
            pure = ' and, if every phase is alone in some pixels, with assume="pure"'
            pure = "" if self.is_weighed else pure
            hint = (
                f"some spectra or maps are clearly negative ({self.after:.2g} × noise): not yet "
                f"physical. Compare with {advice}{pure}"
            )
            short = (
                f"Some spectra or maps are clearly negative ({self.after:.2g} × noise): compare "
                f"with {advice}."
            )
            weight = NO_PHASE + part_of_one(self.after, 10.0)
            choices |= caution("negative", hint, short, weight)
        return choices


@dataclass(frozen=True)
class NotRefined:
    """The user wants spectra and maps as the ICA gave them."""

    def choices(self) -> Settings:
        """In plain words."""
        reason = "switched off: spectra and maps are as the ICA gave them"
        return {"refine": Choice(None, reason)}


@dataclass(frozen=True)
class BeyondCounts:
    """Components asked for that the counts do not support."""

    number: int

    def choices(self) -> Settings:
        """In plain words."""
        reason = (
            "components more than the data support: principal components, left unmixed beside the "
            "others"
        )
        return {"beyond the counts": Choice(self.number, reason)}


@dataclass(frozen=True)
class PurePixelsFinding:
    """In how many pixels each component is alone, and whether one has less than no counts.

    ``is_asked`` tells whether the user assumed that each is alone somewhere.
    """

    pixels: tuple[int, ...]
    is_negative: bool
    is_asked: bool = True

    @property
    def impure(self) -> tuple[int, ...]:
        """Components that hardly a pixel holds alone."""
        return tuple(i for i, number in enumerate(self.pixels) if number < FEWEST_PIXELS_AVERAGED)

    def choices(self) -> Settings:
        """In plain words."""
        assumption = "asked for: every component is alone in some pixels; no ICA, no refinement"
        averaged = "pixels that differ by noise only; each component's spectrum is their mean"
        choices = {"assume": Choice("pure", assumption)} if self.is_asked else {}
        choices["pure pixels"] = Choice(list(self.pixels), averaged)
        hint = ""
        impure = self.impure
        names = in_words([str(i) for i in impure])
        if impure:
            hint += (
                f"hardly a pixel holds component {names} alone: the spectra are mixtures. "
                'Compare with fewer components, or with assume="overlap"'
            )
        if self.is_negative:
            hint += "; " if hint else ""
            hint += (
                "a component takes counts away in total, so it is no pure phase: compare with "
                'one component fewer, or with assume="overlap"'
            )
        if hint:
            short = "A component takes counts away in total: no pure phase."
            if impure:
                which = "one component" if len(impure) == len(self.pixels) else f"component {names}"
                short = f"Hardly a pixel holds {which} alone: the spectra are mixtures."
            choices |= caution("not pure", hint, short, NO_PHASE)
        return choices


def flags(
    arrays: Normalised, names: tuple[str, ...], unit: str, *, is_pure: bool = False
) -> Settings:
    """What a reader should know about single components.

    ``unit`` is what the maps are in, ``is_pure`` whether pure pixels were looked for.
    """
    choices: Settings = {}

    def flag(name: str, condition: Mask, reason: str) -> None:
        flagged = [names[i] for i in np.flatnonzero(condition)]
        if flagged:
            choices[name] = Choice(flagged, reason)

    flag(
        "sign",
        arrays.confidence < LEAST_CONFIDENCE,
        "components whose spectrum and map contradict each other about the sign",
    )
    flag(
        "negative",
        arrays.maps.sum(0) < 0,
        f"components that take {unit} away in total: a difference, not a phase. "
        + _advice_on_difference(len(names), is_pure),
    )
    flag(
        "scale",
        ~arrays.unit_integral,
        "components whose integral is not above zero: L2 norm 1 instead of integral 1",
    )
    return choices


def _advice_on_difference(n: int, is_pure: bool) -> str:
    """What to do about a component that is negative in all."""
    advice = "Look at the background or the offset that was subtracted"
    if n > 1:
        advice += f"; compare with n_components={n - 1}"
    if n > 1 and not is_pure:
        advice += ' and, if every phase is alone in some pixels, with assume="pure"'
    return advice


def concentrations(
    maps: Floats,
    names: tuple[str, ...],
    pixels: Index,
    scan_shape: tuple[int, ...],
    unit: str,
) -> Settings:
    """Components that are in one pixel, line or column of the scan: phases seldom are.

    Parameters
    ----------
    maps : array, shape (pixels that count, components)
    names : tuple of str
    pixels : int array, shape (pixels that count,)
        Their numbers in the scan, in C order.
    scan_shape : tuple of int
    unit : str
        What the maps are in.
    """
    row_length = scan_shape[-1] if len(scan_shape) > 1 else 1
    hint = ""
    for name, values in zip(names, maps.T, strict=True):
        share_of = f"component {name} holds {{:.0f}} % of its {unit} in"
        if found := in_one_place(values, pixels, FEWEST_PIXELS):
            place = [int(i) for i in np.unravel_index(found.place, scan_shape)][::-1]
            hint += "; " if hint else ""
            hint += (
                f"{share_of.format(100 * found.share)} one pixel: a cosmic ray or a particle; look "
                f"at that pixel, inav{place}"
            )
        elif row_length > 1 and (found := in_one_place(values, pixels // row_length, FEWEST_LINES)):
            row = [int(i) for i in np.unravel_index(found.place, scan_shape[:-1])][::-1]
            where = ", ".join(str(i) for i in (":", *row))
            hint += "; " if hint else ""
            hint += (
                f"{share_of.format(100 * found.share)} one line of the scan: a jump of beam or "
                f"detector, or a layer along it; look at that line, inav[{where}]"
            )
        elif row_length > 1 and (found := in_one_place(values, pixels % row_length, FEWEST_LINES)):
            hint += "; " if hint else ""
            hint += (
                f"{share_of.format(100 * found.share)} one column of the scan: what the beam does "
                "on its way back to the next line, or a layer along it; look at that column, "
                f"inav[{found.place}]"
            )
    short = "A component is almost all in one pixel, line or column: spike, jump or thin layer."
    return caution("one place", hint, short, NO_PHASE) if hint else {}


def detector_steps(spectra: Floats, names: tuple[str, ...], image: Image) -> Settings:
    """Components that are a step where two parts of the detector meet: phases seldom are.

    Parameters
    ----------
    spectra : array, shape (components, channels that count)
        Per channel.
    names : tuple of str
    image : Image
    """
    channels, n_channels = image.blocks.channels, len(image.masked_channels)
    energies = image.frame.axes_manager.signal_axes[0].axis
    hint = ""
    for name, spectrum in zip(names, spectra, strict=True):
        step = step_channel(spectrum, image.summary.mean, channels, n_channels)
        if not step:
            continue
        ends = [float(energies[k]) for k in (channels[0], step - 1, step, channels[-1])]
        low, below, above, high = (f"{energy:.6g}" for energy in ends)
        hint += "; " if hint else ""
        hint += (
            f"component {name} is a step at {above}, channel {step} of {n_channels}, where two "
            "parts of the detector meet: unless an edge begins just there, it is no phase, but the "
            "offset or gain of one part, which changes from pixel to pixel. Compare the others "
            "with those of one part: "
            f"signal_range=({low}, {below}) or ({above}, {high})"
        )
    short = "A component is a step where two parts of the detector meet: no phase."
    return caution("detector step", hint, short, NO_PHASE) if hint else {}
