"""Whether data were smoothed along the energy: then neighbouring channels share their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.noise.estimate import channel_correlation
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.sample_residual import MOST_LAGS
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import WRONG, Settings, caution

from .spectrum_image import Image

LEAST_OF_SMOOTHED = 0.7  # correlation of neighbouring channels, beyond what detectors spread
MOST_OF_SUMS = 0.2  # correlation of neighbouring sums, which is little enough
FACTORS = (2, 4, 8, 16)  # of channels to sum
LEAST_CHANNELS_SUMMED = 16


@dataclass(frozen=True)
class SmoothingFinding:
    """Noise that neighbouring channels share by more than detectors make them.

    Parameters
    ----------
    correlation : float
        Of the noise of neighbouring channels.
    factor : int
        Channels to sum, so that sums hardly share any; zero where there are too few.
    dimension : int
        Number of scan axes.
    """

    correlation: float
    factor: int
    dimension: int

    def choices(self) -> Settings:
        """In plain words."""
        hint = (
            f"neighbouring channels share their noise ({self.correlation:.2f} of it): smoothed or "
            "interpolated along the energy. Most of the noise is gone, what is left passes for "
            "structure: components may be too many, stability and errors mean little. Unmix the "
            "data as recorded"
        )
        if self.factor:
            scale = ", ".join(["1"] * self.dimension + [str(self.factor)])
            hint += f", or sum {self.factor} channels: signal.rebin(scale=({scale})).unmix()"
        short = "The spectra were smoothed along the energy: unmix the data as recorded."
        return caution("smoothed", hint, short, WRONG)


def find_smoothing(image: Image, model: NoiseModel) -> tuple[SmoothingFinding, ...]:
    """Whether data were smoothed along the energy, and how many channels to sum then."""
    if model.kind == "poisson" or model.only_rounding:
        return ()
    lags = channel_correlation(image.summary.sample)
    if not lags:
        return ()
    correlation = np.array([1.0, *lags])
    # What all lags have alike is no noise but what is left of the components.
    common = float(lags[-1]) if len(lags) == MOST_LAGS else 0.0
    correlation = (correlation - common) / (1 - common)
    if correlation[1] < LEAST_OF_SMOOTHED:
        return ()
    fitting = [k for k in FACTORS if len(image.positions) >= k * LEAST_CHANNELS_SUMMED]
    good = [k for k in fitting if _correlation_of_sums(correlation, k) < MOST_OF_SUMS]
    return (
        SmoothingFinding(
            float(correlation[1]), good[0] if good else 0, len(image.navigation_shape)
        ),
    )


def _correlation_of_sums(correlation: Floats, factor: int) -> float:
    """Correlation of neighbouring sums of ``factor`` channels, of those lags apart."""
    lag = np.arange(-factor + 1, factor)
    along = np.zeros(2 * factor)
    known = min(len(correlation), len(along))
    along[:known] = correlation[:known]
    weight = factor - np.abs(lag)
    return float(weight @ along[np.abs(lag + factor)]) / float(weight @ along[np.abs(lag)])
