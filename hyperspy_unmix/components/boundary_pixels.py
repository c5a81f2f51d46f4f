"""Where a boundary is seen: pixels about it, with densities and thickness, and the probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hyperspy_unmix.numerics.fitting.inclined_boundary import SIGMA_PER_FWHM
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.preparation.thickness import RELATIVE

from . import quantities, uncertainty
from .naming import find_place

if TYPE_CHECKING:
    from .components import Components

NANOMETRES = {"nm": 1.0, "Å": 0.1, "A": 0.1, "pm": 1e-3, "µm": 1e3, "μm": 1e3, "um": 1e3, "m": 1e9}
PROBE_ERROR = 0.2  # of a probe's given width, relative
LEAST_BOUNDARY_PIXELS = 30  # about the boundary
PROBE_AREA = "Acquisition_instrument.TEM.probe_area"  # nm2
CONVERGENCE = "Acquisition_instrument.TEM.convergence_angle"  # mrad, half of the cone


class Pixels(NamedTuple):
    """Pixels about a boundary, each array of shape (pixels,), lengths in nm."""

    x: Floats
    y: Floats
    density: Floats
    sd: Floats
    thickness: Floats


@dataclass(frozen=True)
class Probe:
    """FWHM of the probe in nm, how well it is known, and from where.

    ``added`` is the variance in nm2 that the foil adds: by beam broadening, or by the cone of the
    probe about its focus at half the depth.
    """

    width: float
    error: float
    source: Literal["given", "metadata", "one pixel"]
    added: float = 0.0


class Seen(NamedTuple):
    """Pixels, their width in nm, the direction asked for, and whether thickness is t/lambda."""

    pixels: Pixels
    pixel: float
    direction: float | None
    relative: bool


def pixels_about(result: Components, component: int | str, roi: Any) -> Seen:
    """Pixels of the component's density about a line, or of the whole map."""
    x, y, pixel, unit = _positions(result)
    values, sd, thickness, relative = _densities(result, component)
    inside, direction = _inside(roi, x, y, pixel, unit)
    known = inside & np.isfinite(values) & np.isfinite(sd) & (sd > 0) & (thickness > 0)
    if known.sum() < LEAST_BOUNDARY_PIXELS:
        raise ValueError(
            f"{int(known.sum())} pixels with a density are in the roi; {LEAST_BOUNDARY_PIXELS} are "
            "needed: draw a longer line across the boundary, with a larger linewidth."
        )
    pixels = Pixels(x[known], y[known], values[known], sd[known], thickness[known])
    return Seen(pixels, pixel, direction, relative)


def probe_of(
    result: Components,
    probe: float | None,
    pixel: float,
    thickness: float | None,
    beam_broadening: float | None,
) -> Probe:
    """The probe as given, else of the metadata's area, else one pixel, known to one pixel.

    Of a disc of radius R the variance along a line is R^2/4; R is ``convergence * |depth|``, whose
    square is ``(convergence * thickness)^2 / 12`` in the mean over a foil with its focus inside.
    """
    for name, value in (("probe", probe), ("beam_broadening", beam_broadening)):
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value!r}: a positive number of nm is needed.")
    metadata = result.prepared.image.frame.metadata
    added = 0.0
    if beam_broadening is not None:
        added = float((beam_broadening * SIGMA_PER_FWHM) ** 2)
    elif thickness is not None:
        cone = metadata.get_item(CONVERGENCE, default=0.0)
        cone = float(cone) * 1e-3 if isinstance(cone, int | float) else 0.0
        added = (cone * thickness) ** 2 / 48
    if probe is not None:
        return Probe(float(probe), PROBE_ERROR * probe, "given", added)
    area = metadata.get_item(PROBE_AREA, default=None)
    if isinstance(area, int | float) and np.isfinite(area) and area > 0:
        width = float(np.sqrt(4 * area / np.pi))
        return Probe(width, PROBE_ERROR * width, "metadata", added)
    return Probe(pixel, pixel, "one pixel", added)


def _positions(result: Components) -> tuple[Floats, Floats, float, float]:
    """Positions of all pixels in nm, the width of one, and the axes' unit in nm."""
    axes = result.prepared.image.frame.axes_manager.navigation_axes
    if len(axes) != 2:
        raise ValueError(f"a map of two axes is needed, this scan has {len(axes)}.")
    scales = []
    for axis in axes:
        if str(axis.units) not in NANOMETRES:
            raise ValueError(
                f"scan axis {axis.name} has the unit {axis.units}; a length is needed: "
                "signal.axes_manager[...].units = 'nm', with its scale."
            )
        scales.append(NANOMETRES[str(axis.units)])
    x, y = (axis.axis * scale for axis, scale in zip(axes, scales, strict=True))
    grid = np.meshgrid(x, y)
    pixel = float(np.mean([abs(a.scale) * s for a, s in zip(axes, scales, strict=True)]))
    return grid[0].ravel(), grid[1].ravel(), pixel, scales[0]


def _densities(result: Components, component: int | str) -> tuple[Floats, Floats, Floats, bool]:
    """Density, its noise and thickness of every pixel; whether that is t/lambda."""
    place = find_place(component, result.names)
    values = result.densities.inav[place].data.ravel()
    prepared = result.prepared
    thickness_map = result.thickness
    assert thickness_map is not None  # densities need it
    thickness = np.asarray(thickness_map.data, float).ravel()
    noise = np.sqrt(uncertainty.maps_noise(result.pca, result.separated, result.arrays))
    # Noise alone: what all pixels share does not change the profile.
    over_divisor = quantities.densities(prepared, noise, np.zeros_like(noise))
    sd = over_divisor.inav[place].data.ravel()
    relative = prepared.thickness is None or prepared.thickness[1] == RELATIVE
    return values, sd, thickness, relative


def _inside(roi: Any, x: Floats, y: Floats, pixel: float, unit: float) -> tuple[Mask, float | None]:
    """Pixels of the strip about a line, and the line's direction."""
    if roi is None:
        return np.ones(x.shape, bool), None
    try:
        ends = [unit * float(getattr(roi, name)) for name in ("x1", "y1", "x2", "y2")]
        linewidth = unit * float(getattr(roi, "linewidth", 0) or 0)
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"roi is a {type(roi).__name__}; a line across the boundary is needed: "
            "hyperspy.api.roi.Line2DROI(x1, y1, x2, y2, linewidth)."
        ) from None
    dx, dy = ends[2] - ends[0], ends[3] - ends[1]
    length = float(np.hypot(dx, dy))
    if length < 3 * pixel:
        raise ValueError(f"roi is {length:.3g} nm long; a line across the boundary is needed.")
    along = ((x - ends[0]) * dx + (y - ends[1]) * dy) / length
    beside = np.abs((x - ends[0]) * dy - (y - ends[1]) * dx) / length
    inside = (along >= 0) & (along <= length) & (beside <= max(linewidth, pixel) / 2)
    return inside, float(np.arctan2(dy, dx))
