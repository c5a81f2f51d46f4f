"""Phases of a compressed spectrum image: pixels that differ by noise and intensity only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.certainty.map_noise import map_covariance, score_excess
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.segmentation.labels import (
    MIXED,
    UNDECIDED,
    Segmentation,
    segmented,
)
from hyperspy_unmix.numerics.segmentation.scattered import NoiseOf, Scattered
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.settings import Choice, Settings, caution

from .counted import Counted

MOST_PIXELS_ASKED = 512  # whose noise stands for that of others of their spectrum
MUCH_MIXED, MUCH_UNDECIDED = 0.5, 0.1  # shares of the pixels that are warned of


@dataclass(frozen=True)
class PhasesFinding:
    """How many phases there are, and how that was found.

    Parameters
    ----------
    names : tuple of str
    ends : tuple of bool
        Whether each phase is the end of a range without gap, where no pixels gather.
    candidates, continuous : int
        Populations that were judged, and those without a spectrum of their own.
    summed : int
        Pixels along each axis of the squares in which phases were looked for as well.
    axes : int
        Of the scan.
    false_alarm : float
    components, asked : int
        Components in which phases were told apart, and those asked for.
    mixed, undecided : float
        Shares of the pixels.
    """

    names: tuple[str, ...]
    ends: tuple[bool, ...]
    candidates: int
    continuous: int
    summed: int
    axes: int
    false_alarm: float
    components: int
    asked: int
    mixed: float
    undecided: float

    def choices(self) -> Settings:
        """In plain words."""
        settings: Settings = {"phases": Choice(len(self.names), self._how)}
        if self.components < self.asked:
            settings["components"] = Choice(
                self.components,
                f"in which phases are told apart: of {self.asked} the others are not above the "
                "noise",
            )
        settings["mixed"] = Choice(
            f"{100 * self.mixed:.1f} %",
            "of the pixels differ from every phase by more than 99 % of the noise: boundaries, "
            "overlaps and ranges of composition",
        )
        if self.undecided > 0:
            settings["undecided"] = Choice(
                f"{100 * self.undecided:.1f} %",
                "of the pixels have too few counts to tell of which phase they are",
            )
        ends = [name for name, is_end in zip(self.names, self.ends, strict=True) if is_end]
        if ends:
            settings["ends of ranges"] = Choice(
                ends,
                "no pixels gather at their spectra, which are the extremes of a range of "
                "composition without gap (or of an overlap); the rest of the range is mixed",
            )
        return settings | self._cautions()

    @property
    def _how(self) -> str:
        squares = ""
        if self.summed > 1:
            shape = " x ".join([str(self.summed)] * self.axes)
            squares = f", in sums of {shape} pixels first, for single ones have few counts"
        return (
            "spectra that pixels share but for noise and intensity, and that differ from each "
            f"other by more than noise; {self.candidates} candidates found with one half of the "
            f"noise and judged with the other{squares}. One that is not there is among them with "
            f"a probability of {self.false_alarm:.2g} at most, as far as the noise is known"
        )

    def _cautions(self) -> Settings:
        settings: Settings = {}
        if not self.names:
            settings |= caution(
                "no phases",
                "no spectrum is shared by enough pixels: all is noise, or changes from pixel to "
                "pixel. Look at s.unmix().plot_overview()",
            )
        elif self.mixed > MUCH_MIXED:
            settings |= caution(
                "mixed pixels",
                f"{100 * self.mixed:.0f} % of the pixels are of no phase: where composition or "
                "overlap changes gradually there is no boundary that noise would draw. Their "
                "shares are in the maps of s.unmix(); u.plot_scatter(0, 1) shows the range",
            )
        if self.undecided > MUCH_UNDECIDED:
            scale = ", ".join(["2"] * self.axes + ["1"])
            settings |= caution(
                "few counts",
                f"{100 * self.undecided:.0f} % of the pixels have too few counts to tell their "
                f"phase: s.rebin(scale=({scale})).phases() shows sums of pixels",
            )
        return settings


def find_phases(
    counted: Counted, n_components: int, false_alarm: float, random_state: int
) -> tuple[Segmentation, LowRank]:
    """Phases in the scores of so many components, and these, with the spectra they belong to."""
    n = components_told_apart(counted, n_components)
    spectra = counted.corrected_components(n)
    image = counted.prepared.image
    places = np.flatnonzero(image.blocks.pixels)
    if counted.count.consensus == 0:
        return _nothing(len(places), false_alarm), spectra
    pixels = Scattered(spectra.scores.astype(float), spectra.weights, _noise_of(counted, spectra))
    found = segmented(pixels, places, image.navigation_shape, false_alarm, random_state)
    return found, spectra


def components_told_apart(counted: Counted, asked: int) -> int:
    """Components above the noise once the physics is out, of those asked for.

    Others are noise of unknown size, or what is left of background and plural scattering.
    """
    count = counted.count
    return min(asked, max(count.consensus, count.after_physics, 1))


def _nothing(pixels: int, false_alarm: float) -> Segmentation:
    return Segmentation(np.full(pixels, MIXED), (), (), 0, 0, 1, false_alarm)


def _noise_of(counted: Counted, spectra: LowRank) -> NoiseOf:
    """Mean covariance of the scores' noise of some pixels, at unit weight."""
    recorded, kernel = counted.recorded, counted.prepared.kernel
    weights = None if kernel is None or kernel.is_none else kernel.inverse[0]
    excess = score_excess(counted.scree_values, *counted.shape, recorded.rank)
    if counted.summed is not None:
        # A pixel turned the component of a sum by its own share of the noise.
        excess = 1 + (excess - 1) / float(np.prod(counted.summed.factors))
    structure = max(counted.above_noise_edge, 1)
    covariance = map_covariance(
        recorded, counted.prepared.noise, spectra.scores, weights, structure, excess
    )

    def noise_of(rows: Index) -> Floats:
        step = np.linspace(0, len(rows) - 1, min(len(rows), MOST_PIXELS_ASKED))
        chosen = rows[np.unique(step.astype(np.intp))]
        weighted = covariance(chosen) * spectra.weights[chosen, None, None]
        return np.asarray(weighted.mean(0) + spectra.model_error)

    return noise_of


def shares(found: Segmentation) -> tuple[float, float]:
    """Shares of the pixels that are mixed and undecided."""
    return float(np.mean(found.labels == MIXED)), float(np.mean(found.labels == UNDECIDED))
