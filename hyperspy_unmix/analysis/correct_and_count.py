"""Corrections of compressed spectra, and the count of what they leave."""

from __future__ import annotations

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.corrections.background_fit import BackgroundFit
from hyperspy_unmix.numerics.corrections.correct import Corrected, correct
from hyperspy_unmix.numerics.threads import limit_blas_threads
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import Choice

from .component_count import MOST_CORRECTED_COMPONENTS, agreed_count, count_components


def background_choice(fit: BackgroundFit) -> Choice:
    """What was fitted and how well, in plain words."""
    misfit = "within its noise" if fit.misfit <= 1 else f"not within noise ({fit.misfit:.2g})"
    goodness = f"describes the window {misfit}"
    if not fit.parameters:
        return Choice(fit.law, goodness)
    return Choice(fit.parameters, f"{fit.law}; {goodness}")


def correct_and_count(
    prepared: Prepared, raw: LowRank, scree: Scree, count: ComponentCount | None = None
) -> tuple[Corrected, ComponentCount]:
    """Correct the components that the counts agree on, and count; unless ``count`` is known."""
    rank = max(min(agreed_count(scree), MOST_CORRECTED_COMPONENTS), 1)
    blocks = prepared.image.blocks
    ticks = blocks.progress("background, plural scattering", 2 * blocks.shape[0])
    with ticks as done, limit_blas_threads(blocks.shape[0]):
        corrected = correct_leading(prepared, raw, scree.edge, rank)
        done(blocks.shape[0])
        # The count corrects shares of the data, which costs about as much again.
        if count is None:
            count = count_components(prepared, raw, scree, corrected)
        done(blocks.shape[0])
    return corrected, count


def correct_leading(prepared: Prepared, raw: LowRank, edge: float, rank: int) -> Corrected:
    """The ``rank`` leading components, corrected."""
    return correct(raw.truncate(rank), edge, prepared.corrections)
