"""By how much a detector records more or less of single pixels than the others do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .low_rank import LowRank

ROUNDS = 6  # of a model, then gains
LEAST_GAIN = 0.1
SIGMAS_OF_SPREAD = 4.0  # by which gains must vary more than their noise does
NOISE_UNKNOWN = 0.05  # share of its variance
MOST_SPREAD = 0.3  # standard deviation of gains: more is another map, not another gain


def relative_gains(parts: Sequence[LowRank]) -> tuple[Floats, ...]:
    """Gains of the pixels of each detector against the one that tells most components apart.

    What that one records of a pixel says, linearly, what the others record there, but for a factor.
    A gain is the ratio of what was recorded to that, drawn towards one as far as its noise calls
    for (empirical Bayes). A detector of one component has none: a gain would turn its map into any
    other.

    Parameters
    ----------
    parts : sequence of LowRank
        Components of the same pixels. The noise of the weighted scores has variance one.

    Returns
    -------
    tuple of arrays, each of shape (pixels,)
    """
    strength = [float(np.trace(part.second_moment())) for part in parts]
    reference = max(range(len(parts)), key=lambda i: (parts[i].rank, strength[i]))
    known = parts[reference]
    return tuple(
        np.ones(len(part.scores)) if i == reference or part.rank < 2 else _gain(part, known)
        for i, part in enumerate(parts)
    )


def _gain(part: LowRank, known: LowRank) -> Floats:
    """Gain of one detector against another."""
    gain: Floats = np.ones(len(part.scores))
    root = np.sqrt(part.weights)[:, None]
    for _ in range(ROUNDS):
        weight = (1 / (1 / known.weights + 1 / (part.weights * gain**2)))[:, None]
        normal = known.scores.T @ (weight * known.scores)
        mixing = np.linalg.solve(normal, known.scores.T @ (weight * part.scores / gain[:, None]))
        # In units of the noise of the part; the model has noise too.
        model, recorded = root * (known.scores @ mixing), root * part.scores
        power = np.maximum(np.sum(model**2, 1), 1e-12)
        along = model / np.sqrt(power)[:, None]
        of_model = np.sum((along @ mixing.T) ** 2, 1) * part.weights / known.weights
        gain = _drawn(np.sum(recorded * model, 1) / power, (1 + of_model) / power)
    return gain


def _drawn(ratio: Floats, noise: Floats) -> Floats:
    """Ratios of this variance of noise, over their mean and drawn towards one."""
    for _ in range(ROUNDS):
        spread = _spread(ratio, noise)
        weight = 1 / (noise + spread)
        mean = float(np.sum(weight * ratio) / np.sum(weight))
        ratio, noise = ratio / mean, noise / mean**2
    drawn = 1 + spread / (spread + noise) * (ratio - 1)
    return np.asarray(np.clip(drawn, LEAST_GAIN, None))


def _spread(ratio: Floats, noise: Floats) -> float:
    """Variance of the gains beyond their noise."""
    weight = 1 / (noise + MOST_SPREAD**2) ** 2
    squares = float(np.sum(weight * ((ratio - 1) ** 2 - noise)) / np.sum(weight))
    error = float(np.sqrt(2 * np.sum((weight * noise) ** 2)) / np.sum(weight))
    # The noise of few counts is not known to a few percent.
    error += NOISE_UNKNOWN * float(np.sum(weight * noise) / np.sum(weight))
    return 0.0 if squares < SIGMAS_OF_SPREAD * error else min(squares, MOST_SPREAD**2)


def over_gain(part: LowRank, gain: Floats) -> LowRank:
    """The spectra over the gain of their pixels."""
    return replace(part, scores=part.scores / gain[:, None], weights=part.weights * gain**2)
