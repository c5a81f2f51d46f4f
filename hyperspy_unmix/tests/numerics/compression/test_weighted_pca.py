"""Weighted PCA against numpy's SVD of the whitened matrix, and against phantoms of known rank."""

import warnings
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression import gram_matrix
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.noise.estimate import estimate_noise
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading import first_pass
from hyperspy_unmix.numerics.reading.block_size import BLOCK_SIZE_SETTING
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks

# products are taken in float32: about 1e-6 of the largest, and a factor of ten in hand
FLOAT32 = 1e-5
N_SEEDS = 10


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def expected_counts(rank, n=400, m=120, counts=100.0, seed=0):
    """Peaks of their own on a shared falling background; maps of blobs that overlap."""
    rng = np.random.default_rng(seed)
    channel = np.arange(m) / m
    centres = (np.arange(rank) + 0.5) / rank
    spectra = np.exp(-2 * channel) + 4 * np.exp(-(((channel - centres[:, None]) / 0.05) ** 2))
    maps = rng.dirichlet(np.full(rank, 0.6), n) * rng.uniform(0.5, 1.5, (n, 1))
    expected = maps @ spectra
    return counts * expected / expected.mean()


def poisson(rank, seed=0, **kwargs):
    expected = expected_counts(rank, seed=seed, **kwargs)
    return np.random.default_rng([seed, 1]).poisson(expected).astype(np.float32)


def run(data, noise, variance=None, dtype=np.float32, **kwargs):
    blocks = replace(row_blocks(data, variance), dtype=dtype)
    return compress(blocks, summarise(blocks), noise, **kwargs)


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "dask"])
@pytest.mark.parametrize("dtype, within", [(np.float64, 1e-12), (np.float32, FLOAT32)])
def test_counts_that_are_mostly_zero(monkeypatch, lazy, dtype, within):
    """Identity: sparse products and dense ones, which round off more in float32."""
    counts = poisson(3, n=1100, m=1000, counts=0.008, seed=3).reshape(20, 55, 1000)
    assert gram_matrix.frequent_channels(counts[:, 0]) is not None
    noise = NoiseModel("poisson")
    spectra, scree = run(
        da.from_array(counts, (7, 55, 1000)) if lazy else counts, noise, None, dtype
    )
    monkeypatch.setattr(gram_matrix, "frequent_channels", lambda sample: None)
    dense_spectra, dense = run(counts, noise, None, dtype)
    np.testing.assert_allclose(scree.values, dense.values, rtol=within, atol=within)
    one, other = (s.scores[:, 0] for s in (spectra, dense_spectra))
    np.testing.assert_allclose(one, other, rtol=0, atol=FLOAT32 * np.abs(other).max())


# ------------------------------------------------------------------------------- against numpy


def textbook_scales(variance, sweeps=500):
    """Truth: Sinkhorn, one row and one column after the other, until nothing moves."""
    n, m = variance.shape
    u, v = np.ones(n), np.ones(m)
    for _ in range(sweeps):
        for i in range(n):
            u[i] = m / np.sum(variance[i] * v)
        for j in range(m):
            v[j] = n / np.sum(u * variance[:, j])
    return u, v


def given_variance(n=60, m=25, seed=0):
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.5, 4, (n, 1)) * rng.uniform(0.2, 3, m) * rng.uniform(0.7, 1.4, (n, m))
    structure = 4 * rng.standard_normal((n, 3)) @ rng.standard_normal((3, m))
    return structure + rng.standard_normal((n, m)) * np.sqrt(variance), variance


def test_pca_with_given_variance_against_a_textbook_version():
    """Truth: biwhitening and SVD written out in float64, independent of every scale in the code."""
    data, variance = given_variance()
    u, v = textbook_scales(variance, 60)
    whitened = np.sqrt(u)[:, None] * data * np.sqrt(v)
    left, s, right = np.linalg.svd(whitened, full_matrices=False)
    spectra, scree = run(data, NoiseModel("given"), variance, least_rank=3)
    np.testing.assert_allclose(scree.values * scree.edge, s**2, rtol=0, atol=FLOAT32 * s[0] ** 2)
    r = spectra.rank
    truth = (left[:, :r] * s[:r]) @ right[:r] / np.sqrt(u)[:, None] / np.sqrt(v)
    found = spectra.scores @ spectra.components
    np.testing.assert_allclose(found, truth, atol=FLOAT32 * np.abs(data).max())
    # one factor may move from the rows to the columns
    sd = spectra.whitening.channel_sd
    np.testing.assert_allclose(spectra.weights[:, None] / sd**2, np.outer(u, v), rtol=1e-4)
    np.testing.assert_array_equal(spectra.noise, np.eye(r))


def test_float64_blocks_are_exact():
    """Truth: numpy's SVD in float64, to the rounding of float64 sums."""
    data, variance = given_variance()
    spectra, scree = run(data, NoiseModel("given"), variance, np.float64, least_rank=25)
    whitened = explicitly_whitened(data, spectra)
    s = np.linalg.svd(whitened, compute_uv=False)
    level = scree.values[0] * scree.edge / s[0] ** 2
    assert level == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(scree.values * scree.edge, s**2, atol=1e-11 * s[0] ** 2)
    np.testing.assert_allclose(spectra.scores @ spectra.components, data, atol=1e-10)


MODELS = {
    "poisson": NoiseModel("poisson"),
    "gain": NoiseModel("gain", 2.0, 30.0),
    "correlated": NoiseModel("gain", 2.0, 30.0, (0.3, 0.1)),
    "uniform": NoiseModel("uniform", 0.0, 50.0),
    "scatter": NoiseModel("scatter", channel_variance=np.linspace(20, 200, 120)),
}


def explicitly_whitened(data, spectra):
    """Truth: every pixel and every channel scaled, one by one, and decorrelated by a solve."""
    whitened = np.array(data, float)
    for i, weight in enumerate(spectra.weights):
        whitened[i] *= np.sqrt(weight)
    for j, sd in enumerate(spectra.whitening.channel_sd):
        whitened[:, j] /= sd
    if spectra.whitening.factor is not None:
        correlation = spectra.whitening.factor.covariance().dense()
        whitened = whitened @ np.linalg.inv(np.linalg.cholesky(correlation)).T
    return whitened


@pytest.mark.parametrize("name", MODELS)
def test_pca_against_numpy_svd_of_the_whitened_matrix(name):
    """Truth: numpy's SVD (singular values, projection, scores, orthonormal directions)."""
    data = poisson(3)
    spectra, scree = run(data, MODELS[name], least_rank=4)
    assert (spectra.whitening.factor is not None) == (name == "correlated")
    whitened = explicitly_whitened(data, spectra)
    left, s, right = np.linalg.svd(whitened, full_matrices=False)
    assert len(scree.values) == len(s)
    np.testing.assert_allclose(
        scree.values * scree.edge,
        s**2 * (scree.values[0] * scree.edge) / s[0] ** 2,
        rtol=0,
        atol=FLOAT32 * s[0] ** 2,
    )
    assert scree.values[0] * scree.edge == pytest.approx(s[0] ** 2, rel=FLOAT32)
    r = spectra.rank
    assert r >= 4
    # of well separated components, the directions themselves (up to sign)
    white = spectra.whitening.whiten(spectra.components)
    np.testing.assert_allclose(white @ white.T, np.eye(r), atol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(white[:3] * right[:3], 1)), 1, atol=1e-6)
    projected = whitened @ white.T
    np.testing.assert_allclose(
        np.sqrt(spectra.weights)[:, None] * spectra.scores, projected, atol=FLOAT32 * s[0]
    )
    truncated = (left[:, :3] * s[:3]) @ right[:3]
    found = spectra.truncate(3)
    np.testing.assert_allclose(
        explicitly_whitened(found.scores @ found.components, found),
        truncated,
        atol=1e-3,  # of noise with standard deviation one
    )


@pytest.mark.parametrize("name", ["poisson", "gain", "uniform"])
def test_whitened_variance_is_one(name):
    """Definition of biwhitening: the mean of every column is one, and of all pixels together.

    Single pixels' weights use projected scales, their mean variance is one to a few percent.
    """
    data = poisson(3)
    model = MODELS[name]
    spectra, _ = run(data, model)
    variance = model.variance(np.array(data, float))
    scaled = spectra.weights[:, None] * variance / spectra.whitening.channel_sd**2
    np.testing.assert_allclose(scaled.mean(0), 1, rtol=0.02)
    assert scaled.mean() == pytest.approx(1, rel=0.005)
    np.testing.assert_allclose(scaled.mean(1), 1, rtol=0.15)


def test_weighting_finds_what_plain_pca_misses():
    """Phantom: a component in dark channels, below the noise of bright ones.

    Its cosine with the truth: 0.9 with weights and next to none by numpy's SVD without them.
    """
    rng = np.random.default_rng(0)
    n, m = 600, 100
    bright = np.where(np.arange(m) < 50, 1000.0, 1.0)
    maps = rng.uniform(0, 1, n)
    dark = np.where(np.arange(m) >= 50, 1.0, 0.0) * (np.arange(m) % 7 == 0)
    counts = rng.poisson(bright + 4 * np.outer(maps, dark)).astype(float)
    spectra, _ = run(counts, NoiseModel("poisson"), least_rank=2)
    truth = (maps - maps.mean()) / np.std(maps)

    def cosine(scores):
        design = scores - scores.mean(0)
        return np.linalg.norm(np.linalg.qr(design)[0].T @ truth) / np.sqrt(n)

    left, s, _ = np.linalg.svd(counts, full_matrices=False)
    assert cosine(spectra.truncate(2).scores) > 0.8
    assert cosine(left[:, :2] * s[:2]) < 0.4


# ------------------------------------------------------------------------------- rank detection


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize("counts", [3.0, 100.0])
def test_rank_of_poisson_phantoms(rank, counts):
    """Phantoms of known rank. One in a hundred may be over; two of ten would be 0.4 %."""
    found = []
    for seed in range(N_SEEDS):
        _, scree = run(poisson(rank, seed=seed, counts=counts), NoiseModel("poisson"))
        found.append(scree.above_noise_edge)
    assert found.count(rank) >= N_SEEDS - 1, found


def test_noise_alone_has_the_mean_only():
    """Phantom: flat Poisson counts have one component, normal noise about zero none."""
    mean_only, none = [], []
    for seed in range(N_SEEDS):
        rng = np.random.default_rng(seed)
        flat = rng.poisson(5.0, (500, 100)).astype(np.float32)
        mean_only.append(run(flat, NoiseModel("poisson"))[1].above_noise_edge)
        zero = rng.normal(0, 3, (500, 100))
        none.append(run(zero, NoiseModel("uniform", 0.0, 9.0))[1].above_noise_edge)
    assert mean_only.count(1) >= N_SEEDS - 1, mean_only
    assert none.count(0) >= N_SEEDS - 1, none


@pytest.mark.parametrize("rank", [1, 3])
def test_rank_with_gain_read_noise_and_correlation(rank):
    """Phantom: a CCD with shared charge, noise estimated. One in ten may be off."""
    found, levels = [], []
    for seed in range(N_SEEDS):
        rng = np.random.default_rng(seed)
        expected = expected_counts(rank, n=900, m=150, counts=200, seed=seed)
        electrons = rng.poisson(np.pad(expected, ((0, 0), (1, 1)), mode="edge"))
        shared = 0.15 * electrons[:, :-2] + 0.7 * electrons[:, 1:-1] + 0.15 * electrons[:, 2:]
        data = 4 * shared + rng.normal(0, 30, expected.shape)
        blocks = row_blocks(data)
        summary = summarise(blocks)
        _, scree = compress(blocks, summary, estimate_noise(summary.sample, summary.integers))
        found.append(scree.above_noise_edge)
        levels.append(scree.calibration)
    assert found.count(rank) >= N_SEEDS - 1, found
    np.testing.assert_allclose(levels, 1, atol=0.05)


@pytest.mark.parametrize("shape", [(1000, 150), (150, 400)])
def test_calibration_of_poisson_counts_is_one(shape):
    """Closed form, to the median's own error: spacing of the singular values, and 1 % of its table.

    A gain of 1.2 that is not known shows as 1.2.
    """
    n, m = shape
    for seed in range(3):
        data = poisson(3, seed=seed, n=n, m=m)
        _, scree = run(data, NoiseModel("poisson"))
        assert scree.calibration == pytest.approx(1, abs=0.03)
        _, scree = run(1.2 * data, NoiseModel("poisson"))
        assert scree.calibration == pytest.approx(1.2, abs=0.04)


@pytest.mark.parametrize("wide", [False, True])
def test_scatter_of_the_channels_is_taken_from_all_pixels(wide):
    """Monte Carlo: a channel's variance wrong by 15 % is put right to sqrt(2 / pixels)."""
    rng = np.random.default_rng(4)
    n, m = (90, 140) if wide else (3000, 60)
    truth = rng.uniform(1, 9, m)
    data = rng.standard_normal((n, m)) * np.sqrt(truth)
    data += 30 * np.outer(rng.standard_normal(n), np.sin(np.linspace(0, 9, m)))
    guess = truth * np.exp(rng.uniform(-0.15, 0.15, m))
    spectra, _ = run(data, NoiseModel("scatter", channel_variance=guess))
    ratio = spectra.whitening.channel_sd**2 / truth
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=4.5 * np.sqrt(2 / n))


def test_scale_that_is_not_known_is_calibrated_except_for_poisson():
    """Closed form: variance wrong by a factor changes no value of the scree, except of Poisson."""
    data = poisson(2)
    _, one = run(data, NoiseModel("gain", 1.0, 1.0))
    for factor in (0.1, 0.5, 2.0, 100.0):
        _, other = run(data, NoiseModel("gain", factor, factor))
        np.testing.assert_allclose(one.values, other.values, rtol=1e-4, atol=1e-4)
        assert one.calibration == pytest.approx(factor * other.calibration, rel=1e-4)
    _, poisson_one = run(data, NoiseModel("poisson"))
    _, poisson_ten = run(10 * data, NoiseModel("poisson"))
    assert poisson_ten.values[0] == pytest.approx(10 * poisson_one.values[0], rel=0.01)


def test_noise_of_the_scores_is_the_unit_matrix():
    """Monte Carlo: many noisy copies of one scene, projected; s.e. of a (co)variance 0.7 %."""
    expected = expected_counts(2, n=200, m=60)
    spectra, _ = run(expected, NoiseModel("poisson"), least_rank=2)
    spectra = spectra.truncate(2)
    projector = spectra.whitening.projector(spectra.whitening.whiten(spectra.components).T)
    rng = np.random.default_rng(0)
    errors = [(rng.poisson(expected) - expected) @ projector for _ in range(100)]
    weighted = np.sqrt(spectra.weights)[:, None] * np.array(errors)
    covariance = np.einsum("kni,knj->ij", weighted, weighted) / (100 * 200)
    np.testing.assert_allclose(covariance, spectra.noise, atol=0.05)


# -------------------------------------------------------------------- lazy, masks, awkward inputs


@pytest.fixture
def _small_blocks():
    """Blocks of 37 rows, and several chunks of no more than 90."""
    row = 4 * 120
    with dask.config.set({BLOCK_SIZE_SETTING: 37 * row, "array.chunk-size": 90 * row}):
        yield


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("chunks", [(5, 7, 50), (20, 20, 120), (1, 20, 13)])
@pytest.mark.parametrize(
    "model", [NoiseModel("poisson"), NoiseModel("gain", 2, 30, (0.3,)), NoiseModel("gain", 1, -9)]
)
def test_lazy_equals_eager(chunks, model):
    """Truth: the eager result; sums of float32 in another order.

    Float32 products are off by 1.2e-7 of the largest value; the median of the small ones, to which
    all are scaled where the noise level is estimated, is off by as much.
    """
    data = poisson(3, counts=30).reshape(20, 20, 120)
    one, first = run(data, model)
    two, second = run(da.from_array(data, chunks=chunks), model)
    scale = first.values[0]
    eps = float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(first.values, second.values, rtol=eps * scale, atol=FLOAT32 * scale)
    np.testing.assert_allclose(
        one.truncate(3).scores @ one.components[:3],
        two.truncate(3).scores @ two.components[:3],
        atol=1e-3 * np.abs(data).max(),
    )
    np.testing.assert_allclose(one.weights, two.weights, rtol=1e-4)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, ">i2", np.float64])
def test_dtype_order_and_masks_do_not_matter(dtype):
    """Truth: the selected spectra as a plain float32 matrix."""
    data = np.asfortranarray(poisson(2).astype(dtype).reshape(20, 20, 120))
    data.flags.writeable = False
    rng = np.random.default_rng(0)
    pixels, channels = rng.random(400) > 0.3, np.flatnonzero(rng.random(120) > 0.2)
    blocks = RowBlocks(data, pixels, channels)
    found, scree = compress(blocks, summarise(blocks), NoiseModel("poisson"))
    plain = np.array(data, np.float32).reshape(400, 120)[pixels][:, channels]
    truth, expected = run(plain, NoiseModel("poisson"))
    assert found.scores.shape == (pixels.sum(), found.rank)
    assert found.components.shape == (found.rank, len(channels))
    np.testing.assert_allclose(scree.values, expected.values, atol=FLOAT32 * expected.values[0])
    np.testing.assert_allclose(
        found.scores @ found.components, truth.scores @ truth.components, atol=0.05
    )


def test_shifts_are_taken_out():
    """Truth: the scene before it was moved by whole channels, which has rank 2 again."""
    data = poisson(2)
    moved_by = np.random.default_rng(0).integers(-9, 10, 400)
    moved = np.stack([np.roll(row, by) for row, by in zip(data, moved_by, strict=True)])
    blocks = replace(row_blocks(moved), shifts=-moved_by)
    _, scree = compress(blocks, summarise(blocks), NoiseModel("poisson"))
    _, truth = run(data, NoiseModel("poisson"))
    np.testing.assert_array_equal(scree.values, truth.values)
    assert run(moved, NoiseModel("poisson"))[1].above_noise_edge > scree.above_noise_edge


@pytest.mark.parametrize("shape", [(1, 30), (2, 30), (30, 2), (5, 5)])
def test_tiny_data(shape):
    """No more components than the smaller side, and a finite scree."""
    data = np.random.default_rng(0).poisson(20, shape).astype(float)
    spectra, scree = run(data, NoiseModel("poisson"), least_rank=99)
    assert spectra.rank == min(shape)
    assert len(scree.values) == min(shape)
    assert np.isfinite(scree.values).all()
    np.testing.assert_allclose(spectra.scores @ spectra.components, data, atol=1e-3)


def test_empty_pixels_and_channels_stay_finite():
    """Zeros weigh nothing, and the projection of nothing is nothing."""
    data = poisson(2)
    data[17] = 0
    data[:, 40] = 0
    spectra, scree = run(data, NoiseModel("poisson"))
    for values in (spectra.scores, spectra.components, spectra.weights, scree.values):
        assert np.isfinite(values).all()
    assert not spectra.scores[17].any()
    assert np.abs(spectra.scores @ spectra.components)[:, 40].max() < 1e-3


def test_ranks_kept():
    """Those above the edge, at least one, at least as many as asked for."""
    zero = np.random.default_rng(0).normal(0, 1, (300, 50))
    unit = NoiseModel("uniform", 0.0, 1.0)
    assert run(zero, unit)[0].rank == 1
    assert run(zero, unit, least_rank=5)[0].rank == 5
    data = poisson(3)
    assert run(data, NoiseModel("poisson"), least_rank=2)[0].rank == 3


# ------------------------------------------------------------------------------------- summary


def naive_summary(rows, n_groups, n_sample):
    """Truth: one pixel after the other."""
    n = len(rows)
    size, stride = int(np.ceil(n / min(n, n_groups))), int(np.ceil(n / min(n, n_sample)))
    finite = [all(np.isfinite(value) for value in row) for row in rows]
    members: dict[int, list] = {}
    sample = []
    for i, row in enumerate(rows):
        if finite[i]:
            members.setdefault(i // size, []).append(row)
            if i % stride == 0:
                sample.append(row)
    groups = [np.mean(members[g], 0) for g in sorted(members)]
    return finite, groups, [len(members[g]) for g in sorted(members)], sample


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("n_groups, n_sample", [(512, 1024), (17, 30), (400, 7), (1, 1)])
def test_summary_against_a_loop(lazy, n_groups, n_sample, monkeypatch):
    """Truth: a loop over the pixels; some, and whole groups, hold NaN or infinity."""
    monkeypatch.setattr(first_pass, "MOST_GROUPS", n_groups)
    monkeypatch.setattr(first_pass, "MOST_PIXELS_SAMPLED", n_sample)
    data = poisson(2).astype(np.float64)
    data[50:110] = np.nan  # more than a block and several groups
    data[7, 3], data[200, 119], data[399, 0] = np.inf, -np.inf, np.nan
    data[200, 118] = np.inf
    finite, groups, size, sample = naive_summary(data, n_groups, n_sample)
    held = data.reshape(20, 20, 120)
    held = da.from_array(held, chunks=(3, 20, 50)) if lazy else held
    found = summarise(row_blocks(held))
    np.testing.assert_array_equal(found.finite, finite)
    np.testing.assert_array_equal(found.group_size, size)
    np.testing.assert_allclose(found.groups, groups, rtol=1e-5)
    np.testing.assert_array_equal(found.sample, sample)
    kept = data[np.array(finite)]
    np.testing.assert_allclose(found.mean, kept.mean(0), rtol=1e-5)
    assert (found.least, found.greatest) == (kept.min(), kept.max())
    assert found.integers
    assert found.group_variance is None


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("lazy", [False, True])
def test_summary_of_given_variance(lazy, monkeypatch):
    """Truth: plain means over the pixels whose spectra are finite, and the least variance."""
    monkeypatch.setattr(first_pass, "MOST_GROUPS", 10)
    data = poisson(2)
    variance = data + 1
    data[[3, 45]], variance[3] = np.nan, -9
    variance[7, 7] = -2
    good = np.isfinite(data).all(1)
    held, given = data, variance
    if lazy:
        held, given = da.from_array(data, chunks=33), da.from_array(variance, chunks=50)
    found = summarise(row_blocks(held, given))
    np.testing.assert_array_equal(found.finite, good)
    assert found.least_variance == -2
    for g in range(10):
        members = [i for i in range(40 * g, 40 * g + 40) if good[i]]
        np.testing.assert_allclose(found.groups[g], data[members].mean(0), rtol=1e-5)
        np.testing.assert_allclose(found.group_variance[g], variance[members].mean(0), rtol=1e-5)
        assert found.group_size[g] == len(members)
    variance[250, 3] = np.nan
    assert np.isnan(summarise(row_blocks(data, variance)).least_variance)


def test_summary_knows_whole_numbers_and_the_least():
    data = poisson(1)
    assert summarise(row_blocks(data)).integers
    assert not summarise(row_blocks(data * 0.5)).integers
    data[333, 44] = -7
    assert summarise(row_blocks(data)).least == -7


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_summary_of_data_that_are_not_finite_warns_of_nothing(bad):
    """Such pixels are expected and masked: numpy has nothing to say about them to the user."""
    data = poisson(1)
    data[5, 7], data[5, 8] = bad, -bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarise(row_blocks(data))
    assert found.finite.sum() == 399


def test_summary_without_any_finite_pixel():
    """Nothing finite is reported, not raised."""
    found = summarise(row_blocks(np.full((30, 5), np.nan)))
    assert not found.finite.any()
    assert len(found.sample) == 0


# -------------------------------------------------------------------------------- small methods


def test_second_moment_and_truncation_against_a_loop():
    spectra, _ = run(poisson(3), MODELS["correlated"])
    truth = np.zeros((spectra.rank, spectra.rank))
    scores, weights = spectra.scores.astype(float), spectra.weights.astype(float)
    for score, weight in zip(scores, weights, strict=True):
        truth += weight * np.outer(score, score) / len(scores)
    np.testing.assert_allclose(spectra.second_moment(), truth, rtol=1e-9, atol=1e-9)
    coloured = np.arange(9.0).reshape(3, 3)
    spectra = replace(spectra.truncate(3), noise=coloured, model_error=-coloured)
    two = spectra.truncate(2)
    assert isinstance(two, LowRank)
    assert two.rank == 2
    np.testing.assert_array_equal(two.scores, spectra.scores[:, :2])
    np.testing.assert_array_equal(two.components, spectra.components[:2])
    np.testing.assert_array_equal(two.noise, [[0, 1], [3, 4]])
    np.testing.assert_array_equal(two.model_error, [[0, -1], [-3, -4]])


@pytest.mark.parametrize(
    "values, number",
    [([5, 2, 1.01, 1.0, 0.5], 3), ([0.9, 0.8], 0), ([3, 2], 2), ([3, 0.5, 2], 1), ([], 0)],
)
def test_above_noise_edge_counts_up_to_the_first_below(values, number):
    assert Scree(np.array(values, float), 1.0, 1.0, np.zeros(0), (9, 9)).above_noise_edge == number
