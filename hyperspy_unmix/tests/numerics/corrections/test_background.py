"""Backgrounds against power laws that were put in, and windows against edges that were put in."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.background_fit import subtract_background
from hyperspy_unmix.numerics.corrections.background_window import (
    LEAST_WINDOW_CHANNELS,
    power_law,
    window_before_onsets,
    window_from_data,
)
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening

ENERGIES = 350.0 + 1.0 * np.arange(400)
ONSET = 532.0
WINDOW = Window(60, 160, "given")
N = 300


def edge(onset, energies=ENERGIES):
    return np.where(energies >= onset, (np.maximum(energies, onset) / onset) ** -3.0, 0)


def low_rank(scores, components, sd=None, correlation=()):
    scores, components = np.asarray(scores, float), np.asarray(components, float)
    rank, m = components.shape
    sd = np.ones(m) if sd is None else sd
    return LowRank(
        scores=scores,
        components=components,
        weights=np.ones(len(scores)),
        whitening=channel_whitening(sd, correlation),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, m)),
    )


def matrix(spectra):
    return spectra.scores @ spectra.components


# ------------------------------------------------------------------------------------ power law


@pytest.mark.parametrize("exponent", [0.7, 3.0, 6.5])
@pytest.mark.parametrize("scale", [1e-6, 1e12])
def test_power_law_finds_scale_and_exponent(exponent, scale):
    """Closed form, noise-free; inside the window and beyond it."""
    found = power_law(ENERGIES[:100], scale * ENERGIES[:100] ** -exponent)
    assert found.exponent == pytest.approx(exponent, rel=1e-9)
    np.testing.assert_allclose(found(ENERGIES), scale * ENERGIES**-exponent, rtol=1e-9)


def test_power_law_fit_is_weighted_with_the_mean():
    """Monte Carlo: Poisson counts. The exponent's error agrees with the Fisher information.

    var(r) = 1 / sum of counts (log E - weighted mean)^2; 400 runs know its root to 3.5 %. Five
    of them; a fit without weights is known 5 % worse and the weights sum to the bias below it.
    """
    energies = np.linspace(100, 800, 150)
    expected = 3e12 * energies**-4.5
    expected *= 100 / expected.min() * 0.2
    logs = np.log(energies)
    centred = logs - np.average(logs, weights=expected)
    fisher = 1 / np.sqrt(np.sum(expected * centred**2))
    rng = np.random.default_rng(0)
    found = np.array([power_law(energies, rng.poisson(expected)).exponent for _ in range(400)])
    assert found.std() == pytest.approx(fisher, rel=0.18)
    assert abs(found.mean() - 4.5) < 5 * fisher


# --------------------------------------------------------------------------------- subtraction


def one_power_law(amplitude=1e3, exponent=3.0):
    """Every pixel: an amount of one power law, and of an edge behind the window."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 2, (N, 2))
    background = amplitude * (ENERGIES / 450) ** -exponent
    signal = 0.3 * amplitude * edge(ONSET)
    # mixed, so that no component is background or edge alone
    mixing = np.array([[1.0, 0.4], [-0.7, 1.0]])
    spectra = low_rank(scores @ np.linalg.inv(mixing), mixing @ [background, signal])
    return spectra, scores[:, :1] * background, scores[:, 1:] * signal


def test_one_power_law_is_subtracted_exactly():
    """Closed form, noise-free: what is left is the edge, what was taken the power law."""
    spectra, background, signal = one_power_law()
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    assert fit.parameters == pytest.approx((3.0,), rel=1e-9)
    assert fit.misfit < 1e-6
    np.testing.assert_allclose(matrix(fit.spectra), signal, atol=1e-8 * background.max())
    np.testing.assert_allclose(matrix(fit.background), background, rtol=1e-8)


def two_power_laws():
    """Phases with exponents 2.5 and 4; a fifth of the pixels is one alone, a fifth the other."""
    rng = np.random.default_rng(1)
    share = np.concatenate([np.zeros(60), rng.uniform(0, 1, N - 120), np.ones(60)])
    share = share[rng.permutation(N)]
    amounts = rng.uniform(0.8, 1.2, (N, 1)) * np.stack([1 - share, share], 1)
    return amounts, 1e4 * np.stack([(ENERGIES / 450) ** -2.5, (ENERGIES / 450) ** -4.0])


def as_components(data, rank):
    """Components as a PCA gives them: the mean first; noise of Poisson size (1e4 counts)."""
    left, s, right = np.linalg.svd(data, full_matrices=False)
    return low_rank(left[:, :rank] * s[:rank], right[:rank], np.full(len(ENERGIES), 100.0))


def test_two_power_laws_are_subtracted_exactly():
    """Closed form, noise-free: one power law leaves more than noise, so two are taken.

    The 5th and 95th percentile are the two exponents then, and nothing is left on the whole axis.
    """
    amounts, shapes = two_power_laws()
    fit = subtract_background(as_components(amounts @ shapes, 2), ENERGIES, WINDOW)
    np.testing.assert_allclose(sorted(fit.parameters), [2.5, 4.0], rtol=1e-6)
    assert fit.misfit < 1e-3
    np.testing.assert_allclose(matrix(fit.background), amounts @ shapes, rtol=1e-6)
    assert np.abs(matrix(fit.spectra)).max() < 1e-6 * shapes.max()


def test_two_power_laws_beside_an_edge():
    """Phantom, noise-free: averages over like pixels mix the phases, exponents are off by 0.2.

    Two power laws span what lies between them all but exactly; for exponents a tenth beyond, the
    background at 1.6 times the window's energy is off by 3 % (one exponent for all: 20 %).
    """
    amounts, shapes = two_power_laws()
    signal = np.outer(np.random.default_rng(2).uniform(0, 1, N), 3e3 * edge(ONSET))
    fit = subtract_background(as_components(amounts @ shapes + signal, 3), ENERGIES, WINDOW)
    np.testing.assert_allclose(sorted(fit.parameters), [2.5, 4.0], atol=0.2)
    assert fit.misfit < 1
    np.testing.assert_allclose(matrix(fit.background), amounts @ shapes, rtol=0.03)
    single = ENERGIES**-3.2
    best = single * (shapes[0, 60:160].sum() / single[60:160].sum())
    assert abs(best[-1] / shapes[0, -1] - 1) > 0.2


def weighted_lstsq(spectra, exponents, sd, window):
    """Truth: numpy's least squares on each pixel's own spectrum, channel by channel weighted."""
    shapes = np.stack([ENERGIES**-r for r in exponents], 1)
    inside = slice(window.start, window.stop)
    design = (shapes / ENERGIES[0] ** -np.array(exponents))[inside] / sd[inside, None]
    target = (matrix(spectra) / sd)[:, inside].T
    coefficients = np.linalg.lstsq(design, target)[0]
    return ((shapes / ENERGIES[0] ** -np.array(exponents)) @ coefficients).T


@pytest.mark.parametrize("power", [1.0, 1e4])
def test_background_is_the_weighted_least_squares_fit_in_the_window(power):
    """Truth: ``numpy.linalg.lstsq`` of every pixel; one and two exponents."""
    rng = np.random.default_rng(2)
    sd = rng.uniform(0.3, 3, len(ENERGIES))
    components = np.stack([20 * (ENERGIES / 450) ** -3, rng.standard_normal(len(ENERGIES))])
    scores = np.stack([rng.uniform(20, 30, N), 0.01 * power * rng.standard_normal(N)], 1)
    spectra = low_rank(scores, components, sd)
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    assert len(fit.parameters) == (1 if power == 1 else 2)
    truth = weighted_lstsq(spectra, fit.parameters, sd, WINDOW)
    np.testing.assert_allclose(matrix(fit.background), truth, atol=1e-8 * np.abs(truth).max())
    np.testing.assert_allclose(
        matrix(fit.spectra) + matrix(fit.background), matrix(spectra), atol=1e-9 * power * 1e3
    )


def test_misfit_is_the_residual_over_what_noise_gives():
    """Truth: numpy's eigenvalues of the whitened residual in the window over noise, formed in full.

    Noise is that of the scores, and of as many components as there are, each channel of which is
    known to one over the root of the number of pixels.
    """
    rng = np.random.default_rng(3)
    sd = rng.uniform(0.5, 2, len(ENERGIES))
    components = np.stack([20 * (ENERGIES / 450) ** -3, rng.standard_normal(len(ENERGIES))])
    scores = np.stack([rng.uniform(20, 30, N), 0.01 * rng.standard_normal(N)], 1)
    weights = rng.uniform(0.5, 2, N)
    noise = np.array([[1.5, 0.4], [0.4, 0.8]])
    spectra = replace(low_rank(scores, components, sd), weights=weights, noise=noise)
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    inside = slice(WINDOW.start, WINDOW.stop)
    residual = (np.sqrt(weights)[:, None] * matrix(fit.spectra) / sd)[:, inside]
    left = (fit.spectra.components / sd)[:, inside]
    own = N * left.T @ noise @ left + noise_edge(100, 2) * np.eye(100)
    truth = np.linalg.eigvals(np.linalg.solve(own, residual.T @ residual)).real.max()
    assert fit.misfit == pytest.approx(truth, rel=1e-6)


def test_misfit_of_noise_is_at_most_one():
    """Phantom: a power law and white noise of variance one, all of it kept (full rank).

    Kept in full, the noise is that of the scores and is allowed to the components once more.
    """
    for seed in range(5):
        rng = np.random.default_rng(seed)
        background = np.outer(rng.uniform(500, 1000, N), (ENERGIES / 450) ** -3)
        data = background + rng.standard_normal(background.shape)
        left, s, right = np.linalg.svd(data, full_matrices=False)
        fit = subtract_background(low_rank(left * s, right), ENERGIES, WINDOW)
        assert 0.5 < fit.misfit < 1.03
        assert len(fit.parameters) == 1
        assert fit.parameters[0] == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("correlation", [(), (0.3, 0.1)])
def test_uncertainty_of_the_background_follows_from_the_normal_equations(correlation):
    """Closed form: each component known to 1/sqrt(n) of its noise, carried to all channels.

    The covariance of the fit is inv(X' W X), whitened like the spectra.
    """
    rng = np.random.default_rng(4)
    sd = rng.uniform(0.5, 2, len(ENERGIES))
    spectra, _, _ = one_power_law()
    old = rng.standard_normal((3, len(ENERGIES)))
    spectra = replace(spectra, whitening=channel_whitening(sd, correlation), shape_noise=old)
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    assert len(fit.parameters) == 1
    shape = ENERGIES**-3.0
    inside = slice(WINDOW.start, WINDOW.stop)
    information = np.sum((shape[inside] / sd[inside]) ** 2)
    covariance = np.outer(shape, shape) / information * 2 / N
    truth = spectra.whitening.whiten(spectra.whitening.whiten(covariance).T)
    np.testing.assert_array_equal(fit.spectra.shape_noise[:3], old)
    new = fit.spectra.shape_noise[3:]
    np.testing.assert_allclose(new.T @ new, truth, rtol=1e-6, atol=1e-9 * np.abs(truth).max())


def test_nothing_else_changes():
    """Subtraction is linear in the components: scores, weights and their noise are as before."""
    spectra, _, _ = one_power_law()
    before = spectra.components.copy()
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    for part in (fit.spectra, fit.background):
        assert part.scores is spectra.scores
        assert part.weights is spectra.weights
        assert part.noise is spectra.noise
    np.testing.assert_array_equal(spectra.components, before)


# ------------------------------------------------------------------------------------- windows


def core_loss(onset=ONSET, exponent=3.0, jump=0.5, energies=ENERGIES):
    """A power law, and an edge that adds a share ``jump`` of it at its onset."""
    background = (energies / 450) ** -exponent
    return background + jump * (onset / 450) ** -exponent * edge(onset, energies)


@pytest.mark.parametrize("onset", [400.0, 532.0, 700.0])
@pytest.mark.parametrize("counts", [1e3, 1e6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_window_from_data_ends_before_the_first_edge(onset, counts, seed):
    """Phantom: the edge at a known energy; one search step (6 channels) may be left out."""
    expected = counts * core_loss(onset)
    mean = np.random.default_rng(seed).normal(expected, np.sqrt(expected / 100))
    window = window_from_data(ENERGIES, mean, np.sqrt(expected / 100))
    assert window.found
    end = ENERGIES[window.stop - 1]
    assert onset - 15 < end < onset
    assert window.stop - window.start >= LEAST_WINDOW_CHANNELS
    assert ENERGIES[window.start] >= 0.85 * ENERGIES[window.stop] - 1


def test_window_from_data_takes_the_first_of_two_edges():
    mean = 1e5 * (core_loss(500.0) + 0.8 * edge(650.0))
    window = window_from_data(ENERGIES, mean, np.sqrt(mean / 100))
    assert 480 < ENERGIES[window.stop - 1] < 500


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [10.0, 1e4])
def test_no_window_where_there_is_no_edge(counts, seed):
    """Phantom: a bare power law with noise. No rise, no window."""
    expected = counts * (ENERGIES / 450) ** -3.0
    error = np.sqrt(expected / 100)
    mean = np.random.default_rng(seed).normal(expected, error)
    assert not window_from_data(ENERGIES, mean, error).found


def test_no_window_where_the_spectrum_does_not_fall():
    """Flat, rising, bent, negative and through zero energy: no power law before the edge."""
    flat = 1e4 * (1 + edge(ONSET))
    rising = 1e4 * (ENERGIES / 450) ** 2 * (1 + edge(ONSET))
    negative = 1e4 * (core_loss() - 3)
    for mean in (flat, rising, negative):
        assert not window_from_data(ENERGIES, mean, np.full(400, 1.0)).found
        assert not window_before_onsets(ENERGIES, mean, {"O-K": ONSET}).found
    energies = np.arange(-10.0, 390)
    mean = 1e4 * np.exp(-np.abs(energies) / 100)
    assert not window_from_data(energies, mean, np.full(400, 1.0)).found


def test_window_before_onsets_ends_one_percent_before_the_lowest_edge():
    """The rule, by hand: 1 % (two channels at least) before the onset, at most 15 % wide."""
    mean = 1e5 * core_loss(532.0)
    found = window_before_onsets(ENERGIES, mean, {"Fe-L3": 708.0, "O-K": 532.0, "C-K": 284.0})
    assert "O-K at 532" in found.reason
    energies = ENERGIES[found.start : found.stop]
    assert energies[-1] == np.floor(532 - 5.32)
    assert energies[0] == np.ceil(0.85 * (energies[-1] + 1))
    low = window_before_onsets(np.arange(100.0, 400), np.arange(100.0, 400) ** -3.0, {"B-K": 188.0})
    assert low.stop == 86


def test_window_before_onsets_goes_on_to_the_next_edge():
    """The lowest edge has no room before it."""
    mean = 1e5 * core_loss(532.0)
    found = window_before_onsets(ENERGIES, mean, {"N-K": 353.0, "O-K": 532.0})
    assert "O-K" in found.reason


def test_window_before_onsets_avoids_an_edge_that_was_not_named():
    """Phantom: an unexpected edge at 480 eV; the window, shortened, begins after its rise."""
    mean = 1e5 * (core_loss(532.0) + 0.5 * edge(480.0))
    found = window_before_onsets(ENERGIES, mean, {"O-K": 532.0})
    assert found.found
    assert ENERGIES[found.start] >= 480


@pytest.mark.parametrize("onsets", [{}, {"C-K": 284.0}, {"Al-K": 1560.0}])
def test_no_window_without_an_edge_on_the_axis(onsets):
    found = window_before_onsets(ENERGIES, core_loss(), onsets)
    assert not found.found
    assert found.stop == found.start


def test_whitening_type_is_kept():
    spectra, _, _ = one_power_law()
    assert isinstance(
        subtract_background(spectra, ENERGIES, WINDOW).spectra.whitening, ChannelWhitening
    )


def test_no_window_where_nothing_is_before_the_first_edge():
    """Truth: two edges and no background; the first one's tail is not a background of the second.

    With a background of a tenth of the edge's height there is a window before the first edge.
    """
    energies = 400 + np.arange(400.0)
    edges = sum(
        np.where(energies >= onset, (energies / onset) ** -3.0, 0.0) for onset in (530, 700)
    )
    onsets = {"O-K": 532.0, "Fe-L3": 708.0}
    found = window_before_onsets(energies, edges, onsets)
    assert not found.found
    assert "before O-K" in found.reason
    found = window_before_onsets(energies, edges + 0.1 * (energies / 530) ** -3.0, onsets)
    assert found.found
    assert energies[found.stop] < 532
