"""The inclination of a boundary through the foil, with the profile that it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.fitting.inclined_boundary import Kind
from hyperspy_unmix.numerics.types import Floats

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True)
class Inclination:
    """Angle between a boundary's plane and the beam; the sign of the tilt cannot be told.

    Parameters
    ----------
    angle, error : float or None
        In degrees, with one standard deviation; None where the mean free path is not known.
    parts : dict
        What noise, probe and mean free path contribute to the error, in degrees.
    slope, slope_error : float
        tan(angle) times the mean free path, in nm: what is known without it. Where the thickness
        was given in nm, tan(angle) itself.
    width, width_error : float
        Of the boundary in projection, in nm, at the mean thickness.
    direction : float
        Across the boundary, in degrees from the x axis.
    kind : {"phase", "layer"}
    profile : dict
        Positions across the boundary in nm, mean densities and their errors, and the fit.
    """

    angle: float | None
    error: float | None
    parts: dict[str, float]
    slope: float
    slope_error: float
    width: float
    width_error: float
    direction: float
    kind: Kind
    profile: dict[str, Floats] = field(repr=False)

    def __repr__(self) -> str:
        width = f"{self.width:.3g} +- {self.width_error:.2g} nm wide in projection"
        sign = "which side is up cannot be told from one projection"
        if self.angle is None:
            return (
                f"Inclination: tan(angle) = {self.slope:.3g} +- {self.slope_error:.2g} nm over the "
                f"mean free path ({width}; give mean_free_path= for an angle; {sign})"
            )
        parts = ", ".join(f"{name} {value:.1f}" for name, value in self.parts.items())
        return (
            f"Inclination: {self.angle:.1f} +- {self.error:.1f} degrees from the beam ({width}; "
            f"error from {parts}; {sign})"
        )

    def signals(self) -> tuple[BaseSignal, BaseSignal]:
        """Measured and fitted profile across the boundary, as HyperSpy signals."""
        import hyperspy.api as hs

        signals = []
        for name in ("density", "fitted"):
            signal = hs.signals.Signal1D(self.profile[name])
            axis = signal.axes_manager.signal_axes[0]
            axis.name, axis.units = "Position across the boundary", "nm"
            axis.offset = float(self.profile["position"][0])
            axis.scale = float(np.diff(self.profile["position"]).mean())
            signal.metadata.General.title = f"Profile across the boundary: {name}"
            signal.metadata.Signal.quantity = "Density"
            signals.append(signal)
        return signals[0], signals[1]

    def plot(self, ax: Any = None) -> Any:
        """The profile, the fit and the angle; returns the matplotlib axes."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
        position, density = self.profile["position"], self.profile["density"]
        error, fitted = self.profile["error"], self.profile["fitted"]
        ax.errorbar(position, density, error, fmt="o", ms=3, lw=0.8, label="map")
        title = ""
        if self.angle is not None:
            title = f"{self.angle:.1f} ± {self.error:.1f} degrees from the beam"
        ax.plot(position, fitted, "C3-", label=f"fit, {self.width:.3g} nm wide")
        ax.set(xlabel="Position across the boundary (nm)", ylabel="Density per thickness")
        ax.set_title(title)
        ax.legend(fontsize="small")
        return ax
