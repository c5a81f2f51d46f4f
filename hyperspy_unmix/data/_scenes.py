"""The phantoms: geometry put together with the physics of its phases."""

from typing import Literal

import numpy as np

from hyperspy_unmix.data import _checks as checks
from hyperspy_unmix.data import _eds as eds
from hyperspy_unmix.data import _eels as eels
from hyperspy_unmix.data import _geometry as geometry
from hyperspy_unmix.data import _signals as signals
from hyperspy_unmix.data._detector import DetectorKind


def sphere_on_substrate(
    shape: tuple[int, int] = (48, 48),
    *,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    diameter: float | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of a magnetite sphere on a silica film.

    Both share the O-K edge with different fine structure, and the sphere is nowhere without the
    film. Core losses and background are scattered again on their way through the whole thickness.

    Parameters
    ----------
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan. The field of view along x stays the same, so fewer columns
        are larger pixels.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    diameter : float, optional
        Of the sphere, in nm. Default 40.
    thickness : float, optional
        Of the film at the centre of the scan, in nm. Default 42.
    wedge : float, optional
        Change of the film's thickness from first to last row, as a share of it. Default 0.4.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1.
    detector : {"counting", "ccd"}, default "counting"
        "counting": point spread, then Poisson counts (uint32). "ccd": Poisson electrons, each
        shared between neighbouring channels, times a gain, plus Gaussian read noise (float32).
    drift : float, default 0.0
        Slow energy drift along the scan, the same in core and low loss, peak to peak in channels,
        at most 50. The truth spectra are those without drift, the true background has it.
    noise : bool, default True
        If False, the expectation is returned as floats, in the units the detector records.
    seed : int or None, default 0
        Seed of noise and drift; None for a different phantom each time.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``.

    Raises
    ------
    ValueError
        If a value is out of range or `detector` is unknown.
    TypeError
        If a value is not a number.

    Notes
    -----
    The maps are single-scattering counts: they carry the factor ``exp(-t/lambda)``, see `Truth`.
    Elastic scattering out of the collection aperture is left out.

    Examples
    --------
    >>> from hyperspy_unmix.data import sphere_on_substrate
    >>> signal, low_loss, truth = sphere_on_substrate((8, 8))
    >>> truth.names
    ('Fe3O4', 'SiO2')
    """
    parameters = signals.read_parameters()
    scene = checks.override(
        parameters["scenes"]["sphere_on_substrate"] | parameters["eels"]["dose"],
        counts=counts, low_loss_counts=low_loss_counts, diameter=diameter, thickness=thickness,
        wedge=wedge, probe=probe,
    )  # fmt: skip
    shape = _check(shape, detector, drift)
    step = scene["field_of_view"] / shape[1]
    y, x = geometry.scan_positions(shape, step)
    film = geometry.wedge_film(shape, scene["thickness"], scene["wedge"])
    maps = np.stack([geometry.sphere_chord(y, x, scene["diameter"] / 2), film])
    return eels.build_phantom(
        geometry.blur(maps, step, scene["probe"]), scene, parameters,
        title="Sphere on substrate", step=step, detector=detector, drift=drift, noise=noise,
        seed=seed,
    )  # fmt: skip


def inclined_boundary(
    kind: Literal["phase", "grain"] = "phase",
    shape: tuple[int, int] = (48, 48),
    *,
    inclination: float | None = None,
    width: float | None = None,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of a boundary inclined through a thin foil.

    Parameters
    ----------
    kind : {"phase", "grain"}, default "phase"
        "phase": magnetite and manganosite meet at a plane; they share O-K with different fine
        structure. "grain": two grains of strontium titanate with a thin Mn-rich layer between
        them; they share Ti-L and O-K. Both grains are one material, so the truth has two
        components, grain and boundary phase; the second one is nowhere pure.
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan; the boundary runs along the columns (y). The field of view
        along x stays the same, so fewer columns are larger pixels.
    inclination : float, optional
        Angle between boundary plane and beam in degrees, 0 (edge-on) to 80. Default 30 for
        "phase", 5 for "grain". Seen along the beam the boundary is ``thickness *
        tan(inclination)`` wide.
    width : float, optional
        Width of the boundary layer in nm, perpendicular to its plane; "grain" only. Default 1.5.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    thickness : float, optional
        Of the foil at the centre of the scan, in nm. Default 50.
    wedge : float, optional
        Change of the thickness from first to last row, as a share of it. Default 0.7.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1 for
        "phase", 0.5 for "grain".
    detector : {"counting", "ccd"}, default "counting"
        As for `sphere_on_substrate`.
    drift : float, default 0.0
        Slow energy drift along the scan, peak to peak in channels.
    noise : bool, default True
        If False, the expectation is returned as floats.
    seed : int or None, default 0
        Seed of noise and drift.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``.

    Raises
    ------
    ValueError
        If `kind` or `detector` is unknown, a value is out of range, or `width` is given for a
        phase boundary.
    TypeError
        If a value is not a number.

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    checks.check_choice("kind", kind, ("phase", "grain"))
    if kind == "phase" and width is not None:
        raise ValueError(f"width={width!r} is of the layer in kind='grain'; kind='phase' has none")
    parameters = signals.read_parameters()
    scene = checks.override(
        parameters["scenes"][f"{kind}_boundary"] | parameters["eels"]["dose"],
        inclination=inclination, width=width, counts=counts, low_loss_counts=low_loss_counts,
        thickness=thickness, wedge=wedge, probe=probe,
    )  # fmt: skip
    shape = _check(shape, detector, drift)
    step = scene["field_of_view"] / shape[1]
    _, x = geometry.scan_positions(shape, step)
    film = geometry.wedge_film(shape, scene["thickness"], scene["wedge"])
    if kind == "phase":
        maps = geometry.phase_boundary(x, step, film, scene["inclination"])
    else:
        maps = geometry.grain_boundary(x, step, film, scene["inclination"], scene["width"])
    return eels.build_phantom(
        geometry.blur(maps, step, scene["probe"]), scene, parameters,
        title=f"Inclined {kind} boundary", step=step, detector=detector, drift=drift,
        noise=noise, seed=seed,
    )  # fmt: skip


def eds_core_shell(
    shape: tuple[int, int] = (64, 64),
    *,
    counts: float | None = None,
    particles: int | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EDS of FePt particles with a magnetite shell on a carbon film.

    Fe is in core and shell, O in shell and support, and the support is everywhere; no particle is
    without its shell. Each phase's bremsstrahlung belongs to its spectrum. Absorption in the
    specimen is left out.

    Parameters
    ----------
    shape : tuple of int, default (64, 64)
        Rows and columns of the scan. The field of view along x stays the same, so fewer columns
        are larger pixels.
    counts : float, optional
        Expected X-ray counts in a spectrum, mean over the scan. Default 60. This and the other
        defaults stand in ``parameters.toml``.
    particles : int, optional
        Number of particles, whose positions and sizes are drawn. Default 5.
    thickness : float, optional
        Of the support at the centre of the scan, in nm. Default 20.
    wedge : float, optional
        Change of the support's thickness from first to last row, as a share of it. Default 0.3.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 0.6.
    noise : bool, default True
        If False, the expectation is returned as floats; else Poisson counts (uint16).
    seed : int or None, default 0
        Seed of particles and noise.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``; ``low_loss``, ``truth.thickness`` and
        ``truth.background`` are None.

    Raises
    ------
    ValueError
        If a value is out of range or the particles do not fit into the scan.
    TypeError
        If a value is not a number.
    """
    parameters = signals.read_parameters()
    scene = checks.override(
        parameters["scenes"]["eds_core_shell"],
        counts=counts, particles=particles, thickness=thickness, wedge=wedge, probe=probe,
    )  # fmt: skip
    shape = checks.check_shape(shape)
    if scene["particles"] != int(scene["particles"]):
        raise ValueError(f"particles must be a whole number, got {scene['particles']!r}")
    step = scene["field_of_view"] / shape[1]
    rng_place, rng_counts = np.random.default_rng(seed).spawn(2)
    placed = geometry.place_particles(
        (shape[0] * step, shape[1] * step), int(scene["particles"]), scene["core_radius"],
        scene["shell_thickness"], rng_place,
    )  # fmt: skip
    y, x = geometry.scan_positions(shape, step)
    film = geometry.wedge_film(shape, scene["thickness"], scene["wedge"])
    core, shell = geometry.core_shell(y, x, placed)
    maps = geometry.blur(np.stack([core, shell, film]), step, scene["probe"])
    return eds.build_phantom(
        maps, scene | {"positions": placed}, parameters["eds"], title="Core-shell particles",
        step=step, noise=noise, rng=rng_counts, seed=seed,
    )  # fmt: skip


def _check(shape: tuple[int, int], detector: str, drift: float) -> tuple[int, int]:
    checks.check_choice("detector", detector, ("counting", "ccd"))
    checks.check_numbers({"drift": drift})
    return checks.check_shape(shape)
