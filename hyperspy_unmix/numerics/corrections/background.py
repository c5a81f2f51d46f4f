"""The background before an edge, as a correction: by its shape, and bent by plural scattering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

from .background_fit import BackgroundFit, subtract_background
from .chain import RemovalFromCounts, subtraction
from .falling_window import Window
from .plural_scattering import PluralScattering
from .scattered_background import subtract_scattered_background


@dataclass(frozen=True)
class Background:
    """A background that is fitted in windows and continued over all channels.

    Parameters
    ----------
    energies : array, shape (channels,)
    window : Window
    shape : str
        What is fitted; see `background_fit.subtract_background` for the choice.
    kernel : PluralScattering, optional
        The plural scattering that bends power laws, where it is known.
    """

    energies: Floats
    window: Window
    shape: str = "auto"
    kernel: PluralScattering | None = None

    name: ClassVar[str] = "background"
    adds: ClassVar[bool] = True

    @property
    def is_scattered(self) -> bool:
        """Whether power laws with plural scattering are fitted."""
        kernel, is_power_law = self.kernel, self.shape in ("auto", "power law")
        return (
            is_power_law and kernel is not None and kernel.method == "ratio" and not kernel.is_none
        )

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, BackgroundFit]:
        """Fit it in its windows and subtract it; see `chain.Correction`."""
        if self.is_scattered:
            assert self.kernel is not None
            fit = subtract_scattered_background(
                spectra, self.energies, self.window, self.kernel, edge
            )
        else:
            fit = subtract_background(spectra, self.energies, self.window, self.shape)
        return fit.spectra, fit

    def restore(
        self, scores: Floats, components: Floats, fit: BackgroundFit
    ) -> tuple[Floats, Floats]:
        """Add the background that was fitted."""
        return (
            np.concatenate([scores, fit.background.scores], 1),
            np.concatenate([components, fit.background.components]),
        )

    def removal_from_counts(self, fit: BackgroundFit) -> RemovalFromCounts:
        """Subtract what was fitted to the compressed spectra."""
        return subtraction(fit.background.scores, fit.background.components)
