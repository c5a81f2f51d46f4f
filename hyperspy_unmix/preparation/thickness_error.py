"""What t/lambda is sure to: surface losses, the zero-loss peak's tail, what is not known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.low_loss.analysis import MeasuredLowLoss
from hyperspy_unmix.numerics.low_loss.systematic import SystematicErrors, surface_probability
from hyperspy_unmix.numerics.low_loss.thickness_map import ThicknessMap
from hyperspy_unmix.settings import Choice, Settings

BEAM_ENERGY = "Acquisition_instrument.TEM.beam_energy"  # in the metadata, keV
# Of the probability of clean faces: films and oxides on them have faces of their own.
SURFACE_ERROR = 2.0
LEAST_SAID = 5e-4  # of t/lambda


@dataclass(frozen=True)
class SurfaceLosses:
    """What both faces of the specimen add to t/lambda, and its standard deviation."""

    value: float
    error: float
    are_given: bool

    @classmethod
    def read(cls, asked: Any, signal: Any) -> SurfaceLosses:
        """As asked for: a number, or (number, standard deviation); None where they are not known.

        Raises
        ------
        TypeError, ValueError
            If they are no such numbers.
        """
        if asked is None:
            energy = signal.metadata.get_item(BEAM_ENERGY, default=None)
            is_known = isinstance(energy, (int, float, np.number)) and 0 < energy < np.inf
            probability = surface_probability(float(energy) if is_known else None)
            return cls(0.0, SURFACE_ERROR * probability, False)
        numbers = asked if isinstance(asked, (tuple, list)) else (asked, 0.0)
        needed = (
            f"surface_losses={asked!r}: what both faces add to t/lambda is needed, such as "
            "0.04, or with its standard deviation, (0.04, 0.01)."
        )
        are_numbers = all(
            isinstance(n, (int, float, np.number)) and not isinstance(n, bool) for n in numbers
        )
        if len(numbers) != 2 or not are_numbers:
            raise TypeError(needed)
        value, error = (float(number) for number in numbers)
        if not (0 <= value < np.inf and 0 <= error < np.inf):
            raise ValueError(needed)
        return cls(value, error, True)


@dataclass(frozen=True)
class ThicknessErrorFinding:
    """What the errors of t/lambda are made of.

    Parameters
    ----------
    counting : float
        Median standard deviation by counting noise.
    tail, below, beyond, linearity : float
        Medians of `SystematicErrors`.
    surface : (float, float)
        What the faces add, and its standard deviation.
    is_surface_given : bool
    vacuum_tail : (float, int, float), optional
        Share of the peak's tail, the vacuum pixels in which it was measured, and the energy in eV
        to which it is there.
    """

    counting: float
    tail: float
    below: float
    beyond: float
    linearity: float
    surface: tuple[float, float]
    is_surface_given: bool
    vacuum_tail: tuple[float, int, float] | None

    @property
    def systematic(self) -> float:
        """All that is no counting noise."""
        parts = (self.tail, self.below, self.beyond, self.linearity, self.surface[1])
        return float(np.sqrt(np.sum(np.square(parts))))

    def choices(self) -> Settings:
        """In plain words."""
        said: Settings = {}
        if self.vacuum_tail is not None:
            share, pixels, end = self.vacuum_tail
            said["zero-loss tail"] = Choice(
                share,
                f"of the zero-loss peak is above its end, up to {end:.3g} eV: measured in {pixels} "
                "vacuum pixels of this map, not taken from the peak's other side",
            )
        value, error = self.surface
        if self.is_surface_given:
            said["surface losses"] = Choice((value, error), "given; taken off t/lambda")
        said["t/lambda error"] = Choice(
            (self.counting, self.systematic),
            "median by counting noise, and of what is no noise and alike in neighbouring pixels: "
            + "; ".join(self._reasons())
            + ". Not in it: electrons that the aperture stops. Densities inherit it",
        )
        return said

    def _reasons(self) -> list[str]:
        """Each part of the systematic error that counts."""
        error = self.surface[1]
        reasons = []
        if not self.is_surface_given:
            reasons.append(
                f"{error:.2g} for surface losses, which add to t/lambda the same in thin and thick "
                "pixels and are not known (surface_losses=(value, error) takes them off)"
            )
        elif error:
            reasons.append(f"{error:.2g} for surface losses, as given")
        source = "measured in vacuum" if self.vacuum_tail else "no vacuum in the map to measure it"
        parts = {
            f"the zero-loss peak's tail ({source})": self.tail,
            "inelastic electrons under the peak": self.below,
            "those beyond the end of the axis": self.beyond,
            "counts that the detector loses where the peak is high, or a beam that was stronger "
            "where the specimen is thick": self.linearity,
        }
        reasons += [f"{part:.2g} for {of}" for of, part in parts.items() if part > LEAST_SAID]
        return reasons or ["nothing that is known"]


def with_errors(
    scan: ThicknessMap,
    systematic: SystematicErrors | None,
    measured: MeasuredLowLoss,
    surface: SurfaceLosses,
) -> tuple[ThicknessMap, tuple[ThicknessErrorFinding, ...]]:
    """The map of t/lambda without surface losses, with what is no counting noise, and the finding.

    A map that was given in place of the log-ratio (``systematic`` is None) stays as it is.
    """
    if systematic is None:
        return scan, ()
    values = np.where(scan.vacuum, scan.values, np.maximum(scan.values - surface.value, 0))
    total = np.hypot(systematic.total, surface.error)
    specimen = np.isfinite(values) & ~scan.vacuum
    if not specimen.any():
        specimen = np.isfinite(values)

    def median(errors: Any) -> float:
        return float(np.median(errors[specimen])) if specimen.any() else 0.0

    tail = measured.tail
    finding = ThicknessErrorFinding(
        counting=median(scan.error),
        tail=median(systematic.tail),
        below=median(systematic.below),
        beyond=median(systematic.beyond),
        linearity=median(systematic.linearity),
        surface=(surface.value, surface.error),
        is_surface_given=surface.are_given,
        vacuum_tail=None if tail is None else (float(tail.values.sum()), tail.pixels, tail.end),
    )
    return replace(scan, values=values, systematic=total), (finding,)
