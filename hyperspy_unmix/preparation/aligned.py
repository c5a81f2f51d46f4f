"""What comes before the background: the image, its noise, the low loss, the energy drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.arguments.checks import read_noise
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.settings import Finding, warn, warn_of

from .drift import Drift, align
from .image_reading import read_image
from .low_loss import AnalysedLowLoss
from .low_loss_reading import read_low_loss
from .noise import PLACE, is_credible, variance_in_metadata
from .progress import progress
from .spectrum_image import Image
from .thickness import read_thickness

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True)
class Aligned:
    """A signal that is read, and its energy drift found.

    Parameters
    ----------
    signal : BaseSignal
    image : Image
        With whole channels of the drift taken out.
    noise : object
        As asked for, or the variance that the metadata state.
    why_not_stated : str
        Why it is not this variance.
    low_loss : AnalysedLowLoss, optional
    drift : Drift, optional
    thickness : (array, unit), optional
        The map that was given.
    findings : tuple of Finding
    """

    signal: BaseSignal
    image: Image
    noise: Any
    why_not_stated: str
    low_loss: AnalysedLowLoss | None
    drift: Drift | None
    thickness: tuple[Any, str] | None
    findings: tuple[Finding, ...]


def read_aligned(signal: BaseSignal, options: Preprocessing) -> Aligned:
    """Check the options and pass over the data: all that does not depend on the background."""
    image, noise, why_not_stated, findings = _read_with_noise(signal, options)
    warn_of(*findings)
    thickness, of_thickness = read_thickness(options.thickness, image)
    low_loss, image, of_low_loss = read_low_loss(options, image, thickness)
    warn_of(*of_low_loss)
    drift, image, of_drift = align(image, low_loss, options.energy_shift)
    return Aligned(
        signal,
        image,
        noise,
        why_not_stated,
        low_loss,
        drift,
        thickness,
        (*findings, *of_thickness, *of_low_loss, *of_drift),
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
        warn(
            f"the noise is estimated from the data ({PLACE}.variance is not used: "
            f"{why_not_stated}): give its variance as noise if you know it"
        )
    return image, noise, why_not_stated, findings


def _why_unusable(signal: BaseSignal, variance: Any) -> str:
    try:
        read_noise(signal, variance)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""
