"""The split half drawn from a few values, against that of the whole Gram matrix."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.leading_split import significance_of_leading
from hyperspy_unmix.numerics.compression.split_half import significance

N, M, NUMBER, DRAWS = 1600, 300, 6, 60


def drawn_both(level):
    """Significances (draws, components) from the Gram matrix, and from the values above noise."""
    whole, leading = [], []
    edge = (np.sqrt(N) + np.sqrt(M)) ** 2
    strength = np.sqrt(np.array([30, 4, 1.6]) * np.sqrt(N * M))
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        maps = np.linalg.qr(rng.standard_normal((N, 3)))[0]
        spectra = np.linalg.qr(rng.standard_normal((M, 3)))[0]
        noise = np.sqrt(level) * rng.standard_normal((N, M))
        data = (maps * strength) @ spectra.T + noise
        gram = data.T @ data
        values = np.linalg.eigvalsh(gram)[::-1]
        above = max(int(np.sum(values > edge * level)), 1)
        left = values[above:].sum() / ((N - above) * (M - above))
        whole.append(significance(gram, N, np.ones(M), NUMBER, seed))
        leading.append(significance_of_leading(values[:above], left, (N, M), NUMBER, seed))
    return np.array(whole), np.array(leading)


@pytest.mark.parametrize("level", [1.0, 0.9])
def test_distribution_is_that_of_the_whole_gram_matrix(level):
    """Truth: `significance`, which sees all of the noise. Means of 60 draws, within 4 errors."""
    whole, leading = drawn_both(level)
    error = np.hypot(whole.std(0), leading.std(0)) / np.sqrt(DRAWS)
    assert np.all(np.abs(whole.mean(0) - leading.mean(0)) < 4 * error)
    # those of standard deviations scatter by a tenth
    np.testing.assert_allclose(leading.std(0), whole.std(0), rtol=0.4)


def test_noise_alone_seldom_repeats():
    """Beside one component: of 200 draws of four directions of noise, few exceed three errors."""
    strong = np.array([1e6])
    found = np.array(
        [significance_of_leading(strong, 1.0, (5000, 2000), 5, seed) for seed in range(200)]
    )
    assert np.all(found[:, 0] > 100)
    assert np.mean(found[:, 1:] > 3) < 0.02
    assert abs(found[:, 1:].mean()) < 0.3


@pytest.mark.parametrize("shape", [(20, 12), (400, 15), (15, 400), (100_000, 4096)])
@pytest.mark.parametrize("number", [1, 4])
def test_any_size(shape, number):
    """Finite, one number for each; the same every time."""
    values = np.sort(np.random.default_rng(0).uniform(3, 9, number))[::-1] * max(shape)
    found = significance_of_leading(values, 1.0, shape, number + 2)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, significance_of_leading(values, 1.0, shape, number + 2))
