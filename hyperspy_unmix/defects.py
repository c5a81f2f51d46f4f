"""Defects of the recording: dead channels left out, spikes replaced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .numerics.blocks import RowBlocks
from .numerics.dead_channels import bad_channels
from .numerics.first_pass import Summary
from .numerics.local_noise import local_noise
from .numerics.spikes import find_spikes
from .settings import Choice, Settings


def without_defects(
    blocks: RowBlocks, summary: Summary, settings: Settings
) -> tuple[RowBlocks, Summary, NDArray[np.intp]]:
    """Leave out dead channels and have spikes replaced as the data are read.

    Parameters
    ----------
    blocks : RowBlocks
    summary : Summary
        Of these blocks.
    settings : dict
        Gets an entry for each kind of defect that is found.

    Returns
    -------
    blocks, summary
        Without the defects.
    dead : int array
        Channels of the file that were left out.
    """
    noise = local_noise(summary.sample, summary.integers)
    bad = bad_channels(summary, noise)
    dead = blocks.channels[bad]
    if len(dead):
        settings["dead channels"] = Choice(
            len(dead),
            f"channels {_list(dead)} are dead, stuck or hot: far from the channels beside them in "
            "all pixels; left out",
        )
        blocks, summary = blocks.with_channels(blocks.channels[~bad]), summary.having(~bad)
        noise = noise.having(~bad)
    spikes = find_spikes(blocks, summary, noise)
    if len(spikes):
        settings["spikes"] = Choice(
            len(spikes),
            f"single values in {len(np.unique(spikes.pixels))} pixels far above (or below) their "
            "neighbours in energy and in space: replaced by these neighbours for the analysis; "
            "your data are as they were",
        )
        number = np.cumsum(blocks.pixels) - 1  # of each pixel among those that count
        position = np.searchsorted(blocks.channels, spikes.channels)
        places = number[spikes.pixels], position
        summary = summary.replaced(*places, spikes.values, spikes.change)
        blocks = replace(blocks, spikes=spikes)
    return blocks, summary, dead


def _list(channels: NDArray[np.intp]) -> str:
    shown = ", ".join(str(channel) for channel in channels[:10])
    return shown + (", ..." if len(channels) > 10 else "")
