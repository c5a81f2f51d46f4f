"""Energies of several signals brought together where their zero-loss peaks tell how they differ."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.drift.group_shifts import shift_share_in_spectra
from hyperspy_unmix.numerics.drift.offset_of_spectra import OffsetOfSpectra, offset_of_spectra
from hyperspy_unmix.numerics.threads import one_blas_thread
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import WRONG, Choice, Settings, caution, warn_of

from .aligned import Aligned
from .drift import LEAST_PIXELS, Drift, DriftNotAskedFor, take_out_offset
from .drift_search import SIGMAS_NOT_FOLLOWED, SIGMAS_OF_DRIFT
from .low_loss_report import EnergiesDiffer
from .metadata import EV

LEAST_OFFSET_TOLD = 0.5  # channels between the energies of two signals
SIGMAS_OF_SPECTRA = 5.0  # that an offset must exceed which only the spectra tell


@dataclass(frozen=True)
class OffsetTakenOut:
    """By how many channels the energies of a signal were above those of another, ``reference``."""

    channels: float
    reference: int

    def choices(self) -> Settings:
        """In plain words."""
        reason = (
            f"channels by which the zero-loss peak lies above that of signal {self.reference}: "
            "taken out, so that both have the same energies"
        )
        return {"energy offset": Choice(self.channels, reason)}


@dataclass(frozen=True)
class SpectraDiffer:
    """Spectra of one signal that need fewer components with those of another where they are moved.

    Parameters
    ----------
    signal, reference : int
        Their numbers.
    found : OffsetOfSpectra
    channel_width : float
        In the units of the axis.
    """

    signal: int
    reference: int
    found: OffsetOfSpectra
    channel_width: float

    def choices(self) -> Settings:
        """In plain words."""
        found, i = self.found, self.signal
        whole = round(found.channels) * self.channel_width
        hint = (
            f"the spectra of signal {i} need {found.moved} components together with those of "
            f"signal {self.reference} where they are moved by {-found.channels:.2g} channels, and "
            f"{found.as_they_are} as they are: an offset of the energies, or chemistry that shifts "
            f"all of them. If it is one: signals[{i}].axes_manager[-1].offset -= {whole:.6g}; "
            "unmix then says which channels to cut out"
        )
        short = (
            f"Signal {i} is {found.channels:.2g} channels off signal {self.reference}: move its "
            f"axis, offset -= {whole:.6g}."
        )
        return caution("energies", hint, short, WRONG)


def with_common_energies(each: Sequence[Aligned]) -> list[Aligned]:
    """The same signals, their zero-loss peaks at one energy; and a word where they cannot be.

    The reference is the signal whose peak is nearest to zero. As with a drift, the core loss must
    not clearly tell otherwise: a low loss of another exposure may have an offset of its own.
    """
    places = {i: _place_of_peak(one) for i, one in enumerate(each) if one.low_loss is not None}
    if len(places) < 2:
        return _with_word_on_spectra(each, places)
    step = _channel_width(each[0])
    together, only_peaks = list(each), []
    drifts = {i: drift for i in places if (drift := _of_peak(each[i])) is not None}
    reference = min(drifts, key=lambda i: abs(places[i]), default=-1)
    for i, drift in drifts.items():
        offset = (places[i] - places[reference]) / step
        error = np.hypot(drift.typical_error, drifts[reference].typical_error)
        if abs(offset) <= SIGMAS_OF_DRIFT * error:
            continue
        if _tell_otherwise(each[i], each[reference], offset):
            only_peaks.append(i)
            continue
        together[i] = _moved(each[i], drift, offset, reference)
        places[i] = places[reference]
    finding = EnergiesDiffer(tuple(places.items()), tuple(only_peaks))
    if max(places.values()) - min(places.values()) <= LEAST_OFFSET_TOLD * step:
        return _with_word_on_spectra(together, places)
    warn_of(finding)
    return [replace(one, findings=(*one.findings, finding)) for one in together]


def _with_word_on_spectra(each: Sequence[Aligned], known: Container[int]) -> list[Aligned]:
    """The same, with a warning where spectra differ by an offset that no peak tells.

    ``known`` are the signals whose zero-loss peaks tell. Nothing is moved: that may be chemistry.
    """
    together = list(each)
    reference = max(range(len(each)), key=lambda i: each[i].image.blocks.shape[0])
    for i, one in enumerate(each):
        if i == reference or (i in known and reference in known):
            continue
        groups, sizes = _over_channels_of_both(one, each[reference])
        if min(map(len, groups)) < LEAST_PIXELS or not one.image.axis.is_uniform:
            continue
        with one_blas_thread():
            found = offset_of_spectra(groups, sizes)
        if found is None or found.moved >= found.as_they_are:
            continue
        if abs(found.channels) > max(LEAST_OFFSET_TOLD, SIGMAS_OF_SPECTRA * found.error):
            finding = SpectraDiffer(i, reference, found, float(one.image.axis.scale))
            warn_of(finding)
            together[i] = replace(one, findings=(*one.findings, finding))
    return together


def _place_of_peak(one: Aligned) -> float:
    """Energy of the zero-loss peak in eV, where the spectra are once their drift is taken out."""
    assert one.low_loss is not None
    analysis = one.low_loss.analysis
    return float(analysis.peak.centre + np.nanmedian(analysis.shift))


def _channel_width(one: Aligned) -> float:
    """The energies of the core loss, in eV."""
    axis = one.image.axis
    return float(np.median(np.abs(np.diff(axis.axis)))) * EV.get(str(axis.units), 1.0)


def _of_peak(one: Aligned) -> Drift | None:
    """The drift, where the spectra follow the zero-loss peak, as far as that is known."""
    drift, low_loss = one.drift, one.low_loss
    if drift is not None:
        return drift if drift.source == "zero-loss peak" else None
    pixels = one.image.blocks.shape[0]
    was_asked_for = not any(isinstance(known, DriftNotAskedFor) for known in one.findings)
    if low_loss is None or len(low_loss.analysis.shift) != pixels or not was_asked_for:
        return None
    # Of few pixels no drift is looked for, and what they share is known all the same.
    error = low_loss.analysis.shift_error / _channel_width(one)
    none = np.zeros(pixels)
    return Drift(none, error, False, none.astype(np.intp), source="zero-loss peak")


def _tell_otherwise(one: Aligned, reference: Aligned, offset: float) -> bool:
    """Whether the spectra of the two clearly do not have the offset of their peaks."""
    groups, sizes = _over_channels_of_both(one, reference)
    shift = np.repeat([offset, 0.0], [int(size.sum()) for size in sizes])
    share, error = shift_share_in_spectra(
        np.concatenate(groups), np.concatenate(sizes), shift, shift
    )
    return share + SIGMAS_NOT_FOLLOWED * error < 0.5


def _over_channels_of_both(
    one: Aligned, other: Aligned
) -> tuple[tuple[Floats, Floats], tuple[NDArray[np.integer], NDArray[np.integer]]]:
    """Mean spectra of groups of pixels of two signals, and the pixels of each group."""
    first, second = one.image, other.image
    channels = np.intersect1d(first.blocks.channels, second.blocks.channels)
    groups = (
        first.summary.groups[:, np.isin(first.blocks.channels, channels)],
        second.summary.groups[:, np.isin(second.blocks.channels, channels)],
    )
    return groups, (first.summary.group_size, second.summary.group_size)


def _moved(one: Aligned, drift: Drift, offset: float, reference: int) -> Aligned:
    drift, image = take_out_offset(drift, one.image, offset)
    finding = OffsetTakenOut(offset, reference)
    findings = tuple(drift if isinstance(known, Drift) else known for known in one.findings)
    return replace(one, image=image, drift=drift, findings=(*findings, finding))
