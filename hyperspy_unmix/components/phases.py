"""Phases as HyperSpy signals: label map, mean spectra, areas, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.phases import PhasesFinding, shares
from hyperspy_unmix.arguments import code_to_repeat as calls
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.segmentation.labels import LEFT_OUT, Segmentation
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.settings import Choice, FrozenSettings

from . import summary_text
from .as_signals import as_labels
from .mean_spectra import mean_spectra, mean_values
from .naming import called, check_names, find_place

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

LEAST_SHARE_OF_NAME = 0.8  # of a phase's counts, of the component that it is named after
LEAST_SHARE_NAMED = 0.15  # the same, of those in the name of a mixture


@dataclass(frozen=True, eq=False, repr=False)
class PhaseRegions:
    """Homogeneous regions of a spectrum image: pixels that differ by noise and intensity only.

    Phases are in the order of their areas. What is of no phase is mixed (boundaries, overlaps,
    ranges of composition) or undecided (too few counts).

    Parameters
    ----------
    names : tuple of str
        Of the phases: those of the components that they are made of, or numbers; see `rename`.
    asked : int
        Components that were asked for.
    pca : Compressed
        The compressed spectrum image.
    found : Segmentation
        The phase of each pixel, and the numbers behind the spectra.
    compressed : LowRank
        Scores and spectra in which phases were told apart.
    calls : tuple of str
        What was called to get it, see ``code``.
    """

    names: tuple[str, ...]
    asked: int
    pca: Compressed = field(repr=False)
    found: Segmentation = field(repr=False)
    compressed: LowRank = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def finding(self) -> PhasesFinding:
        """How many phases there are, and how that was found."""
        mixed, undecided = shares(self.found)
        return PhasesFinding(
            self.names,
            tuple(population.is_range for population in self.found.populations),
            self.found.candidates,
            self.found.continuous,
            self.found.summed,
            sum(n > 1 for n in self.pca.prepared.image.navigation_shape),
            self.found.false_alarm,
            self.compressed.rank,
            self.asked,
            mixed,
            undecided,
        )

    @property
    def settings(self) -> Mapping[str, Choice]:
        """Every choice made, those of the phases first."""
        of_pca = {k: v for k, v in self.pca.settings.items() if k != "n_components"}
        return FrozenSettings(self.finding.choices() | of_pca)

    @property
    def code(self) -> str:
        """What to type for the same result: ``s`` is the signal."""
        return calls.code(self.calls)

    @cached_property
    def labels(self) -> BaseSignal:
        """Number of each pixel's phase, (| x, y): -1 mixed, -2 undecided, -3 left out."""
        return as_labels(self.pca.prepared.image, self.found.labels, "phases", LEFT_OUT)

    @cached_property
    def spectra(self) -> BaseSignal:
        """Mean spectra (Phase | energy), of integral one over the axis, and their variance.

        As `Unmixing.spectra`: without background, of single scattering where a low loss was used;
        ``known={"core": phases.spectra.inav[0]}`` takes one. The variance is that of the counts in
        the pixels of the phase, channel by channel.
        """
        signal = mean_spectra(self.pca, self.compressed, self._groups, "mean spectra of phases")
        signal.axes_manager.navigation_axes[0].name = "Phase"
        return signal

    @property
    def spectra_uncertainty(self) -> BaseSignal:
        """Standard deviation of `spectra`; infinite in channels that were left out."""
        signal = self.spectra.get_noise_variance().deepcopy()
        signal.data = np.sqrt(signal.data)
        signal.metadata.General.title = "mean spectra of phases, standard deviation"
        return signal

    @property
    def counts(self) -> Floats:
        """Mean counts of a pixel of each phase, shape (phases,)."""
        return mean_values(self.pca, self.compressed, self._groups)[1]

    @property
    def areas(self) -> dict[str, float]:
        """Share of the pixels of each phase, by name, then of mixed and of undecided ones."""
        mixed, undecided = shares(self.found)
        areas = {name: float(a) for name, a in zip(self.names, self.found.areas, strict=True)}
        return areas | {"(mixed)": mixed, "(undecided)": undecided}

    def mask(self, phase: int | str) -> BaseSignal:
        """Where a phase is: True in its pixels, (| x, y).

        Parameters
        ----------
        phase : int or str
            Its number or name.

        Returns
        -------
        BaseSignal
            Of booleans, which ``known`` takes; ``~mask`` is a ``navigation_mask``.

        Raises
        ------
        ValueError
            If there is no such phase.
        """
        place = find_place(phase, self.names)
        mask = self.labels._deepcopy_with_new_data(self.labels.data == place)
        mask.metadata.General.title = f"pixels of {called(self.names[place], place, 'phase')}"
        return mask

    def rename(self, names: Sequence[str]) -> Self:
        """The same phases with other names.

        Parameters
        ----------
        names : sequence of str
            One for each phase, all different.

        Raises
        ------
        TypeError, ValueError
            If they are not that.
        """
        new = check_names(names, len(self))
        return replace(self, names=new, calls=(*self.calls, f"rename({list(new)!r})"))

    @cached_property
    def _groups(self) -> list[Index]:
        """Rows of the pixels of each phase."""
        return [np.flatnonzero(self.found.labels == i) for i in range(len(self))]

    def rows(self) -> list[tuple[str, ...]]:
        """Name, area, pixels, counts of a pixel and kind of each phase, as they are printed."""
        labels, counts_of = self.found.labels, self.counts
        rows: list[tuple[str, ...]] = []
        for i, name in enumerate(self.names):
            population = self.found.populations[i]
            kind = "population" if population.is_phase else "few pixels"
            kind = "end of a range" if population.is_range else kind
            pixels = int(np.sum(labels == i))
            area = f"{100 * pixels / len(labels):.1f} %"
            rows.append((called(name, i, "phase"), area, str(pixels), f"{counts_of[i]:.4g}", kind))
        for name, share in zip(("mixed", "undecided"), shares(self.found), strict=True):
            pixels = round(share * len(labels))
            rows.append((name, f"{100 * share:.1f} %", str(pixels), "-", "-"))
        return rows

    @property
    def head(self) -> tuple[str, ...]:
        """Head of the table."""
        unit = self.pca.prepared.unit
        return ("phase", "area", "pixels", f"{unit} per pixel", "kind")

    @property
    def title(self) -> str:
        """One line: how many phases of what."""
        s = "s" * (len(self) != 1)
        return f"{len(self)} phase{s} of {summary_text.name(self.pca.prepared)}"

    def __repr__(self) -> str:
        return summary_text.text(self.title, self.settings, [self.head, *self.rows()])

    def _repr_html_(self) -> str:
        return summary_text.html(self.title, self.settings, (self.head, *self.rows()))


def suggested_names(component_names: Sequence[str], fractions: Floats) -> tuple[str, ...]:
    """Names of phases after the components they are made of; numbers where these have none.

    Parameters
    ----------
    component_names : sequence of str
    fractions : array, shape (phases, components)
        Of the counts of each phase.
    """
    numbers = tuple(str(i) for i in range(len(fractions)))
    if all(name.isdigit() for name in component_names):
        return numbers
    names: list[str] = []
    for row in fractions:
        order = [int(j) for j in np.argsort(-row)]
        parts = order[:1]
        if row[order[0]] < LEAST_SHARE_OF_NAME:
            parts = [j for j in order if row[j] >= LEAST_SHARE_NAMED] or parts
        name = base = " + ".join(called(component_names[j], j) for j in parts)
        repeat = 2
        while name in names:
            name, repeat = f"{base} ({repeat})", repeat + 1
        names.append(name)
    return tuple(names)
