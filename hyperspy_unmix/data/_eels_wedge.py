"""EELS phantom of a wedge of one phase."""

from collections.abc import Sequence

import numpy as np

from . import _checks as checks
from . import _eels as eels
from . import _scan as scans
from . import _signals as signals
from ._detector import DetectorKind


def wedge(
    phase: str = "Fe3O4",
    shape: tuple[int, int] = (48, 48),
    *,
    t_over_lambda: tuple[float, float] = (0.2, 1.2),
    counts: float | None = None,
    low_loss_counts: float | None = None,
    probe: float | None = None,
    detector: DetectorKind = "counting",
    drift: float = 0.0,
    noise: bool = True,
    seed: int | None = 0,
) -> signals.Phantom:
    """EELS of a wedge of one phase: what differs between pixels is their thickness.

    The counts as recorded have several components, as plural scattering turns the background and
    blurs the edges where the foil is thick. Once both are taken out, one is left.

    Parameters
    ----------
    phase : str, default "Fe3O4"
        Any of the EELS phases in ``parameters.toml``.
    shape : tuple of int, default (48, 48)
        Rows and columns of the scan. The field of view along x stays the same, so fewer columns
        are larger pixels.
    t_over_lambda : (float, float), default (0.2, 1.2)
        t/lambda of the first and the last row; it changes linearly along y. A single row has the
        mean of the two.
    counts : float, optional
        Expected electrons in a core-loss spectrum, background included, mean over the scan.
        Default 6e5. This and the other defaults stand in ``parameters.toml``.
    low_loss_counts : float, optional
        Electrons incident on each pixel for the low loss. Default 1e6.
    probe : float, optional
        FWHM in nm of the Gaussian probe that the thicknesses are averaged over. Default 1. A wedge
        stays linear, but for the rows within reach of the scan's ends; ``probe=0`` leaves these
        too.
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
        If `phase` or `detector` is unknown, or a value is out of range.
    TypeError
        If a value is not a number.

    See Also
    --------
    sphere_on_substrate : says more about units, detectors and truth.
    wedge_layers : three phases in a wedge.
    """
    scan = scans.eels(
        "wedge", shape, detector, drift, noise, seed,
        counts=counts, low_loss_counts=low_loss_counts, probe=probe,
    )  # fmt: skip
    checks.check_choice("phase", phase, scan.parameters["phases"])
    first, last = _pair(t_over_lambda)
    mean = (first + last) / 2
    scan = scan.with_values(
        phases=[phase],
        t_over_lambda=(first, last),
        thickness=mean * scan.parameters["phases"][phase]["mean_free_path"],
        wedge=(last - first) / mean,
    )
    return eels.build_phantom(scan.film[None], scan, f"Wedge of {phase}")


def _pair(t_over_lambda: Sequence[float]) -> tuple[float, float]:
    """Check t/lambda of the first and last row."""
    if np.shape(t_over_lambda) != (2,):
        raise ValueError(
            "t_over_lambda must be two numbers, of the first and the last row, got "
            f"{t_over_lambda!r}"
        )
    first, last = t_over_lambda
    checks.check_numbers({"t_over_lambda[0]": first, "t_over_lambda[1]": last})
    return float(first), float(last)
