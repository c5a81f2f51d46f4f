"""Component spectra and maps as ordinary HyperSpy signals, and the choices behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hyperspy_unmix.analysis.separation_findings import concentrations, detector_steps, flags
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, Finding, FrozenSettings, choices_of

from . import summary_text, uncertainty
from .ambiguity import SpectralAmbiguity
from .background_error import find_extrapolation
from .disagreement import disagreement
from .naming import find_place
from .specimen_and_fit import SpecimenAndFit

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


class OneComponent(NamedTuple):
    """Spectrum and map of one component.

    Parameters
    ----------
    spectrum : BaseSignal
        Of integral one, as in `Components.spectra`.
    map : BaseSignal
        In counts, as in `Components.maps`.
    """

    spectrum: BaseSignal
    map: BaseSignal


class Components(SpecimenAndFit):
    """Component spectra and maps of a spectrum image.

    Unpacks into ``(spectra, maps)``. Components are in the order of the counts they explain.

    Parameters
    ----------
    names : tuple of str
        Names of the components; their numbers unless `rename` was called.
    choices : mapping of str to (value, reason)
        Every choice made, the automatic ones included; ``settings`` adds what is to be known of
        single components.
    pca : PCA
        What was unmixed.
    arrays : Normalised
        The numbers behind the signals.
    separated : Separated
        How the components were found, which tells how sure they are.
    calls : tuple of str
        What was called to get it, see ``code``.
    asked : Asked
        Options that it was made with, see `recipe`.
    excluded : tuple of int
        Components left out of figures, model and exports, see `exclude`.
    """

    @cached_property
    def settings(self) -> Mapping[str, Choice]:
        """Every choice made, and what is to be known of single components."""
        image = self.prepared.image
        pixels = np.flatnonzero(image.blocks.pixels)
        in_one_place = concentrations(
            self.arrays.maps, self.names, pixels, image.navigation_shape, self.prepared.unit
        )
        is_pure = isinstance(self.separated.found_by, PurePixels)
        flagged = flags(self.arrays, self.names, self.prepared.unit, is_pure=is_pure)
        spectra = self.arrays.spectra * image.widths_in_values
        steps = detector_steps(spectra, self.names, image)
        last = choices_of(self.own_findings)
        return FrozenSettings({**self.choices, **flagged, **in_one_place, **steps, **last})

    @property
    def own_findings(self) -> tuple[Finding, ...]:
        """What ``settings`` say of what the components leave, and of the background in them."""
        of_background = find_extrapolation(self.pca, self.names, self._background_spread)
        return (self.residual_finding, *(() if of_background is None else (of_background,)))

    def __iter__(self) -> Iterator[BaseSignal]:
        return iter((self.spectra, self.maps))

    def __len__(self) -> int:
        """Number of components."""
        return self.n_components

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, component: int | str) -> OneComponent:
        """One component, by its number or name: its spectrum and its map.

        Raises
        ------
        ValueError
            If there is no such component.
        """
        i = find_place(component, self.names)
        spectrum, image = self.spectra.inav[i], self.maps.inav[i]
        for signal in (spectrum, image):
            title = signal.metadata.get_item("General.title", default="")
            signal.metadata.General.title = f"{title}: {self.labels[i]}"
        return OneComponent(spectrum, image)

    @property
    def stability(self) -> Floats:
        """Stability index of each component, from 0 to 1, shape (components,).

        How closely the component is reproduced when the analysis is repeated with new noise, other
        starting points of the ICA and another mixing by chance (or other pixels, where these
        decide). Below 0.5 it is called not reproducible.
        """
        return self.separated.stability[self.arrays.origin]

    @cached_property
    def ambiguity(self) -> SpectralAmbiguity:
        """How far each spectrum may hold more or less of the others, and bands of the spectra.

        Other spectra and maps describe the counts just as well. This is how far they can be from
        those shown before they become more negative than noise allows: the rotational ambiguity of
        the chemometric literature.
        """
        return uncertainty.spectral_ambiguity(
            self.separated, self.arrays, self.prepared.image, self.names, self._other_answers
        )

    @property
    def findings(self) -> Mapping[str, Choice]:
        """What a reader of the summary should know about how sure the components are."""
        of_fit = uncertainty.goodness_choices(self._sampled_chi_square)
        films = uncertainty.may_lie_under(self.separated, self.arrays)
        of_certainty = uncertainty.choices(self.unstable, self.ambiguity, films)
        other = disagreement(self.separated, self.arrays, self.names)
        of_other = {} if other is None else other.choices(self._other_answers)
        # Where counts are few, maps of single pixels show little.
        sums = self.pca.summed
        are_smoothed = sums is not None and sums.are_pixels_summed
        of_maps = self.smoothing.choices() if are_smoothed else {}
        return FrozenSettings(of_certainty | of_other | of_fit | of_maps)

    @property
    def unstable(self) -> list[str]:
        """Names of the components whose stability is below what is called stable."""
        return uncertainty.unstable(self.stability, self.names)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Component, counts, share and stability of each component, as they are printed.

        Shares are of the counts that components add; one below zero says what it is.
        """
        widths = self.prepared.image.channel_widths
        counts = self.arrays.maps.sum(0) * (self.arrays.spectra @ widths)
        return summary_text.rows(self.names, counts, self.stability)

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        return f"Unmixing of {summary_text.name(self.prepared)}: {self.n_components} component{s}"
