"""The noise model: what the user gives, what the metadata say, or what the data show."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .image import Image
from .numerics.noise import NoiseModel
from .numerics.noise_estimate import estimate_noise, estimate_uniform
from .settings import Choice, Settings

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

PLACE = "metadata.Signal.Noise_properties"
CREDIBLE = 2.0  # factor between the variance that the metadata state and that of the data
_logger = logging.getLogger(__name__)


def variance_in_metadata(signal: BaseSignal, noise: Any) -> Any:
    """The variance signal of HyperSpy's own place for it, or ``noise`` itself.

    Only ``noise="auto"`` looks there, and takes nothing that does not fit the data.
    """
    if not _is_auto(noise) or not hasattr(signal, "metadata"):
        return noise
    variance = signal.metadata.get_item("Signal.Noise_properties.variance", default=None)
    if not hasattr(variance, "axes_manager"):
        return noise
    if variance.data.shape != signal.data.shape:
        _logger.warning(
            "%s.variance has shape %s, the data have %s: it is not used, the noise is estimated "
            "from the data",
            PLACE,
            variance.data.shape,
            signal.data.shape,
        )
        return noise
    return variance


def choose_noise(signal: BaseSignal, noise: Any, image: Image, settings: Settings) -> NoiseModel:
    """Noise model of ``image``, and the choice on record."""
    source = ""
    if hasattr(noise, "axes_manager"):
        model = NoiseModel("given")
        if noise is signal.metadata.get_item("Signal.Noise_properties.variance", default=None):
            source = f" (from {PLACE})"
    elif noise == "poisson":
        if image.summary.least < 0:
            raise ValueError(
                "noise='poisson' needs counts, but the data hold negative values "
                f"(down to {image.summary.least:.4g}); use noise='auto', or give the variance as a "
                "signal."
            )
        model = NoiseModel("poisson")
    elif noise == "uniform":
        model = estimate_uniform(image.summary.sample)
    else:
        model = estimate_noise(image.summary.sample, image.summary.integers)
        stated = _stated(signal, model)
        if stated is not None:
            agreement = _agreement(stated, model, image)
            if 1 / CREDIBLE < agreement < CREDIBLE:
                model, source = stated, f" (from {PLACE})"
            else:
                source = (
                    f" ({PLACE} states {agreement:.2g} times the scatter of the data: not used)"
                )
    settings["noise"] = Choice(model.kind, model.describe() + source)
    return model


def _agreement(stated: NoiseModel, estimate: NoiseModel, image: Image) -> float:
    """Stated over estimated variance of the mean spectrum.

    Files state the gain of the camera in both senses (counts per electron, and electrons per
    count), so that it is taken only where the data's own scatter allows it.
    """
    mean = image.summary.mean[None]
    return float(np.median(stated.variance(mean) / estimate.variance(mean)))


def _is_auto(noise: Any) -> bool:
    return isinstance(noise, str) and noise == "auto"


def _stated(signal: BaseSignal, estimate: NoiseModel) -> NoiseModel | None:
    """A constant variance, or gain and read noise, that the metadata state; else None.

    The correlation of the channels is not stated anywhere: it is the estimated one.
    """
    stated = signal.metadata.get_item("Signal.Noise_properties", default=None)
    if stated is None:
        return None
    variance = stated.get_item("variance", default=None)
    if isinstance(variance, (int, float)) and variance > 0:
        return NoiseModel("uniform", 0.0, float(variance), estimate.correlation)
    linear = stated.get_item("Variance_linear_model", default=None)
    if linear is None:
        return None
    names = ("gain_factor", "gain_offset", "correlation_factor")
    gain, offset, factor = (
        float(linear.get_item(name, default=default))
        for name, default in zip(names, (1.0, 0.0, 1.0), strict=True)
    )
    if not gain > 0 or not factor > 0:
        _logger.warning("%s.Variance_linear_model is not that of noise: not used", PLACE)
        return None
    if (gain, offset, factor) == (1.0, 0.0, 1.0):
        # what HyperSpy writes when nothing is known of the detector
        return None
    shared = 1 + 2 * sum(estimate.correlation)
    model = NoiseModel("gain", gain * factor * shared, offset * factor)
    return replace(model, correlation=estimate.correlation)
