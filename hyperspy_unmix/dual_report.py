"""What was found in the low loss, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .inputs import EELS_DETECTOR, EV
from .numerics.thickness import VACUUM
from .settings import Choice, Settings, warn

if TYPE_CHECKING:
    from .dual import Dual
    from .image import Image

THICKEST = 1.5  # t/lambda above which the deconvolution is flagged
ANGLES_DIFFER = 0.05
BEYOND = 0.05  # of the inelastic electrons


def report_low_loss(
    dual: Dual, one_for_all: bool, own: bool, low_loss: Any, image: Image, settings: Settings
) -> None:
    """Put what was found, and what is done with it, on record."""
    peak, axis = dual.low_loss.peak, low_loss.axes_manager.signal_axes[0]
    factor = EV.get(str(axis.units), 1.0)
    settings["zero-loss peak"] = Choice(
        (peak.centre / factor, peak.threshold / factor),
        f"centre and end of the mean zero-loss peak, {axis.units}",
    )
    _report_deconvolution(dual, one_for_all, own, settings)
    _report_thickness(dual, settings)
    angles = [
        s.metadata.get_item(f"{EELS_DETECTOR}.collection_angle", default=None)
        for s in (image.frame, low_loss)
    ]
    known = all(isinstance(angle, (int, float)) and angle > 0 for angle in angles)
    if known and abs(angles[0] / angles[1] - 1) > ANGLES_DIFFER:
        hint = (
            f"{angles[0]:g} mrad for the core loss, {angles[1]:g} mrad for the low loss: the "
            "Fourier ratio assumes that they agree. Give densities with that error, or correct the "
            "angle in the metadata where it is wrong"
        )
        warn(settings, "collection angle", hint)


def _report_deconvolution(dual: Dual, one_for_all: bool, own: bool, settings: Settings) -> None:
    if not dual.deconvolves:
        warn(
            settings,
            "low loss",
            f"its zero-loss peak is clipped ({dual.low_loss.clipped}): no t/lambda, no "
            "deconvolution, no densities. A map of t/lambda from elsewhere "
            "(thickness=(map, 't/lambda')) stands in for the zero-loss counts",
        )
        return
    scope = "one low loss for all pixels" if one_for_all else "per pixel, with its own low loss"
    if dual.low_loss.clipped:
        scope += "; zero-loss counts from the thickness given, since the peak is clipped"
    if dual.method == "log":
        name, where = "Fourier log", "; the signal holds its own zero-loss peak, which is left out"
    else:
        name, where = "Fourier ratio", "; low loss in the same spectrum" if own else ""
    settings["plural scattering"] = Choice(name, f"taken out {scope}{where}")


def _report_thickness(dual: Dual, settings: Settings) -> None:
    t, thickness = dual.low_loss.t_over_lambda, dual.thickness
    if not dual.deconvolves:
        return
    if np.isfinite(t).any():
        smoothed = "by the log-ratio"
        if thickness.width:
            smoothed += (
                f"; smoothed over {thickness.width:g} pixels, where noise and lost detail are least"
            )
        span = (float(np.nanmin(thickness.values)), float(np.nanmax(thickness.values)))
        settings["t/lambda"] = Choice(span, f"least and greatest, {smoothed}")
    if np.isnan(t).any():
        settings["no zero-loss"] = Choice(
            int(np.isnan(t).sum()), "pixels without zero-loss counts were not deconvolved"
        )
    if thickness.vacuum.any():
        settings["vacuum"] = Choice(
            int(thickness.vacuum.sum()),
            f"pixels of t/lambda below {VACUUM:g} or three times its error: no thickness, no "
            "densities there",
        )
    if dual.low_loss.beyond > BEYOND:
        warn(
            settings,
            "range",
            f"the low loss ends where {100 * dual.low_loss.beyond:.0f} % of the inelastic "
            "electrons seem to be still to come: t/lambda and the deconvolution leave them out; "
            "record a wider range",
        )
    thick = int(np.sum(thickness.values > THICKEST))
    if thick:
        warn(
            settings,
            "thick",
            f"{thick} pixels of t/lambda above {THICKEST:g}: most electrons are scattered several "
            "times there, and beyond the aperture; their maps are uncertain. Compare with "
            "navigation_mask over them",
        )
