"""The slope by which the drift is searched for, against finite differences of what is left."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.drift.group_shifts import _Comparison
from hyperspy_unmix.tests.preparation.drift_scenes import spectra


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_gradient_against_finite_differences(size, rank):
    """Independent library: scipy's forward differences.

    The slope is taken from neighbouring channels: sin(k) / k of that at the wave number k, which is
    0.9 for the sharpest details that are compared (Gaussians of 1.5 channels). Those of these
    spectra are broader, 2.4 channels in sigma and more: 0.97. So within a twentieth.
    """
    groups, _ = spectra("elements", 96, drift=3.0)
    comparison = _Comparison(groups, np.full(96, 20.0), 9)
    shift = size * np.random.default_rng(0).standard_normal(96)
    with threadpool_limits(1):
        numerical = approx_fprime(shift, lambda x: comparison.squares_left(x, rank)[0], 1e-6)
        gradient = comparison.squares_left(shift, rank)[1]
    assert np.linalg.norm(gradient - numerical) < 0.05 * np.linalg.norm(numerical)
