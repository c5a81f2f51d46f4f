"""Components by non-negative factorisation: from where it starts, and where it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.arguments.options import SeparationOptions
from hyperspy_unmix.numerics.certainty.evidence import turns_between
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.separation.factorisation import (
    Factorisation,
    Factorising,
    factorise,
    shares_of,
)
from hyperspy_unmix.numerics.separation.like_pixels import SumsOfPixels, sum_like_pixels
from hyperspy_unmix.numerics.separation.pure_pixels import pure_components
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import in_words

from .answers import Answer, separate_by_ica
from .factorisation_finding import START_NAMES, FactorisationFinding, Start
from .found_by import Detail
from .non_negative import MOST_SUMS, Factorised

LESSER_SHARE = 0.99  # of the misfit, below which the end of the other start is the better one
TAKEN_OUT = ("zero-loss tail", "background", "plural scattering")  # names of corrections
WAY_OUT = 'algorithm="mcr-als" is the same by least squares weighted by the noise'


def counts_added(options: SeparationOptions, noise: NoiseModel, corrections: Chain) -> float:
    """By which a pixel's counts are raised for read noise in the likelihood of an NMF.

    Raises
    ------
    ValueError
        If there are no counts that have a Poisson likelihood.
    """
    if options.algorithm != "nmf":
        return 0.0
    taken_out = [
        c.name
        for c in corrections.corrections
        if c.name in TAKEN_OUT and not getattr(c, "is_none", False)
    ]
    if taken_out:
        raise ValueError(
            'algorithm="nmf" is the Poisson likelihood of counts, and out of these '
            f"{in_words(taken_out)} {'was' if len(taken_out) == 1 else 'were'} taken. {WAY_OUT}; "
            "background=None and low_loss=None leave the counts as they are."
        )
    if noise.kind == "poisson":
        return 0.0
    if noise.kind != "gain":
        raise ValueError(
            'algorithm="nmf" is the Poisson likelihood of counts, and the noise of these data is '
            f'not that of counts ({noise.describe()}). {WAY_OUT}; noise="poisson" says that they '
            "are counts."
        )
    return max(noise.read_variance, 0.0) / noise.channel_gain


def separate_by_factorisation(
    leading: LowRank, detail: Detail, options: SeparationOptions, added: float
) -> tuple[Answer, LowRank]:
    """Non-negative spectra; and components that hold them exactly, with the same scores.

    ``assume`` says where it starts; by default from both, and the end that fits better is taken,
    that from the purest pixels where both fit as well. ``added`` is from `counts_added`.

    Raises
    ------
    ValueError
        If the start is not there, or a component vanishes on the way.
    """
    algorithm: Factorising = "nmf" if options.algorithm == "nmf" else "mcr-als"
    asked: tuple[Start, ...] = ("pure", "overlap")
    if options.assume != "auto":
        asked = (options.assume,)
    sums, ends, failures = _sums(leading), dict[Start, Factorisation](), list[str]()
    for start in asked:
        try:
            shapes = _start(start, leading, detail, options)
            ends[start] = factorise(algorithm, leading, sums, shapes, added)
        except ValueError as error:
            failures.append(f"from {START_NAMES[start]}: {str(error).rstrip('.')}")
    if not ends:
        advice = "Ask for fewer components, or leave" if leading.rank > 1 else "Leave"
        raise ValueError(
            f'algorithm="{algorithm}" found no {leading.rank} non-negative '
            f"component{'s' * (leading.rank != 1)} ({'; '.join(failures)}). "
            f"{advice} algorithm out."
        )
    best = _best(ends)
    unmixing = shares_of(ends[best].spectra, leading)
    others = [end for start, end in ends.items() if start != best]
    finding = FactorisationFinding(
        algorithm=algorithm,
        start=best,
        is_start_asked=options.assume != "auto",
        converged=ends[best].converged,
        rounds=ends[best].rounds,
        sums=len(sums.sizes),
        pixels=int(sums.sizes.sum()),
        misfit=ends[best].misfit,
        other_misfit=others[0].misfit if others else None,
        turn=_greatest_turn(leading, unmixing, others[0]) if others else None,
    )
    held = replace(leading, components=np.linalg.solve(unmixing, ends[best].spectra))
    return Answer(Factorised(unmixing, algorithm, added), None, [finding]), held


def _sums(leading: LowRank) -> SumsOfPixels:
    try:
        return sum_like_pixels(leading, MOST_SUMS)
    except ValueError as error:
        raise ValueError(f"non-negative spectra cannot be found: {error}") from None


def _start(start: Start, leading: LowRank, detail: Detail, options: SeparationOptions) -> Floats:
    """Spectra to start from, shape (rank, channels)."""
    if leading.rank == 1:
        total = leading.scores.sum(0) @ leading.components
        return np.asarray(total[None])
    if start == "pure":
        return pure_components(leading).unmixing @ leading.components
    ica, _ = separate_by_ica(leading, detail, options)
    return ica.unmixing @ leading.components


def _best(ends: dict[Start, Factorisation]) -> Start:
    """The start that led to the better fit; the purest pixels where both are as good."""
    if len(ends) == 1:
        return next(iter(ends))
    is_better = ends["overlap"].misfit < LESSER_SHARE * ends["pure"].misfit
    return "overlap" if is_better else "pure"


def _greatest_turn(leading: LowRank, unmixing: Floats, other: Factorisation) -> float:
    """Degrees between two answers, of the spectrum that differs most."""
    turns = turns_between(leading, unmixing, shares_of(other.spectra, leading))
    return float(turns[linear_sum_assignment(turns)].max())
