"""What is known of specimen and scan beside the components: thickness, densities, energy shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .numerics.noise import Floats
from .thickness import ABSOLUTE, RELATIVE, nanometres
from .wrapping import as_map, as_maps

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .preparation import Prepared
    from .unmixing import Unmixing


def thickness(result: Unmixing) -> BaseSignal | None:
    """The thickness given, or else t/lambda of the low loss; see `Unmixing.thickness`."""
    found = _thickness(result.pca.prepared)
    if found is None:
        return None
    values, error, unit = found
    name = "t/λ" if unit == RELATIVE else "thickness (nm)"
    return as_map(result.pca.prepared.image, values, "thickness", name, error)


def thickness_nm(
    result: Unmixing, density: float | None, mean_free_path: float | None
) -> BaseSignal:
    """See `Unmixing.thickness_nm`."""
    prepared = result.pca.prepared
    found = _thickness(prepared)
    if found is None:
        raise ValueError(
            "there is no thickness: give unmix() a low loss with an unclipped zero-loss peak, or "
            "thickness=(map, 't/lambda')."
        )
    values, error, unit = found
    if unit == ABSOLUTE:
        return as_map(prepared.image, values, "thickness", "thickness (nm)", error)
    values_nm = nanometres(values, prepared.image.frame, density, mean_free_path)
    # nm are proportional to t/lambda
    factor = np.nanmedian(
        np.divide(values_nm, values, where=values > 0, out=np.full_like(values, np.nan))
    )
    error_nm = None if error is None else error * factor
    return as_map(prepared.image, values_nm, "thickness", "thickness (nm)", error_nm)


def densities(result: Unmixing) -> BaseSignal:
    """See `Unmixing.densities`."""
    prepared = result.pca.prepared
    dual, found = prepared.dual, _thickness(prepared)
    if found is None:
        raise ValueError(
            "densities need the thickness: give unmix() a low loss with an unclipped zero-loss "
            "peak, or thickness=(map, 't/lambda')."
        )
    values, _, unit = found
    per = values.copy()
    relative = dual is None or not dual.deconvolves
    if dual is not None and dual.deconvolves:
        per = per * dual.per_pixel(dual.low_loss.zero_loss, prepared.image)
        relative = dual.exposure_ratio is None
        per = per * (dual.exposure_ratio or 1.0)
    maps = np.divide(
        result.arrays.maps,
        per[:, None],
        where=per[:, None] > 0,
        out=np.full_like(result.arrays.maps, np.nan),
    )
    of = "t/λ" if unit == RELATIVE else "nm"
    if relative:
        quantity = f"Relative density (counts per {of})"
        if dual is not None and dual.deconvolves:
            quantity = f"Relative density (per {of} and zero-loss count, exposures unknown)"
    else:
        quantity = f"Density (per {of} and zero-loss electron)"
    return as_maps(prepared.image, maps, "component densities", quantity)


def energy_shift(result: Unmixing) -> BaseSignal | None:
    """See `Unmixing.energy_shift`."""
    prepared = result.pca.prepared
    found, image = prepared.alignment, prepared.image
    if found is None:
        return None
    axis = image.axis
    units = "channels" if "undefined" in str(axis.units) else str(axis.units)
    scale = float(axis.scale) if units != "channels" else 1.0
    quantity = f"Energy shift ({units})"
    return as_map(image, found.shift * scale, "energy shift", quantity, found.error * abs(scale))


def _thickness(prepared: Prepared) -> tuple[Floats, Floats | None, str] | None:
    """Thickness of the pixels that count, its standard deviation and its unit."""
    if prepared.thickness is not None:
        values, unit = prepared.thickness
        return values.ravel()[prepared.image.blocks.pixels], None, unit
    dual = prepared.dual
    if dual is None or not dual.deconvolves:
        return None
    vacuum = dual.per_pixel(dual.thickness.vacuum, prepared.image)
    values = dual.per_pixel(dual.thickness.values, prepared.image)
    error = dual.per_pixel(dual.thickness.error, prepared.image)
    return np.where(vacuum, np.nan, values), np.where(vacuum, np.nan, error), RELATIVE
