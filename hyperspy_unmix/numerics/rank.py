"""How many components: against the noise edge, and again once the physics has been taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from .edge import noise_edge
from .noise import Floats
from .pca import LowRank

LARGEST_AUTOMATIC = 10


def estimable(values: Floats, n: int, m: int) -> int:
    """Number of leading components expected to correlate with the truth by more than one half.

    A component just above the noise edge is there, but its map and spectrum are nearly random. The
    expected cosines of both with the truth follow from the singular value alone; their product is
    the correlation of the component (spectrum times map) with the true one.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge, falling.
    n, m : int
        Numbers of pixels and channels.

    References
    ----------
    F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120,
    https://doi.org/10.1016/j.jmva.2012.04.019
    """
    aspect = m / n
    above = values[: int(np.argmin(np.append(values, 0.0) > 1))]
    a = above * noise_edge(n, m) / n - 1 - aspect
    strength = (a + np.sqrt(np.maximum(a**2 - 4 * aspect, 0))) / 2
    common = 1 - aspect / strength**2
    # squared cosines of the spectrum and of the map
    spectrum, scores = common / (1 + aspect / strength), common / (1 + 1 / strength)
    good = np.sqrt(np.maximum(spectrum * scores, 0)) > 0.5
    return int(np.argmin(np.append(good, False)))


def elbow(values: Floats) -> int:
    """Last component before the bend of the log scree, from the first to the noise floor.

    The component farthest below the straight line between the ends is the first of the floor, the
    one before it is the last of the structure.
    """
    n_above = int(np.argmin(np.append(values, 0.0) > 1))
    if n_above < 3:
        return n_above
    curve = np.log(np.maximum(values[: n_above + 1], 1e-12))
    line = np.linspace(curve[0], curve[-1], len(curve))
    return max(int(np.argmax(line - curve)), 1)


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


@dataclass(frozen=True)
class Count:
    """A number of components and the reason for it, in plain words."""

    number: int
    reason: str


def choose_rank(values: Floats, n: int, m: int, stage: str = "above the noise edge") -> Count:
    """Number of components to unmix, from squared singular values in units of the noise edge."""
    above = int(np.argmin(np.append(values, 0.0) > 1))
    sure = estimable(values, n, m)
    if above == 0:
        return Count(0, f"no structure {stage}")
    if sure > LARGEST_AUTOMATIC:
        bend = min(elbow(values), LARGEST_AUTOMATIC)
        return Count(
            bend,
            f"{above} components {stage}, too many to be phases (artefacts of detector, drift or "
            f"scattering?); {bend} are above the bend of the scree: look at it, or give a number",
        )
    if sure < above:
        return Count(
            max(sure, 1),
            f"{above} components {stage}, of which {max(sure, 1)} can be expected to correlate "
            "with the truth by more than one half; the others are there, but mostly noise",
        )
    return Count(above, f"{above} component{'s' * (above > 1)} {stage}")
