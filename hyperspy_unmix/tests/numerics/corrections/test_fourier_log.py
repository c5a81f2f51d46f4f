"""A low loss's own plural scattering: Fourier log against the exponential series, both ways."""

import numpy as np
import pytest
from scipy.fft import next_fast_len
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.convolution import RegularAxis
from hyperspy_unmix.numerics.corrections.plural_scattering import (
    PluralScattering,
    convolve_rows,
    scattering,
)
from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.numerics.low_loss import low_loss_scenes as scenes

N, M = 90, 400


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def single(t=(0.05, 1.0), seed=0):
    """Single scattering per zero-loss electron, two plasmons in any mixture: (t/lambda, S)."""
    channel = np.arange(M)
    plasmons = np.exp(-0.5 * ((channel - [[22], [30]]) / [[2.5], [4]]) ** 2)
    plasmons /= plasmons.sum(1, keepdims=True)
    share = np.random.default_rng(seed).uniform(0, 1, (N, 1))
    t = np.linspace(*t, N)[:, None]
    return t[:, 0], t * (share * plasmons[0] + (1 - share) * plasmons[1])


def plural(single_scattering):
    """Closed form, by direct convolution: exp(S) - 1 = S + S*S/2 + S*S*S/6 + ..."""
    out = np.empty_like(single_scattering)
    for i, row in enumerate(single_scattering):
        term = total = row
        for order in range(2, 16):
            term = np.convolve(term, row)[:M] / order
            total = total + term
        out[i] = total
    return out


def compressed(data, rank):
    left, s, right = np.linalg.svd(data, full_matrices=False)
    assert s[rank] < 1e-6 * s[0]
    return left[:, :rank] * s[:rank], right[:rank]


def kernel(per_electron, rank=30):
    scores, shapes = compressed(per_electron, rank)
    length = next_fast_len(4 * M, real=True)
    axis = RegularAxis(length, np.arange(M), np.zeros(M, bool))
    return PluralScattering(scores, np.fft.rfft(shapes, length), axis, "log")


def low_rank(scores, components):
    rank = len(components)
    return LowRank(
        scores=scores,
        components=components,
        weights=np.ones(len(scores)),
        whitening=ChannelWhitening(np.ones(components.shape[1])),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, components.shape[1])),
    )


@pytest.mark.parametrize("thickest", [0.3, 1.0, 1.5])
def test_single_scattering_of_an_exponential_series(thickest):
    """Closed form: ln of exp. A thousandth of the largest value, three of the stated precision."""
    _, truth = single((0.02, thickest))
    recorded = plural(truth)
    found = kernel(recorded).remove(low_rank(*compressed(recorded, 30)), 0.0)[0]
    np.testing.assert_allclose(found.scores @ found.components, truth, atol=1e-3 * truth.max())
    assert np.abs(recorded - truth).max() > 0.05 * thickest * truth.max()


@pytest.mark.parametrize("thickest", [0.3, 1.0, 1.5])
def test_plural_scattering_is_put_back(thickest):
    """Closed form: the series itself, from the single scattering."""
    _, alone = single((0.02, thickest))
    recorded = plural(alone)
    scores, components = kernel(recorded).restore(*compressed(alone, 3))
    np.testing.assert_allclose(scores @ components, recorded, atol=1e-3 * recorded.max())


def test_integrals_are_those_of_the_thickness():
    """Closed form: t/lambda of single, exp(t/lambda) - 1 of all inelastic scattering."""
    t, alone = single()
    recorded = plural(alone)
    found = kernel(recorded).remove(low_rank(*compressed(recorded, 30)), 0.0)[0]
    np.testing.assert_allclose((found.scores @ found.components).sum(1), t, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(recorded.sum(1), np.expm1(t), rtol=2e-3)


def test_two_phases_are_two_components_again():
    """Truth: rank 2; plural scattering makes more of them."""
    _, alone = single()
    recorded = plural(alone)
    found = kernel(recorded).remove(low_rank(*compressed(recorded, 30)), 0.0)[0]
    before, after = (
        np.linalg.svd(x, compute_uv=False) for x in (recorded, found.scores @ found.components)
    )
    assert (before > 2e-3 * before[0]).sum() > 4
    assert (after > 2e-3 * after[0]).sum() == 2


def test_raw_spectra_as_the_compressed_ones():
    """Truth: `PluralScattering.remove` of the same spectra."""
    _, alone = single()
    recorded = plural(alone)
    k = kernel(recorded)
    found = k.remove(low_rank(*compressed(recorded, 30)), 0.0)[0]
    raw = convolve_rows(recorded, *k.inverse, k.axis)
    np.testing.assert_allclose(raw, found.scores @ found.components, atol=1e-5 * recorded.max())


def test_vacuum_is_left_as_it_is():
    """No inelastic electrons: ``ln(1 + x) / x`` is 1, finite, in a scan with others."""
    _, alone = single()
    recorded = plural(alone)
    recorded[::9] = 0
    k = kernel(recorded)
    for weights, transforms in (k.forward, k.inverse):
        found = np.fft.irfft(weights @ transforms, k.axis.length)
        assert np.isfinite(found).all()
        assert np.abs(found[::9]).max() < 1e-3 * np.abs(found).max()


def test_nothing_but_vacuum():
    """Returned as it is."""
    k = kernel(plural(single()[1]))
    nothing = PluralScattering(0 * k.scores, k.transforms, k.axis, "log")
    spectra = low_rank(*compressed(single()[1], 3))
    assert nothing.remove(spectra, 0.0)[0] is spectra
    scores, components = nothing.restore(spectra.scores, spectra.components)
    np.testing.assert_allclose(scores @ components, spectra.scores @ spectra.components, atol=1e-12)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("scale, sd", [(0.5, 0.8), (0.25, 0.5)])
def test_from_a_recorded_low_loss(scale, sd, lazy):
    """Truth: the plasmon as wide as it and the zero-loss peak, t/lambda of it; one percent.

    Plural scattering is half of what is recorded in the thickest.
    """
    import dask.array as da

    energies = scenes.axis(scale, end=230)
    t = np.linspace(0.1, 1.2, 100)
    data = 1e6 * scenes.low_loss(energies, t, sd, orders=11)
    held = da.from_array(data.reshape(10, 10, -1), chunks=(3, 10, -1)) if lazy else data
    low_loss = analyse_low_loss(row_blocks(held), energies)
    behind = energies >= low_loss.peak.threshold
    n = int(behind.sum())
    k = scattering(low_loss, scale, np.arange(n), np.zeros(n, bool), "log")
    found = convolve_rows(data[:, behind], *k.inverse, k.axis)
    plasmon = scenes.per_channel(
        energies, scale, scenes.PLASMON, np.hypot(sd, scenes.WIDTH)
    )[behind]  # fmt: skip
    truth = 1e6 * np.exp(-t)[:, None] * t[:, None] * plasmon
    np.testing.assert_allclose(found, truth, atol=0.01 * truth.max())
    recorded = data[:, behind]
    assert np.abs(recorded - truth)[-1].max() > 0.3 * truth[-1].max()
