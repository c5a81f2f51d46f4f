"""The gain of every channel, taken out of compressed spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.channel_gain import ChannelGains
from hyperspy_unmix.numerics.types import Floats

from .chain import RemovalFromCounts


@dataclass(frozen=True)
class ChannelPattern:
    """A pattern of the camera, which multiplies all spectra alike.

    Parameters
    ----------
    gains : ChannelGains
        Of the channels that count.
    """

    gains: ChannelGains

    name: ClassVar[str] = "channel gains"
    adds: ClassVar[bool] = False

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, None]:
        """Spectra over the gains, and their noise."""
        gain, whitening = self.gains.gain, spectra.whitening
        return replace(
            spectra,
            components=spectra.components / gain,
            whitening=replace(whitening, channel_sd=whitening.channel_sd / gain),
        ), None

    def restore(
        self, scores: Floats, components: Floats, fit: None = None
    ) -> tuple[Floats, Floats]:
        """Spectra as the camera records them."""
        return scores, components * self.gains.gain

    def removal_from_counts(self, fit: None = None) -> RemovalFromCounts:
        """How it is taken out of spectra that are not compressed."""
        gain = self.gains.gain

        def remove(spectra: Floats, per_pixel: tuple[Floats, ...]) -> Floats:
            return np.asarray(spectra / gain)

        return RemovalFromCounts((), remove)
