"""The zero-loss peak's own tail, measured where there is no specimen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

from .zero_loss import ZeroLossPeak, centre_finder

LEAST_VACUUM_PIXELS = 8
LEAST_WINDOW_EV = 2.0  # in which losses are looked for
SIGMAS_OF_LOSS, LEAST_LOSS = 5.0, 0.002  # from which a rise behind the peak is specimen, not tail
MOST_IN_TAIL = 0.2  # of the peak: more has been scattered, whatever the core loss shows
SIGMAS_OF_TAIL = 3.0  # by which the sum of what follows must be above zero for the tail to go on


@dataclass(frozen=True)
class VacuumTail:
    """What the zero-loss peak puts into the channels above its threshold.

    Parameters
    ----------
    values : array, shape (channels above the threshold,)
        In units of the peak's counts below it.
    error : float
        Standard deviation of their sum.
    pixels : int
        In which it was measured.
    end : float
        Energy loss to which it is there.
    """

    values: Floats
    error: float
    pixels: int
    end: float


@dataclass(frozen=True)
class GroupSpectra:
    """Mean spectra (groups, channels) of groups of ``size`` pixels, lined up.

    ``variance`` (groups, channels) is that which was given for the values, if it was.
    """

    groups: Floats
    size: NDArray[np.integer]
    variance: Floats | None = None

    @classmethod
    def within(cls, summary: Summary, marked: NDArray[np.bool_]) -> Self:
        """Those of a summary of which every pixel is marked, by a bool array (pixels,)."""
        assert summary.group is not None
        with_others = np.unique(np.flatnonzero(~marked) // summary.group_run)
        inside = ~np.isin(summary.group, with_others)
        variance = summary.group_variance
        return cls(
            summary.groups[inside],
            summary.group_size[inside],
            None if variance is None else variance[inside],
        )

    @classmethod
    def beside(cls, blocks: RowBlocks, energies: Floats, mean: Floats, peak: ZeroLossPeak) -> Self:
        """Those of pixels that do not count, lined up with the others' ``mean`` spectrum.

        As far as most of their electrons are in the peak.
        """
        centres = centre_finder(energies, peak)
        reference = float(centres(mean[None])[0])
        found = blocks.rows(lambda b: centres(b.spectra), stage="vacuum")
        moved = np.rint(np.where(np.isfinite(found), reference - found, 0)).astype(int)
        if np.abs(moved).max(initial=0) > 1:
            shifts = np.zeros(len(blocks.pixels), int)
            shifts[blocks.pixels] = moved
            blocks = replace(blocks, shifts=shifts)
        summary = summarise(blocks, "vacuum")
        split = len(peak.shape)
        below, above = summary.groups[:, :split].sum(1), summary.groups[:, split:].sum(1)
        is_vacuum = np.abs(above) < MOST_IN_TAIL * below
        return cls(summary.groups[is_vacuum], summary.group_size[is_vacuum])

    def joined(self, other: GroupSpectra) -> GroupSpectra:
        """These and others."""
        groups = np.concatenate([self.groups, other.groups])
        return GroupSpectra(groups, np.concatenate([self.size, other.size]))

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return int(self.size.sum())

    def mean(self, noise: NoiseModel) -> tuple[Floats, Floats]:
        """Mean spectrum and its variance, both of shape (channels,)."""
        mean = np.average(self.groups, axis=0, weights=self.size)
        if noise.kind == "given":
            # Of pixels that were not read with the others nothing is known.
            given = np.inf if self.variance is None else self.variance.mean(0)
            return mean, np.broadcast_to(given / self.pixels, mean.shape)
        return mean, np.asarray(noise.variance(mean[None])[0] / self.pixels, float)

    def show_losses(self, energies: Floats, peak: ZeroLossPeak, noise: NoiseModel) -> bool:
        """Whether the mean spectrum rises again behind the peak, as no tail does."""
        if not self.pixels:
            return False
        (mean, variance), split = self.mean(noise), len(peak.shape)
        counts = float(mean[:split].sum())
        return _rises_again(energies, mean[split:], variance[split:], counts, peak)


def vacuum_tail(
    spectra: GroupSpectra, energies: Floats, peak: ZeroLossPeak, noise: NoiseModel
) -> VacuumTail | None:
    """The tail in vacuum; no pass over the data.

    None where the pixels are too few, or where their spectra rise again behind the peak, as those
    of a thin specimen do and no tail does.

    Parameters
    ----------
    spectra : GroupSpectra
    energies : array, shape (channels,)
    peak : ZeroLossPeak
    noise : NoiseModel
    """
    pixels, split = spectra.pixels, len(peak.shape)
    if pixels < LEAST_VACUUM_PIXELS or spectra.show_losses(energies, peak, noise):
        return None
    mean, variance = spectra.mean(noise)
    counts, variance = float(mean[:split].sum()), variance[split:]
    if counts <= 0:
        return None
    # What follows beyond its end is noise, which would be subtracted from every kernel.
    to_come, sd = _sum_to_come(mean[split:]), np.sqrt(_sum_to_come(variance))
    significant = np.flatnonzero(to_come > SIGMAS_OF_TAIL * sd)
    length = int(significant[-1]) + 1 if len(significant) else 0
    values = np.where(np.arange(len(energies) - split) < length, mean[split:], 0) / counts
    # Groups tell what else than counts makes the tail vary, from drift to stray losses.
    shares = spectra.groups[:, split:].sum(1) / spectra.groups[:, :split].sum(1)
    scatter = float(np.std(shares)) / np.sqrt(max(len(shares) - 1, 1))
    error = max(scatter, float(np.sqrt(variance.sum())) / counts)
    end = float(energies[split + max(length - 1, 0)] - peak.centre)
    return VacuumTail(values, error, pixels, end)


def _sum_to_come(values: Floats) -> Floats:
    """Sum of each value and those behind it."""
    return np.asarray(np.cumsum(values[::-1])[::-1])


def _rises_again(
    energies: Floats, behind: Floats, variance: Floats, counts: float, peak: ZeroLossPeak
) -> bool:
    """Whether a spectrum behind the peak rises by more than noise and a tail's unevenness."""
    width = float(np.median(np.diff(energies)))
    n = max(round(max(peak.fwhm, LEAST_WINDOW_EV) / width), 1)
    starts = np.arange(0, max(len(behind) - n + 1, 1), n)
    sums, variances = np.add.reduceat(behind, starts), np.add.reduceat(variance, starts)
    lowest = np.minimum.accumulate(sums)
    of_lowest = variances[np.maximum.accumulate(np.where(sums == lowest, np.arange(len(sums)), 0))]
    rise, sd = sums - lowest, np.sqrt(variances + of_lowest)
    is_clear = rise > SIGMAS_OF_LOSS * np.maximum(sd, 1e-300)
    return bool(rise[is_clear].sum() > LEAST_LOSS * counts)
