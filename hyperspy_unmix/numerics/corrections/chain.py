"""What is taken out of the counts as recorded, in its order, and how it is put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

Fits = Mapping[str, Any]
Found = TypeVar("Found")


class RemovalFromCounts(NamedTuple):
    """How a correction is taken out of spectra that are not compressed.

    Parameters
    ----------
    per_pixel : tuple of arrays, each of shape (pixels, ...)
        What it needs of every pixel.
    remove : callable
        Of spectra (rows, channels) and these arrays for the same rows: the spectra without it.
    """

    per_pixel: tuple[Floats, ...]
    remove: Callable[[Floats, tuple[Floats, ...]], Floats]


class Correction(Protocol):
    """Something that is in the counts as recorded and not in what is unmixed.

    ``name`` is what summaries call it; ``adds`` tells whether it is added to the spectra (a
    background), or changes them (a shift).
    """

    name: ClassVar[str]
    adds: ClassVar[bool]

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, Any]:
        """Spectra without it, and what was fitted to them for that (or None).

        ``edge`` is the noise edge of the counts as recorded: what is far below it may be dropped.
        """
        ...

    def restore(self, scores: Floats, components: Floats, fit: Any) -> tuple[Floats, Floats]:
        """Scores (pixels, any) and components (any, channels) with it."""
        ...

    def removal_from_counts(self, fit: Any) -> RemovalFromCounts:
        """The same for spectra that are not compressed."""
        ...


@dataclass(frozen=True)
class Chain:
    """Corrections in the order in which they are taken out; they are put back in reverse.

    Parameters
    ----------
    corrections : tuple of Correction
        No two of the same name.
    """

    corrections: tuple[Correction, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What summaries call them."""
        return tuple(correction.name for correction in self.corrections)

    def find(self, kind: type[Found]) -> Found | None:
        """The correction of this kind, or None."""
        return next((c for c in self.corrections if isinstance(c, kind)), None)

    @property
    def without_additions(self) -> Chain:
        """Those that change spectra, without those that are added to them."""
        return Chain(tuple(c for c in self.corrections if not c.adds))

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, Fits]:
        """Spectra without them, and what was fitted for that, by the correction's name."""
        fits = {}
        for correction in self.corrections:
            spectra, fit = correction.remove(spectra, edge)
            if fit is not None:
                fits[correction.name] = fit
        return spectra, fits

    def restore(self, scores: Floats, components: Floats, fits: Fits) -> tuple[Floats, Floats]:
        """Scores (pixels, any) and components (any, channels) as they were recorded."""
        for correction in reversed(self.corrections):
            fit = fits.get(correction.name)
            scores, components = correction.restore(scores, components, fit)
        return scores, components

    def added(self, shape: tuple[int, int], fits: Fits) -> tuple[Floats, Floats]:
        """All that is added to the spectra, as it was recorded.

        ``shape`` are the numbers of pixels and channels.
        """
        return self.restore(np.zeros((shape[0], 0)), np.zeros((0, shape[1])), fits)

    def recorded_shapes(self, spectra: Floats, n_pixels: int) -> tuple[Floats, Floats]:
        """Spectra (components, channels) as each pixel records them.

        Returns
        -------
        weights : array, shape (pixels, shapes)
        shapes : array, shape (components, shapes, channels)
            A pixel records component i as ``weights @ shapes[i]``.
        """
        changes, one_each = self.without_additions, np.ones((n_pixels, 1))
        recorded = [changes.restore(one_each, spectrum[None], {}) for spectrum in spectra]
        # The weights are those of the pixels, whatever the spectrum.
        weights = recorded[0][0]
        return weights, np.stack([shapes for _, shapes in recorded])

    def removal_from_counts(self, fits: Fits) -> RemovalFromCounts:
        """How they are taken out of spectra that are not compressed."""
        steps = [c.removal_from_counts(fits.get(c.name)) for c in self.corrections]
        numbers = [len(step.per_pixel) for step in steps]

        def remove(spectra: Floats, per_pixel: tuple[Floats, ...]) -> Floats:
            first = 0
            for step, number in zip(steps, numbers, strict=True):
                spectra = step.remove(spectra, per_pixel[first : first + number])
                first += number
            return spectra

        return RemovalFromCounts(tuple(array for step in steps for array in step.per_pixel), remove)


def subtraction(scores: Floats, components: Floats) -> RemovalFromCounts:
    """How ``scores @ components`` are taken out of spectra that are not compressed."""

    def remove(spectra: Floats, per_pixel: tuple[Floats, ...]) -> Floats:
        return spectra - per_pixel[0] @ components

    return RemovalFromCounts((scores,), remove)
