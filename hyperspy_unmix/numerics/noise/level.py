"""How much a sample of counts scatters, as a multiple of what Poisson counts would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .noise_edge import elbow
from .sample_residual import rank_and_level

SIGMAS = 3.0  # of its error, by which a level must differ to be another
ERROR_OF_MODEL = 0.01 / SIGMAS  # of a level: components too faint to be taken out, at most


@dataclass(frozen=True)
class Level:
    """Scatter of a sample over that of Poisson counts.

    Parameters
    ----------
    overall : float
        Of all values.
    typical : float
        Median over the channels, weighted with their counts: odd channels do not pull it.
    bulk : float
        Of the median singular value: spikes, which are components of their own, do not pull it.
    before_elbow : float
        Of all values, no more taken out than the components before the elbow: noise that is larger
        in some pixels and channels at once passes for components at the noise edge, and what is
        taken out with these is more than its share.
    error : float
        Standard deviation of each.
    """

    overall: float
    typical: float
    bulk: float
    before_elbow: float
    error: float

    @property
    def is_one(self) -> bool:
        """Whether the sample may be Poisson: all differ from one, in one sense, or it is."""
        least, most = min(self._all), max(self._all)
        return least < 1 + SIGMAS * self.error and most > 1 - SIGMAS * self.error

    @property
    def _all(self) -> tuple[float, ...]:
        return self.overall, self.typical, self.bulk, self.before_elbow


def level_of_counts(counts: Floats, rows: Floats, columns: Floats) -> Level:
    """Scatter of ``counts`` about their significant components, over that of Poisson counts.

    The variance that the counts themselves say is added up over rows and columns, so that it need
    not be known for each value: what of it the scales do not make one cancels in the ratio.

    Parameters
    ----------
    counts : array, shape (pixels, channels)
        None of the rows or columns empty.
    rows : array, shape (pixels,)
    columns : array, shape (channels,)
        Scales that make Poisson counts white noise of about one, see `column_scales`.

    Returns
    -------
    Level
    """
    white = counts * np.sqrt(rows)[:, None] * np.sqrt(columns)
    residual, share, bulk, power = _beside_components(white)
    # Of counts of mean L the variance is L, and that of their square about it 2 L^2 + L.
    of_all = (rows @ counts) * columns
    expected = of_all * share
    squares = np.sum(residual**2, 0)
    once = (rows**2 @ counts) * columns**2
    twice = np.maximum(rows**2 @ counts**2 * columns**2 - once, 0)
    total = float(expected.sum())
    error = float(np.sqrt(np.sum(2 * twice + once))) / total
    return Level(
        overall=float(squares.sum()) / total,
        typical=_weighted_median(squares / np.maximum(expected, 1e-300), expected),
        bulk=bulk,
        before_elbow=_beside_elbow(power, counts.shape) / max(float(of_all.sum()), 1e-300),
        error=float(np.hypot(error, ERROR_OF_MODEL)),
    )


def level_of_variance(sample: Floats, variance: Floats, rows: Floats, columns: Floats) -> float:
    """Scatter of a sample about its significant components, over the variance stated of it.

    Parameters
    ----------
    sample, variance : array, shape (pixels, channels)
    rows, columns : array
        Scales that make its noise white, see `level_of_counts`.

    Returns
    -------
    float
        One where the variance is that of the sample.
    """
    white = sample * np.sqrt(rows)[:, None] * np.sqrt(columns)
    residual, share, *_ = _beside_components(white)
    expected = float(np.sum((rows @ variance) * columns)) * share
    return float(np.sum(residual**2)) / max(expected, 1e-300)


def _beside_components(white: Floats) -> tuple[Floats, float, float, Floats]:
    """What is left beside the components, the share of noise in that, noise level, all squares."""
    n, m = white.shape
    tall = n > m
    power, vectors = np.linalg.eigh(white.T @ white if tall else white @ white.T)
    power = power[::-1]
    rank, bulk = rank_and_level(power, n, np.ones(m))
    leading = vectors[:, ::-1][:, :rank]
    model = (white @ leading) @ leading.T if tall else leading @ (leading.T @ white)
    return white - model, _share(rank, n, m), bulk, power


def _beside_elbow(power: Floats, shape: tuple[int, ...]) -> float:
    """Sum of the squared singular values behind the elbow, as of all noise."""
    rank = elbow(power)
    return float(power[rank:].sum()) / _share(rank, *shape)


def _share(rank: int, n: int, m: int) -> float:
    """Share of the noise that is left beside so many components."""
    return (1 - rank / n) * (1 - rank / m)


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The value below which half of the weights are."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])
