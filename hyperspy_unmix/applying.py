"""Spectra that are known already, looked for in another spectrum image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .calls import call
from .inputs import EV, check_signal
from .numerics.abundance import Recorded, abundances
from .numerics.energy_offset import MOST, energy_offset, resampled
from .numerics.noise import Floats
from .numerics.normalise import Normalised
from .options import read_options
from .pca_result import PCA, pca_of
from .reconstruction import recorded_shapes
from .settings import Choice, FrozenSettings, Settings, warn
from .wrapping import base_type

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .image import Image
    from .unmixing import Unmixing

SAME = 1e-3  # channels; closer energies are the same
LEAST_OFFSET = 0.02  # channels; less does not matter
LEAST_SHARE = 0.5  # of the energies of the spectra that the other signal must have


def apply(result: Unmixing, other: BaseSignal, given: dict[str, Any]) -> Unmixing:
    """See `Unmixing.apply`."""
    from .unmixing import Unmixing

    check_signal(other)
    factor = _factor(result.pca.prepared.image.frame, other)
    options = read_options("apply", _options(result, given, factor))
    pca = pca_of(other, "auto", options)
    settings = dict(pca.settings)
    if "signal_range" not in given:
        settings["signal_range"] = settings["signal_range"]._replace(reason="that of the spectra")
    looked_for = base_type(other) == "EELS" and given.get("energy_shift", "auto") is not None
    spectra = _on_channels(result, pca, factor, looked_for, settings)
    maps, noise = _maps(pca, spectra * pca.prepared.image.channel_widths)
    known = result.arrays
    arrays = Normalised(
        spectra, maps, known.unmixing, known.confidence, known.unit_integral, known.origin, noise
    )
    _put_on_record(result, pca, settings)
    calls = (call("known.apply", "s", **given),)
    return Unmixing(result.names, FrozenSettings(settings), pca, arrays, result.separated, calls)


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


def _options(result: Unmixing, given: dict[str, Any], factor: float) -> dict[str, Any]:
    """How to prepare the other signal: as the first one, where nothing else is asked for.

    ``factor`` are the units of its energies in those of the spectra.
    """
    prepared = result.pca.prepared
    options: dict[str, Any] = {"background_type": prepared.background_type}
    windows = result.settings["background"].value
    if windows is None:
        options["background"] = None
    elif not isinstance(windows, str):
        options["background"] = (np.array(windows) / factor).tolist()
    low, high = _range(prepared.image)
    options["signal_range"] = low / factor, high / factor
    if prepared.dual is None or not prepared.dual.deconvolves:
        if given.get("low_loss") is not None and given["low_loss"] != "auto":
            raise ValueError(
                "low_loss was given, but the spectra to apply were found without one and hold "
                "plural scattering themselves. Unmix the first signal with its low loss, or leave "
                "low_loss out."
            )
        options["low_loss"] = None
    return options | given


def _on_channels(
    result: Unmixing, pca: PCA, factor: float, looked_for: bool, settings: Settings
) -> Floats:
    """The spectra on the channels of the other signal; an offset of its energies ``looked_for``."""
    own, image = result.pca.prepared.image, pca.prepared.image
    known, asked = own.energies, image.energies * factor
    low, high = _range(own)
    inside = (asked >= low) & (asked <= high)
    if inside.mean() < 1 or np.ptp(asked) < LEAST_SHARE * (high - low):
        raise ValueError(
            f"the spectra are known from {low:g} to {high:g}, the other signal has "
            f"{asked.min():g} to {asked.max():g} {own.axis.units}: at least half of that range is "
            "needed, and nothing beyond it."
        )
    spectra = result.arrays.spectra
    if looked_for:
        asked = asked - _offset(pca, asked, spectra, known, settings)
    if _fall_between(asked, known):
        settings["energies"] = Choice(
            "interpolated", "the channels of the two signals are not at the same energies"
        )
    return resampled(spectra, known, asked) * factor


def _fall_between(asked: Floats, known: Floats) -> bool:
    """Whether energies within those that are known are not among them."""
    known = np.sort(known)
    asked = asked[(asked > known[0]) & (asked < known[-1])]
    above = np.searchsorted(known, asked)
    nearest = np.minimum(known[above] - asked, asked - known[above - 1])
    return bool((nearest > SAME * np.diff(known).min()).any())


def _range(image: Image) -> tuple[float, float]:
    """Ends of the analysed range, half a channel beyond the first and the last."""
    energies = image.axis.axis
    margin = float(np.abs(np.diff(energies)).min()) / 2
    return float(energies.min()) - margin, float(energies.max()) + margin


def _offset(pca: PCA, asked: Floats, spectra: Floats, known: Floats, settings: Settings) -> float:
    """Energies by which the other signal's are too high, where that exceeds its own error."""
    found = pca.corrected.spectra.truncate(max(pca.count.consensus, 1))
    offset, error = energy_offset(found, asked, spectra, known)
    taken = abs(offset) > max(2 * error, LEAST_OFFSET) and abs(offset) < MOST
    size = offset * float(np.median(np.diff(asked))) if taken else 0.0
    what = "taken out" if taken else "not taken out: below its own error, or out of reach"
    settings["energy offset"] = Choice(
        size, f"of this signal's axis; {offset:.3g} channels, error {error:.2g}: {what}"
    )
    return size


def _maps(pca: PCA, spectra: Floats) -> tuple[Floats, Floats]:
    """Abundances of spectra (components, channels) in counts, and the variance of their noise."""
    prepared, background = pca.prepared, pca.corrected.background
    n, channels = prepared.image.blocks.shape
    scores, components = background or (np.zeros((n, 0)), np.zeros((0, channels)))
    recorded = Recorded(*recorded_shapes(prepared, spectra), scores, components)
    kept, white = pca.corrected.spectra, pca.corrected.spectra.whitening
    # least squares of the compressed spectra, to start from
    start = kept.scores @ white.whiten(kept.components) @ np.linalg.pinv(white.whiten(spectra))
    return abundances(prepared.image.blocks, recorded, prepared.noise, start, white.channel_sd)


def _put_on_record(result: Unmixing, pca: PCA, settings: Settings) -> None:
    n, found = result.n_components, pca.count.consensus
    source = result.pca.prepared.image.frame.metadata.get_item("General.title", default="")
    settings["n_components"] = Choice(n, f"spectra applied; the data say: {pca.count.reason}")
    settings["spectra"] = Choice(
        "given",
        f"those of {source or 'another signal'}; maps by Poisson maximum likelihood, non-negative",
    )
    if result.pca.prepared.kernel is not None and pca.prepared.kernel is None:
        hint = (
            "the spectra are those of single scattering, but this signal has no low loss: its "
            "plural scattering is in the maps and in the residual. Give low_loss"
        )
        warn(settings, "plural scattering", hint)
    if found > n:
        hint = (
            f"this signal holds {found} components, {n} spectra were applied to it: what the "
            "others hold is in the maps or in the residual"
        )
        warn(settings, "more components", hint)
