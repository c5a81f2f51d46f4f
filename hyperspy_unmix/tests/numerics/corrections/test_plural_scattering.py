"""Plural scattering against direct convolution, pixel by pixel, and its exact inverse."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import next_fast_len
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.corrections.convolution import RegularAxis
from hyperspy_unmix.numerics.corrections.plural_scattering import (
    MODEL_ERROR,
    PluralScattering,
    convolve_rows,
    scattering,
)
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.low_loss.zero_loss import ZeroLossPeak
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening

N, M, REACH = 80, 300, 200
SCALE = 1.0


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def gaussian(x, centre, sd):
    return np.exp(-0.5 * ((x - centre) / sd) ** 2) / sd / np.sqrt(2 * np.pi)


def shapes():
    """Two inelastic distributions, of unit integral, on whole channels of energy loss."""
    channel = np.arange(REACH, dtype=float)
    plasmons = np.stack([gaussian(channel, 20, 3), gaussian(channel, 35, 5)])
    return plasmons / plasmons.sum(1, keepdims=True)


def kernel(scores, kernels, channels=None, empty=None):
    """Kernels given directly, so that nothing else is between `PluralScattering` and the result."""
    empty = np.zeros(M, bool) if empty is None else empty
    channels = np.arange(M) if channels is None else channels
    length = next_fast_len(len(empty) + 3 * REACH, real=True)
    return PluralScattering(
        scores, np.fft.rfft(kernels, length), RegularAxis(length, channels, empty)
    )


def spectra(n=N, seed=0):
    """Two phases: an edge each, zero before it, and a pre-edge region without counts."""
    rng = np.random.default_rng(seed)
    channel = np.arange(M)
    components = np.stack(
        [np.where(channel >= onset, (channel / onset + 0.5) ** -4.0, 0) for onset in (80, 150)]
    )
    return rng.uniform(0.2, 1, (n, 2)), components


def thickness(n=N, seed=1):
    return np.random.default_rng(seed).uniform(0.05, 0.4, (n, 2))


def low_rank(scores, components):
    rank = len(components)
    rng = np.random.default_rng(8)
    root = rng.standard_normal((rank, rank))
    return LowRank(
        scores=scores,
        components=components,
        weights=rng.uniform(0.5, 2, len(scores)),
        whitening=ChannelWhitening(np.ones(components.shape[1])),
        noise=root @ root.T,
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, components.shape[1])),
    )


def textbook_scatter(single, kernels):
    """Truth: ``np.convolve`` of every pixel with its own kernel, after a long constant start."""
    out = np.empty_like(single)
    for i, (row, extra) in enumerate(zip(single, kernels, strict=True)):
        first = row[: max(1, min(8, len(row) // 20))].mean()
        extended = np.concatenate([np.full(REACH, first), row])
        out[i] = row + np.convolve(extended, extra)[REACH : REACH + len(row)]
    return out


# ------------------------------------------------------------------------------------- scatter


@pytest.mark.parametrize("per_pixel", [True, False])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_scatter_is_a_convolution_with_each_pixels_kernel(per_pixel, offset):
    """Truth: direct convolution, to rounding."""
    scores, components = spectra()
    components = components + offset
    weights = thickness() if per_pixel else np.array([[0.5, 0.2]])
    found_scores, found_components = kernel(weights, shapes()).restore(scores, components)
    assert found_scores.shape == (N, 6)
    kernels = np.broadcast_to(weights @ shapes(), (N, REACH))
    truth = textbook_scatter(scores @ components, kernels)
    np.testing.assert_allclose(found_scores @ found_components, truth, atol=1e-10 * truth.max())


def test_scattered_counts_are_conserved():
    """Closed form: far behind the edges every pixel gained one plus the kernel's integral."""
    flat = np.full((1, M), 3.0)
    weights = thickness()
    found_scores, found = kernel(weights, shapes()).restore(np.ones((N, 1)), flat)
    truth = 3 * (1 + weights.sum(1))[:, None] * np.ones(M)
    np.testing.assert_allclose(found_scores @ found, truth, rtol=1e-9)


def gap_and_empty():
    """Channels 100 to 109 were masked (counts lie there), 200 to 204 hold no counts at all."""
    gone = np.zeros(M, bool)
    gone[100:110] = True
    empty = np.zeros(M, bool)
    empty[200:205] = True
    return gone, empty


def test_gaps_are_interpolated_and_empty_channels_scatter_nothing():
    """Truth: direct convolution of spectra with a straight line over the gap, zero where empty."""
    gone, empty = gap_and_empty()
    channels = np.flatnonzero(~(gone | empty))
    scores, components = spectra()
    components = components + 2
    regular = components.copy()
    for row in regular:
        row[100:110] = row[99] + (row[110] - row[99]) * (np.arange(1, 11) / 11)
        row[200:205] = 0
    weights = thickness()
    found_scores, found = kernel(weights, shapes(), channels, empty).restore(
        scores, components[:, channels]
    )
    truth = textbook_scatter(scores @ regular, weights @ shapes())[:, channels]
    np.testing.assert_allclose(found_scores @ found, truth, atol=1e-10 * truth.max())


# ---------------------------------------------------------------------------- kernels' inverse


def exact_inverse(k):
    """Truth: one over the transform of each pixel's own kernel, one by one."""
    return np.array([1 / (1 + row @ k.transforms) - 1 for row in k.scores])


def poisson_series(t):
    """Plural scattering of one plasmon: weights t^k / k! of its k-fold convolutions with itself."""
    shape = shapes()[0]
    series, factor = [shape], [t]
    for k in range(2, 8):
        series.append(np.convolve(series[-1], shape)[:REACH])
        factor.append(factor[-1] * t / k)
    return kernel(np.stack(factor, 1), np.array(series))


KERNELS = {
    "thin": lambda: kernel(np.random.default_rng(3).uniform(0, 0.1, (700, 2)), shapes()),
    "two plasmons": lambda: kernel(np.random.default_rng(3).uniform(0, 0.4, (700, 2)), shapes()),
    "wedge": lambda: poisson_series(np.linspace(0, 1.5, 700)),
    "few pixels": lambda: kernel(thickness(3), shapes()),
}


@pytest.mark.parametrize("name", KERNELS)
def test_inverse_kernels_against_the_exact_inverse_of_every_pixel(name):
    """Truth: the exact inverse of each pixel, in real space.

    A relative precision of 1e-4 is the stated limit; ten times that in hand.
    """
    k = KERNELS[name]()
    found, transforms = k.inverse
    assert transforms.shape == (found.shape[1], k.axis.length // 2 + 1)
    assert found.shape[1] <= 12
    truth = np.fft.irfft(exact_inverse(k), k.axis.length)
    error = np.fft.irfft(found @ transforms, k.axis.length) - truth
    assert np.linalg.norm(error, axis=1).max() < 1e-3 * np.linalg.norm(truth, axis=1).max()


def test_one_shape_for_all_has_the_series_of_its_powers():
    """Closed form: 1 / (1 + a k) = 1 - a k + a^2 k * k - ... in real space."""
    shape = shapes()[0]
    weights = np.linspace(0.05, 0.3, 50)[:, None]
    k = kernel(weights, shape[None])
    found, transforms = k.inverse
    real = np.fft.irfft(found @ transforms, k.axis.length)[:, :150]
    for a, row in zip(weights[:, 0], real, strict=True):
        truth, power = np.zeros(150), np.zeros(150)
        power[0] = 1
        for order in range(1, 8):
            power = np.convolve(power, shape)[:150]
            truth += (-a) ** order * power
        np.testing.assert_allclose(row, truth, atol=1e-3 * shape.max())


# ------------------------------------------------------------------------------------- removal


@pytest.mark.parametrize("per_pixel", [True, False])
@pytest.mark.parametrize("gaps", [False, True])
def test_removal_takes_out_what_scatter_put_in(per_pixel, gaps):
    """Round trip. The last value is continued by a fading tail, so the scattered edge must not jump
    there; 1e-3 of the largest value for the kernels' stated precision.

    With a gap, the straight line over it is not what lay there: 1 % of the largest value.
    """
    scores, components = spectra()
    weights = thickness() if per_pixel else np.array([[0.4, 0.2]])
    if gaps:
        gone = np.zeros(M, bool)
        gone[110:116] = True
        channels = np.flatnonzero(~gone)
        k = kernel(weights, shapes(), channels)
        components = components[:, channels]
    else:
        k = kernel(weights, shapes())
    plural = low_rank(*k.restore(scores, components))
    found = k.remove(plural, 0.0)[0]
    single = scores @ components
    difference = np.abs(found.scores @ found.components - single).max()
    assert difference < (0.01 if gaps else 1e-3) * single.max()
    assert np.abs(plural.scores @ plural.components - single).max() > 0.1 * single.max()


def test_removal_from_raw_spectra_equals_removal_from_compressed_ones():
    """Truth: `PluralScattering.remove` of the same spectra; both are linear in them."""
    scores, components = spectra()
    k = kernel(thickness(), shapes())
    found = k.remove(low_rank(scores, components), 0.0)[0]
    weights, transforms = k.inverse
    data = (scores @ components).astype(np.float32)
    before = data.copy()
    raw = convolve_rows(data, weights, transforms, k.axis)
    np.testing.assert_allclose(raw, found.scores @ found.components, atol=1e-6)
    np.testing.assert_array_equal(data, before)
    rows = slice(20, 33)
    part = convolve_rows(data[rows], weights[rows], transforms, k.axis)
    np.testing.assert_allclose(part, raw[rows], atol=1e-12)


def test_removal_with_one_kernel_for_all_pixels_from_raw_spectra():
    """One low loss for all, as with a kernel for each of them."""
    scores, components = spectra()
    data = scores @ components
    one = kernel(np.array([[0.4, 0.2]]), shapes())
    each = kernel(np.tile([[0.4, 0.2]], (N, 1)), shapes())
    found = convolve_rows(data, *one.inverse, one.axis)
    truth = convolve_rows(data, *each.inverse, each.axis)
    np.testing.assert_allclose(found, truth, atol=1e-4 * data.max())


def test_removal_brings_a_wedge_back_to_one_component():
    """Phantom: one phase, t/lambda from 0 to 1.2; its rank is 3 before and 1 after."""
    _, components = spectra()
    t = np.linspace(0.01, 1.2, N)
    k = poisson_series(t)
    plural = low_rank(*k.restore(t[:, None], components[:1]))

    def powers(x):
        return np.linalg.svd(x.scores @ x.components, compute_uv=False)

    before, after = powers(plural), powers(k.remove(plural, 0.0)[0])
    assert (before > 0.01 * before[0]).sum() >= 2
    assert (after > 1e-3 * after[0]).sum() == 1


@pytest.mark.parametrize("nothing", ["scores", "transforms"])
def test_nothing_to_take_out(nothing):
    """A specimen without inelastic scattering is returned as it is."""
    k = kernel(thickness(), shapes())
    k = replace(k, **{nothing: 0 * getattr(k, nothing)})
    plain = low_rank(*spectra())
    assert k.remove(plain, 0.0)[0] is plain


def test_pixels_without_scattering_do_not_hide_the_others():
    """Truth: a masked pixel has no inelastic electrons; the others do."""
    k = kernel(thickness(), shapes())
    scores = k.scores.copy()
    scores[3] = 0
    assert not replace(k, scores=scores).is_none
    assert replace(k, scores=0 * scores).is_none


@pytest.mark.parametrize("per_pixel", [True, False])
def test_noise_is_propagated(per_pixel):
    """Monte Carlo: noise of the weighted scores before, seen in the weighted scores after.

    3000 draws of 80 pixels: s.e. 0.3 % of the larger variances; 3 % of them. The noise is spread
    evenly over the pixels once weighted, whatever their weights.
    """
    scores, components = spectra()
    weights = thickness() if per_pixel else np.array([[0.4, 0.2]])
    plain = low_rank(scores, components)
    k = kernel(weights, shapes())
    found = k.remove(plain, 0.0)[0]
    kept, transforms = k.inverse
    factors = np.concatenate([np.ones((N, 1)), np.broadcast_to(kept, (N, kept.shape[1]))], 1)
    everything = np.concatenate([components, k.axis.convolve(components, transforms)])
    rng = np.random.default_rng(0)
    total = np.zeros((len(everything),) * 2)
    for _ in range(300):
        white = rng.multivariate_normal(np.zeros(2), plain.noise, N)
        moved = [np.kron(f, e) for f, e in zip(factors, white, strict=True)]
        total += np.transpose(moved) @ moved / N / 300
    # scores after: of the components, then those of every kernel; the same order as the factors
    check = np.array([np.kron(f, s) for f, s in zip(factors, scores, strict=True)])
    np.testing.assert_allclose(found.scores @ found.components, check @ everything, atol=1e-9)
    truth = everything.T @ total @ everything
    noise = found.components.T @ found.noise @ found.components
    sd = np.sqrt(np.diag(truth))
    held = sd > 1e-3 * sd.max()
    scale = np.outer(sd[held], sd[held])
    of_held = np.ix_(held, held)
    np.testing.assert_allclose(noise[of_held] / scale, truth[of_held] / scale, atol=0.05)


def test_model_error_is_a_share_of_what_was_taken_out():
    """Closed form: a loop over the pixels; the recorded spectra themselves have none."""
    scores, components = spectra()
    plain = low_rank(scores, components)
    found = kernel(thickness(), shapes()).remove(plain, 0.0)[0]
    truth = np.zeros((M, M))
    taken = found.scores @ found.components - scores @ components
    for row, weight in zip(taken, plain.weights, strict=True):
        truth += MODEL_ERROR**2 * weight * np.outer(row, row) / N
    error = found.components.T @ found.model_error @ found.components
    np.testing.assert_allclose(error, truth, atol=1e-6 * truth.max())


def test_what_little_is_left_can_be_dropped():
    """Truth: all of it; the sum of squares of what is dropped is less than was allowed."""
    scores, components = spectra()
    plain = low_rank(scores, components)
    k = kernel(thickness(), shapes())
    everything = k.remove(plain, 0.0)[0]
    least = 1e-4 * float(np.trace(everything.second_moment())) * N
    few = k.remove(plain, least / NEGLIGIBLE_SHARE_OF_EDGE)[0]
    assert 2 <= few.rank < everything.rank
    lost = everything.scores @ everything.components - few.scores @ few.components
    lost = np.sqrt(plain.weights)[:, None] * plain.whitening.whiten(lost)
    assert np.linalg.norm(lost, 2) ** 2 < least


# -------------------------------------------------------------------- kernels from the low loss


def analysed(low_scale, sd, centre=0.0, t=(0.1, 0.5, 1.0), noise=0.0):
    """A low loss as analysed: a Gaussian zero-loss peak, and one plasmon as wide as itself and it.

    ``t`` are integrals of the inelastic part per zero-loss electron; the peak's channels have the
    standard deviation ``noise``.
    """
    energies = -15 + low_scale * np.arange(int(120 / low_scale)) - centre
    threshold = 8
    below = energies < threshold
    peak = gaussian(energies[below], 0, sd)
    peak = peak + noise * np.random.default_rng(0).standard_normal(len(peak))
    inelastic = low_scale * gaussian(energies[~below], 25, np.hypot(3, sd))
    tail = np.zeros(np.sum(~below))
    zlp = ZeroLossPeak(centre, centre + threshold, peak / peak.sum(), tail, 2.3548 * sd)
    t = np.array(t)
    return LowLoss(
        t_over_lambda=np.log1p(t),
        t_error=np.zeros(len(t)),
        zero_loss=np.ones(len(t)),
        scores=t[:, None],
        inelastic=inelastic[None],
        energies=energies[~below],
        peak=zlp,
        peak_energies=energies[below],
        shift=np.zeros(len(t)),
        shift_error=np.zeros(len(t)),
    )


def recorded(core_scale, low_scale, sd, centre=0.0, t=(0.1, 0.5, 1.0), noise=0.0):
    """Its kernels on the axis of the core loss."""
    low_loss = analysed(low_scale, sd, centre, t, noise)
    return scattering(low_loss, core_scale, np.arange(M), np.zeros(M, bool)), np.array(t)


@pytest.mark.parametrize(
    "core_scale, low_scale, centre",
    [(1.0, 1.0, 0.0), (1.0, 0.5, 0.0), (0.5, 1.0, 0.0), (0.7, 0.5, 0.13), (1.0, 0.3, -0.21)],
)
@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_kernels_hold_the_plasmon_without_the_peaks_width(core_scale, low_scale, centre, sd):
    """Closed form: a Gaussian of 3 eV at 25 eV, whatever the dispersions and the peak's place.

    The Wiener filter is allowed one percent.
    """
    k, t = recorded(core_scale, low_scale, sd, centre)
    found = np.fft.irfft(k.scores @ k.transforms, k.axis.length)
    energies = core_scale * np.arange(k.axis.length)
    truth = t[:, None] * core_scale * gaussian(energies, 25, 3)
    np.testing.assert_allclose(found, truth, atol=0.01 * truth.max())
    np.testing.assert_allclose(found.sum(1), t, rtol=0.01)


@pytest.mark.parametrize("core_scale, low_scale", [(1.0, 1.0), (1.0, 0.25), (0.5, 1.0)])
def test_scattering_with_kernels_from_the_low_loss(core_scale, low_scale):
    """Truth: direct convolution with the plasmon on the core loss's own axis; one percent."""
    k, t = recorded(core_scale, low_scale, 1.0)
    scores, components = spectra(3)
    found_scores, found = k.restore(scores, components)
    shape = core_scale * gaussian(core_scale * np.arange(REACH), 25, 3)
    truth = textbook_scatter(scores @ components, t[:, None] * shape)
    np.testing.assert_allclose(found_scores @ found, truth, atol=0.01 * truth.max())


def test_padding_is_long_enough_for_the_low_loss():
    """Closed form: what is scattered from the end must not come round to the beginning.

    Far before the first edge nothing can be scattered: 1e-6 of the edge.
    """
    k, _ = recorded(0.5, 0.5, 1.0)
    rising = np.where(np.arange(M) > 200, 1.0, 0.0)[None]
    _, found = k.restore(np.ones((3, 1)), rising)
    assert np.abs(found[1:, :150]).max() < 1e-6


@pytest.mark.parametrize("noise", [0.0, 3e-3])
def test_what_is_scattered_keeps_its_integral(noise):
    """Closed form: the filter is one over the peak at frequency zero, whatever its noise floor."""
    k, t = recorded(1.0, 0.5, 0.8, noise=noise)
    np.testing.assert_allclose(k.scores @ k.transforms[:, 0].real, t, rtol=1e-3)


@pytest.mark.parametrize(
    ("sd", "noise", "limit"), [(0.8, 0, 0.1), (1.0, 0, None), (1.7, 0, 1e-3), (1.7, 0.01, None)]
)
def test_peak_is_divided_out_down_to_its_noise(sd, noise, limit):
    """Textbook: Wiener's filter, its floor three times the median of the highest tenth.

    The transform of the peak is a sum over its channels; the floor is 0.1 to 10 %.
    """
    k, _ = recorded(1.0, 0.5, sd, noise=noise)
    frequency = np.arange(k.axis.length // 2 + 1) / k.axis.length
    low_loss = analysed(0.5, sd, noise=noise)
    peak, inelastic = (
        np.array([np.sum(values * np.exp(-2j * np.pi * f * energies)) for f in frequency])
        for energies, values in (
            (low_loss.peak_energies, low_loss.peak.shape),
            (low_loss.energies, low_loss.inelastic[0]),
        )
    )
    highest = np.abs(peak)[int(np.ceil(0.9 * len(peak))) :]
    floor = np.clip(3 * np.median(highest), 1e-3, 0.1)
    assert 1e-3 < floor < 0.1 if limit is None else floor == limit
    expected = inelastic * peak.conj() * (1 + floor**2) / (np.abs(peak) ** 2 + floor**2)
    np.testing.assert_allclose(k.transforms[0], expected, atol=1e-6)
