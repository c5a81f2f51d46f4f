"""What is decided before the PCA: the image, its noise, the background window, the low loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.numerics.corrections.aliasing import Aliasing
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.chain import Chain, Correction
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.corrections.plural_scattering import PluralScattering
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.settings import Finding, Settings, choices_of, warn_of

from .aligned import Aligned, read_aligned
from .background import BACKGROUND_TYPES, BackgroundFinding, choose_background, is_cut_by
from .binning import find_binning
from .channel_pattern import ChannelPatternFinding, find_channel_pattern
from .drift import Drift
from .low_loss import AnalysedLowLoss
from .noise import are_counts, choose_noise, find_few_counts
from .smoothing import find_smoothing
from .spectrum_image import Image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


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

    @property
    def _pattern(self) -> ChannelPatternFinding | None:
        """Gains of the channels, if they are not alike."""
        found = [one for one in self.findings if isinstance(one, ChannelPatternFinding)]
        return found[0] if found else None

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
            None if self._pattern is None else self._pattern.correction(image),
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
            background,
            background_type,
            self.low_loss,
            self.image,
            is_cut=is_cut_by(self.background, self.image),
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
    aligned = read_aligned(signal, options)
    chosen = choose_background(
        options.background, options.background_type, aligned.low_loss, aligned.image
    )
    return prepared_from(aligned, options.background_type, chosen)


def prepared_from(
    aligned: Aligned, background_type: str, chosen: tuple[Image, Window, BackgroundFinding]
) -> Prepared:
    """What the PCA starts from, once the background window is chosen."""
    image, window, of_background = chosen
    warn_of(of_background)
    of_noise = choose_noise(aligned.signal, aligned.noise, image, aligned.why_not_stated)
    of_values: tuple[Finding, ...] = (
        *find_binning(image, of_noise.model),
        *find_smoothing(image, of_noise.model),
        *find_channel_pattern(image, of_noise.model),
    )
    warn_of(of_noise, *of_values)
    prepared = Prepared(
        image,
        of_noise.model,
        window,
        background_type,
        of_background,
        aligned.low_loss,
        aligned.drift,
        aligned.thickness,
        (*aligned.findings, of_background, of_noise, *of_values),
    )
    few = find_few_counts(
        of_noise.model,
        image,
        is_corrected=bool(prepared.corrections.corrections),
        has_low_loss=aligned.low_loss is not None,
    )
    return replace(prepared, findings=(*prepared.findings, *few))
