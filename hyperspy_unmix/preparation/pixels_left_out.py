"""Pixels that hold no spectrum of their own: empty, stuck, or copies of others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.cleaning.copies import find_copies
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Index, Mask
from hyperspy_unmix.settings import WRONG, Choice, Settings, caution

LEAST_CHANNELS_STUCK = 8  # fewer may hold the same counts by chance
LEAST_SHARE_OF_COUNTS = 0.25  # of the usual ones, that a pixel of thin specimen may have
LEAST_PIXELS_LEFT = 16  # of different spectra; with fewer, all may be without noise


@dataclass(frozen=True)
class EmptyFinding:
    """Numbers of pixels and channels that were left out because of the values they hold.

    Parameters
    ----------
    not_finite_pixels, empty_pixels, flat_pixels : int
        With NaN or infinity; without counts; with one other value in all channels.
    empty_channels, emptied_channels : int
        Without counts; without counts in some spectra, at the ends.
    """

    not_finite_pixels: int
    empty_channels: int
    emptied_channels: int
    empty_pixels: int = 0
    flat_pixels: int = 0

    def choices(self) -> Settings:
        """In plain words."""
        numbers = {
            "not finite": (self.not_finite_pixels, "pixels with NaN or infinity were masked"),
            "empty pixels": (
                self.empty_pixels,
                "pixels without a single count: left out, zero in the maps",
            ),
            "flat pixels": (
                self.flat_pixels,
                "pixels that hold the same value in all channels, as saturated or stuck ones do: "
                "masked",
            ),
            "empty channels": (
                self.empty_channels,
                "channels without a single count: zero in the result",
            ),
            "emptied channels": (
                self.emptied_channels,
                "channels at the ends that are zero in some spectra only, as an alignment leaves "
                "them: left out, zero in the result",
            ),
        }
        return {name: Choice(n, reason) for name, (n, reason) in numbers.items() if n}


@dataclass(frozen=True)
class CopiesFinding:
    """Pixels that hold the spectrum of another, in every channel.

    Parameters
    ----------
    pixels, others : int
        Copies, and all that count beside them.
    left_out : bool
        Whether the copies are.
    """

    pixels: int = 0
    others: int = 0
    left_out: bool = False

    def choices(self) -> Settings:
        """In plain words."""
        if not self.pixels:
            return {}
        if self.left_out:
            reason = (
                "pixels that hold the spectrum of another in every channel, as where a line is "
                "recorded twice or filled in: left out of the analysis, in maps as the other"
            )
            return {"copies": Choice(self.pixels, reason)}
        hint = (
            f"{self.pixels} pixels hold the spectrum of another in every channel, and only "
            f"{self.others} are beside them: copies, or spectra without noise, of which the number "
            "of components says nothing. Leave copies out with navigation_mask, or give the counts "
            "as they were recorded"
        )
        short = f"{self.pixels} pixels are copies of others: leave them out with navigation_mask."
        return caution("copies", hint, short, WRONG)


@dataclass(frozen=True)
class LeftOut:
    """Which pixels were left out.

    Parameters
    ----------
    empty : bool array, shape (all pixels,), optional
        Those without a single count; None if there are none.
    flat : int
        Number of those that hold one other value.
    copy_of : int array, shape (all pixels,), optional
        Pixel of which each is a copy, -1 for those that are none; None if there are none at all.
    copies : CopiesFinding
    """

    empty: Mask | None
    flat: int
    copy_of: Index | None
    copies: CopiesFinding


def leave_out_pixels(blocks: RowBlocks, summary: Summary) -> tuple[RowBlocks, Summary, LeftOut]:
    """Leave out what is no spectrum of the specimen, or there already.

    Zeros stay where counts are so few that a pixel may be without any by chance: without them the
    others would not be Poisson.

    Returns
    -------
    blocks, summary
        Without them.
    left_out : LeftOut
    """
    flat, blank = summary.flat, summary.blank
    assert flat is not None and blank is not None
    stuck = flat & ~blank & (blocks.shape[1] >= LEAST_CHANNELS_STUCK)
    if _may_be_blank_by_chance(summary, int(blank.sum())):
        blank = np.zeros_like(blank)
    if (stuck | blank).all():
        stuck, blank = np.zeros_like(stuck), np.zeros_like(blank)
    copy_of, copies = _copies(blocks, summary, stuck | blank)
    counted = np.flatnonzero(blocks.pixels)
    dropped = stuck | blank if copy_of is None else stuck | blank | (copy_of[counted] >= 0)
    summary = replace(summary, key=None)
    empty = None
    if blank.any():
        empty = np.zeros(len(blocks.pixels), bool)
        empty[counted[blank]] = True
    if dropped.any():
        blocks = blocks.drop_pixels(dropped)
        summary = replace(summarise(blocks), key=None)
    return blocks, summary, LeftOut(empty, int(stuck.sum()), copy_of, copies)


def _copies(
    blocks: RowBlocks, summary: Summary, dropped: Mask
) -> tuple[Index | None, CopiesFinding]:
    """The pixel that each one is a copy of, or None where there are none to be left out."""
    counted = np.flatnonzero(blocks.pixels)
    copy_of = find_copies(summary, blocks.pixels, blocks.data.shape[:-1])
    copy_of[counted[dropped]] = -1
    number = int((copy_of >= 0).sum())
    if number == 0:
        return None, CopiesFinding()
    others = int((~dropped).sum()) - number
    is_left_out = others >= LEAST_PIXELS_LEFT
    finding = CopiesFinding(number, others, is_left_out)
    return copy_of if is_left_out else None, finding


def _may_be_blank_by_chance(summary: Summary, number: int) -> bool:
    """Whether Poisson counts leave a pixel of a quarter of the usual counts without any."""
    if not summary.integers or number == 0:
        return False
    pixels = int(summary.group_size.sum())
    counts = float(summary.mean.sum()) * pixels / max(pixels - number, 1)
    return bool(pixels * np.exp(-counts * LEAST_SHARE_OF_COUNTS) > 1)
