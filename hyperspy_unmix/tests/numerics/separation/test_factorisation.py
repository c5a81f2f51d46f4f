"""Non-negative factorisation against planted spectra, scipy's NNLS and scikit-learn's NMF."""

import numpy as np
import pytest
from scipy.optimize import nnls

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.separation.factorisation import (
    factorise,
    non_negative,
    non_negative_maps,
    shares_of,
)
from hyperspy_unmix.numerics.separation.like_pixels import SumsOfPixels, sum_like_pixels

CHANNELS = 60
ALGORITHMS = ["nmf", "mcr-als"]


def peaks(rank):
    """Lines on a common hump that ends before the others' lines: zeros make them unique."""
    channel, centres = np.arange(CHANNELS), np.linspace(8, 52, rank)[:, None]
    lines = np.exp(-0.5 * ((channel - centres) / 3.0) ** 2)
    lines[lines < 1e-3] = 0
    common = np.exp(-0.5 * ((channel - 30) / 5.0) ** 2) * (np.abs(channel - 30) < 12)
    spectra = lines + 0.2 * common
    return spectra / spectra.sum(1, keepdims=True)


def compressed(spectra, maps, sd=0.1):
    """Without noise, as the PCA of what they come to; the noise that is stated is ``sd``."""
    data = maps @ spectra
    directions = np.linalg.svd(data, full_matrices=False)[2][: len(spectra)]
    rank = len(spectra)
    return LowRank(
        data @ directions.T,
        directions,
        np.ones(len(maps)),
        ChannelWhitening(np.full(CHANNELS, sd)),
        np.eye(rank) * sd**2,
        np.zeros((rank, rank)),
        np.zeros((0, CHANNELS)),
    )


def shares(rank, pixels=300, seed=0):
    """Maps with some pixels of each phase alone, and of different intensity."""
    rng = np.random.default_rng(seed)
    maps = rng.dirichlet(np.full(rank, 0.5), pixels)
    maps[: 3 * rank] = np.repeat(np.eye(rank), 3, 0)
    return maps * rng.uniform(50, 150, (pixels, 1))


def angles(found, true):
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, true)]
    return np.degrees(np.arccos(np.clip(np.sum(unit[0] * unit[1], 1), -1, 1)))


def all_pixels(spectra):
    n = len(spectra.scores)
    return SumsOfPixels(spectra.scores, spectra.weights, np.ones(n, int))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_planted_spectra_come_back(algorithm, rank):
    """Truth: phases that are alone somewhere, in channels of their own: nothing else fits."""
    true = peaks(rank)
    spectra = compressed(true, shares(rank))
    start = (np.eye(rank) + 0.3 * np.roll(np.eye(rank), 1, 0)) @ true
    found = factorise(algorithm, spectra, sum_like_pixels(spectra, 512), start)
    assert found.converged
    assert (found.spectra >= 0).all()
    # What is left hangs on when it is called settled.
    assert (angles(found.spectra, true) < 0.5).all()
    np.testing.assert_allclose(found.spectra.sum(1), 1)
    again = shares_of(found.spectra, spectra) @ spectra.components
    np.testing.assert_allclose(again, found.spectra, atol=2e-3)


def test_as_good_as_scikit_learns_nmf():
    """Truth: its divergence from the same start, on the same matrix."""
    from sklearn.decomposition import NMF

    true = peaks(3)
    maps, rng = shares(3), np.random.default_rng(3)
    spectra = compressed(true, maps)
    data = np.maximum(spectra.scores @ spectra.components, 0)
    start = rng.uniform(0.5, 1, (3, CHANNELS)) * data.mean(0) + 1e-6
    model = NMF(3, init="custom", solver="mu", beta_loss="kullback-leibler", max_iter=2000, tol=0)
    model.fit_transform(data, W=maps + 1.0, H=start.copy())
    found = factorise("nmf", spectra, all_pixels(spectra), start)
    # Its error is the root of twice the divergence, to which the noise of a value would add one.
    assert found.misfit <= model.reconstruction_err_**2 + 3


def test_non_negative_is_scipys(seed=1):
    rng = np.random.default_rng(seed)
    columns, values = rng.uniform(0, 1, (30, 4)), rng.normal(0.2, 1, (50, 30))
    expected = np.stack([nnls(columns, row)[0] for row in values])
    found = non_negative(columns.T @ columns, values @ columns, None)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    free = values @ np.linalg.pinv(columns).T
    np.testing.assert_allclose(non_negative_maps(free, columns.T, np.ones(30)), expected, atol=1e-7)


def test_sums_of_like_pixels():
    """Truth: four compositions at any intensity; none is mixed, and nothing is lost."""
    rng, true = np.random.default_rng(0), peaks(3)
    mixtures = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.4, 0.3, 0.3]])
    kind = rng.integers(0, 4, 400)
    maps = mixtures[kind] * rng.uniform(50, 150, (400, 1))
    spectra = compressed(true, maps)
    noisy = spectra.scores + rng.normal(0, 0.1, spectra.scores.shape)
    spectra = LowRank(**{**vars(spectra), "scores": noisy})
    sums = sum_like_pixels(spectra, 64)
    # Of 400 pixels: four for each component, and what lies in the middle is cut in two.
    assert 12 <= len(sums.sizes) <= 16
    found = sums.scores @ spectra.components
    turns = [angles(found, one[None] * np.ones((len(found), 1))) for one in mixtures @ true]
    assert (
        np.min(turns, 0).max() < 2
    )  # noise of a few pixels; two compositions are 30 degrees and more apart
    assert sums.sizes.sum() == 400
    np.testing.assert_allclose(sums.scores.sum(0), noisy.sum(0))
    # The noise of a sum is that of its pixels together.
    np.testing.assert_allclose(1 / sums.weights, sums.sizes)
    assert len(sum_like_pixels(spectra, 2).sizes) == 2
    dark = LowRank(**{**vars(spectra), "scores": -noisy})
    with pytest.raises(ValueError, match="no pixel holds counts"):
        sum_like_pixels(dark, 64)


def test_a_component_that_vanishes():
    """It is said, not returned."""
    spectra = compressed(peaks(2), shares(2))
    start = peaks(2) * np.array([[1.0], [-1.0]])
    with pytest.raises(ValueError, match="vanished"):
        factorise("mcr-als", spectra, all_pixels(spectra), start)


def test_pixels_that_are_all_alike():
    """As many sums as there can be, and never more than pixels."""
    spectra = compressed(peaks(2), np.ones((40, 2)) * 100)
    assert len(sum_like_pixels(spectra, 64).sizes) >= 8
    few = LowRank(**{**vars(spectra), "scores": spectra.scores[:3], "weights": np.ones(3)})
    assert len(sum_like_pixels(few, 64).sizes) <= 3
