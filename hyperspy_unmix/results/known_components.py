"""Components that are all known: maps by maximum likelihood of the counts (MLLS)."""

from __future__ import annotations

from dataclasses import replace

from hyperspy_unmix.analysis.found_by import BesideKnown

from .known_spectra import maps_of
from .unmixing import Unmixing


def fitted_to_counts(result: Unmixing) -> Unmixing:
    """The same with maps of largest likelihood, if all of its spectra are known; else as it is.

    Non-negative, with their noise; the spectra of each pixel scattered as its low loss has it and
    on its background, as in `Unmixing.apply`.
    """
    found_by = result.separated.found_by
    if not (isinstance(found_by, BesideKnown) and found_by.are_all):
        return result
    if len(found_by.unmixing) < result.n_components:
        return result
    spectra = result.arrays.spectra * result.prepared.image.widths_in_values
    maps, noise = maps_of(result.pca, spectra)
    return replace(result, arrays=replace(result.arrays, maps=maps, map_noise=noise))
