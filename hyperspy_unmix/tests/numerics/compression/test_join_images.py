"""Compressed images put together, against the whole image compressed at once."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.compression.join_images import join
from hyperspy_unmix.tests.numerics.separation.test_pure_pixels import compressed, phases

M = 120


def images(sd=(1.0, 1.0), kinds=((0, 1), (1, 2)), seed=0):
    """Two images of two of three phases each; weights and channel noise differ."""
    rng = np.random.default_rng(seed)
    found = []
    for k, (noise, kind) in enumerate(zip(sd, kinds, strict=True)):
        maps = np.zeros((300 + 100 * k, 3))
        maps[:, list(kind)] = rng.uniform(100, 900, (len(maps), len(kind)))
        kept = phases(3)[list(kind)]
        shape = noise * np.linspace(1, 1.5, M)
        weights = rng.uniform(0.5, 2, len(maps))
        found.append(compressed(kept, maps[:, list(kind)], shape, weights, seed + k))
    return found


def dense(spectra):
    return spectra.scores @ spectra.components


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nothing_is_lost(order):
    """Truth: the spectra of the parts, one under the other; their weights and noise."""
    parts = [images()[k] for k in order]
    whole = join(parts, 0.0)
    np.testing.assert_allclose(dense(whole), np.concatenate([dense(p) for p in parts]), atol=1e-8)
    np.testing.assert_allclose(whole.weights, np.concatenate([p.weights for p in parts]))
    assert whole.rank <= 4


def test_a_component_in_both_is_one():
    """Three phases in all: of four directions the fourth holds noise only, and is dropped."""
    parts = images()
    edge = (np.sqrt(700) + np.sqrt(M)) ** 2
    whole = join(parts, edge)
    assert whole.rank == 3
    left = np.linalg.norm(dense(whole) - np.concatenate([dense(p) for p in parts]), axis=1)
    assert np.median(left) < np.sqrt(M)


def test_other_noise_in_the_channels():
    """Closed form: noise over the root of the weight of each pixel and channel stays."""
    parts = images(sd=(1.0, 3.0))
    whole = join(parts, 0.0)
    known = [p.whitening.channel_sd / np.sqrt(p.weights[:, None]) for p in parts]
    found = whole.whitening.channel_sd / np.sqrt(whole.weights[:, None])
    np.testing.assert_allclose(found, np.concatenate(known), rtol=1e-10)


def test_noise_of_the_scores():
    """Closed form: the mean over the pixels of the noise of weighted spectra, along channels."""
    parts = images(sd=(1.0, 2.0))
    whole = join(parts, 0.0)
    n = sum(len(p.scores) for p in parts)

    def of_spectra(spectra, size):
        # trace of the noise of weighted spectra in units of its own whitening
        return size * np.trace(spectra.noise @ spectra.components @ spectra.components.T)

    # in measured units: the weights of the parts differ from the common ones by a factor
    factors = [
        w.mean() / p.weights.mean()
        for w, p in zip(np.split(whole.weights, [len(parts[0].scores)]), parts, strict=True)
    ]
    known = sum(f * of_spectra(p, len(p.scores) / n) for f, p in zip(factors, parts, strict=True))
    assert of_spectra(whole, 1.0) == pytest.approx(known, rel=1e-9)


def test_uncertain_shapes_and_model_error_come_along():
    parts = images()
    shape = np.zeros((1, M))
    shape[0, 5] = 2.0
    first = type(parts[0])(**{**vars(parts[0]), "shape_noise": shape, "model_error": np.eye(2)})
    whole = join([first, parts[1]], 0.0)
    assert whole.shape_noise.shape == (1, M)
    # of 300 of 700 pixels
    assert whole.shape_noise[0, 5] ** 2 == pytest.approx(4 * 300 / 700)
    assert np.trace(whole.model_error) > 0
    assert np.linalg.eigvalsh(whole.model_error).min() > -1e-12


def test_one_image_alone_is_itself():
    part = images()[0]
    whole = join([part], 0.0)
    np.testing.assert_allclose(dense(whole), dense(part), atol=1e-8)
    np.testing.assert_allclose(
        whole.second_moment().trace(),
        np.trace(
            part.second_moment()
            @ (part.components / part.whitening.channel_sd)
            @ (part.components / part.whitening.channel_sd).T
        ),
        rtol=1e-9,
    )
