"""Noise of maps, pixel by pixel: sums over channels by hand, and counts drawn again and again."""

import numpy as np
import pytest
from scipy.stats import poisson

from hyperspy_unmix.numerics.certainty import map_noise as module
from hyperspy_unmix.numerics.certainty.map_noise import COUNTS_ADDED, map_variance
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening, channel_whitening

M, N = 40, 60
POISSON = NoiseModel("poisson")
GAIN = NoiseModel("gain", gain=3.0, read_variance=4.0)


class Scene:
    """Mean counts of low rank, compressed with the components that they truly have."""

    def __init__(self, rank=2, n=N, dose=400.0, seed=0, extra=0, whitening=None):
        rng = np.random.default_rng([seed, rank])
        channel, centres = np.arange(M), np.linspace(8, 32, rank)[:, None]
        spectra = np.exp(-0.5 * ((channel - centres) / 5) ** 2) + 0.3
        self.spectra = spectra / spectra.sum(1, keepdims=True)
        self.maps = dose * rng.dirichlet(np.ones(rank), n) * rng.uniform(0.3, 2, (n, 1))
        self.mean = self.maps @ self.spectra
        sd = np.sqrt(self.mean.mean(0)) * rng.uniform(0.7, 1.3, M)
        self.whitening = whitening or ChannelWhitening(sd)
        white = self.whitening.whiten(self.spectra)
        noise = rng.standard_normal((extra, M))
        self.directions = np.linalg.qr(np.concatenate([white, noise]).T)[0]
        self.components = self.whitening.colour(self.directions.T)
        self.weights = rng.uniform(0.5, 2, n)
        self.projector = self.whitening.projector(self.directions)
        # maps are counts times this, once compressed
        of_white = self.directions[:, :rank].T @ np.linalg.pinv(white)
        self.back = np.concatenate([of_white, np.zeros((extra, rank))])

    def compressed(self, counts):
        rank = len(self.components)
        return LowRank(
            counts @ self.projector,
            self.components,
            self.weights,
            self.whitening,
            np.eye(rank),
            np.zeros((rank, rank)),
            np.zeros((0, M)),
        )

    def maps_of(self, counts):
        return counts @ self.projector @ self.back

    def summed(self, variance):
        """Variance of the maps where that of each value is given: a sum over channels."""
        return variance @ (self.projector @ self.back) ** 2


def few(mean, count=1.0):
    """Two counts, where they are in the mean spectrum."""
    typical = mean.mean(0)
    return COUNTS_ADDED * count * typical / typical.sum()


def draws(scene, noise, number, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        if noise.kind == "poisson":
            yield rng.poisson(scene.mean).astype(float)
        else:
            counts = noise.gain * rng.poisson(np.maximum(scene.mean, 0) / noise.gain)
            yield counts + np.sqrt(noise.read_variance) * rng.standard_normal(counts.shape)


# ------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_poisson_counts_against_a_sum_over_channels(rank):
    """Closed form: the mean counts of pixel and channel, and two typical ones, times weights."""
    scene = Scene(rank)
    found = map_variance(scene.compressed(scene.mean), POISSON, scene.maps_of(scene.mean))
    np.testing.assert_allclose(found, scene.summed(scene.mean + few(scene.mean)), rtol=1e-8)


def test_gain_and_read_noise_against_a_sum_over_channels():
    """Closed form: gain times counts and the read variance; a count is as much as the gain."""
    scene = Scene()
    found = map_variance(scene.compressed(scene.mean), GAIN, scene.maps_of(scene.mean))
    counts = scene.mean + few(scene.mean, GAIN.gain)
    truth = scene.summed(GAIN.gain * counts + GAIN.read_variance)
    np.testing.assert_allclose(found, truth, rtol=1e-8)


@pytest.mark.parametrize("kind", ["scatter", "uniform", "given"])
def test_noise_that_does_not_follow_the_counts(kind):
    """Closed form: that of the channels at unit weight, over the pixel's weight."""
    scene = Scene()
    noise = NoiseModel(kind, read_variance=2.0, channel_variance=np.ones(M))
    found = map_variance(scene.compressed(scene.mean), noise, scene.maps_of(scene.mean))
    truth = scene.summed(scene.whitening.channel_sd**2 / scene.weights[:, None])
    np.testing.assert_allclose(found, truth, rtol=1e-8)


def test_noise_that_was_floored():
    """Closed form: whitened noise of a variance below one is taken as what it is."""
    floored = np.random.default_rng(0).uniform(0.1, 1, M)
    scene = Scene(whitening=ChannelWhitening(np.ones(M), floored=floored))
    maps = scene.maps_of(scene.mean)
    for noise, variance in (
        (POISSON, scene.mean + few(scene.mean)),
        (NoiseModel("uniform"), 1 / scene.weights[:, None]),
    ):
        found = map_variance(scene.compressed(scene.mean), noise, maps)
        np.testing.assert_allclose(found, scene.summed(variance * floored), rtol=1e-8)


def kernels_of(scene, seed=3, kernels=2):
    """Weights of kernels, and maps that are linear in them: each pixel has its own matrix."""
    rng = np.random.default_rng(seed)
    weights = 0.3 * rng.standard_normal((len(scene.maps), kernels))
    mixing = rng.standard_normal((kernels, 2, 2))
    own = np.eye(2) + np.einsum("pk,kab->pab", weights, mixing)
    return weights, own


def with_kernels(scene, counts, own):
    return np.einsum("pa,pab->pb", scene.maps_of(counts), own)


@pytest.mark.parametrize("noise", [POISSON, GAIN], ids=["poisson", "gain"])
def test_kernels_of_each_pixel_against_a_sum_over_channels(noise):
    """Closed form: each pixel has its own weights of the channels."""
    scene = Scene()
    weights, own = kernels_of(scene)
    maps = with_kernels(scene, scene.mean, own)
    found = map_variance(scene.compressed(scene.mean), noise, maps, weights)
    gain, read = (1, 0) if noise is POISSON else (noise.gain, noise.read_variance)
    variance = gain * (scene.mean + few(scene.mean, gain)) + read
    of_channels = np.einsum("ea,pab->peb", scene.projector @ scene.back, own)
    truth = np.einsum("peb,pe->pb", of_channels**2, variance)
    np.testing.assert_allclose(found, truth, rtol=1e-7)


def test_same_weights_for_all_pixels():
    """Identity: `weights` of one row are those of all pixels."""
    scene = Scene()
    maps = 1.5 * scene.maps_of(scene.mean)
    one = map_variance(scene.compressed(scene.mean), POISSON, maps, np.array([[0.5]]))
    known = map_variance(scene.compressed(scene.mean), POISSON, maps)
    np.testing.assert_allclose(one, known, rtol=1e-8)


def test_components_that_maps_are_not_made_of_do_not_matter():
    """Truth: the sum over channels, whether two components are kept or five."""
    known, more = Scene(), Scene(extra=3)
    counts = np.random.default_rng(0).poisson(known.mean).astype(float)
    truth = known.summed(np.maximum(known.mean, 0) + few(known.mean))
    mean = more.compressed(known.mean)
    found = map_variance(mean, POISSON, known.maps_of(known.mean))
    np.testing.assert_allclose(found, truth, rtol=1e-6)
    # of counts, too, where the others hold noise
    one = map_variance(known.compressed(counts), POISSON, known.maps_of(counts))
    two = map_variance(more.compressed(counts), POISSON, known.maps_of(counts))
    np.testing.assert_allclose(two, one, rtol=0.05)


def reordered(raw, order):
    rank = len(order)
    return LowRank(
        raw.scores[:, order],
        raw.components[order],
        raw.weights,
        raw.whitening,
        np.eye(rank),
        np.zeros((rank, rank)),
        np.zeros((0, M)),
    )


def test_counts_of_components_that_maps_are_not_made_of():
    """Closed form: all counts have noise, those of the structure beside the map's component too.

    The map is one score alone; its noise that of all of the mean spectrum, in any order.
    """
    scene = Scene(3)
    raw = scene.compressed(scene.mean)
    maps = raw.scores[:, [0]]
    truth = (scene.mean + few(scene.mean)) @ scene.projector[:, [0]] ** 2
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        found = map_variance(reordered(raw, order), POISSON, maps, signal_rank=3)
        np.testing.assert_allclose(found, truth, rtol=1e-8)
    # what is said to be noise is not counted
    first = raw.scores[:, [0]] @ raw.components[[0]]
    least = map_variance(raw, POISSON, maps)
    known = (first + few(first)) @ scene.projector[:, [0]] ** 2
    np.testing.assert_allclose(least, known, rtol=1e-8)


def test_a_map_that_holds_little_of_the_last_component():
    """Closed form: components of small coefficients are kept, they may be large themselves."""
    scene = Scene(3)
    raw, coefficients = scene.compressed(scene.mean), np.array([1.0, 0.3, 0.1])
    found = map_variance(raw, POISSON, (raw.scores @ coefficients)[:, None])
    truth = (scene.mean + few(scene.mean)) @ (scene.projector @ coefficients[:, None]) ** 2
    np.testing.assert_allclose(found, truth, rtol=1e-8)


def test_more_pixels_than_are_fitted_or_worked_on_at_once():
    """Closed form, as for few: 9000 pixels in three pieces, coefficients from 4096."""
    scene = Scene(n=9000)
    weights, own = kernels_of(scene)
    maps = with_kernels(scene, scene.mean, own)
    found = map_variance(scene.compressed(scene.mean), POISSON, maps, weights)
    of_channels = np.einsum("ea,pab->peb", scene.projector @ scene.back, own)
    truth = np.einsum("peb,pe->pb", of_channels**2, scene.mean + few(scene.mean))
    np.testing.assert_allclose(found, truth, rtol=1e-7)
    found = map_variance(scene.compressed(scene.mean), NoiseModel("uniform"), maps, weights)
    even = scene.whitening.channel_sd**2 / scene.weights[:, None]
    np.testing.assert_allclose(found, np.einsum("peb,pe->pb", of_channels**2, even), rtol=1e-7)


def test_a_choice_of_the_pixels_is_enough(monkeypatch):
    """Identity: coefficients are the same from a tenth of the pixels."""
    scene = Scene()
    raw, maps = scene.compressed(scene.mean), scene.maps_of(scene.mean)
    known = map_variance(raw, POISSON, maps)
    monkeypatch.setattr(module, "MOST_PIXELS_FITTED", N // 10)
    np.testing.assert_allclose(map_variance(raw, POISSON, maps), known, rtol=1e-8)


# ------------------------------------------------------------------------------- drawn counts


@pytest.mark.parametrize("noise", [POISSON, GAIN], ids=["poisson", "gain"])
def test_scatter_of_drawn_counts(noise):
    """Monte Carlo, 2000 draws: the deviation in each pixel within five standard errors of 1.6 %.

    Predicted from the mean, where two counts of 400 add up to 0.6 % of the deviation; from each
    draw's own counts the same on average, to 2 %.
    """
    scene = Scene()
    found = np.array([scene.maps_of(counts) for counts in draws(scene, noise, 2000)])
    predicted = map_variance(scene.compressed(scene.mean), noise, scene.maps_of(scene.mean))
    np.testing.assert_allclose(found.std(0), np.sqrt(predicted), rtol=0.08)
    assert np.mean(found.std(0) / np.sqrt(predicted)) == pytest.approx(1, abs=0.02)
    own = [
        map_variance(scene.compressed(counts), noise, scene.maps_of(counts))
        for counts in draws(scene, noise, 50)
    ]
    np.testing.assert_allclose(np.mean(own, 0), predicted, rtol=0.08)
    assert np.mean(np.mean(own, 0) / predicted) == pytest.approx(1, abs=0.02)


def test_scatter_of_drawn_counts_with_kernels():
    """Monte Carlo, as above, each pixel with its own kernel."""
    scene = Scene()
    weights, own = kernels_of(scene)
    found = [with_kernels(scene, counts, own) for counts in draws(scene, POISSON, 2000)]
    maps = with_kernels(scene, scene.mean, own)
    predicted = map_variance(scene.compressed(scene.mean), POISSON, maps, weights)
    np.testing.assert_allclose(np.std(found, 0), np.sqrt(predicted), rtol=0.08)


def test_charge_shared_between_channels():
    """Monte Carlo, 2000 draws: a fifth of each count in either neighbour, its noise with it.

    Variances are those of neighbouring channels' mean, 2 % of peaks as wide as these; 8 % as above.
    """
    spread = np.array([0.2, 0.6, 0.2])
    lags = np.correlate(spread, spread, "full")
    correlation = tuple(lags[3:] / lags[2])
    noise = NoiseModel("gain", gain=2.0, correlation=correlation)
    scene = Scene()
    sd = np.sqrt(noise.channel_gain * scene.mean.mean(0))
    scene = Scene(whitening=channel_whitening(sd, correlation))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        counts = 2.0 * rng.poisson(scene.mean / 2)
        padded = np.pad(counts, ((0, 0), (1, 1)), "reflect")
        counts = sum(w * padded[:, k : k + M] for k, w in enumerate(spread))
        found.append(scene.maps_of(counts))
    predicted = map_variance(scene.compressed(scene.mean), noise, scene.maps_of(scene.mean))
    ratio = np.std(found, 0) / np.sqrt(predicted)
    np.testing.assert_allclose(ratio, 1, atol=0.12)
    assert ratio.mean() == pytest.approx(1, abs=0.03)


FLAT = np.full(M, 1 / M)


def of_totals(totals):
    """Variance of a map that is the sum of all counts, of pixels with these."""
    scale = np.sqrt(M)
    raw = LowRank(
        np.asarray(totals, float)[:, None] / scale,
        np.full((1, M), 1 / scale),
        np.ones(len(totals)),
        ChannelWhitening(np.ones(M)),
        np.eye(1),
        np.zeros((1, 1)),
        np.zeros((0, M)),
    )
    return map_variance(raw, POISSON, np.asarray(totals, float)[:, None])[:, 0]


def test_total_counts():
    """Closed form: counts and two more."""
    totals = np.array([0.0, 1, 3, 100])
    np.testing.assert_allclose(of_totals(totals), totals + COUNTS_ADDED)


def test_two_deviations_hold_pixels_of_few_counts():
    """Closed form: exact coverage of two deviations, Poisson counts of 0.05 to 50.

    95 % on average and nowhere less than 90 %; without the two counts it falls below a half.
    """
    counts, means = np.arange(200), np.geomspace(0.05, 50, 200)
    sd = np.sqrt(of_totals(counts))
    p = poisson.pmf(counts, means[:, None])
    held = np.sum(p * (np.abs(counts - means[:, None]) <= 2 * sd), 1)
    assert held.min() > 0.9
    assert 0.945 < held.mean() < 0.985
    plain = np.sum(p * (np.abs(counts - means[:, None]) <= 2 * np.sqrt(counts)), 1)
    assert plain.min() < 0.5


def test_two_deviations_hold_maps_of_few_counts():
    """Monte Carlo: two phases, five counts a pixel; coverage of 20 draws of 400 pixels each.

    Maps are weighted sums, not counts: 93 % to 98 %.
    """
    scene = Scene(n=400, dose=5)
    held = []
    for counts in draws(scene, POISSON, 20):
        maps = scene.maps_of(counts)
        sd = np.sqrt(map_variance(scene.compressed(counts), POISSON, maps))
        held.append(np.abs(maps - scene.maps) <= 2 * sd)
    assert 0.93 < np.mean(held) < 0.98


# ------------------------------------------------------------------------------- worst input


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "noise", [POISSON, GAIN, NoiseModel("gain", 3.0, -20.0), NoiseModel("uniform")]
)
@pytest.mark.parametrize("size", [0.0, 1.0, -1.0, 1e-6])
def test_counts_about_zero_or_below(noise, size):
    """Finite, not negative, and no larger than read noise and a few counts of the mean give."""
    scene = Scene()
    counts = size * scene.mean
    found = map_variance(scene.compressed(counts), noise, scene.maps_of(counts))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.max() <= 1e6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("total", [0, 1e-12, -1e-12, 1e-3])
def test_counts_that_cancel(total):
    """Pixels of either sign, as after a background: nothing is divided by nothing."""
    scene = Scene()
    counts = scene.mean * np.where(np.arange(N) % 2, 1, -1)[:, None]
    counts -= counts.mean(0)
    counts += total * scene.spectra[0]
    found = map_variance(scene.compressed(counts), GAIN, scene.maps_of(counts))
    assert np.isfinite(found).all()
    limit = scene.summed(GAIN.gain * (np.abs(counts) + 100 * GAIN.gain) + GAIN.read_variance)
    assert (found >= 0).all()
    assert (found <= limit).all()


@pytest.mark.parametrize("pixels", [1, 2])
def test_next_to_no_pixels(pixels):
    """Finite: fewer pixels than coefficients; with kernels, too."""
    scene = Scene(n=pixels)
    weights, own = kernels_of(scene)
    for given in (None, weights):
        maps = with_kernels(scene, scene.mean, own)
        found = map_variance(scene.compressed(scene.mean), POISSON, maps, given)
        assert found.shape == maps.shape
        assert np.isfinite(found).all()
        assert (found >= 0).all()


def test_maps_of_nothing():
    """Closed form: a map of zeros has no noise, beside one that has."""
    scene = Scene()
    maps = scene.maps_of(scene.mean)
    maps[:, 0] = 0
    found = map_variance(scene.compressed(scene.mean), POISSON, maps)
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-12)
    assert (found[:, 1] > 0).all()
    none = map_variance(scene.compressed(scene.mean), POISSON, np.zeros((N, 2)))
    np.testing.assert_array_equal(none, 0)


def test_scale_of_a_map():
    """Identity: variance goes with the square."""
    scene = Scene()
    raw, maps = scene.compressed(scene.mean), scene.maps_of(scene.mean)
    known = map_variance(raw, POISSON, maps)
    found = map_variance(raw, POISSON, maps * np.array([-3.0, 1e-4]))
    np.testing.assert_allclose(found, known * np.array([9, 1e-8]), rtol=1e-7)
