"""EELS phantoms of foils in which phases lie side by side."""

from typing import Literal

from . import _checks as checks
from . import _eels as eels
from . import _geometry as geometry
from . import _placing as placing
from . import _scan as scans
from . import _signals as signals
from ._detector import DetectorKind


def inclined_boundary(
    kind: Literal["phase", "grain", "ceramic"] = "phase",
    shape: tuple[int, int] = (48, 48),
    *,
    inclination: float | None = None,
    width: float | None = None,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    field_of_view: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of a boundary inclined through a thin foil.

    Parameters
    ----------
    kind : {"phase", "grain", "ceramic"}, default "phase"
        "phase": magnetite and manganosite meet at a plane; they share O-K with different fine
        structure. "grain": two grains of strontium titanate with a thin Mn-rich layer between
        them; they share Ti-L and O-K. Both grains are one material, so the truth has two
        components, grain and boundary phase; the second one is nowhere pure. "ceramic":
        periclase and spinel; their edges are eXSpy's hydrogenic ones without fine structure, so
        that a quantification must give ``truth.parameters["composition"]``.
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan; the boundary runs along the columns (y). The field of view
        along x stays the same, so fewer columns are larger pixels; `field_of_view` changes it.
    inclination : float, optional
        Angle between boundary plane and beam in degrees, 0 (edge-on) to 80. Default 30 for
        "phase" and "ceramic", 5 for "grain". Seen along the beam the boundary is ``thickness *
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
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1, 0.5 for
        "grain".
    field_of_view : float, optional
        Width of the scan along x in nm. Default 48, 24 for "grain". Pixels are square:
        the same columns over a wider field are larger pixels. A map that shows both ends of the
        boundary is wider than ``thickness * tan(inclination)``.
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
        boundary without a layer.
    TypeError
        If a value is not a number.

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    checks.check_choice("kind", kind, ("phase", "grain", "ceramic"))
    if kind != "grain" and width is not None:
        raise ValueError(f"width={width!r} is of the layer in kind='grain'; kind={kind!r} has none")
    scan = scans.eels(
        f"{kind}_boundary", shape, detector, drift, noise, seed,
        inclination=inclination, width=width, counts=counts, low_loss_counts=low_loss_counts,
        thickness=thickness, wedge=wedge, probe=probe, field_of_view=field_of_view,
    )  # fmt: skip
    scene, (_, x) = scan.scene, scan.positions
    if kind != "grain":
        maps = geometry.layers(x, scan.step, scan.film, [0.0], scene["inclination"])
    else:
        maps = geometry.grain_boundary(
            x, scan.step, scan.film, scene["inclination"], scene["width"]
        )
    return eels.build_phantom(maps, scan, f"Inclined {kind} boundary")


def wedge_layers(
    shape: tuple[int, int] = (48, 48),
    *,
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
    """EELS of a stack of three oxide layers in a foil that is a steep wedge.

    Cross-section of magnesia, nickel oxide and magnetite, in this order along x. All share the
    O-K edge with different fine structure; the last two have another edge in range, Ni-L next to
    Fe-L1. The interfaces are inclined by a few degrees, so the layers overlap in projection, by
    more where the foil is thicker. Along y t/lambda grows from about 0.3 to 1.1 in the layer that
    scatters most.

    Parameters
    ----------
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan; the interfaces run along the columns (y). The field of view
        along x stays the same, so fewer columns are larger pixels.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    thickness : float, optional
        Of the foil at the centre of the scan, in nm. Default 50.
    wedge : float, optional
        Change of the foil's thickness from first to last row, as a share of it.
        Default 1.14.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1.
    detector : {"counting", "ccd"}, default "counting"
        As for `sphere_on_substrate`.
    drift : float, default 0.0
        Slow energy drift along the scan, peak to peak in channels, at most 50.
    noise : bool, default True
        If False, the expectation is returned as floats.
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

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    scan = scans.eels(
        "wedge_layers", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, thickness=thickness, wedge=wedge,
        probe=probe,
    )  # fmt: skip
    scene, (_, x) = scan.scene, scan.positions
    maps = geometry.layers(x, scan.step, scan.film, scene["interfaces"], scene["inclination"])
    return eels.build_phantom(maps, scan, "Layers in a wedge")


def three_oxides(
    shape: tuple[int, int] = (64, 64),
    *,
    counts: float | None = None,
    low_loss_counts: float | None = None,
    background: bool = True,
    thickness: float | None = None,
    wedge: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of a thin polycrystalline foil of three oxides, for sweeps of the dose.

    Corundum-type V2O3, Cr2O3 and Fe2O3. All share the O-K edge with different fine structure,
    each has L edges of its own, and those of V lie right below O-K. The
    boundaries of the grains are inclined, so they overlap in projection in about half of the
    pixels, yet every phase is pure somewhere. The foil is thin, t/lambda 0.3 to 0.5.

    Parameters
    ----------
    shape : tuple of int, default (64, 64)
        Rows and columns of the scan. The field of view along x stays the same, so fewer
        columns are larger pixels.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 1e4. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    background : bool, default True
        If False, the tail of the valence losses under the edges is left out, so that all counts
        are those of edges, and ``truth.background`` is zero everywhere.
    thickness : float, optional
        Of the foil at the centre of the scan, in nm. Default 30.
    wedge : float, optional
        Change of the foil's thickness from first to last row, as a share of it.
        Default 0.3.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 2.
    detector : {"counting", "ccd"}, default "counting"
        As for `sphere_on_substrate`.
    drift : float, default 0.0
        Slow energy drift along the scan, peak to peak in channels, at most 50.
    noise : bool, default True
        If False, the expectation is returned as floats.
    seed : int or None, default 0
        Seed of grains, noise and drift; None for a different phantom each time.

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

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    """
    scan = scans.eels(
        "three_oxides", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, thickness=thickness, wedge=wedge,
        probe=probe,
    )  # fmt: skip
    scene, rng_place = scan.scene, eels.placing_rng(scan)
    n = len(scene["phases"])
    centres, phase = placing.place_grains(
        scan.extent, scene["grains"], scene["grain_depth"], n, rng_place
    )
    maps = geometry.grains_in_projection(*scan.positions, scan.film, centres, phase, n)
    scan = scan.with_values(positions=centres, grain_phases=phase, background=background)
    return eels.build_phantom(maps, scan, "Three oxides")
