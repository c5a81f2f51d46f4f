"""Known spectra as combinations of principal components, and how well these hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.types import Floats, Index

MOST_MISFIT = 2.0  # degrees, up to which a spectrum is called one of the data
MARGIN_OF_LOSS = 2.0  # over what noise is expected to hide of a spectrum
LEAST_SEEN = 0.2  # of a component, below which it is noise and hides nothing of what is known
LEAST_VISIBLE, MOST_VISIBLE = 0.01, 1 - 1e-9  # of a component, where its noise is estimated
SIGMAS_OF_MISFIT = 5.0  # beyond which the part that is not held is no noise
MEDIAN_OF_CHI_SQUARE = 0.455  # of one degree of freedom
MOST_OFFSET_CHANNELS = 6.0
GRID_STEP_CHANNELS = 0.5
LEAST_OFFSET_CHANNELS = 0.1
MOST_LEFT_OF_MISFIT = 0.5  # of its square, at an offset that explains it
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
    """

    row: Floats
    angle: float
    significance: float
    squares: float
    limit: float

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
    return Projection(row, float(angle), significance, float(left @ left) / size, float(limit))


def hold(shapes: Floats, spectra: LowRank, visible: Floats) -> LowRank:
    """The same scores, with components that hold these spectra exactly.

    Noise turns the components out of the space of the true spectra, a faint one the most. What is
    known of that space takes some of the noise out again: their conditional mean, given that the
    combinations that come the nearest are the known spectra. The noise is independent from channel
    to channel and from component to component; its variance follows from what it hides of each.

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
    rows = np.array([project(shape, spectra).row for shape in shapes])
    lacking = shapes - rows @ spectra.components
    size = np.sum(spectra.whitening.whiten(spectra.components) ** 2, 1)
    seen = np.clip(visible, LEAST_VISIBLE, MOST_VISIBLE)
    of_rows = (size * (1 - seen) / seen)[:, None] * rows.T
    gain = of_rows @ np.linalg.pinv(rows @ of_rows)
    return replace(spectra, components=spectra.components + gain @ lacking)


def offset_that_fits(moved: Callable[[float], Floats], spectra: LowRank) -> float | None:
    """Shift of a spectrum at which the components hold it, if it is there that they do.

    Parameters
    ----------
    moved : callable
        Gives the spectrum (channels,) with its features this many channels lower.
    spectra : LowRank

    Returns
    -------
    float, optional
        In channels; None where no shift makes it fit at least twice as well.
    """
    step = GRID_STEP_CHANNELS
    grid = np.arange(-MOST_OFFSET_CHANNELS, MOST_OFFSET_CHANNELS + step / 2, step)
    best = grid[int(np.argmin([project(moved(d), spectra).squares for d in grid]))]
    bounds = (best - step, best + step)

    def squares(channels: float) -> float:
        return project(moved(channels), spectra).squares

    offset = float(minimize_scalar(squares, bounds=bounds, method="bounded").x)
    before, after = (
        np.sin(np.radians(project(moved(channels), spectra).angle)) ** 2
        for channels in (0.0, offset)
    )
    explains = after < MOST_LEFT_OF_MISFIT * before
    is_inside = LEAST_OFFSET_CHANNELS < abs(offset) < MOST_OFFSET_CHANNELS
    return offset if explains and is_inside else None


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
