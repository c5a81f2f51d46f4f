"""Corrected components fitted to the counts as recorded, against least squares pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.corrections.convolution import RegularAxis
from hyperspy_unmix.numerics.corrections.fit_as_recorded import fit_as_recorded
from hyperspy_unmix.numerics.corrections.plural_scattering import PluralScattering
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening

N, M = 40, 120


def scene(seed=0):
    """Raw counts of five components, four that are unmixed, kernels of two plasmons."""
    generator = np.random.default_rng(seed)
    channel = np.arange(M)
    plasmons = np.exp(-0.5 * ((channel - np.array([[15], [30]])) / 4) ** 2)
    kernels = np.fft.rfft(plasmons / plasmons.sum(1, keepdims=True), 4 * M)
    axis = RegularAxis(4 * M, channel, np.zeros(M, bool))
    scattering = PluralScattering(generator.uniform(0.1, 0.6, (N, 2)), kernels, axis)
    whitening = ChannelWhitening(generator.uniform(0.5, 2, M))

    def spectra(rank):
        return LowRank(
            scores=generator.uniform(0, 1, (N, rank)),
            components=np.cumsum(generator.standard_normal((rank, M)), 1),
            weights=np.ones(N),
            whitening=whitening,
            noise=np.eye(rank),
            model_error=np.zeros((rank, rank)),
            shape_noise=np.zeros((0, M)),
        )

    return spectra(4), spectra(5), Chain((scattering,))


def residual(spectra, raw, corrections):
    """Whitened, each pixel's by itself."""
    scores, components = corrections.restore(spectra.scores, spectra.components, {})
    left = raw.scores @ raw.components - scores @ components
    return np.sum(raw.whitening.whiten(left) ** 2, 1)


def test_against_least_squares_of_every_pixel():
    """Truth: ``np.linalg.lstsq`` of each pixel's own scattered components, to rounding."""
    spectra, raw, corrections = scene()
    found = fit_as_recorded(spectra, raw, corrections, {}).scores
    counts = raw.whitening.whiten(raw.scores @ raw.components)
    for pixel in range(N):
        one = np.zeros((N, 4))
        recorded = []
        for i in range(4):
            one[:] = np.eye(4)[i]
            scores, components = corrections.restore(one, spectra.components, {})
            recorded.append(scores[pixel] @ components)
        design = raw.whitening.whiten(np.array(recorded)).T
        expected = np.linalg.lstsq(design, counts[pixel], rcond=None)[0]
        np.testing.assert_allclose(found[pixel], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_component_more_never_fits_worse(seed):
    """Closed form: least squares with a column more leave no more, in any pixel."""
    spectra, raw, corrections = scene(seed)
    left = [
        residual(fit_as_recorded(spectra.truncate(n), raw, corrections, {}), raw, corrections)
        for n in (1, 2, 3, 4)
    ]
    assert (np.diff(left, axis=0) <= 1e-9 * left[0]).all()


def test_the_same_component_twice():
    """Degenerate: the fit is as good as with one, and nothing overflows."""
    spectra, raw, corrections = scene()
    one = spectra.truncate(1)
    twice = replace(spectra.truncate(2), components=np.repeat(one.components, 2, axis=0))
    alone = residual(fit_as_recorded(one, raw, corrections, {}), raw, corrections)
    doubled = residual(fit_as_recorded(twice, raw, corrections, {}), raw, corrections)
    np.testing.assert_allclose(doubled, alone, rtol=1e-6)
