"""Whitening of the channels: noise of variance one, independent from channel to channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular, toeplitz

from hyperspy_unmix.numerics.types import Floats

# Of the noise's power spectrum, relative to its mean: what is lower is known too badly to be
# amplified to one.
LEAST_RELATIVE_POWER = 0.15


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

    def select_channels(self, keep: NDArray[np.bool_]) -> ChannelWhitening:
        """Whitening of the channels that the boolean mask ``keep`` selects."""
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
    """Whitening for channels of this noise.

    Parameters
    ----------
    channel_sd : array, shape (channels,)
        Standard deviation of each channel's noise.
    correlation : tuple of float
        Correlation of channels 1, 2, ... apart, of that part of the noise that was spread over
        channels with the signal.
    shot_share : array, shape (channels,), optional
        That part's share of the variance; default all of it.

    Returns
    -------
    ChannelWhitening
    """
    if not correlation:
        return ChannelWhitening(channel_sd)
    share = np.ones(len(channel_sd)) if shot_share is None else shot_share
    # The matrix of the channels' correlation.
    first_column = np.zeros(len(channel_sd))
    lags = min(len(correlation), len(channel_sd) - 1)
    first_column[0], first_column[1 : lags + 1] = 1.0, correlation[:lags]
    matrix = toeplitz(first_column) * np.sqrt(np.outer(share, share))
    np.fill_diagonal(matrix, 1.0)
    if _least_power(first_column[1 : lags + 1], float(share.max())) > LEAST_RELATIVE_POWER:
        return ChannelWhitening(channel_sd, cholesky(matrix, lower=True))
    # Modes of little noise are divided by the floor, and keep a variance below one.
    power, modes = eigh(matrix, driver="evd")
    floored_power = np.maximum(power, LEAST_RELATIVE_POWER)
    root = np.sqrt(floored_power)
    return ChannelWhitening(
        channel_sd,
        factor=modes * root,
        inverse=(modes / root).T,
        floored=np.maximum(power, 0) / floored_power,
    )


def _least_power(correlation: Floats, share: float) -> float:
    """Least value of the power spectrum of noise of this correlation, whose mean is one."""
    omega = np.linspace(0, np.pi, 256)
    harmonics = np.cos(np.outer(np.arange(1, len(correlation) + 1), omega))
    return float(1 + 2 * share * (correlation @ harmonics).min())
