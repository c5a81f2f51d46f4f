"""A power law, and how well it is known beyond the window that it was fitted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats

OF_MEDIAN_STEP = 1.4826  # standard deviation of normal values over their median absolute value
MOST_OF_USUAL = 2.0  # a standard deviation of few normal steps over that from their median


@dataclass(frozen=True)
class PowerLaw:
    """``value * (energies / reference) ** -exponent``."""

    value: float
    exponent: float
    reference: float

    def __call__(self, energies: Floats) -> Floats:
        """Its values at ``energies``."""
        return self.value * (energies / self.reference) ** -self.exponent


def power_law(energies: Floats, mean: Floats) -> PowerLaw:
    """Power law of a mean spectrum, by log-log fit weighted with the mean.

    References
    ----------
    R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
    sect. 4.4, https://doi.org/10.1007/978-1-4419-9583-4
    """
    reference = float(np.exp(np.log(energies).mean()))
    slope, intercept = logarithmic_line(np.log(energies / reference), mean)
    return PowerLaw(float(np.exp(intercept)), -slope, reference)


def logarithmic_line(axis: Floats, mean: Floats) -> tuple[float, float]:
    """Slope and intercept of the logarithm of a mean spectrum, weighted with the mean."""
    positive = np.maximum(mean, 1e-12 * max(float(np.max(mean)), 1e-300))
    slope, intercept = np.polyfit(axis, np.log(positive), 1, w=np.sqrt(positive))
    return float(slope), float(intercept)


def relative_noise(ratio: Floats) -> float:
    """Standard deviation of one value of a smooth curve, from the steps between neighbours.

    The steps of a bump are not noise: where a few are far above the median one, this counts.
    """
    steps = np.diff(ratio)
    usual = OF_MEDIAN_STEP * float(np.median(np.abs(steps)))
    noise = float(np.std(steps))
    return (min(noise, MOST_OF_USUAL * usual) if usual > 0 else noise) / float(np.sqrt(2))


def relative_forecast_error(energies: Floats, mean: Floats, law: PowerLaw, at: float) -> float:
    """Error of a fitted law at the energy ``at``, as a share of it.

    That of a straight line through n points of logarithms: sigma^2 / n (1 + (d / s)^2) at the
    distance d from their centre, about which they lie s apart.
    """
    noise = relative_noise(mean / law(energies))
    logarithms = np.log(energies)
    distance, spread = np.log(at) - logarithms.mean(), logarithms.std()
    return float(noise * np.sqrt((1 + (distance / spread) ** 2) / len(energies)))
