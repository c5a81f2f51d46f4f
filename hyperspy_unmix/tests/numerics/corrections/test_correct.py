"""What repeats after background and plural scattering, against closed forms and noise alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.split_half import ADDED_NOISE_SD
from hyperspy_unmix.numerics.corrections import correct as correct_module
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.corrections.convolution import RegularAxis
from hyperspy_unmix.numerics.corrections.correct import correct, corrected_significance
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.corrections.plural_scattering import PluralScattering
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening

N, M = 1500, 160
ENERGIES = 300 + 2.0 * np.arange(M)
WINDOW = Window(0, 60, "given")
BACKGROUND = Chain((Background(ENERGIES, WINDOW),))


def edge_of(onset):
    """A step that decays."""
    return np.where(onset <= ENERGIES, (ENERGIES / onset) ** -2.0, 0.0)


def compressed(maps, spectra, seed, rank):
    """PCA of maps @ spectra with noise of variance one."""
    rng = np.random.default_rng(seed)
    u, s, vt = np.linalg.svd(maps @ spectra + rng.standard_normal((N, M)), full_matrices=False)
    return LowRank(
        u[:, :rank] * s[:rank],
        vt[:rank],
        np.ones(N),
        ChannelWhitening(np.ones(M)),
        np.eye(rank),
        np.zeros((rank, rank)),
        np.zeros((0, M)),
    )


def scene(phases, seed, background=100.0):
    """A power law of varying size under ``phases`` steps."""
    rng = np.random.default_rng([seed, 5])
    maps = np.column_stack([1 + rng.random(N), rng.random((N, 2))])[:, : 1 + phases]
    shapes = [background * (ENERGIES / 300) ** -3.0, 10 * edge_of(440), 10 * edge_of(540)]
    return maps, np.array(shapes)[: 1 + phases]


@pytest.mark.parametrize("phases", [0, 1, 2])
def test_background_does_not_repeat_and_phases_do(phases):
    """Truth: the number of steps; the power law is gone, its extrapolation error does not count."""
    maps, spectra = scene(phases, 0)
    raw = compressed(maps, spectra, 0, 1 + phases)
    found = corrected_significance(raw, noise_edge(N, M), BACKGROUND)
    assert (found[:phases] > 10).all()
    assert (found[phases:] < 4).all()


def test_what_is_left_of_a_background_is_standard_normal():
    """Closed form: nothing but noise is left, so the significance is N(0, 1).

    One value a seed; 150 of them: standard error of the mean 0.08, of the standard deviation 0.06.
    """
    values = []
    for seed in range(150):
        raw = compressed(*scene(0, seed), seed, 1)
        values.append(corrected_significance(raw, noise_edge(N, M), BACKGROUND, seed=seed)[0])
    assert abs(np.mean(values)) < 4 * 0.082
    assert abs(np.std(values) - 1) < 4 * 0.058
    assert stats.kstest(values, "norm").pvalue > 1e-3


def kernel(strength):
    """One plasmon of the same energy everywhere, as much of it as each pixel is thick."""
    length = 400
    energy = np.fft.rfftfreq(length, 1.0)
    transform = np.exp(-2j * np.pi * energy * 10)[None] * np.exp(-((energy * 20) ** 2))
    return PluralScattering(
        strength[:, None], transform, RegularAxis(length, np.arange(M), np.zeros(M, bool))
    )


def test_plural_scattering_leaves_one_component():
    """Truth: one phase; the second component of the counts is its plural scattering."""

    rng = np.random.default_rng(3)
    thickness = rng.uniform(0.1, 1.0, N)
    scattered = kernel(thickness)
    scores, components = scattered.restore(40 * thickness[:, None], edge_of(400)[None])
    raw = compressed(scores, components, 1, 2)
    edge = noise_edge(N, M)
    assert (raw.second_moment().diagonal() * N > edge).all()
    found = corrected_significance(raw, edge, Chain((scattered,)))
    assert found[0] > 100
    assert found[1] < 3


def test_same_seed_same_answer_and_nothing_modified():
    raw = compressed(*scene(1, 0), 0, 2)
    before = raw.scores.copy(), raw.components.copy()
    first, again = (
        corrected_significance(raw, noise_edge(N, M), BACKGROUND, seed=4) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(raw.scores, before[0])
    np.testing.assert_array_equal(raw.components, before[1])


def test_noise_and_model_error_of_corrected_scores_make_the_unit_matrix():
    """Definition of the order: variance over noise and model error together."""
    maps, spectra = scene(2, 1)
    raw = compressed(maps, spectra, 1, 3)
    strength = np.random.default_rng(0).uniform(0.1, 0.8, N)
    scattering = kernel(strength)
    background = replace(BACKGROUND.corrections[0], kernel=scattering)
    chain = Chain((background, scattering))
    done = correct(raw, noise_edge(N, M), chain).spectra
    total = done.noise + done.model_error
    np.testing.assert_allclose(total, np.eye(done.rank), atol=1e-6)


def test_significance_of_a_phase_without_any_stage():
    """Closed form: its counts over the errors of its maps and of its spectrum, one as large as the
    other, in the share of the counts that it is looked for in.

    The maps of the larger share hold its noise beside theirs: 1 + ADDED_NOISE_SD^2 against a mean
    of 40^2.
    """
    maps, spectra = np.full((N, 1), 40.0), np.ones((1, M)) / np.sqrt(M)
    raw = compressed(maps, spectra, 0, 1)
    found = corrected_significance(raw, noise_edge(N, M), Chain())
    expected = 40 * np.sqrt(N) / np.sqrt(2 * (1 + 1 / ADDED_NOISE_SD**2))
    assert found[0] == pytest.approx(expected, rel=0.05)


def test_shares_of_the_counts_have_noise_that_is_not_the_same(monkeypatch):
    """Closed form: scores of the shares differ from those given by independent normal errors.

    The one is ADDED_NOISE_SD errors away, the other -1 / ADDED_NOISE_SD of the same, so that the
    two have nothing in common; the third is one error away. 1500 values each: five of their
    standard errors.
    """
    raw = compressed(*scene(1, 0), 0, 2)
    raw = replace(raw, weights=np.full(N, 4.0))
    given = []

    def kept(share, *arguments):
        given.append(share)
        return correct(share, *arguments)

    monkeypatch.setattr(correct_module, "correct", kept)
    corrected_significance(raw, noise_edge(N, M), BACKGROUND)
    size = 2 * np.linalg.norm(raw.scores, axis=0)
    for attribute, unit in (("scores", 0.5), ("components", 1 / size[:, None])):
        whole = getattr(raw, attribute)
        one, other, third = ((getattr(share, attribute) - whole) / unit for share in given)
        tolerance = 5 / np.sqrt(one.size)
        assert np.std(one) == pytest.approx(ADDED_NOISE_SD, rel=tolerance)
        np.testing.assert_allclose(other, -one / ADDED_NOISE_SD**2, atol=1e-9 * np.abs(one).max())
        assert np.std(third) == pytest.approx(1, rel=tolerance)
        assert abs(np.mean(third * one)) < tolerance * ADDED_NOISE_SD
    for share, added in zip(given, (ADDED_NOISE_SD, 1 / ADDED_NOISE_SD, 1), strict=True):
        np.testing.assert_allclose(share.weights, 4 / (1 + added**2))
