"""Spectra that are known already, looked for in another spectrum image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.arguments.checks import check_signal
from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import read_options
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.forward_model import added
from hyperspy_unmix.numerics.drift.offset_between_images import (
    MOST_OFFSET_CHANNELS,
    energy_offset,
    resample,
)
from hyperspy_unmix.numerics.fitting.abundance import RecordedSpectra, abundances
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.metadata import EV, base_type
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import (
    MISSING,
    WRONG,
    Choice,
    FrozenSettings,
    Settings,
    caution,
    warn_of,
)

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

ENERGY_TOLERANCE = 1e-3  # channels, within which two energies are the same
LEAST_OFFSET_TAKEN_OUT = 0.02  # channels; less does not matter
LEAST_SHARE_OF_ENERGIES = 0.5  # of those of the spectra, that the other signal must have
Result = TypeVar("Result", bound=Components)


@dataclass(frozen=True)
class AppliedFinding:
    """How known spectra went onto another signal.

    Parameters
    ----------
    source : str
        Title of the signal that they are from.
    n_components, n_counted : int
        Spectra applied, and components that the other signal's counts support.
    count_reason : str
        Why that many.
    offset, offset_error : float, optional
        In channels, by which the other signal's energies are too high; None if not looked for.
    offset_taken_out : float
        The same in the units of the axis; zero where it was left.
    is_interpolated : bool
        Whether the channels of the two signals are at other energies.
    lacks_low_loss : bool
        Whether spectra of single scattering meet a signal without low loss.
    """

    source: str
    n_components: int
    n_counted: int
    count_reason: str
    offset: float | None
    offset_error: float
    offset_taken_out: float
    is_interpolated: bool
    lacks_low_loss: bool

    @property
    def how(self) -> str:
        """Where the spectra are from, and how the maps were found."""
        return (
            f"those of {self.source or 'another signal'}; maps by Poisson maximum likelihood, "
            "non-negative"
        )

    def choices(self) -> Settings:
        """In plain words."""
        settings: Settings = {}
        if self.offset is not None:
            done = "not taken out: below its own error, or out of reach"
            if self.offset_taken_out:
                done = "taken out"
            settings["energy offset"] = Choice(
                self.offset_taken_out,
                f"of this signal's axis; {self.offset:.3g} channels, error "
                f"{self.offset_error:.2g}: {done}",
            )
        if self.is_interpolated:
            settings["energies"] = Choice(
                "interpolated", "the channels of the two signals are not at the same energies"
            )
        n = self.n_components
        reason = f"spectra applied; the data say: {self.count_reason}"
        settings["n_components"] = Choice(n, reason)
        settings["spectra"] = Choice("given", self.how)
        if self.lacks_low_loss:
            hint = (
                "the spectra are those of single scattering, but this signal has no low loss: its "
                "plural scattering is in the maps and in the residual. Give low_loss"
            )
            short = "Single-scattering spectra, but this signal has no low loss: give low_loss."
            settings |= caution("plural scattering", hint, short, WRONG)
        if self.n_counted > n:
            hint = (
                f"this signal holds {self.n_counted} components, {n} spectra were applied to it: "
                "what the others hold is in the maps or in the residual"
            )
            short = f"This signal holds {self.n_counted} components, {n} spectra were applied."
            settings |= caution("more components", hint, short, MISSING)
        return settings


def apply(known: Result, other: BaseSignal, given: dict[str, Any]) -> Result:
    """Maps of the spectra of ``known`` in another spectrum image; see `Unmixing.apply`.

    ``given`` are the options of the call.
    """
    check_signal(other)
    prepared = known.prepared
    known_energies = prepared.image.energies
    # The other signal, prepared and compressed as the first one was.
    factor = _factor(prepared.image.frame, other)
    options = read_options("apply", _options(prepared, given, factor))
    pca = type(known.pca).of_signal(other, "auto", options)
    image = pca.prepared.image
    # The spectra at the energies of its channels, an offset of its axis taken out.
    energies = _energies_in_common(prepared.image, image, factor)
    offset, error, taken_out = None, 0.0, 0.0
    if base_type(other) == "EELS" and given.get("energy_shift", "auto") is not None:
        offset, error, taken_out = _offset(pca, energies, known.arrays.spectra, known_energies)
    true_energies = energies - taken_out
    spectra = resample(known.arrays.spectra, known_energies, true_energies) * factor
    # Their maps; all else that is known of the components stays as it is.
    maps, map_noise = maps_of(pca, spectra * image.widths_in_values)
    arrays = replace(
        known.arrays,
        spectra=spectra,
        maps=maps,
        map_noise=map_noise,
        background_variance=known.background_variance,
    )
    finding = AppliedFinding(
        source=str(prepared.image.frame.metadata.get_item("General.title", default="")),
        n_components=known.n_components,
        n_counted=pca.count.consensus,
        count_reason=pca.count.reason,
        offset=offset,
        offset_error=error,
        offset_taken_out=taken_out,
        is_interpolated=_fall_between(true_energies, known_energies),
        lacks_low_loss=prepared.kernel is not None and pca.prepared.kernel is None,
    )
    warn_of(finding)
    settings = dict(pca.settings)
    if "signal_range" not in given:
        settings["signal_range"] = settings["signal_range"]._replace(reason="that of the spectra")
    settings |= finding.choices()
    return type(known)(
        names=known.names,
        choices=FrozenSettings(settings),
        pca=pca,
        arrays=arrays,
        separated=known.separated,
        calls=(call("known.apply", "s", **given),),
    )


def _factor(known: BaseSignal, other: BaseSignal) -> float:
    """Units of the other signal's energies in those of the spectra."""
    units = [str(signal.axes_manager.signal_axes[0].units) for signal in (known, other)]
    if units[0] == units[1]:
        return 1.0
    if not all(unit in EV for unit in units):
        raise ValueError(
            f"the spectra are over an axis in {units[0]}, the other signal has {units[1]}: set "
            "the units of both."
        )
    return EV[units[1]] / EV[units[0]]


def _options(prepared: Prepared, given: dict[str, Any], factor: float) -> dict[str, Any]:
    """How to prepare the other signal: as the first one, where nothing else is asked for.

    ``factor`` are the units of its energies in those of the spectra.
    """
    options: dict[str, Any] = {"background_type": prepared.background_type}
    windows = prepared.background
    if windows.ranges:
        ranges = (np.array(windows.ranges) / factor).tolist()
        options["background"] = ranges if len(ranges) > 1 else ranges[0]
    elif not windows.is_zero_loss_tail:
        options["background"] = None
    low, high = _range(prepared.image)
    options["signal_range"] = low / factor, high / factor
    if prepared.low_loss is None or not prepared.low_loss.deconvolves:
        if given.get("low_loss") is not None and given["low_loss"] != "auto":
            raise ValueError(
                "low_loss was given, but the spectra to apply were found without one and hold "
                "plural scattering themselves. Unmix the first signal with its low loss, or leave "
                "low_loss out."
            )
        options["low_loss"] = None
    return options | given


def _energies_in_common(own: Image, other: Image, factor: float) -> Floats:
    """Energies of the other signal's channels, in the units of the spectra.

    Raises
    ------
    ValueError
        If the spectra are not known there.
    """
    energies = other.energies * factor
    low, high = _range(own)
    inside = (energies >= low) & (energies <= high)
    if inside.mean() < 1 or np.ptp(energies) < LEAST_SHARE_OF_ENERGIES * (high - low):
        raise ValueError(
            f"the spectra are known from {low:g} to {high:g}, the other signal has "
            f"{energies.min():g} to {energies.max():g} {own.axis.units}: at least half of that "
            "range is needed, and nothing beyond it."
        )
    return energies


def _fall_between(energies: Floats, known_energies: Floats) -> bool:
    """Whether energies within the known ones are not among them."""
    known = np.sort(known_energies)
    inside = energies[(energies > known[0]) & (energies < known[-1])]
    above = np.searchsorted(known, inside)
    nearest = np.minimum(known[above] - inside, inside - known[above - 1])
    return bool((nearest > ENERGY_TOLERANCE * np.diff(known).min()).any())


def _range(image: Image) -> tuple[float, float]:
    """Ends of the analysed range, half a channel beyond the first and the last."""
    energies = image.axis.axis
    margin = float(np.abs(np.diff(energies)).min()) / 2
    return float(energies.min()) - margin, float(energies.max()) + margin


def _offset(
    pca: Compressed, energies: Floats, spectra: Floats, known_energies: Floats
) -> tuple[float, float, float]:
    """How much too high the other signal's energies are.

    Returns
    -------
    offset, error : float
        In channels.
    taken_out : float
        In the units of the axis; zero unless the offset exceeds its own error, and is in reach.
    """
    compressed = pca.corrected.spectra.truncate(max(pca.count.consensus, 1))
    offset, error = energy_offset(compressed, energies, spectra, known_energies)
    is_clear = abs(offset) > max(2 * error, LEAST_OFFSET_TAKEN_OUT)
    is_in_reach = abs(offset) < MOST_OFFSET_CHANNELS
    if not (is_clear and is_in_reach):
        return offset, error, 0.0
    return offset, error, offset * float(np.median(np.diff(energies)))


def maps_of(pca: Compressed, spectra: Floats) -> tuple[Floats, Floats]:
    """Abundances of spectra (components, channels) in counts, and the variance of their noise."""
    prepared, blocks = pca.prepared, pca.prepared.image.blocks
    weights, shapes = prepared.corrections.recorded_shapes(spectra, blocks.shape[0])
    recorded = RecordedSpectra(weights, shapes, *added(pca))
    # The start is the least-squares solution of the compressed spectra.
    compressed = pca.corrected.spectra
    whitening = compressed.whitening
    inverse = np.linalg.pinv(whitening.whiten(spectra))
    start = compressed.scores @ whitening.whiten(compressed.components) @ inverse
    return abundances(blocks, recorded, prepared.noise, start, whitening.channel_sd)
