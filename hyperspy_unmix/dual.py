"""The low loss that belongs to a core loss (or to itself), and what it says of the specimen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dual_report import report_low_loss
from .image import Image
from .inputs import EELS_DETECTOR, EV, check_signal
from .magnitudes import check_size
from .numerics.blocks import RowBlocks, row_blocks
from .numerics.first_pass import Summary, summarise
from .numerics.low_loss import LowLoss, analyse_low_loss
from .numerics.noise import Floats
from .numerics.scattering import Method, Scattering, scattering
from .numerics.thickness import ThicknessMap, thickness_map
from .numerics.zero_loss import SEARCH, find_zero_loss_peak
from .options import Preprocessing
from .settings import Choice, Settings, warn
from .thickness import RELATIVE
from .wrapping import base_type, to_pixels

PLASMONS = 30.0  # eV, below which nothing is core loss
RUN, RUNS = 16, 4  # pixels that tell whether there is a zero-loss peak


@dataclass(frozen=True)
class Dual:
    """An analysed low loss.

    Parameters
    ----------
    low_loss : LowLoss
    thickness : ThicknessMap
        t/lambda of the pixels that count, shape (pixels,), smoothed where that is better.
    method : {"ratio", "log"}
        ``"log"`` where the low loss itself is unmixed.
    deconvolves : bool
        Whether plural scattering can be taken out with it.
    exposure_ratio : float, optional
        Exposure of the core loss over that of the low loss, where known.
    """

    low_loss: LowLoss
    thickness: ThicknessMap
    method: Method
    deconvolves: bool
    exposure_ratio: float | None

    def kernel(self, image: Image) -> Scattering | None:
        """Plural scattering on the channels that count."""
        if not self.deconvolves:
            return None
        scale = float(image.axis.scale) * EV.get(str(image.axis.units), 1.0)
        return scattering(self.low_loss, scale, image.positions, image.empty, self.method)

    def tail(self, image: Image) -> tuple[Floats, Floats] | None:
        """What the zero-loss peak leaves in the channels of its own low loss, scores and shape."""
        if self.method != "log":
            return None
        energies = image.energies * EV.get(str(image.axis.units), 1.0) - self.low_loss.peak.centre
        peak = self.low_loss.peak
        shape = np.interp(energies, self.low_loss.energies, peak.tail * peak.below, right=0.0)
        return np.nan_to_num(self.low_loss.zero_loss)[:, None], shape[None]

    def per_pixel(self, values: NDArray[Any], image: Image) -> NDArray[Any]:
        """Values of all pixels that count, where there may be one for all."""
        return np.broadcast_to(values, (image.blocks.shape[0],))


def read_low_loss(
    options: Preprocessing, image: Image, given: tuple[Floats, str] | None, settings: Settings
) -> tuple[Dual | None, Image]:
    """Check and analyse the low loss; the image without what it cannot be used for.

    Raises
    ------
    ValueError, TypeError
        If its scan or its units do not fit, or there is no zero-loss peak.
    """
    low_loss = options.low_loss
    if isinstance(low_loss, str):
        if low_loss != "auto":
            raise TypeError(f"low_loss={low_loss!r} is not understood: 'auto', None or a signal.")
        if not _holds_zero_loss(image):
            return None, image
        low_loss = image.frame
    if low_loss is None:
        _look_for_zero_loss(image, settings)
        return None, image
    check_signal(low_loss, "low_loss")
    own = low_loss is image.frame or low_loss.data is image.blocks.data
    blocks, summary, energies, image = _matching(low_loss, own, image, settings)
    t = _given_t(given, image, len(blocks.pixels) == 1)
    analysed = analyse_low_loss(blocks, energies, t, summary)
    method: Method = "ratio"
    unit = EV.get(str(image.axis.units), 1.0)
    if own and image.energies[0] * unit < analysed.peak.threshold:
        method = "log"
        behind = np.searchsorted(image.energies * unit, analysed.peak.threshold)
        image = image.cropped(int(image.blocks.channels[behind]))
    elif own and image.energies[0] * unit < PLASMONS:
        hint = (
            f"the analysed range begins at {image.energies[0]:g} {image.axis.units}, among the "
            "plasmons, and is taken for core loss (Fourier ratio, a background before an edge). To "
            "unmix the low loss let it begin below the zero-loss peak: signal_range=(-20, 60)"
        )
        warn(settings, "signal_range", hint)
    elif not own:
        _look_for_zero_loss(image, settings)
    usable = not analysed.clipped or t is not None
    one_for_all = len(blocks.pixels) == 1
    thickness = _thickness(analysed, image, one_for_all)
    ratio = _exposure_ratio(options.exposure_ratio, image.frame, low_loss, own)
    dual = Dual(analysed, thickness, method, usable, ratio)
    report_low_loss(dual, one_for_all, own, low_loss, image, settings)
    return dual, image


def _holds_zero_loss(image: Image) -> bool:
    """Whether the signal's own axis reaches over a zero-loss peak."""
    if base_type(image.frame) != "EELS":
        return False
    axis = image.frame.axes_manager.signal_axes[0]
    if not axis.is_uniform or not axis.axis[0] < 0 < axis.axis[-1] or axis.scale <= 0:
        return False
    energies = np.asarray(axis.axis, float) * EV.get(str(axis.units), 1.0)
    summary = image.whole_summary
    if summary is None:
        # runs of pixels, for each may cost the reading of a chunk
        counting = np.flatnonzero(image.blocks.pixels)
        runs = np.linspace(0, max(len(counting) - RUN, 0), RUNS).astype(int)
        few = counting[np.unique(runs[:, None] + np.arange(min(RUN, len(counting))))]
        pixels = np.zeros_like(image.blocks.pixels)
        pixels[few] = True
        sample = replace(image.blocks, pixels=pixels, channels=np.arange(axis.size))
        summary = summarise(sample, "zero-loss peak")
    try:
        find_zero_loss_peak(energies, summary.mean)
    except ValueError:
        return False
    return True


def _look_for_zero_loss(image: Image, settings: Settings) -> None:
    """Say so where an EELS zero-loss peak is among the channels to unmix: it drowns the rest."""
    energies, mean = image.energies, image.summary.mean
    if base_type(image.frame) != "EELS" or not energies[0] < 0 < energies[-1]:
        return
    hint = (
        "the zero-loss peak is in the analysed range and will dominate the components; for the "
        "core loss give signal_range=(start, end)"
    )
    peak = float(energies[np.argmax(mean)])
    if abs(peak) * EV.get(str(image.axis.units), 1.0) <= SEARCH:
        warn(settings, "zero-loss", hint)


def _matching(
    low_loss: Any, own: bool, image: Image, settings: Settings
) -> tuple[RowBlocks, Summary, Floats, Image]:
    """The low loss of the pixels that count, its energies in eV, and the image without the rest."""
    shape, scan = tuple(low_loss.data.shape[:-1]), image.navigation_shape
    one_for_all = int(np.prod(shape)) == 1
    if not one_for_all and shape != scan:
        raise ValueError(
            f"low_loss has a scan of {shape[::-1]} (x, y) pixels, the core loss of {scan[::-1]}. A "
            "low loss of the same scan is needed, or one spectrum for all pixels."
        )
    axis = low_loss.axes_manager.signal_axes[0]
    if not image.axis.is_uniform:
        raise ValueError(
            "low_loss: the deconvolution needs a uniform energy axis of the core loss; "
            "signal.interpolate_on_axis('uniform', -1) makes it one."
        )
    energies = np.asarray(axis.axis, float) * EV.get(str(axis.units), 1.0)
    if (np.diff(energies) <= 0).any() or (np.diff(image.energies) <= 0).any():
        raise ValueError("low_loss: rising energy axes are needed for the deconvolution.")
    blocks, summary = row_blocks(low_loss.data), None
    if own:
        blocks = replace(image.blocks, channels=blocks.channels, variance=None)
        summary = image.whole_summary
    else:
        pixels = blocks.pixels if one_for_all else image.blocks.pixels
        blocks = replace(blocks, pixels=pixels, progress=image.blocks.progress)
    summary = summarise(blocks, "first pass over the low loss") if summary is None else summary
    check_size(summary, "low_loss")
    bad = ~summary.finite
    if bad.all():
        raise ValueError(
            "low_loss: every pixel holds NaN, infinity or values beyond 32-bit numbers. Give "
            "another, or say low_loss=None."
        )
    if bad.any():
        settings["low loss not finite"] = Choice(
            int(bad.sum()), "pixels whose low loss holds NaN or infinity were masked"
        )
        blocks = blocks.without(bad)
        summary = summarise(blocks)
        image = image.without(bad)
    return blocks, summary, energies, image


def _given_t(given: tuple[Floats, str] | None, image: Image, one_for_all: bool) -> Floats | None:
    """t/lambda from elsewhere for every low-loss spectrum."""
    if given is None or given[1] != RELATIVE:
        return None
    values = given[0].ravel()[image.blocks.pixels]
    return np.array([np.nanmean(values)]) if one_for_all else values


def _thickness(low_loss: LowLoss, image: Image, one_for_all: bool) -> ThicknessMap:
    """The map of t/lambda as one row of the pixels that count."""
    arrays = (low_loss.t_over_lambda, low_loss.t_error, low_loss.zero_loss)
    if one_for_all:
        return thickness_map(*arrays)
    found = thickness_map(*(to_pixels(image, values) for values in arrays))
    counting = image.blocks.pixels.reshape(image.navigation_shape)
    return replace(
        found,
        values=found.values[counting],
        error=found.error[counting],
        vacuum=found.vacuum[counting],
    )


def _exposure_ratio(given: Any, signal: Any, low_loss: Any, own: bool) -> float | None:
    """Exposure of the core loss over that of the low loss; None where nothing tells.

    Raises
    ------
    ValueError, TypeError
        If the one given is not a positive number.
    """
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, (int, float, np.number)):
            raise TypeError(f"exposure_ratio={given!r}: a positive number is needed.")
        if not 0 < given < np.inf:
            raise ValueError(f"exposure_ratio={given!r}: a positive number is needed.")
        return float(given)
    if own:
        return 1.0
    for name in ("dwell_time", "exposure"):
        times = [
            s.metadata.get_item(f"{EELS_DETECTOR}.{name}", default=None) for s in (signal, low_loss)
        ]
        if all(isinstance(time, (int, float)) and time > 0 for time in times):
            return float(times[0]) / float(times[1])
    return None
