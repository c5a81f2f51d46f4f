"""What is known of specimen and scan beside the components: thickness, densities, energy shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.prepare import Prepared
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


def areal_densities(prepared: Prepared, maps: Floats) -> BaseSignal:
    """Maps per zero-loss electron; see `Components.areal_densities`."""
    low_loss = prepared.low_loss
    if low_loss is None or not low_loss.deconvolves:
        raise ValueError(
            "areal densities need the zero-loss counts: give unmix() a low loss with an unclipped "
            "zero-loss peak. Without one, the maps are proportional to them as far as the beam "
            "is as strong everywhere and the foil even."
        )
    electrons = low_loss.per_pixel(low_loss.analysis.zero_loss, prepared.image)[:, None]
    electrons = electrons * (low_loss.exposure_ratio or 1.0)
    areal = np.divide(maps, electrons, where=electrons > 0, out=np.full_like(maps, np.nan))
    quantity = "Areal density (per zero-loss electron)"
    if low_loss.exposure_ratio is None:
        quantity = "Relative areal density (per zero-loss count, exposures unknown)"
    return as_maps(prepared.image, areal, "component areal densities", quantity)


def densities(prepared: Prepared, maps: Floats) -> BaseSignal:
    """Maps per zero-loss electron and thickness; see `Components.densities`."""
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
    divisor = divisor[:, None]
    density = np.divide(maps, divisor, where=divisor > 0, out=np.full_like(maps, np.nan))
    thickness_unit = "t/λ" if unit == RELATIVE else "nm"
    if not is_relative:
        quantity = f"Density (per {thickness_unit} and zero-loss electron)"
    elif has_zero_loss:
        quantity = f"Relative density (per {thickness_unit} and zero-loss count, exposures unknown)"
    else:
        quantity = f"Relative density ({prepared.unit} per {thickness_unit})"
    return as_maps(prepared.image, density, "component densities", quantity)


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
    error = low_loss.per_pixel(low_loss.thickness.error, image)
    return np.where(vacuum, np.nan, values), np.where(vacuum, np.nan, error), RELATIVE
