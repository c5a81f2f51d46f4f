"""Raw compressed spectra to those that are unmixed, and which of their components repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.split_half import ADDED
from hyperspy_unmix.numerics.linear_algebra import pencil
from hyperspy_unmix.numerics.types import Floats

from .chain import Chain, Fits


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
    generator = np.random.default_rng(seed)
    size, white = np.sqrt(raw.weights)[:, None], raw.whitening
    length = np.sqrt(np.maximum(np.diag(raw.second_moment()) * len(raw.scores), 1e-300))

    def errors() -> tuple[Floats, Floats]:
        inside = generator.standard_normal(raw.components.shape) * np.sqrt(white.variance)
        return (
            generator.standard_normal(raw.scores.shape) / size,
            white.colour(inside / length[:, None]),
        )

    def share(added: float, drawn: tuple[Floats, Floats]) -> LowRank:
        # lighter weights: noise of one, as all stages expect it
        weights = raw.weights / (1 + added**2)
        scores, components = raw.scores + added * drawn[0], raw.components + added * drawn[1]
        noisy = replace(raw, scores=scores, components=components, weights=weights)
        return correct(noisy, edge, corrections).spectra

    drawn = errors()
    first, second, other = share(ADDED, drawn), share(-1 / ADDED, drawn), share(1.0, errors())
    # what the stages make of so many components has no more than so many that are real
    directions = np.linalg.pinv(white.whiten(first.components))[:, : raw.rank]

    def along(spectra: LowRank) -> Floats:
        return np.asarray(size * (spectra.scores @ (white.whiten(spectra.components) @ directions)))

    found, tested = along(first), along(second)
    own = along(other) - (found + ADDED**2 * tested) / (1 + ADDED**2)  # of errors drawn anew
    noise = np.sum(found**2 * own**2, 0) + np.sum(found**2, 0) * np.sum(directions**2, 0)
    # an error of the physics repeats as well as a phase does
    wrong = len(found) * (1 + ADDED**2) * np.diag(first.model_error)[: raw.rank]
    deviation = np.sqrt((1 + 1 / ADDED**2) * np.maximum(noise, 1e-300))
    return np.asarray((np.sum(found * tested, 0) - wrong) / deviation)


def order_by_significance(spectra: LowRank, edge: float) -> tuple[LowRank, Floats]:
    """Components in the order of their variance over noise and model error.

    Linear stages (background, plural scattering) correlate the noise and leave a small share of
    what they took out. A component counts only where it exceeds both. Noise is nowhere taken to be
    smaller than that of the raw counts: components have an error of that size themselves.

    Parameters
    ----------
    spectra : LowRank
    edge : float
        Noise edge of the raw counts: squared singular value that white noise reaches.

    Returns
    -------
    LowRank
        The same spectra; noise and model error of the (weighted) scores add up to the unit matrix.
    array, shape (rank,)
        Variance over noise and model error in units of the noise edge (1 is the floor), falling.
    """
    basis, to_basis = np.linalg.qr(spectra.whitening.whiten(spectra.components).T)
    second = to_basis @ spectra.second_moment() @ to_basis.T
    noise = to_basis @ spectra.noise @ to_basis.T
    level, axes = np.linalg.eigh(noise)
    noise = (axes * np.maximum(level, 1.0)) @ axes.T
    model_error = to_basis @ spectra.model_error @ to_basis.T
    shape_noise = spectra.shape_noise @ basis
    noise += shape_noise.T @ shape_noise
    ratio, vectors = pencil(second, noise + model_error)
    ratio, vectors = ratio[::-1], vectors[:, ::-1]
    components = np.linalg.solve(vectors, basis.T)
    ordered = replace(
        spectra,
        scores=spectra.scores @ (to_basis.T @ vectors),
        components=spectra.whitening.colour(components),
        noise=vectors.T @ noise @ vectors,
        model_error=vectors.T @ model_error @ vectors,
    )
    return ordered, ratio * len(spectra.scores) / edge
