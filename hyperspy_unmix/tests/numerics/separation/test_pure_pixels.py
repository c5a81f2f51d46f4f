"""Components from pure pixels against planted ones, in units of their statistical error."""

import numpy as np
import pytest
from scipy.stats import chi2

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.separation.pure_pixels import (
    FEWEST_PIXELS_AVERAGED,
    _count_pixels,
    pure_components,
)

M = 120
PURE, MIXED, FEW = 400, 1500, 80


def compressed(spectra, maps, sd, weights, seed=0):
    """Noisy spectra as the PCA leaves them: numpy's SVD of the whitened matrix.

    The noise of channel j in pixel i has the standard deviation ``sd[j] / sqrt(weights[i])``.
    """
    rank, size = len(spectra), np.sqrt(weights)[:, None]
    noise = np.random.default_rng([seed, 7]).standard_normal((len(maps), len(sd)))
    data = maps @ spectra + noise * sd / size
    directions = np.linalg.svd(size * data / sd, full_matrices=False)[2][:rank]
    return LowRank(
        data / sd @ directions.T,
        directions * sd,
        np.asarray(weights, float),
        ChannelWhitening(np.asarray(sd, float)),
        np.eye(rank),
        np.zeros((rank, rank)),
        np.zeros((0, len(sd))),
    )


def phases(rank):
    """Peaks of integral one on a common background, so that all overlap."""
    channel, centres = np.arange(M), np.linspace(20, 100, rank)[:, None]
    spectra = np.exp(-0.5 * ((channel - centres) / 6.0) ** 2) + 0.2
    return spectra / spectra.sum(1, keepdims=True)


def planted(rank, seed=0, dose=3e3, pure=PURE, mixed=MIXED):
    """Pure pixels first, phase by phase, then mixed ones that hold at most 0.7 of any phase."""
    rng = np.random.default_rng([seed, rank])
    inside = rng.dirichlet(np.ones(rank), 10 * mixed)
    inside = inside[inside.max(1) < 0.7][:mixed]
    shares = np.concatenate([np.repeat(np.eye(rank), pure, 0), inside])
    maps = dose * shares * rng.uniform(0.5, 2, (len(shares), 1))
    sd, weights = rng.uniform(1, 3, M), rng.uniform(0.5, 2, len(maps))
    return compressed(phases(rank), maps, sd, weights, seed), maps


def run(spectra):
    return pure_components(spectra)


def unit(unmixing, spectra):
    found = unmixing @ spectra.components
    return found / found.sum(1, keepdims=True)


def angles(found, truth):
    cosine = np.sum(found * truth, 1) / np.linalg.norm(found, axis=1)
    return np.degrees(np.arccos(np.clip(cosine / np.linalg.norm(truth, axis=1), -1, 1)))


def matched(found, truth):
    """Place in ``found`` of every row of ``truth``; one to one."""
    found, truth = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, truth))
    order = (truth @ found.T).argmax(1)
    assert sorted(order) == list(range(len(truth)))
    return order


def assert_means_of_pure(spectra, maps, pure, rank):
    """As near to the mean of all pure pixels as the mean of a part of them can be.

    Chi-square of the rank - 1 directions beside a spectrum, at its 99.99 % point. The half that is
    nearest to its own mean settles as soon as it reproduces itself, which leaves up to the error
    of a quarter of the pixels: twice that of all.
    """
    found = run(spectra)
    for i, j in enumerate(matched(unit(found.unmixing, spectra), phases(rank))):
        rows = slice(i * pure, (i + 1) * pure)
        mean, corner = spectra.scores[rows].sum(0), found.unmixing[j]
        beside = mean - (mean @ corner) / (corner @ corner) * corner
        variance = np.sum(1 / spectra.weights[rows])
        assert np.sum(beside**2) / variance < 4 * chi2.ppf(0.9999, rank - 1)
        # binomial: half of them, four standard deviations and as much for the mixed ones
        assert abs(found.pixels[j] - pure / 2) < 4 * np.sqrt(pure)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_spectra_are_the_mean_of_the_pure_pixels(rank, seed):
    """Phantom: 400 pure pixels of each phase, of different dose and weight."""
    spectra, maps = planted(rank, seed)
    assert_means_of_pure(spectra, maps, PURE, rank)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_eighty_pure_pixels_are_enough(rank, seed):
    """Phantom: a third to a half of 460 to 620 pixels; corners must not stay at a few outliers."""
    spectra, maps = planted(rank, seed, pure=FEW, mixed=300)
    assert_means_of_pure(spectra, maps, FEW, rank)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_spectra_are_those_of_the_phases(rank):
    """Truth: the planted spectra; the angle between them and the mean of all pure pixels.

    It is what the noise leaves of anything; half as much again for the half that is taken.
    """
    spectra, _ = planted(rank)
    found, truth = unit(run(spectra).unmixing, spectra), phases(rank)
    mean = np.stack([spectra.scores[i * PURE : (i + 1) * PURE].sum(0) for i in range(rank)])
    best = mean @ spectra.components
    order = matched(found, truth)
    assert (angles(found[order], truth) < 1.5 * angles(best, truth).max()).all()
    assert angles(best, truth).max() < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_order_of_the_pixels_does_not_matter(seed):
    """Identity, up to rounding and the order of the components."""
    spectra, _ = planted(3, seed)
    known = run(spectra)
    shuffle = np.random.default_rng(seed).permutation(len(spectra.scores))
    other = LowRank(
        spectra.scores[shuffle],
        spectra.components,
        spectra.weights[shuffle],
        spectra.whitening,
        spectra.noise,
        spectra.model_error,
        spectra.shape_noise,
    )
    found = run(other)
    order = matched(unit(found.unmixing, other), unit(known.unmixing, spectra))
    np.testing.assert_allclose(found.unmixing[order], known.unmixing, rtol=1e-6)
    np.testing.assert_array_equal(found.pixels[order], known.pixels)


def test_axes_and_scale_of_the_scores_do_not_matter():
    """Identity: other components of the same space, with their noise, give the same spectra."""
    spectra, _ = planted(3)
    mixing = np.random.default_rng(0).standard_normal((3, 3)) + 2 * np.eye(3)
    back = np.linalg.inv(mixing)
    other = LowRank(
        spectra.scores @ mixing,
        back @ spectra.components,
        spectra.weights,
        spectra.whitening,
        mixing.T @ spectra.noise @ mixing,
        spectra.model_error,
        spectra.shape_noise,
    )
    one, two = unit(run(spectra).unmixing, spectra), unit(run(other).unmixing, other)
    np.testing.assert_allclose(two[matched(two, one)], one, rtol=1e-6)


def test_dark_pixels_are_not_looked_at():
    """Truth: the result without them; their normalised spectra are nothing but noise."""
    spectra, maps = planted(3)
    dark = compressed(
        phases(3),
        np.concatenate([maps, np.zeros((500, 3))]),
        spectra.whitening.channel_sd,
        np.concatenate([spectra.weights, np.ones(500)]),
    )
    found, known = unit(run(dark).unmixing, dark), unit(run(spectra).unmixing, spectra)
    # the noise is another draw, of which both have their error
    assert angles(found[matched(found, known)], known).max() < 0.3
    assert (np.abs(run(dark).pixels - PURE / 2) < 4 * np.sqrt(PURE)).all()


@pytest.mark.parametrize("bright", [0, 7, 2 * 3 * FEWEST_PIXELS_AVERAGED - 1])
def test_too_few_pixels_with_counts_are_refused_by_number(bright):
    """The message says how many there are, how many are needed and for what."""
    spectra, maps = planted(3)
    scores = np.array(spectra.scores)
    # the brightest are kept, the others hold less than nothing
    order = np.argsort(-maps.sum(1))
    sums = spectra.components.sum(1)
    scores[order[bright:]] = -sums / np.linalg.norm(sums)
    few = LowRank(
        scores,
        spectra.components,
        spectra.weights,
        spectra.whitening,
        spectra.noise,
        spectra.model_error,
        spectra.shape_noise,
    )
    with pytest.raises(ValueError, match=rf'assume="pure": only {bright} of.*30 are needed.*3'):
        run(few)


def test_just_enough_pixels():
    """The least that is not refused, all of them pure: five averaged for each or it is said."""
    channel_sd, weights = np.ones(M), np.ones(30)
    maps = 3e4 * np.repeat(np.eye(3), 10, 0)
    spectra = compressed(phases(3), maps, channel_sd, weights)
    found = run(spectra)
    truth = phases(3)
    white = unit(found.unmixing, spectra)
    assert angles(white[matched(white, truth)], truth).max() < 0.5
    assert (found.pixels <= 10).all()


def test_one_component_is_the_mean_of_all_pixels():
    """Closed form: there is nothing to tell apart."""
    spectra = compressed(phases(1), np.full((40, 1), 100.0), np.ones(M), np.ones(40))
    found = run(spectra)
    np.testing.assert_array_equal(found.unmixing, [[1.0]])
    np.testing.assert_array_equal(found.pixels, [40])


@pytest.mark.parametrize("seed", range(3))
def test_without_pure_pixels_their_number_is_small(seed):
    """Phantom: no pixel holds more than 0.7 of a phase, and at the corners there are next to none.

    Of 300 pixels in a triangle whose corners are cut off, with a noise of about a percent of its
    side: less than three percent of them.
    """
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), 6000)
    shares = shares[shares.max(1) < 0.7][:300]
    spectra = compressed(phases(3), 1e5 * shares, np.ones(M), np.ones(300), seed)
    found = run(spectra)
    assert (found.pixels < 9).all()
    assert np.isfinite(found.unmixing).all()
    assert np.linalg.matrix_rank(found.unmixing) == 3


def test_more_pixels_than_are_looked_at_for_corners(monkeypatch):
    """Truth: the result of all of them; the choice is of the starting corners only."""
    from hyperspy_unmix.numerics.separation import pure_pixels as pure

    spectra, _ = planted(3)
    known = run(spectra)
    monkeypatch.setattr(pure, "MOST_CLOUD_POINTS", 200)
    found = run(spectra)
    order = matched(unit(found.unmixing, spectra), unit(known.unmixing, spectra))
    # the same pixels, or the same but for a few at the limit
    np.testing.assert_allclose(found.pixels[order], known.pixels, atol=12)
    assert np.abs(unit(found.unmixing, spectra)[order] - unit(known.unmixing, spectra)).max() < 1e-3


def test_input_is_not_modified():
    spectra, _ = planted(2)
    for values in (spectra.scores, spectra.components, spectra.weights, spectra.noise):
        values.flags.writeable = False
    run(spectra)


@pytest.mark.parametrize("rank", [2, 3])
def test_covariance_is_that_of_the_errors(rank):
    """Phantom, sixty times: mean square of the shares of one true spectrum in another's error.

    Of 120 and 360 values the mean square is known to 13 % at most; the corner that is found is not
    always where the iteration would end.
    """
    measured, stated = [], []
    off = ~np.eye(rank, dtype=bool)
    true = phases(rank)
    for seed in range(60):
        spectra, _ = planted(rank, seed, dose=300.0)
        found = run(spectra)
        order = matched(unit(found.unmixing, spectra), true)
        back = np.linalg.lstsq(true.T, unit(found.unmixing, spectra)[order].T, rcond=None)[0].T
        back /= np.diagonal(back)[:, None]
        measured.append(back[off] ** 2)
        # E stands in units of the integrals of the corners found
        size = (found.unmixing @ spectra.components).sum(1)[order]
        variance = np.einsum("ijij->ij", found.covariance)[np.ix_(order, order)]
        stated.append((variance * (size[None] / size[:, None]) ** 2)[off])
    assert 0.6 < np.mean(measured) / np.mean(stated) < 1.4


def test_pixels_counted_for_each_component():
    """Truth: counting by hand; -1 is a pixel of none."""
    corner_of_pixel = np.array([0, -1, 2, 2, -1, 0, 2])
    assert _count_pixels(corner_of_pixel, 4).tolist() == [2, 0, 3, 0]
