"""What is done to the counts before peers unmix them, by HyperSpy and exspy.

``preprocess`` is one of these for EELS; EDS counts are taken as they are:

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

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.data import Phantom

Floats = NDArray[np.float64]
Preprocess = Literal["background", "deconvolved", "raw"]
Window = tuple[float, float]

PREPROCESSING: tuple[Preprocess, ...] = ("background", "deconvolved")
EXTRA = 2  # components kept beyond k when denoising before the background is removed


class Prepared:
    """Preprocessed counts of the phantom seen last, so that its peers share them."""

    def __init__(self) -> None:
        self.phantom: Phantom | None = None
        self.made: dict[tuple, Any] = {}

    def get(self, phantom: Phantom, key: tuple, make: Callable[[], Any]) -> Any:
        """What was made under this key, or else is made now."""
        if self.phantom is not phantom:
            self.phantom, self.made = phantom, {}
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


prepared = Prepared()


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
    return prepared.get(phantom, key, lambda: _prepare(phantom, k, channels, window, preprocess))


def _prepare(
    phantom: Phantom, k: int, channels: slice, window: Window | None, preprocess: Preprocess
) -> Any:
    if preprocess == "raw":
        return _plain(phantom.signal).isig[channels].deepcopy()
    if preprocess not in PREPROCESSING:
        raise ValueError(f"preprocess={preprocess!r} is unknown")
    if window is None:
        raise ValueError("window: EELS needs the pre-edge window of the background")
    signal = denoised(phantom, k + EXTRA, slice(None)).remove_background(
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


def denoised(phantom: Phantom, n: int, channels: slice) -> Any:
    """HyperSpy's PCA model of the counts, with its Poisson normalisation."""
    signal = _plain(phantom.signal).isig[channels].deepcopy()
    # the default can be a randomised SVD, from a generator that cannot be seeded here
    # a CCD's read noise can bring counts below zero, which the normalisation refuses
    poissonian = bool((signal.data >= 0).all())
    signal.decomposition(poissonian, output_dimension=n, print_info=False, svd_solver="full")
    return signal.get_decomposition_model(n)


def as_array(signal: Any) -> Floats:
    """Spectra in rows, (pixels, channels)."""
    return np.asarray(signal.data.reshape(-1, signal.data.shape[-1]), float)
