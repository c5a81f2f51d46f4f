"""Separation of the components that were counted: how many, what is known of them, which maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hyperspy_unmix.arguments.checks import check_n_components
from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.numerics.corrections.fit_as_recorded import fit_as_recorded
from hyperspy_unmix.numerics.threads import limit_blas_threads
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import Choice, Settings

from .correct_and_count import correct_leading
from .count_again import limited_to_stable
from .counted import Counted
from .factorised import counts_added
from .known_finding import KnownSpectra
from .known_shapes import check_number, known_spectra
from .separated import Separated
from .separation import separate_components


def separate_counted(
    counted: Counted,
    n_components: Any,
    options: SeparationOptions,
    image: Image,
    of_pixels: Callable[[LowRank], LowRank] = lambda spectra: spectra,
) -> tuple[Separated, Settings]:
    """The components, and the choices made for them; who calls warns of the findings.

    Parameters
    ----------
    counted : Counted
    n_components
        As in `hyperspy_unmix.unmix`, or None: ``counted.n_components``.
    options : SeparationOptions
    image : Image
        In which the user knows some, with the channels of ``counted``.
    of_pixels : callable
        Spectra of the pixels of ``image``, from those of ``counted``; default the same.

    Raises
    ------
    ValueError
        If more are asked for than were kept.
    """
    n, corrected = counted.n_components, counted.corrected
    settings = {"n_components": counted.settings["n_components"]}
    if n_components is not None:
        asked = check_n_components(n_components, counted.prepared.image.blocks)
        count = limited_to_stable(counted, counted.count) if asked == "auto" else counted.count
        n, reason = count.chosen(asked)
        if n > counted.raw.rank:
            raise ValueError(
                f"n_components={n}, but this PCA kept {counted.raw.rank}: call "
                f"pca(n_components={n}) for more."
            )
        if n > corrected.spectra.rank:
            corrected = correct_leading(counted.prepared, counted.raw, counted.edge, n)
        settings["n_components"] = Choice(n, reason)
    added = counts_added(options, counted.prepared.noise, counted.prepared.corrections)
    known = _known(counted, options, n, corrected, image, of_pixels)
    spectra = corrected.spectra.truncate(n)
    recorded = fitted_as_recorded(counted, spectra, corrected)
    signal_share = counted.visible(corrected)[:n]
    own = counted.prepared.image
    with limit_blas_threads(own.blocks.shape[0]):
        separated = separate_components(
            own, spectra, signal_share, counted.count, options, recorded, known, added
        )
    return separated, settings | separated.choices


def _known(
    counted: Counted,
    options: SeparationOptions,
    n: int,
    corrected: Corrected,
    image: Image,
    of_pixels: Callable[[LowRank], LowRank],
) -> KnownSpectra | None:
    """What the user knows, in the space of the ``n`` components that are to be found.

    Where all are known, nothing else limits them than what the counts hold.
    """
    if options.known is None:
        return None
    number = len(options.known) if isinstance(options.known, Mapping) else n
    rank = max(n, counted.count.consensus) if number >= n else n
    space = corrected.spectra.truncate(rank)
    visible = counted.visible(corrected)[: space.rank]
    known = known_spectra(options.known, image, of_pixels(space), visible)
    check_number(known, n)
    return known


def fitted_as_recorded(counted: Counted, spectra: LowRank, corrected: Corrected) -> LowRank:
    """Corrected spectra with the scores that fit the counts best, where it matters."""
    kernel = counted.prepared.kernel
    if kernel is None or kernel.is_none:
        return spectra
    return fit_as_recorded(spectra, counted.raw, counted.prepared.corrections, corrected.fits)
