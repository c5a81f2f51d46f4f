"""The scree of wide data, of which only the leading values are computed, against the whole one."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics import linear_algebra
from hyperspy_unmix.numerics.compression import scree
from hyperspy_unmix.numerics.compression.scree import measure_scree
from hyperspy_unmix.numerics.noise.noise_edge import elbow


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def leading(monkeypatch):
    """A call in which matrices of 900 rows count as large; 300 of them tell the level."""

    def call(function):
        with monkeypatch.context() as patch:
            patch.setattr(linear_algebra, "ROWS_FOR_LEADING_VALUES", 900)
            patch.setattr(linear_algebra, "LANCZOS_BLOCK", 6)
            patch.setattr(scree, "LEAST_VALUES", 9)
            patch.setattr(scree, "VALUES_BELOW_EDGE", 4)
            patch.setattr(scree, "ROWS_FOR_LEVEL", 300)
            return function()

    return call


def gram(n, m, profile, level, strengths, correlation=0.0):
    """Gram matrix of the smaller side of noise of this profile and level, and components in it."""
    rng = np.random.default_rng([n, m])
    noise = rng.standard_normal((n, m + 1))
    noise = (noise[:, 1:] + correlation * noise[:, :-1]) / np.sqrt(1 + correlation**2)
    data = noise * np.sqrt(level * profile)
    for strength in strengths:
        maps, spectrum = rng.standard_normal(n), rng.standard_normal(m)
        data += np.outer(maps, spectrum) * strength / np.sqrt(n)
    return data.T @ data if n >= m else data @ data.T


def profile_of(m, flat):
    return np.ones(m) if flat else np.linspace(0.3, 1, m)


@pytest.mark.parametrize("correlation", [0.0, 0.1])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("n, m", [(2500, 1000), (1000, 2500)])
def test_leading_values_are_those_of_the_whole_scree(leading, n, m, flat, correlation):
    """Truth: all eigenvalues.

    The level comes from a quarter of the rows: to 1 %, a third of that with independent noise of
    one variance. Correlated noise makes them scatter as it is: not more than 2 %.
    """
    profile = profile_of(m, flat)
    matrix = gram(n, m, profile, 1.7, (9, 6, 4), correlation)
    true, _ = measure_scree(matrix, n, profile, calibrated=True)
    found, spectrum = leading(lambda: measure_scree(matrix, n, profile, calibrated=True))
    assert len(true.values) == len(matrix)
    number = len(found.values)
    assert 9 <= number < 50
    within = 0.003 if flat and not correlation else 0.02
    assert found.calibration == pytest.approx(true.calibration, rel=within)
    np.testing.assert_allclose(
        found.values * found.edge, true.values[:number] * true.edge, rtol=1e-4
    )
    assert found.total * found.edge == pytest.approx(true.total * true.edge, rel=1e-9)
    # Correlated noise has values next to the edge, which is known to 2 % then.
    assert correlation or found.above_noise_edge == true.above_noise_edge
    assert elbow(found.values, 4) == elbow(true.values, 4)
    np.testing.assert_allclose(found.repeats[:3], true.repeats[:3], rtol=0.05)
    # Components are far from the next value: the error is the square of what the values may have.
    vectors = np.linalg.eigh(matrix)[1][:, ::-1][:, :3]
    cosines = np.linalg.norm(vectors.T @ spectrum.vectors[:, :3], axis=0)
    np.testing.assert_allclose(cosines, 1, rtol=1e-8)


def test_more_components_than_were_looked_for(leading):
    """By construction: twelve."""
    profile = np.ones(1000)
    matrix = gram(2500, 1000, profile, 1.0, np.linspace(20, 6, 12))
    found, _ = leading(lambda: measure_scree(matrix, 2500, profile, calibrated=False))
    assert found.above_noise_edge == 12
    assert len(found.values) >= 12 + 4
