"""What every phantom has in common: a scene's values as the caller wants them, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _checks as checks
from . import _geometry as geometry
from . import _signals as signals
from ._detector import DetectorKind

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """A scene, checked, and how it is recorded.

    Attributes
    ----------
    scene : dict
        Values of the scene: those of the parameter file, and the caller's in their place.
    parameters : dict
        The parameter file.
    shape : tuple of int
        Rows and columns.
    noise : bool
        Whether to draw counts; else the expectation is returned.
    seed : int or None
        Seed of everything drawn.
    detector : {"counting", "ccd"}
        EELS only, see `Detector`.
    drift : float
        EELS only: energy drift, peak to peak in channels.
    """

    scene: dict[str, Any]
    parameters: dict[str, Any]
    shape: tuple[int, int]
    noise: bool
    seed: int | None
    detector: DetectorKind = "counting"
    drift: float = 0.0

    @property
    def step(self) -> float:
        """Pixel width in nm."""
        field_of_view: float = self.scene["field_of_view"]
        return field_of_view / self.shape[1]

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width of the scan in nm."""
        return self.shape[0] * self.step, self.shape[1] * self.step

    @property
    def positions(self) -> tuple[Array, Array]:
        """Positions (y, x) of the pixels in nm around the centre of the scan."""
        return geometry.scan_positions(self.shape, self.step)

    @property
    def film(self) -> Array:
        """Thickness of film or foil in nm, shape (ny, nx)."""
        return geometry.wedge_film(self.shape, self.scene["thickness"], self.scene["wedge"])

    def average(self, maps: Array) -> Array:
        """Average thicknesses over the probe."""
        return geometry.blur(maps, self.step, self.scene["probe"])

    def streams(self, n: int) -> list[np.random.Generator]:
        """Independent random numbers; the first ones do not depend on how many are asked for."""
        return np.random.default_rng(self.seed).spawn(n)

    def with_values(self, **values: Any) -> Scan:
        """The same with values of the scene added or replaced."""
        return replace(self, scene=self.scene | values)


def eels(
    name: str,
    shape: tuple[int, int],
    detector: DetectorKind,
    drift: float,
    noise: bool,
    seed: int | None,
    **given: float | None,
) -> Scan:
    """Check what a caller asked of EELS scene `name`; None in `given` stands for the default.

    Raises
    ------
    ValueError
        If a value is out of range or `detector` is unknown.
    TypeError
        If a value is not a number.
    """
    parameters = signals.read_parameters()
    scene = checks.override(parameters["eels"]["dose"] | parameters["scenes"][name], **given)
    checks.check_choice("detector", detector, ("counting", "ccd"))
    checks.check_numbers({"drift": drift})
    return Scan(scene, parameters, checks.check_shape(shape), noise, seed, detector, drift)


def eds(
    name: str, shape: tuple[int, int], noise: bool, seed: int | None, **given: float | None
) -> Scan:
    """Check what a caller asked of EDS scene `name`; None in `given` stands for the default.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If a value is not a number.
    """
    parameters = signals.read_parameters()
    scene = checks.override(parameters["scenes"][name], **given)
    return Scan(scene, parameters, checks.check_shape(shape), noise, seed)
