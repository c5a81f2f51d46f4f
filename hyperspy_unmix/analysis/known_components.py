"""Components that are known, and the others unmixed beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import turns_between
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.beside_known import separate_beside
from hyperspy_unmix.numerics.separation.even_known import take_even_known
from hyperspy_unmix.numerics.separation.known_spectra import (
    nearest_places,
    project,
    put_beside,
    take_in,
    turn_towards,
)
from hyperspy_unmix.numerics.separation.positivity import MOST_PIXELS_IN_MIXTURE, Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.refine import ICA_ERROR, refine
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats, Index, Mask
from hyperspy_unmix.settings import Finding

from .answers import ERROR_OF_ALONE, Answer, Weighed, separate_leading, signed
from .found_by import (
    BesideAlone,
    BesideKnown,
    Detail,
    FoundBy,
    with_noise,
    with_rows_of_noise,
)
from .known_finding import EvenKnown, KnownFinding, KnownSpectra
from .non_negative import Factorised
from .separable import Separable
from .separation_findings import NotRefined

MOST_ICA_ERRORS = 2.0  # usual ones, within which the ICA has found what is known
LEAST_OWN_SHARE = 0.1  # of the largest, of the component whose place a known one takes


def separate_beside_known(
    spectra: LowRank,
    n_leading: int,
    visible: Floats,
    detail: Detail,
    options: SeparationOptions,
    known: KnownSpectra,
) -> tuple[Answer, LowRank]:
    """The known components as they are, the others as they are separated without, beside them.

    The others are separated among the ``n_leading`` components that are no noise, without what is
    known, so that nothing but this makes a difference. ``visible`` (rank,) is as in `project`.
    Also the components that were separated, which hold what is known.
    """
    turned = _turned(known, spectra, visible)
    leading = spectra.truncate(n_leading)
    if len(known.names) == n_leading:
        held = turned.truncate(n_leading)
        rows = np.array([project(spectrum, held).row for spectrum in known.spectra])
        covariance = np.array([scatter * held.noise for scatter in known.scatter])
        found_by = BesideKnown(rows, np.ones(len(rows), bool), known, covariance, None)
        held = _taken_in(held, found_by, np.ones(len(rows)), np.array(known.are_held))
        return Answer(found_by, None, []), held
    answer = separate_leading(leading, detail, options)
    assert not isinstance(answer.found_by, BesideKnown | Factorised)
    places = _places_among_noise(known, turned, answer.found_by.unmixing)
    order = np.argsort(places)
    known, places = _in_order(known, order), places[order]
    is_in_noise = places >= n_leading
    n_noise = int(is_in_noise.sum())
    held = turned.truncate(n_leading + n_noise)
    if n_noise:
        held = put_beside(known.spectra[is_in_noise], held, n_leading)
    return _beside(known, places, n_leading, _with_noise(answer, n_noise), held, detail, options)


def _turned(known: KnownSpectra, spectra: LowRank, visible: Floats) -> LowRank:
    """Components turned towards those of the known spectra that fit."""
    chosen = known.spectra[list(known.are_held)]
    return turn_towards(chosen, spectra, visible) if len(chosen) else spectra


def _places_among_noise(known: KnownSpectra, spectra: LowRank, unmixing: Floats) -> Index:
    """Whose places known ones take: those of components, or the first ones of noise behind them.

    A spectrum that the leading components lack takes the place of noise, where so many components
    were asked for that there is some: it says nothing against any that was found.
    """
    n, leading = len(unmixing), spectra.truncate(len(unmixing))
    projections = [project(spectrum, leading) for spectrum in known.spectra]
    rows = np.array([projection.row for projection in projections])
    places = nearest_places(rows, unmixing, leading)
    if spectra.rank == n:
        return places
    # Each lacks something else: a place of noise for each, as far as there are some.
    lengths = np.linalg.norm(unmixing @ spectra.whitening.whiten(leading.components), axis=1)
    sizes = np.linalg.norm(spectra.whitening.whiten(known.spectra), axis=1)
    shares = np.abs(rows @ np.linalg.inv(unmixing)) * lengths / sizes[:, None]
    lacks = np.sqrt([projection.squares for projection in projections])
    is_lacking = (lacks > shares.max(1)) & ~np.array(known.pixels, bool)
    lacking = np.flatnonzero(is_lacking)[: spectra.rank - n]
    others = np.setdiff1d(np.arange(len(rows)), lacking)
    if len(others):
        places[others] = nearest_places(rows[others], unmixing, leading)
    places[lacking] = n + np.arange(len(lacking))
    return places


def _taken_in(spectra: LowRank, found_by: BesideKnown, factors: Floats, is_exact: Mask) -> LowRank:
    """Components that hold these of the known spectra, scaled by ``factors``, exactly."""
    places = np.flatnonzero(found_by.is_known)[is_exact]
    shapes = (factors[:, None] * found_by.known.spectra)[is_exact]
    return take_in(shapes, places, found_by.unmixing, spectra)


def _with_noise(answer: Answer, n: int) -> Answer:
    """The same with ``n`` components of noise behind; the refinement, done anew, is left out."""
    if not n:
        return answer
    found_by, weighed = answer.found_by, answer.weighed
    assert not isinstance(found_by, BesideKnown | Factorised)
    if weighed is not None:
        pure = with_noise(weighed.pure, n)
        assert isinstance(pure, PurePixels)
        unmixing = with_rows_of_noise(weighed.independent.unmixing, n)
        independent = replace(weighed.independent, unmixing=unmixing)
        weighed = replace(weighed, independent=independent, pure=pure)
    return answer._replace(found_by=with_noise(found_by, n), weighed=weighed)


def _beside(
    known: KnownSpectra,
    places: Index,
    n_leading: int,
    answer: Answer,
    held: LowRank,
    detail: Detail,
    options: SeparationOptions,
) -> tuple[Answer, LowRank]:
    """What is known at its places, in their order, among the answer without it."""
    before, rank = answer.found_by, held.rank
    assert not isinstance(before, BesideKnown | Factorised)
    is_known = np.isin(np.arange(rank), places)
    rows = np.array([project(spectrum, held).row for spectrum in known.spectra])
    unmixing, factors = _in_place(before.unmixing, rows, is_known)
    covariance = np.array([scatter * held.noise for scatter in known.scatter])
    covariance = covariance * factors[:, None, None] ** 2
    n_before = n_leading if rank > n_leading else None
    found_by = BesideKnown(unmixing, is_known, known, covariance, before, n_before=n_before)
    held = _taken_in(held, found_by, factors, _are_exact(known, places >= n_leading))
    findings = [f for f in answer.findings if not isinstance(f, NotRefined)]
    weighed = _with_known(answer.weighed, rows, held)
    best = _finished(held, found_by, options)
    if n_before is None and _is_missed(held, before, unmixing, is_known):
        anew = _finished(held, _looked_for_anew(held, detail, found_by), options)
        best = anew if _negativity(held, anew) <= _negativity(held, best) else best
    return Answer(best.found_by, best.refined, [*findings, *best.findings], weighed), held


def _are_exact(known: KnownSpectra, is_in_noise: Mask) -> Mask:
    """Which are held as they are: those given that fit, or that take the place of noise."""
    return np.asarray(np.array(known.are_held) | (is_in_noise & (np.array(known.pixels) == 0)))


def _finished(held: LowRank, found_by: BesideKnown, options: SeparationOptions) -> Answer:
    """The same with a known film taken as even, and refined where that is wanted."""
    is_known, before = found_by.is_known, found_by.before
    unmixing, even = take_even_known(held, found_by.unmixing, is_known)
    found_by = replace(found_by, unmixing=unmixing, even=even)
    findings: list[Finding] = []
    if even is not None:
        findings.append(EvenKnown(found_by.known.names[int(is_known[:even].sum())]))
    if isinstance(before, PurePixels):
        return Answer(found_by, None, findings)
    if options.refine is None:
        return Answer(found_by, None, [*findings, NotRefined()])
    errors = np.full(held.rank, ICA_ERROR)
    if isinstance(before, BesideAlone):
        errors[before.is_alone] = ERROR_OF_ALONE
    errors[is_known] = 0.0
    return Answer(found_by, refine(held, unmixing, errors), findings)


def _looked_for_anew(held: LowRank, detail: Detail, found_by: BesideKnown) -> BesideKnown:
    """The same, the independent components looked for beside what is known."""
    is_known, before, unmixing = found_by.is_known, found_by.before, found_by.unmixing.copy()
    stands = is_known | before.is_alone if isinstance(before, BesideAlone) else is_known
    signals = detail.of(held.components, held.whitening.channel_sd)
    unmixing[~stands] = separate_beside(signals, unmixing[stands], unmixing[~stands])
    unmixing[~stands] = signed(held, unmixing)[~stands]
    return replace(found_by, unmixing=unmixing, is_anew=True)


def _negativity(held: LowRank, answer: Answer) -> float:
    """Negativity of the worst spectrum or map, over what noise explains; one where it is less."""
    separated = answer.found_by if answer.refined is None else answer.refined
    mixture = Mixture(held, separated.unmixing, MOST_PIXELS_IN_MIXTURE)
    return max(float(mixture.negativity_ratios(np.eye(held.rank)).max()), 1.0)


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


def _is_missed(leading: LowRank, before: FoundBy, unmixing: Floats, is_known: Mask) -> bool:
    """Whether the ICA missed what is known, so that others may be better looked for beside it.

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
        return tuple(values[i] for i in order) if values else ()

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
        broadenings=sorted_(known.broadenings),
        noise=sorted_(known.noise),
        negative=sorted_(known.negative),
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
    arrays: Normalised, found_by: BesideKnown, unmixing: Floats, image: Separable
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
    n_before = len(found_by.unmixing) if found_by.n_before is None else found_by.n_before
    is_in_noise = np.flatnonzero(found_by.is_known) >= n_before
    return KnownFinding(
        names=known.names,
        places=places,
        pixels=known.pixels,
        angles=known.angles,
        fits=known.fits,
        offsets=known.offsets,
        units=known.units,
        broadenings=known.broadenings,
        noise=known.noise,
        negative=known.negative,
        n_components=n_components,
        n_counted=n_counted,
        held=tuple(bool(is_exact) for is_exact in _are_exact(known, is_in_noise)),
    )
