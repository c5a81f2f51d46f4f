"""EDS phantoms."""

import numpy as np

from . import _checks as checks
from . import _eds as eds
from . import _geometry as geometry
from . import _placing as placing
from . import _scan as scans
from . import _signals as signals


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
    scan = scans.eds(
        "eds_core_shell", shape, noise, seed,
        counts=counts, particles=particles, thickness=thickness, wedge=wedge, probe=probe,
    )  # fmt: skip
    scene = scan.scene
    rng_place, rng_counts = scan.streams(2)
    placed = placing.place_particles(
        scan.extent, int(scene["particles"]), scene["core_radius"], scene["shell_thickness"],
        rng_place,
    )  # fmt: skip
    core, shell = geometry.core_shell(*scan.positions, placed)
    return eds.build_phantom(
        np.stack([core, shell, scan.film]), scan.with_values(positions=placed),
        "Core-shell particles", rng_counts,
    )  # fmt: skip


def eds_phases(
    shape: tuple[int, int] = (64, 64),
    *,
    phases: int = 8,
    counts: float | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EDS of a polycrystalline foil of up to eight phases that share elements.

    Minerals as in a meteorite: silicates, oxides, a sulphide and a metal. O is in six of them, Fe
    in five. Grains are larger than the foil is thick and overlap in projection where their
    boundaries are inclined. Each phase's bremsstrahlung belongs to its spectrum. Absorption in
    the specimen, fluorescence and stray X-rays are left out.

    Parameters
    ----------
    shape : tuple of int, default (64, 64)
        Rows and columns of the scan. The field of view along x stays the same, so fewer columns
        are larger pixels.
    phases : int, default 8
        Number of phases, 2 to 8: the first ones of olivine, troilite, anorthite, magnetite,
        diopside, kamacite, spinel and chromite.
    counts : float, optional
        Expected X-ray counts in a spectrum, mean over the scan. Default 200. This and the other
        defaults stand in ``parameters.toml``.
    thickness : float, optional
        Of the foil at the centre of the scan, in nm. Default 100.
    wedge : float, optional
        Change of the foil's thickness from first to last row, as a share of it. Default 0.3.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 10: the
        scan is coarse, and the beam is moved within a pixel.
    noise : bool, default True
        If False, the expectation is returned as floats; else Poisson counts (uint16).
    seed : int or None, default 0
        Seed of grains and noise; None for a different phantom each time.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``; ``low_loss``, ``truth.thickness`` and
        ``truth.background`` are None.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If a value is not a number.
    """
    scan = scans.eds(
        "eds_phases", shape, noise, seed,
        counts=counts, thickness=thickness, wedge=wedge, probe=probe,
    )  # fmt: skip
    scene = scan.scene
    checks.check_choice("phases", phases, range(2, len(scene["phases"]) + 1))
    names = scene["phases"][: int(phases)]
    rng_place, rng_counts = scan.streams(2)
    centres, phase = placing.place_grains(
        scan.extent, scene["grains"], scene["grain_depth"], len(names), rng_place
    )
    maps = geometry.grains_in_projection(*scan.positions, scan.film, centres, phase, len(names))
    return eds.build_phantom(
        maps, scan.with_values(phases=names, positions=centres, grain_phases=phase),
        "Grains of several phases", rng_counts,
    )  # fmt: skip
