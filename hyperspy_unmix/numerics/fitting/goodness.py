"""How well a model describes the counts: pixel by pixel, and channel by channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats


@dataclass(frozen=True)
class Goodness:
    """Reduced chi-square of the pixels, and the residual of the channels.

    ``chi_square`` (pixels,) is one where the model is true; ``mean_residual`` (channels,) is the
    mean over the pixels and ``noise_of_mean`` its standard deviation; ``spread`` (channels,) are
    the squares of the residual, summed over the pixels, over their variance.
    """

    chi_square: Floats
    mean_residual: Floats
    noise_of_mean: Floats
    spread: Floats


def goodness(
    blocks: RowBlocks,
    scores: Floats,
    components: Floats,
    noise: NoiseModel,
    channel_sd: Floats,
    fitted: int,
) -> Goodness:
    """Compare the counts with ``scores @ components``, in one pass over them.

    Chi-square is the sum over the channels of the squared residual, over that of the variance, each
    channel weighed by its mean noise: next to the usual one, and defined where a pixel's spectrum
    has channels of next to no counts. The variance is that of the model's values, not of the
    counts: so one is expected however few there are; it is at least that of one electron or photon.

    Parameters
    ----------
    blocks : RowBlocks
    scores : array, shape (pixels, any)
    components : array, shape (any, channels)
    noise : NoiseModel
    channel_sd : array, shape (channels,)
        Mean noise of the channels, at unit weight.
    fitted : int
        Numbers fitted to each pixel.
    """
    n_pixels, n_channels = blocks.shape[0], len(channel_sd)

    def on_blocks(parts: Iterator[Block]) -> tuple[Floats, Floats]:
        """Sums over the pixels (of residual, its square, the variance), and chi-square."""
        sums, chi_square = np.zeros((3, n_channels)), []
        for block in parts:
            model = block.per_pixel[0] @ components
            variance = block.variance
            if variance is None or noise.kind in ("poisson", "gain"):
                variance = _variance_of(model, noise, channel_sd)
            residual = block.spectra - model
            chi_square.append(_chi_square(residual, variance, noise, channel_sd, fitted))
            sums += residual.sum(0), np.sum(residual**2, 0), variance.sum(0)
        return sums, np.concatenate(chi_square)

    (residual, squares, variance), chi_square = blocks.reduce(
        on_blocks, lambda totals: np.sum(totals, 0), np.asarray(scores), stage="residual"
    )
    variance = np.maximum(variance, 1e-300)
    return Goodness(
        chi_square=chi_square,
        mean_residual=residual / n_pixels,
        noise_of_mean=np.sqrt(variance) / n_pixels,
        spread=squares / variance,
    )


def chi_square_of_sample(
    sample: Floats,
    scores: Floats,
    components: Floats,
    noise: NoiseModel,
    channel_sd: Floats,
    fitted: int,
) -> Floats:
    """Reduced chi-square of spectra that are there already: no pass over the data; see `goodness`.

    Parameters
    ----------
    sample : array, shape (pixels, channels)
    scores : array, shape (pixels, any)
        Of the same pixels.
    components, noise, channel_sd, fitted
        As in `goodness`; the noise is known without its variance in every value.

    Returns
    -------
    array, shape (pixels,)
    """
    model = scores @ components
    variance = _variance_of(model, noise, channel_sd)
    return _chi_square(sample - model, variance, noise, channel_sd, fitted)


def _variance_of(model: Floats, noise: NoiseModel, channel_sd: Floats) -> Floats:
    """Variance that the noise model gives the model's values."""
    if noise.kind in ("poisson", "gain"):
        return noise.variance(np.maximum(model, 0))
    return np.broadcast_to(channel_sd**2, model.shape)


def _chi_square(
    residual: Floats, variance: Floats, noise: NoiseModel, channel_sd: Floats, fitted: int
) -> Floats:
    """For every pixel: sums over the channels, each weighed by its mean noise, and their ratio."""
    weight, n_channels, least = 1 / channel_sd**2, len(channel_sd), 1e-300
    if noise.kind in ("poisson", "gain"):
        # Where the model has next to nothing, one electron or photon is no miracle.
        least = noise.gain * noise.channel_gain * n_channels / float(np.sum(channel_sd**2))
    ratio = (residual**2 @ weight) / np.maximum(variance @ weight, least)
    return np.asarray(n_channels / max(n_channels - fitted, 1) * ratio)
