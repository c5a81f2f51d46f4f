"""The background with plural scattering against convolutions of power laws, pixel by pixel."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.corrections.scattered_background import (
    _exponent,
    subtract_scattered_background,
)
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.tests.numerics.corrections.test_plural_scattering import (
    REACH,
    M,
    N,
    kernel,
    shapes,
    thickness,
)

ENERGIES = 400.0 + np.arange(M)
WINDOW = Window(5, 75, "given")
EXTENDED = 400.0 + np.arange(-REACH, M)


def plural(single, kernels):
    """Spectra on the axis, begun ``REACH`` channels before it, with their own plural scattering."""
    scattered = [
        np.convolve(row, own)[: len(row)] for row, own in zip(single, kernels, strict=True)
    ]
    return (single + scattered)[:, REACH:]


def scene(exponents, weights, noise=0.05):
    """Recorded spectra, compressed, and their backgrounds and edges alone."""
    rng = np.random.default_rng(0)
    kernels = np.broadcast_to(weights @ shapes(), (N, REACH))
    share = np.linspace(0, 1, N)[rng.permutation(N), None] if len(exponents) > 1 else 1.0
    laws = (EXTENDED / 440) ** -np.array(exponents)[:, None]
    single = share * laws[0] + (1 - share) * laws[-1]
    background = plural(rng.uniform(50, 150, (N, 1)) * single, kernels)
    step = np.where(EXTENDED >= 480, (EXTENDED / 480) ** -3.0, 0)
    edge = plural(rng.uniform(10, 40, (N, 1)) * step, kernels)
    left, s, right = np.linalg.svd(background + edge, full_matrices=False)
    rank = int((s > 1e-10 * s[0]).sum())
    low_rank = LowRank(
        scores=left[:, :rank] * s[:rank],
        components=right[:rank],
        weights=np.ones(N),
        whitening=ChannelWhitening(np.full(M, noise**2)),
        noise=noise**2 * np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, M)),
    )
    return low_rank, background, edge


@pytest.mark.parametrize("per_pixel", [True, False])
@pytest.mark.parametrize("exponent", [0.7, 2.2, 5.0])
def test_one_law_is_taken_out(exponent, per_pixel):
    """Closed form: a power law, and what its convolution with each pixel's kernel makes of it.

    The exponent is looked for to 1e-4; over the axis that is 1e-4 of the background.
    """
    weights = thickness() if per_pixel else np.array([[0.5, 0.2]])
    spectra, background, edge = scene((exponent,), weights)
    fit = subtract_scattered_background(spectra, ENERGIES, WINDOW, kernel(weights, shapes()), 1e-9)
    assert fit.parameters == pytest.approx((exponent,), abs=2e-3)
    found = fit.background.scores @ fit.background.components
    np.testing.assert_allclose(found, background, rtol=2e-3)
    left = fit.spectra.scores @ fit.spectra.components
    np.testing.assert_allclose(left, edge, atol=2e-3 * background.max())


def test_two_laws_where_pixels_differ_in_slope():
    """Truth: mixtures of two power laws; two others are good to 2 % where they are fitted."""
    weights = thickness()
    spectra, background, _ = scene((2.0, 4.0), weights)
    fit = subtract_scattered_background(spectra, ENERGIES, WINDOW, kernel(weights, shapes()), 1e-9)
    low, high = fit.parameters
    assert 1.9 < low < 2.8 < 3.2 < high < 4.1
    found = fit.background.scores @ fit.background.components
    np.testing.assert_allclose(found[:, 5:100], background[:, 5:100], rtol=0.02)


@pytest.mark.parametrize(("exponent", "limit"), [(0.1, 0.5), (12.0, 8.0)])
def test_exponents_beyond_those_of_backgrounds_are_not_taken(exponent, limit):
    """Definition: of a law flatter or steeper than any background the nearest that is one."""
    weights = thickness()
    spectra, _, _ = scene((exponent,), weights)
    found = _exponent(spectra, ENERGIES, WINDOW, kernel(weights, shapes()))
    assert found == pytest.approx(limit, abs=2e-3)
