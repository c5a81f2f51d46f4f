"""A boundary seen in a component's map: its inclination from its width and the thickness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.fitting.inclined_boundary import Kind, Projection, fit_boundary
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.preparation.spectrum_image import to_pixels
from hyperspy_unmix.preparation.thickness import RELATIVE

from .inclination import Inclination

if TYPE_CHECKING:
    from .components import Components

NANOMETRES = {"nm": 1.0, "Å": 0.1, "A": 0.1, "pm": 1e-3, "µm": 1e3, "μm": 1e3, "um": 1e3, "m": 1e9}
PROBE_ERROR = 0.2  # of a probe's given width, relative
LEAST_BOUNDARY_PIXELS = 30  # about the boundary
LEAST_CHANGE = 0.03  # of the density: t/lambda of the low loss may be wrong by as much
LEAST_EVIDENCE = 20.0  # times what noise would let a boundary take out of the map's variance


class _Pixels(NamedTuple):
    """Pixels about a boundary, each array of shape (pixels,), lengths in nm."""

    x: Floats
    y: Floats
    density: Floats
    sd: Floats
    thickness: Floats


def boundary_inclination(
    result: Components,
    component: int | str,
    roi: Any = None,
    *,
    kind: Kind = "phase",
    probe: float | None = None,
    mean_free_path: float | None = None,
    mean_free_path_error: float = 0.2,
    density: float | None = None,
    scale_error: float = 0.02,
) -> Inclination:
    """Inclination of a grain or phase boundary, from its width in projection.

    A plane inclined by theta through a foil of thickness T is T tan(theta) wide in projection. The
    map of a phase per incident electron and thickness rises over that width, that of a layer is as
    wide. All pixels about the boundary are fitted, each with its own thickness.

    Parameters
    ----------
    result : Unmixing
        With a low loss, or a thickness given.
    component : int or str
        Phase on one side, or the boundary's own; its number or name.
    roi : hyperspy.api.roi.Line2DROI, optional
        Line across the boundary; its ``linewidth`` is how far along the boundary pixels are used.
        Default: the whole map, the boundary's direction found in it.
    kind : {"phase", "layer"}
        Phase boundary, or a thin layer such as a grain boundary.
    probe : float, optional
        FWHM in nm, known to 20 %. Default: one pixel, known to one pixel.
    mean_free_path : float, optional
        lambda of the foil in nm. Without it the slope is in units of lambda.
    mean_free_path_error : float
        Relative standard deviation of lambda.
    density : float, optional
        Of the foil in g/cm3, in place of the mean free path: exspy's estimate, from the microscope
        parameters in the metadata.
    scale_error : float
        Relative standard deviation of the scan's calibration (size of a pixel).

    Returns
    -------
    Inclination

    Raises
    ------
    TypeError, ValueError
        If something is missing, or the ends of the boundary are not in the map.

    Examples
    --------
    >>> from hyperspy_unmix import boundary_inclination, data, unmix
    >>> signal, low_loss, truth = data.inclined_boundary(inclination=30)
    >>> u = unmix(signal, low_loss=low_loss)
    >>> tilt = boundary_inclination(u, 0, probe=1.0, mean_free_path=76)
    >>> print(f"{tilt.angle:.0f} +- {tilt.error:.0f} degrees")
    30 +- 5 degrees
    """
    check_choice("kind", kind, ("phase", "layer"))
    x, y, pixel, unit = _positions(result)
    values, sd, thickness, relative = _densities(result, component)
    inside, direction = _inside(roi, x, y, pixel, unit)
    known = inside & np.isfinite(values) & np.isfinite(sd) & (sd > 0) & (thickness > 0)
    if known.sum() < LEAST_BOUNDARY_PIXELS:
        raise ValueError(
            f"{int(known.sum())} pixels with a density are in the roi; {LEAST_BOUNDARY_PIXELS} are "
            "needed: draw a longer line across the boundary, with a larger linewidth."
        )
    pixels = _Pixels(x[known], y[known], values[known], sd[known], thickness[known])
    width, width_error = (pixel, pixel) if probe is None else (float(probe), PROBE_ERROR * probe)
    # The boundary's slope, and how much noise, probe and calibration may change it.
    boundary = fit_boundary(*pixels, kind, width, pixel, direction)
    _check_seen(boundary, component)
    _check_ends(boundary, pixels)
    with_wider_probe = fit_boundary(*pixels, kind, width + width_error, pixel, near=boundary)
    errors = {
        "noise": float(np.sqrt(boundary.covariance[0, 0])),
        "probe": abs(with_wider_probe.slope - boundary.slope),
        "pixel size": scale_error * boundary.slope,
    }
    without_angle = _without_angle(boundary, pixels, kind, pixel, errors)
    # The angle, where the thickness is known in nm.
    if not relative:
        return _with_angle(without_angle, 1.0, 0.0, errors)
    if density is not None and mean_free_path is None:
        mean_free_path = _estimated_mean_free_path(result, density)
    if mean_free_path is None:
        return without_angle
    if not mean_free_path > 0:
        raise ValueError(f"mean_free_path={mean_free_path!r}: a positive number is needed.")
    return _with_angle(without_angle, mean_free_path, mean_free_path_error, errors)


def _without_angle(
    boundary: Projection,
    pixels: _Pixels,
    kind: Kind,
    pixel_width: float,
    errors: dict[str, float],
) -> Inclination:
    """What is known without the mean free path; ``errors`` are those of the slope, by cause."""
    slope_error = float(np.sqrt(sum(error**2 for error in errors.values())))
    mean_thickness = float(pixels.thickness.mean())
    return Inclination(
        angle=None,
        error=None,
        parts={},
        slope=boundary.slope,
        slope_error=slope_error,
        width=boundary.slope * mean_thickness,
        width_error=slope_error * mean_thickness,
        direction=float(np.degrees(boundary.direction)) % 180,
        kind=kind,
        profile=_profile(boundary, pixels, pixel_width),
    )


def _estimated_mean_free_path(result: Components, density: float) -> float:
    """Mean free path in nm: the thickness that exspy estimates for a density, over t/lambda."""
    thickness_nm, log_ratio = result.thickness_nm(density=density), result.thickness
    assert log_ratio is not None
    return float(np.nanmedian(thickness_nm.data / log_ratio.data))


def _with_angle(
    inclination: Inclination, unit: float, unit_error: float, errors: dict[str, float]
) -> Inclination:
    """The angle, and what contributes to its error; ``unit`` is that of the thickness in nm."""
    slope = inclination.slope
    tangent = slope / unit
    # Degrees by which the angle changes, for a relative change of its tangent.
    lever = float(np.degrees(tangent / (1 + tangent**2)))
    parts = {name: lever * error / max(slope, 1e-12) for name, error in errors.items()}
    parts["mean free path"] = lever * unit_error
    error = float(np.sqrt(sum(part**2 for part in parts.values())))
    angle = float(np.degrees(np.arctan(tangent)))
    return replace(inclination, angle=angle, error=error, parts=parts)


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
    """Density, relative error and thickness of every pixel; whether that is t/lambda."""
    from .naming import find_place

    place = find_place(component, result.names)
    values = result.densities.inav[place].data.ravel()
    prepared = result.prepared
    thickness_map = result.thickness
    assert thickness_map is not None  # densities need it
    thickness = np.asarray(thickness_map.data, float).ravel()
    electrons = np.ones(prepared.image.blocks.shape[0])
    low_loss = prepared.low_loss
    if low_loss is not None and low_loss.deconvolves:
        electrons = low_loss.per_pixel(low_loss.analysis.zero_loss, prepared.image)
    of_pixels = np.asarray(electrons, float)
    counts = to_pixels(prepared.image, of_pixels, with_copies=False).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        # The noise of the counts is their root; it is divided by electrons and thickness.
        sd = 1 / (np.sqrt(counts) * thickness)
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


def _check_seen(boundary: Projection, component: int | str) -> None:
    """Raise unless there is a boundary in the map."""
    change = float(np.ptp(boundary.fitted)) / max(float(np.abs(boundary.fitted).max()), 1e-300)
    why = ""
    if boundary.f_statistic < LEAST_EVIDENCE:
        why = "what it would take out of the map is noise"
    elif change < LEAST_CHANGE:
        why = f"what changes there is {100 * change:.1g} %, as an error of t/lambda may make it"
    if why:
        raise ValueError(
            f"no boundary is seen in the map of component {component}: {why}. Choose another "
            "component or roi."
        )


def _check_ends(boundary: Projection, pixels: _Pixels) -> None:
    """Raise unless both ends of the boundary are seen."""
    across = _distance(boundary, pixels)
    half = (boundary.slope * float(np.median(pixels.thickness)) + boundary.layer) / 2
    if -half < across.min() or half > across.max():
        raise ValueError(
            f"the boundary seems {2 * half:.3g} nm wide in projection, from {-half:.3g} to "
            f"{half:.3g} nm, but pixels are there from {across.min():.3g} to {across.max():.3g} nm "
            "only: its ends are not seen. Use a longer roi, or record a wider field."
        )


def _profile(boundary: Projection, pixels: _Pixels, pixel_width: float) -> dict[str, Floats]:
    """Means of pixels at the same distance from the boundary."""
    across, density = _distance(boundary, pixels), pixels.density
    bins = np.rint(across / pixel_width).astype(int)
    groups = [bins == b for b in np.unique(bins)]
    return {
        "position": np.array([across[group].mean() for group in groups]),
        "density": np.array([density[group].mean() for group in groups]),
        "error": np.array([density[group].std() / np.sqrt(group.sum()) for group in groups]),
        "fitted": np.array([boundary.fitted[group].mean() for group in groups]),
    }


def _distance(boundary: Projection, pixels: _Pixels) -> Floats:
    """Signed distance of the pixels from the boundary's middle line, in nm."""
    along_x, along_y = np.cos(boundary.direction), np.sin(boundary.direction)
    return np.asarray(pixels.x * along_x + pixels.y * along_y - boundary.position)
