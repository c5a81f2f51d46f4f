"""How many components: what the different counts say of one image, and what is made of it."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.rank import (
    LARGEST_AUTOMATIC,
    ComponentCount,
    choose_rank,
    visible,
)
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.split_half import repeated
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.corrections.correct import Corrected, corrected_significance
from hyperspy_unmix.numerics.corrections.zero_loss_tail import ZeroLossTail
from hyperspy_unmix.numerics.drift.drift_components import drift_components
from hyperspy_unmix.numerics.noise.noise_edge import elbow, leading_count
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.prepare import Prepared

LEAST_FLOOR = 10  # components below the noise edge for the elbow to start from
MOST_CORRECTED_COMPONENTS = 2 * LARGEST_AUTOMATIC  # that go through the corrections


def agreement(scree: Scree) -> tuple[int, int, int]:
    """The three counts: noise edge, elbow, split half."""
    above = scree.above_noise_edge
    bend = elbow(scree.values, max(2 * LEAST_FLOOR, above + LEAST_FLOOR))
    return above, bend, repeated(scree.repeats)


def count_components(
    prepared: Prepared, raw: LowRank, scree: Scree, corrected: Corrected
) -> ComponentCount:
    """Count, agree, leave out what is not a phase, and say why."""
    above, bend, repeats = agreement(scree)
    agreed = int(np.median([above, bend, repeats]))
    ending = ""
    if not above == bend == repeats:
        ending = f" (noise edge {above}, elbow {bend}, split half {repeats})"
    kept = raw.truncate(min(max(agreed, 1), raw.rank))
    drift, spread = _drift(prepared, kept, scree)
    after, values, stage = above, corrected.values, "above the noise"
    removed = _removed(prepared.corrections)
    if drift:
        made = f"an energy drift makes ({spread:.2g} channels r.m.s.)"
        ending = f"; {agreed} before leaving out {drift} that {made}{ending}"
        agreed -= drift
    if removed:
        if not drift:
            ending = f"; {agreed} above the noise before{ending}"
        after, again = leading_count(values > 1), _repeated_when_corrected(prepared, kept, scree)
        if again < min(after, agreed):
            ending = f", those of {after} that repeat{ending}"
            after = again
        stage = f"after taking out {_listed(removed)}"
        agreed = min(agreed, after)
    return choose_rank(
        values,
        *scree.shape,
        agreed,
        stage,
        ending,
        noise_edge=above,
        elbow=bend,
        split_half=repeats,
        after_physics=after,
        drift=drift,
    )


def _removed(corrections: Chain) -> list[str]:
    """Names of what costs components when it is taken out: the background first, as users do."""
    names = [c.name for c in corrections.corrections if not isinstance(c, ZeroLossTail)]
    return sorted(names, key=lambda name: name != Background.name)


def _listed(words: list[str]) -> str:
    """Words as a sentence has them: one, two and three."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _repeated_when_corrected(prepared: Prepared, raw: LowRank, scree: Scree) -> int:
    few = raw.truncate(min(raw.rank, MOST_CORRECTED_COMPONENTS))
    return repeated(corrected_significance(few, scree.edge, prepared.corrections))


def _drift(prepared: Prepared, raw: LowRank, scree: Scree) -> tuple[int, float]:
    """Number of components that a drift of the energy axis makes, and its size in channels."""
    image = prepared.image
    if raw.rank < 2 or base_type(image.frame) != "EELS":
        return 0, 0.0
    seen, _ = visible(scree.values[: raw.rank], *scree.shape)
    is_drift, shift = drift_components(raw, image.summary.mean, seen)
    return int(is_drift.sum()), float(np.sqrt(np.mean(shift**2)))
