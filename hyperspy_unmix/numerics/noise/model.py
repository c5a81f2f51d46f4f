"""The variance of every count, estimated from the raw data: what makes a component significant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hyperspy_unmix.numerics.types import Floats

Kind = Literal["poisson", "gain", "scatter", "uniform", "given"]


@dataclass(frozen=True)
class NoiseModel:
    """Variance of each value, and the correlation of neighbouring channels' noise.

    Where the detector spreads the charge of one electron over several channels, each channel's
    variance is smaller than ``gain * counts``, by the factor ``1 / (1 + 2 sum(correlation))``; that
    of a sum over many channels is not.

    Parameters
    ----------
    kind : {"poisson", "gain", "scatter", "uniform", "given"}
        ``"poisson"``: variance equals counts. ``"gain"``: `channel_gain` x counts + read_variance.
        ``"scatter"``: one variance a channel, from the scatter about the low-rank model.
        ``"uniform"``: one variance for all. ``"given"``: the user's variance.
    gain : float
        Recorded units per detected electron or photon.
    read_variance : float
        Variance without signal, in recorded units squared; negative where a dark offset was left
        in the data.
    correlation : array, shape (lags,)
        Correlation of the noise of channels 1, 2, ... apart; empty where they are independent.
    channel_variance : array, shape (channels,), optional
        For ``kind="scatter"``.
    only_rounding : bool
        Whether the data scatter by no more than numbers are rounded: there is no noise to know.
    """

    kind: Kind
    gain: float = 1.0
    read_variance: float = 0.0
    correlation: tuple[float, ...] = ()
    channel_variance: Floats | None = None
    only_rounding: bool = False

    @property
    def channel_gain(self) -> float:
        """Variance per count of a single channel: the gain, less what its neighbours share."""
        return self.gain / (1 + 2 * sum(self.correlation))

    def variance(self, spectra: Floats, given: Floats | None = None) -> Floats:
        """Variance of each element of ``spectra`` (pixels, channels).

        ``given`` is the user's variance, of the same shape, and is used by kind ``"given"`` alone.
        """
        if self.kind == "given":
            if given is None:
                raise ValueError("a noise model of kind 'given' needs the variance itself")
            return given
        if self.kind == "scatter":
            channel_variance = np.asarray(self.channel_variance, spectra.dtype)
            return np.broadcast_to(channel_variance, spectra.shape)
        if self.kind == "poisson":
            return spectra if spectra.min() >= 0 else np.maximum(spectra, 0)
        if self.kind == "uniform":
            return np.broadcast_to(spectra.dtype.type(self.read_variance), spectra.shape)
        variance = self.channel_gain * np.maximum(spectra, 0) + self.read_variance
        if self.read_variance < 0:
            # A dark offset was left in the data: single values below it must not get a negative
            # variance. That of one electron is the least there is.
            variance = np.maximum(variance, self.gain * self.channel_gain)
        return np.asarray(variance)

    def shot_share(self, mean: Floats) -> Floats:
        """Share of the variance that comes with the signal, in channels of this ``mean``."""
        if self.kind != "gain":
            return np.ones_like(mean)
        shot = self.channel_gain * np.maximum(mean, 0) + min(self.read_variance, 0.0)
        total = shot + max(self.read_variance, 0.0)
        return np.asarray(np.where(total > 0, shot / np.where(total > 0, total, 1), 1.0))

    def describe(self) -> str:
        """Describe the model in one plain sentence."""
        correlated = ""
        if self.correlation:
            correlated = (
                f"; neighbouring channels correlated ({self.correlation[0]:.2f}), decorrelated"
            )
            if self.kind == "gain":
                correlated += f"; gain {self.gain:.3g} with the charge they share"
        sentences = {
            "poisson": "Poisson counts: variance equals counts",
            "gain": f"variance = {self.channel_gain:.3g} x signal {self.read_variance:+.3g}",
            "scatter": "variance of each channel from its scatter about the low-rank model",
            "uniform": f"the same variance everywhere, {self.read_variance:.3g}",
            "given": "the variance given by the user",
        }
        rounding = "; no scatter beyond rounding" if self.only_rounding else ""
        return sentences[self.kind] + correlated + rounding
