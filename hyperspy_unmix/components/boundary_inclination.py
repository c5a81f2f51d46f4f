"""A boundary seen in a component's map: its inclination from its profile and the thickness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.fitting.inclined_boundary import Kind, Projection, fit_boundary
from hyperspy_unmix.numerics.fitting.straightened import Straightened, straighten
from hyperspy_unmix.numerics.fitting.tilt_or_diffusion import Comparison, Model
from hyperspy_unmix.numerics.types import Floats

from .boundary_pixels import Pixels, Probe, pixels_about, probe_of
from .inclination import Inclination

if TYPE_CHECKING:
    from .components import Components

LEAST_CHANGE = 0.03  # of the density: t/lambda of the low loss may be wrong by as much
LEAST_EVIDENCE = 20.0  # times what noise would let a boundary take out of the map's variance


class Unit(NamedTuple):
    """The thickness in nm, and relative standard deviations of it, by cause."""

    nm: float
    errors: dict[str, float]


def boundary_inclination(
    result: Components,
    component: int | str,
    roi: Any = None,
    *,
    kind: Kind = "phase",
    probe: float | None = None,
    beam_broadening: float | None = None,
    mean_free_path: float | None = None,
    mean_free_path_error: float = 0.2,
    density: float | None = None,
    scale_error: float = 0.02,
) -> Inclination:
    """Inclination of a grain or phase boundary, from its profile in projection.

    A plane inclined by theta through a foil of thickness T is T tan(theta) wide in projection. The
    map of a phase per incident electron and thickness rises linearly over that width, that of a
    layer is as wide. A diffuse boundary is wide as well, but rises like an error function, over the
    same width where the foil is thicker. Both are fitted, alone and together, to all pixels about
    the boundary, each with its own thickness, across the boundary's own trace; ``cause`` says which
    of them the noise of the map allows, and the angle is a range where both are.

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
        FWHM in nm, known to 20 %. Default: that of ``Acquisition_instrument.TEM.probe_area`` in the
        metadata, as a disc; else one pixel, known to one pixel.
    beam_broadening : float, optional
        FWHM in nm that the foil adds to the probe. Default: that of the cone of the probe about a
        focus at half the depth, where the metadata have the convergence angle and the thickness is
        known in nm.
    mean_free_path : float, optional
        lambda of the foil in nm. Without it the slope is in units of lambda.
    mean_free_path_error : float
        Relative standard deviation of lambda.
    density : float, optional
        Density of the foil in g/cm3, in place of the mean free path: exspy's estimate, from the
        microscope parameters in the metadata.
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
    >>> print(f"{tilt.cause}: {tilt.angle:.0f} +- {tilt.error:.0f} degrees")
    tilt: 30 +- 5 degrees
    """
    check_choice("kind", kind, ("phase", "layer"))
    pixels, pixel, direction, relative = pixels_about(result, component, roi)
    unit = _unit(result, relative, mean_free_path, mean_free_path_error, density)
    thickness = None if unit is None else unit.nm * float(pixels.thickness.mean())
    seen_with = probe_of(result, probe, pixel, thickness, beam_broadening)
    # A tilt alone, which finds the boundary; then what else its profile may be.
    boundary = fit_boundary(*pixels, kind, seen_with.width, pixel, direction)
    _check_seen(boundary, component)
    _check_ends(boundary, pixels)
    probe_known = (seen_with.width, seen_with.error)
    straight = straighten(*pixels, boundary, kind, pixel, probe_known, seen_with.added)
    if unit is not None and kind == "phase" and relative:
        # Where t/lambda steps, the mean free path may, and be half as much off from what is meant.
        unit.errors["step of t/lambda"] = abs(straight.step_of_thickness()) / 2
    return _inclination(
        straight.comparison,
        direction=float(np.degrees(boundary.direction)) % 180,
        waviness=straight.waviness,
        tilt_alone=boundary.slope,
        noise=float(np.sqrt(boundary.covariance[0, 0])),
        thickness=float(pixels.thickness.mean()),
        relative_errors=_relative_errors(straight, scale_error),
        unit=unit,
        probe=seen_with,
        profile=_profile(straight, pixels, pixel),
    )


def _unit(
    result: Components,
    relative: bool,
    mean_free_path: float | None,
    mean_free_path_error: float,
    density: float | None,
) -> Unit | None:
    """That of the thickness in nm, with its relative error; None where it is not known."""
    if not relative:
        return Unit(1.0, {"mean free path": 0.0})
    if density is not None and mean_free_path is None:
        mean_free_path = _estimated_mean_free_path(result, density)
    if mean_free_path is None:
        return None
    if not mean_free_path > 0:
        raise ValueError(f"mean_free_path={mean_free_path!r}: a positive number is needed.")
    return Unit(mean_free_path, {"mean free path": mean_free_path_error})


def _inclination(
    comparison: Comparison,
    *,
    direction: float,
    waviness: float,
    tilt_alone: float,
    noise: float,
    thickness: float,
    relative_errors: dict[str, float],
    unit: Unit | None,
    probe: Probe,
    profile: dict[str, Floats],
) -> Inclination:
    """From what explains the profile; ``noise`` is the error of the slope of a tilt alone."""
    fits, cause = comparison.fits, comparison.cause
    low, high = comparison.slopes
    at: float | None = fits["both"].slope
    if cause in ("cannot be told", "neither"):
        at = None
    elif cause in ("sharp", "diffusion"):
        at = 0.0
    near = fits["both"].slope if at is None else at
    # Half of what two standard deviations are, on the wider side.
    of_fit = max(high - near, near - low) / 2
    errors = {
        "noise": float(min(noise, of_fit)),
        "diffusion and probe": float(np.sqrt(max(of_fit**2 - noise**2, 0.0))),
    }
    errors |= {name: share * near for name, share in relative_errors.items()}
    relative = float(np.sqrt(sum(share**2 for share in relative_errors.values())))
    total = float(np.sqrt(sum(error**2 for error in errors.values())))
    slopes = _widened(near, (low, high), relative)
    angle, error, angles = None, None, None
    parts: dict[str, float] = {}
    if unit is not None:
        if at is not None:
            angle, error, parts = _angle(at, errors, unit)
        relative = float(np.sqrt(sum(share**2 for share in unit.errors.values())))
        widened = _widened(near, slopes, relative)
        angles = tuple(float(np.degrees(np.arctan(s / unit.nm))) for s in widened)
    return Inclination(
        cause=cause,
        angle=angle,
        error=error,
        angle_range=None if angles is None else (angles[0], angles[1]),
        parts=parts,
        slope=at,
        slope_error=None if at is None else total,
        slope_range=slopes,
        width=None if at is None else at * thickness,
        width_error=None if at is None else total * thickness,
        diffusion=fits["both"].diffusion,
        diffusion_range=comparison.diffusions,
        tilt_alone=tilt_alone,
        diffusion_alone=fits["diffusion"].diffusion,
        lacks={m: comparison.lacks(m) for m in ("tilt", "diffusion", "sharp")},
        misfit=comparison.misfit,
        chance=comparison.chance,
        waviness=waviness,
        direction=direction,
        kind=comparison.profile.kind,
        probe=probe,
        profile=profile,
    )


def _widened(at: float, limits: tuple[float, float], relative: float) -> tuple[float, float]:
    """A range of two standard deviations about a value, with a relative error that adds to it."""
    low = at - float(np.hypot(at - limits[0], 2 * relative * limits[0]))
    high = at + float(np.hypot(limits[1] - at, 2 * relative * limits[1]))
    return max(low, 0.0) if limits[0] > 0 else 0.0, high


def _angle(
    slope: float, errors: dict[str, float], unit: Unit
) -> tuple[float, float, dict[str, float]]:
    """The angle, its error and what contributes to it, in degrees."""
    tangent = slope / unit.nm
    # Degrees by which the angle changes with its tangent.
    lever = float(np.degrees(1 / (1 + tangent**2)))
    parts = {name: lever * error / unit.nm for name, error in errors.items()}
    parts |= {name: lever * tangent * share for name, share in unit.errors.items()}
    error = float(np.sqrt(sum(part**2 for part in parts.values())))
    return float(np.degrees(np.arctan(tangent))), error, parts


def _relative_errors(straight: Straightened, scale_error: float) -> dict[str, float]:
    """What else the slope may be wrong by, as a share: a turned trace stretches a profile."""
    errors = {"pixel size": scale_error}
    if straight.waviness > 0:
        errors["waviness"] = straight.turned
    return errors


def _estimated_mean_free_path(result: Components, density: float) -> float:
    """Mean free path in nm: the thickness that exspy estimates for a density, over t/lambda."""
    thickness_nm, log_ratio = result.thickness_nm(density=density), result.thickness
    assert log_ratio is not None
    return float(np.nanmedian(thickness_nm.data / log_ratio.data))


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


def _check_ends(boundary: Projection, pixels: Pixels) -> None:
    """Raise unless both ends of the boundary are seen."""
    across = _distance(boundary, pixels)
    half = (boundary.slope * float(np.median(pixels.thickness)) + boundary.layer) / 2
    if -half < across.min() or half > across.max():
        raise ValueError(
            f"the boundary seems {2 * half:.3g} nm wide in projection, from {-half:.3g} to "
            f"{half:.3g} nm, but pixels are there from {across.min():.3g} to {across.max():.3g} nm "
            "only: its ends are not seen. Use a longer roi, or record a wider field."
        )


def _profile(straight: Straightened, pixels: Pixels, pixel_width: float) -> dict[str, Floats]:
    """Means of pixels at the same distance from the boundary, and what explains them."""
    across, density = straight.across, pixels.density
    bins = np.rint(across / pixel_width).astype(int)
    groups = [bins == b for b in np.unique(bins)]

    def means(values: Floats) -> Floats:
        return np.array([values[group].mean() for group in groups])

    profile = {
        "position": means(across),
        "density": means(density),
        "error": np.array([density[group].std() / np.sqrt(group.sum()) for group in groups]),
    }
    names: dict[Model, str] = {"both": "fitted", "tilt": "tilt", "diffusion": "diffusion"}
    for model, name in names.items():
        profile[name] = means(straight.shape(model))
    return profile


def _distance(boundary: Projection, pixels: Pixels) -> Floats:
    """Signed distance of the pixels from the boundary's middle line, in nm."""
    along_x, along_y = np.cos(boundary.direction), np.sin(boundary.direction)
    return np.asarray(pixels.x * along_x + pixels.y * along_y - boundary.position)
