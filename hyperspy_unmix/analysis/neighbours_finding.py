"""What is said where neighbouring pixels share their noise, and how many to sum then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.compression.map_correlation import NeighbouringNoise
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.noise import LEAST_PIXELS_SUMMED
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import UNDECIDED, Choice, Settings, caution

FACTORS = (1, 2, 4, 8)  # of pixels to sum along an axis
MOST_LEFT = 0.14  # correlation of the sums' noise, so that nothing more is to be said of them
SAME = 0.05  # difference along the axes of which nothing is said
LEAST_OF_CAUTION = 0.2  # correlation; with less errors of sums are hardly wrong


@dataclass(frozen=True)
class NeighbouringNoiseFinding:
    """How much of their noise neighbouring pixels share, and how many to sum.

    Parameters
    ----------
    correlation : tuple of float
        Along each axis of the scan, in HyperSpy's order; empty where they share none.
    factors : tuple of int
        Pixels to sum along each, in the same order; all one where the scan is too small.
    lengths : tuple of int
        Of the scan's axes, in the same order.
    effective : int
        Number of independent pixels that tell as much about the noise as all do.
    """

    correlation: tuple[float, ...] = ()
    factors: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    effective: int = 0

    def choices(self) -> Settings:
        """In plain words."""
        if not self.correlation:
            return {}
        if max(self.correlation) < LEAST_OF_CAUTION:
            reason = (
                "of their noise is shared by neighbouring pixels, as a slow detector or a little "
                "interpolation makes it; the number of components allows for that"
            )
            return {"neighbouring pixels": Choice(max(self.correlation), reason)}
        low, high = max(min(self.correlation), 0), max(self.correlation)
        share = f"{high:.2g} of it"
        if high - low > SAME:
            shares = " and ".join(f"{max(round(share, 2), 0):g}" for share in self.correlation)
            share = f"{shares} of it along the axes"
        hint = (
            f"neighbouring pixels share their noise ({share}): smoothed, interpolated or "
            f"carried over in space, worth {self.effective} pixels as recorded. The number of "
            "components allows for that, but errors and stability take pixels as independent. Give "
            "the counts as they were recorded"
        )
        if max(self.factors) > 1:
            pixels = " x ".join(map(str, self.factors))
            scale = ", ".join(map(str, (*self.factors, 1)))
            call = f"signal{self._whole()}.rebin(scale=({scale})).unmix()"
            hint += f", or sum {pixels} pixels: {call}"
        short = (
            "Neighbouring pixels share their noise: errors and stability are too good. Give the "
            "counts as recorded, or sum pixels."
        )
        return caution("neighbouring pixels", hint, short, UNDECIDED + 0.9)

    def _whole(self) -> str:
        """The part of the scan that is whole sums, as HyperSpy takes it."""
        ends = [n // factor * factor for n, factor in zip(self.lengths, self.factors, strict=True)]
        if tuple(ends) == self.lengths:
            return ""
        return f".inav[{', '.join(f':{end}' for end in ends)}]"


def find_neighbouring_noise(
    image: Image, neighbours: NeighbouringNoise | None
) -> NeighbouringNoiseFinding:
    """Whether pixels share noise, and how many are to be summed until the sums share little."""
    if neighbours is None or neighbours.autocorrelation is None:
        return NeighbouringNoiseFinding()
    autocorrelation = neighbours.autocorrelation
    factors = []
    for axis, length in enumerate(image.navigation_shape):
        along = np.moveaxis(autocorrelation, axis, 0).reshape(length, -1)[:, 0]
        factors.append(_factor(along))
    effective = round(neighbours.effective_share * image.blocks.shape[0])
    return NeighbouringNoiseFinding(
        neighbours.correlation[::-1],
        tuple(factors[::-1]),
        tuple(image.navigation_shape[::-1]),
        max(effective, 1),
    )


def _factor(along: Floats) -> int:
    """Pixels to sum along an axis on which noise has this autocorrelation, circular."""
    allowed = [factor for factor in FACTORS if factor * LEAST_PIXELS_SUMMED <= len(along)] or [1]
    good = (factor for factor in allowed if _correlation_of_sums(along, factor) < MOST_LEFT)
    return next(good, allowed[-1])


def _correlation_of_sums(along: Floats, factor: int) -> float:
    """Correlation of neighbouring sums of ``factor`` pixels."""
    lag = np.arange(-factor + 1, factor)
    weight = factor - np.abs(lag)
    variance = float(weight @ along[lag % len(along)])
    return float(weight @ along[(lag + factor) % len(along)]) / max(variance, 1e-300)
