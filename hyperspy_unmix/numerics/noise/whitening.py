"""Whitening of the channels: noise of variance one, independent from channel to channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

from .block_factor import (
    CHANNELS_PER_BLOCK,
    BlockFactor,
    BlockTridiagonal,
    blocks_of,
    factorise,
    independent,
    joined,
)

# Of the noise's power spectrum, relative to its mean: what is lower is known too badly to be
# amplified to one.
LEAST_RELATIVE_POWER = 0.15
MOST_CORRELATION_AT_END = 0.2  # of the farthest channels, for a covariance in blocks
MOST_CHANNELS_IN_ONE_BLOCK = 512  # whose modes of noise are those of the whole axis
FREQUENCIES = 1024  # at which the power of the noise is compared with the floor
SHARES = 65  # of noise that is correlated, for which that is done


@dataclass(frozen=True)
class ChannelWhitening:
    """Turns a spectrum at unit pixel weight into one of white noise, its variance one or less.

    Parameters
    ----------
    channel_sd : array, shape (channels,)
        Noise of each channel.
    factor : BlockFactor, optional
        The channels' correlation is ``factor @ factor.T``; None where they are independent.
    floored : array, shape (channels,), optional
        Variance of the whitened noise where it is not one: noise much below the average, as of the
        finest detail where charge is shared, is not amplified to one.
    """

    channel_sd: Floats
    factor: BlockFactor | None = None
    floored: Floats | None = None

    @property
    def variance(self) -> Floats:
        """Variance of the whitened noise, shape (channels,)."""
        return np.ones(len(self.channel_sd)) if self.floored is None else self.floored

    @property
    def sum_variance(self) -> float:
        """Variance of the sum over all channels."""
        sd = self.channel_sd[None]
        if self.factor is not None:
            sd = self.factor.multiply_transposed(sd)
        return float(np.sum(sd**2))

    def select_channels(self, keep: NDArray[np.bool_]) -> ChannelWhitening:
        """Whitening of the channels that the boolean mask ``keep`` selects."""
        if self.factor is None:
            floored = None if self.floored is None else self.floored[keep]
            return ChannelWhitening(self.channel_sd[keep], floored=floored)
        return ChannelWhitening(self.channel_sd[keep], self.factor.select_channels(keep))

    def whiten(self, spectra: Floats) -> Floats:
        """Whiten the rows of ``spectra`` (rows, channels)."""
        scaled = spectra / self.channel_sd
        return scaled if self.factor is None else self.factor.solve(scaled)

    def colour(self, whitened: Floats) -> Floats:
        """Inverse of `whiten`."""
        if self.factor is not None:
            whitened = self.factor.multiply(whitened)
        return whitened * self.channel_sd

    def projector(self, directions: Floats) -> Floats:
        """Matrix (channels, k) that takes a spectrum to its scores on whitened ``directions``."""
        if self.factor is not None:
            directions = self.factor.solve_transposed(directions.T).T
        return np.asarray(directions / self.channel_sd[:, None])

    def variance_of(self, profile: Floats) -> Floats:
        """Variance of the whitened noise where the channels' is ``profile`` times what is whitened.

        Both have the shape (channels,).
        """
        if self.factor is None:
            return profile * self.variance
        noise = self.factor.covariance(self.variance).scale(np.sqrt(profile))
        return np.concatenate([np.diag(block) for block in self.factor.whitened_blocks(noise)])


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
    lags = np.array(correlation[: len(channel_sd) - 1])
    # Correlation that has not faded where it is cut off has a spectrum that reaches below zero,
    # whose floor reaches farther than a block.
    has_faded = len(lags) == 0 or abs(lags[-1]) < MOST_CORRELATION_AT_END
    whole = len(channel_sd) <= MOST_CHANNELS_IN_ONE_BLOCK or not has_faded
    blocks = blocks_of(len(channel_sd), len(channel_sd) if whole else CHANNELS_PER_BLOCK)
    noise = _covariance(blocks, share, _table(lags, 0.0))
    if _least_power(lags, float(share.max())) > LEAST_RELATIVE_POWER:
        return ChannelWhitening(channel_sd, factorise(noise))
    # Frequencies of little noise are divided by the floor, and keep a variance below one.
    floored = _raise_modes(noise) if whole else None
    factor = factorise(floored or _covariance(blocks, share, _table(lags, LEAST_RELATIVE_POWER)))
    modes = [np.linalg.eigh(block) for block in factor.whitened_blocks(noise)]
    variance = np.concatenate([power for power, _ in modes])
    return ChannelWhitening(
        channel_sd,
        factor=factor.rotate([vectors for _, vectors in modes]),
        floored=np.clip(variance, 0, 1),
    )


def side_by_side(parts: Sequence[ChannelWhitening]) -> ChannelWhitening:
    """Whitening of the channels of several detectors, one behind the other.

    The noise of two detectors is independent.
    """
    channel_sd = np.concatenate([part.channel_sd for part in parts])
    floored = None
    if any(part.floored is not None for part in parts):
        floored = np.concatenate([part.variance for part in parts])
    if all(part.factor is None for part in parts):
        return ChannelWhitening(channel_sd, floored=floored)
    factors = [part.factor or independent(len(part.channel_sd)) for part in parts]
    return ChannelWhitening(channel_sd, factor=joined(factors), floored=floored)


def _raise_modes(noise: BlockTridiagonal) -> BlockTridiagonal:
    """The covariance of one block, with modes of little noise raised to the floor."""
    power, modes = np.linalg.eigh(noise.diagonal[0])
    return BlockTridiagonal(((modes * np.maximum(power, LEAST_RELATIVE_POWER)) @ modes.T,))


def _table(correlation: Floats, floor: float) -> Floats:
    """Covariance at each lag of noise of which so large a share is correlated, its power floored.

    Where the share changes along the axis, that is right as far as it changes slowly: over the
    channels that the noise reaches.

    Returns
    -------
    array, shape (`SHARES`, lags)
    """
    share = np.linspace(0, 1, SHARES)[:, None]
    omega = np.arange(FREQUENCIES + 1) * np.pi / FREQUENCIES
    harmonics = np.cos(np.outer(np.arange(1, len(correlation) + 1), omega))
    power = 1 + 2 * share * (correlation @ harmonics)
    if floor:
        power = np.maximum(power, floor)
    return np.asarray(np.fft.irfft(power)[:, :FREQUENCIES])


def _covariance(blocks: list[NDArray[np.intp]], share: Floats, table: Floats) -> BlockTridiagonal:
    """The channels' covariance from that at each lag and for each share, see `_table`."""
    steps = len(table) - 1

    def between(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
        position = steps * np.sqrt(np.outer(share[rows], share[columns]))
        lower = np.minimum(position.astype(int), steps - 1)
        # Channels that are farther apart than the table reaches are not correlated.
        lag = np.minimum(np.abs(rows[:, None] - columns), table.shape[1] - 1)
        above = position - lower
        return np.asarray((1 - above) * table[lower, lag] + above * table[lower + 1, lag])

    return BlockTridiagonal(
        tuple(between(block, block) for block in blocks),
        tuple(between(block, former) for former, block in pairwise(blocks)),
    )


def _least_power(correlation: Floats, share: float) -> float:
    """Least value of the power spectrum of noise of this correlation, whose mean is one."""
    omega = np.linspace(0, np.pi, 256)
    harmonics = np.cos(np.outer(np.arange(1, len(correlation) + 1), omega))
    return float(1 + 2 * share * (correlation @ harmonics).min())
