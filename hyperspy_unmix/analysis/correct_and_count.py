"""Corrections of compressed spectra, and the count of what they leave."""

from __future__ import annotations

from dataclasses import dataclass

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.corrections.correct import Corrected, correct
from hyperspy_unmix.numerics.corrections.scattered_background import MOST_MISFIT
from hyperspy_unmix.numerics.threads import limit_blas_threads
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import NO_PHASE, Choice, Settings, caution

from .component_count import MOST_CORRECTED_COMPONENTS, agreed_count, count_components


@dataclass(frozen=True)
class BackgroundFitFinding:
    """What was fitted as background, and how well.

    Parameters
    ----------
    law : str
        Its formula.
    parameters : tuple of float
        Of the formula.
    misfit : float
        What is left in the window, over what noise leaves at most.
    ranges : tuple of (float, float)
        First and last energy of each window.
    """

    law: str
    parameters: tuple[float, ...]
    misfit: float
    ranges: tuple[tuple[float, float], ...]

    def choices(self) -> Settings:
        """In plain words."""
        misfit = "within its noise" if self.misfit <= 1 else f"not within noise ({self.misfit:.2g})"
        goodness = f"describes the window {misfit}"
        fit = Choice(self.law, goodness)
        if self.parameters:
            fit = Choice(self.parameters, f"{self.law}; {goodness}")
        said = {"background fit": fit}
        if self.misfit <= MOST_MISFIT:
            return said
        start, end = self.ranges[-1]
        window = f"background=({(start + end) / 2:.4g}, {end:.4g})"
        part = f"{window}, the half of it next to the edge"
        if len(self.ranges) > 1:
            window = f"background=({start:.4g}, {end:.4g})"
            part = f"one window alone, {window}"
        hint = (
            f"the background is not of the shape that was fitted: {self.misfit:.2g} times what "
            "noise leaves at most is left in its window. The window holds an edge or a bump, or "
            "the background is bent; what is behind it is wrong by more than its errors say. "
            f"Look at it (background=None shows the counts), and try {part}"
        )
        short = f"The background does not fit its window ({self.misfit:.2g} × noise): try {window}."
        return said | caution("background fit", hint, short, NO_PHASE)


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
