"""What is decided before the PCA: the image, its noise, the background window, the low loss."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.arguments.checks import check_choice, read_noise
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.numerics.corrections.aliasing import Aliasing
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.background_window import Window
from hyperspy_unmix.numerics.corrections.chain import Chain, Correction
from hyperspy_unmix.numerics.corrections.plural_scattering import PluralScattering
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.settings import Finding, Settings, choices_of, warn_of

from .background import BACKGROUND_TYPES, BackgroundFinding, choose_background
from .binning import find_binning
from .drift import Drift, align
from .image_reading import read_image
from .low_loss import AnalysedLowLoss
from .low_loss_reading import read_low_loss
from .noise import (
    PLACE,
    are_counts,
    choose_noise,
    find_few_counts,
    is_credible,
    variance_in_metadata,
)
from .progress import progress
from .smoothing import find_smoothing
from .spectrum_image import Image
from .thickness import read_thickness

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What the PCA starts from.

    Parameters
    ----------
    image : Image
    noise : NoiseModel
    window : Window
        Of the background, in the channels of the image.
    background_type : str
        As asked for.
    background : BackgroundFinding
    low_loss : AnalysedLowLoss, optional
    drift : Drift, optional
    thickness : (array, unit), optional
        The map that was given.
    findings : tuple of Finding
        All that was found on the way, in its order; ``background`` is one of them.
    """

    image: Image
    noise: NoiseModel
    window: Window
    background_type: str
    background: BackgroundFinding
    low_loss: AnalysedLowLoss | None
    drift: Drift | None
    thickness: tuple[Any, str] | None
    findings: tuple[Finding, ...]

    @property
    def settings(self) -> Settings:
        """Every choice made, and why."""
        return choices_of(self.findings)

    @property
    def unit(self) -> str:
        """What the data hold, as sentences say it: counts or intensity."""
        return "counts" if are_counts(self.noise, self.image) else "intensity"

    @cached_property
    def kernel(self) -> PluralScattering | None:
        """Plural scattering on the analysed channels, or None."""
        return None if self.low_loss is None else self.low_loss.plural_scattering(self.image)

    @cached_property
    def corrections(self) -> Chain:
        """What is to be taken out of the compressed counts, in this order."""
        image, low_loss, drift = self.image, self.low_loss, self.drift
        window, shape = self.window, self.background_type
        shift = None if drift is None else drift.correction(image)
        chosen: tuple[Correction | None, ...] = (
            shift,
            None if low_loss is None else low_loss.zero_loss_tail(image),
            Background(image.energies, window, shape, self.kernel) if window.found else None,
            self.kernel,
            None if shift is None else Aliasing(shift.shift, shift.axis),
        )
        return Chain(tuple(correction for correction in chosen if correction is not None))

    def with_background(self, background: Any, background_type: str) -> Prepared:
        """The same, but for the window in which the background is fitted, and its shape."""
        check_choice("background_type", background_type, BACKGROUND_TYPES)
        image, window, finding = choose_background(
            background, background_type, self.low_loss, self.image
        )
        warn_of(finding)
        is_former = [isinstance(former, BackgroundFinding) for former in self.findings]
        findings = tuple(
            finding if former_too else former
            for former, former_too in zip(self.findings, is_former, strict=True)
        )
        return replace(
            self,
            image=image,
            window=window,
            background_type=background_type,
            background=finding,
            findings=findings if any(is_former) else (*findings, finding),
        )


def prepare(signal: BaseSignal, options: Preprocessing) -> Prepared:
    """Check the options of `hyperspy_unmix.unmix` and make the choices before the PCA."""
    check_choice("background_type", options.background_type, BACKGROUND_TYPES)
    image, noise, why_not_stated, findings = _read_with_noise(signal, options)
    warn_of(*findings)
    thickness, of_thickness = read_thickness(options.thickness, image)
    low_loss, image, of_low_loss = read_low_loss(options, image, thickness)
    warn_of(*of_low_loss)
    drift, image, of_drift = align(image, low_loss, options.energy_shift)
    image, window, of_background = choose_background(
        options.background, options.background_type, low_loss, image
    )
    warn_of(of_background)
    of_noise = choose_noise(signal, noise, image, why_not_stated)
    of_values: tuple[Finding, ...] = (
        *find_binning(image, of_noise.model),
        *find_smoothing(image, of_noise.model),
    )
    warn_of(of_noise, *of_values)
    return Prepared(
        image,
        of_noise.model,
        window,
        options.background_type,
        of_background,
        low_loss,
        drift,
        thickness,
        (
            *findings,
            *of_thickness,
            *of_low_loss,
            *of_drift,
            of_background,
            of_noise,
            *of_values,
            *find_few_counts(of_noise.model, image),
        ),
    )


def _read_with_noise(
    signal: BaseSignal, options: Preprocessing
) -> tuple[Image, Any, str, tuple[Finding, ...]]:
    """The image, its noise, why this is not the variance in the metadata, and what was found."""
    noise = options.noise
    stated, why_not_stated = variance_in_metadata(signal, noise), ""
    if stated is None:
        variance = read_noise(signal, noise)
    else:
        why_not_stated = _why_unusable(signal, stated)
        variance = None if why_not_stated else stated.data
    image, findings = read_image(
        signal,
        signal_range=options.signal_range,
        variance=variance,
        navigation_mask=options.navigation_mask,
        signal_mask=options.signal_mask,
        spikes=options.spikes,
        progress=progress(options.show_progressbar),
    )
    if variance is not None:
        problem = image.variance_problem()
        if stated is None and problem:
            raise ValueError(
                f"noise {problem}; the variance of every value that counts is needed (masks "
                "exclude the rest)."
            )
        if stated is not None and (problem or not is_credible(image)):
            why_not_stated = f"it {problem}" if problem else "the data do not scatter by it"
            image = image.drop_variance()
    if stated is not None and not why_not_stated:
        return image, stated, "", findings
    if why_not_stated:
        _logger.warning(
            "the noise is estimated from the data (%s.variance is not used: %s): give its variance "
            "as noise if you know it",
            PLACE,
            why_not_stated,
        )
    return image, noise, why_not_stated, findings


def _why_unusable(signal: BaseSignal, variance: Any) -> str:
    try:
        read_noise(signal, variance)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""
