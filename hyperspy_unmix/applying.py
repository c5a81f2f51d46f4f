"""Spectra that are known already, looked for in another spectrum image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .inputs import EV
from .numerics.abundance import Recorded, abundances
from .numerics.noise import Floats
from .numerics.normalise import Normalised
from .options import read_options
from .pca_result import PCA, pca_of
from .reconstruction import recorded_shapes
from .settings import Choice, FrozenSettings, Settings, warn

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .image import Image
    from .unmixing import Unmixing

SAME = 1e-3  # channels; closer energies are the same
LEAST_SHARE = 0.5  # of the energies of the spectra that the other signal must have


def apply(result: Unmixing, other: BaseSignal, given: dict[str, Any]) -> Unmixing:
    """See `Unmixing.apply`."""
    from .unmixing import Unmixing

    pca = pca_of(other, "auto", read_options("apply", _options(result, given)))
    settings = dict(pca.settings)
    spectra = _on_channels(result, pca.prepared.image, settings)
    maps, noise = _maps(pca, spectra * pca.prepared.image.channel_widths)
    known = result.arrays
    arrays = Normalised(
        spectra, maps, known.unmixing, known.confidence, known.unit_integral, known.origin, noise
    )
    _put_on_record(result, pca, settings)
    return Unmixing(result.names, FrozenSettings(settings), pca, arrays, result.separated)


def _options(result: Unmixing, given: dict[str, Any]) -> dict[str, Any]:
    """How to prepare the other signal: as the first one, where nothing else is asked for."""
    prepared = result.pca.prepared
    options: dict[str, Any] = {"background_type": prepared.background_type}
    windows = result.settings["background"].value
    if not isinstance(windows, str):
        options["background"] = windows
    axis = prepared.image.axis
    low, high = sorted((float(axis.axis[0]), float(axis.axis[-1])))
    margin = abs(float(axis.axis[1] - axis.axis[0])) / 2
    options["signal_range"] = (low - margin, high + margin)
    if prepared.dual is None or not prepared.dual.deconvolves:
        if given.get("low_loss") is not None and given["low_loss"] != "auto":
            raise ValueError(
                "low_loss was given, but the spectra to apply were found without one and hold "
                "plural scattering themselves. Unmix the first signal with its low loss, or leave "
                "low_loss out."
            )
        options["low_loss"] = None
    return options | given


def _on_channels(result: Unmixing, image: Image, settings: Settings) -> Floats:
    """The spectra on the channels of the other signal."""
    own = result.pca.prepared.image
    units = [str(i.signal.axes_manager.signal_axes[0].units) for i in (own, image)]
    factor = 1.0
    if units[0] != units[1]:
        if not all(unit in EV for unit in units):
            raise ValueError(
                f"the spectra are over an axis in {units[0]}, the other signal has {units[1]}: set "
                "the units of both."
            )
        factor = EV[units[1]] / EV[units[0]]
    known, asked = own.energies, image.energies * factor
    step = float(np.median(np.abs(np.diff(known)))) if len(known) > 1 else 1.0
    inside = (asked >= known.min() - step / 2) & (asked <= known.max() + step / 2)
    if inside.mean() < 1 or np.ptp(asked) < LEAST_SHARE * np.ptp(known):
        raise ValueError(
            f"the spectra are known from {known.min():g} to {known.max():g} {units[0]}, the other "
            f"signal has {asked.min():g} to {asked.max():g}: at least half of that range is needed."
        )
    order = np.argsort(known)
    nearest = np.abs(known - asked[:, None]).min(1) if len(known) * len(asked) < 1e8 else None
    if nearest is None or nearest.max() > SAME * step:
        settings["energies"] = Choice(
            "interpolated", "the channels of the two signals are not at the same energies"
        )
    found = [np.interp(asked, known[order], s[order]) for s in result.arrays.spectra]
    return np.stack(found) * factor


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
    source = result.pca.prepared.image.signal.metadata.get_item("General.title", default="")
    settings["n_components"] = Choice(n, f"spectra applied; the data say: {pca.count.reason}")
    settings["spectra"] = Choice(
        "given",
        f"those of {source or 'another signal'}; maps by Poisson maximum likelihood, non-negative",
    )
    if found > n:
        hint = (
            f"this signal holds {found} components, {n} spectra were applied to it: what the "
            "others hold is in the maps or in the residual"
        )
        warn(settings, "more components", hint)
