"""What the errors of a background make of component spectra and maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats


@dataclass(frozen=True)
class BackgroundSpread:
    """Errors of spectra and maps that are those of the background.

    A share of the background's error goes with each component as far as the background itself does,
    and changes its spectrum; what goes with none is dealt out among the maps.

    Parameters
    ----------
    spectra : array, shape (components, channels)
        As the maps multiply them, in counts per channel.
    maps : array, shape (pixels, components)
    height : array, shape (pixels,)
    shared, of_noise : array, shape (any, channels)
        See `extrapolation_error.ExtrapolationError`.
    errors : array, shape (components,)
        Variance of the noise of each spectrum, over that of the channels at unit weight.
    sd : array, shape (channels,)
        Noise of the channels at unit weight.
    unit_integral : bool array, shape (components,)
        Which spectra keep their integral.
    """

    spectra: Floats
    maps: Floats
    height: Floats
    shared: Floats
    of_noise: Floats
    errors: Floats
    sd: Floats
    unit_integral: NDArray[np.bool_]

    @property
    def _with_maps(self) -> Floats:
        """Height of the background that goes with each component."""
        return np.asarray(np.linalg.lstsq(self.maps, self.height)[0])

    @property
    def modes(self) -> Floats:
        """Independent errors of the spectra, in counts: (components, modes, channels)."""
        of_noise = np.sqrt(self.errors)[:, None, None] * self.of_noise
        return np.concatenate([self._with_maps[:, None, None] * self.shared, of_noise], 1)

    @property
    def of_integrals(self) -> Floats:
        """What they make of the integrals, relative; shape (components, modes)."""
        total = self.spectra.sum(1)
        kept = self.unit_integral & (total != 0)
        return np.where(kept, self.modes.sum(2).T / np.where(kept, total, 1), 0).T

    @property
    def relative(self) -> Floats:
        """Relative standard deviation of the counts of each component."""
        return np.asarray(np.sqrt(np.sum(self.of_integrals**2, 1)))

    def spectra_variance(self) -> Floats:
        """Variance of spectra in counts per channel of fixed integrals: (components, channels)."""
        changes = self.modes - self.of_integrals[..., None] * self.spectra[:, None]
        return np.asarray(np.sum(changes**2, 1))

    def totals_variance(self) -> Floats:
        """Variance of spectra with the integrals of their maps: (components, channels)."""
        return np.asarray(np.sum(self.modes**2, 1))

    def maps_variance(self) -> Floats:
        """Variance of the maps, shape (pixels, components)."""
        remainder = self.height - self.maps @ self._with_maps
        on_maps = np.linalg.lstsq((self.spectra / self.sd).T, (self.shared / self.sd).T)[0]
        of_integrals = self.of_integrals
        own = np.sum(of_integrals**2, 1)
        both = np.sum(of_integrals[:, : len(self.shared)] * on_maps, 1)
        variance = self.maps**2 * own + 2 * self.maps * remainder[:, None] * both
        variance += remainder[:, None] ** 2 * np.sum(on_maps**2, 1)
        return np.asarray(np.maximum(variance, 0))
