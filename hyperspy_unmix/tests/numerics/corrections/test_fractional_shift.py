"""Shifts by fractions of a channel, against Gaussians in closed form and scipy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import fourier_shift
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.fractional_shift import FractionalShift
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening

N, M = 120, 300
CHANNEL = np.arange(M, dtype=float)
EDGE = 1.0


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def remainder(shift, kept=None):
    kept = np.arange(M) if kept is None else kept
    empty = np.zeros(M, bool)
    return FractionalShift.build(np.asarray(shift, float), kept, empty)


def taken_out(shift, scores, components):
    """Scores and components without the shift, however small it is, and the kernels' weights."""
    per_pixel, _ = shift.removal_from_counts()
    scores, components = replace(shift, shift=-shift.shift).restore(scores, components)
    return scores, components, per_pixel[0]


def peaks(shift=0.0, sd=3.0):
    """Closed form: two Gaussians on a slope, shifted to higher channels by ``shift``."""
    x = CHANNEL - np.asarray(shift)[..., None]
    first, second = (np.exp(-0.5 * ((x - c) / sd) ** 2) for c in (90, 190))
    return np.stack([first + 0.3, second + np.exp(-x / 200)], -2)


def low_rank(scores, components):
    rank = len(components)
    return LowRank(
        scores=scores,
        components=components,
        weights=np.ones(len(scores)),
        whitening=ChannelWhitening(np.full(components.shape[1], 1e-3)),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, components.shape[1])),
    )


def shifts(reach=0.5):
    return np.random.default_rng(0).uniform(-reach, reach, N)


def amounts():
    return np.random.default_rng(1).uniform(0.5, 1.5, (N, 2))


INSIDE = slice(20, -20)


@pytest.mark.parametrize("sd", [1.5, 3.0])
@pytest.mark.parametrize("reach", [0.05, 0.5, 1.5])
def test_spectra_are_moved_to_where_they_belong(sd, reach):
    """Closed form: Gaussians recorded at a shifted place. Two thousandths of the highest value."""
    shift = shifts(reach)
    recorded = np.einsum("ir,irc->ic", amounts(), peaks(shift, sd))
    truth = amounts() @ peaks(0.0, sd)
    scores, components, weights = taken_out(remainder(shift), np.eye(N), recorded)
    assert weights.shape[0] == N
    found = scores @ components
    assert np.abs(found - truth)[:, INSIDE].max() < 2e-3 * truth.max()
    if reach > 0.1:
        assert np.abs(recorded - truth).max() > 0.02 * truth.max()


def test_as_scipys_fourier_shift():
    """Truth: ``scipy.ndimage.fourier_shift`` of every spectrum, which fades to nothing."""
    shift = shifts()
    recorded = amounts() @ (peaks() - np.stack([np.full(M, 0.3), np.exp(-CHANNEL / 200)]))
    scores, components, _ = taken_out(remainder(shift), np.eye(N), recorded)
    truth = [
        np.fft.ifft(fourier_shift(np.fft.fft(row), -by)).real
        for row, by in zip(recorded, shift, strict=True)
    ]
    np.testing.assert_allclose(scores @ components, truth, atol=2e-3 * np.max(truth))


@pytest.mark.parametrize("reach", [0.2, 0.5])
def test_there_and_back(reach):
    """Exact but for the ends, over which the spectra are continued; twice the precision stated."""
    shift = remainder(shifts(reach))
    spectra = amounts() @ peaks()
    there = shift.restore(amounts(), peaks())
    scores, components, _ = taken_out(shift, *there)
    assert np.abs(scores @ components - spectra)[:, INSIDE].max() < 3e-3 * spectra.max()
    moved = there[0] @ there[1]
    truth = np.einsum("ir,irc->ic", amounts(), peaks(shift.shift))
    assert np.abs(moved - truth)[:, INSIDE].max() < 2e-3 * truth.max()


def test_masked_channels():
    """Truth: closed form on the channels that count; beside a gap the line over it is not what
    lay there."""
    kept = np.r_[0:120, 130:M]
    shift = shifts()
    recorded = np.einsum("ir,irc->ic", amounts(), peaks(shift))[:, kept]
    scores, components, _ = taken_out(remainder(shift, kept), np.eye(N), recorded)
    truth = (amounts() @ peaks())[:, kept]
    assert np.abs(scores @ components - truth)[:, INSIDE].max() < 5e-3 * truth.max()


def test_counts_are_conserved():
    """Closed form: the sum of a spectrum that ends as it begins."""
    shift = shifts()
    spectra = np.exp(-0.5 * ((CHANNEL - 150) / 4) ** 2)[None]
    scores, components, _ = taken_out(remainder(shift), np.ones((N, 1)), spectra)
    np.testing.assert_allclose((scores @ components).sum(1), spectra.sum(), rtol=1e-3)


def test_removal_leaves_as_many_components_as_there_are_phases():
    """Truth: two phases; their drift made more of them, and they are gone."""
    shift = shifts()
    recorded = np.einsum("ir,irc->ic", amounts(), peaks(shift))
    left, s, right = np.linalg.svd(recorded, full_matrices=False)
    rank = int((s > 1e-6 * s[0]).sum())
    assert rank > 4
    found = remainder(shift).remove(low_rank(left[:, :rank] * s[:rank], right[:rank]), EDGE)[0]
    after = np.linalg.svd((found.scores @ found.components)[:, INSIDE], compute_uv=False)
    assert after[2] < 3e-3 * after[0]
    assert s[2] > 0.01 * s[0]
    truth = amounts() @ peaks()
    assert np.abs(found.scores @ found.components - truth)[:, INSIDE].max() < 3e-3 * truth.max()


def test_shifts_far_below_the_noise_change_nothing():
    """The very same spectra: nothing is interpolated for nothing."""
    spectra = low_rank(amounts(), peaks())
    assert remainder(1e-9 * shifts()).remove(spectra, EDGE)[0] is spectra
    assert remainder(np.zeros(N)).remove(spectra, EDGE)[0] is spectra


def test_noise_of_the_scores_is_propagated():
    """Monte Carlo: whitened noise of compressed spectra before and after, its total power.

    600 draws of 120 pixels know it to half a percent.
    """
    rng = np.random.default_rng(3)
    shift = remainder(shifts())
    plain = low_rank(amounts(), peaks())
    moved = shift.remove(plain, 1e-12)[0]
    stated = np.trace(moved.noise @ moved.components @ moved.components.T)
    total = 0.0
    for _ in range(600):
        scores, components, _ = taken_out(shift, rng.standard_normal((N, 2)), peaks())
        total += np.sum((scores @ components) ** 2) / N / 600
    assert stated == pytest.approx(total, rel=0.03)


def test_nothing_is_modified():
    spectra = low_rank(amounts(), peaks())
    before = spectra.scores.copy(), spectra.components.copy()
    remainder(shifts()).remove(spectra, EDGE)[0]
    np.testing.assert_array_equal(spectra.scores, before[0])
    np.testing.assert_array_equal(spectra.components, before[1])


@pytest.mark.parametrize("dispersion", [0.5, 2.0, 8.0])
def test_a_steep_start_does_not_ring(dispersion):
    """Closed form: a background E^-3 from 450 eV on, shifted. Counts of 1e5 at the start have noise
    of three thousandths; a fifth of it is allowed from the fourth channel on.

    A step where the padding meets the start rings through the channels of the background window.
    """
    energy = 450 + dispersion * CHANNEL
    shift = shifts()
    recorded = ((energy - dispersion * shift[:, None]) / 450) ** -3
    scores, components, _ = taken_out(remainder(shift), np.eye(N), recorded)
    truth = (energy / 450) ** -3
    assert np.abs(scores @ components / truth - 1)[:, 4:-4].max() < 6e-4
