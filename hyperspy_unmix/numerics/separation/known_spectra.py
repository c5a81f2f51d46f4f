"""Known spectra as combinations of principal components, and how well these hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.types import Floats, Index

MOST_MISFIT = 2.0  # degrees, up to which a spectrum is called one of the data
MARGIN_OF_LOSS = 2.0  # over what noise is expected to hide of a spectrum
LEAST_SEEN = 0.2  # of a component, below which it is noise and hides nothing of what is known
SIGMAS_OF_MISFIT = 5.0  # beyond which the part that is not held is no noise
MEDIAN_OF_CHI_SQUARE = 0.455  # of one degree of freedom
LARGEST_CONDITION_NUMBER = 1e4  # of spectra of norm one, beyond which they are not told apart


@dataclass(frozen=True)
class Projection:
    """A spectrum as the combination of components that is the nearest to it.

    Parameters
    ----------
    row : array, shape (rank,)
        The combination is ``row @ components``.
    angle : float
        Degrees between the two, noise aside.
    significance : float
        Of the difference, in standard deviations of what noise alone would give.
    squares : float
        Of the difference, over those of the spectrum.
    limit : float
        Degrees up to which it is called one of the data.
    noise : float
        Share of the spectrum's squares that the components lack and that neighbouring channels
        have not in common.
    """

    row: Floats
    angle: float
    significance: float
    squares: float
    limit: float
    noise: float

    @property
    def fits(self) -> bool:
        """Whether the components hold the spectrum, but for noise and little else."""
        return self.angle <= self.limit or self.significance <= SIGMAS_OF_MISFIT


def project(spectrum: Floats, spectra: LowRank, visible: Floats | None = None) -> Projection:
    """Weighted least squares of a spectrum by the components.

    The part that they do not hold is more than noise where neighbouring channels have it in
    common: noise, that of the spectrum and that of the components, is independent from channel to
    channel, so that the sum of the products of neighbours is that of the structure.

    Parameters
    ----------
    spectrum : array, shape (channels,)
    spectra : LowRank
    visible : array, shape (rank,), optional
        Share of each component that is not noise, see `rank.expected_squared_cosines`: of a faint
        one noise hides a part, which no combination of components holds. Default: all.

    Returns
    -------
    Projection
    """
    whiten = spectra.whitening.whiten
    white, basis = whiten(spectrum[None])[0], whiten(spectra.components)
    row = np.linalg.lstsq(basis.T, white, rcond=None)[0]
    left = white - row @ basis
    size = max(float(white @ white), 1e-300)
    common = float(left[1:] @ left[:-1])
    variance = float(np.median(left**2)) / MEDIAN_OF_CHI_SQUARE
    significance = common / max(np.sqrt(len(left)) * variance, 1e-300)
    angle = np.degrees(np.arcsin(np.sqrt(np.clip(common / size, 0, 1))))
    seen = np.ones(spectra.rank) if visible is None else visible
    is_seen = seen >= LEAST_SEEN
    lost = (1 - seen[is_seen]) / seen[is_seen]
    hidden = float((row[is_seen] ** 2 * np.sum(basis[is_seen] ** 2, 1)) @ lost) / size
    most = np.sin(np.radians(MOST_MISFIT)) ** 2 + MARGIN_OF_LOSS**2 * hidden
    limit = np.degrees(np.arcsin(np.sqrt(min(most, 1))))
    squares = float(left @ left) / size
    noise = max(squares - max(common, 0) / size, 0.0)
    return Projection(row, float(angle), significance, squares, float(limit), noise)


def turn_towards(shapes: Floats, spectra: LowRank, visible: Floats) -> LowRank:
    """The same scores, with components that come nearer to spectra which are known.

    Noise turns the components out of the space of the true spectra, a faint one the most. What is
    known of that space takes some of the noise out again: their conditional mean, given that these
    spectra are nearly sums of them. The noise is independent from channel to channel and from
    component to component; its variance follows from what it hides of each. What a spectrum lacks
    beyond that is its own.

    Parameters
    ----------
    shapes : array, shape (known, channels)
    spectra : LowRank
    visible : array, shape (rank,)
        As in `project`.

    Returns
    -------
    LowRank

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press 2006,
    appendix A.2 (conditional mean of normal variables)
    """
    whiten = spectra.whitening.whiten
    rows = np.array([project(shape, spectra).row for shape in shapes])
    lacking = shapes - rows @ spectra.components
    size = np.sum(whiten(spectra.components) ** 2, 1)
    hidden = np.where(visible >= LEAST_SEEN, size * (1 / np.maximum(visible, LEAST_SEEN) - 1), 0)
    of_rows = hidden[:, None] * rows.T
    expected = rows @ of_rows
    own = np.maximum(np.sum(whiten(lacking) ** 2, 1) - np.diag(expected), 0)
    gain = of_rows @ np.linalg.pinv(expected + np.diag(own))
    return replace(spectra, components=spectra.components + gain @ lacking)


def take_in(shapes: Floats, places: Index, unmixing: Floats, spectra: LowRank) -> LowRank:
    """Components of which an unmixing makes these spectra exactly, and all others as before.

    Parameters
    ----------
    shapes : array, shape (known, channels)
        Nearly ``unmixing[places] @ components``.
    places : int array, shape (known,)
    unmixing : array, shape (rank, rank)
    spectra : LowRank

    Returns
    -------
    LowRank
    """
    lacking = shapes - unmixing[places] @ spectra.components
    maps_of_places = np.linalg.inv(unmixing)[:, places]
    return replace(spectra, components=spectra.components + maps_of_places @ lacking)


def put_beside(shapes: Floats, spectra: LowRank, n_leading: int) -> LowRank:
    """The components behind the leading ones, noise, replaced by what these lack of spectra.

    Parameters
    ----------
    shapes : array, shape (rank - n_leading, channels)
        One for each component of noise.
    spectra : LowRank
    n_leading : int

    Returns
    -------
    LowRank
    """
    leading = spectra.truncate(n_leading)
    rows = np.array([project(shape, leading).row for shape in shapes])
    lacking = shapes - rows @ leading.components
    length = np.linalg.norm(spectra.whitening.whiten(lacking), axis=1, keepdims=True)
    unit = lacking / np.maximum(length, 1e-300)
    return replace(spectra, components=np.concatenate([leading.components, unit]))


def are_told_apart(shapes: Floats, whitening: ChannelWhitening) -> bool:
    """Whether spectra (any, channels) are linearly independent, and by more than rounding."""
    white = whitening.whiten(shapes)
    lengths = np.linalg.norm(white, axis=1, keepdims=True)
    if not (lengths > 0).all():
        return False
    return bool(np.linalg.cond(white / lengths) < LARGEST_CONDITION_NUMBER)


def nearest_places(rows: Floats, unmixing: Floats, spectra: LowRank) -> Index:
    """Which rows of an unmixing these rows are to take the place of.

    The assignment, one place to each, in which the spectra that go hold the most of those that
    come: so that what is left, with them, can still make all the others.

    Parameters
    ----------
    rows : array, shape (known, rank)
    unmixing : array, shape (rank, rank)
    spectra : LowRank

    Returns
    -------
    int array, shape (known,)
    """
    lengths = np.linalg.norm(unmixing @ spectra.whitening.whiten(spectra.components), axis=1)
    share = np.abs(rows @ np.linalg.inv(unmixing)) * lengths
    share = share / np.maximum(share.max(1, keepdims=True), 1e-300)
    return np.asarray(linear_sum_assignment(-share)[1])
