"""What is said where components are traces of X-rays that the specimen absorbs."""

from __future__ import annotations

from dataclasses import dataclass

from hyperspy_unmix.numerics.certainty.absorption import Absorption, absorption
from hyperspy_unmix.preparation.metadata import EV, base_type
from hyperspy_unmix.settings import NO_PHASE, Settings, caution

from .counted import Counted

X_RAY_TYPES = ("EDS_TEM", "EDS_SEM")
LOW_ENERGY = 1.1  # keV: above the K lines up to sodium and the L lines up to zinc
PER_KEV = 1000.0


@dataclass(frozen=True)
class AbsorptionFinding:
    """Components hold what absorption does to the mean spectrum.

    Parameters
    ----------
    share, share_beside : float
        As in `absorption.Absorption`.
    signal_range : tuple of float
        Energies that absorption hardly changes, in the unit of the axis.
    """

    share: float
    share_beside: float
    signal_range: tuple[float, float]

    def choices(self) -> Settings:
        """In plain words."""
        low, high = (f"{energy:.6g}" for energy in self.signal_range)
        hint = (
            f"the components hold {100 * self.share:.0f} % of what absorption in the specimen does "
            "to the mean spectrum: lines of low energy are weaker where it is thicker. Such a "
            "change is counted as a phase, and the spectra of the phases are mixed with it. "
            f"Compare with the lines that are hardly absorbed, signal_range=({low}, {high}); the "
            "maps of low lines need a correction for absorption in any case"
        )
        short = f"Absorption is counted as a phase: compare with signal_range=({low}, {high})."
        return caution("absorption", hint, short, NO_PHASE)


def find_absorption(counted: Counted) -> AbsorptionFinding | None:
    """Whether components of an X-ray signal are traces of absorption."""
    image, number = counted.prepared.image, counted.count.consensus
    unit = image.axis.units
    if base_type(image.frame) not in X_RAY_TYPES or number < 2 or unit not in EV:
        return None
    per_kev = PER_KEV / EV[unit]
    energies, end = image.energies / per_kev, float(image.energies.max())
    if energies.min() > LOW_ENERGY / 2 or energies.max() < 2 * LOW_ENERGY:
        return None
    of_counts = counted if counted.summed is None else counted.summed.separable
    leading = of_counts.raw.truncate(min(number, of_counts.raw.rank))
    found: Absorption = absorption(leading, image.summary.mean, energies)
    if not found.is_seen:
        return None
    return AbsorptionFinding(found.share, found.share_beside, (LOW_ENERGY * per_kev, end))
