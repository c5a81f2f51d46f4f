"""Detail finer than a channel, against spectra that were summed over channels in closed form."""

import numpy as np
import pytest
from scipy.special import ndtr

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.aliasing import Aliasing
from hyperspy_unmix.numerics.corrections.fractional_shift import FractionalShift
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.tests.numerics.corrections.low_rank_scenes import singular_values

N, M = 900, 160
EDGE = noise_edge(N, M)
INSIDE = slice(8, -8)


def spectra(shift, sd, split=0.0):
    """Two white lines and two edges per phase, summed over channels; shape (pixels, 2, channels).

    ``sd`` is the width of the lines in channels. The second phase has other edges, or with
    ``split`` those of the first, moved by so many channels.
    """
    ends = np.arange(M + 1) - 0.5 - np.asarray(shift, float)[..., None]

    def one(first, second):
        places = (first, 1), (second, 0.5)
        lines = sum(h * np.diff(ndtr((ends - c) / sd)) for c, h in places)
        above = (h * ndtr((ends[..., 1:] - c) / sd) / 4 for c, h in places)
        return lines + sum(above)

    other = (50.3 + split, 63.7 + split) if split else (90.4, 100.6)
    return np.stack([one(50.3, 63.7), one(*other)], -2)


def recorded(shift, maps, sd, split=0.0):
    """Compressed spectra as they were recorded with white noise of variance one, moved back."""
    noise = np.random.default_rng(7).standard_normal((N, M))
    counts = np.einsum("pi,pic->pc", maps, spectra(shift, sd, split)) + noise
    left, s, right = np.linalg.svd(counts, full_matrices=False)
    rank = max(int((s**2 > EDGE).sum()), 2)
    form = LowRank(
        scores=left[:, :rank] * s[:rank],
        components=right[:rank],
        weights=np.ones(N),
        whitening=ChannelWhitening(np.ones(M)),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, M)),
    )
    correction = FractionalShift.build(shift, np.arange(M), np.zeros(M, bool))
    moved = correction.remove(form, EDGE)[0]
    return moved, Aliasing(correction.shift, correction.axis)


def pixel_maps(seed=1, strength=150.0):
    x = np.linspace(0, 1, 30)[None]
    first = np.random.default_rng(seed).uniform(0.8, 1.2, (30, 30))
    return strength * np.stack([first * (1 - x), first * x], -1).reshape(N, 2)


def waves(reach):
    return reach / 2 * np.sin(np.linspace(0, 8, N))


def above_edge(form):
    return int((singular_values(form) ** 2 > EDGE).sum())


@pytest.mark.parametrize("reach", [0.6, 1.0, 2.5])
def test_two_sharp_phases_are_two_components(reach):
    """Truth: two phases, whose lines are a third of a channel wide; and their spectra at no shift,
    of which less than half the error is left. The noise that the components hold is in it too."""
    shift, maps = waves(reach), pixel_maps()
    moved, aliasing = recorded(shift, maps, 0.33)
    assert above_edge(moved) > 2
    cleaned, fit = aliasing.remove(moved, EDGE)
    assert fit.number >= 1
    assert above_edge(cleaned) == 2
    truth = np.einsum("pi,pic->pc", maps, spectra(np.zeros(N), 0.33))
    before, after = (
        np.sqrt(np.mean((form.scores @ form.components - truth)[:, INSIDE] ** 2))
        for form in (moved, cleaned)
    )
    assert after < 0.5 * before


def test_what_was_taken_out_is_put_back():
    """Closed form: the spectra that there were, to what recompression drops."""
    moved, aliasing = recorded(waves(1.0), pixel_maps(), 0.33)
    cleaned, fit = aliasing.remove(moved, EDGE)
    scores, components = aliasing.restore(cleaned.scores, cleaned.components, fit)
    counts = moved.scores @ moved.components
    np.testing.assert_allclose(scores @ components, counts, atol=0.5)
    per_pixel, remove = aliasing.removal_from_counts(fit)
    cleaned_counts = cleaned.scores @ cleaned.components
    np.testing.assert_allclose(remove(counts, per_pixel), cleaned_counts, atol=0.5)


def test_fine_channels_are_left_as_they_are():
    """Closed form: lines of two channels and more do not alias."""
    moved, aliasing = recorded(waves(1.0), pixel_maps(), 2.0)
    cleaned, fit = aliasing.remove(moved, EDGE)
    assert cleaned is moved
    assert fit is None
    scores, components = aliasing.restore(moved.scores, moved.components)
    assert scores is moved.scores and components is moved.components
    assert remove_nothing(aliasing, moved) is moved.scores


def remove_nothing(aliasing, form):
    per_pixel, remove = aliasing.removal_from_counts()
    return remove(form.scores, per_pixel)


@pytest.mark.parametrize("sd", [0.6, 1.2])
@pytest.mark.parametrize("reach", [0.3, 1.0])
def test_a_valence_that_goes_with_the_drift_stays(reach, sd):
    """Truth: the lines of the second phase are 0.6 channels higher; its map is the drift's own."""
    ramp = np.linspace(0, 1, N)
    maps = 150.0 * np.stack([1 - ramp, ramp], 1)
    moved, aliasing = recorded(reach * (ramp - 0.5), maps, sd, split=0.6)
    assert above_edge(moved) >= 2
    assert above_edge(aliasing.remove(moved, EDGE)[0]) >= 2
