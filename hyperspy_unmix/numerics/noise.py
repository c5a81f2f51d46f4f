"""The variance of every count, estimated from the raw data: what makes a component significant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular, toeplitz

from .eigen import leading_eigenvectors

Floats = NDArray[np.floating]
Kind = Literal["poisson", "gain", "scatter", "uniform", "given"]

# of the noise's power spectrum, relative to its mean: less is known too badly to be amplified
LEAST_POWER = 0.15
FEW_COUNTS = 5.0  # typical ones beside a pixel's own
LEAST_COUNTS = 0.01  # a pixel; channels of fewer weigh less than Poisson would have it


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
    """

    kind: Kind
    gain: float = 1.0
    read_variance: float = 0.0
    correlation: tuple[float, ...] = ()
    channel_variance: Floats | None = None

    @property
    def channel_gain(self) -> float:
        """Variance per count of a single channel: the gain, less what its neighbours share."""
        return self.gain / (1 + 2 * sum(self.correlation))

    def variance(self, spectra: Floats, given: Floats | None = None) -> Floats:
        """Variance of each element of ``spectra`` (pixels, channels)."""
        if self.kind == "given":
            if given is None:
                raise ValueError("a noise model of kind 'given' needs the variance itself")
            return given
        if self.kind == "scatter":
            variance = np.asarray(self.channel_variance, spectra.dtype)
            return np.broadcast_to(variance, spectra.shape)
        if self.kind == "poisson":
            return spectra if spectra.min() >= 0 else np.maximum(spectra, 0)
        if self.kind == "uniform":
            return np.broadcast_to(spectra.dtype.type(self.read_variance), spectra.shape)
        variance = self.channel_gain * np.maximum(spectra, 0) + self.read_variance
        if self.read_variance < 0:
            # a dark offset: single values below it must not get a negative variance
            # (that of one electron is the least there is)
            variance = np.maximum(variance, self.gain * self.channel_gain)
        return np.asarray(variance)

    def shot_share(self, mean: Floats) -> Floats:
        """Share of the variance of channels of this mean that came with the signal."""
        if self.kind != "gain":
            return np.ones_like(mean)
        shot = self.channel_gain * np.maximum(mean, 0) + min(self.read_variance, 0.0)
        total = shot + max(self.read_variance, 0.0)
        return np.asarray(np.where(total > 0, shot / np.where(total > 0, total, 1), 1.0))

    def describe(self) -> str:
        """One plain sentence."""
        correlated = ""
        if self.correlation:
            correlated = (
                f"; neighbouring channels correlated ({self.correlation[0]:.2f}), decorrelated"
            )
            if self.kind == "gain":
                correlated += f"; gain {self.gain:.3g} with the charge they share"
        words = {
            "poisson": "Poisson counts: variance equals counts",
            "gain": f"variance = {self.channel_gain:.3g} x signal {self.read_variance:+.3g}",
            "scatter": "variance of each channel from its scatter about the low-rank model",
            "uniform": f"the same variance everywhere, {self.read_variance:.3g}",
            "given": "the variance given by the user",
        }
        return words[self.kind] + correlated


@dataclass(frozen=True)
class ChannelWhitening:
    """Turns a spectrum at unit pixel weight into one of white noise, its variance one or less.

    Parameters
    ----------
    channel_sd : array, shape (channels,)
        Noise of each channel.
    factor : array, shape (channels, channels), optional
        The channels' correlation is ``factor @ factor.T``; None where they are independent. Lower
        triangular, or any where ``inverse`` is given.
    inverse : array, shape (channels, channels), optional
        Of ``factor``.
    floored : array, shape (channels,), optional
        Variance of the whitened noise where it is not one: noise much below the average, as of the
        finest detail where charge is shared, is not amplified to one.
    """

    channel_sd: Floats
    factor: Floats | None = None
    inverse: Floats | None = None
    floored: Floats | None = None

    @property
    def variance(self) -> Floats:
        """Variance of the whitened noise, shape (channels,)."""
        return np.ones(len(self.channel_sd)) if self.floored is None else self.floored

    @property
    def sum_variance(self) -> float:
        """Variance of the sum over all channels."""
        sd = self.channel_sd if self.factor is None else self.channel_sd @ self.factor
        return float(np.sum(sd**2))

    def having(self, keep: NDArray[np.bool_]) -> ChannelWhitening:
        """Of some of the channels."""
        if self.factor is None:
            floored = None if self.floored is None else self.floored[keep]
            return ChannelWhitening(self.channel_sd[keep], floored=floored)
        correlation = self.factor[keep] @ self.factor[keep].T
        return ChannelWhitening(self.channel_sd[keep], np.linalg.cholesky(correlation))

    def whiten(self, spectra: Floats) -> Floats:
        """Whiten the rows of ``spectra`` (rows, channels)."""
        scaled = spectra / self.channel_sd
        if self.factor is None:
            return scaled
        if self.inverse is not None:
            return np.asarray(scaled @ self.inverse.T)
        return np.asarray(solve_triangular(self.factor, scaled.T, lower=True).T)

    def colour(self, whitened: Floats) -> Floats:
        """Inverse of `whiten`."""
        if self.factor is not None:
            whitened = whitened @ self.factor.T
        return whitened * self.channel_sd

    def projector(self, directions: Floats) -> Floats:
        """Matrix (channels, k) that takes a spectrum to its scores on whitened ``directions``."""
        if self.inverse is not None:
            directions = self.inverse.T @ directions
        elif self.factor is not None:
            directions = solve_triangular(self.factor, directions, lower=True, trans="T")
        return np.asarray(directions / self.channel_sd[:, None])


def channel_whitening(
    channel_sd: Floats, correlation: tuple[float, ...] = (), shot_share: Floats | None = None
) -> ChannelWhitening:
    """Whitening for channels of the given noise.

    ``correlation`` is that of the part of the noise that was spread over channels with the signal;
    ``shot_share`` (channels,) is that part's share of the variance (default: all of it).
    """
    if not correlation:
        return ChannelWhitening(channel_sd)
    share = np.ones(len(channel_sd)) if shot_share is None else shot_share
    column = np.zeros(len(channel_sd))
    lags = min(len(correlation), len(channel_sd) - 1)
    column[0], column[1 : lags + 1] = 1.0, correlation[:lags]
    matrix = toeplitz(column) * np.sqrt(np.outer(share, share))
    np.fill_diagonal(matrix, 1.0)
    if _least_power(column[1 : lags + 1], float(share.max())) > LEAST_POWER:
        return ChannelWhitening(channel_sd, cholesky(matrix, lower=True))
    power, modes = eigh(matrix, driver="evd")
    known = np.maximum(power, LEAST_POWER)
    root = np.sqrt(known)
    return ChannelWhitening(
        channel_sd, modes * root, (modes / root).T, np.maximum(power, 0) / known
    )


def _least_power(correlation: Floats, share: float) -> float:
    """Least of the power spectrum of noise of this correlation (its mean is one)."""
    omega = np.linspace(0, np.pi, 256)
    harmonics = np.cos(np.outer(np.arange(1, len(correlation) + 1), omega))
    return float(1 + 2 * share * (correlation @ harmonics).min())


def column_scales(variance: Floats, sweeps: int = 20) -> Floats:
    """Column scales that, with suitable row scales, make ``variance`` doubly stochastic.

    Parameters
    ----------
    variance : array, shape (groups of pixels, channels)
        Mean variance of groups of pixels; positive in every row and column.
    sweeps : int
        Sinkhorn sweeps.

    Returns
    -------
    array, shape (channels,)
        ``v`` such that rows scaled by ``pixel_weights`` and columns by ``v`` have mean one.

    References
    ----------
    B. Landa, T. T. C. K. Zhang, Y. Kluger, SIAM J. Math. Data Sci. 4 (2022) 1420,
    https://doi.org/10.1137/21M1456807
    """
    v = 1.0 / variance.mean(0)
    for _ in range(sweeps):
        u = 1.0 / (variance @ v / variance.shape[1])
        v = 1.0 / (u @ variance / variance.shape[0])
    return np.asarray(v)


def pixel_weights(
    scaled: Floats,
    typical: float,
    counts: Floats | None = None,
    typical_counts: float | None = None,
) -> Floats:
    """Row scales ``u``: one over the mean scaled variance of each pixel.

    ``scaled`` are means of the pixels' variances times column scales, which should be projected on
    the leading components of the data: the noise of rare channels, whose scales are large, then
    stays out of the weights. ``typical``, the mean scaled variance of all pixels, bounds them where
    a pixel is all but empty. With the ``counts`` of the pixels and the ``typical_counts`` of one,
    the scale of a count is that of the pixel's own and of five typical ones: else a pixel of three
    counts, all in channels of small scale, would pass for one next to without noise.
    """
    if counts is not None and typical_counts is not None:
        of_typical = FEW_COUNTS * typical / typical_counts
        scaled = counts * (scaled + of_typical) / (counts + FEW_COUNTS)
    return np.asarray(1.0 / np.maximum(scaled, 0.05 * typical))


def project_scales(sample_variance: Floats, v: Floats, rank: int = 8) -> Floats:
    """Column scales on the leading components of a sample of variances, see `pixel_weights`.

    In counts of rare channels ``variance @ v`` is mostly noise; the same sum over the low-rank part
    of the variance is not.
    """
    scaled = sample_variance * np.sqrt(v)
    rows = scaled.sum(1, keepdims=True)
    scaled = scaled / np.sqrt(np.maximum(rows, 1e-6 * rows.mean()))
    if len(scaled) < len(v):
        # of the smaller Gram matrix
        rank = min(rank, len(scaled))
        leading = leading_eigenvectors(scaled @ scaled.T, rank)[1]
        leading = np.linalg.qr(scaled.T @ leading)[0]
    else:
        leading = leading_eigenvectors(scaled.T @ scaled, min(rank, len(v)))[1]
    return np.asarray(np.sqrt(v) * (leading @ (leading.T @ np.sqrt(v))))
