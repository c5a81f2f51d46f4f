"""The ways in which components were separated: what each depends on, and how it is done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.numerics.certainty.evidence import turns_between
from hyperspy_unmix.numerics.certainty.stability import redraw_noise
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.beside_known import separate_beside
from hyperspy_unmix.numerics.separation.derivative import derivative
from hyperspy_unmix.numerics.separation.even_known import made_even
from hyperspy_unmix.numerics.separation.ica import Algorithm, separate_again
from hyperspy_unmix.numerics.separation.known_spectra import nearest_places
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.types import Floats, Mask

from .known_finding import KnownSpectra
from .non_negative import Factorised, factorised_again

MOST_PIXELS_PER_RUN = 2048  # of a run that looks for pure pixels


@dataclass(frozen=True)
class Independent:
    """An ICA: sources are ``unmixing @ components``, each with its sign."""

    unmixing: Floats
    algorithm: Algorithm
    super_gaussian: bool


@dataclass(frozen=True)
class BesideAlone:
    """Phases that are alone in some pixels, and independent components beside them.

    Parameters
    ----------
    unmixing : array, shape (components, components)
        Spectra are ``unmixing @ components``.
    is_alone : bool array, shape (components,)
        Whose spectra are those of the corners of the same number.
    pure : PurePixels
        All corners.
    """

    unmixing: Floats
    is_alone: Mask
    pure: PurePixels


@dataclass(frozen=True)
class BesideKnown:
    """Components that are known, and the others beside them.

    Parameters
    ----------
    unmixing : array, shape (components, components)
        Spectra are ``unmixing @ components``.
    is_known : bool array, shape (components,)
    known : KnownSpectra
        In the order of the components.
    covariance : array, shape (known, components, components)
        Of the noise of the known rows of the unmixing.
    before : Independent, PurePixels or BesideAlone, optional
        How the others are separated, where there are any.
    is_anew : bool
        Whether the independent ones were looked for anew, what is known held: where the ICA
        without had not found that.
    even : int, optional
        Which known one was taken to be even under the others.
    n_before : int, optional
        Components among which the others were separated, without those behind them that are noise
        and whose places known ones took. Default: all.
    """

    unmixing: Floats
    is_known: Mask
    known: KnownSpectra
    covariance: Floats
    before: Independent | PurePixels | BesideAlone | None
    is_anew: bool = False
    even: int | None = None
    n_before: int | None = None

    @property
    def are_all(self) -> bool:
        """Whether there is no other component."""
        return self.before is None


Unaided = Independent | PurePixels | BesideAlone
FoundBy = Unaided | BesideKnown | Factorised


def with_noise(
    found_by: Independent | PurePixels | BesideAlone, n: int
) -> Independent | PurePixels | BesideAlone:
    """The same with ``n`` components behind that are noise, each as it is."""
    unmixing = with_rows_of_noise(found_by.unmixing, n)
    if isinstance(found_by, PurePixels):
        return PurePixels(
            unmixing, np.pad(found_by.pixels, (0, n)), np.pad(found_by.covariance, (0, n))
        )
    if isinstance(found_by, BesideAlone):
        pure = with_noise(found_by.pure, n)
        assert isinstance(pure, PurePixels)
        return BesideAlone(unmixing, np.pad(found_by.is_alone, (0, n)), pure)
    return replace(found_by, unmixing=unmixing)


def with_rows_of_noise(unmixing: Floats, n: int) -> Floats:
    """An unmixing with ``n`` components more, each as it is."""
    return np.asarray(block_diag(unmixing, np.eye(n)))


@dataclass(frozen=True)
class Detail:
    """Derivative of spectra that tells them apart, smoothed by ``width`` channels.

    ``positions`` (channels,) are those of the channels on the energy axis.
    """

    positions: NDArray[np.intp]
    order: int
    width: float

    def of(self, components: Floats, sd: Floats) -> Floats:
        """Derivative of components (rank, channels), in channels with noise ``sd`` (channels,)."""
        return derivative(components, self.positions, sd, self.order, self.width)


def find_again(
    found_by: FoundBy,
    leading: LowRank,
    signal_share: Floats,
    detail: Detail,
    generator: np.random.Generator,
    draw_mixing: Callable[[np.random.Generator], Floats] | None = None,
) -> Floats:
    """The unmixing from another start, on other noise, other pixels and another spectrum's chance.

    Parameters
    ----------
    found_by : FoundBy
        How it was done.
    leading : LowRank
        What was separated.
    signal_share : array, shape (rank,)
        As in `stability.redraw_noise`.
    detail : Detail
    generator : numpy.random.Generator
    draw_mixing : callable, optional
        Makes what features that coincide by chance leave of independent components in each other:
        a mixing of the sources of ``found_by``. A draw of parts of the spectrum would say more than
        that: an edge is in none of them in a third of the draws.

    Returns
    -------
    array, shape (rank, rank)
        Zeros where the run fails.
    """
    if leading.rank == 1:
        return np.ones((1, 1))
    again = _decide_again(found_by, leading, signal_share, detail, generator)
    if draw_mixing is None or not again.any():
        return again
    in_sources = again @ np.linalg.pinv(found_by.unmixing)
    return np.asarray(in_sources @ draw_mixing(generator) @ found_by.unmixing)


def _decide_again(
    found_by: FoundBy,
    leading: LowRank,
    signal_share: Floats,
    detail: Detail,
    generator: np.random.Generator,
) -> Floats:
    """`find_again` in the same channels: what decided before decides again."""
    if isinstance(found_by, BesideKnown):
        return _beside_known_again(found_by, leading, signal_share, detail, generator)
    if isinstance(found_by, PurePixels):
        return _pure_pixels_again(leading, generator)
    if isinstance(found_by, Factorised):
        return factorised_again(found_by, leading, signal_share, generator)
    signals = _drawn_signals(leading, signal_share, detail, generator)
    if isinstance(found_by, Independent):
        return separate_again(signals, generator, found_by.algorithm, found_by.super_gaussian)
    return _beside_alone_again(found_by, leading, signals, generator)


def _drawn_signals(
    leading: LowRank, signal_share: Floats, detail: Detail, generator: np.random.Generator
) -> Floats:
    """What an ICA sees, with other noise."""
    components = redraw_noise(leading, signal_share, generator)
    return detail.of(components, leading.whitening.channel_sd)


def _pure_pixels_again(leading: LowRank, generator: np.random.Generator) -> Floats:
    """Pure pixels among pixels drawn with replacement."""
    n = len(leading.scores)
    pixels = np.sort(generator.integers(0, n, min(n, MOST_PIXELS_PER_RUN)))
    try:
        return pure_components(leading.select_pixels(pixels)).unmixing
    except ValueError:
        # Too few pixels hold counts: no component comes back.
        return np.zeros((leading.rank, leading.rank))


def _beside_alone_again(
    found_by: BesideAlone, leading: LowRank, signals: Floats, generator: np.random.Generator
) -> Floats:
    """The phases that are alone in other pixels, and an ICA beside them."""
    corners = _pure_pixels_again(leading, generator)
    sources = separate_again(signals, generator)
    if not (corners.any() and sources.any()):
        return np.zeros_like(corners)
    # Components of noise behind the leading ones were not separated.
    n, unmixing = leading.rank, np.empty_like(corners)
    is_alone, before = found_by.is_alone[:n], found_by.unmixing[:n, :n]
    unmixing[is_alone] = _nearest_rows(leading, before[is_alone], corners)
    start = _nearest_rows(leading, before[~is_alone], sources)
    unmixing[~is_alone] = separate_beside(signals, unmixing[is_alone], start)
    return unmixing


def _beside_known_again(
    found_by: BesideKnown,
    leading: LowRank,
    signal_share: Floats,
    detail: Detail,
    generator: np.random.Generator,
) -> Floats:
    """The others found again, beside what is known."""
    if found_by.before is None:
        return found_by.unmixing
    n = leading.rank if found_by.n_before is None else found_by.n_before
    before, first = found_by.before, leading.truncate(n)
    again = find_again(before, first, signal_share[:n], detail, generator)
    if not again.any():
        return np.zeros_like(found_by.unmixing)
    again = with_rows_of_noise(again, leading.rank - n)
    is_known = found_by.is_known
    rows = found_by.unmixing[is_known]
    left = np.delete(again, nearest_places(rows, again, leading), axis=0)
    unmixing = found_by.unmixing.copy()
    unmixing[~is_known] = left
    if found_by.is_anew:
        unmixing[~is_known] = _nearest_rows(leading, found_by.unmixing[~is_known], left)
        stands = is_known.copy()
        if isinstance(found_by.before, BesideAlone):
            stands |= found_by.before.is_alone
        signals = _drawn_signals(leading, signal_share, detail, generator)
        unmixing[~stands] = separate_beside(signals, unmixing[stands], unmixing[~stands])
    if found_by.even is not None:
        unmixing, _ = made_even(leading, unmixing, is_known, found_by.even)
    return unmixing


def _nearest_rows(leading: LowRank, wanted: Floats, rows: Floats) -> Floats:
    """The row whose spectrum is the nearest to each that is wanted, up to its sign."""
    turns = turns_between(leading, wanted, rows)
    return np.asarray(rows[linear_sum_assignment(np.minimum(turns, 180 - turns))[1]])
