"""The thickness of the specimen: given by the user, or from the low loss; relative or in nm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, Settings

from .spectrum_image import Image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

RELATIVE, ABSOLUTE = "t/lambda", "nm"


@dataclass(frozen=True)
class ThicknessFinding:
    """A map that was given: its unit, and the pixels of it that are not known."""

    unit: str
    unknown_pixels: int

    def choices(self) -> Settings:
        """In plain words."""
        said = {"thickness": Choice(self.unit, "map given; densities are relative to it")}
        if self.unknown_pixels:
            said["thickness unknown"] = Choice(
                self.unknown_pixels,
                "pixels of the map that are NaN or infinity: no densities there",
            )
        return said


def read_thickness(
    thickness: Any, image: Image
) -> tuple[tuple[NDArray[np.floating], str] | None, tuple[ThicknessFinding, ...]]:
    """A thickness map on the scan and its unit, ``"t/lambda"`` or ``"nm"``; None without one.

    Raises
    ------
    ValueError, TypeError
        If the unit is missing or the map is not that of the scan.
    """
    if thickness is None:
        return None, ()
    if hasattr(thickness, "axes_manager"):
        values, named = thickness.data, str(thickness.metadata.get_item("Signal.quantity", ""))
    elif isinstance(thickness, tuple) and len(thickness) == 2 and isinstance(thickness[1], str):
        values, named = thickness
    else:
        values, named = thickness, ""
    unit = _unit(named)
    if np.asarray(values).dtype.kind not in "uif":
        dtype = np.asarray(values).dtype
        raise TypeError(f"thickness has values of type {dtype}, real numbers are needed.")
    array = np.asarray(values, float).squeeze()
    if array.shape != tuple(n for n in image.navigation_shape if n > 1):
        raise ValueError(
            f"thickness has shape {np.shape(values)}, that of the scan is needed: "
            f"{image.navigation_shape}."
        )
    array = array.reshape(image.navigation_shape)
    counting = array.ravel()[image.blocks.pixels]
    is_known = np.isfinite(counting)
    if not is_known.any():
        raise ValueError("thickness holds NaN or infinity everywhere: a map of numbers is needed.")
    if counting[is_known].min() < 0:
        raise ValueError(
            f"thickness holds negative values, down to {counting[is_known].min():g}: give zero "
            "where there is no specimen, NaN where it is not known."
        )
    finding = ThicknessFinding(unit, int((~is_known).sum()))
    return (np.where(np.isfinite(array), array, np.nan), unit), (finding,)


def _unit(named: str) -> str:
    plain = named.replace("\\", "").replace("{", "").replace("}", "").replace("$", "").lower()
    if "lambda" in plain or "λ" in plain or "mfp" in plain:
        return RELATIVE
    if "nm" in plain:
        return ABSOLUTE
    raise ValueError(
        f"thickness needs a unit, {named or 'none'!r} was given: pass (array, 't/lambda') or "
        "(array, 'nm'), or a signal whose metadata.Signal.quantity names one, as "
        "s.estimate_thickness() returns."
    )


def nanometres(
    t_over_lambda: Floats,
    signal: BaseSignal,
    density: float | None,
    mean_free_path: float | None,
) -> Floats:
    """t/lambda in nm, by exspy's ``estimate_thickness``.

    Parameters
    ----------
    t_over_lambda : array, shape (pixels,)
    signal : BaseSignal
        EELS, whose metadata hold the beam energy and the angles (in mrad).
    density : float, optional
        Of the specimen, in g/cm3: the mean free path follows from it, and what the collection angle
        lets be seen of it (Iakoubovskii et al., https://doi.org/10.1002/jemt.20597).
    mean_free_path : float, optional
        In nm.

    Raises
    ------
    ValueError
        If neither is given, or the metadata lack what the density needs.
    """
    if density is None and mean_free_path is None:
        raise ValueError(
            "nm need the mean free path: give mean_free_path= in nm, or density= in g/cm3 (with "
            "beam energy and both angles set by signal.set_microscope_parameters())."
        )
    for name, value in (("density", density), ("mean_free_path", mean_free_path)):
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value!r}: a positive number is needed.")
    from exspy.signals import EELSSpectrum

    # one zero-loss electron, and those that lost energy
    counts = np.stack([np.ones_like(t_over_lambda), np.expm1(t_over_lambda)], 1)
    spectra = EELSSpectrum(counts)
    instrument = signal.metadata.get_item("Acquisition_instrument", default=None)
    if instrument is not None:
        spectra.metadata.add_dictionary({"Acquisition_instrument": instrument.as_dictionary()})
    elastic = EELSSpectrum(np.ones((len(counts), 1)))
    if density is not None and spectra._are_microscope_parameters_missing():
        raise ValueError(
            "density= needs the beam energy, the convergence and the collection angle in the "
            "metadata: signal.set_microscope_parameters() sets them; or give mean_free_path="
        )
    estimate = spectra.estimate_thickness(
        zlp=elastic, density=density, mean_free_path=mean_free_path
    )
    return np.asarray(estimate.data, float)
