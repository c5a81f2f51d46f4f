"""Channels of several detectors joined: maps in common become one, others stay."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.join_channels import join_channels
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.noise.whitening import channel_whitening, side_by_side

PIXELS, CHANNELS = 600, (150, 80)
EDGES = tuple(noise_edge(PIXELS, channels) for channels in CHANNELS)


def compressed(maps, channels, rank, seed, weights=None, correlation=()):
    """Leading components of ``maps`` times random spectra, with white noise of variance one."""
    rng = np.random.default_rng(seed)
    spectra = rng.standard_normal((maps.shape[1], channels))
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    weights = np.ones(len(maps)) if weights is None else weights
    noise = rng.standard_normal((len(maps), channels)) / np.sqrt(weights)[:, None]
    size = np.sqrt(weights)[:, None]
    left, values, right = np.linalg.svd(size * (maps @ spectra + noise), full_matrices=False)
    return LowRank(
        scores=left[:, :rank] * values[:rank] / size,
        components=right[:rank],
        weights=weights,
        whitening=channel_whitening(np.ones(channels), correlation),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, channels)),
    ), spectra


@pytest.fixture(scope="module")
def maps():
    return 20 * np.random.default_rng(0).standard_normal((PIXELS, 3)) / np.sqrt(PIXELS) * 4


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [((0, 1, 2), (0, 1, 2), 3), ((0, 1), (1, 2), 3), ((0,), (1,), 2)],
)
def test_maps_are_counted_once(maps, first, second, together):
    """The truth: as many components as there are maps in either."""
    parts = [
        compressed(maps[:, list(own)], channels, len(own), i + 1)[0]
        for i, (own, channels) in enumerate(zip((first, second), CHANNELS, strict=True))
    ]
    joined = join_channels(parts, EDGES)
    assert joined.above_noise == together
    # What is left of a map that was found before is no more than noise may be.
    assert (joined.values[together:] < 1).all()
    assert (joined.visible[:together] > 0.5).all()


def test_weak_maps_of_one_detector_stay(maps):
    """Interlacing: never fewer than one detector counts, be it hardly above its noise."""
    strong, _ = compressed(30 * maps[:, :1], CHANNELS[0], 1, 1)
    weak, _ = compressed(0.92 * maps[:, :2], CHANNELS[1], 2, 2)
    alone = int((np.diag(weak.second_moment()) * PIXELS > EDGES[1]).sum())
    assert alone == 2
    assert join_channels([strong, weak], EDGES).above_noise >= 2


def test_spectra_of_each_detector_are_those_of_the_common_maps(maps):
    """Least squares of both on the same scores; pixels with other weights in the second."""
    weights = np.random.default_rng(5).uniform(0.5, 2, PIXELS)
    first, true_first = compressed(maps, CHANNELS[0], 3, 1)
    second, true_second = compressed(maps, CHANNELS[1], 3, 2, weights)
    joined = join_channels([first, second], EDGES).truncate(3)
    for i, true in enumerate((true_first, true_second)):
        part = joined.of_detector(i)
        assert part.components.shape == (3, CHANNELS[i])
        # The true spectra lie in the space of those found, but for their noise.
        basis = np.linalg.qr(part.components.T)[0]
        left = true - (true @ basis) @ basis.T
        assert np.linalg.norm(left, axis=1).max() < 0.35
    # Least squares of either detector's own spectra on the common scores.
    whole = joined.spectra
    weighted = whole.scores.T * whole.weights
    inverse = np.linalg.inv(weighted @ whole.scores)
    for i, own in enumerate((first, second)):
        fitted = inverse @ weighted @ own.scores @ own.components
        np.testing.assert_allclose(joined.of_detector(i).components, fitted, atol=1e-10)


def test_noise_of_two_detectors_is_whitened_as_that_of_each():
    """Side by side: the same as one after the other, with correlated channels in one of them."""
    rng = np.random.default_rng(4)
    parts = [
        channel_whitening(rng.uniform(1, 2, 70), (0.3, 0.1)),
        channel_whitening(rng.uniform(1, 2, 130)),
    ]
    both = side_by_side(parts)
    rows = rng.standard_normal((4, 200))
    expected = np.concatenate([parts[0].whiten(rows[:, :70]), parts[1].whiten(rows[:, 70:])], 1)
    np.testing.assert_allclose(both.whiten(rows), expected, rtol=1e-10)
    np.testing.assert_allclose(both.colour(expected), rows, rtol=1e-10)
    assert both.sum_variance == pytest.approx(sum(part.sum_variance for part in parts))
