"""Leading directions by iteration, against the full Gram matrix of the same counts."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.compression import edge_iteration, leading_space, scree, weighted_pca
from hyperspy_unmix.numerics.compression.leading_space import can_be_iterated
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

PIXELS, CHANNELS = 1500, 700
COUNTS = 20.0  # of a value: dense
POISSON = NoiseModel("poisson")


@pytest.fixture
def _small_is_wide(monkeypatch):
    """What is done with thousands of channels, for hundreds."""
    monkeypatch.setattr(leading_space, "LEAST_FOR_ITERATION", 600)


def counts_of(strengths, seed=0):
    """Poisson counts: a level, and beside it directions of so many times what noise hides.

    A direction of strength ``s`` has ``s sqrt(n m)`` as its squared singular value over the noise:
    from one on it is found at all.
    """
    rng = np.random.default_rng(seed)
    maps = np.linalg.qr(rng.standard_normal((PIXELS, len(strengths))))[0]
    spectra = np.linalg.qr(rng.standard_normal((CHANNELS, len(strengths))))[0]
    scale = np.sqrt(np.array(strengths) * np.sqrt(PIXELS * CHANNELS) / COUNTS)
    expected = COUNTS * np.clip(1 + (maps * scale) @ spectra.T, 0.05, None)
    return np.random.default_rng([seed, 1]).poisson(expected).astype(np.float32)


def both(monkeypatch, counts, **kwargs):
    """By iteration, and from the Gram matrix."""
    blocks = row_blocks(counts)
    summary = summarise(blocks)
    iterated = compress(blocks, summary, POISSON, **kwargs)
    with monkeypatch.context() as context:
        context.setattr(weighted_pca, "can_be_iterated", lambda *_: False)
        return iterated, compress(blocks, summary, POISSON, **kwargs)


@pytest.mark.usefixtures("_small_is_wide")
@pytest.mark.parametrize("seed", range(3))
def test_against_the_gram_matrix(monkeypatch, seed):
    """Truth: all eigenvalues. What is above the edge is known to the tolerance that is stated."""
    iterated, exact = both(monkeypatch, counts_of([300, 40, 8, 2.0, 1.4], seed))
    (spectra, found), (true_spectra, truth) = iterated, exact
    n = truth.above_noise_edge
    assert n >= 5
    assert found.above_noise_edge == n
    assert len(found.values) < len(truth.values)
    np.testing.assert_allclose(found.values[:n], truth.values[:n], rtol=2e-4)
    noise = slice(n, n + 16)
    np.testing.assert_allclose(found.values[noise], truth.values[noise], rtol=0.03)
    # products are in float32
    assert found.edge == pytest.approx(truth.edge, rel=1e-6)
    assert found.total == pytest.approx(truth.total, rel=1e-5)
    assert found.calibration == pytest.approx(truth.calibration, abs=0.01)
    along = spectra.white_directions @ true_spectra.white_directions.T
    sines = np.sqrt(np.maximum(1 - np.diag(along) ** 2, 0))
    assert sines.max() < edge_iteration.SINE_TOLERANCE
    assert sines[:3].max() < 1e-3
    np.testing.assert_allclose(spectra.weights, true_spectra.weights, rtol=1e-5)


@pytest.mark.usefixtures("_small_is_wide")
def test_gram_matrix_is_iterated_to_the_same(monkeypatch):
    """Identity: of lazy or sparse data the Gram matrix is made, and no more of it than is asked."""
    counts = counts_of([300, 40, 8, 1.3])
    monkeypatch.setattr(scree, "LEAST_ROWS_ITERATED", 600)
    (_, found), (_, truth) = both(monkeypatch, counts)
    n = truth.above_noise_edge
    assert len(found.values) == len(truth.values) < CHANNELS
    np.testing.assert_allclose(found.values[:n], truth.values[:n], rtol=2e-4)
    np.testing.assert_allclose(found.values[n:], truth.values[n:], rtol=0.03)
    assert found.total == pytest.approx(truth.total, rel=1e-5)
    assert found.calibration == pytest.approx(truth.calibration, rel=1e-5)
    # it is drawn from the values above noise alone
    assert found.repeats.shape == truth.repeats.shape
    np.testing.assert_allclose(found.repeats, truth.repeats, rtol=1e-2, atol=0.05)


@pytest.mark.usefixtures("_small_is_wide")
def test_noise_alone(monkeypatch):
    """The mean, and nothing else."""
    (_, found), (_, truth) = both(monkeypatch, counts_of([]), split=False)
    assert found.above_noise_edge == truth.above_noise_edge == 1
    assert len(found.repeats) == 0


@pytest.mark.usefixtures("_small_is_wide")
def test_many_components_are_left_to_the_gram_matrix(monkeypatch):
    """All eigenvalues are found where the iteration would take longer."""
    monkeypatch.setattr(edge_iteration, "MOST_ABOVE_EDGE", 3)
    blocks = row_blocks(counts_of([300, 200, 100, 50, 20]))
    _, found = compress(blocks, summarise(blocks), POISSON)
    assert found.above_noise_edge == 6
    assert len(found.values) == CHANNELS


@pytest.mark.usefixtures("_small_is_wide")
def test_more_components_than_are_there():
    """Noise is added to those that were asked for."""
    blocks = row_blocks(counts_of([300, 40]))
    spectra, _ = compress(blocks, summarise(blocks), POISSON, 12)
    assert spectra.rank == 12
    np.testing.assert_allclose(
        spectra.white_directions @ spectra.white_directions.T, np.eye(12), atol=1e-8
    )


@pytest.mark.usefixtures("_small_is_wide")
def test_what_is_iterated():
    """Dense Poisson counts in memory of many channels and pixels."""
    counts = counts_of([300])
    blocks = row_blocks(counts)
    summary = summarise(blocks)
    assert can_be_iterated(blocks, summary, POISSON, 0)
    assert not can_be_iterated(blocks, summary, POISSON, 100)
    assert not can_be_iterated(blocks, summary, NoiseModel("uniform"), 0)
    assert not can_be_iterated(replace(blocks, data=da.from_array(counts)), summary, POISSON, 0)
    few = row_blocks(counts[:500])
    assert not can_be_iterated(few, summarise(few), POISSON, 0)
    sparse = row_blocks(np.random.default_rng(0).poisson(0.01, counts.shape).astype(np.float32))
    assert not can_be_iterated(sparse, summarise(sparse), POISSON, 0)


@pytest.mark.usefixtures("_small_is_wide")
def test_channels_of_next_to_no_counts(monkeypatch):
    """Their noise is less: the split half is drawn from the Gram matrix, which knows where."""
    rng = np.random.default_rng(0)
    expected = np.full((PIXELS, CHANNELS), COUNTS)
    expected[:, 400:] = 0.002
    counts = rng.poisson(expected).astype(np.float32)
    blocks = row_blocks(counts)
    summary = summarise(blocks)
    monkeypatch.setattr(leading_space, "frequent_channels", lambda sample: None)
    _, found = compress(blocks, summary, POISSON)
    assert len(found.values) == CHANNELS
    _, found = compress(blocks, summary, POISSON, split=False)
    assert len(found.values) < CHANNELS
