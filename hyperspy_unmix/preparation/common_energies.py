"""Energies of several signals brought together where their zero-loss peaks tell how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.drift.group_shifts import shift_share_in_spectra
from hyperspy_unmix.settings import Choice, Settings, warn_of

from .aligned import Aligned
from .drift import (
    SIGMAS_NOT_FOLLOWED,
    SIGMAS_OF_DRIFT,
    Drift,
    DriftNotAskedFor,
    take_out_offset,
)
from .low_loss_report import EnergiesDiffer
from .metadata import EV

LEAST_OFFSET_TOLD = 0.5  # channels between the zero-loss peaks of two signals


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


def with_common_energies(each: Sequence[Aligned]) -> list[Aligned]:
    """The same signals, their zero-loss peaks at one energy; and a word where they cannot be.

    The reference is the signal whose peak is nearest to zero. As with a drift, the core loss must
    not clearly tell otherwise: a low loss of another exposure may have an offset of its own.
    """
    places = {i: _place_of_peak(one) for i, one in enumerate(each) if one.low_loss is not None}
    if len(places) < 2:
        return list(each)
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
        return together
    warn_of(finding)
    return [replace(one, findings=(*one.findings, finding)) for one in together]


def _place_of_peak(one: Aligned) -> float:
    """Energy of the zero-loss peak in eV, where the spectra are once their drift is taken out."""
    assert one.low_loss is not None
    analysis = one.low_loss.analysis
    return float(analysis.peak.centre + np.nanmedian(analysis.shift))


def _channel_width(one: Aligned) -> float:
    """Of the core loss, in eV."""
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
    channels = np.intersect1d(one.image.blocks.channels, reference.image.blocks.channels)
    groups, sizes = [], []
    for image in (one.image, reference.image):
        groups.append(image.summary.groups[:, np.isin(image.blocks.channels, channels)])
        sizes.append(image.summary.group_size)
    pixels = [int(size.sum()) for size in sizes]
    shift = np.repeat([offset, 0.0], pixels)
    share, error = shift_share_in_spectra(
        np.concatenate(groups), np.concatenate(sizes), shift, shift
    )
    return share + SIGMAS_NOT_FOLLOWED * error < 0.5


def _moved(one: Aligned, drift: Drift, offset: float, reference: int) -> Aligned:
    drift, image = take_out_offset(drift, one.image, offset)
    finding = OffsetTakenOut(offset, reference)
    findings = tuple(drift if isinstance(known, Drift) else known for known in one.findings)
    return replace(one, image=image, drift=drift, findings=(*findings, finding))
