"""Raw compressed spectra to compressed single-scattering spectra: the physics in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .background import BackgroundFit, subtract_background
from .eigen import pencil
from .noise import Floats
from .pca import NEGLIGIBLE, LowRank
from .scattered_background import subtract_scattered_background
from .scattering import Scattering, remove_scattering
from .split_half import ADDED
from .sub_channel import Remainder, remove_shift
from .window import Window


@dataclass(frozen=True)
class Physics:
    """What is to be taken out of the counts as recorded, in this order.

    Parameters
    ----------
    energies : array, shape (channels,)
    remainder : Remainder, optional
        Energy shift of fractions of a channel.
    tail : LowRank-like pair of arrays, optional
        Scores (pixels, any) and components (any, channels) known beforehand: the zero-loss peak's
        tail under a low loss.
    window : Window, optional
        Of the background.
    background_type : str
        Its shape, see `background.subtract_background`.
    kernel : Scattering, optional
    """

    energies: Floats
    remainder: Remainder | None = None
    tail: tuple[Floats, Floats] | None = None
    window: Window | None = None
    background_type: str = "auto"
    kernel: Scattering | None = None


@dataclass(frozen=True)
class Corrected:
    """Spectra without background and plural scattering, most significant component first.

    ``values`` are their variances over noise and model error in units of the noise edge;
    ``background`` (scores, components) is all that was subtracted, or None; ``fit`` the fitted
    part of it.
    """

    spectra: LowRank
    values: Floats
    background: tuple[Floats, Floats] | None
    fit: BackgroundFit | None


def correct(raw: LowRank, edge: float, physics: Physics) -> Corrected:
    """Take energy shifts, background and plural scattering out.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded.
    edge : float
        Their noise edge.
    physics : Physics
    """
    spectra, fit = raw, None
    subtracted: list[tuple[Floats, Floats]] = []
    if physics.remainder is not None:
        spectra = remove_shift(spectra, physics.remainder, edge)
    if physics.tail is not None:
        subtracted.append(physics.tail)
        spectra = spectra.appended(-physics.tail[0], physics.tail[1])
    if physics.window is not None and physics.window.found:
        fit = _background(spectra, edge, physics, physics.window)
        subtracted.append((fit.background.scores, fit.background.components))
        spectra = fit.spectra
    if physics.kernel is not None:
        spectra = remove_scattering(spectra, physics.kernel, NEGLIGIBLE * edge)
    ordered, values = order_by_significance(spectra, edge)
    background = None
    if subtracted:
        scores, components = zip(*subtracted, strict=True)
        background = np.concatenate(scores, 1), np.concatenate(components)
    return Corrected(ordered, values, background, fit)


def _background(spectra: LowRank, edge: float, physics: Physics, window: Window) -> BackgroundFit:
    """The background, bent by plural scattering where that is known."""
    kernel, shape = physics.kernel, physics.background_type
    power_law = shape in ("auto", "power law")
    if power_law and kernel is not None and kernel.method == "ratio" and not kernel.is_none:
        return subtract_scattered_background(spectra, physics.energies, window, kernel, edge)
    return subtract_background(spectra, physics.energies, window, shape)


def corrected_significance(raw: LowRank, edge: float, physics: Physics, seed: int = 0) -> Floats:
    """Significance with which corrected components repeat in an independent share of the counts.

    Scores and components each get noise of their own error's size, which gives two shares with
    uncorrelated errors (see `split_half.significance`). Both go through all stages by themselves,
    and so does the noise of every pixel: nothing is assumed of what the stages make of it.

    Parameters
    ----------
    raw, edge, physics
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
        return correct(noisy, edge, physics).spectra

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
