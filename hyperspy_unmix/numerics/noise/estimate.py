"""Estimate the noise model from a sample of raw spectra: gain, read noise, channel correlation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hyperspy_unmix.numerics.types import Floats

from .level import level_of_counts, level_of_variance
from .model import Kind, NoiseModel
from .sample_residual import (
    remove_components,
    residual_correlation,
    white_noise_variance,
)
from .weights import column_scales
from .whitening import channel_whitening

LEAST_SIDE = 8  # pixels and channels of a sample that is decomposed into components
LEAST_PIXELS_PER_GROUP = 128
MOST_BRIGHTNESS_GROUPS = 4
LEAST_RELATIVE_SCATTER = 1e-5  # of a value; less is rounding, not noise
ROUNDING_OF_INTEGERS = 1 / 12  # variance
MOST_OF_ROUNDING = 1.5  # times that, which is no more than rounding
MOST_PIXELS_FOR_LEVEL = 512
LEAST_OF_MEAN = 0.03  # variance; rarer counts would each pass for a component
ERROR_OF_MODEL = 0.03  # of a variance: gain and read noise of phantoms are found to that
MOST_SHARE_LOST = 0.3  # of a channel's noise to the components; with more it says nothing of it


def _biwhiten(spectra: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Scale rows and columns of a sample to noise of one: (scaled spectra, row, column scales)."""
    v = column_scales(variance)
    u = 1.0 / (variance @ v / variance.shape[1])
    return spectra * np.sqrt(u)[:, None] * np.sqrt(v), u, v


def _raise_to_floor(variance: Floats) -> Floats:
    """Keep an almost empty channel or pixel from weighing as if it were known exactly."""
    floor = 1e-3 * variance.mean()
    return np.maximum(variance, floor if floor > 0 else 1.0)


def _smooth_variance(spectra: Floats, gain: float, read_variance: float) -> Floats:
    """Variance of a sample from the product of its margins: free of the counts' own noise."""
    pixel_means, channel_means = np.maximum(spectra.mean(1), 0), np.maximum(spectra.mean(0), 0)
    overall_mean = max(float(channel_means.mean()), np.finfo(float).tiny)
    mean = np.outer(pixel_means, channel_means) / overall_mean
    return _raise_to_floor(gain * mean + read_variance)


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
        Where the sample does not vary at all, a tiny uniform variance.
    """
    alive = np.asarray(sample.any(0))
    if not alive.all() and alive.any():
        return _fill_dead_channels(estimate_noise(sample[:, alive], integers), alive)
    if integers and (sample >= 0).all() and _is_poisson(sample):
        return NoiseModel("poisson")
    model = _estimate(sample)
    if integers and not model.only_rounding:
        variance = np.median(model.variance(np.maximum(sample.mean(0), 0)[None]))
        if variance < MOST_OF_ROUNDING * ROUNDING_OF_INTEGERS:
            return replace(model, only_rounding=True)
    return model


def scatter_over_variance(sample: Floats, variance: Floats) -> float:
    """Scatter of a sample beside its components, over the variance stated of each of its values.

    No law of the variance is needed, as `estimate_noise` needs one: not where part of the counts
    was taken off, whose noise is still there.

    Parameters
    ----------
    sample, variance : array, shape (pixels, channels)

    Returns
    -------
    float
        NaN where the sample is too small to tell.
    """
    alive = variance.any(0) & sample.any(0)
    sample, variance = sample[:, alive], variance[:, alive]
    if min(sample.shape) < LEAST_SIDE:
        return float(np.nan)
    _, u, v = _biwhiten(sample, np.maximum(variance, LEAST_OF_MEAN * variance.mean()))
    return level_of_variance(sample, variance, u, v)


def estimate_error(sample: Floats, model: NoiseModel) -> float:
    """Relative standard deviation of the variance that `estimate_noise` finds in a sample.

    Infinite where the sample is too small to tell its noise from its components.
    """
    if min(sample.shape) < LEAST_SIDE:
        return float(np.inf)
    # What neighbouring channels share of their scatter says nothing new.
    shared = 1 + 2 * float(np.sum(np.square(model.correlation)))
    few_counts = model.gain / max(float(sample.mean()), 1e-300) if model.kind == "poisson" else 0.0
    return float(np.hypot(np.sqrt((2 * shared + few_counts) / sample.size), ERROR_OF_MODEL))


def _estimate(sample: Floats) -> NoiseModel:
    """The model of a sample that is not Poisson."""
    if min(sample.shape) < LEAST_SIDE:
        return estimate_uniform(sample)
    mean, error = sample.mean(0), sample.std(0) / np.sqrt(len(sample))
    if np.mean(mean < -3 * error) > 0.01 or _means_are_zero(mean, error):
        return _estimate_scatter(sample)
    return _estimate_gain(sample, mean)


def _estimate_gain(sample: Floats, mean: Floats) -> NoiseModel:
    """Gain, read noise and correlation, found in turns; ``mean`` (channels,) is the sample's."""
    m = sample.shape[1]
    slope, read_variance = 1.0, 0.0
    correlation: tuple[float, ...] = ()
    for sweep in range(4):
        # The scatter of the sample beside its components, with the noise as known so far.
        weighted, u, v = _biwhiten(sample, _smooth_variance(sample, slope, read_variance))
        shot_share = NoiseModel("gain", slope, read_variance).shot_share(mean)
        whitening = channel_whitening(np.ones(m), correlation, shot_share)
        residual = remove_components(weighted, whitening, white=sweep > 0)
        squared_residual = residual.noise**2 / (u[:, None] * v)
        # The noise that makes this scatter.
        group_mean, scatter = _average_by_brightness(sample, squared_residual)
        slope, read_variance = _fit_slope_and_read_variance(group_mean, scatter)
        if slope == 0 and read_variance == 0:
            break
        shot_share = NoiseModel("gain", slope, read_variance).shot_share(mean)
        correlation = residual_correlation(residual, shot_share)
    fitted = slope * np.maximum(mean, 0) + read_variance
    if np.median(fitted) <= LEAST_RELATIVE_SCATTER**2 * np.median(mean**2):
        # There is no scatter beyond rounding: for data without noise any weighting is right.
        variance = max(1e-8 * float(np.mean(sample**2)), 1e-30)
        return NoiseModel("uniform", 0.0, variance, only_rounding=True)
    # Where the line leaves much of the channels' scatter unexplained, each has its own variance.
    scatter = np.maximum(squared_residual.mean(0), 1e-300)
    unexplained = np.median(np.abs(np.log(scatter / fitted)))
    if unexplained > 0.2 + np.sqrt(2 / len(sample)):
        return _estimate_scatter(sample)
    kind: Kind = "gain" if slope > 0 else "uniform"
    return NoiseModel(kind, slope * (1 + 2 * sum(correlation)), read_variance, correlation)


def _average_by_brightness(sample: Floats, squared_residual: Floats) -> tuple[Floats, Floats]:
    """Mean and mean squared residual of every channel, in groups of pixels of like brightness.

    A flat spectrum tells gain and read noise apart only by the thickness of the pixels.
    """
    n_groups = int(np.clip(len(sample) // LEAST_PIXELS_PER_GROUP, 1, MOST_BRIGHTNESS_GROUPS))
    groups = np.array_split(np.argsort(sample.mean(1), kind="stable"), n_groups)
    mean = np.concatenate([sample[pixels].mean(0) for pixels in groups])
    scatter = np.concatenate([squared_residual[pixels].mean(0) for pixels in groups])
    return np.maximum(mean, 0), scatter


def _means_are_zero(mean: Floats, error: Floats) -> bool:
    """Whether channel means are no larger, all in all, than their errors."""
    without_error = np.where(mean == 0, 0.0, np.inf)
    chi_square = np.divide(mean, error, out=without_error, where=error > 0) ** 2
    return bool(chi_square.mean() < 1 + 6 * np.sqrt(2 / len(mean)))


def _fill_dead_channels(model: NoiseModel, alive: NDArray[np.bool_]) -> NoiseModel:
    """Extend the model of the channels that hold anything (``alive``) to all channels."""
    if model.channel_variance is None:
        return model
    variance = np.full(len(alive), np.median(model.channel_variance))
    variance[alive] = model.channel_variance
    return replace(model, channel_variance=variance)


def _is_poisson(sample: Floats) -> bool:
    """Whether whole-number counts scatter as Poisson counts do (sparse ones cannot tell)."""
    filled = sample[:, sample.any(0)][sample.any(1)]
    if not filled.size or min(filled.shape) < LEAST_SIDE or filled.mean() < 0.5:
        return True
    # Half of many pixels tell the level well enough.
    filled = filled[:: -(-len(filled) // MOST_PIXELS_FOR_LEVEL)]
    filled = filled[:, filled.any(0)]
    _, u, v = _biwhiten(filled, _smooth_variance(filled, 1.0, 0.0))
    return level_of_counts(filled, u, v).is_one


def _fit_slope_and_read_variance(mean: Floats, scatter: Floats) -> tuple[float, float]:
    """Robust fit of ``scatter = slope * mean + read_variance``.

    The read variance is negative where a dark offset was left in the data; the fit then has to be
    much the better one, and to leave every mean a positive variance.
    """
    free = _fit_robust_line(mean, scatter, bounded=False)
    bounded = _fit_robust_line(mean, scatter, bounded=True)
    if not free[0] > 0 > free[1] or (free[0] * mean + free[1]).min() < 0.1 * scatter.min():
        return bounded
    free_misfit, bounded_misfit = (
        np.median(np.abs(scatter / (slope * mean + read_variance) - 1))
        for slope, read_variance in (free, bounded)
    )
    return free if free_misfit < 0.6 * bounded_misfit else bounded


def _fit_robust_line(mean: Floats, scatter: Floats, bounded: bool) -> tuple[float, float]:
    """Slope and intercept by reweighted least squares, not negative if ``bounded``.

    Residuals are relative to the line. Huber's weights keep outliers from pulling it.
    """
    typical_scatter = np.maximum(np.median(scatter), 1e-30)
    weight = 1.0 / np.maximum(scatter, 0.01 * typical_scatter)
    unit = max(float(mean.max()), 1e-30)
    design = np.column_stack([mean / unit, np.ones_like(mean)])
    solution = np.zeros(2)
    for _ in range(10):
        weighted_design, target = design * weight[:, None], scatter * weight
        if bounded:
            solution = nnls(weighted_design, target)[0]
        else:
            solution = np.linalg.lstsq(weighted_design, target, rcond=None)[0]
        fitted = np.maximum(design @ solution, 0.01 * typical_scatter)
        misfit = np.abs(scatter - fitted) / fitted
        huber = np.minimum(1.0, 3 * np.median(misfit) / np.maximum(misfit, 1e-12))
        weight = np.sqrt(huber) / fitted
    return float(solution[0] / unit), float(solution[1])


def _estimate_scatter(sample: Floats) -> NoiseModel:
    """One variance a channel, from the scatter about the significant components."""
    m = sample.shape[1]
    rounding_variance = (LEAST_RELATIVE_SCATTER**2) * float(np.mean(sample**2))
    variance = np.maximum(_raise_to_floor(np.var(sample, axis=0)), rounding_variance)
    correlation: tuple[float, ...] = ()
    for sweep in range(4):
        whitening = channel_whitening(np.ones(m), correlation)
        residual = remove_components(sample / np.sqrt(variance), whitening, white=sweep > 0)
        correlation = residual_correlation(residual, np.ones(m))
        scatter = np.mean(residual.noise**2, 0) * variance
        # A channel that all but makes up a component of its own says nothing about its noise.
        known = residual.lost() < MOST_SHARE_LOST
        if known.any():
            scatter = np.interp(np.arange(m), np.flatnonzero(known), scatter[known])
        variance = np.maximum(_raise_to_floor(scatter), rounding_variance)
    return NoiseModel("scatter", correlation=correlation, channel_variance=variance)


def channel_correlation(sample: Floats) -> tuple[float, ...]:
    """Correlation of the scatter of channels 1, 2, ... apart, wherever it comes from.

    `estimate_noise` looks for that of shot noise alone, which a detector spreads; smoothing and
    interpolation make that of read noise as well.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
        Raw spectra, finite.
    """
    sample = sample[:, sample.any(0)]
    m = sample.shape[1]
    if min(sample.shape) < 2 * LEAST_SIDE:
        return ()
    weighted = sample / np.sqrt(_raise_to_floor(np.var(sample, axis=0)))
    whitening = channel_whitening(np.ones(m), ())
    return residual_correlation(remove_components(weighted, whitening, white=False), np.ones(m))


def estimate_uniform(sample: Floats) -> NoiseModel:
    """One variance for all pixels and channels, from the floor of the singular values."""
    if min(sample.shape) < LEAST_SIDE:
        variance = float(np.var(sample - sample.mean(0)))
    else:
        variance = white_noise_variance(sample)
    rounding_variance = 1e-12 * float(np.mean(sample**2))
    return NoiseModel("uniform", 0.0, max(variance, rounding_variance, 1e-30))
