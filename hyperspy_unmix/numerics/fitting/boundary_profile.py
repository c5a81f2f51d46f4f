"""The profile across a boundary that may be inclined, diffuse, or both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .inclined_boundary import SIGMA_PER_FWHM, Kind
from .projected_profile import layer, layer_by_thick, ramp

# Places of the parameters: of a layer the amplitude is its area; the variance is that of diffusion.
AMPLITUDE, OFFSET, PLACE, SLOPE, LAYER, PROBE, VARIANCE = range(7)
BINS_PER_PIXEL, GROUPS_OF_THICKNESS = 2, 6


@dataclass(frozen=True)
class Profile:
    """Means of the pixels at one distance from a boundary and of one thickness.

    All of shape (bins,): ``spread`` is the variance of the distances within a bin, ``sd`` that of
    the mean density. ``probe`` is the FWHM of the probe with its standard deviation, ``added`` the
    variance that the foil adds to it.
    """

    across: Floats
    spread: Floats
    density: Floats
    sd: Floats
    thickness: Floats
    kind: Kind
    pixel: float
    probe: tuple[float, float]
    added: float = 0.0

    def shape(self, parameters: Floats) -> tuple[Floats, Floats]:
        """The profile that parameters make, and its derivatives, shape (bins, parameters)."""
        amplitude, offset, place, slope, thick, probe, diffusion = parameters
        x, width = self.across - place, slope * self.thickness
        variance = self.spread + self.added + (SIGMA_PER_FWHM * probe) ** 2 + diffusion
        if self.kind == "layer":
            seen = layer(x, thick, width, variance, self.pixel)
            by_thick = layer_by_thick(x, thick, width, variance, self.pixel)
        else:
            seen = ramp(x, width, variance, self.pixel)
            by_thick = np.zeros(len(x))
        derivatives = [
            seen.value,
            np.ones(len(x)),
            -amplitude * seen.by_position,
            amplitude * seen.by_width * self.thickness,
            amplitude * by_thick,
            amplitude * seen.by_variance * 2 * probe * SIGMA_PER_FWHM**2,
            amplitude * seen.by_variance,
        ]
        return offset + amplitude * seen.value, np.stack(derivatives, axis=1)


def profile_of(
    across: Floats,
    density: Floats,
    sd: Floats,
    thickness: Floats,
    kind: Kind,
    pixel: float,
    probe: tuple[float, float],
    added: float = 0.0,
) -> Profile:
    """Means of pixels (pixels,) in half a pixel across the boundary and a sixth of thicknesses."""
    edges = np.quantile(thickness, np.arange(1, GROUPS_OF_THICKNESS) / GROUPS_OF_THICKNESS)
    place = np.rint((across - across.min()) * BINS_PER_PIXEL / pixel).astype(int)
    number = place * GROUPS_OF_THICKNESS + np.searchsorted(edges, thickness)
    groups, number = np.unique(number, return_inverse=True)
    weights = 1 / sd**2
    total = np.bincount(number, weights, len(groups))

    def mean(values: Floats) -> Floats:
        return np.bincount(number, weights * values, len(groups)) / total

    centre = mean(across)
    spread = mean((across - centre[number]) ** 2)
    return Profile(
        centre,
        spread,
        mean(density),
        1 / np.sqrt(total),
        mean(thickness),
        kind,
        pixel,
        probe,
        added,
    )
