"""Raw compressed spectra to compressed single-scattering spectra: the physics in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from .background import BackgroundFit, Window, subtract_background
from .noise import Floats
from .pca import LowRank
from .scattering import Scattering, remove_scattering


@dataclass(frozen=True)
class Corrected:
    """Spectra without background and plural scattering, most significant component first.

    ``values`` are their variances over noise and model error in units of the noise edge;
    ``background`` is None where none was subtracted.
    """

    spectra: LowRank
    values: Floats
    background: BackgroundFit | None


def correct(
    raw: LowRank,
    edge: float,
    energies: Floats,
    window: Window | None = None,
    kernel: Scattering | None = None,
) -> Corrected:
    """Subtract the background fitted in ``window``, then take plural scattering out.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded.
    edge : float
        Their noise edge.
    energies : array, shape (channels,)
    window : Window, optional
    kernel : Scattering, optional
    """
    spectra, background = raw, None
    if window is not None and window.found:
        background = subtract_background(spectra, energies, window)
        spectra = background.spectra
    if kernel is not None:
        spectra = remove_scattering(spectra, kernel)
    ordered, values = order_by_significance(spectra, edge)
    return Corrected(ordered, values, background)


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
        The same spectra; noise of the (weighted) scores is the unit matrix.
    array, shape (rank,)
        Variance over noise and model error in units of the noise edge (1 is the floor), falling.
    """
    basis, to_basis = np.linalg.qr(spectra.whitening.whiten(spectra.components).T)
    second = to_basis @ spectra.second_moment() @ to_basis.T
    noise = to_basis @ spectra.noise @ to_basis.T
    level, axes = eigh(noise)
    noise = (axes * np.maximum(level, 1.0)) @ axes.T
    noise += to_basis @ spectra.model_error @ to_basis.T
    shape_noise = spectra.shape_noise @ basis
    noise += shape_noise.T @ shape_noise
    ratio, vectors = eigh(second, noise)
    ratio, vectors = ratio[::-1], vectors[:, ::-1]
    components = np.linalg.solve(vectors, basis.T)
    rank = len(ratio)
    ordered = replace(
        spectra,
        scores=spectra.scores @ (to_basis.T @ vectors),
        components=spectra.whitening.colour(components),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
    )
    return ordered, ratio * len(spectra.scores) / edge
