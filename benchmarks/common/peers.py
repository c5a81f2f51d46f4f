"""Other ways to unmix, each with the settings that a competent user would choose.

Every peer is told the number of components ``k`` and takes the same arguments::

    spectra, maps = peer(phantom, k, channels=..., window=..., preprocess=...)

with spectra (k, channels) and maps (k, pixels) of arbitrary scale. ``preprocess`` says what is
done to EELS counts first, see `peer_counts`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.data import Phantom

from . import clusters_and_archetypes
from .peer_counts import (
    Floats,
    Preprocess,
    Window,
    as_array,
    denoised,
    prepare,
    prepared,
)

Result = tuple[Floats, Floats]

ITERATIONS = 500
ALS_ITERATIONS = 150
ESPM_ITERATIONS = 150


class Peer(Protocol):
    """What every peer is called with."""

    def __call__(
        self,
        phantom: Phantom,
        k: int,
        *,
        channels: slice,
        window: Window | None = None,
        preprocess: Preprocess = "background",
    ) -> Result:
        """Unmix into k components; see the module."""


class NotInstalled(Exception):
    """A peer's package is not installed; the message is a sentence for the report."""


def _start(
    phantom: Phantom, k: int, channels: slice, window: Window | None, preprocess: Preprocess
) -> tuple[Any, int]:
    """What a peer starts from, and how many components it is to find."""
    signal = prepare(phantom, k, channels, window, preprocess)
    return signal, k + (preprocess == "raw" and phantom.low_loss is not None)


def _positive(signal: Any) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Counts (pixels, channels) clipped at zero, without empty rows and columns; which remain."""
    values = np.maximum(as_array(signal), 0)
    pixels, used = values.any(1), values.any(0)
    return values[pixels][:, used], pixels, used


def _spread_out(
    spectra: Floats, maps: Floats, pixels: NDArray[np.bool_], used: NDArray[np.bool_]
) -> Result:
    """Put empty rows and columns back."""
    all_spectra = np.zeros((len(spectra), len(used)))
    all_maps = np.zeros((len(maps), len(pixels)))
    all_spectra[:, used], all_maps[:, pixels] = spectra, maps
    return all_spectra, all_maps


def hyperspy(
    phantom: Phantom,
    k: int,
    *,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Result:
    """HyperSpy 2.5: SVD, then ICA (its defaults: FastICA of the factors' first derivative).

    Raw counts are normalised for Poisson noise; counts without background can be negative, which
    HyperSpy refuses to normalise, and were denoised with the normalisation before. The sign of a
    component is arbitrary.
    """
    signal, n = _start(phantom, k, channels, window, preprocess)
    signal = signal.deepcopy()
    poissonian = bool((signal.data >= 0).all())
    signal.decomposition(poissonian, output_dimension=n, print_info=False, svd_solver="full")
    signal.blind_source_separation(n, print_info=False, random_state=0)
    factors, loadings = signal.get_bss_factors().data, signal.get_bss_loadings().data
    return np.asarray(factors, float), np.asarray(loadings, float).reshape(n, -1)


def sklearn_nmf(
    phantom: Phantom,
    k: int,
    *,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Result:
    """scikit-learn's NMF for Poisson counts: Kullback-Leibler, multiplicative, from NNDSVDa.

    At most 500 iterations; ``tol=1e-6``, as the default of 1e-4 stops far too early here.
    """
    from scipy.sparse import csr_array
    from sklearn.decomposition import NMF

    signal, n = _start(phantom, k, channels, window, preprocess)
    counts, pixels, used = _positive(signal)
    if (counts == 0).mean() > 0.8:  # faster, the same result
        counts = csr_array(counts)
    model = NMF(
        n, init="nndsvda", solver="mu", beta_loss="kullback-leibler", tol=1e-6,
        max_iter=ITERATIONS, random_state=0,
    )  # fmt: skip
    maps = model.fit_transform(counts)
    return _spread_out(model.components_, maps.T, pixels, used)


def espm_smooth_nmf(
    phantom: Phantom,
    k: int,
    *,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Result:
    """SmoothNMF of espm without a physical model: Kullback-Leibler, maps smooth over the scan.

    Counts as they are, ``lambda_L=1`` as its documentation states. Spectra of unit sum (its
    default, for physical models) hold up the convergence without one, hence no simplex, and
    ``tol=1e-8``; 150 single-precision iterations, as each multiplies by a matrix of channels x
    channels.
    """
    if importlib.util.find_spec("espm") is None:
        raise NotInstalled("espm is not installed: its SmoothNMF was left out.")
    with contextlib.redirect_stdout(io.StringIO()):
        from espm.estimators import SmoothNMF

        signal, n = _start(phantom, k, channels, window, preprocess)
        _, pixels, used = _positive(signal)
        # its Laplacian needs the whole scan; it fills rows and columns of zeros itself
        image = np.maximum(as_array(signal), 0)[:, used].T.astype(np.float32)
        model = SmoothNMF(
            lambda_L=1.0, n_components=n, init="nndsvda", tol=1e-8, max_iter=ESPM_ITERATIONS,
            random_state=0, verbose=0, simplex_H=False, simplex_W=False,
            shape_2d=signal.data.shape[:2],
        )  # fmt: skip
        spectra = model.fit_transform(image)
    return _spread_out(spectra.T, model.H_, np.ones(len(pixels), bool), used)


def of_denoised(find: Callable[[Floats, int], Floats]) -> Peer:
    """A peer that finds ``k`` spectra in PCA-denoised ones; maps by non-negative least squares."""

    def method(
        phantom: Phantom,
        k: int,
        *,
        channels: slice,
        window: Window | None = None,
        preprocess: Preprocess = "background",
    ) -> Result:
        signal, n = _start(phantom, k, channels, window, preprocess)
        counts = as_array(signal)
        spectra = find(_without_noise(phantom, n, channels, signal), n)
        return spectra, _non_negative(spectra, counts)

    return method


def mcr_als(
    phantom: Phantom,
    k: int,
    *,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Result:
    """pyMCR: alternating non-negative least squares from VCA's spectra, at most 150 iterations.

    Of PCA-denoised spectra, as its noise is not Poisson's. It ends before that only
    where ten half steps do not help.
    """
    if importlib.util.find_spec("pymcr") is None:
        raise NotInstalled("pyMCR is not installed: MCR-ALS was left out.")
    from pymcr.mcr import McrAR

    signal, n = _start(phantom, k, channels, window, preprocess)
    counts = _without_noise(phantom, n, channels, signal)
    start = np.maximum(_vertices(counts, n), 0)
    model = McrAR(
        max_iter=ALS_ITERATIONS, c_regr=_Regression(), st_regr=_Regression(),
        c_constraints=[], st_constraints=[], tol_increase=1e-6,
    )  # fmt: skip
    model.fit(counts, ST=start)
    return np.asarray(model.ST_opt_), np.asarray(model.C_opt_).T


class _Regression:
    """Non-negative least squares for pyMCR: its own, in as many dimensions as components."""

    coef_: Floats

    def fit(self, design: Floats, values: Floats) -> None:
        self.coef_ = _non_negative(design.T, values.T).T


def _without_noise(phantom: Phantom, n: int, channels: slice, signal: Any) -> Floats:
    """Denoised spectra (pixels, channels): EELS is already, raw counts are now."""
    if phantom.low_loss is None:
        signal = prepared.get(
            phantom,
            ("denoised", n, channels.start, channels.stop),
            lambda: denoised(phantom, n, channels),
        )
    return as_array(signal)


def _vertices(spectra: Floats, k: int, seed: int = 0) -> Floats:
    """Purest spectra, (k, channels).

    Nascimento & Dias, IEEE Trans. Geosci. Remote Sens. 43 (2005) 898,
    https://doi.org/10.1109/TGRS.2005.844293: spectra are projected to k dimensions, or to k - 1
    dimensions about their mean where they are noisy; the purest one is the farthest along a
    direction orthogonal to those found before.
    """
    generator = np.random.default_rng(seed)
    mean = spectra.mean(0)
    _, values, basis = np.linalg.svd(spectra, full_matrices=False)
    power, kept = np.sum(values**2), np.sum(values[:k] ** 2)
    share = k / spectra.shape[1]
    signal_to_noise = (kept - share * power) / max(power - kept, 1e-12 * power)
    if 10 * np.log10(max(signal_to_noise, 1e-3)) > 15 + 10 * np.log10(k):
        scores = spectra @ basis[:k].T
        # perspective projection; dark pixels would be carried off to anywhere
        height = scores @ scores.mean(0)
        bright = height > 1e-3 * height.max()
        points = np.where(bright[:, None], scores / np.where(bright, height, 1)[:, None], 0)
        projected = scores @ basis[:k]
    else:
        _, _, basis = np.linalg.svd(spectra - mean, full_matrices=False)
        scores = (spectra - mean) @ basis[: k - 1].T
        farthest = np.linalg.norm(scores, axis=1).max() if k > 1 else 1.0
        points = np.concatenate([scores, np.full((len(scores), 1), farthest)], 1)
        projected = scores @ basis[: k - 1] + mean
    corners = np.zeros((k, k))
    corners[-1, 0] = 1
    found = []
    for i in range(k):
        direction = generator.standard_normal(k)
        direction -= corners @ (np.linalg.pinv(corners) @ direction)
        found.append(int(np.argmax(np.abs(points @ direction))))
        corners[:, i] = points[found[-1]]
    return projected[found]


def _non_negative(spectra: Floats, counts: Floats) -> Floats:
    """Maps (k, pixels) by non-negative least squares."""
    from scipy.optimize import nnls

    # the same problem in k dimensions
    q, r = np.linalg.qr(spectra.T)
    return np.stack([nnls(r, row)[0] for row in counts @ q], 1)


PEERS: dict[str, Peer] = {
    "HyperSpy SVD + ICA": hyperspy,
    "scikit-learn KL-NMF": sklearn_nmf,
    "espm SmoothNMF": espm_smooth_nmf,
    "VCA + NNLS": of_denoised(_vertices),
    "k-means + NNLS": of_denoised(clusters_and_archetypes.cluster_means),
    "EDAA": of_denoised(clusters_and_archetypes.archetypes),
    "MCR-ALS (pyMCR)": mcr_als,
}
FREE_SIGN = frozenset({"HyperSpy SVD + ICA"})
