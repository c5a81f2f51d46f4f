"""EELS phantoms of particles: on a film, and inside a foil."""

import numpy as np

from . import _eels as eels
from . import _geometry as geometry
from . import _placing as placing
from . import _scan as scans
from . import _signals as signals
from ._detector import DetectorKind


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
    scan = scans.eels(
        "sphere_on_substrate", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, diameter=diameter, thickness=thickness,
        wedge=wedge, probe=probe,
    )  # fmt: skip
    sphere = geometry.sphere_chord(*scan.positions, scan.scene["diameter"] / 2)
    return eels.build_phantom(np.stack([sphere, scan.film]), scan, "Sphere on substrate")


def core_shell(
    shape: tuple[int, int] = (48, 48),
    *,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    particles: int | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of magnetite particles with a manganosite shell on a silica film.

    All share the O-K edge with different fine structure. No core is without its shell, and
    nothing is without the film.

    Parameters
    ----------
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan. The field of view along x stays the same, so fewer
        columns are larger pixels.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    particles : int, optional
        Number of particles, whose positions and sizes are drawn. Default 4.
    thickness : float, optional
        Of the film at the centre of the scan, in nm. Default 45.
    wedge : float, optional
        Change of the film's thickness from first to last row, as a share of it.
        Default 0.3.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1.
    detector : {"counting", "ccd"}, default "counting"
        As for `sphere_on_substrate`.
    drift : float, default 0.0
        Slow energy drift along the scan, peak to peak in channels, at most 50.
    noise : bool, default True
        If False, the expectation is returned as floats.
    seed : int or None, default 0
        Seed of particles, noise and drift; None for a different phantom each time.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``.

    Raises
    ------
    ValueError
        If a value is out of range, the particles do not fit into the scan or `detector` is
        unknown.
    TypeError
        If a value is not a number.

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    scan = scans.eels(
        "core_shell", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, particles=particles, thickness=thickness,
        wedge=wedge, probe=probe,
    )  # fmt: skip
    scene, rng_place = scan.scene, eels.placing_rng(scan)
    placed = placing.place_particles(
        scan.extent, int(scene["particles"]), scene["core_radius"], scene["shell_thickness"],
        rng_place,
    )  # fmt: skip
    core, shell = geometry.core_shell(*scan.positions, placed)
    return eels.build_phantom(
        np.stack([core, shell, scan.film]),
        scan.with_values(positions=placed),
        "Core-shell particles",
    )


def precipitates(
    shape: tuple[int, int] = (48, 48),
    *,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    particles: int | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of magnesioferrite precipitates inside a magnesia foil.

    Where a precipitate is, matrix is missing, so the two thicknesses add up to that of the foil;
    there is matrix above and below every precipitate. They share the O-K edge with different fine
    structure; Fe-L is of the precipitates alone.

    Parameters
    ----------
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan. The field of view along x stays the same, so fewer
        columns are larger pixels.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    particles : int, optional
        Number of precipitates, whose positions, depths and sizes are drawn. They do not touch,
        but may overlap in projection. Default 14.
    thickness : float, optional
        Of the foil at the centre of the scan, in nm. Default 60.
    wedge : float, optional
        Change of the foil's thickness from first to last row, as a share of it.
        Default 0.4.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1.
    detector : {"counting", "ccd"}, default "counting"
        As for `sphere_on_substrate`.
    drift : float, default 0.0
        Slow energy drift along the scan, peak to peak in channels, at most 50.
    noise : bool, default True
        If False, the expectation is returned as floats.
    seed : int or None, default 0
        Seed of precipitates, noise and drift; None for a different phantom each time.

    Returns
    -------
    Phantom
        Unpacks into ``signal, low_loss, truth``.

    Raises
    ------
    ValueError
        If a value is out of range, the precipitates do not fit into the foil or `detector` is
        unknown.
    TypeError
        If a value is not a number.

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    scan = scans.eels(
        "precipitates", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, particles=particles, thickness=thickness,
        wedge=wedge, probe=probe,
    )  # fmt: skip
    scene, rng_place = scan.scene, eels.placing_rng(scan)
    placed = placing.place_embedded(
        scan.extent, scan.film.min(), int(scene["particles"]), scene["radius"], rng_place
    )
    return eels.build_phantom(
        geometry.embedded(*scan.positions, scan.film, placed),
        scan.with_values(positions=placed), "Precipitates in a foil",
    )  # fmt: skip
