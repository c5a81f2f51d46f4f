"""Estimate the noise model from a sample of raw spectra: gain, read noise, channel correlation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hyperspy_unmix.numerics.types import Floats

from .model import Kind, NoiseModel
from .noise_edge import (
    elbow,
    marchenko_pastur_median,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from .weights import column_scales
from .whitening import ChannelWhitening, channel_whitening

MAX_RESIDUAL_RANK = 20
MAX_LAG = 12
LEAST_CORRELATION = 0.001
LEAST_SIZE = 8
LEAST_GROUP = 128
BRIGHTNESS_GROUPS = 4
ROUNDING = 1e-5  # of a value; less scatter than this is not noise


def _weighted(spectra: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Biwhiten a sample held in memory: (whitened spectra, u, v)."""
    v = column_scales(variance)
    u = 1.0 / (variance @ v / variance.shape[1])
    return spectra * np.sqrt(u)[:, None] * np.sqrt(v), u, v


def _floor(variance: Floats) -> Floats:
    """Keep an almost empty channel or pixel from weighing as if it were known exactly."""
    least = 1e-3 * variance.mean()
    return np.maximum(variance, least if least > 0 else 1.0)


def _smooth_variance(spectra: Floats, gain: float, read_variance: float) -> Floats:
    """Variance of a sample from the product of its margins: free of the counts' own noise."""
    rows, columns = np.maximum(spectra.mean(1), 0), np.maximum(spectra.mean(0), 0)
    mean = np.outer(rows, columns) / max(float(columns.mean()), np.finfo(float).tiny)
    return _floor(gain * mean + read_variance)


@dataclass(frozen=True)
class _Residual:
    """What is left of a sample beside its significant components.

    ``noise`` (pixels, channels) is corrected for the share of each channel's noise that went with
    the components; ``lost`` (channels, channels) is that share.
    """

    noise: Floats
    lost: Floats


def _rank_and_level(
    power: Floats, n: int, variance: Floats, white: bool = True
) -> tuple[int, float]:
    """Number of components and noise variance, from the squared singular values.

    ``variance`` (channels,) is that of the noise, relative to the level.
    """
    m = len(variance)
    limit = min(MAX_RESIDUAL_RANK, min(n, m) // 4)
    edge, centre = noise_edge_of_profile(n, variance), noise_median_of_profile(n, variance)
    centre /= marchenko_pastur_median(n, m)
    rank, level = 0, 0.0
    for _ in range(5):
        expected = centre * marchenko_pastur_median(n - rank, m - rank)
        level = float(np.median(power[rank:])) / expected
        found = int((power > level * edge).sum()) if white else elbow(power)
        found = min(found, limit)
        if found == rank:
            break
        rank = found
    return rank, level


def _residual(weighted: Floats, whitening: ChannelWhitening, white: bool = True) -> _Residual:
    """Take the components above the noise edge out of a weighted sample.

    Where the whitening is not known to make the noise ``white``, the elbow takes the place of the
    edge: correlated noise would be taken for structure, and what is left would look uncorrelated.
    """
    y = whitening.whiten(weighted)
    n, m = y.shape
    tall = n > m
    gram = y.T @ y if tall else y @ y.T
    power, vectors = np.linalg.eigh(gram)
    power, vectors = power[::-1], vectors[:, ::-1]
    rank, _ = _rank_and_level(power, n, whitening.variance, white)
    scores = y @ vectors[:, :rank] if tall else vectors[:, :rank] * np.sqrt(power[:rank])
    components = np.linalg.lstsq(scores, weighted, rcond=None)[0]
    # noise along a whitened direction is, among the channels, as correlated as all noise is
    lost = components.T @ components
    left = np.clip(1 - np.diag(lost), 0.05, None) * (1 - rank / n)
    return _Residual((weighted - scores @ components) / np.sqrt(left), lost)


def _correlation(left: _Residual, shot_share: Floats) -> tuple[float, ...]:
    """Correlation of neighbouring channels' shot noise, up to the last lag that matters."""
    residual = left.noise - left.noise.mean(0)
    residual = residual / np.maximum(residual.std(0), 1e-12)
    share, kept = np.sqrt(shot_share), np.sqrt(np.clip(1 - np.diag(left.lost), 0.05, None))
    lags = range(1, min(MAX_LAG, residual.shape[1] - 2) + 1)
    weight = np.array([np.sum(shot_share[lag:] * shot_share[:-lag]) for lag in lags])
    moment = np.array(
        [
            np.sum(
                (
                    (residual[:, lag:] * residual[:, :-lag]).mean(0) * kept[lag:] * kept[:-lag]
                    + np.diag(left.lost, lag)
                )
                * share[lag:]
                * share[:-lag]
            )
            for lag in lags
        ]
    )
    known = np.maximum(weight, 1e-12)
    rho = np.clip(moment / known, -1, 1)
    # charge that is shared correlates all lags alike; the far ones are next to nothing
    significant = rho * np.sign(rho[0]) > LEAST_CORRELATION + 4 / np.sqrt(len(residual) * known)
    if not significant.any() or not significant[0]:
        return ()
    rho = rho[: int(np.argmin(significant)) if not significant.all() else len(rho)]
    return tuple(float(r) for r in rho)


def estimate_noise(sample: Floats, integers: bool) -> NoiseModel:
    """Estimate the variance model from raw spectra.

    The sample is weighted, its significant components are taken out, and the scatter that is left
    is compared, channel by channel, with ``gain * mean + read_variance``. Integer counts whose gain
    comes out as one are Poisson. Where channel means are negative (a background was subtracted
    elsewhere), each channel's own scatter is its variance.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra, a few thousand pixels at most, finite.
    integers : bool
        Whether every value of the data is a whole number.

    Returns
    -------
    NoiseModel

    Raises
    ------
    ValueError
        If the sample does not vary at all.
    """
    m = sample.shape[1]
    alive = np.asarray(sample.any(0))
    if not alive.all() and alive.any():
        return _spread_over(estimate_noise(sample[:, alive], integers), alive)
    if integers and (sample >= 0).all() and _is_poisson(sample):
        return NoiseModel("poisson")
    if min(sample.shape) < LEAST_SIZE:
        return estimate_uniform(sample)
    mean, error = sample.mean(0), sample.std(0) / np.sqrt(len(sample))
    if np.mean(mean < -3 * error) > 0.01 or _is_zero(mean, error):
        return _scatter_model(sample)
    slope, read_variance = 1.0, 0.0
    correlation: tuple[float, ...] = ()
    for sweep in range(4):
        whitened, u, v = _weighted(sample, _smooth_variance(sample, slope, read_variance))
        share = NoiseModel("gain", slope, read_variance).shot_share(mean)
        whitening = channel_whitening(np.ones(m), correlation, share)
        residual = _residual(whitened, whitening, white=sweep > 0)
        square = residual.noise**2 / (u[:, None] * v)
        slope, read_variance = _slope_and_read_variance(*_by_brightness(sample, square))
        if slope == 0 and read_variance == 0:
            break
        share = NoiseModel("gain", slope, read_variance).shot_share(mean)
        correlation = _correlation(residual, share)
    fitted = slope * np.maximum(mean, 0) + read_variance
    if np.median(fitted) <= ROUNDING**2 * np.median(mean**2):
        # no scatter beyond rounding: noise-free data, any weighting is right
        return NoiseModel("uniform", 0.0, max(1e-8 * float(np.mean(sample**2)), 1e-30))
    unexplained = np.median(np.abs(np.log(np.maximum(square.mean(0), 1e-300) / fitted)))
    if unexplained > 0.2 + np.sqrt(2 / len(sample)):
        return _scatter_model(sample)
    kind: Kind = "gain" if slope > 0 else "uniform"
    return NoiseModel(kind, slope * (1 + 2 * sum(correlation)), read_variance, correlation)


def _by_brightness(sample: Floats, square: Floats) -> tuple[Floats, Floats]:
    """Mean and mean squared residual of every channel, in groups of pixels of like brightness.

    A flat spectrum tells gain and read noise apart only by the thickness of the pixels.
    """
    groups = int(np.clip(len(sample) // LEAST_GROUP, 1, BRIGHTNESS_GROUPS))
    order = np.array_split(np.argsort(sample.mean(1), kind="stable"), groups)
    mean = np.concatenate([sample[pixels].mean(0) for pixels in order])
    return np.maximum(mean, 0), np.concatenate([square[pixels].mean(0) for pixels in order])


def _is_zero(mean: Floats, error: Floats) -> bool:
    """Whether channel means are no larger, all in all, than their errors."""
    exact = np.where(mean == 0, 0.0, np.inf)
    square = np.divide(mean, error, out=exact, where=error > 0) ** 2
    return bool(square.mean() < 1 + 6 * np.sqrt(2 / len(mean)))


def _spread_over(model: NoiseModel, alive: NDArray[np.bool_]) -> NoiseModel:
    """The model of the channels that hold anything, for all channels."""
    if model.channel_variance is None:
        return model
    variance = np.full(len(alive), np.median(model.channel_variance))
    variance[alive] = model.channel_variance
    return replace(model, channel_variance=variance)


def _is_poisson(sample: Floats) -> bool:
    """Whether whole-number counts scatter as Poisson counts do (sparse ones cannot tell)."""
    filled = sample[:, sample.any(0)][sample.any(1)]
    if not filled.size or min(filled.shape) < LEAST_SIZE or filled.mean() < 0.5:
        return True
    whitened, _, _ = _weighted(filled, _smooth_variance(filled, 1.0, 0.0))
    # half the pixels tell the level well enough
    return 0.8 < _level(whitened[:: 2 if len(whitened) > 512 else 1]) < 1.25


def _level(sample: Floats) -> float:
    """Noise variance of a sample whose noise is white."""
    n, m = sample.shape
    power = np.linalg.eigvalsh(sample.T @ sample if n > m else sample @ sample.T)[::-1]
    return _rank_and_level(power, n, np.ones(m))[1]


def _slope_and_read_variance(mean: Floats, scatter: Floats) -> tuple[float, float]:
    """Robust fit of ``scatter = slope * mean + read_variance``.

    The read variance is negative where a dark offset was left in the data; the fit then has to be
    much the better one, and to leave every mean a positive variance.
    """
    free = _robust_line(mean, scatter, bounded=False)
    bounded = _robust_line(mean, scatter, bounded=True)
    if not free[0] > 0 > free[1] or (free[0] * mean + free[1]).min() < 0.1 * scatter.min():
        return bounded
    misfit = [np.median(np.abs(scatter / (g * mean + r) - 1)) for g, r in (free, bounded)]
    return free if misfit[0] < 0.6 * misfit[1] else bounded


def _robust_line(mean: Floats, scatter: Floats, bounded: bool) -> tuple[float, float]:
    """Slope and intercept by reweighted least squares, not negative if ``bounded``."""
    level = np.maximum(np.median(scatter), 1e-30)
    weight = 1.0 / np.maximum(scatter, 0.01 * level)
    unit = max(float(mean.max()), 1e-30)
    design = np.column_stack([mean / unit, np.ones_like(mean)])
    solution = np.zeros(2)
    for _ in range(10):
        weighted, target = design * weight[:, None], scatter * weight
        if bounded:
            solution = nnls(weighted, target)[0]
        else:
            solution = np.linalg.lstsq(weighted, target, rcond=None)[0]
        fitted = np.maximum(design @ solution, 0.01 * level)
        relative = np.abs(scatter - fitted) / fitted
        huber = np.minimum(1.0, 3 * np.median(relative) / np.maximum(relative, 1e-12))
        weight = np.sqrt(huber) / fitted
    return float(solution[0] / unit), float(solution[1])


def _scatter_model(sample: Floats) -> NoiseModel:
    """One variance a channel, from the scatter about the significant components."""
    m = sample.shape[1]
    rounding = (ROUNDING**2) * float(np.mean(sample**2))
    variance = np.maximum(_floor(np.var(sample, axis=0)), rounding)
    correlation: tuple[float, ...] = ()
    for sweep in range(4):
        whitening = channel_whitening(np.ones(m), correlation)
        left = _residual(sample / np.sqrt(variance), whitening, white=sweep > 0)
        correlation = _correlation(left, np.ones(m))
        scatter = np.mean(left.noise**2, 0) * variance
        # a channel that all but makes up a component of its own says nothing about its noise
        good = np.diag(left.lost) < 0.3
        if good.any():
            scatter = np.interp(np.arange(m), np.flatnonzero(good), scatter[good])
        variance = np.maximum(_floor(scatter), rounding)
    return NoiseModel("scatter", correlation=correlation, channel_variance=variance)


def estimate_uniform(sample: Floats) -> NoiseModel:
    """One variance for all pixels and channels, from the floor of the singular values."""
    few = min(sample.shape) < LEAST_SIZE
    level = float(np.var(sample - sample.mean(0))) if few else _level(sample)
    return NoiseModel("uniform", 0.0, max(level, 1e-12 * float(np.mean(sample**2)), 1e-30))
