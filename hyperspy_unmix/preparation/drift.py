"""Energy drift: found in the zero-loss peak or in the spectra, taken out where it can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.corrections.fractional_shift import FractionalShift
from hyperspy_unmix.numerics.threads import one_blas_thread
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import UNDECIDED, Choice, Settings, caution

from .drift_search import SIGMAS_OF_DRIFT, Candidate, Source, find
from .low_loss import AnalysedLowLoss
from .metadata import base_type
from .spectrum_image import Image

MOST_COMPRESSED_DRIFT = 3.0  # channels, peak to peak, that are taken out in compressed form alone
LEAST_PIXELS, LEAST_CHANNELS = 16, 64  # of an image, to look for a drift


@dataclass(frozen=True)
class Drift:
    """Energy shift of every pixel that counts, in channels of the signal, and what was done.

    Parameters
    ----------
    shift, error : array, shape (pixels,)
        How far each spectrum is above the mean position, and its standard deviation.
    applied : bool
        Whether it was taken out.
    whole : int array, shape (pixels,)
        Channels that were taken out while the counts were read.
    source : {"zero-loss peak", "spectra", ""}
        Where it was found; empty if that is not known.
    from_pixel_to_pixel : float
        Channels by which it jumps beside its smooth course.
    is_smooth_course : bool
        Whether the zero-loss peak jumps from pixel to pixel and the core loss does not.
    peak_drifts_otherwise : bool
        Whether there is a zero-loss peak whose drift the core loss does not share.
    energies_agree : bool
        Whether low and high energies drift alike; if not, it may be chemistry.
    is_other_order : bool
        Whether it follows the scan along its other axis: stored with swapped axes, or scanned so.
    beyond_peak : float
        Channels r.m.s. by which all edges drift beside the zero-loss peak; taken out with it.
    of_one_edge : float
        Channels, peak to peak, by which one edge moves along the scan and the zero-loss peak does
        not: valence, or a drift of the core loss alone. It is left.
    offset : float
        By which all spectra are above those of other signals that they are unmixed with, in
        channels; it is taken out in any case.
    """

    shift: Floats
    error: Floats
    applied: bool
    whole: NDArray[np.intp]
    source: Source = ""
    from_pixel_to_pixel: float = 0.0
    is_smooth_course: bool = False
    peak_drifts_otherwise: bool = False
    energies_agree: bool = True
    is_other_order: bool = False
    beyond_peak: float = 0.0
    of_one_edge: float = 0.0
    offset: float = 0.0

    def correction(self, image: Image) -> FractionalShift | None:
        """What is left of the shift after whole channels."""
        if not self.applied and not self.offset:
            return None
        left = self.shift * self.applied + self.offset - self.whole
        return FractionalShift.build(left, image.positions, image.empty_at_ends)

    @property
    def spread(self) -> float:
        """Spread of the shifts, in channels r.m.s."""
        return float(np.std(self.shift))

    @property
    def typical_error(self) -> float:
        """Error of the shifts, in channels r.m.s."""
        return float(np.sqrt(np.mean(self.error**2)))

    @property
    def described(self) -> str:
        """Size, error and source, in plain words."""
        words = f"{self.spread:.2g} channels r.m.s., error {self.typical_error:.2g}"
        if self.source == "zero-loss peak":
            words += ", of the zero-loss peak"
            if self.is_smooth_course:
                words += (
                    ", its smooth course only: the core loss does not follow from pixel to pixel"
                )
        elif self.source == "spectra":
            words += ", of the spectra"
            words += " (the zero-loss peak drifts otherwise)" * self.peak_drifts_otherwise
            words += ", along a smooth curve of the scan"
        if self.beyond_peak:
            words += (
                f"; {self.beyond_peak:.2g} channels r.m.s. of it are of all edges and not of the "
                "zero-loss peak (the low loss was aligned by itself, or is of another range)"
            )
        if self.applied and self.is_other_order:
            words += ", whose fast axis is the slow one of the array"
        if not self.energies_agree:
            words += "; low and high energies do not drift alike, so it may be chemistry"
        if self.applied and self.from_pixel_to_pixel:
            words += f"; {self.from_pixel_to_pixel:.2g} channels from pixel to pixel"
        return words

    def choices(self) -> Settings:
        """In plain words."""
        if self.applied:
            choice = Choice(float(np.ptp(self.shift)), f"channels, taken out: {self.described}")
        else:
            size = 0.0 if self.spread < self.typical_error else self.spread
            below = f"below its own error ({self.described})"
            why = below if self.energies_agree else self.described
            choice = Choice(size, f"not taken out: {why}")
        said: Settings = {"energy shift": choice}
        if self.of_one_edge:
            hint = (
                f"one edge moves by {self.of_one_edge:.2g} channels along the scan, and the "
                "zero-loss peak does not: its valence or bonding changes, or the core loss drifts "
                "alone (a low loss that was aligned by itself, or of another range). It is left "
                "in, and makes components of its own if it is a drift: then "
                'energy_shift="spectra" takes it out. An edge of another element in the range '
                "would tell"
            )
            short = (
                f"One edge moves by {self.of_one_edge:.2g} channels: chemistry, or a drift that "
                'energy_shift="spectra" takes out.'
            )
            said |= caution("energy shift", hint, short, UNDECIDED)
        return said


def take_out_offset(drift: Drift, image: Image, offset: float) -> tuple[Drift, Image]:
    """Take out that all spectra are ``offset`` channels too high, beside their drift."""
    # as with a drift: whole channels are moved where they must be
    whole = drift.whole
    if abs(offset) > MOST_COMPRESSED_DRIFT / 2:
        whole = whole + round(offset)
        image = image.shifted(-whole)
    return replace(drift, offset=offset, whole=whole), image


@dataclass(frozen=True)
class DriftNotAskedFor:
    """The user wants the spectra left where they are."""

    def choices(self) -> Settings:
        """In plain words."""
        return {"energy shift": Choice(None, "not asked for")}


def align(
    image: Image, low_loss: AnalysedLowLoss | None, energy_shift: str | None
) -> tuple[Drift | None, Image, tuple[Drift | DriftNotAskedFor, ...]]:
    """Find the energy drift; the image with whole channels of it taken out, and what is said.

    Raises
    ------
    ValueError
        If ``energy_shift`` is none of "auto", "spectra" and None.
    """
    check_choice("energy_shift", energy_shift, ("auto", "spectra", None))
    axis = image.frame.axes_manager.signal_axes[0]
    if energy_shift is None:
        return None, image, (DriftNotAskedFor(),)
    if base_type(image.frame) != "EELS" or not axis.is_uniform:
        return None, image, ()
    if image.blocks.shape[0] < LEAST_PIXELS or image.blocks.shape[1] < LEAST_CHANNELS:
        return None, image, ()
    # on a hundred mean spectra threads would only wait for each other
    with one_blas_thread():
        candidate = find(image, low_loss, energy_shift)
    drift, image = _take_out(image, candidate)
    return drift, image, (drift,)


def _take_out(image: Image, candidate: Candidate) -> tuple[Drift, Image]:
    """Take the drift out where it exceeds its own error."""
    curve = candidate.curve
    shift = curve.values - np.median(curve.values)
    drift = Drift(
        shift,
        curve.error,
        applied=False,
        whole=np.zeros(len(shift), int),
        source=candidate.source,
        from_pixel_to_pixel=curve.scatter,
        is_smooth_course=candidate.is_smooth_course,
        peak_drifts_otherwise=candidate.peak_drifts_otherwise,
        energies_agree=candidate.energies_agree,
        is_other_order=candidate.is_other_order,
        beyond_peak=candidate.beyond_peak,
        of_one_edge=candidate.of_one_edge,
    )
    is_clear = drift.spread > SIGMAS_OF_DRIFT * drift.typical_error
    if not is_clear or not drift.energies_agree:
        return drift, image
    # the detector's own pattern does not drift: it is moved against itself only where it must be
    far = float(np.ptp(shift)) > MOST_COMPRESSED_DRIFT
    drift = replace(drift, applied=True, whole=np.rint(shift).astype(int) if far else drift.whole)
    return drift, image.shifted(-drift.whole) if drift.whole.any() else image
