"""Neighbouring pixels that are alike, against a loop and against noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.compression.map_correlation import (
    LEAST_SIGNIFICANCE,
    has_alike_neighbours,
    neighbour_significance,
)


@pytest.mark.parametrize("shape", [(40,), (9, 12), (3, 8, 7)])
def test_against_a_loop_over_neighbours(shape):
    """Truth: the definition, pixel by pixel; a fifth of the pixels does not count."""
    rng = np.random.default_rng(0)
    pixels = np.flatnonzero(rng.uniform(size=np.prod(shape)) > 0.2)
    scores, weights = rng.standard_normal((len(pixels), 2)), rng.uniform(1, 2, len(pixels))
    white = scores * np.sqrt(weights)[:, None]
    white -= white.mean(0)
    place = {tuple(np.unravel_index(p, shape)): i for i, p in enumerate(pixels)}
    products = [
        white[i] * white[place[beside]]
        for at, i in place.items()
        for axis in range(len(shape))
        if (beside := tuple(a + (j == axis) for j, a in enumerate(at))) in place
    ]
    truth = np.sum(products, 0) / np.mean(white**2, 0) / np.sqrt(len(products))
    found = neighbour_significance(scores, weights, pixels, shape)
    np.testing.assert_allclose(found, truth)


def test_noise_is_within_its_standard_deviations_and_phases_are_far_beyond():
    """Truth: a standard normal for noise, 400 maps; a field of phases over 5 pixels is no noise."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((32 * 32, 400))
    phases = gaussian_filter(rng.standard_normal((32, 32)), 3).ravel()
    scores = np.column_stack([phases / phases.std() + noise[:, 0], noise])
    every = np.arange(32 * 32)
    found = neighbour_significance(scores, np.ones(32 * 32), every, (32, 32))
    assert found[0] > LEAST_SIGNIFICANCE
    assert np.std(found[1:]) == pytest.approx(1, abs=0.15)
    assert np.abs(found[1:]).max() < 5
    assert has_alike_neighbours(found, 1).tolist() == [True] + [False] * 400


def test_interpolated_noise_is_not_taken_for_phases():
    """Truth: noise alone, blurred over its neighbours as after a correction of the scan."""
    rng = np.random.default_rng(2)
    noise = gaussian_filter(rng.standard_normal((12, 32, 32)), (0, 1, 1)).reshape(12, -1).T
    found = neighbour_significance(noise, np.ones(1024), np.arange(1024), (32, 32))
    assert (found > LEAST_SIGNIFICANCE).all()
    assert not has_alike_neighbours(found, 2).any()


def test_no_neighbours_at_all():
    """Truth: nothing is known of neighbours."""
    rng = np.random.default_rng(3)
    found = neighbour_significance(
        rng.standard_normal((4, 2)), np.ones(4), np.arange(0, 8, 2), (8,)
    )
    assert (found == 0).all()
