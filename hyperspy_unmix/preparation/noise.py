"""The noise model: what the user gives, what the metadata say, or what the data show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.noise.estimate import (
    estimate_error,
    estimate_noise,
    estimate_uniform,
    scatter_over_variance,
)
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import UNDECIDED, WRONG, Choice, Settings, caution, warn

from .metadata import COUNTED_SIGNAL_TYPES, base_type
from .spectrum_image import Image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

PLACE = "metadata.Signal.Noise_properties"
MOST_OFF = 2.0  # factor between the variance that the metadata state and that of the data
SIGMAS_OFF = 3.0  # of the error of the latter, where it is known better than by that factor
FEW_COUNTS = 10.0  # a pixel; with fewer, components are found where pixels are summed
LEAST_GAIN_OF_COUNTS = 0.01  # values a detected electron or photon; with less they were scaled
# The same where a background is taken out; and counts of a sum in which its edges are seen.
FEW_COUNTS_CORRECTED, ENOUGH_COUNTS_CORRECTED = 300.0, 2000.0
LEAST_PIXELS_SUMMED = 8  # that a summed scan must have along each axis


@dataclass(frozen=True)
class NoiseFinding:
    """Which noise model was taken, and why not the one that the metadata state.

    Parameters
    ----------
    model : NoiseModel
    from_metadata : bool
    stated_ratio : float, optional
        Variance that the metadata state over that of the data, where it was not used for that.
    asked_ratio : float, optional
        Variance that the user asks for over that of the data, where they do not agree.
    error : float
        Relative standard deviation of that of the data.
    why_not_stated : str
        What is wrong with the variance in the metadata; empty where nothing is.
    """

    model: NoiseModel
    from_metadata: bool = False
    stated_ratio: float | None = None
    asked_ratio: float | None = None
    error: float = 0.0
    why_not_stated: str = ""

    def choices(self) -> Settings:
        """In plain words."""
        words = self.model.describe()
        if self.from_metadata:
            words += f" (from {PLACE})"
        if self.stated_ratio is not None:
            words += (
                f" ({PLACE} states {self.stated_ratio:.2g} times the scatter of the data: not used)"
            )
            if 1 / MOST_OFF < self.stated_ratio < MOST_OFF:
                words += f", which the data tell to {100 * self.error:.0f} %"
        if self.why_not_stated:
            words += f" ({PLACE}.variance is not used: {self.why_not_stated})"
        said: Settings = {"noise": Choice(self.model.kind, words)}
        if self.asked_ratio is not None:
            hint = (
                f"the variance asked for is {self.asked_ratio:.2g} times that of the scatter of "
                f"the data, which tells it to {100 * self.error:.0f} %: chi-square and the squares "
                "of all errors are off by as much. Take noise='auto', unless you know what else "
                "scatters or what has smoothed the data"
            )
            short = (
                f"The variance given is {self.asked_ratio:.2g} times the scatter of the data: "
                'compare with noise="auto".'
            )
            said |= caution("noise asked for", hint, short, UNDECIDED)
        if self.model.only_rounding:
            hint = (
                "the data hold no noise (simulated or denoised): the number of components is that "
                "of the simulation, what denoising kept or what rounding makes; stability, errors "
                "and chi-square mean nothing. Unmix the data as recorded; to a simulation add "
                "noise, for example signal.add_poissonian_noise()"
            )
            short = "The data hold no noise (simulated or denoised): unmix them as recorded."
            said |= caution("no noise", hint, short, WRONG + 0.9)
        return said


@dataclass(frozen=True)
class FewCountsFinding:
    """So few counts a pixel that pixels should be summed: by ``factor`` along each scan axis.

    ``dimension`` is the number of scan axes, ``is_corrected`` whether background, plural scattering
    or drift are taken out, ``has_low_loss`` whether with a low loss of the same pixels.
    """

    NAME = "few counts"  # in the settings

    counts: float
    factor: int
    dimension: int
    is_corrected: bool = False
    has_low_loss: bool = False

    def choices(self) -> Settings:
        """In plain words."""
        scale = ", ".join([str(self.factor)] * self.dimension + ["1"])
        pixels = " x ".join([str(self.factor)] * self.dimension)
        code = f"signal.rebin(scale=({scale})).unmix()"
        if not self.is_corrected:
            reason = (
                f"a pixel, in whose noise components are easily lost. Sum {pixels} pixels first: "
                f"{code}"
            )
            return {self.NAME: Choice(self.counts, reason)}
        also = ", the low loss in the same way" if self.has_low_loss else ""
        reason = (
            "a pixel, in whose noise components are easily lost; where background or scattering "
            "are taken out of single pixels, no sums of pixels are looked at. See whether more "
            f"components are found where {pixels} pixels are summed first: {code}{also}"
        )
        return {self.NAME: Choice(self.counts, reason)}


def find_few_counts(
    model: NoiseModel, image: Image, *, is_corrected: bool = False, has_low_loss: bool = False
) -> tuple[FewCountsFinding, ...]:
    """Whether Poisson counts are so few that pixels should be summed, and how many.

    More are needed of spectra that are corrected, for most of the counts are then background.
    """
    counts = float(image.summary.mean.sum())
    few, enough = (
        (FEW_COUNTS_CORRECTED, ENOUGH_COUNTS_CORRECTED) if is_corrected else (FEW_COUNTS,) * 2
    )
    if model.kind != "poisson" or not 0 < counts < few:
        return ()
    dimension = len(image.navigation_shape)
    needed = (enough / counts) ** (1 / dimension)
    # HyperSpy's rebin takes any whole number; powers of two are what is offered elsewhere.
    factor = 2 ** int(np.ceil(np.log2(max(needed, 2))))
    while factor > 1 and min(image.navigation_shape) < LEAST_PIXELS_SUMMED * factor:
        factor //= 2
    if factor == 1:
        return ()
    return (FewCountsFinding(counts, factor, dimension, is_corrected, has_low_loss),)


def are_counts(model: NoiseModel, image: Image) -> bool:
    """Whether the values are counts, or an intensity in units of its own (scaled, processed).

    Poisson noise tells; then what the metadata call the quantity; then whole numbers. What is
    neither are counts where the field records them and noise comes with the signal.
    """
    if model.kind == "poisson":
        return True
    if model.kind == "gain" and model.gain < LEAST_GAIN_OF_COUNTS:
        return False
    quantity = str(image.frame.metadata.get_item("Signal.quantity", default=""))
    if quantity:
        return "count" in quantity.lower()
    if image.summary.integers and image.summary.least >= 0:
        return True
    return model.kind == "gain" and base_type(image.frame) in COUNTED_SIGNAL_TYPES


def variance_in_metadata(signal: BaseSignal, noise: Any) -> Any:
    """The variance signal of HyperSpy's own place for it, or None.

    Only ``noise="auto"`` looks there.
    """
    if not _is_auto(noise) or not hasattr(signal, "metadata"):
        return None
    variance = signal.metadata.get_item("Signal.Noise_properties.variance", default=None)
    return variance if hasattr(variance, "axes_manager") else None


def is_credible(image: Image) -> bool:
    """Whether a variance given for every value is about what the data's own scatter says.

    Where the law that the scatter seems to follow says otherwise, the scatter itself decides: of
    what a part was taken off there may be no law.
    """
    stated = image.summary.group_variance
    assert stated is not None
    sample = image.summary.sample
    estimate = estimate_noise(sample, image.summary.integers)
    ratio = _ratio(np.average(stated, axis=0, weights=image.summary.group_size), estimate, image)
    error = estimate_error(sample, estimate)
    if _agree(ratio, error):
        return True
    variance = _variance_of_sample(image)
    return variance is not None and _agree(scatter_over_variance(sample, variance), error)


def _variance_of_sample(image: Image) -> Floats | None:
    """The variance given for the values that the first pass kept, shape (pixels, channels)."""
    blocks, sampled = image.blocks, image.summary.sampled
    if blocks.variance is None or sampled is None:
        return None
    pixels = np.flatnonzero(blocks.pixels)[sampled]
    rows = blocks.variance.reshape(-1, blocks.variance.shape[-1])[pixels]
    return np.asarray(rows, float)[:, blocks.channels]


def _ratio(variance: Floats, estimate: NoiseModel, image: Image) -> float:
    """The typical ratio of the channels' mean variance to that of the estimate."""
    return float(np.median(variance / estimate.variance(image.summary.mean[None])[0]))


def _agree(ratio: float, error: float) -> bool:
    """Whether the variance stated is that of the data, as far as this is known."""
    most = min(1 + SIGMAS_OFF * error, MOST_OFF)
    return 1 / most < ratio < most


def choose_noise(
    signal: BaseSignal, noise: Any, image: Image, why_not_stated: str = ""
) -> NoiseFinding:
    """Noise model of ``image``.

    Raises
    ------
    ValueError
        If Poisson noise is asked for of data that are no counts.
    """
    if hasattr(noise, "axes_manager"):
        stated = signal.metadata.get_item("Signal.Noise_properties.variance", default=None)
        if noise is stated:
            return NoiseFinding(NoiseModel("given"), True, why_not_stated=why_not_stated)
        return _as_asked(NoiseModel("given"), image, why_not_stated)
    if noise == "poisson":
        if image.summary.least < 0:
            raise ValueError(
                "noise='poisson' needs counts, but the data hold negative values "
                f"(down to {image.summary.least:.4g}); use noise='auto', or give the variance as a "
                "signal."
            )
        return _as_asked(NoiseModel("poisson"), image, why_not_stated)
    if noise == "uniform":
        model = estimate_uniform(image.summary.sample)
        return NoiseFinding(model, why_not_stated=why_not_stated)
    estimate = estimate_noise(image.summary.sample, image.summary.integers)
    return _as_stated(signal, estimate, image, why_not_stated)


def _is_auto(noise: Any) -> bool:
    return isinstance(noise, str) and noise == "auto"


def _as_asked(model: NoiseModel, image: Image, why_not_stated: str) -> NoiseFinding:
    """The noise that the user wants, and how far it is off that of the data."""
    summary = image.summary
    estimate = estimate_noise(summary.sample, summary.integers)
    variance = model.variance(summary.groups, summary.group_variance)
    ratio = _ratio(np.average(variance, axis=0, weights=summary.group_size), estimate, image)
    error = estimate_error(summary.sample, estimate)
    agree = _agree(ratio, error) or not np.isfinite(error)
    return NoiseFinding(
        model, asked_ratio=None if agree else ratio, error=error, why_not_stated=why_not_stated
    )


def _as_stated(
    signal: BaseSignal, estimate: NoiseModel, image: Image, why_not_stated: str
) -> NoiseFinding:
    """What the metadata state, where the data do not know better; else the estimate.

    Files state the gain of the camera in both senses (counts per electron, and electrons per
    count), and for single channels as well as for sums over them.
    """
    mean = image.summary.mean[None]
    error = estimate_error(image.summary.sample, estimate)
    ratios = []
    for model in _stated(signal, estimate):
        ratio = _ratio(model.variance(mean)[0], estimate, image)
        if _agree(ratio, error):
            return NoiseFinding(model, from_metadata=True, why_not_stated=why_not_stated)
        ratios.append(ratio)
    return NoiseFinding(
        estimate,
        stated_ratio=ratios[0] if ratios else None,
        error=error,
        why_not_stated=why_not_stated,
    )


def _stated(signal: BaseSignal, estimate: NoiseModel) -> list[NoiseModel]:
    """A constant variance, or gain and read noise, as the metadata may mean them.

    The correlation of the channels is not stated anywhere: it is the estimated one.
    """
    stated = signal.metadata.get_item("Signal.Noise_properties", default=None)
    if not hasattr(stated, "get_item"):
        return []
    variance = _number(stated.get_item("variance", default=None))
    if variance is not None and variance > 0:
        return [NoiseModel("uniform", 0.0, variance, estimate.correlation)]
    linear = stated.get_item("Variance_linear_model", default=None)
    if not hasattr(linear, "get_item"):
        return []
    names = ("gain_factor", "gain_offset", "correlation_factor")
    numbers = [
        _number(linear.get_item(name, default=default))
        for name, default in zip(names, (1.0, 0.0, 1.0), strict=True)
    ]
    if numbers == [1.0, 0.0, 1.0]:
        # what HyperSpy writes when nothing is known of the detector
        return []
    gain, offset, factor = numbers
    if gain is None or offset is None or factor is None or gain <= 0 or factor <= 0:
        warn(
            f"{PLACE}.Variance_linear_model (gain {gain}, offset {offset}, factor {factor}) is not "
            "that of noise and not used: give the variance as noise if you know it"
        )
        return []
    shared = 1 + 2 * sum(estimate.correlation)
    return [
        NoiseModel("gain", gain * factor * of_sums, offset * factor, estimate.correlation)
        for of_sums in (shared, 1.0)
    ]


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
