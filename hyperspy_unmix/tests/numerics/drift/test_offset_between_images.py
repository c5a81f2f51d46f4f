"""Offset between the energies of known spectra and of an image, against planted offsets."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.drift.offset_between_images import (
    MOST_OFFSET_CHANNELS,
    energy_offset,
    resample,
)
from hyperspy_unmix.tests.numerics.separation.test_pure_pixels import compressed

ENERGY = 400 + 0.5 * np.arange(400.0)


def spectra(energy):
    """Two edges and a peak, smooth on the scale of a channel, so that a spline follows them."""
    step = 1 / (1 + np.exp(-(energy - 450) / 2))
    peak = np.exp(-0.5 * ((energy - 500) / 4) ** 2)
    return np.array([step * (energy / 450) ** -3, step + 3 * peak])


def image(offset, noise, seed=0):
    """200 mixtures whose axis shows energies too high by so many channels."""
    rng = np.random.default_rng(seed)
    maps = rng.uniform(0.5, 2, (200, 2))
    sd = np.full(len(ENERGY), noise)
    return compressed(spectra(ENERGY - 0.5 * offset), maps, sd, np.ones(200), seed)


@pytest.mark.parametrize("offset", [-7.3, -0.4, 0.0, 0.05, 2.0, 9.6])
def test_planted_offset(offset):
    """Truth: the offset planted, to three of the standard deviations stated."""
    found, error = energy_offset(image(offset, 0.02), ENERGY, spectra(ENERGY), ENERGY)
    assert 0 < error < 0.05
    assert abs(found - offset) < 3 * error


def test_error_is_that_of_many_repeats():
    """Monte Carlo: 60 draws of the noise; their scatter is known to 10 %, three of that."""
    found = np.array(
        [
            energy_offset(image(0.3, 0.05, seed), ENERGY, spectra(ENERGY), ENERGY)
            for seed in range(60)
        ]
    )
    scatter = np.sqrt(np.mean((found[:, 0] - 0.3) ** 2))
    assert scatter == pytest.approx(found[:, 1].mean(), rel=0.3)


def test_falling_axis():
    """The same image with its axis turned round: as many channels, the other way."""
    known, _ = energy_offset(image(0.7, 0.02), ENERGY, spectra(ENERGY), ENERGY)
    turned = image(0.7, 0.02)
    turned = type(turned)(**{**vars(turned), "components": turned.components[:, ::-1]})
    found, _ = energy_offset(turned, ENERGY[::-1], spectra(ENERGY), ENERGY)
    assert found == pytest.approx(-known, abs=1e-3)


def test_beyond_reach_is_at_the_end_of_the_grid():
    """An offset of twice the reach is not found, and not where it might be believed."""
    found, _ = energy_offset(image(2 * MOST_OFFSET_CHANNELS, 0.02), ENERGY, spectra(ENERGY), ENERGY)
    assert abs(found) > 0.9 * MOST_OFFSET_CHANNELS


def test_resampled_against_the_function_itself():
    """Truth: the spectra at the other energies; a cubic spline is off by (step / width)^4."""
    asked = ENERGY[5:-5] + 0.13
    np.testing.assert_allclose(resample(spectra(ENERGY), ENERGY, asked), spectra(asked), atol=1e-4)
    for order in (slice(None), slice(None, None, -1)):
        same = resample(spectra(ENERGY[order]), ENERGY[order], ENERGY)
        np.testing.assert_allclose(same, spectra(ENERGY), rtol=1e-12)
    beyond = resample(spectra(ENERGY), ENERGY, np.array([300.0, 900.0]))
    np.testing.assert_allclose(beyond, spectra(ENERGY)[:, [0, -1]], rtol=1e-12)


@pytest.mark.parametrize("beside", [0.0, 200.0], ids=["known spectra", "and one that is not"])
def test_error_is_that_of_the_information(beside):
    """Closed form: one over the slope that no combination of the spectra can take, over the noise.

    A strong third component, where the known spectra are next to nothing, tells nothing. Finite
    differences of a quarter of a channel, and noise in the curvature, are good for 3 %.
    """
    rng = np.random.default_rng(0)
    maps, sd = rng.uniform(0.5, 2, (200, 2)), np.full(len(ENERGY), 0.02)
    known, step = spectra(ENERGY), 1e-3
    third = beside * np.exp(-0.5 * ((ENERGY - 415) / 3) ** 2)
    number = 3 if beside else 2
    mixed = np.column_stack([maps, rng.uniform(0.5, 2, 200)])[:, :number]
    data = compressed(np.vstack([known, third])[:number], mixed, sd, np.ones(200), 0)
    offset, error = energy_offset(data, ENERGY, known, ENERGY)
    slopes = (spectra(ENERGY - 0.5 * step) - known) / step / sd
    taken = np.linalg.qr(known.T)[0]
    slopes -= (slopes @ taken) @ taken.T
    assert error == pytest.approx(1 / np.linalg.norm(maps @ slopes), rel=0.03)
    assert abs(offset) < 3 * error
