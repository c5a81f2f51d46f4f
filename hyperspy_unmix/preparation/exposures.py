"""Exposures of core loss and low loss: what makes zero-loss counts electrons of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.low_loss.pixels_in_one import pixels_in_one
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, Settings

from .metadata import EELS_DETECTOR, EV
from .spectrum_image import Image


@dataclass(frozen=True)
class OneLowLossFinding:
    """How many pixels' counts the one low loss for all holds; None where nothing tells."""

    pixels: int | None
    in_scan: int

    def choices(self) -> Settings:
        """In plain words."""
        if self.pixels == 1:
            return {}
        if self.pixels is None:
            reason = (
                "the one low loss may be a sum over pixels or their mean, and its end does not "
                "tell which: densities are relative. For those per electron of one pixel give "
                "exposure_ratio=, the exposures' ratio over the number of pixels summed, "
                f"{self.in_scan} for low_loss=ll.sum()"
            )
        else:
            reason = (
                "pixels whose counts the one low loss holds: its end goes on to the core loss so "
                "many times too high. Densities are per electron of one pixel"
            )
        return {"one low loss": Choice(self.pixels, reason)}


def read_exposures(
    asked: Any,
    image: Image,
    signal: Any,
    low: Floats,
    energies: Floats,
    *,
    is_own: bool,
    is_one: bool,
) -> tuple[float | None, tuple[OneLowLossFinding, ...]]:
    """Exposure of the core loss over that of the low loss, in one pixel; None where nothing tells.

    Parameters
    ----------
    asked : object
        The ratio that the user gives, or None.
    image : Image
    signal : BaseSignal
        The low loss.
    low : array, shape (channels,)
        Its mean spectrum.
    energies : array, shape (channels,)
        In eV.
    is_own : bool
        Whether it is in the same spectrum as the core loss.
    is_one : bool
        Whether there is one spectrum for all pixels, which may be their sum.

    Raises
    ------
    ValueError, TypeError
        If the ratio given is not a positive number.
    """
    ratio = _ratio(asked, image.frame, signal, is_own)
    pixels = image.blocks.shape[0]
    if ratio is None or not is_one or is_own or pixels < 2:
        return ratio, ()
    unit = EV.get(str(image.axis.units), 1.0)
    known_energies = image.energies * unit
    number = pixels_in_one(
        ratio * low / np.median(np.diff(energies)),
        energies,
        image.summary.mean / (image.channel_widths * unit),
        known_energies,
        pixels,
    )
    finding = OneLowLossFinding(number, pixels)
    if number is None:
        # What the user says is taken as it is said.
        return (ratio, ()) if asked is not None else (None, (finding,))
    return ratio / number, (finding,)


def _ratio(asked: Any, signal: Any, low_loss: Any, is_own: bool) -> float | None:
    """As asked for, or from the metadata of both."""
    if asked is not None:
        if isinstance(asked, bool) or not isinstance(asked, (int, float, np.number)):
            raise TypeError(f"exposure_ratio={asked!r}: a positive number is needed.")
        if not 0 < asked < np.inf:
            raise ValueError(f"exposure_ratio={asked!r}: a positive number is needed.")
        return float(asked)
    if is_own:
        return 1.0
    for name in ("dwell_time", "exposure"):
        times = [
            s.metadata.get_item(f"{EELS_DETECTOR}.{name}", default=None) for s in (signal, low_loss)
        ]
        if all(isinstance(time, (int, float)) and time > 0 for time in times):
            return float(times[0]) / float(times[1])
    return None
