"""The low loss that belongs to a core loss, and a thickness map that the user gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image import Image
from .inputs import EV, check_signal
from .numerics.blocks import row_blocks
from .numerics.first_pass import summarise
from .numerics.low_loss import LowLoss, analyse_low_loss
from .numerics.noise import Floats
from .numerics.scattering import Scattering, scattering
from .settings import Choice, Settings

RELATIVE, ABSOLUTE = "t/lambda", "nm"


@dataclass(frozen=True)
class Dual:
    """An analysed low loss."""

    low_loss: LowLoss

    def kernel(self, image: Image) -> Scattering:
        """Plural scattering on the channels that count."""
        scale = float(image.axis.scale) * EV.get(str(image.axis.units), 1.0)
        return scattering(self.low_loss, scale, image.positions, image.empty)

    def t_over_lambda(self, n_pixels: int) -> Floats:
        """t/lambda of the pixels that count."""
        return np.broadcast_to(self.low_loss.t_over_lambda, (n_pixels,))


def read_low_loss(low_loss: Any, image: Image, settings: Settings) -> tuple[Dual, Image]:
    """Check and analyse the low loss; pixels where it is not finite are masked in the image.

    Raises
    ------
    ValueError, TypeError
        If its scan or its units do not fit, or there is no zero-loss peak.
    """
    check_signal(low_loss, "low_loss")
    shape, scan = tuple(low_loss.data.shape[:-1]), image.navigation_shape
    one_for_all = int(np.prod(shape)) == 1
    if not one_for_all and shape != scan:
        raise ValueError(
            f"low_loss has a scan of {shape[::-1]} (x, y) pixels, the core loss of {scan[::-1]}. A "
            "low loss of the same scan is needed, or one spectrum for all pixels."
        )
    axis = low_loss.axes_manager.signal_axes[0]
    if not image.axis.is_uniform:
        raise ValueError(
            "low_loss: the deconvolution needs a uniform energy axis of the core loss; "
            "signal.interpolate_on_axis('uniform', -1) makes it one."
        )
    factor = EV.get(str(axis.units), 1.0)
    energies = np.asarray(axis.axis, float) * factor
    if (np.diff(energies) <= 0).any() or (np.diff(image.energies) <= 0).any():
        raise ValueError("low_loss: rising energy axes are needed for the deconvolution.")
    blocks = row_blocks(low_loss.data)
    if not one_for_all:
        blocks = replace(blocks, pixels=image.blocks.pixels)
    bad = ~summarise(blocks).finite
    if bad.all():
        raise ValueError("low_loss: every pixel holds NaN or infinity.")
    if bad.any():
        settings["low loss not finite"] = Choice(
            int(bad.sum()), "pixels whose low loss holds NaN or infinity were masked"
        )
        blocks = blocks.without(bad)
        image = image.without(bad)
    analysed = analyse_low_loss(blocks, energies)
    _report(analysed, one_for_all, axis.units, factor, settings)
    return Dual(analysed), image


def _report(
    low_loss: LowLoss, one_for_all: bool, units: Any, factor: float, settings: Settings
) -> None:
    peak, t = low_loss.peak, low_loss.t_over_lambda
    settings["zero-loss peak"] = Choice(
        (peak.centre / factor, peak.threshold / factor),
        f"centre and end of the mean zero-loss peak, {units}",
    )
    scope = "one low loss for all pixels" if one_for_all else "per pixel, with its own low loss"
    settings["plural scattering"] = Choice("Fourier ratio", f"taken out {scope}")
    if np.isfinite(t).any():
        settings["t/lambda"] = Choice(
            (float(np.nanmin(t)), float(np.nanmax(t))), "least and greatest, by the log-ratio"
        )
    if np.isnan(t).any():
        settings["no zero-loss"] = Choice(
            int(np.isnan(t).sum()), "pixels without zero-loss counts were not deconvolved"
        )
    if low_loss.shifts.any():
        settings["zero-loss alignment"] = Choice(
            int(np.abs(low_loss.shifts).max()), "largest shift of a zero-loss peak, in channels"
        )


def read_thickness(
    thickness: Any, image: Image, settings: Settings
) -> tuple[NDArray[np.floating], str] | None:
    """A thickness map on the scan and its unit, ``"t/lambda"`` or ``"nm"``.

    Raises
    ------
    ValueError, TypeError
        If the unit is missing or the map is not that of the scan.
    """
    if thickness is None:
        return None
    if hasattr(thickness, "axes_manager"):
        values, named = thickness.data, str(thickness.metadata.get_item("Signal.quantity", ""))
    elif isinstance(thickness, tuple) and len(thickness) == 2 and isinstance(thickness[1], str):
        values, named = thickness
    else:
        values, named = thickness, ""
    unit = _thickness_unit(named)
    if np.asarray(values).dtype.kind not in "uif":
        given = np.asarray(values).dtype
        raise TypeError(f"thickness has values of type {given}, real numbers are needed.")
    array = np.asarray(values, float).squeeze()
    if array.shape != tuple(n for n in image.navigation_shape if n > 1):
        raise ValueError(
            f"thickness has shape {np.shape(values)}, that of the scan is needed: "
            f"{image.navigation_shape}."
        )
    settings["thickness"] = Choice(
        unit, "map given; goes into the result, the unmixing does not use it"
    )
    return array.reshape(image.navigation_shape), unit


def _thickness_unit(named: str) -> str:
    plain = named.replace("\\", "").replace("{", "").replace("}", "").replace("$", "").lower()
    if "lambda" in plain or "λ" in plain or "mfp" in plain:
        return RELATIVE
    if "nm" in plain:
        return ABSOLUTE
    raise ValueError(
        f"thickness needs a unit, {named or 'none'!r} was given: pass (array, 't/lambda') or "
        "(array, 'nm'), or a signal whose metadata.Signal.quantity names one, as "
        "s.estimate_thickness() returns."
    )
