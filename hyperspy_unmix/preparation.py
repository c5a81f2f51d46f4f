"""What is decided before the PCA: the image, its noise, the background window, the low loss."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .alignment import Alignment, align
from .background_choice import BACKGROUND_TYPES, background_window
from .dual import Dual, read_low_loss
from .image import Image, read_image
from .inputs import check_choice, read_noise
from .noise_choice import PLACE, choose_noise, is_credible, variance_in_metadata
from .numerics.noise import NoiseModel
from .numerics.physics import Physics
from .numerics.scattering import Scattering
from .numerics.window import Window
from .options import Preprocessing
from .progress import progress
from .settings import Choice, Settings, warn
from .thickness import read_thickness
from .wrapping import base_type

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

LEAST_LEFT = 0.5  # of the channels, by a background window
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What the PCA starts from: image, noise model, background window, low loss, energy shift."""

    image: Image
    noise: NoiseModel
    window: Window
    background_type: str
    dual: Dual | None
    alignment: Alignment | None
    thickness: tuple[Any, str] | None
    settings: Settings

    @cached_property
    def kernel(self) -> Scattering | None:
        """Plural scattering on the analysed channels, or None."""
        return None if self.dual is None else self.dual.kernel(self.image)

    @cached_property
    def physics(self) -> Physics:
        """What is to be taken out of the compressed counts."""
        image, dual, alignment = self.image, self.dual, self.alignment
        return Physics(
            energies=image.energies,
            remainder=None if alignment is None else alignment.remainder(image),
            tail=None if dual is None else dual.tail(image),
            window=self.window,
            background_type=self.background_type,
            kernel=self.kernel,
        )

    def with_background(self, background: Any, background_type: str) -> Prepared:
        """The same, but for the window in which the background is fitted, and its shape."""
        check_choice("background_type", background_type, BACKGROUND_TYPES)
        settings = dict(self.settings)
        asked = background, background_type
        image, window = _background(*asked, self.dual, self.image, settings)
        return replace(
            self, image=image, window=window, background_type=background_type, settings=settings
        )


def _background(
    background: Any, background_type: str, dual: Dual | None, image: Image, settings: Settings
) -> tuple[Image, Window]:
    """The window, and the image from there on: below it the background is not known."""
    window = background_window(background, background_type, image, settings)
    automatic = isinstance(background, str)
    if dual is not None and dual.method == "log" and automatic:
        window = Window(0, 0, "the low loss has none but the zero-loss peak's tail")
        settings["background"] = Choice("zero-loss tail", "taken from the other side of the peak")
    if not window.found or not _only_behind(background_type, image):
        return image, window
    first = min(window.channels)
    cropped = image.cropped(int(image.blocks.channels[first]))
    left, had = len(cropped.blocks.channels), len(image.blocks.channels)
    if left < LEAST_LEFT * had:
        hint = (
            f"the window leaves {left} of {had} channels: what is analysed begins at the window, "
            "for nothing is known of the background below it. Give one before the first edge"
        )
        warn(settings, "background window", hint)
    return cropped, window.moved(first)


def _only_behind(background_type: str, image: Image) -> bool:
    """Whether a background of this shape is not known below its window."""
    return background_type != "offset" and (
        background_type != "polynomial" or base_type(image.frame) == "EELS"
    )


def prepare(signal: BaseSignal, options: Preprocessing) -> Prepared:
    """Check the options of `hyperspy_unmix.unmix` and make the choices before the PCA."""
    settings: Settings = {}
    check_choice("background_type", options.background_type, BACKGROUND_TYPES)
    image, noise, remark = _read_with_noise(signal, settings, options)
    given = read_thickness(options.thickness, image, settings)
    dual, image = read_low_loss(options, image, given, settings)
    alignment, image = align(image, dual, options.energy_shift, settings)
    asked = options.background, options.background_type
    image, window = _background(*asked, dual, image, settings)
    model = choose_noise(signal, noise, image, settings, remark)
    return Prepared(image, model, window, options.background_type, dual, alignment, given, settings)


def _read_with_noise(
    signal: BaseSignal, settings: Settings, options: Preprocessing
) -> tuple[Image, Any, str]:
    """The image, its noise, and why this is not the variance that the metadata hold."""
    noise = options.noise
    reading = {
        "signal_range": options.signal_range,
        "navigation_mask": options.navigation_mask,
        "signal_mask": options.signal_mask,
        "spikes": options.spikes,
        "progress": progress(options.show_progressbar),
    }
    stated, remark = variance_in_metadata(signal, noise), ""
    if stated is None:
        variance = read_noise(signal, noise)
    else:
        remark = _why_unusable(signal, stated)
        variance = None if remark else stated.data
    image = read_image(signal, settings, variance=variance, **reading)
    if variance is not None:
        problem = image.variance_problem()
        if stated is None and problem:
            raise ValueError(
                f"noise {problem}; the variance of every value that counts is needed (masks "
                "exclude the rest)."
            )
        if stated is not None and (problem or not is_credible(image)):
            remark = f"it {problem}" if problem else "the data do not scatter by it"
            image = image.without_variance()
    if stated is not None and not remark:
        return image, stated, ""
    if remark:
        remark = f" ({PLACE}.variance is not used: {remark})"
        _logger.warning(
            "the noise is estimated from the data%s: give its variance as noise if you know it",
            remark,
        )
    return image, noise, remark


def _why_unusable(signal: BaseSignal, variance: Any) -> str:
    try:
        read_noise(signal, variance)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""
