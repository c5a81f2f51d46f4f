"""What a separation knows of an image, or of the images of several detectors at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats, Index, Mask
from hyperspy_unmix.preparation.spectrum_image import Image

from .found_by import Detail

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

GAP = 2  # channels between those of two detectors: no derivative reaches from one to the other


class Separable(Protocol):
    """The axes of an image, as `Image` has them."""

    @property
    def frame(self) -> BaseSignal:
        """Axes and metadata."""

    @property
    def blocks(self) -> RowBlocks:
        """Which pixels count."""

    @property
    def energies(self) -> Floats:
        """Energies of the channels that count."""

    @property
    def positions(self) -> Index:
        """Positions of the channels that count."""

    @property
    def widths_in_values(self) -> Floats:
        """What makes values as recorded of spectra per unit of energy."""

    @property
    def widths_of_values(self) -> Floats:
        """What makes an integral of values as recorded."""

    @property
    def navigation_shape(self) -> tuple[int, ...]:
        """Shape of the scan."""


@dataclass(frozen=True)
class JoinedImages:
    """Images of the same scan, their channels behind each other.

    Parameters
    ----------
    frame : BaseSignal
        Of the first.
    blocks : RowBlocks
        Those of the first, of the pixels that count in all.
    energies : array, shape (channels of all,)
    positions : int array, shape (channels of all,)
    widths_in_values, widths_of_values : array, shape (channels of all,)
        One: energies of several detectors have no unit in common.
    navigation_shape : tuple of int
    """

    frame: BaseSignal
    blocks: RowBlocks
    energies: Floats
    positions: Index
    widths_in_values: Floats
    widths_of_values: Floats
    navigation_shape: tuple[int, ...]

    @classmethod
    def of(cls, images: Sequence[Image], pixels: Mask) -> JoinedImages:
        """Join images of one scan; ``pixels`` (all pixels,) are those that count in all of them."""
        first = images[0]
        positions: list[Index] = []
        start = 0
        for image in images:
            positions.append(image.positions - image.positions[0] + start)
            start = int(positions[-1][-1]) + GAP
        ones = np.ones(sum(len(part) for part in positions))
        return cls(
            frame=first.frame,
            blocks=first.blocks.drop_pixels(~pixels[first.blocks.pixels]),
            energies=np.concatenate([image.energies for image in images]),
            positions=np.concatenate(positions),
            widths_in_values=ones,
            widths_of_values=ones,
            navigation_shape=first.navigation_shape,
        )


@dataclass(frozen=True)
class DetailOfDetectors(Detail):
    """The derivatives of the spectra of several detectors, each as fine as its noise allows.

    Parameters
    ----------
    positions, order, width
        As in `Detail`, of all channels; ``width`` that of the first detector.
    parts : tuple of Detail
        Of each detector.
    factors : tuple of float
        By which the derivatives of each are multiplied.
    shares : tuple of float
        Of the power of all derivatives, that each then has.
    """

    parts: tuple[Detail, ...] = ()
    factors: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()

    @classmethod
    def of_parts(
        cls,
        parts: Sequence[Detail],
        positions: Index,
        shares: Floats,
        components: Floats,
        sd: Floats,
    ) -> DetailOfDetectors:
        """Join several detectors, each with a share of the power of the derivatives.

        Parameters
        ----------
        parts : sequence of Detail
            Of each detector.
        positions : int array, shape (channels of all,)
        shares : array, shape (detectors,)
            Of the power, mean of all directions, that each gets.
        components : array, shape (rank, channels of all)
        sd : array, shape (channels of all,)
            Noise of the channels.
        """
        parts = tuple(parts)
        equal = cls(positions, parts[0].order, parts[0].width, parts, (1.0,) * len(parts))
        each = equal.of_each(components, sd)
        products = [own @ own.T for own in each]
        metric = np.linalg.pinv(np.sum(products, 0))
        powers = [max(float(np.trace(metric @ product)), 1e-12) for product in products]
        factors = tuple(float(f) for f in np.sqrt(shares / powers))
        own_shares = tuple(float(share) for share in shares)
        return cls(positions, parts[0].order, parts[0].width, parts, factors, own_shares)

    def of_each(self, components: Floats, sd: Floats) -> list[Floats]:
        """Derivatives of components (rank, channels of all), of each detector."""
        ends = np.cumsum([len(part.positions) for part in self.parts])[:-1]
        own = zip(self.parts, np.split(components, ends, 1), np.split(sd, ends), strict=True)
        return [part.of(of_one, sd_of_one) for part, of_one, sd_of_one in own]

    def of(self, components: Floats, sd: Floats) -> Floats:
        """The same, one detector's behind the other's."""
        each = zip(self.factors, self.of_each(components, sd), strict=True)
        return np.concatenate([factor * own for factor, own in each], 1)
