"""The inclination of a boundary through the foil, with the profile that it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.fitting.inclined_boundary import Kind
from hyperspy_unmix.numerics.fitting.tilt_or_diffusion import LEAST_CHANCE, Cause
from hyperspy_unmix.numerics.types import Floats

from .boundary_pixels import Probe

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


SIGN = "which side is up cannot be told from one projection"
TELL_APART = (
    "what tells them apart: more counts, a place where the foil is thinner or thicker, or a second "
    "map with the stage tilted about the boundary"
)


@dataclass(frozen=True)
class Inclination:
    """Angle between a boundary's plane and the beam; the sign of the tilt cannot be told.

    Parameters
    ----------
    cause : {"tilt", "diffusion", "both", "sharp", "cannot be told", "neither"}
        Why the boundary is as wide as it is: the simplest explanation that the profile does not
        refute by three standard deviations. "sharp": no wider than the probe; "cannot be told":
        a tilt alone and diffusion alone (of a layer: or its own thickness) both fit; "neither":
        what even both leave of the profile is more than the difference between them.
    angle, error : float or None
        In degrees, with one standard deviation; 0 where the profile needs no tilt ("diffusion" and
        "sharp"). None where it cannot be told, where neither makes the profile, and where the mean
        free path is not known.
    angle_range : (float, float) or None
        Degrees that are possible (two standard deviations), whatever the diffusion.
    parts : dict
        What contributes to the error, in degrees: noise, diffusion and probe, pixel size, waviness,
        a step of t/lambda at the boundary, mean free path.
    slope, slope_error : float or None
        tan(angle) times the mean free path, in nm: what is known without it. Where the thickness
        was given in nm, tan(angle) itself.
    slope_range : (float, float)
    width, width_error : float or None
        Width of the inclined plane in projection, in nm, at the mean thickness.
    diffusion : float
        Standard deviation in nm, in projection, of the Gaussian by which the boundary is blurred
        more than by the probe (interdiffusion, or roughness through the foil), as fitted best.
    diffusion_range : (float, float)
        Two standard deviations, whatever the tilt.
    tilt_alone, diffusion_alone : float
        Slope and standard deviation if only that, and the probe as it is, made the boundary wide.
    lacks : dict
        By how many standard deviations "tilt", "diffusion" and "sharp" fit worse than both.
    misfit, chance : float
        What both leave of the profile about the boundary over its noise, and the probability that
        noise does. More than one is taken for noise in all ranges.
    waviness : float
        Standard deviation of the boundary's trace about a straight line, in nm; it was followed.
    direction : float
        Across the boundary, in degrees from the x axis.
    kind : {"phase", "layer"}
    probe : Probe
        FWHM, how well it is known, and from where.
    profile : dict
        Positions across the boundary in nm, mean densities and their errors, and the fits: both
        ("fitted"), "tilt" and "diffusion".
    """

    cause: Cause
    angle: float | None
    error: float | None
    angle_range: tuple[float, float] | None
    parts: dict[str, float]
    slope: float | None
    slope_error: float | None
    slope_range: tuple[float, float]
    width: float | None
    width_error: float | None
    diffusion: float
    diffusion_range: tuple[float, float]
    tilt_alone: float
    diffusion_alone: float
    lacks: dict[str, float]
    misfit: float
    chance: float
    waviness: float
    direction: float
    kind: Kind
    probe: Probe
    profile: dict[str, Floats] = field(repr=False)

    def __repr__(self) -> str:
        return _describe(self)

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
        """The profile with what a tilt, diffusion and both make of it; returns matplotlib's axes.

        Above it, what each of them leaves in units of the profile's noise, unless ``ax`` is given.
        """
        import matplotlib.pyplot as plt

        left_over = None
        if ax is None:
            _, (left_over, ax) = plt.subplots(
                2, 1, figsize=(6, 5), height_ratios=(1, 3), sharex=True, layout="constrained"
            )
        position, density = self.profile["position"], self.profile["density"]
        error = self.profile["error"]
        ax.errorbar(position, density, error, fmt="o", color="C0", ms=3, lw=0.8, label="map")
        for name, style, label in (
            ("diffusion", "C2--", f"diffusion alone, {self.diffusion_alone:.2g} nm"),
            ("tilt", "C1-.", "tilt alone"),
            ("fitted", "C3-", "both"),
        ):
            ax.plot(position, self.profile[name], style, lw=1.2, label=label)
            if left_over is not None:
                left = (density - self.profile[name]) / np.where(error > 0, error, np.inf)
                left_over.plot(position, left, style, lw=1)
        ax.set(xlabel="Position across the boundary (nm)", ylabel="Density per thickness")
        ax.legend(fontsize="small")
        if left_over is not None:
            left_over.axhline(0, color="k", lw=0.6)
            left_over.set_ylabel("Left / noise")
        (left_over or ax).set_title(self._title())
        return ax

    def _title(self) -> str:
        """The answer in a line."""
        if self.angle_range is None:
            return ""
        low, high = self.angle_range
        if self.cause == "neither":
            return f"No plane and no diffusion: {low:.1f} to {high:.1f} degrees"
        if self.cause == "cannot be told":
            return f"Tilt or diffusion cannot be told: {low:.1f} to {high:.1f} degrees"
        if self.cause == "diffusion":
            return f"Diffuse, at most {high:.1f} degrees from the beam"
        if self.cause == "sharp":
            return f"At most {high:.1f} degrees from the beam"
        return f"{self.angle:.1f} ± {self.error:.1f} degrees from the beam"


def _describe(found: Inclination) -> str:
    """The answer and its reasons in a sentence or two."""
    if found.cause in ("tilt", "both"):
        text = _of_tilt(found)
    elif found.cause == "cannot be told":
        others = "diffusion" if found.kind == "phase" else "diffusion or a thicker layer"
        text = (
            f"tilt or {others}, it cannot be told: {_range(found)}, with diffusion of "
            f"{_diffusion(found)}; {TELL_APART}"
        )
    elif found.cause == "neither":
        text = (
            f"neither a tilt nor diffusion makes this profile, {_range(found)} if they do: a "
            "boundary that is curved or stepped, more than one of them, or a component that is "
            "not one phase; look at plot(), and choose another roi"
        )
    else:
        text = _without_tilt(found)
    return f"Inclination: {text}{_remarks(found)}"


def _of_tilt(found: Inclination) -> str:
    """The angle, or the slope where the mean free path is not known."""
    width = f"{found.width:.3g} +- {found.width_error:.2g} nm wide in projection"
    why = f"diffusion alone is refuted by {found.lacks['diffusion']:.0f} standard deviations, "
    if found.cause == "both":
        why += f"a tilt alone by {found.lacks['tilt']:.0f}; "
    low, high = found.diffusion_range
    why += f"diffusion {_diffusion(found)}" if low > 0 else f"diffusion at most {high:.1f} nm"
    if found.angle is None:
        return (
            f"tan(angle) = {found.slope:.3g} +- {found.slope_error:.2g} nm over the mean free path "
            f"({width}; {why}; give mean_free_path= for an angle; {SIGN})"
        )
    parts = ", ".join(f"{name} {value:.1f}" for name, value in found.parts.items())
    return (
        f"{found.angle:.1f} +- {found.error:.1f} degrees from the beam ({width}; {why}; error from "
        f"{parts}; {SIGN})"
    )


def _without_tilt(found: Inclination) -> str:
    """That no tilt is needed, and how much of one there may be."""
    if found.cause == "sharp":
        high = found.diffusion_range[1]
        return (
            f"{_range(found)}: the boundary is no wider than the probe of {found.probe.width:.2g} "
            f"nm, diffusion at most {high:.1f} nm"
        )
    return (
        f"{_range(found)}: the boundary is diffuse, by {_diffusion(found)}, and a tilt alone is "
        f"refuted by {found.lacks['tilt']:.0f} standard deviations"
    )


def _range(found: Inclination) -> str:
    """Angles that are possible, or slopes where the mean free path is not known."""
    if found.angle_range is not None:
        (low, high), before, after = found.angle_range, "", " degrees from the beam"
    else:
        (low, high), before = found.slope_range, "tan(angle) "
        after = " nm over the mean free path"
    if low == 0 and found.cause in ("sharp", "diffusion"):
        return f"{before}at most {high:.1f}{after}"
    return f"{before}{low:.1f} to {high:.1f}{after}"


def _diffusion(found: Inclination) -> str:
    low, high = found.diffusion_range
    return f"{low:.1f} to {high:.1f} nm (standard deviation)"


def _remarks(found: Inclination) -> str:
    """What else is to be known: the trace, the probe, and a profile that nothing explains."""
    remarks = ""
    if found.waviness > 0:
        remarks += f"; the trace is wavy by {found.waviness:.2g} nm, which was followed"
    if found.probe.source == "one pixel" and found.diffusion_range[0] < found.probe.width:
        remarks += "; the probe is not known, give probe="
    if found.chance < LEAST_CHANCE:
        remarks += (
            f"; of the profile {found.misfit:.2g} times its noise is left, which counts as noise: "
            "look at plot()"
        )
    return remarks
