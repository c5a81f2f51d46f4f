"""What the user knows, as spectra on the channels of the image, and whether the data hold it."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.drift.offset_between_images import resample
from hyperspy_unmix.numerics.separation.known_spectra import (
    are_told_apart,
    offset_that_fits,
    project,
)
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.known_reading import GivenSpectrum, read_known
from hyperspy_unmix.preparation.spectrum_image import Image

from .known_finding import KnownSpectra


def known_spectra(known: Any, image: Image, spectra: LowRank, visible: Floats) -> KnownSpectra:
    """What the user knows, as spectra on the channels of the image.

    ``spectra`` are those without background and plural scattering that are to be described: the
    mean of pixels is that of theirs. ``visible`` (rank,) is the share of each component that is not
    noise. What was read before is returned as it is.
    """
    if isinstance(known, KnownSpectra):
        return known
    energies, widths = image.energies, image.widths_in_values
    width = float(np.median(np.diff(energies))) if len(energies) > 1 else 1.0
    shapes, pixels, scatter, projections = [], [], [], []
    variances: list[Floats] = []
    offsets: list[float | None] = []
    given = read_known(known, image)
    for one in given:
        offset = None
        if isinstance(one, GivenSpectrum):

            def moved(channels: float, one: GivenSpectrum = one) -> Floats:
                at = energies + channels * width
                shape: Floats = resample(one.values[None], one.energies, at)[0] * widths
                return shape

            shape = moved(0.0)
            projection = project(shape, spectra, visible)
            if not projection.fits:
                offset = offset_that_fits(moved, spectra)
            pixels.append(0)
            scatter.append(0.0)
            variances.append(np.zeros(len(shape)))
        else:
            shape = spectra.scores[one.rows].mean(0) @ spectra.components
            projection = project(shape, spectra, visible)
            pixels.append(len(one.rows))
            scatter.append(float(np.mean(1 / spectra.weights[one.rows])) / len(one.rows))
            variances.append(scatter[-1] * _noise_of_shape(spectra, shape))
            row, errors = projection.row, spectra.component_errors()
            variances[-1] += (row @ errors @ row) * spectra.whitening.channel_sd**2
        shapes.append(shape)
        projections.append(projection)
        offsets.append(None if offset is None else offset * width)
    found = KnownSpectra(
        names=tuple(one.name for one in given),
        spectra=np.array(shapes),
        pixels=tuple(pixels),
        scatter=tuple(scatter),
        variance=np.array(variances),
        angles=tuple(projection.angle for projection in projections),
        fits=tuple(projection.fits for projection in projections),
        offsets=tuple(offsets),
        units=str(image.axis.units),
    )
    return _told_apart(found, spectra)


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
