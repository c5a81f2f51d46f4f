"""The peak of electronic noise at 0 keV in maps of X-rays: left out, for it holds no X-rays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.cleaning.zero_peak import find_zero_peak
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.settings import NO_PHASE, WRONG, Choice, Settings, caution

from .metadata import EV, base_type

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

OFFSET_TOLD = 15.0  # eV; from here on the axis is said to be off
LEAST_CHANNELS_BEHIND = 2  # with counts


@dataclass(frozen=True)
class ZeroPeakFinding:
    """A peak of electronic noise at 0 keV, and what is done about it.

    Parameters
    ----------
    channels : int
        From the first one analysed to where the peak ends.
    end : float
        Energy of the last of them, in ``units``.
    behind : (float, float)
        First and last energy analysed behind the peak.
    units : str
    off_by : float
        Where the peak lies, if that is far from zero; else zero.
    left_out : bool
        Whether its channels are.
    nothing_else : bool
        Whether there are no counts behind it.
    """

    channels: int
    end: float
    behind: tuple[float, float]
    units: str
    off_by: float
    left_out: bool
    nothing_else: bool = False

    def choices(self) -> Settings:
        """In plain words."""
        peak = f"the detector's electronic peak at 0 {self.units}"
        if self.off_by:
            peak += f" (here at {self.off_by:.2g}: the energy axis may be off by as much)"
        if self.left_out:
            reason = f"channels up to {self.end:.3g} {self.units} left out: {peak} holds no X-rays"
            return {"zero peak": Choice(self.channels, reason)}
        if self.nothing_else:
            hint = (
                f"there are next to no counts beside {peak}: no X-rays. Give another map, or "
                "record it for longer"
            )
            short = "Next to no X-rays beside the detector's peak at 0 keV: see u.settings."
            return caution("zero peak", hint, short, WRONG + 0.9)
        start, end = self.behind
        hint = (
            f"the analysed channels hold {peak}, which holds no X-rays: components may be this "
            f"peak alone. Begin behind it: signal_range=({start:.4g}, {end:.4g}), or leave "
            "signal_range and signal_mask out"
        )
        short = f"The detector's peak at 0 keV is in: signal_range=({start:.4g}, {end:.4g})."
        return caution("zero peak", hint, short, NO_PHASE)


def look_for_zero_peak(
    signal: BaseSignal, channels: Index, summary: Summary, *, is_users: bool
) -> ZeroPeakFinding | None:
    """Find the peak at 0 keV in a map of X-rays.

    Parameters
    ----------
    signal : BaseSignal
    channels : int array
        Those that are analysed.
    summary : Summary
        Over them.
    is_users : bool
        Whether the user chose them: then they stay.

    Returns
    -------
    ZeroPeakFinding, optional
        None if there is no such peak, or the signal is not of X-rays.
    """
    axis = signal.axes_manager.signal_axes[0]
    unit = _unit_of_x_rays(base_type(signal), str(axis.units))
    if unit is None:
        return None
    energies = np.asarray(axis.axis, float)[channels]
    pixels = int(summary.group_size.sum())
    counts = summary.mean * pixels
    peak = find_zero_peak(energies * unit, counts, _variance_of_sum(summary, counts, pixels))
    if peak is None:
        return None
    nothing_else = bool(np.count_nonzero(counts[peak.n_channels :]) < LEAST_CHANNELS_BEHIND)
    is_off = peak.is_whole and abs(peak.centre) >= OFFSET_TOLD
    return ZeroPeakFinding(
        channels=peak.n_channels,
        end=float(energies[peak.n_channels - 1]),
        behind=(float(energies[min(peak.n_channels, len(energies) - 1)]), float(energies[-1])),
        units=str(axis.units) if str(axis.units) in EV else "keV",
        off_by=peak.centre / unit if is_off else 0.0,
        left_out=not is_users and not nothing_else,
        nothing_else=nothing_else,
    )


def _unit_of_x_rays(kind: str, units: str) -> float | None:
    """One unit of the axis in eV, where spectra are of X-rays; else None.

    As eXSpy has it, EDS is in keV unless it says otherwise. A signal without a type may be of
    anything, but what is in keV is next to always of X-rays.
    """
    if kind.startswith("EDS"):
        return EV.get(units, EV["keV"])
    return EV["keV"] if kind == "" and units == "keV" else None


def _variance_of_sum(summary: Summary, counts: Floats, pixels: int) -> Floats:
    """Variance of the sum of all pixels: of Poisson counts, or by the scatter of a sample."""
    if summary.integers or len(summary.sample) < 2:
        return np.maximum(counts, 1)
    variance = summary.sample.var(0, ddof=1)
    return np.asarray(pixels * np.maximum(variance, variance.max() / pixels))
