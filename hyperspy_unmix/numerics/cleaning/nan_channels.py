"""Channels that are NaN in many spectra: left out, so that the spectra are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.gaps import Gaps
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Index, Mask

LEAST_CHANNELS_LEFT = 2


def without_nan_channels(
    blocks: RowBlocks, stage: str = "first pass", *, only_ends: bool = False
) -> tuple[RowBlocks, Summary, Index]:
    """The first pass, again without channels that are NaN in so many spectra that it pays.

    Parameters
    ----------
    blocks : RowBlocks
    stage : str
        What is done, for the progress bar.
    only_ends : bool
        Whether channels must stay consecutive.

    Returns
    -------
    blocks, summary
        Without these channels; spectra that hold NaN beside them stay, not finite.
    left_out : int array
        Channels of the file, ascending.
    """
    channels = blocks.channels
    summary = summarise(blocks, stage)
    while summary.gaps is not None:
        keep = channels_to_keep(summary.gaps, int(summary.finite.sum()), only_ends=only_ends)
        if keep.all():
            break
        blocks = blocks.select_channels(blocks.channels[keep])
        summary = summarise(blocks, stage)
    return blocks, replace(summary, gaps=None), np.setdiff1d(channels, blocks.channels)


def channels_to_keep(gaps: Gaps, n_finite: int, *, only_ends: bool = False) -> Mask:
    """Channels that stay: with those at the ends goes what loses the fewest values.

    Of the channels at either end as many are left out as leave the most values (channels times
    spectra that are finite in all of them). Between, a channel goes that is NaN in most spectra.

    Parameters
    ----------
    gaps : Gaps
    n_finite : int
        Spectra beside them, without NaN.
    only_ends : bool
        Whether channels must stay consecutive.

    Returns
    -------
    bool array, shape (channels,)
    """
    n_channels = len(gaps.by_channel)
    often = gaps.by_channel > (n_finite + gaps.spectra) / 2
    if not only_ends and not often.all() and often[_between_ends(often)].any():
        return ~often
    low, high = _ends_that_lose_least(gaps, n_finite, n_channels)
    keep = np.ones(n_channels, bool)
    keep[:low] = keep[n_channels - high :] = False
    return keep


def _between_ends(often: Mask) -> slice:
    """Channels between those at the ends."""
    rare = np.flatnonzero(~often)
    return slice(rare[0], rare[-1] + 1)


def _ends_that_lose_least(gaps: Gaps, n_finite: int, n_channels: int) -> tuple[int, int]:
    """Channels to leave out at the low and at the high end."""
    pairs = np.concatenate([[[0, 0]], gaps.ends])
    low, at_low = np.unique(pairs[:, 0], return_inverse=True)
    high, at_high = np.unique(pairs[:, 1], return_inverse=True)
    spectra = np.zeros((len(low), len(high)))
    np.add.at(spectra, (at_low, at_high), np.concatenate([[n_finite], gaps.number]))
    # Where more is left out, spectra with shorter gaps stay as well.
    spectra = spectra.cumsum(0).cumsum(1)
    left = n_channels - low[:, None] - high
    values = np.where(left >= LEAST_CHANNELS_LEFT, left * spectra, 0)
    best = np.unravel_index(int(values.argmax()), values.shape)
    return int(low[best[0]]), int(high[best[1]])
