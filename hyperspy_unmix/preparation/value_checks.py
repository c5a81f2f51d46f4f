"""Values that cannot be counts: dead channels left out, spikes replaced; how large values are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.cleaning.dead_channels import bad_channels
from hyperspy_unmix.numerics.cleaning.flickering_channels import flickering_channels
from hyperspy_unmix.numerics.cleaning.local_noise import local_noise
from hyperspy_unmix.numerics.cleaning.number_limits import number_limit
from hyperspy_unmix.numerics.cleaning.spikes import find_spikes
from hyperspy_unmix.numerics.cleaning.tracks import find_tracks
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.settings import WRONG, Choice, Settings, caution

from .metadata import EV

SMALLEST, LARGEST = 1e-16, 1e24  # values whose squares 32-bit numbers hold
NEARLY_EQUAL = 1e-3  # of the values: as far as they are from each other
MOST_LISTED = 10  # channels
ZERO_LOSS_RANGE_EV, ZERO_LOSS_CHANNELS = 10.0, 5  # either side of zero, whichever is more
WITHOUT_ZERO_LOSS = ("EDS_SEM", "EDS_TEM", "CL", "CL_SEM", "CL_STEM", "Luminescence")


@dataclass(frozen=True)
class DefectsFinding:
    """What was found that cannot be counts.

    Parameters
    ----------
    looked_for : bool
    dead_channels : int array
        Channels of the file that were left out.
    spikes, spike_pixels : int
        Single values that are replaced, those of tracks among them, and in how many pixels.
    tracks : tuple of int
        Channels that each track covers.
    """

    looked_for: bool = True
    dead_channels: NDArray[np.intp] | tuple[()] = ()
    spikes: int = 0
    spike_pixels: int = 0
    tracks: tuple[int, ...] = ()

    def choices(self) -> Settings:
        """In plain words."""
        if not self.looked_for:
            return {"spikes": Choice(None, "not asked for; nor are dead channels")}
        said: Settings = {}
        if len(self.dead_channels):
            said["dead channels"] = Choice(
                len(self.dead_channels),
                f"channels {_list(self.dead_channels)} are dead, stuck or hot: far from the "
                "channels beside them in all pixels, or changing without them; left out",
            )
        if self.spikes:
            said["spikes"] = Choice(
                self.spikes,
                f"single values in {self.spike_pixels} pixels far above (or below) their "
                f"neighbours in energy and in space{self._of_tracks()}: replaced by these "
                "neighbours for the analysis; your data are as they were",
            )
        return said

    def _of_tracks(self) -> str:
        """How many of the values belong to tracks, and what tracks are."""
        if not self.tracks:
            return ""
        shortest, longest = min(self.tracks), max(self.tracks)
        length = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        number = f"{len(self.tracks)} track" + "s" * (len(self.tracks) > 1)
        return (
            f"; {sum(self.tracks)} of them are {number} of cosmic rays, {length} channels long, "
            "each in one pixel and with ends too abrupt for a line"
        )


def drop_defects(
    blocks: RowBlocks, summary: Summary, may_be_zero_loss: Mask
) -> tuple[RowBlocks, Summary, DefectsFinding]:
    """Leave out dead channels and have spikes replaced as the data are read.

    Parameters
    ----------
    blocks : RowBlocks
    summary : Summary
        Of these blocks.
    may_be_zero_loss : bool array, shape (channels,)
        Where a zero-loss peak may be, see `zero_loss_may_be_in`.

    Returns
    -------
    blocks, summary
        Without the defects.
    finding : DefectsFinding
    """
    noise = local_noise(summary.sample, summary.integers)
    bad = bad_channels(summary, noise, may_be_zero_loss)
    bad |= flickering_channels(summary.sample, may_be_zero_loss)
    dead = blocks.channels[bad]
    if len(dead):
        blocks = blocks.select_channels(blocks.channels[~bad])
        summary, noise = summary.select_channels(~bad), noise.select_channels(~bad)
    spikes = find_spikes(blocks, summary, noise)
    of_tracks, lengths = find_tracks(replace(blocks, spikes=spikes), summary, noise)
    spikes = spikes.followed_by(of_tracks)
    if len(spikes):
        number = np.cumsum(blocks.pixels) - 1  # of each pixel among those that count
        position = np.searchsorted(blocks.channels, spikes.channels)
        places = number[spikes.pixels], position
        summary = summary.replace_values(*places, spikes.values, spikes.change)
        blocks = replace(blocks, spikes=spikes)
    finding = DefectsFinding(
        looked_for=True,
        dead_channels=dead,
        spikes=len(spikes),
        spike_pixels=len(np.unique(spikes.pixels)),
        tracks=tuple(int(length) for length in lengths),
    )
    return blocks, summary, finding


def zero_loss_may_be_in(energies: Floats, units: str, signal_type: str) -> Mask:
    """Channels in which a zero-loss peak may be, or the light that was not scattered (Raman).

    Parameters
    ----------
    energies : array, shape (channels,)
    units : str
        Of the energies; where they are none, the axis is not calibrated, and it may be anywhere.
    signal_type : str
        Of the base class.
    """
    if signal_type.startswith(WITHOUT_ZERO_LOSS):
        return np.zeros(len(energies), bool)
    if units in ("", "<undefined>"):
        return np.ones(len(energies), bool)
    steps = np.abs(np.diff(energies))
    reach = max(ZERO_LOSS_RANGE_EV / EV.get(units, np.inf), ZERO_LOSS_CHANNELS * np.median(steps))
    return np.asarray(np.abs(energies) <= reach)


def _list(channels: NDArray[np.intp] | tuple[()]) -> str:
    shown = ", ".join(str(channel) for channel in channels[:MOST_LISTED])
    return shown + (", ..." if len(channels) > MOST_LISTED else "")


def check_size(summary: Summary, what: str = "signal") -> None:
    """See that the values can be squared in 32-bit numbers.

    Raises
    ------
    ValueError
        If they cannot.
    """
    largest = max(-summary.least, summary.greatest)
    if largest > LARGEST:
        raise ValueError(
            f"{what} holds values up to {largest:.3g}, which are too large: their squares are "
            f"beyond 32-bit numbers. Divide it by a large number (at most {LARGEST:.0e} is "
            "accepted)."
        )
    if 0 < largest < SMALLEST:
        raise ValueError(
            f"{what} holds no values above {largest:.3g}, which are too small: their squares are "
            f"beyond 32-bit numbers. Multiply it by a large number (at least {SMALLEST:.0e} is "
            "needed)."
        )


@dataclass(frozen=True)
class SaturationFinding:
    """Whole numbers that reach the greatest of a type; ``limit`` is None where none does.

    ``dtype`` is that of the data, ``wraps`` tells whether counts beyond begin again at the least.
    """

    limit: int | None
    dtype: str
    wraps: bool = False

    @classmethod
    def of(cls, summary: Summary, dtype: Any) -> SaturationFinding:
        """Check the values that the first pass saw, before any is replaced."""
        limit = number_limit(summary)
        if limit is not None:
            return cls(limit.value, dtype.name, limit.wraps)
        greatest = int(np.iinfo(dtype).max) if dtype.kind in "ui" else None
        reached = greatest is not None and summary.greatest >= greatest
        return cls(greatest if reached else None, dtype.name)

    def choices(self) -> Settings:
        """In plain words."""
        if self.limit is None:
            return {}
        if self.wraps:
            hint = (
                f"values end at {self.limit}, and low ones lie in the midst of the highest: counts "
                f"beyond {self.limit} have begun again from below, and spectra and maps are wrong "
                "there. Give the counts in a type that holds larger numbers, from the program that "
                "recorded them, or leave these channels out with signal_mask"
            )
            short = (
                f"Counts beyond {self.limit} have begun again from zero: give them in a larger "
                "type, or leave these channels out with signal_mask."
            )
            return caution("wrapped around", hint, short, WRONG + 0.9)
        is_of_type = (
            self.dtype.startswith(("uint", "int")) and self.limit == np.iinfo(self.dtype).max
        )
        of_type = f", the greatest of {self.dtype}" if is_of_type else " and pile up there"
        hint = (
            f"values reach {self.limit}{of_type}: there counts are cut off, "
            "and their spectra have another shape. Leave these pixels out with navigation_mask, or "
            "record them with a shorter exposure"
        )
        short = f"Values are cut off at {self.limit}: leave these pixels out with navigation_mask."
        return caution("saturated", hint, short, WRONG + 0.8)


@dataclass(frozen=True)
class OffsetFinding:
    """Values that are all next to the same: beside such an offset their scatter is as rounding."""

    least: float
    greatest: float

    def choices(self) -> Settings:
        """In plain words."""
        least, greatest = self.least, self.greatest
        if not 0 < greatest - least < NEARLY_EQUAL * max(-least, greatest):
            return {}
        hint = (
            f"all values lie between {least:.8g} and {greatest:.8g}: beside an offset so large "
            f"their noise passes for rounding. Subtract it: signal - {least:.8g}"
        )
        short = f"A large offset lies under the counts: subtract it, signal - {least:.8g}."
        return caution("offset", hint, short, WRONG)


def check_units(units: str, core_units: str) -> None:
    """See that the energies of a low loss and its core loss are in units that can be converted.

    Raises
    ------
    ValueError
        If one of them is not known, and the other is not eV.
    """
    known = [unit for unit in (units, core_units) if unit in EV]
    if len(known) == 1 and known[0] != "eV":
        raise ValueError(
            f"low_loss has its energies in {units}, the core loss in {core_units}: "
            "signal.axes_manager.signal_axes[0].units says which it is."
        )
