"""Whether values on a non-uniform axis are per channel or per unit of energy; which is said."""

from __future__ import annotations

from dataclasses import dataclass

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.settings import WRONG, Choice, Settings, caution

from .spectrum_image import Image


@dataclass(frozen=True)
class BinningFinding:
    """What the values on a non-uniform axis are taken for.

    Parameters
    ----------
    are_densities : bool
        Per ``units``, since the axis is not binned; else per channel.
    scatter_as_counts : bool
        Whether their noise is that of counts in channels.
    units : str
    """

    are_densities: bool
    scatter_as_counts: bool
    units: str

    def choices(self) -> Settings:
        """In plain words."""
        if not self.are_densities:
            reason = "binned, on a non-uniform axis: spectra are divided by the channels' widths"
            return {"values": Choice("per channel", reason)}
        per_unit = f"per {self.units}"
        reason = "not binned (is_binned of the axis), on a non-uniform axis: densities as they are"
        said: Settings = {"values": Choice(per_unit, reason)}
        if self.scatter_as_counts:
            hint = (
                f"they scatter as counts per channel do, but the axis calls them densities "
                f"{per_unit}: if they are counts, spectra and maps are wrong by the channels' "
                "widths. Set signal.axes_manager.signal_axes[0].is_binned = True then"
            )
            short = "Counts, but the axis calls them densities: set is_binned = True."
            said |= caution("values", hint, short, WRONG)
        return said


def find_binning(image: Image, noise: NoiseModel) -> tuple[BinningFinding, ...]:
    """What the values are taken for; nothing on a uniform axis, where it is no matter."""
    axis = image.axis
    if axis.is_uniform:
        return ()
    units = "unit of the axis" if "undefined" in str(axis.units) else str(axis.units)
    scatter_as_counts = noise.kind == "poisson" and bool(image.summary.mean.sum() > 0)
    return (BinningFinding(image.are_densities, scatter_as_counts, units),)
