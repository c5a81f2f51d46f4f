"""How many components: what the different counts say of one image, and what is made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.map_correlation import (
    has_alike_neighbours,
    neighbour_significance,
)
from hyperspy_unmix.numerics.compression.number_of_components import (
    MOST_AUTOMATIC_COMPONENTS,
    ComponentCount,
    choose_rank,
    expected_squared_cosines,
)
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.split_half import count_repeated
from hyperspy_unmix.numerics.corrections.aliasing import Aliasing
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.corrections.channel_pattern import ChannelPattern
from hyperspy_unmix.numerics.corrections.correct import Corrected, corrected_significance
from hyperspy_unmix.numerics.corrections.zero_loss_tail import ZeroLossTail
from hyperspy_unmix.numerics.drift.drift_components import drift_components
from hyperspy_unmix.numerics.noise.noise_edge import elbow, leading_count
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.prepare import Prepared

LEAST_NOISE_COMPONENTS = 10  # below the noise edge, that the elbow is measured against
LEAST_EFFECTIVE_PIXELS = 100  # whose noise edge is trusted where neighbours share their noise
MOST_DISAGREEMENT = 2  # components above the noise edge that the other counts may not see
MOST_ERRORS_LEFT = 3.0  # of a drift's own error, that may be left of it once it is taken out
MOST_CORRECTED_COMPONENTS = MOST_AUTOMATIC_COMPONENTS  # that go through the corrections


def three_counts(scree: Scree) -> tuple[int, int, int]:
    """The number of components by the noise edge, by the elbow of the scree, by split half."""
    above_edge = scree.above_noise_edge
    searched = max(2 * LEAST_NOISE_COMPONENTS, above_edge + LEAST_NOISE_COMPONENTS)
    return above_edge, elbow(scree.values, searched), count_repeated(scree.repeats)


def agreed_count(scree: Scree) -> int:
    """Number of components of the data as recorded: the median of three counts.

    Noise that neighbouring pixels share repeats in other shares of the counts: then it is the
    noise edge, and where they are worth few independent pixels no more than the elbow.
    """
    above_edge, bend, repeated = three_counts(scree)
    neighbours = scree.neighbours
    if neighbours is not None and neighbours.is_shared:
        effective = neighbours.effective_share * scree.shape[0]
        return above_edge if effective > LEAST_EFFECTIVE_PIXELS else min(above_edge, bend)
    return int(np.median([above_edge, bend, repeated]))


def count_components(
    prepared: Prepared, raw: LowRank, scree: Scree, corrected: Corrected
) -> ComponentCount:
    """Count, agree, leave out what is not a phase, and say why.

    The median of three counts of the data as recorded, less the components that an energy drift
    makes, and no more than are left, and repeat, once corrections are made.
    """
    above_edge, bend, repeated = three_counts(scree)
    agreed, ending = agreed_count(scree), ""
    if not above_edge == bend == repeated:
        ending = f" (noise edge {above_edge}, elbow {bend}, split half {repeated})"
    alike = agreed
    if scree.neighbours is None or not scree.neighbours.is_shared:
        alike = _count_alike_neighbours(prepared, raw, agreed, above_edge)
    if alike > agreed:
        ending = (
            f", {alike - agreed} of them since neighbouring pixels of the map are alike{ending}"
        )
        agreed = alike
    leading = raw.truncate(min(max(agreed, 1), raw.rank))
    # Leave out what an energy drift makes.
    drift, shifted, drift_channels = _count_drift(prepared, leading, scree)
    if shifted:
        ending = (
            f", {shifted} of them a shift of whole spectra in some regions ({drift_channels:.2g} "
            f"channels r.m.s.): valence or bonding, or a drift that was not found{ending}"
        )
    if drift:
        ending = (
            f"; {agreed} before leaving out {drift} that an energy drift makes "
            f"({drift_channels:.2g} channels r.m.s.){ending}"
        )
        agreed -= drift
    aliased = corrected.fits.get(Aliasing.name)
    if aliased is not None:
        ending = (
            f"; {aliased.number} that shifts by fractions of a channel make of detail finer than "
            f"a channel left out{ending}"
        )
    # Leave out what the corrections have taken away.
    after, stage = above_edge, "above the noise"
    removed = _removed_by(prepared.corrections)
    if removed:
        if not drift:
            ending = f"; {agreed} above the noise before{ending}"
        after = leading_count(corrected.values > 1)
        repeated_after = _count_repeated_when_corrected(prepared, leading, scree)
        if repeated_after < min(after, agreed):
            ending = f", those of {after} that repeat{ending}"
            after = repeated_after
        stage = f"after taking out {_join_words(removed)}"
        agreed = min(agreed, after)
    return choose_rank(
        corrected.values,
        *scree.shape,
        agreed,
        stage,
        ending,
        noise_edge=above_edge,
        elbow=bend,
        split_half=repeated,
        after_physics=after,
        drift=drift,
    )


def _count_alike_neighbours(prepared: Prepared, raw: LowRank, agreed: int, above_edge: int) -> int:
    """Components with those just beyond the agreed ones whose maps are no noise.

    Only where the noise edge has little more: it has much more where the noise is not as estimated,
    and there artefacts of the detector have maps with neighbours alike, too.
    """
    if not agreed < above_edge <= agreed + MOST_DISAGREEMENT:
        return agreed
    image = prepared.image
    significance = neighbour_significance(
        raw.scores, raw.weights, np.flatnonzero(image.blocks.pixels), image.navigation_shape
    )
    alike = has_alike_neighbours(significance, above_edge)
    return agreed + leading_count(alike[agreed:above_edge])


def _removed_by(corrections: Chain) -> list[str]:
    """Names of what costs components when it is taken out: the background first, as users do."""
    silent = (ChannelPattern, ZeroLossTail, Aliasing)
    names = [c.name for c in corrections.corrections if not isinstance(c, silent)]
    return sorted(names, key=lambda name: name != Background.name)


def _join_words(words: list[str]) -> str:
    """Words as a sentence has them: one, two and three."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _count_repeated_when_corrected(prepared: Prepared, raw: LowRank, scree: Scree) -> int:
    """How many corrected components are found again in another share of the counts."""
    leading = raw.truncate(min(raw.rank, MOST_CORRECTED_COMPONENTS))
    return count_repeated(corrected_significance(leading, scree.edge, prepared.corrections))


def _count_drift(prepared: Prepared, raw: LowRank, scree: Scree) -> tuple[int, int, float]:
    """Numbers of components that a drift of the energy axis makes, and that may be chemistry.

    The third: the size of the shift in channels. A component that a shift makes is drift where it
    goes with the drift that the alignment found, where no more is left of it than the alignment's
    error, or where it jumps from pixel to pixel as no specimen does. In a map whose neighbours are
    alike it may be the shift of an edge with valence.
    """
    if raw.rank < 2 or base_type(prepared.image.frame) != "EELS":
        return 0, 0, 0.0
    drift = prepared.drift
    recorded, size = _shifts(prepared, raw, scree)
    if drift is None or not drift.applied:
        may_be_chemistry = recorded & _is_alike(prepared, raw)
        return int((recorded & ~may_be_chemistry).sum()), int(may_be_chemistry.sum()), size
    shift = drift.correction(prepared.image)
    assert shift is not None
    aligned = shift.remove(raw, scree.edge)[0].truncate(raw.rank)
    left, size_left = _shifts(prepared, aligned, scree)
    if size_left <= MOST_ERRORS_LEFT * drift.typical_error:
        return int(recorded.sum()), 0, size
    remains = int((left & _is_alike(prepared, aligned)).sum())
    if not remains:
        return int(recorded.sum()), 0, size
    return max(int(recorded.sum()) - remains, 0), remains, size_left


def _shifts(prepared: Prepared, spectra: LowRank, scree: Scree) -> tuple[NDArray[np.bool_], float]:
    """Which components above the noise a shift makes, and its size in channels r.m.s.

    ``spectra`` have components that are orthonormal when whitened.
    """
    values = np.diag(spectra.second_moment()) * len(spectra.scores) / scree.edge
    visible, _ = expected_squared_cosines(values, *scree.shape)
    is_shift, shift = drift_components(spectra, prepared.image.summary.mean, visible)
    return is_shift & (values > 1), float(np.sqrt(np.mean(shift**2)))


def _is_alike(prepared: Prepared, spectra: LowRank) -> NDArray[np.bool_]:
    """Which components have maps whose neighbours are alike."""
    image = prepared.image
    pixels = np.flatnonzero(image.blocks.pixels)
    significance = neighbour_significance(
        spectra.scores, spectra.weights, pixels, image.navigation_shape
    )
    return has_alike_neighbours(significance, spectra.rank)
