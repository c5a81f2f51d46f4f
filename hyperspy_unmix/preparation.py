"""What is decided before the PCA: the image, its noise, the background window, the low loss."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .dual import Dual, read_low_loss, read_thickness
from .image import Image, UnusableVarianceError, read_image
from .inputs import EV, read_noise, read_pair
from .noise_choice import PLACE, choose_noise, is_credible, variance_in_metadata
from .numerics.background import (
    LEAST_WINDOW,
    Window,
    nothing_before,
    window_before_onsets,
    window_from_data,
)
from .numerics.low_loss import SEARCH
from .numerics.noise import NoiseModel
from .numerics.scattering import Scattering
from .settings import Choice, Settings
from .wrapping import base_type

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

_logger = logging.getLogger(__name__)

SUBTRACTED = 0.01  # share of negative values before an edge, where there is no background left


@dataclass(frozen=True)
class Prepared:
    """What the PCA starts from: image, noise model, background window and low loss."""

    image: Image
    noise: NoiseModel
    window: Window
    dual: Dual | None
    thickness: tuple[Any, str] | None
    settings: Settings

    @cached_property
    def kernel(self) -> Scattering | None:
        """Plural scattering on the analysed channels, or None."""
        return None if self.dual is None else self.dual.kernel(self.image)


def prepare(
    signal: BaseSignal,
    *,
    low_loss: Any,
    thickness: Any,
    background: Any,
    signal_range: Any,
    noise: Any,
    navigation_mask: Any,
    signal_mask: Any,
) -> Prepared:
    """Check the arguments of `hyperspy_unmix.unmix` and make the choices before the PCA."""
    settings: Settings = {}
    masks = {
        "signal_range": signal_range,
        "navigation_mask": navigation_mask,
        "signal_mask": signal_mask,
    }
    image, noise, remark = _read_with_noise(signal, settings, noise, masks)
    given = read_thickness(thickness, image, settings)
    dual = None
    if low_loss is not None:
        dual, image = read_low_loss(low_loss, image, settings)
    _look_for_zero_loss(image, settings)
    window = _background_window(background, image, settings)
    if window.found:
        # below the window the background is not known; the spectra begin where it does
        image = image.cropped(int(image.blocks.channels[window.start]))
        window = Window(0, window.stop - window.start, window.reason)
    model = choose_noise(signal, noise, image, settings, remark)
    return Prepared(image, model, window, dual, given, settings)


def _read_with_noise(
    signal: BaseSignal, settings: Settings, noise: Any, masks: dict[str, Any]
) -> tuple[Image, Any, str]:
    """The image, its noise, and why this is not the variance that the metadata hold."""
    stated, remark = variance_in_metadata(signal, noise), ""
    if stated is not None:
        reason, found = _why_unusable(signal, stated), dict(settings)
        if not reason:
            try:
                image = read_image(signal, found, noise=stated, **masks)
            except UnusableVarianceError as error:
                reason = str(error)
            else:
                if is_credible(image):
                    settings.update(found)
                    return image, stated, ""
                reason = "the data do not scatter by it"
        remark = f" ({PLACE}.variance is not used: {reason})"
        _logger.warning("the noise is estimated from the data%s", remark)
    return read_image(signal, settings, noise=noise, **masks), noise, remark


def _why_unusable(signal: BaseSignal, variance: Any) -> str:
    try:
        read_noise(signal, variance)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _look_for_zero_loss(image: Image, settings: Settings) -> None:
    """Say so where an EELS zero-loss peak is among the channels to unmix: it drowns the rest."""
    energies, mean = image.energies, image.summary.mean
    if base_type(image.signal) != "EELS" or not energies[0] < 0 < energies[-1]:
        return
    hint = (
        "the zero-loss peak is in the analysed range and will dominate the components; for the "
        "core loss give signal_range=(start, end), and this signal as low_loss too"
    )
    peak = float(energies[np.argmax(mean)])
    if abs(peak) * EV.get(str(image.axis.units), 1.0) <= SEARCH:
        settings["WARNING"] = Choice(peak, hint)
        _logger.warning("%s", hint)


def _background_window(background: Any, image: Image, settings: Settings) -> Window:
    """Window of the pre-edge background, and the choice on record."""
    energies, mean = image.energies, image.summary.mean
    if background is None:
        window = Window(0, 0, "not asked for")
    elif isinstance(background, str) and background == "auto":
        window = _automatic_window(image)
    elif isinstance(background, str):
        raise TypeError(
            f"background={background!r} is not understood: 'auto', None or (start, end)."
        )
    else:
        start, end = read_pair(background, "background")
        inside = np.flatnonzero((energies >= start) & (energies <= end))
        if start < energies[0] - 1e-9 or end > energies[-1] + 1e-9 or len(inside) < 3:
            raise ValueError(
                f"background=({start:g}, {end:g}) holds {len(inside)} channels of the analysed "
                f"range, which goes from {energies[0]:g} to {energies[-1]:g}. Give a window inside "
                "it, before an edge, with at least 3 channels."
            )
        if energies[inside[0]] <= 0 or mean[inside].mean() <= 0:
            raise ValueError(
                f"background=({start:g}, {end:g}): a power law needs positive energies and counts "
                "in the window. Choose another one, or background=None."
            )
        window = Window(int(inside[0]), int(inside[-1]) + 1, "given")
    if window.found:
        span = (float(energies[window.start]), float(energies[window.stop - 1]))
        settings["background"] = Choice(span, f"power law, window {window.reason}")
    else:
        settings["background"] = Choice(None, f"left alone: {window.reason}")
    return window


def _automatic_window(image: Image) -> Window:
    if base_type(image.signal) != "EELS":
        return Window(0, 0, "only EELS has a pre-edge background to find")
    energies, mean = image.energies, image.summary.mean
    if (np.diff(energies) <= 0).any():
        return Window(0, 0, "the energy axis does not rise")
    left_out = ~image.masked_channels[image.first : image.blocks.channels[0]]
    if left_out.sum() >= LEAST_WINDOW and nothing_before(mean, LEAST_WINDOW):
        return Window(0, 0, "the first channels are empty: there is no background", absent=True)
    onsets = _onsets(image.signal)
    window = window_before_onsets(energies, mean, onsets)
    if window.absent:
        return window
    if not window.found:
        window = _window_from_data(image)
    sample = image.summary.sample
    if window.found:
        inside = sample[:, window.start : window.stop]
        # read noise alone makes some values of a weak background negative
        subtracted = np.mean(inside < 0) > SUBTRACTED and inside.mean() < 0.5 * inside.std()
    else:
        subtracted = np.mean(sample < 0) > SUBTRACTED
    if subtracted:
        return Window(0, 0, "negative values: it seems to be subtracted already")
    return window


def _window_from_data(image: Image) -> Window:
    energies, mean = image.energies, image.summary.mean
    size = image.summary.group_size
    spread = np.sqrt(np.average((image.summary.groups - mean) ** 2, axis=0, weights=size))
    counts = np.sqrt(np.maximum(mean, 0) / size.sum())
    return window_from_data(energies, mean, np.maximum(counts, spread / np.sqrt(len(size))))


def _onsets(signal: BaseSignal) -> dict[str, float]:
    """Onsets of the major edges of the signal's elements."""
    elements = signal.metadata.get_item("Sample.elements", default=None)
    if elements is None or not len(elements):
        return {}
    unit = EV.get(str(signal.axes_manager.signal_axes[0].units), 1.0)
    from exspy.material import elements as database

    onsets = {}
    for element in elements:
        try:
            edges = database[str(element)]["Atomic_properties"]["Binding_energies"]
        except (KeyError, AttributeError):
            continue
        for name, edge in edges.as_dictionary().items():
            if edge.get("relevance") == "Major":
                onsets[f"{element}-{name}"] = float(edge["onset_energy (eV)"]) / unit
    return onsets
