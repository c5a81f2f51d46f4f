"""Spectra over all channels of components that were found in sums of neighbouring channels.

With scores ``x @ v`` the spectra of least squares are ``(v' G v)^-1 v' G``, ``G`` the Gram matrix:
of eigenvectors these are the components of the PCA, of other directions as well the spectra that
the counts have along them, in every channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index

from .low_rank import LowRank


def sums_of_channels(channels: Index, factor: int) -> Index:
    """The sum that each channel belongs to, (channels,); those beside a gap hold fewer."""
    return np.unique(channels // factor, return_inverse=True)[1]


def share_in_sums(
    spectra: Floats, whitening: ChannelWhitening, channels: Index, factor: int
) -> tuple[Floats, Floats]:
    """Share of spectra's whitened power that sums of channels hold, and these sums.

    Parameters
    ----------
    spectra : array, shape (any, channels)
    whitening : ChannelWhitening
        Of independent channels.
    channels : int array, shape (channels,)
    factor : int
        Of them that are summed.

    Returns
    -------
    share : array, shape (any,)
    sums : array, shape (any, sums)
    """
    if factor == 1:
        return np.ones(len(spectra)), spectra
    starts = np.unique(channels // factor, return_index=True)[1]
    summed = np.add.reduceat(spectra, starts, 1)
    held = np.sum(summed**2 / np.add.reduceat(whitening.channel_sd**2, starts), 1)
    return held / np.maximum(np.sum(whitening.whiten(spectra) ** 2, 1), 1e-300), summed


def over_all_channels(
    blocks: RowBlocks, spectra: LowRank, sums: Index, variance: Floats
) -> LowRank:
    """The same scores, their components those of least squares in every channel.

    Parameters
    ----------
    blocks : RowBlocks
        The same pixels, all channels.
    spectra : LowRank
        Of sums of independent channels.
    sums : int array, shape (channels,)
        The sum that each channel belongs to.
    variance : array, shape (channels,)
        Of the noise, in any unit: how the sums' is shared by their channels.

    Returns
    -------
    LowRank
        Its whitened components are not orthonormal.
    """
    of_sum = np.bincount(sums, variance)
    sd = spectra.whitening.channel_sd[sums] * np.sqrt(variance / of_sum[sums])
    weighted = spectra.scores * spectra.weights[:, None]

    def products(parts: Iterator[Block]) -> tuple[Floats, None]:
        total = np.zeros((spectra.rank, len(sums)))
        for block in parts:
            (of_block,) = block.per_pixel
            total += of_block.T @ block.spectra
        return total, None

    total, _ = blocks.reduce(
        products, lambda totals: np.sum(totals, 0), weighted, stage="spectra of all channels"
    )
    in_sums = spectra.whitening.whiten(spectra.components) / spectra.whitening.channel_sd
    return replace(
        spectra,
        components=np.linalg.solve(spectra.second_moment() * len(spectra.scores), total),
        whitening=ChannelWhitening(sd),
        shape_noise=np.zeros((0, len(sums))),
        directions=in_sums[:, sums] * sd,
    )


def share_of_signal(share: Floats, spectra: LowRank, number: int) -> Floats:
    """Share of each component over all channels that is not noise, shape (rank,).

    Parameters
    ----------
    share : array, shape (rank,)
        The same of the sums, in which the components had norm one.
    spectra : LowRank
        Over all channels.
    number : int
        Of sums.
    """
    channels = spectra.components.shape[1]
    power = np.sum(spectra.whitening.whiten(spectra.components) ** 2, 1)
    # What is beside the sums has the noise of as many channels, and what detail there is.
    beside = (channels - number) * np.diag(spectra.component_errors())
    return np.asarray(np.clip(1 - (1 - share + beside) / power, 0.0, 1.0))
