"""What was found in the low loss: as facts, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.corrections.plural_scattering import Method
from hyperspy_unmix.numerics.low_loss.thickness_map import VACUUM_T_OVER_LAMBDA
from hyperspy_unmix.settings import DETAIL, MISSING, WRONG, Choice, Settings, caution

from .low_loss import AnalysedLowLoss
from .metadata import EELS_DETECTOR, EV
from .spectrum_image import Image

THICKEST = 1.5  # t/lambda above which the deconvolution is flagged
MOST_ANGLES_DIFFER = 0.05  # of the collection angle of the low loss
MOST_BEYOND = 0.05  # of the inelastic electrons, that may be beyond the end of the axis
LEAST_OFFSET_EV, CLEAR_OFFSET_EV = 0.1, 1.0  # of the zero-loss peak, that is said; warned of


@dataclass(frozen=True)
class LowLossFinding:
    """What was found in a low loss, and what is done with it.

    Parameters
    ----------
    peak : (float, float)
        Centre and end of the mean zero-loss peak, in ``units``.
    units : str
        Of the low loss's axis.
    one_for_all : bool
        Whether there is one spectrum for all pixels.
    is_tiled : bool
        Whether that one was given in every pixel.
    is_own : bool
        Whether the signal holds its own low loss.
    method, deconvolves
        See `AnalysedLowLoss`.
    clipped : str
        Why the peak seems clipped; empty where it does not.
    t_over_lambda : (float, float), optional
        Least and greatest; None where it is not known.
    smoothing : float
        Pixels over which the map of it was smoothed.
    pixels_without_zero_loss, vacuum_pixels, thick_pixels, not_finite_pixels : int
    beyond : float
        Share of the inelastic electrons that seem to be beyond the end of the axis.
    collection_angles : (float, float), optional
        Of core loss and low loss in mrad, where both are known.
    starts_among_plasmons : (float, str), optional
        Where the analysed range begins, and its unit, if that is above the peak and below the core
        losses.
    nan_channels : int
        At the ends, left out because they are NaN in many spectra.
    """

    peak: tuple[float, float]
    units: str
    one_for_all: bool
    is_own: bool
    method: Method
    deconvolves: bool
    clipped: str
    t_over_lambda: tuple[float, float] | None
    smoothing: float
    pixels_without_zero_loss: int
    vacuum_pixels: int
    thick_pixels: int
    not_finite_pixels: int
    beyond: float
    collection_angles: tuple[float, float] | None
    starts_among_plasmons: tuple[float, str] | None
    is_tiled: bool = False
    nan_channels: int = 0

    @classmethod
    def of(
        cls,
        low_loss: AnalysedLowLoss,
        signal: Any,
        image: Image,
        one_for_all: bool,
        is_own: bool,
        not_finite_pixels: int,
        starts_among_plasmons: tuple[float, str] | None,
        *,
        is_tiled: bool = False,
        nan_channels: int = 0,
    ) -> LowLossFinding:
        """The finding about an analysed low loss; ``signal`` is what was analysed."""
        axis, analysis, thickness = (
            signal.axes_manager.signal_axes[0],
            low_loss.analysis,
            low_loss.thickness,
        )
        factor, known = EV.get(str(axis.units), 1.0), np.isfinite(analysis.t_over_lambda)
        span = None
        if low_loss.deconvolves and known.any():
            span = float(np.nanmin(thickness.values)), float(np.nanmax(thickness.values))
        return cls(
            peak=(analysis.peak.centre / factor, analysis.peak.threshold / factor),
            units=str(axis.units),
            one_for_all=one_for_all,
            is_own=is_own,
            method=low_loss.method,
            deconvolves=low_loss.deconvolves,
            clipped=analysis.clipped,
            t_over_lambda=span,
            smoothing=thickness.width,
            pixels_without_zero_loss=int((~known).sum()),
            vacuum_pixels=int(thickness.vacuum.sum()),
            thick_pixels=int(np.sum(thickness.values > THICKEST)),
            not_finite_pixels=not_finite_pixels,
            beyond=analysis.beyond,
            collection_angles=_collection_angles(image.frame, signal),
            starts_among_plasmons=starts_among_plasmons,
            is_tiled=is_tiled,
            nan_channels=nan_channels,
        )

    def choices(self) -> Settings:
        """In plain words."""
        said: Settings = {}
        if self.not_finite_pixels:
            said["low loss not finite"] = Choice(
                self.not_finite_pixels, "pixels whose low loss holds NaN or infinity were masked"
            )
        if self.nan_channels:
            said["low loss NaN channels"] = Choice(
                self.nan_channels,
                "channels at the ends of the low loss left out, that are NaN in some spectra, as a "
                "shift leaves them",
            )
        if self.starts_among_plasmons is not None:
            energy, units = self.starts_among_plasmons
            hint = (
                f"the analysed range begins at {energy:g} {units}, among the plasmons, and is "
                "taken for core loss (Fourier ratio, a background before an edge). To unmix the "
                "low loss let it begin below the zero-loss peak: signal_range=(-20, 60)"
            )
            short = f"The range begins among the plasmons ({energy:g} {units}), taken as core loss."
            said |= caution("signal_range", hint, short, WRONG)
        said["zero-loss peak"] = Choice(
            self.peak, f"centre and end of the mean zero-loss peak, {self.units}"
        )
        scale = self._energy_scale()
        return said | scale | self._deconvolution() | self._thickness() | self._angles()

    def _energy_scale(self) -> Settings:
        """Where the peak is not at zero.

        The axis is not moved: those of one measured pair are off by 5 eV and by 12 eV,
        so that the peak does not tell where the edges are.
        """
        centre = self.peak[0]
        off = abs(centre) * EV.get(self.units, 1.0)
        if off < LEAST_OFFSET_EV:
            return {}
        size = f"{abs(centre):.3g} {self.units}".strip()
        sign, moved = ("high", "-=") if centre > 0 else ("low", "+=")
        move = f"axes_manager[-1].offset {moved} {abs(centre):.3g}"
        if self.is_own:
            words = f"energies are {size} too {sign}, by the zero-loss peak among them"
            remedy = f"To move them: signal.{move}"
        else:
            words = (
                f"energies of the low loss are {size} too {sign}, by its zero-loss peak; those of "
                "the core loss too if both axes were calibrated alike, which a known edge tells"
            )
            remedy = f"Compare one; to move both: signal.{move}; low_loss.{move}"
        if off < CLEAR_OFFSET_EV:
            return {"energy scale": Choice(centre, f"{words}; left as recorded. {remedy}")}
        short = f"The zero-loss peak lies at {centre:.3g} {self.units}: move the energy axis."
        return caution("energy scale", f"{words}. {remedy}", short, DETAIL)

    def _deconvolution(self) -> Settings:
        if not self.deconvolves:
            hint = (
                f"its zero-loss peak is clipped ({self.clipped}): no t/lambda, no deconvolution, "
                "no densities. A map of t/lambda from elsewhere (thickness=(map, 't/lambda')) "
                "stands in for the zero-loss counts"
            )
            short = "The zero-loss peak is clipped: no deconvolution, no thickness."
            return caution("low loss", hint, short, MISSING)
        one, each = "with one low loss for all pixels", "per pixel, with its own low loss"
        if self.is_tiled:
            one += " (all hold the same spectrum, so t/lambda is one value)"
        scope = one if self.one_for_all else each
        if self.clipped:
            scope += "; zero-loss counts from the thickness given, since the peak is clipped"
        where = ""
        if self.method == "log":
            where = "; the signal holds its own zero-loss peak, which is left out"
        elif self.is_own:
            where = "; low loss in the same spectrum"
        return {"plural scattering": Choice(method_name(self.method), f"taken out {scope}{where}")}

    def _thickness(self) -> Settings:
        said: Settings = {}
        if not self.deconvolves:
            return said
        if self.t_over_lambda is not None:
            smoothed = "by the log-ratio"
            if self.smoothing:
                smoothed += (
                    f"; smoothed over {self.smoothing:g} pixels, where noise and lost detail are "
                    "least"
                )
            said["t/lambda"] = Choice(self.t_over_lambda, f"least and greatest, {smoothed}")
        if self.pixels_without_zero_loss:
            said["no zero-loss"] = Choice(
                self.pixels_without_zero_loss,
                "pixels without zero-loss counts were not deconvolved",
            )
        if self.vacuum_pixels:
            said["vacuum"] = Choice(
                self.vacuum_pixels,
                f"pixels of t/lambda below {VACUUM_T_OVER_LAMBDA:g} or three times its error: "
                "no thickness, no densities there",
            )
        if self.beyond > MOST_BEYOND:
            hint = (
                f"the low loss ends where {100 * self.beyond:.0f} % of the inelastic electrons "
                "seem to be still to come: t/lambda and the deconvolution leave them out; record "
                "a wider range"
            )
            short = (
                f"The low loss ends before {100 * self.beyond:.0f} % of the inelastic electrons."
            )
            said |= caution("range", hint, short, MISSING + self.beyond)
        if self.thick_pixels:
            hint = (
                f"{self.thick_pixels} pixels of t/lambda above {THICKEST:g}: most electrons are "
                "scattered several times there, and beyond the aperture; their maps are "
                "uncertain. Compare with navigation_mask over them"
            )
            short = f"{self.thick_pixels} pixels are too thick for the deconvolution: mask them."
            said |= caution("thick", hint, short, MISSING)
        return said

    def _angles(self) -> Settings:
        if self.collection_angles is None:
            return {}
        core, low = self.collection_angles
        if abs(core / low - 1) <= MOST_ANGLES_DIFFER:
            return {}
        hint = (
            f"{core:g} mrad for the core loss, {low:g} mrad for the low loss: the Fourier ratio "
            "assumes that they agree. Give densities with that error, or correct the angle in the "
            "metadata where it is wrong"
        )
        short = f"Core loss at {core:g} mrad, low loss at {low:g} mrad: densities are off by that."
        return caution("collection angle", hint, short, DETAIL)


def method_name(method: Method) -> str:
    """A deconvolution as the literature calls it."""
    return "Fourier log" if method == "log" else "Fourier ratio"


def _collection_angles(*signals: Any) -> tuple[float, float] | None:
    """Those of both signals in mrad, or None."""
    path = f"{EELS_DETECTOR}.collection_angle"
    core, low = (signal.metadata.get_item(path, default=None) for signal in signals)
    known = all(isinstance(angle, (int, float)) and angle > 0 for angle in (core, low))
    return (float(core), float(low)) if known else None


@dataclass(frozen=True)
class ZeroLossInRange:
    """An EELS zero-loss peak among the channels to unmix: it drowns the rest."""

    def choices(self) -> Settings:
        """In plain words."""
        hint = (
            "the zero-loss peak is in the analysed range and will dominate the components; for the "
            "core loss give signal_range=(start, end)"
        )
        short = "The zero-loss peak is in the range and drowns the rest: give signal_range."
        return caution("zero-loss", hint, short, WRONG + 0.9)


@dataclass(frozen=True)
class EnergiesDiffer:
    """Zero-loss peaks of several signals that do not agree: (number of the signal, eV) of each.

    The spectra of those of ``only_peaks`` clearly do not differ by as much.
    """

    centres: tuple[tuple[int, float], ...]
    only_peaks: tuple[int, ...] = ()

    def choices(self) -> Settings:
        """In plain words."""
        where = ", ".join(f"{centre:.3g} eV (signal {i})" for i, centre in self.centres)
        if self.only_peaks:
            which = ", ".join(str(i) for i in self.only_peaks)
            reason = (
                f"the zero-loss peaks lie at {where}, but the spectra of signal {which} are not "
                "off by as much: left where they are. Every low loss counts from its own peak"
            )
            return {"energies": Choice(None, reason)}
        hint = (
            f"the zero-loss peaks lie at {where}: the same edge is at other energies in each and "
            "makes components of its own. Move signal.axes_manager[-1].offset of core loss and low "
            "loss by as much, and interpolate_on_axis() to common energies"
        )
        short = f"The zero-loss peaks lie at different energies: {where}. Move the axes."
        return caution("energies", hint, short, WRONG)
