"""Whether a low loss belongs to the pixels of its core loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.low_loss.pixel_offset import PixelOffset, pixel_offset
from hyperspy_unmix.settings import WRONG, Settings, caution

from .spectrum_image import Image, to_pixels

AXES = ("x", "y", "z")  # of a scan, as HyperSpy counts them
LEAST_EXPLAINED = 0.1  # of the core loss's counts, by a low loss of the same pixels
LEAST_GAIN_PER_COUNT = 1.0  # variance of a count, where the noise is not known yet


@dataclass(frozen=True)
class LowLossPlace:
    """How a low loss lies beside its core loss, as their maps show it.

    Parameters
    ----------
    offset : tuple of int
        Along each axis of the scan, in array order; zeros where none is clear.
    misfit_left : float
        Share of the misfit between the two that the offset leaves.
    explained : float, optional
        Share of the variance of the core loss's counts that the low loss explains.
    """

    offset: tuple[int, ...]
    misfit_left: float
    explained: float | None

    @property
    def is_off(self) -> bool:
        """Whether it lies beside the core loss."""
        return any(self.offset)

    @property
    def is_of_another_scan(self) -> bool:
        """Whether it explains next to nothing of the core loss."""
        return self.explained is not None and self.explained < LEAST_EXPLAINED

    def choices(self) -> Settings:
        """In plain words."""
        if not self.is_off:
            return {}
        hint = (
            f"the low loss lies beside the core loss, by {self._words()}: moved by that, its map "
            f"of t/lambda leaves {100 * self.misfit_left:.0f} % of the misfit with the core loss's "
            f"counts. Crop both to the pixels they share: {self.call()}"
        )
        short = f"The low loss lies beside the core loss, by {self._words()}: crop both."
        return caution("low loss offset", hint, short, WRONG)

    def call(self) -> str:
        """The call that cuts core loss and low loss to the pixels that they share."""
        # HyperSpy counts x first
        core = [_part(-d) for d in self.offset[::-1]]
        low = [_part(d) for d in self.offset[::-1]]
        return f"s.inav[{', '.join(core)}].unmix(low_loss=ll.inav[{', '.join(low)}])"

    def _words(self) -> str:
        names = AXES[: len(self.offset)]
        return " and ".join(
            f"{d:+d} pixel{'s' * (abs(d) != 1)} in {name}"
            for name, d in zip(names, self.offset[::-1], strict=True)
            if d
        )


def _part(pixels: int) -> str:
    """Slice that leaves out as many pixels at the start, or at the end where it is negative."""
    if not pixels:
        return ":"
    return f"{pixels}:" if pixels > 0 else f":{pixels}"


def find_place(image: Image, low_loss: LowLoss) -> tuple[LowLossPlace, ...]:
    """Compare the counts of the core loss with what the low loss says of the same pixels."""
    total, pixels = image.summary.total, image.blocks.shape[0]
    if total is None or len(low_loss.t_over_lambda) != pixels or len(total) != pixels:
        return ()
    if len(image.navigation_shape) > len(AXES):
        return ()
    t, zero = low_loss.t_over_lambda, low_loss.zero_loss
    maps = [zero * np.exp(t), zero, zero * t]
    core = to_pixels(image, np.asarray(total, float), with_copies=False)
    on_scan = np.stack([to_pixels(image, m, with_copies=False) for m in maps])
    noise = LEAST_GAIN_PER_COUNT * float(np.abs(total).mean())
    found: PixelOffset = pixel_offset(core, noise, on_scan)
    return (LowLossPlace(found.offset, found.misfit_left, found.explained),)
