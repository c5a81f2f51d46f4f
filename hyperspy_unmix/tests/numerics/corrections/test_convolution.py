"""Convolution of compressed spectra, against direct convolution and functions of every kernel."""

import numpy as np
import pytest
from scipy.fft import next_fast_len
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.corrections.convolution import (
    MOST_KERNELS,
    RegularAxis,
    combine,
    common_kernels,
)

M, REACH = 200, 60
LENGTH = next_fast_len(M + 3 * REACH, real=True)


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def channels(kept=None, empty=()):
    hollow = np.zeros(M, bool)
    hollow[list(empty)] = True
    kept = np.flatnonzero(~hollow) if kept is None else np.asarray(kept)
    return RegularAxis(LENGTH, kept, hollow)


def shapes():
    """Two plasmons on whole channels, of unit integral."""
    channel = np.arange(REACH)
    found = np.exp(-0.5 * ((channel - [[12], [25]]) / [[2], [4]]) ** 2)
    return found / found.sum(1, keepdims=True)


# ------------------------------------------------------------------------------------- channels


def test_there_and_back_is_the_same():
    """Exact: the inverse transform of the transform, gaps and empty channels left out."""
    kept = np.r_[0:50, 60:100, 105:200]
    for axis in (channels(), channels(kept), channels(kept, range(100, 105))):
        spectra = np.random.default_rng(0).standard_normal((4, len(axis.channels)))
        transforms = axis.transform(spectra)
        assert transforms.shape == (4, LENGTH // 2 + 1)
        np.testing.assert_allclose(axis.inverse_transform(transforms), spectra, atol=1e-12)


def test_convolution_is_direct_convolution():
    """Truth: ``numpy.convolve``; kernels slowest, then components."""
    rng = np.random.default_rng(1)
    components = rng.standard_normal((3, M)).cumsum(1)
    components -= components[:, :10].mean(1, keepdims=True)
    components[:, :10] = components[:, -10:] = 0
    found = channels().convolve(components, np.fft.rfft(shapes(), LENGTH))
    truth = [np.convolve(row, shape)[:M] for shape in shapes() for row in components]
    np.testing.assert_allclose(found, truth, atol=1e-10)


def test_a_constant_stays_constant():
    """Closed form: led from its last value to its first, it goes on for ever."""
    found = channels().convolve(np.full((1, M), 5.0), np.fft.rfft(shapes(), LENGTH))
    np.testing.assert_allclose(found, 5, rtol=1e-12)


def test_the_end_does_not_come_round_to_the_beginning():
    """Closed form: nothing before a rise, however high the end is."""
    rise = np.where(np.arange(M) >= 150, 1e6, 0.0)[None]
    found = channels().convolve(rise, np.fft.rfft(shapes(), LENGTH))
    assert np.abs(found[:, :150]).max() < 1e-8


def test_gaps_are_interpolated_and_empty_channels_hold_nothing():
    """Truth: direct convolution of what is assumed there."""
    kept = np.r_[0:80, 90:120, 125:200]
    axis = channels(kept, range(120, 125))
    ramp = np.maximum(np.arange(M) - 20.0, 0)
    ramp[180:] = 160 * np.cos(np.linspace(0, np.pi / 2, 20))
    assumed = ramp.copy()
    assumed[120:125] = 0
    found = axis.convolve(ramp[None, kept], np.fft.rfft(shapes()[:1], LENGTH))
    truth = np.convolve(assumed, shapes()[0])[:M][kept]
    np.testing.assert_allclose(found[0], truth, atol=1e-3)


def test_combine_is_the_outer_product_of_every_pixel():
    """Truth: a loop."""
    rng = np.random.default_rng(2)
    scores, weights = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    truth = [np.kron(w, s) for w, s in zip(weights, scores, strict=True)]
    np.testing.assert_allclose(combine(scores, weights), truth)


# -------------------------------------------------------------------------------- common kernels

FUNCTIONS = {
    "inverse": (lambda x: -x / (1 + x), 1e-3),
    "logarithm": (lambda x: np.log(1 + x) / x - 1, 1e-3),
    "exponential": (np.expm1, 1e-3),
    "itself": (lambda x: x, 1e-6),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("pixels", [1, 3, 1500])
def test_functions_of_every_kernel(name, pixels):
    """Truth: the function of each pixel's own transform, in real space; precision 3e-4 stated."""
    function, precision = FUNCTIONS[name]
    scores = np.random.default_rng(3).uniform(0.02, 0.5, (pixels, 2))
    transforms = np.fft.rfft(shapes(), LENGTH)
    weights, kernels = common_kernels(scores, transforms, LENGTH, function)
    assert weights.shape == (pixels, len(kernels))
    assert len(kernels) <= MOST_KERNELS
    truth = np.fft.irfft(function(scores @ transforms), LENGTH)
    error = np.fft.irfft(weights @ kernels, LENGTH) - truth
    assert np.linalg.norm(error, axis=1).max() < precision * np.linalg.norm(truth, axis=1).max()


def test_a_kernel_that_is_nothing():
    """Pixels without scattering among others: their function is that of nothing."""
    scores = np.random.default_rng(4).uniform(0.1, 0.5, (50, 2))
    scores[::7] = 0
    weights, kernels = common_kernels(
        scores, np.fft.rfft(shapes(), LENGTH), LENGTH, lambda x: -x / (1 + x)
    )
    found = np.fft.irfft(weights @ kernels, LENGTH)
    assert np.abs(found[::7]).max() < 1e-3 * np.abs(found).max()


def test_no_spectra_on_an_axis_with_gaps():
    """Nothing comes of nothing, also where gaps are interpolated."""
    axis = RegularAxis(64, np.r_[0:10, 12:20], np.zeros(20, bool))
    assert axis.convolve(np.zeros((0, 18)), np.ones((2, 33))).shape == (0, 18)
