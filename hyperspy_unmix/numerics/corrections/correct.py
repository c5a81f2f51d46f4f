"""Raw compressed spectra to those that are unmixed, and which of their components repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.split_half import ADDED_NOISE_SD
from hyperspy_unmix.numerics.types import Floats

from .chain import Chain, Fits
from .significance import order_by_significance


@dataclass(frozen=True)
class Corrected:
    """Spectra as they are unmixed, most significant component first.

    ``values`` are their variances over noise and model error in units of the noise edge; ``fits``
    what was fitted for each correction that fits something, by its name.
    """

    spectra: LowRank
    values: Floats
    fits: Fits


def correct(raw: LowRank, edge: float, corrections: Chain) -> Corrected:
    """Take the corrections out, and order what is left by its significance.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded.
    edge : float
        Their noise edge.
    corrections : Chain
    """
    spectra, fits = corrections.remove(raw, edge)
    return Corrected(*order_by_significance(spectra, edge), fits)


def corrected_significance(raw: LowRank, edge: float, corrections: Chain, seed: int = 0) -> Floats:
    """Significance with which corrected components repeat in an independent share of the counts.

    Scores and components each get noise of their own error's size, which gives two shares with
    uncorrelated errors (see `split_half.significance`). Both go through all stages by themselves,
    and so does the noise of every pixel: nothing is assumed of what the stages make of it.

    Parameters
    ----------
    raw, edge, corrections
        As in `correct`; ``raw`` should hold only components that are in the counts as recorded.
    seed : int

    Returns
    -------
    array, shape (components of ``raw``,)
        How far what repeats exceeds the model error, in standard deviations of what noise alone
        gives, in the order of `correct`.
    """
    first_share, second_share, third_share = _correct_shares(raw, edge, corrections, seed)
    size, whitening = np.sqrt(raw.weights)[:, None], raw.whitening

    # Scores along the components of the first share. The stages make more components than they
    # are given, but not more that are real.
    white_components = whitening.whiten(first_share.components)
    directions = np.linalg.pinv(white_components)[:, : raw.rank]

    def along(share: LowRank) -> Floats:
        transform = whitening.whiten(share.components) @ directions
        return np.asarray(size * (share.scores @ transform))

    first, second = along(first_share), along(second_share)
    mean = (first + ADDED_NOISE_SD**2 * second) / (1 + ADDED_NOISE_SD**2)
    noise = along(third_share) - mean

    # What repeats is the product of the first two, beyond an error of the physics, which repeats
    # as well as a phase does.
    repeated = np.sum(first * second, 0)
    model_error = np.diag(first_share.model_error)[: raw.rank]
    repeated_error = len(first) * (1 + ADDED_NOISE_SD**2) * model_error
    variance = np.sum(first**2 * noise**2, 0) + np.sum(first**2, 0) * np.sum(directions**2, 0)
    deviation = np.sqrt((1 + 1 / ADDED_NOISE_SD**2) * np.maximum(variance, 1e-300))
    return np.asarray((repeated - repeated_error) / deviation)


def _correct_shares(
    raw: LowRank, edge: float, corrections: Chain, seed: int
) -> tuple[LowRank, LowRank, LowRank]:
    """Two corrected shares of the counts with uncorrelated errors, and one with errors anew."""
    generator = np.random.default_rng(seed)
    size, whitening = np.sqrt(raw.weights)[:, None], raw.whitening
    squares = np.diag(raw.second_moment()) * len(raw.scores)
    length = np.sqrt(np.maximum(squares, 1e-300))

    def draw_errors() -> tuple[Floats, Floats]:
        """Errors of the components' and the scores' own size."""
        normal = generator.standard_normal(raw.components.shape)
        of_components = normal * np.sqrt(whitening.variance) / length[:, None]
        of_scores = generator.standard_normal(raw.scores.shape) / size
        return of_scores, whitening.colour(of_components)

    def corrected_share(factor: float, errors: tuple[Floats, Floats]) -> LowRank:
        """The spectra with so many times these errors, corrected."""
        of_scores, of_components = errors
        noisy = replace(
            raw,
            scores=raw.scores + factor * of_scores,
            components=raw.components + factor * of_components,
            # Lighter weights make the noise one, as all stages expect it.
            weights=raw.weights / (1 + factor**2),
        )
        return correct(noisy, edge, corrections).spectra

    errors = draw_errors()
    return (
        corrected_share(ADDED_NOISE_SD, errors),
        corrected_share(-1 / ADDED_NOISE_SD, errors),
        corrected_share(1.0, draw_errors()),
    )
