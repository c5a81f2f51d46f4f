"""An offset between two images from their spectra: found where it is, and only there."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.drift.offset_of_spectra import offset_of_spectra

CHANNELS = 160
CHANNEL = np.arange(float(CHANNELS))


def spectra(offset, shares, seed):
    """Poisson counts of three phases of two bands each, ``offset`` channels too high."""
    centres = np.array([(30, 90), (50, 120), (70, 135)])[:, :, None] + offset
    phases = np.exp(-0.5 * ((CHANNEL - centres) / 3.0) ** 2).sum(1) + 0.2
    rng = np.random.default_rng(seed)
    maps = np.zeros((120, 3))
    maps[:, shares] = rng.dirichlet([0.7] * len(shares), 120)
    return rng.poisson(300 * maps @ phases).astype(float)


@pytest.mark.parametrize("offset", [-6.0, -1.3, 0.8, 2.0, 9.0])
@pytest.mark.parametrize("shares", [(0, 1, 2), (1, 2)], ids=["same phases", "one is lacking"])
def test_an_offset_is_found(offset, shares):
    """Truth: what was put in, within a twentieth of a channel or five of its errors."""
    pair = spectra(offset, (0, 1, 2), 1), spectra(0.0, shares, 2)
    found = offset_of_spectra(pair, (np.ones(120, int), np.ones(120, int)))
    assert found.moved < found.as_they_are
    assert found.channels == pytest.approx(offset, abs=max(0.05, 5 * found.error))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shares", [(0, 1, 2), (0, 1), (2,)])
def test_none_where_there_is_none(seed, shares):
    """Truth: no offset; the second image has all phases, two or one of them."""
    pair = spectra(0.0, (0, 1, 2), 10 + seed), spectra(0.0, shares, 20 + seed)
    found = offset_of_spectra(pair, (np.ones(120, int), np.ones(120, int)))
    assert found.moved >= found.as_they_are or abs(found.channels) < 0.2


def test_other_phases_have_no_offset():
    """Truth: none; the images have nothing in common."""
    pair = spectra(0.0, (0,), 1), spectra(0.0, (1, 2), 2)
    found = offset_of_spectra(pair, (np.ones(120, int), np.ones(120, int)))
    assert found.moved >= found.as_they_are or abs(found.channels) < 0.2


def test_too_few_channels():
    pair = spectra(0.0, (0,), 1)[:, :50], spectra(0.0, (0,), 2)[:, :50]
    assert offset_of_spectra(pair, (np.ones(120, int), np.ones(120, int))) is None
