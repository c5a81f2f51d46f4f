"""Components that only sums of neighbouring pixels show, where they are not looked for in these.

Sums of b pixels show what is weaker by the root of b. Where the counts need corrections, or are
many, components are those of single pixels; what these miss is at least said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.map_correlation import neighbour_significance
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.corrections.significance import order_by_significance
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.reading.sums_of_pixels import cells_of_pixels
from hyperspy_unmix.numerics.types import Floats, Index, Mask
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.summed_image import factors_along_axes
from hyperspy_unmix.settings import MISSING, Choice, Settings, caution, part_of_one

from .component_count import MOST_CORRECTED_COMPONENTS, MOST_DISAGREEMENT
from .counted import Counted
from .summed_pixels import along_components
from .tried_sums import COMPONENTS_OF_NOISE, PcaOfSums, pca_of_sums

FACTORS = (4, 2)  # pixels that are summed along each axis of the scan; the first that show more
MOST_PIXELS_OF_SMALL_SUMS = 10_000  # with more, the PCA of 2 x 2 takes a third of the whole
# Standard deviations from which neighbours in the map of the sums are alike, and over those of
# noise: one component is asked, and it is above the noise edge besides.
LEAST_SIGNIFICANCE, REFERENCE_FACTOR = 4.0, 2.0
# Over the noise edge, once corrected: noise alone reaches that, and the neighbours tell.
LEAST_CORRECTED = 0.95


@dataclass(frozen=True)
class FaintFinding:
    """How many more components sums of pixels show.

    Parameters
    ----------
    number : int
        Beyond those of single pixels.
    factors : tuple of int
        Pixels that were summed along each axis of the scan, HyperSpy's order.
    strength : float
        Of the weakest that the sums show, over their noise edge, as recorded.
    has_low_loss : bool
    """

    number: int
    factors: tuple[int, ...]
    strength: float
    has_low_loss: bool

    def choices(self) -> Settings:
        """In plain words."""
        pixels = " x ".join(map(str, self.factors))
        scale = ", ".join(map(str, (*self.factors, 1)))
        more = "1 component" if self.number == 1 else f"{self.number} components"
        low_loss = ", with the low loss summed alike" if self.has_low_loss else ""
        hint = (
            f"sums of {pixels} pixels show {more} more, {self.strength:.3g} times what noise "
            "reaches: a weak phase, a slow change of one (damage, absorption, drift) or a trace of "
            "the detector. A phase would be missing here, and mixed into what is found. Single "
            "pixels are too noisy for it, whatever n_components: unmix the sums, "
            f"s.rebin(scale=({scale})).unmix(...){low_loss}; apply(s) of that result gives maps of "
            "single pixels. What these do not show either takes more counts"
        )
        short = (
            f"Sums of {pixels} pixels show {more} more ({self.strength:.3g} × noise): "
            f"s.rebin(scale=({scale})).unmix()."
        )
        weight = MISSING + part_of_one(self.strength - 1, 1.0)
        return caution("faint component", hint, short, weight)


@dataclass(frozen=True)
class FaintNotSought:
    """Sums of pixels were not looked at: lazy data would be read once or twice more for them.

    Parameters
    ----------
    factors : tuple of int
        Pixels to sum along each axis of the scan, HyperSpy's order.
    """

    factors: tuple[int, ...]

    def choices(self) -> Settings:
        """In plain words."""
        scale = ", ".join(map(str, (*self.factors, 1)))
        reason = (
            "not looked for: lazy data would be read twice more. What sums of pixels show, "
            f"signal.rebin(scale=({scale})).unmix() tells"
        )
        return {"faint components": Choice(None, reason)}


def find_faint(
    single: Counted, tried: Mapping[tuple[int, ...], PcaOfSums] | None = None
) -> FaintFinding | FaintNotSought | None:
    """Components of sums of pixels that single pixels do not show; None where there are none.

    Only of Poisson counts, whose sums have the same noise model, and where the energies do not
    drift: a drift that is taken out well enough of single pixels may show in sums. ``tried`` are
    the sums (by factor) that are known already.
    """
    prepared = single.prepared
    neighbours = single.scree_of_pixels.neighbours
    has_drift = prepared.drift is not None and prepared.drift.applied
    is_shared = neighbours is not None and neighbours.is_shared
    if prepared.noise.kind != "poisson" or single.summed is not None or has_drift or is_shared:
        return None
    shape, is_large = prepared.image.navigation_shape, single.shape[0] > MOST_PIXELS_OF_SMALL_SUMS
    possible = FACTORS[:1] if is_large else FACTORS
    each = dict.fromkeys(factors_along_axes(shape, factor) for factor in possible)
    sums = [factors for factors in each if max(factors) > 1]
    if sums and prepared.image.blocks.is_lazy:
        return FaintNotSought(sums[0][::-1])
    for factors in sums:
        found = _more_in_sums(single, factors, (tried or {}).get(factors))
        if found is not None:
            return found
    return None


def _more_in_sums(
    single: Counted, factors: tuple[int, ...], sums: PcaOfSums | None
) -> FaintFinding | None:
    """What these sums, if they are known, show beyond single pixels."""
    prepared = single.prepared
    known = single.above_noise_edge
    least_rank = known + COMPONENTS_OF_NOISE
    if sums is None or sums.raw.rank < least_rank:
        sums = pca_of_sums(prepared, factors, least_rank)
    scree, above = sums.scree, sums.scree.above_noise_edge
    # More are what a noise model that is not quite right makes of sums.
    if above > known + MOST_DISAGREEMENT or above > MOST_CORRECTED_COMPONENTS:
        return None
    counted = single.count.consensus + single.count.drift
    if above <= counted:
        return None
    raw, values, least = sums.raw.truncate(max(above, least_rank)), scree.values, 1.0
    if prepared.corrections.corrections:
        raw, values = _corrected_sums(prepared, raw.truncate(above), scree, factors)
        least = LEAST_CORRECTED
    elif above <= known:
        return None
    reached = leading_count(values[:above] > least)
    number = leading_count(_alike(raw, sums)[counted:reached])
    if not number:
        return None
    low_loss = prepared.low_loss is not None
    return FaintFinding(number, factors[::-1], float(scree.values[above - 1]), low_loss)


def _alike(spectra: LowRank, sums: PcaOfSums) -> Mask:
    """Which components have maps whose neighbours are alike."""
    significance = neighbour_significance(spectra.scores, spectra.weights, sums.pixels, sums.scan)
    of_noise = np.abs(significance[sums.scree.above_noise_edge :])
    reference = REFERENCE_FACTOR * float(of_noise.max()) if of_noise.size else 0.0
    return np.asarray(significance > max(LEAST_SIGNIFICANCE, reference))


def _corrected_sums(
    prepared: Prepared, of_sums: LowRank, scree: Scree, factors: tuple[int, ...]
) -> tuple[LowRank, Floats]:
    """The components of the sums with each pixel's own corrections, summed; and their strength."""
    single = along_components(prepared, of_sums)
    corrected, _ = prepared.corrections.remove(single, scree.edge)
    image = prepared.image
    cells, _ = cells_of_pixels(image.navigation_shape, factors)
    numbers = np.unique(cells[image.blocks.pixels], return_inverse=True)[1]
    return order_by_significance(summed_spectra(corrected, numbers), scree.edge)


def summed_spectra(spectra: LowRank, cells: Index) -> LowRank:
    """Sums of compressed spectra, ``cells`` (pixels,) those that are summed together.

    Noise of the pixels is independent, errors of the physics are the same in all of them.
    """
    number = int(cells.max()) + 1
    scores, variance = np.zeros((number, spectra.rank)), np.zeros(number)
    np.add.at(scores, cells, spectra.scores)
    np.add.at(variance, cells, 1 / spectra.weights)
    pixels = len(cells) / number
    return replace(
        spectra,
        scores=scores,
        weights=1 / variance,
        model_error=spectra.model_error * pixels,
    )
