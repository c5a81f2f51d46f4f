"""The zero-loss peak's tail under its own low loss, as a correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

from .chain import RemovalFromCounts, subtraction


@dataclass(frozen=True)
class ZeroLossTail:
    """What the zero-loss peak leaves in the channels behind it; known before any fit.

    Parameters
    ----------
    scores : array, shape (pixels, any)
        Zero-loss counts.
    components : array, shape (any, channels)
        The tail of a peak of one count.
    """

    scores: Floats
    components: Floats

    name: ClassVar[str] = "zero-loss tail"
    adds: ClassVar[bool] = True

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, None]:
        """Subtract it; see `chain.Correction`."""
        return spectra.append_components(-self.scores, self.components), None

    def restore(
        self, scores: Floats, components: Floats, fit: None = None
    ) -> tuple[Floats, Floats]:
        """Add it."""
        return (
            np.concatenate([scores, self.scores], 1),
            np.concatenate([components, self.components]),
        )

    def removal_from_counts(self, fit: None = None) -> RemovalFromCounts:
        """Subtract it from spectra that are not compressed."""
        return subtraction(self.scores, self.components)
