"""Components of sums of channels, over all channels: least squares by hand, and their noise."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.compression.summed_channels import (
    over_all_channels,
    share_in_sums,
    share_of_signal,
    sums_of_channels,
)
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

PIXELS, CHANNELS = 900, 240
CHANNEL = np.arange(float(CHANNELS))
SPECTRA = np.array([1 + 4 * np.exp(-0.5 * ((CHANNEL - c) / 10) ** 2) for c in (60, 120, 180)])
SPECTRA /= SPECTRA.sum(1, keepdims=True)
FLOAT32 = 1e-5  # products are taken in it: about 1e-6 of the largest, and a factor of ten in hand
POISSON = NoiseModel("poisson")


def counts(seed=0, mean=60.0):
    rng = np.random.default_rng(seed)
    return rng.poisson(mean * rng.dirichlet(np.ones(3), PIXELS) @ SPECTRA).astype(float)


def compressed(values):
    blocks = row_blocks(values.reshape(30, 30, -1))
    summary = summarise(blocks)
    raw, scree = compress(blocks, summary, POISSON, 6)
    return blocks, summary, raw, scree


def test_of_single_channels_they_are_the_components():
    """Closed form: eigenvectors are the spectra of least squares of their own scores."""
    blocks, summary, raw, _ = compressed(counts())
    again = over_all_channels(blocks, raw, np.arange(CHANNELS), summary.mean)
    scale = np.abs(raw.components).max(1, keepdims=True)
    np.testing.assert_allclose(again.components / scale, raw.components / scale, atol=1e-5)
    np.testing.assert_allclose(again.whitening.channel_sd, raw.whitening.channel_sd)


@pytest.mark.parametrize("factor", [2, 8])
def test_least_squares_on_the_scores_of_sums(factor):
    """Truth: numpy's least squares; and their sums are the components of the sums."""
    values = counts()
    sums = sums_of_channels(np.arange(CHANNELS), factor)
    _, _, raw, _ = compressed(values.reshape(PIXELS, -1, factor).sum(2))
    blocks = row_blocks(values.reshape(30, 30, -1))
    summary = summarise(blocks)
    fine = over_all_channels(blocks, raw, sums, summary.mean)
    root = np.sqrt(raw.weights)[:, None]
    expected = np.linalg.lstsq(root * raw.scores, root * values, rcond=None)[0]
    np.testing.assert_allclose(fine.components, expected, atol=FLOAT32 * np.abs(expected).max())
    summed = fine.components.reshape(raw.rank, -1, factor).sum(2)
    np.testing.assert_allclose(summed, raw.components, atol=1e-4 * np.abs(summed).max())
    # scores are taken along directions of white noise, and of the components their own
    np.testing.assert_allclose(fine.directions @ fine.directions.T, np.eye(raw.rank), atol=1e-6)
    own = fine.whitening.whiten(fine.components) @ fine.directions.T
    np.testing.assert_allclose(own, np.eye(raw.rank), atol=1e-4)
    variance = np.bincount(sums, fine.whitening.channel_sd**2)
    np.testing.assert_allclose(variance, raw.whitening.channel_sd**2)


def test_share_that_is_not_noise():
    """Truth: the squared correlation with the space of the spectra without noise."""
    values, factor = counts(mean=30.0), 4
    _, _, raw, scree = compressed(values.reshape(PIXELS, -1, factor).sum(2))
    blocks = row_blocks(values.reshape(30, 30, -1))
    sums = sums_of_channels(np.arange(CHANNELS), factor)
    fine = over_all_channels(blocks, raw, sums, summarise(blocks).mean).truncate(3)
    white = fine.whitening.whiten(fine.components)
    true = np.linalg.qr(fine.whitening.whiten(SPECTRA).T)[0]
    held = np.sum((white @ true) ** 2, 1) / np.sum(white**2, 1)
    share = expected_squared_cosines(scree.values[:3], *scree.shape)[0]
    found = share_of_signal(share, fine, CHANNELS // factor)
    np.testing.assert_allclose(found, held, atol=0.06)


def test_what_sums_hold_of_spectra():
    """Closed form: all of an even spectrum, none of one that alternates, gaps beside it or not."""
    channels = np.r_[0:40, 50:90]
    whitening = ChannelWhitening(np.full(len(channels), 0.5))
    even, odd = np.ones(len(channels)), np.where(channels % 2, 1.0, -1.0)
    share, sums = share_in_sums(np.array([even, odd]), whitening, channels, 4)
    np.testing.assert_allclose(share, [1, 0], atol=1e-12)
    assert sums.shape == (2, len(np.unique(channels // 4)))
