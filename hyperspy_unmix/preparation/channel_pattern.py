"""The pattern that a camera multiplies all spectra with: found in the mean spectra of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.corrections.channel_pattern import ChannelPattern
from hyperspy_unmix.numerics.noise.channel_gain import ChannelGains, find_channel_gains
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.types import Index
from hyperspy_unmix.settings import Choice, Settings

from .spectrum_image import Image


@dataclass(frozen=True)
class ChannelPatternFinding:
    """Gains of the channels that are not alike.

    Parameters
    ----------
    gains : ChannelGains
    channels : int array, shape (channels that counted,)
        Whose they are.
    """

    gains: ChannelGains
    channels: Index

    def correction(self, image: Image) -> ChannelPattern:
        """Their removal from the channels of ``image``, which are some of these."""
        return ChannelPattern(self.gains.select(self._places(image)))

    def _places(self, image: Image) -> Index:
        return np.searchsorted(self.channels, image.blocks.channels)

    def choices(self) -> Settings:
        """In plain words."""
        left = float(np.sqrt(np.mean(self.gains.error**2)))
        reason = (
            "% r.m.s. from channel to channel: a fixed pattern of the camera, which multiplies all "
            "spectra alike. Taken out where the course of the spectra tells it, to "
            f"{100 * left:.2g} %; what changes more slowly is left. A gain reference of the camera "
            "is better"
        )
        return {"channel gains": Choice(float(f"{100 * self.gains.size:.2g}"), reason)}


def find_channel_pattern(image: Image, noise: NoiseModel) -> tuple[ChannelPatternFinding, ...]:
    """The pattern, where there is one that can be told from the spectra.

    Where whole channels of a drift were taken out, it was moved with them and nothing is found.
    """
    if noise.only_rounding:
        return ()
    summary = image.summary
    variance = np.asarray(noise.variance(summary.groups, summary.group_variance), float)
    channels = image.blocks.channels
    gains = find_channel_gains(
        summary.groups, summary.group_size, variance, noise.correlation, channels
    )
    return () if gains is None else (ChannelPatternFinding(gains, channels),)
