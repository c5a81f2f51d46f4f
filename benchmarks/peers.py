"""Other ways to unmix, each with the settings that a competent user would choose.

Every peer is told the number of components ``k`` and takes the same arguments::

    spectra, maps = peer(phantom, k, channels=..., window=..., preprocess=...)

with spectra (k, channels) and maps (k, pixels) of arbitrary scale. ``preprocess`` says what is
done to EELS counts first, by HyperSpy and exspy; EDS counts are taken as they are:

"background"
    HyperSpy's PCA with Poisson normalisation, k + 2 components kept; the power law of every pixel,
    fitted in ``window``, removed by ``remove_background``; what lies below ``channels`` cut off.
"deconvolved"
    The same, with exspy's Fourier-ratio deconvolution before the cut. It is given the phantom's
    low loss and begins at the window, where the background-subtracted spectrum is about zero and
    its taper does no harm; extrapolation, threshold and width of the peak are exspy's defaults.
"raw"
    Nothing. The background is then one more component: k + 1 come back.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.data import Phantom

Floats = NDArray[np.float64]
Result = tuple[Floats, Floats]
Preprocess = Literal["background", "deconvolved", "raw"]
Window = tuple[float, float]

PREPROCESSING: tuple[Preprocess, ...] = ("background", "deconvolved")
EXTRA = 2  # components kept beyond k when denoising before the background is removed
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


class _Prepared:
    """Preprocessed counts of the phantom seen last, so that its peers share them."""

    def __init__(self) -> None:
        self.phantom: Phantom | None = None
        self.made: dict[tuple, Any] = {}

    def get(self, phantom: Phantom, key: tuple, make: Callable[[], Any]) -> Any:
        if self.phantom is not phantom:
            self.phantom, self.made = phantom, {}
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


_prepared = _Prepared()


def prepare(
    phantom: Phantom,
    k: int,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Any:
    """Spectrum image that a peer starts from, a HyperSpy signal of floats over `channels`.

    Parameters
    ----------
    phantom : Phantom
    k : int
        Number of components to be unmixed.
    channels : slice
        Analysed range.
    window : (float, float), optional
        Pre-edge window of the background in the units of the axis; EELS needs it.
    preprocess : {"background", "deconvolved", "raw"}
        See the module. EDS is always raw.

    Returns
    -------
    BaseSignal
        Kept for the next peer: not to be modified.
    """
    if phantom.low_loss is None:
        preprocess = "raw"
    key = (k, channels.start, channels.stop, window, preprocess)
    return _prepared.get(phantom, key, lambda: _prepare(phantom, k, channels, window, preprocess))


def _prepare(
    phantom: Phantom, k: int, channels: slice, window: Window | None, preprocess: Preprocess
) -> Any:
    if preprocess == "raw":
        return _plain(phantom.signal).isig[channels].deepcopy()
    if preprocess not in PREPROCESSING:
        raise ValueError(f"preprocess={preprocess!r} is unknown")
    if window is None:
        raise ValueError("window: EELS needs the pre-edge window of the background")
    signal = _denoised(phantom, k + EXTRA, slice(None)).remove_background(
        signal_range=tuple(map(float, window)), background_type="PowerLaw", fast=True,
        zero_fill=False, show_progressbar=False,
    )  # fmt: skip
    if preprocess == "deconvolved":
        first = signal.axes_manager.signal_axes[0].value2index(float(window[0]))
        if first > channels.start:
            raise ValueError(f"window={window}: it must begin below the analysed range")
        signal = signal.isig[first:].fourier_ratio_deconvolution(_plain(phantom.low_loss))
        stop = None if channels.stop is None else channels.stop - first
        return signal.isig[channels.start - first : stop]
    return signal.isig[channels]


def _plain(signal: Any) -> Any:
    """A copy in floats, without this package's methods."""
    signal = signal.deepcopy()
    signal.set_signal_type({"EELS_unmix": "EELS", "EDS_TEM_unmix": "EDS_TEM"}.get(
        signal.metadata.Signal.signal_type, signal.metadata.Signal.signal_type
    ))  # fmt: skip
    signal.change_dtype(float)
    return signal


def _denoised(phantom: Phantom, n: int, channels: slice) -> Any:
    """HyperSpy's PCA model of the counts, with its Poisson normalisation."""
    signal = _plain(phantom.signal).isig[channels].deepcopy()
    # the default can be a randomised SVD, from a generator that cannot be seeded here
    # a CCD's read noise can bring counts below zero, which the normalisation refuses
    poissonian = bool((signal.data >= 0).all())
    signal.decomposition(poissonian, output_dimension=n, print_info=False, svd_solver="full")
    return signal.get_decomposition_model(n)


def _array(signal: Any) -> Floats:
    return np.asarray(signal.data.reshape(-1, signal.data.shape[-1]), float)


def _start(
    phantom: Phantom, k: int, channels: slice, window: Window | None, preprocess: Preprocess
) -> tuple[Any, int]:
    """What a peer starts from, and how many components it is to find."""
    signal = prepare(phantom, k, channels, window, preprocess)
    return signal, k + (preprocess == "raw" and phantom.low_loss is not None)


def _positive(signal: Any) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Counts (pixels, channels) clipped at zero, without empty rows and columns; which remain."""
    values = np.maximum(_array(signal), 0)
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
        image = np.maximum(_array(signal), 0)[:, used].T.astype(np.float32)
        model = SmoothNMF(
            lambda_L=1.0, n_components=n, init="nndsvda", tol=1e-8, max_iter=ESPM_ITERATIONS,
            random_state=0, verbose=0, simplex_H=False, simplex_W=False,
            shape_2d=signal.data.shape[:2],
        )  # fmt: skip
        spectra = model.fit_transform(image)
    return _spread_out(spectra.T, model.H_, np.ones(len(pixels), bool), used)


def vca(
    phantom: Phantom,
    k: int,
    *,
    channels: slice,
    window: Window | None = None,
    preprocess: Preprocess = "background",
) -> Result:
    """Vertex component analysis of PCA-denoised spectra, maps by non-negative least squares."""
    signal, n = _start(phantom, k, channels, window, preprocess)
    counts = _array(signal)
    spectra = _vertices(_without_noise(phantom, n, channels, signal), n)
    return spectra, _non_negative(spectra, counts)


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
        signal = _prepared.get(
            phantom,
            ("denoised", n, channels.start, channels.stop),
            lambda: _denoised(phantom, n, channels),
        )
    return _array(signal)


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
    "VCA + NNLS": vca,
    "MCR-ALS (pyMCR)": mcr_als,
}
FREE_SIGN = frozenset({"HyperSpy SVD + ICA"})
