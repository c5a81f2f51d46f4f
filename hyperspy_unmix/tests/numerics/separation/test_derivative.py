"""The spectral derivative, its noise and its smoothing, against closed forms and loops."""

import numpy as np
import pytest
from scipy.linalg import eigh

from hyperspy_unmix.numerics.separation.derivative import (
    MOST_NOISE_SHARE,
    SMOOTHING_WIDTHS,
    choose_width,
    derivative,
    noise_share,
)

M = 200
orders = pytest.mark.parametrize("order", [1, 2, 3])
widths = pytest.mark.parametrize("width", [0.0, 0.7, 2.8, 8.0])


def noise_variance(channels, sd, order, width):
    """Closed form: the derivative is linear, so white noise leaves a sum of squares."""
    matrix = derivative(np.eye(len(channels)), channels, sd, order, width)
    return sd**2 @ matrix**2


def interior(values, order, width):
    """Without what the ends of the axis reach: the Gaussian is cut off at four of its widths."""
    reach = int(4 * width + 0.5) + order
    return values[..., reach : values.shape[-1] - reach]


# ------------------------------------------------------------------------------ unit variance


def test_first_difference_leaves_out_gaps_and_is_in_units_of_its_noise():
    """Truth: a loop over neighbouring channels."""
    rng = np.random.default_rng(0)
    channels = np.array([3, 4, 5, 9, 10, 20, 30, 31])
    components, sd = rng.standard_normal((2, 8)), rng.uniform(0.5, 3, 8)
    truth = [
        (components[:, i + 1] - components[:, i]) / np.hypot(sd[i + 1], sd[i])
        for i in range(7)
        if channels[i + 1] == channels[i] + 1
    ]
    np.testing.assert_allclose(derivative(components, channels, sd), np.transpose(truth))


@orders
@pytest.mark.parametrize("width", [0.0, 2.0])
def test_derivative_of_white_noise_has_variance_one(order, width):
    """Monte Carlo: four standard errors of the mean square of 100 spectra.

    Neighbouring values are correlated: the error's square is twice the sum of the squared
    covariances. The ends of the smoothed axis are another test's.
    """
    rng = np.random.default_rng(1)
    sd = rng.uniform(0.1, 10, 1000) if width == 0 else np.sqrt(np.linspace(1, 9, 1000))
    where = (np.arange(1000), sd, order, width)
    found = interior(derivative(rng.standard_normal((100, 1000)) * sd, *where), order, width)
    matrix = sd[:, None] * interior(derivative(np.eye(1000), *where), order, width)
    error = np.sqrt(2 * np.sum((matrix.T @ matrix) ** 2) / 100) / matrix.shape[1]
    assert error < 0.02
    assert np.mean(found**2) == pytest.approx(1, abs=4 * error)


@orders
@widths
def test_variance_is_one_in_every_channel_of_even_noise(order, width):
    """Closed form, see `noise_variance`; away from the ends nothing is approximate."""
    found = noise_variance(np.arange(M), np.full(M, 3.0), order, width)
    np.testing.assert_allclose(interior(found, order, width), 1, rtol=1e-10)


@orders
def test_variance_is_one_whatever_the_noise_without_smoothing(order):
    """Closed form: the sum of the channels' variances times squared binomial coefficients."""
    sd = np.random.default_rng(0).uniform(0.1, 10, M)
    np.testing.assert_allclose(noise_variance(np.arange(M), sd, order, 0.0), 1, rtol=1e-10)


@orders
@pytest.mark.parametrize("width", [0.7, 1.4, 2.8])
def test_variance_is_one_where_the_noise_changes_slowly(order, width):
    """Closed form; noise that changes by a factor of 7 within 30 channels.

    Its variance at the two sides of a kernel is not that at its middle: the curvature, 2 width^2 /
    10^2 of it, is 16 % at the widest.
    """
    sd = np.exp(np.sin(np.arange(M) / 10))
    found = interior(noise_variance(np.arange(M), sd, order, width), order, width)
    np.testing.assert_allclose(found, 1, atol=0.01 + 2 * width**2 / 100)


@widths
def test_variance_is_one_at_the_ends_of_a_run_too(width):
    """Closed form: the docstring promises unit noise for every value, not for most of them.

    The ICA takes each value for as certain as the others. A tenth is granted.
    """
    channels = np.concatenate([np.arange(60), np.arange(80, 200)])
    found = noise_variance(channels, np.full(len(channels), 3.0), 2, width)
    np.testing.assert_allclose(found, 1, atol=0.1)


# ------------------------------------------------------------------------------ gaps and runs


@orders
@widths
def test_gaps_are_never_crossed(order, width):
    """Truth: channels beyond a gap are changed beyond recognition, and not one value moves."""
    rng = np.random.default_rng(0)
    channels = np.concatenate([np.arange(30), np.arange(31, 71)])
    spectra, sd = rng.standard_normal((2, 70)), rng.uniform(1, 2, 70)
    first = 30 - order
    known = derivative(spectra, channels, sd, order, width)
    assert known.shape == (2, first + 40 - order)
    for beyond, same in [
        (slice(30, None), slice(None, first)),
        (slice(None, 30), slice(first, None)),
    ]:
        other, other_sd = spectra.copy(), sd.copy()
        other[:, beyond] = 1e6 * rng.standard_normal(other[:, beyond].shape)
        other_sd[beyond] *= 1e3
        found = derivative(other, channels, other_sd, order, width)
        np.testing.assert_array_equal(found[:, same], known[:, same])


@orders
@widths
def test_short_runs_are_dropped(order, width):
    """Closed form: a run of n channels has n - order differences, or none."""
    rng = np.random.default_rng(0)
    lengths = [1, 2, 3, 4, 5, 9]
    starts = np.cumsum([0, *lengths[:-1]]) + 10 * np.arange(len(lengths))
    channels = np.concatenate(
        [start + np.arange(n) for start, n in zip(starts, lengths, strict=True)]
    )
    spectra = rng.standard_normal((2, len(channels)))
    found = derivative(spectra, channels, np.ones(len(channels)), order, width)
    assert found.shape == (2, sum(max(n - order, 0) for n in lengths))
    assert np.isfinite(found).all()


@orders
def test_nothing_but_short_runs_is_an_empty_array(order):
    found = derivative(np.ones((3, 10)), 2 * np.arange(10), np.ones(10), order, 1.0)
    assert found.shape == (3, 0)


# ------------------------------------------------------------------------------ smoothing


def explicitly_smoothed(spectra, width):
    """Truth: a sum over the neighbours within four widths, the ends continued."""
    if width == 0:
        return spectra
    radius, channel = int(4 * width + 0.5), np.arange(spectra.shape[-1])
    smooth, total = np.zeros(spectra.shape), 0.0
    for k in range(-radius, radius + 1):
        weight = np.exp(-0.5 * (k / width) ** 2)
        smooth += weight * spectra[..., np.clip(channel + k, 0, len(channel) - 1)]
        total += weight
    return smooth / total


@orders
@widths
def test_smoothing_against_explicit_sums(order, width):
    """Truth: `explicitly_smoothed`, numpy's differences, and the noise of both, channel by channel.

    Compared where the noise does not know of the ends.
    """
    spectrum = np.random.default_rng(order).standard_normal(M).cumsum()
    smooth = explicitly_smoothed(spectrum, width)
    matrix = explicitly_smoothed(np.eye(M), width)
    kernel = np.diff(matrix, n=order, axis=1)[:, M // 2]
    truth = np.diff(smooth, n=order) / (2.5 * np.sqrt(np.sum(kernel**2)))
    found = derivative(spectrum[None], np.arange(M), np.full(M, 2.5), order, width)[0]
    np.testing.assert_allclose(
        interior(found, order, width), interior(truth, order, width), atol=1e-10
    )


@orders
@widths
def test_derivative_is_linear_in_the_spectra(order, width):
    """Identity: that of a mixture is the mixture of the derivatives."""
    rng = np.random.default_rng(0)
    channels = np.concatenate([np.arange(30), np.arange(40, 90)])
    spectra, mixing = rng.standard_normal((3, 80)), rng.standard_normal((2, 3))
    where = (channels, rng.uniform(1, 2, 80), order, width)
    np.testing.assert_allclose(
        derivative(mixing @ spectra, *where), mixing @ derivative(spectra, *where), atol=1e-11
    )


@orders
def test_derivative_of_a_polynomial(order):
    """Closed form: x^order has the derivative order!; smoothing changes its lower powers only."""
    x = np.arange(100.0)
    for width in (0.0, 1.4):
        impulse = np.diff(explicitly_smoothed(np.eye(100)[50], width), n=order)
        factorial = np.prod(np.arange(1, order + 1))
        found = derivative((x**order)[None], x.astype(int), np.ones(100), order, width)[0]
        truth = factorial / np.sqrt(np.sum(impulse**2))
        np.testing.assert_allclose(interior(found, order, width), truth, rtol=1e-7)


def test_input_is_not_modified():
    spectra, sd = np.random.default_rng(0).standard_normal((2, 50)), np.ones(50)
    spectra.flags.writeable = sd.flags.writeable = False
    derivative(spectra, np.arange(50), sd, 2, 1.0)


# ------------------------------------------------------------------------------ share of noise


def with_covariance(covariance, samples=500, seed=0):
    """Rows of exactly this covariance, and a mean that must not matter."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((len(covariance), samples))
    rows -= rows.mean(1, keepdims=True)
    rows = np.linalg.solve(np.linalg.cholesky(rows @ rows.T / samples), rows)
    return np.linalg.cholesky(covariance) @ rows + 5


def turned(diagonal, seed=3):
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    return rotation @ np.diag(diagonal) @ rotation.T


def test_noise_share_of_a_constructed_covariance():
    """Closed form: in the rotation's own axes the shares are 0.1/9, 1/4 and 0.3/1."""
    found = noise_share(with_covariance(turned([9.0, 4.0, 1.0])), turned([0.1, 1.0, 0.3]))
    assert found == pytest.approx(0.3, rel=1e-8)


def test_noise_share_is_of_the_worst_combination():
    """Closed form: the share of single rows is small, that of their difference is not.

    Rows of variance 1.01 and covariance 0.99: their difference has 0.04, of which 0.02 is noise.
    """
    rows = with_covariance(np.array([[1.01, 0.99], [0.99, 1.01]]))
    assert noise_share(rows, 0.01 * np.eye(2)) == pytest.approx(0.5, rel=1e-8)


def test_noise_share_does_not_depend_on_how_components_are_mixed():
    """Identity: the same question of the same space."""
    rng = np.random.default_rng(0)
    rows, errors = with_covariance(turned([9.0, 4.0, 1.0])), turned([0.1, 1.0, 0.3])
    mixing = rng.standard_normal((3, 3))
    found = noise_share(mixing @ rows, mixing @ errors @ mixing.T)
    assert found == pytest.approx(noise_share(rows, errors), rel=1e-6)


def test_noise_share_of_nothing_and_of_no_noise():
    """Closed form: rows without structure are all noise, and no errors are a share of zero."""
    assert noise_share(np.full((2, 30), 4.0), np.eye(2)) == 1
    assert noise_share(with_covariance(np.eye(3)), np.zeros((3, 3))) == pytest.approx(0, abs=1e-12)


def test_noise_share_where_rows_repeat_one_another():
    """Closed form: their difference is nothing but noise, more than any share that is allowed."""
    rows = np.repeat(np.random.default_rng(0).standard_normal((1, 40)), 2, 0)
    assert noise_share(rows, 1e-3 * np.eye(2)) > 1e6


def test_noise_share_of_noise_is_one():
    """Monte Carlo: the largest eigenvalue of 3 x 3 Wishart matrices of 2000 samples.

    Between 1 and (1 - sqrt(3/2000))^-2 = 1.08 (Marchenko-Pastur).
    """
    sd = np.random.default_rng(0).uniform(1, 3, 2001)
    noise = np.random.default_rng(1).standard_normal((3, 2001)) * sd
    found = noise_share(derivative(noise, np.arange(2001), sd), np.eye(3))
    assert 1 <= found <= 1.1


# ------------------------------------------------------------------------------ the width


def peaks(level=0.0, seed=0):
    """Three spectra of peaks, with noise of this variance: what a PCA knows them to."""
    centres = np.array([[60], [95], [130]])
    spectra = np.exp(-0.5 * ((np.arange(M) - centres) / 5.0) ** 2)
    spectra += np.sqrt(level) * np.random.default_rng(seed).standard_normal(spectra.shape)
    return spectra, np.arange(M), np.ones(M), level * np.eye(3)


@pytest.mark.parametrize("seed", range(5))
@orders
def test_more_noise_never_gives_less_smoothing(order, seed):
    """Truth: monotony, from no smoothing at all to the most there is."""
    levels = np.geomspace(1e-9, 10, 25)
    found = [choose_width(*peaks(level, seed), order) for level in levels]
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == SMOOTHING_WIDTHS[-1]
    assert len(set(found)) > 4


@orders
def test_without_noise_nothing_is_smoothed(order):
    assert choose_width(*peaks(), order) == 0


@pytest.mark.parametrize("level", [1e-6, 1e-5, 1e-4, 1e-3])
def test_width_is_the_least_that_does(level):
    """Independent library: generalised eigenvalues of the covariance of each width's derivative."""
    spectra, channels, sd, errors = peaks(level)
    shares = []
    for width in SMOOTHING_WIDTHS:
        detail = derivative(spectra, channels, sd, 2, width)
        shares.append(eigh(errors, np.cov(detail, bias=True), eigvals_only=True).max())
    expected = next(
        w for w, s in zip(SMOOTHING_WIDTHS, shares, strict=True) if s <= MOST_NOISE_SHARE
    )
    assert choose_width(spectra, channels, sd, errors, 2) == expected


def test_fewer_differences_than_components_are_not_smoothed():
    """Nothing can be said of the noise there; the caller refuses to separate them."""
    spectra = np.random.default_rng(0).standard_normal((3, 5))
    assert choose_width(spectra, np.arange(5), np.ones(5), np.eye(3), 2) == 0
