"""The low loss that belongs to a core loss (or to itself): checked, read, analysed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hyperspy_unmix.arguments.checks import check_signal
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.numerics.cleaning.nan_channels import without_nan_channels
from hyperspy_unmix.numerics.corrections.plural_scattering import Method
from hyperspy_unmix.numerics.low_loss.analysis import (
    LowLoss,
    MeasuredLowLoss,
    measure_low_loss,
)
from hyperspy_unmix.numerics.low_loss.thickness_map import (
    ThicknessMap,
    inner_vacuum,
    thickness_map,
)
from hyperspy_unmix.numerics.low_loss.zero_loss import SEARCH_RANGE_EV, find_zero_loss_peak
from hyperspy_unmix.numerics.reading.first_pass import Summary, summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.settings import Finding

from .exposures import read_exposures
from .low_loss import AnalysedLowLoss
from .low_loss_place import find_place
from .low_loss_report import LowLossFinding, ZeroLossInRange
from .metadata import EV, base_type
from .spectrum_image import Image, to_pixels
from .thickness import RELATIVE
from .thickness_error import SurfaceLosses, with_errors
from .value_checks import check_size, check_units

LEAST_CORE_LOSS = 30.0  # eV; below are plasmons
MOST_IN_TAIL = 0.1  # t/lambda that a zero-loss peak's tail alone may feign
RUN_PIXELS, RUNS = 16, 4  # of neighbours that tell whether there is a zero-loss peak
Findings = tuple[Finding, ...]


def read_low_loss(
    options: Preprocessing, image: Image, thickness: tuple[Floats, str] | None
) -> tuple[AnalysedLowLoss | None, Image, Findings]:
    """Check and analyse the low loss; the image without what it cannot be used for.

    ``thickness`` is a map that the user gives, and its unit.

    Raises
    ------
    ValueError, TypeError
        If its scan or its units do not fit, or there is no zero-loss peak.
    """
    signal, surface = options.low_loss, SurfaceLosses.read(options.surface_losses, image.frame)
    if isinstance(signal, str):
        if signal != "auto":
            raise TypeError(f"low_loss={signal!r} is not understood: 'auto', None or a signal.")
        if not _holds_zero_loss(image):
            return None, image, ()
        signal = image.frame
    if signal is None:
        return None, image, _zero_loss_in_range(image)
    check_signal(signal, "low_loss")
    is_own = signal is image.frame or signal.data is image.blocks.data
    blocks, summary, energies, nan_channels = _matching(signal, is_own, image)
    blocks, summary, image, not_finite = _finite(blocks, summary, image)
    is_tiled = not is_own and _is_tiled(blocks, summary)
    if is_tiled:
        blocks, summary = _one_of(blocks, signal)
    one_for_all = len(blocks.pixels) == 1
    t_over_lambda = _t_over_lambda(thickness, image, one_for_all)
    measured = measure_low_loss(blocks, energies, t_over_lambda, summary)
    measured, analysis, t_map = _with_vacuum(measured, blocks, image, is_own)
    t_map, of_errors = with_errors(t_map, analysis.systematic, measured, surface)
    method, image, among_plasmons = _what_is_unmixed(image, analysis, is_own)
    others = () if is_own else _zero_loss_in_range(image)
    exposure_ratio, of_exposures = read_exposures(
        options.exposure_ratio,
        image,
        signal,
        measured.summary.mean,
        energies,
        is_own=is_own,
        is_one=one_for_all and not is_tiled,
    )
    low_loss = AnalysedLowLoss(
        analysis,
        t_map,
        method,
        not analysis.clipped or t_over_lambda is not None,
        exposure_ratio,
    )
    finding = LowLossFinding.of(
        low_loss,
        signal,
        image,
        one_for_all,
        is_own,
        not_finite,
        among_plasmons,
        is_tiled=is_tiled,
        nan_channels=nan_channels,
    )
    place = () if one_for_all or is_own else find_place(image, analysis)
    of_use: Findings = (*of_errors, *of_exposures) if low_loss.deconvolves else ()
    return low_loss, image, (*others, finding, *place, *of_use)


def _what_is_unmixed(
    image: Image, analysis: LowLoss, is_own: bool
) -> tuple[Method, Image, tuple[float, str] | None]:
    """How plural scattering is taken out, the range to unmix, and where it starts if in between.

    A signal that holds its own zero-loss peak is unmixed behind it.
    """
    unit = EV.get(str(image.axis.units), 1.0)
    first = float(image.energies[0])
    if is_own and first * unit < analysis.peak.threshold:
        behind = np.searchsorted(image.energies * unit, analysis.peak.threshold)
        return "log", image.drop_channels_before(int(image.blocks.channels[behind])), None
    among_plasmons = is_own and first * unit < LEAST_CORE_LOSS
    return "ratio", image, (first, str(image.axis.units)) if among_plasmons else None


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
        # Runs of neighbours: every other place may cost the reading of a chunk.
        counting = np.flatnonzero(image.blocks.pixels)
        runs = np.linspace(0, max(len(counting) - RUN_PIXELS, 0), RUNS).astype(int)
        few = counting[np.unique(runs[:, None] + np.arange(min(RUN_PIXELS, len(counting))))]
        pixels = np.zeros_like(image.blocks.pixels)
        pixels[few] = True
        sample = replace(image.blocks, pixels=pixels, channels=np.arange(axis.size))
        sample, summary, _ = without_nan_channels(sample, "zero-loss peak", only_ends=True)
        if not summary.finite.any():
            return False
        energies = energies[sample.channels]
    try:
        find_zero_loss_peak(energies, summary.mean)
    except ValueError:
        return False
    return True


def _zero_loss_in_range(image: Image) -> Findings:
    """Whether an EELS zero-loss peak is among the channels to unmix."""
    energies, mean = image.energies, image.summary.mean
    if base_type(image.frame) != "EELS" or not energies[0] < 0 < energies[-1]:
        return ()
    peak = float(energies[np.argmax(mean)])
    within = abs(peak) * EV.get(str(image.axis.units), 1.0) <= SEARCH_RANGE_EV
    return (ZeroLossInRange(),) if within else ()


def _matching(low_loss: Any, is_own: bool, image: Image) -> tuple[RowBlocks, Summary, Floats, int]:
    """The low loss of the pixels that count, its first pass, and its energies in eV.

    The last: how many channels at its ends were left out because they are NaN in many spectra.
    """
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
    check_units(str(axis.units), str(image.axis.units))
    energies = np.asarray(axis.axis, float) * EV.get(str(axis.units), 1.0)
    if (np.diff(energies) <= 0).any() or (np.diff(image.energies) <= 0).any():
        raise ValueError("low_loss: rising energy axes are needed for the deconvolution.")
    blocks, summary = row_blocks(low_loss.data), None
    if is_own:
        blocks = replace(image.blocks, channels=blocks.channels, variance=None)
        summary = image.whole_summary
    else:
        pixels = blocks.pixels if one_for_all else image.blocks.pixels
        blocks = replace(blocks, pixels=pixels, progress=image.blocks.progress)
    nan_channels: Index = np.zeros(0, np.intp)
    if summary is None:
        stage = "first pass over the low loss"
        blocks, summary, nan_channels = without_nan_channels(blocks, stage, only_ends=True)
    check_size(summary, "low_loss")
    return blocks, summary, energies[blocks.channels], len(nan_channels)


def _finite(
    blocks: RowBlocks, summary: Summary, image: Image
) -> tuple[RowBlocks, Summary, Image, int]:
    """Low loss and image without the pixels whose low loss is not finite, and their number."""
    bad = ~summary.finite
    if bad.all():
        raise ValueError(
            "low_loss: every pixel holds NaN, infinity or values beyond 32-bit numbers. Give "
            "another, or say low_loss=None."
        )
    if bad.any():
        blocks = blocks.drop_pixels(bad)
        summary = summarise(blocks)
        image = image.drop_pixels(bad)
    return blocks, summary, image, int(bad.sum())


def _is_tiled(blocks: RowBlocks, summary: Summary) -> bool:
    """Whether all pixels hold one and the same spectrum: there is one low loss then."""
    assert summary.key is not None
    return len(blocks.pixels) > 1 and bool((summary.key == summary.key[0]).all())


def _one_of(blocks: RowBlocks, low_loss: Any) -> tuple[RowBlocks, Summary]:
    """The first of spectra that are all the same."""
    first = np.unravel_index(np.flatnonzero(blocks.pixels)[0], low_loss.data.shape[:-1])
    one = replace(row_blocks(low_loss.data[first][None]), progress=blocks.progress)
    return one, summarise(one, "one low loss")


def _t_over_lambda(
    thickness: tuple[Floats, str] | None, image: Image, one_for_all: bool
) -> Floats | None:
    """t/lambda from elsewhere for every low-loss spectrum; None where it is not given."""
    if thickness is None or thickness[1] != RELATIVE:
        return None
    values = thickness[0].ravel()[image.blocks.pixels]
    return np.array([np.nanmean(values)]) if one_for_all else values


def _with_vacuum(
    measured: MeasuredLowLoss, blocks: RowBlocks, image: Image, is_own: bool
) -> tuple[MeasuredLowLoss, LowLoss, ThicknessMap]:
    """The low loss analysed, with the peak's tail of the map's own vacuum where there is some."""
    one_for_all = len(blocks.pixels) == 1
    analysis = measured.analysed()
    t_map = _thickness_map(analysis, image, one_for_all)
    # Where the core loss counts nothing there is no specimen, as the low loss then has to show.
    empty = None if one_for_all or is_own else image.empty_pixels
    beside = None if empty is None or not empty.any() else replace(blocks, pixels=empty)
    if one_for_all:
        return measured, analysis, t_map
    # A long tail makes vacuum look like a thin specimen, but for the plasmons.
    for vacuum in (t_map.vacuum | (t_map.values < MOST_IN_TAIL), t_map.vacuum):
        if not (beside or vacuum.any()):
            continue
        on_scan = to_pixels(image, vacuum.astype(float), of_empty=1.0, with_copies=False) == 1
        inner = inner_vacuum(on_scan)[image.blocks.pixels.reshape(image.navigation_shape)]
        with_tail = measured.in_vacuum(inner, beside)
        if with_tail is not measured:
            analysis = with_tail.analysed()
            return with_tail, analysis, _thickness_map(analysis, image, one_for_all)
    return measured, analysis, t_map


def _thickness_map(low_loss: LowLoss, image: Image, one_for_all: bool) -> ThicknessMap:
    """The map of t/lambda as one row of the pixels that count."""
    if one_for_all:
        return thickness_map(low_loss.t_over_lambda, low_loss.t_error, low_loss.zero_loss)
    scan = thickness_map(
        to_pixels(image, low_loss.t_over_lambda, with_copies=False),
        to_pixels(image, low_loss.t_error, with_copies=False),
        to_pixels(image, low_loss.zero_loss, with_copies=False),
    )
    counting = image.blocks.pixels.reshape(image.navigation_shape)
    return replace(
        scan,
        values=scan.values[counting],
        error=scan.error[counting],
        vacuum=scan.vacuum[counting],
    )
