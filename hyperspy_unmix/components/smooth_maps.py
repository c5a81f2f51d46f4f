"""Maps that borrow from neighbouring pixels, and what is to be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.fitting.smooth_map import SmoothMap, smooth_map
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.spectrum_image import Image, to_pixels
from hyperspy_unmix.settings import Choice, Settings

from .as_signals import as_maps

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True)
class SmoothMapsFinding:
    """How far maps are smoothed.

    Parameters
    ----------
    names : tuple of str
        Of the components.
    pixels : tuple of float
        Averaged in the mean of each map; 1 where it is not smoothed.
    error, error_before : tuple of float
        Estimated r.m.s. error of each, and of the map of single pixels.
    """

    names: tuple[str, ...]
    pixels: tuple[float, ...]
    error: tuple[float, ...]
    error_before: tuple[float, ...]

    @property
    def title(self) -> str:
        """Title of the maps."""
        return f"component maps, {self.words}"

    @property
    def words(self) -> str:
        """How far they are smoothed, all of them."""
        if max(self.pixels) == 1:
            return "none smoothed"
        return f"smoothed over {', '.join(f'{n:.2g}' for n in self.pixels)} pixels"

    def label(self, i: int) -> str:
        """How far one of them is smoothed."""
        return (
            f"smoothed over {self.pixels[i]:.2g} pixels" if self.pixels[i] > 1 else "not smoothed"
        )

    def choices(self) -> Settings:
        """In plain words."""
        errors = ", ".join(
            f"{name}: {before:.3g} to {after:.3g}"
            for name, before, after in zip(self.names, self.error_before, self.error, strict=True)
        )
        reason = (
            "in u.smooth_maps, which borrow from neighbouring pixels; u.maps are of single pixels. "
            f"R.m.s. error, {errors}"
        )
        return {"smooth maps": Choice(self.words, reason)}


def smooth_each(image: Image, maps: Floats, variance: Floats) -> tuple[SmoothMap, ...]:
    """Each map (pixels, components), smoothed on the scan; ``variance`` is that of the noise.

    Pixels without counts are known to be zero.
    """
    values, noise = (
        to_pixels(image, array, of_empty=0.0, with_copies=False) for array in (maps, variance)
    )
    return tuple(smooth_map(values[..., i], noise[..., i]) for i in range(maps.shape[1]))


def find_smoothing(names: tuple[str, ...], maps: tuple[SmoothMap, ...]) -> SmoothMapsFinding:
    """How far they are smoothed."""
    return SmoothMapsFinding(
        names,
        tuple(one.pixels for one in maps),
        tuple(one.error for one in maps),
        tuple(one.error_before for one in maps),
    )


def as_smooth_maps(
    image: Image, maps: tuple[SmoothMap, ...], found: SmoothMapsFinding, quantity: str
) -> BaseSignal:
    """Signal (Component | x, y), whose title and metadata say how far it is smoothed."""
    scan = np.stack([one.values for one in maps], -1)
    counting = scan.reshape(-1, len(maps))[image.blocks.pixels]
    signal = as_maps(image, counting, found.title, quantity, of_empty=0.0)
    signal.metadata.set_item("Signal.smoothed_over_pixels", list(found.pixels))
    signal.metadata.set_item("Signal.expected_rms_error", list(found.error))
    return signal
