"""What several detectors saw of one scan, unmixed together: one `Unmixing` for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix import plotting
from hyperspy_unmix.analysis.separated_of_detector import SeparatedOfDetector
from hyperspy_unmix.components import summary_text
from hyperspy_unmix.components.as_signals import as_maps
from hyperspy_unmix.settings import Choice, in_words

from .unmixing import Unmixing

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.numerics.types import Mask


@dataclass(frozen=True, eq=False, repr=False)
class Detectors(Mapping[str, Unmixing]):
    """Components that several detectors share, as each of them shows them.

    ``result["EELS"]`` is an ordinary `Unmixing` with the spectra, backgrounds, corrections and
    errors of this detector. Names, order and maps of the components are the same in all: but for a
    factor for each component and detector, for what plural scattering takes from single scattering
    in thick pixels (EELS with a low loss: ``exp(-t/lambda)``), and for gains of the pixels of one
    detector against the other, where they are seen (``settings["gains"]``).

    Parameters
    ----------
    results : mapping of str to Unmixing
        By the names of the detectors.
    settings : mapping of str to (value, reason)
        What was decided from all detectors together; each result has its own beside these.
    pixels : bool array, shape (all pixels,)
        Those that count for every detector.
    """

    results: Mapping[str, Unmixing]
    settings: Mapping[str, Choice]
    pixels: Mask

    def __getitem__(self, detector: str) -> Unmixing:
        if detector not in self.results:
            raise KeyError(f"there is no detector {detector!r}, only {', '.join(self.results)}")
        return self.results[detector]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components, the same in all detectors."""
        return self._first.names

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.names)

    @cached_property
    def maps(self) -> BaseSignal:
        """(Component | x, y): how much of each component there is, its mean over the scan one.

        Their variance is in ``metadata.Signal.Noise_properties``. NaN in pixels that do not count
        in every detector. Of each detector in counts: ``result["EELS"].maps``.
        """
        separated, order = self._first.separated, self._first.arrays.origin
        assert isinstance(separated, SeparatedOfDetector)
        maps, variance = (values[:, order] for values in separated.shared)
        mean = np.abs(maps.mean(0))
        scale = np.where(mean > 0, mean, 1.0)
        image = self._first.prepared.image
        blocks = image.blocks.drop_pixels(~self.pixels[image.blocks.pixels])
        image = replace(image, blocks=blocks, empty_pixels=None)
        quantity = "Amount (mean 1)"
        return as_maps(image, maps / scale, "shared maps", quantity, variance / scale**2)

    def rename(self, names: Sequence[str]) -> Detectors:
        """The same with other names for the components, in all detectors.

        Parameters
        ----------
        names : sequence of str
            One for each component, all different.

        Raises
        ------
        TypeError, ValueError
            If they are not that.
        """
        return replace(self, results={d: u.rename(names) for d, u in self.results.items()})

    def reorder(self, order: Sequence[int | str]) -> Detectors:
        """The same with the components in another order, in all detectors.

        Parameters
        ----------
        order : sequence of int or str
            Numbers or names of all components, each once, in the order they shall have.

        Raises
        ------
        TypeError, ValueError
            If a component is missing or there twice.
        """
        return replace(self, results={d: u.reorder(order) for d, u in self.results.items()})

    def plot(self) -> Any:
        """One figure, which it returns: spectra of every detector beside the shared maps."""
        return plotting.plot_detectors(self.results, self.maps, self.title)

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        number = int(self.pixels.sum())
        return (
            f"Unmixing of {in_words(list(self.results))}, one scan ({number} pixels): "
            f"{self.n_components} component{s}"
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Component, its share of the counts of each detector and stability, as printed."""
        shares = [[row[2] for row in result.rows()] for result in self.results.values()]
        stability = self._first.stability
        return [
            (name, *of_one, f"{index:.2f}")
            for name, *of_one, index in zip(self.names, *shares, stability, strict=True)
        ]

    def __repr__(self) -> str:
        table = [
            (
                f"component {name}: "
                + ", ".join(f"{s} of {d}" for s, d in zip(shares, self.results, strict=True))
                + f", stability {index}",
            )
            for name, *shares, index in self.rows()
        ]
        return summary_text.text(self.title, self.settings, table)

    def _repr_html_(self) -> str:
        head = ("component", *(f"share of {d}" for d in self.results), "stability")
        return summary_text.html(self.title, self.settings, (head, *self.rows()))

    @property
    def _first(self) -> Unmixing:
        return next(iter(self.results.values()))
