"""Fourier sums against every exponential taken by itself."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.corrections.fourier_sum import fourier_sum


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("shape", [(50,), (64,), (130,), (3, 1000)])
def test_the_sum_itself(shape, even):
    """Truth: the definition; of 1e4 turns 1e-12 is rounding."""
    rng = np.random.default_rng(0)
    energies = -3.3 + 0.025 * np.arange(shape[-1])
    if not even:
        energies[5:] += 1e-4
    values, frequency = rng.standard_normal(shape), np.linspace(0, 20, 77)
    true = np.sum(values[..., None] * np.exp(-2j * np.pi * energies[:, None] * frequency), axis=-2)
    np.testing.assert_allclose(fourier_sum(values, energies, frequency), true, atol=1e-10)
