"""How many components: what the different counts say of one image, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .numerics.drift import drift_components
from .numerics.edge import leading_count
from .numerics.pca import LowRank
from .numerics.physics import Corrected, corrected_significance
from .numerics.rank import LARGEST_AUTOMATIC, choose_rank, elbow, visible
from .numerics.scree import Scree
from .numerics.split_half import repeated
from .preparation import Prepared
from .wrapping import base_type

LEAST_FLOOR = 10  # components below the noise edge for the elbow to start from
MOST_PHYSICS_COMPONENTS = 2 * LARGEST_AUTOMATIC  # that background and scattering are taken out of


@dataclass(frozen=True)
class ComponentCount:
    """How many components the counts support.

    Parameters
    ----------
    noise_edge : int
        Components of the counts as recorded above the noise edge.
    elbow : int
        Last component before the noise floor, from the shape of the scree alone.
    split_half : int
        Leading components found in one share of the counts that repeat in the other.
    after_physics : int
        Those above noise and model error once background and plural scattering are out, and that
        repeat in an independent share of the counts put through the same stages.
    drift : int
        Components that a drift of the energy axis makes.
    consensus : int
        Components that are there: the median of `noise_edge`, `elbow` and `split_half`, without
        those that are only drift, background or plural scattering. Zero: no structure above the
        noise.
    automatic : int
        What ``n_components="auto"`` takes: the consensus, or where that is more than ten (hardly
        phases) the components above the bend of the scree.
    clear : int
        Those of the consensus that stand clear of the noise: expected to correlate with the truth
        by more than one half. The others are there, but their maps are mostly noise.
    reason : str
    """

    noise_edge: int
    elbow: int
    split_half: int
    after_physics: int
    drift: int
    consensus: int
    automatic: int
    clear: int
    reason: str


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
    drift, words = _drift(prepared, kept, scree)
    after, values, stage = above, corrected.values, "above the noise"
    removed = [
        *(["background"] if prepared.window.found else []),
        *(["energy shift"] if prepared.physics.remainder is not None else []),
        *(["plural scattering"] if prepared.kernel is not None else []),
    ]
    if drift:
        ending = f"; {agreed} before leaving out {drift} that {words}{ending}"
        agreed -= drift
    if removed:
        if not drift:
            ending = f"; {agreed} above the noise before{ending}"
        after, again = leading_count(values > 1), _repeated_after_physics(prepared, kept, scree)
        if again < min(after, agreed):
            ending = f", those of {after} that repeat{ending}"
            after = again
        stage = f"after taking out {_listed(removed)}"
        agreed = min(agreed, after)
    chosen = choose_rank(values, *scree.shape, agreed, stage, ending)
    return ComponentCount(
        above,
        bend,
        repeats,
        after,
        drift,
        chosen.consensus,
        chosen.number,
        chosen.clear,
        chosen.reason,
    )


def _listed(words: list[str]) -> str:
    """Words as a sentence has them: one, two and three."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _repeated_after_physics(prepared: Prepared, raw: LowRank, scree: Scree) -> int:
    few = raw.truncate(min(raw.rank, MOST_PHYSICS_COMPONENTS))
    return repeated(corrected_significance(few, scree.edge, prepared.physics))


def _drift(prepared: Prepared, raw: LowRank, scree: Scree) -> tuple[int, str]:
    """Components that a drift of the energy axis makes, and its size in words."""
    image = prepared.image
    if raw.rank < 2 or base_type(image.frame) != "EELS":
        return 0, ""
    seen, _ = visible(scree.values[: raw.rank], *scree.shape)
    is_drift, shift = drift_components(raw, image.summary.mean, seen)
    number = int(is_drift.sum())
    spread = float(np.sqrt(np.mean(shift**2)))
    return number, f"an energy drift makes ({spread:.2g} channels r.m.s.)"
