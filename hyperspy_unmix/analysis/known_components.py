"""Components that are known, and the others unmixed beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import turns_between
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.drift.offset_between_images import resample
from hyperspy_unmix.numerics.separation.beside_known import separate_beside
from hyperspy_unmix.numerics.separation.even_known import take_even_known
from hyperspy_unmix.numerics.separation.known_spectra import (
    are_told_apart,
    nearest_places,
    offset_that_fits,
    project,
)
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, refine
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.preparation.known_reading import GivenSpectrum, read_known
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import Finding

from .answers import ERROR_OF_ALONE, Answer, Weighed, separate_leading, signed
from .found_by import BesideAlone, BesideKnown, Detail, FoundBy
from .known_finding import EvenKnown, KnownFinding, KnownSpectra
from .separation_findings import NotRefined

MOST_ICA_ERRORS = 2.0  # usual ones, within which the ICA has found what is known
LEAST_OWN_SHARE = 0.1  # of the largest, of the component whose place a known one takes


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


def separate_beside_known(
    leading: LowRank, detail: Detail, options: SeparationOptions, known: KnownSpectra
) -> Answer:
    """The known components as they are, the others as they are separated without, beside them."""
    rows = np.array([project(spectrum, leading).row for spectrum in known.spectra])
    covariance = np.array([scatter * leading.noise for scatter in known.scatter])
    if len(rows) == leading.rank:
        are_known = np.ones(len(rows), bool)
        return Answer(BesideKnown(rows, are_known, known, covariance, None), None, [])
    answer = separate_leading(leading, detail, options)
    before = answer.found_by
    assert not isinstance(before, BesideKnown)
    places = nearest_places(rows, before.unmixing, leading)
    order = np.argsort(places)
    known, rows, covariance = _in_order(known, order), rows[order], covariance[order]
    is_known = np.isin(np.arange(leading.rank), places)
    unmixing, factors = _in_place(before.unmixing, rows, is_known)
    covariance = covariance * factors[:, None, None] ** 2
    is_anew = _is_anew(leading, before, unmixing, is_known)
    if is_anew:
        held = is_known | before.is_alone if isinstance(before, BesideAlone) else is_known
        signals = detail.of(leading.components, leading.whitening.channel_sd)
        unmixing[~held] = separate_beside(signals, unmixing[held], unmixing[~held])
        unmixing[~held] = signed(leading, unmixing)[~held]
    unmixing, even = take_even_known(leading, unmixing, is_known)
    found_by = BesideKnown(unmixing, is_known, known, covariance, before, is_anew, even)
    weighed = _with_known(answer.weighed, rows, leading)
    others = [f for f in answer.findings if not isinstance(f, NotRefined)]
    if even is not None:
        others.append(EvenKnown(known.names[int(is_known[:even].sum())]))
    if isinstance(before, PurePixels):
        return Answer(found_by, None, others, weighed)
    if options.refine is None:
        return Answer(found_by, None, [*others, NotRefined()], weighed)
    errors = np.full(leading.rank, ICA_ERROR)
    if isinstance(before, BesideAlone):
        errors[before.is_alone] = ERROR_OF_ALONE
    errors[is_known] = 0.0
    return Answer(found_by, refine(leading, unmixing, errors), others, weighed)


def _in_place(unmixing: Floats, rows: Floats, is_known: Mask) -> tuple[Floats, Floats]:
    """The unmixing with what is known in its place, and the factors that this was scaled by.

    The scale is that of the components that were there: shares are counted in it.
    """
    shares = np.abs(rows @ np.linalg.inv(unmixing))
    own = shares[np.arange(len(rows)), np.flatnonzero(is_known)]
    factors = np.where(own > LEAST_OWN_SHARE * shares.max(1), 1 / np.maximum(own, 1e-300), 1.0)
    changed = unmixing.copy()
    changed[is_known] = factors[:, None] * rows
    return changed, factors


def _is_anew(leading: LowRank, before: FoundBy, unmixing: Floats, is_known: Mask) -> bool:
    """Whether independent components are to be looked for beside what is known.

    Where the ICA has found what is known itself, within its usual error, the others are best left:
    what two spectra share by chance pulls both of them, and less than it would pull one.
    """
    if isinstance(before, PurePixels | BesideKnown):
        return False
    free = ~is_known & ~before.is_alone if isinstance(before, BesideAlone) else ~is_known
    turns = np.diag(turns_between(leading, before.unmixing, unmixing))[is_known]
    turns = np.minimum(turns, 180 - turns)
    return bool(free.any() and turns.max() > np.degrees(MOST_ICA_ERRORS * ICA_ERROR))


def _in_order(known: KnownSpectra, order: Any) -> KnownSpectra:
    """The same in another order."""

    def sorted_(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[i] for i in order)

    return replace(
        known,
        names=sorted_(known.names),
        spectra=known.spectra[order],
        pixels=sorted_(known.pixels),
        scatter=sorted_(known.scatter),
        variance=known.variance[order],
        angles=sorted_(known.angles),
        fits=sorted_(known.fits),
        offsets=sorted_(known.offsets),
    )


def _with_known(weighed: Weighed | None, rows: Floats, leading: LowRank) -> Weighed | None:
    """The evidence, both answers with what is known in its place."""
    if weighed is None:
        return None
    independent, pure = weighed.independent, weighed.pure
    answers = []
    for unmixing in (independent.unmixing, pure.unmixing):
        changed = unmixing.copy()
        places = nearest_places(rows, unmixing, leading)
        changed[places] = rows
        answers.append(
            take_even_known(leading, changed, np.isin(np.arange(len(changed)), places))[0]
        )
    return replace(
        weighed,
        independent=replace(independent, unmixing=answers[0]),
        pure=replace(pure, unmixing=answers[1]),
    )


def with_known(
    arrays: Normalised, found_by: BesideKnown, unmixing: Floats, image: Image
) -> Normalised:
    """Components, what is known with the sign that it was given; where all are, as given."""
    places = known_places(arrays, found_by, unmixing)
    for row, place in zip(unmixing[np.flatnonzero(found_by.is_known)], places, strict=True):
        if arrays.unmixing[place] @ row < 0:
            arrays = arrays.reversed(place)
    if not found_by.are_all or len(found_by.unmixing) < len(unmixing):
        return arrays
    spectra = arrays.spectra.copy()
    for spectrum, place in zip(found_by.known.spectra, places, strict=True):
        per_energy = spectrum / image.widths_in_values
        integral = spectrum @ image.widths_of_values
        scale = integral if arrays.unit_integral[place] else np.linalg.norm(per_energy)
        spectra[place] = per_energy / scale
    return replace(arrays, spectra=spectra)


def known_places(arrays: Normalised, found_by: BesideKnown, unmixing: Floats) -> tuple[int, ...]:
    """Numbers of the known components in the result, in their order there."""
    own = arrays.unmixing / np.linalg.norm(arrays.unmixing, axis=1, keepdims=True)
    rows = unmixing[np.flatnonzero(found_by.is_known)]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return tuple(int(i) for i in np.abs(rows @ own.T).argmax(1))


def known_finding(
    found_by: BesideKnown, places: tuple[int, ...], n_components: int, n_counted: int
) -> Finding:
    """What is to be said of the known components."""
    known = found_by.known
    return KnownFinding(
        names=known.names,
        places=places,
        pixels=known.pixels,
        angles=known.angles,
        fits=known.fits,
        offsets=known.offsets,
        units=known.units,
        n_components=n_components,
        n_counted=n_counted,
    )
