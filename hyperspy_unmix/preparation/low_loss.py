"""An analysed low loss, and what it gives for the pixels and channels of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.corrections.plural_scattering import (
    Method,
    PluralScattering,
    scattering,
)
from hyperspy_unmix.numerics.corrections.zero_loss_tail import ZeroLossTail
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.low_loss.thickness_map import ThicknessMap

from .metadata import EV
from .spectrum_image import Image


@dataclass(frozen=True)
class AnalysedLowLoss:
    """The low loss of a core loss, or of itself.

    Parameters
    ----------
    analysis : LowLoss
    thickness : ThicknessMap
        t/lambda of the pixels that count, shape (pixels,), smoothed where that is better.
    method : {"ratio", "log"}
        ``"log"`` where the low loss itself is unmixed.
    deconvolves : bool
        Whether plural scattering can be taken out with it.
    exposure_ratio : float, optional
        Exposure of the core loss over that of the low loss, where known.
    """

    analysis: LowLoss
    thickness: ThicknessMap
    method: Method
    deconvolves: bool
    exposure_ratio: float | None

    def plural_scattering(self, image: Image) -> PluralScattering | None:
        """Plural scattering on the channels that count."""
        if not self.deconvolves:
            return None
        scale = float(image.axis.scale) * EV.get(str(image.axis.units), 1.0)
        return scattering(self.analysis, scale, image.positions, image.empty_at_ends, self.method)

    def zero_loss_tail(self, image: Image) -> ZeroLossTail | None:
        """What the zero-loss peak leaves in the channels of its own low loss."""
        if self.method != "log":
            return None
        peak = self.analysis.peak
        energies = image.energies * EV.get(str(image.axis.units), 1.0) - peak.centre
        tail = peak.tail * peak.share_below_threshold
        shape = np.interp(energies, self.analysis.energies, tail, right=0.0)
        return ZeroLossTail(np.nan_to_num(self.analysis.zero_loss)[:, None], shape[None])

    def per_pixel(self, values: NDArray[Any], image: Image) -> NDArray[Any]:
        """Values of all pixels that count, where there may be one for all."""
        return np.broadcast_to(values, (image.blocks.shape[0],))
