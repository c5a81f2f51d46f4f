"""What the user knows, as spectra on the channels of the image, and whether the data hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.drift.offset_between_images import resample
from hyperspy_unmix.numerics.separation.known_spectra import Projection, are_told_apart, project
from hyperspy_unmix.numerics.separation.reference_calibration import (
    LEAST_BROADENING,
    LEAST_OFFSET,
    Calibration,
    calibration_that_fits,
)
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.known_reading import GivenPixels, GivenSpectrum, read_known
from hyperspy_unmix.preparation.spectrum_image import Image

from .known_finding import KnownSpectra

CHANNELS_AVERAGED = 2.0  # standard deviation of the average in which noise is not negative
FWHM = float(np.sqrt(8 * np.log(2)))  # of a Gaussian, in standard deviations


def known_spectra(known: Any, image: Image, spectra: LowRank, visible: Floats) -> KnownSpectra:
    """What the user knows, as spectra on the channels of the image.

    ``spectra`` are those without background and plural scattering that are to be described: the
    mean of pixels is that of theirs. ``visible`` (rank,) is the share of each component that is not
    noise. What was read before is returned as it is.
    """
    if isinstance(known, KnownSpectra):
        return known
    read = [
        _given_spectrum(one, image, spectra, visible)
        if isinstance(one, GivenSpectrum)
        else _mean_of_pixels(one, spectra, visible)
        for one in read_known(known, image)
    ]
    found = KnownSpectra(
        names=tuple(one.name for one in read),
        spectra=np.array([one.shape for one in read]),
        pixels=tuple(one.pixels for one in read),
        scatter=tuple(one.scatter for one in read),
        variance=np.array([one.variance for one in read]),
        angles=tuple(one.projection.angle for one in read),
        fits=tuple(one.projection.fits and not one.calibration for one in read),
        offsets=tuple(one.offset for one in read),
        units=str(image.axis.units),
        broadenings=tuple(one.broadening for one in read),
        noise=tuple(one.projection.noise for one in read),
        negative=tuple(_negative_share(one.projection.row @ spectra.components) for one in read),
    )
    return _told_apart(found, spectra)


@dataclass(frozen=True)
class _Known:
    """One component that is known, on the channels of the image; as in `KnownSpectra`."""

    name: str
    shape: Floats
    projection: Projection
    pixels: int = 0
    scatter: float = 0.0
    variance: Floats | float = 0.0
    calibration: Calibration | None = None
    channel_width: float = 1.0

    @property
    def offset(self) -> float | None:
        """In the units of the axis."""
        found = self.calibration
        if found is None or abs(found.offset) < LEAST_OFFSET:
            return None
        return found.offset * self.channel_width

    @property
    def broadening(self) -> float | None:
        """FWHM in the units of the axis."""
        found = self.calibration
        if found is None or abs(found.broadening) < LEAST_BROADENING:
            return None
        return found.broadening * FWHM * abs(self.channel_width)


def _given_spectrum(one: GivenSpectrum, image: Image, spectra: LowRank, visible: Floats) -> _Known:
    """A spectrum on the channels of the image, and whether its calibration is theirs."""
    energies, widths = image.energies, image.widths_in_values
    width = float(np.median(np.diff(energies))) if len(energies) > 1 else 1.0

    def moved(channels: float) -> Floats:
        at = energies + channels * width
        shape: Floats = resample(one.values[None], one.energies, at)[0] * widths
        return shape

    shape = moved(0.0)
    return _Known(
        name=one.name,
        shape=shape,
        projection=project(shape, spectra, visible),
        variance=np.zeros(len(shape)),
        calibration=calibration_that_fits(moved, spectra, visible),
        channel_width=width,
    )


def _mean_of_pixels(one: GivenPixels, spectra: LowRank, visible: Floats) -> _Known:
    """The mean of pixels, with its noise."""
    shape = spectra.scores[one.rows].mean(0) @ spectra.components
    projection = project(shape, spectra, visible)
    row, errors = projection.row, spectra.component_errors()
    scatter = float(np.mean(1 / spectra.weights[one.rows])) / len(one.rows)
    variance = scatter * _noise_of_shape(spectra, shape)
    variance += (row @ errors @ row) * spectra.whitening.channel_sd**2
    return _Known(one.name, shape, projection, len(one.rows), scatter, variance)


def _negative_share(shape: Floats) -> float:
    """Share of the magnitudes of a spectrum, summed, that is negative; single channels averaged."""
    smooth = gaussian_filter1d(shape, CHANNELS_AVERAGED)
    return float(np.maximum(-smooth, 0).sum() / max(np.abs(smooth).sum(), 1e-300))


def _noise_of_shape(spectra: LowRank, shape: Floats) -> Floats:
    """Variance (channels,) of the noise of a pixel of unit weight, that of its sum left out."""
    share = spectra.components.sum(1, keepdims=True) / shape.sum()
    others = spectra.components - share * shape
    variance: Floats = np.einsum("ic,ij,jc->c", others, spectra.noise, others)
    return variance


def _told_apart(known: KnownSpectra, spectra: LowRank) -> KnownSpectra:
    """The same; an error where one is another, or the sum of others."""
    if not are_told_apart(known.spectra, spectra.whitening):
        raise ValueError(
            f"known holds {', '.join(known.names)}, of which one is the same as another or as a "
            "sum of others, or holds nothing: leave that one out."
        )
    return known


def check_number(known: KnownSpectra, n: int) -> None:
    """Raise unless there are at least as many components as are known."""
    number = len(known.names)
    if n < number:
        raise ValueError(
            f"n_components={n}, but {number} components are known ({', '.join(known.names)}): say "
            f"n_components={number} for maps of these alone, a larger number to unmix others "
            "beside them, or leave some of the known ones out."
        )
