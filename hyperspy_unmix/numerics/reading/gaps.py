"""Spectra that are NaN in some of their channels, as shifted ones are at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Index


@dataclass(frozen=True)
class Gaps:
    """Where spectra are NaN that are finite in other channels.

    Parameters
    ----------
    spectra : int
        How many there are.
    by_channel : int array, shape (channels,)
        How many of them are NaN in each channel.
    ends : int array, shape (pairs, 2)
        Channels that are NaN at the low and at the high end, where all between are finite.
    number : int array, shape (pairs,)
        Spectra of each of these pairs.
    """

    spectra: int
    by_channel: Index
    ends: Index
    number: Index


def find_gaps(spectra: NDArray[Any]) -> Gaps | None:
    """Those of spectra that are not finite; None where there are none, but whole spectra.

    Infinity is no missing value: a spectrum that holds it has no gaps.
    """
    nan = np.isnan(spectra)
    partly = nan.any(1) & ~nan.all(1) & ~np.isinf(spectra).any(1)
    if not partly.any():
        return None
    nan = nan[partly]
    low, high = (~nan).argmax(1), (~nan[:, ::-1]).argmax(1)
    only_ends = low + high == nan.sum(1)
    pairs = np.stack([low, high], 1)[only_ends]
    return _counted(len(nan), nan.sum(0), pairs, np.ones(len(pairs), np.intp))


def merge_gaps(parts: Sequence[Gaps | None]) -> Gaps | None:
    """The gaps of several parts of the data."""
    known = [part for part in parts if part is not None]
    if len(known) < 2:
        return known[0] if known else None
    return _counted(
        sum(part.spectra for part in known),
        np.sum([part.by_channel for part in known], 0),
        np.concatenate([part.ends for part in known]),
        np.concatenate([part.number for part in known]),
    )


def _counted(spectra: int, by_channel: Index, pairs: Index, number: Index) -> Gaps:
    """Pairs that are equal as one."""
    ends, which = np.unique(pairs, axis=0, return_inverse=True)
    counted = np.bincount(which.ravel(), number, len(ends)).astype(np.intp)
    return Gaps(spectra, by_channel, ends, counted)
