"""What is known of specimen and scan beside the components: thickness, densities, energy shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.low_loss import AnalysedLowLoss
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.preparation.thickness import ABSOLUTE, RELATIVE, nanometres

from .as_signals import as_map, as_maps

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def thickness(prepared: Prepared) -> BaseSignal | None:
    """The thickness given, or else t/lambda of the low loss; see `Components.thickness`."""
    thickness_and_unit = _thickness(prepared)
    if thickness_and_unit is None:
        return None
    values, error, unit = thickness_and_unit
    name = "t/λ" if unit == RELATIVE else "thickness (nm)"
    return as_map(prepared.image, values, "thickness", name, error)


def thickness_nm(
    prepared: Prepared, density: float | None, mean_free_path: float | None
) -> BaseSignal:
    """The thickness in nm, by exspy's estimate; see `Components.thickness_nm`."""
    thickness_and_unit = _thickness(prepared)
    if thickness_and_unit is None:
        raise ValueError(
            "there is no thickness: give unmix() a low loss with an unclipped zero-loss peak, or "
            "thickness=(map, 't/lambda')."
        )
    values, error, unit = thickness_and_unit
    if unit == ABSOLUTE:
        return as_map(prepared.image, values, "thickness", "thickness (nm)", error)
    values_nm = nanometres(values, prepared.image.frame, density, mean_free_path)
    # The error in nm follows, for nm are proportional to t/lambda.
    factor = np.nanmedian(
        np.divide(values_nm, values, where=values > 0, out=np.full_like(values, np.nan))
    )
    error_nm = None if error is None else error * factor
    return as_map(prepared.image, values_nm, "thickness", "thickness (nm)", error_nm)


def areal_densities(prepared: Prepared, maps: Floats, variance: Floats) -> BaseSignal:
    """Maps per zero-loss electron, with their variance; see `Components.areal_densities`."""
    low_loss = prepared.low_loss
    if low_loss is None or not low_loss.deconvolves:
        raise ValueError(
            "areal densities need the zero-loss counts: give unmix() a low loss with an unclipped "
            "zero-loss peak. Without one, the maps are proportional to them as far as the beam "
            "is as strong everywhere and the foil even."
        )
    electrons = low_loss.per_pixel(low_loss.analysis.zero_loss, prepared.image)
    electrons = electrons * (low_loss.exposure_ratio or 1.0)
    noise, of_peak, _ = _relative_errors(low_loss, prepared.image)
    quantity = "Areal density (per zero-loss electron)"
    if low_loss.exposure_ratio is None:
        quantity = "Relative areal density (per zero-loss count, exposures unknown)"
    areal, areal_variance = _divided(maps, variance, electrons, noise**2 + of_peak**2)
    return as_maps(prepared.image, areal, "component areal densities", quantity, areal_variance)


def densities(prepared: Prepared, maps: Floats, variance: Floats) -> BaseSignal:
    """Maps per zero-loss electron and thickness, with their variance; `Components.densities`."""
    low_loss, thickness_and_unit = prepared.low_loss, _thickness(prepared)
    if thickness_and_unit is None:
        raise ValueError(
            "densities need the thickness: give unmix() a low loss with an unclipped zero-loss "
            "peak, or thickness=(map, 't/lambda')."
        )
    values, _, unit = thickness_and_unit
    divisor, has_zero_loss = values.copy(), low_loss is not None and low_loss.deconvolves
    is_relative = not has_zero_loss
    if low_loss is not None and has_zero_loss:
        divisor = divisor * low_loss.per_pixel(low_loss.analysis.zero_loss, prepared.image)
        is_relative = low_loss.exposure_ratio is None
        divisor = divisor * (low_loss.exposure_ratio or 1.0)
    thickness_unit = "t/λ" if unit == RELATIVE else "nm"
    if not is_relative:
        quantity = f"Density (per {thickness_unit} and zero-loss electron)"
    elif has_zero_loss:
        quantity = f"Relative density (per {thickness_unit} and zero-loss count, exposures unknown)"
    else:
        quantity = f"Relative density ({prepared.unit} per {thickness_unit})"
    relative_variance = _divisor_variance(prepared, values)
    density, density_variance = _divided(maps, variance, divisor, relative_variance)
    return as_maps(prepared.image, density, "component densities", quantity, density_variance)


def _divided(
    maps: Floats, variance: Floats, divisor: Floats, relative_variance: Floats
) -> tuple[Floats, Floats]:
    """Maps over a divisor of every pixel, and their variance; NaN where it is not positive."""
    per_pixel = divisor[:, None]
    known = per_pixel > 0

    def over(values: Floats, by: Floats) -> Floats:
        return np.divide(values, by, where=known, out=np.full_like(values, np.nan))

    quotient = over(maps, per_pixel)
    return quotient, over(variance, per_pixel**2) + quotient**2 * relative_variance[:, None]


def _divisor_variance(prepared: Prepared, thickness: Floats) -> Floats:
    """Relative variance of zero-loss counts times thickness, shape (pixels,).

    An error of the zero-loss counts is one of t/lambda too, of opposite sign.
    """
    low_loss, image = prepared.low_loss, prepared.image
    if low_loss is None or not low_loss.deconvolves:
        return np.zeros(len(thickness))
    noise, of_peak, of_rest = _relative_errors(low_loss, image)
    if prepared.thickness is not None:
        return noise**2 + of_peak**2
    t = np.where(thickness > 0, thickness, np.nan)
    t_noise = low_loss.per_pixel(low_loss.thickness.error, image)
    of_counts = noise**2 + (t_noise / t) ** 2
    return np.asarray(of_counts + (of_peak * (1 - 1 / t)) ** 2 + (of_rest / t) ** 2)


def _relative_errors(low_loss: AnalysedLowLoss, image: Image) -> tuple[Floats, Floats, Floats]:
    """Standard deviations of the zero-loss counts: by noise, and by what is taken for the peak.

    Relative ones; and of t/lambda, by what does not touch the zero-loss counts.
    """
    analysis = low_loss.analysis
    t, t_error = analysis.t_over_lambda, analysis.t_error
    # Of independent counts in and behind the peak, the peak's share of the variance.
    noise = np.sqrt(t_error**2 / -np.expm1(-np.where(t > 0, t, np.inf)))
    systematic, total = analysis.systematic, low_loss.thickness.systematic
    of_peak = np.zeros_like(noise)
    if systematic is not None:
        squares = systematic.tail**2 + systematic.below**2 + systematic.linearity**2
        of_peak = np.sqrt(squares)
    of_rest = np.zeros_like(noise)
    if total is not None:
        of_rest = np.sqrt(np.maximum(total**2 - of_peak**2, 0))
    each = [low_loss.per_pixel(errors, image) for errors in (noise, of_peak, of_rest)]
    return each[0], each[1], each[2]


def energy_shift(prepared: Prepared) -> BaseSignal | None:
    """The drift in the units of the energy axis; see `Components.energy_shift`."""
    drift, image = prepared.drift, prepared.image
    if drift is None:
        return None
    axis = image.axis
    units = "channels" if "undefined" in str(axis.units) else str(axis.units)
    scale = float(axis.scale) if units != "channels" else 1.0
    quantity = f"Energy shift ({units})"
    return as_map(image, drift.shift * scale, "energy shift", quantity, drift.error * abs(scale))


def _thickness(prepared: Prepared) -> tuple[Floats, Floats | None, str] | None:
    """Thickness of the pixels that count, its standard deviation and its unit."""
    image, low_loss = prepared.image, prepared.low_loss
    if prepared.thickness is not None:
        values, unit = prepared.thickness
        return values.ravel()[image.blocks.pixels], None, unit
    if low_loss is None or not low_loss.deconvolves:
        return None
    vacuum = low_loss.per_pixel(low_loss.thickness.vacuum, image)
    values = low_loss.per_pixel(low_loss.thickness.values, image)
    error = low_loss.thickness.error
    if low_loss.thickness.systematic is not None:
        error = np.hypot(error, low_loss.thickness.systematic)
    error = low_loss.per_pixel(error, image)
    return np.where(vacuum, np.nan, values), np.where(vacuum, np.nan, error), RELATIVE
