"""Kernels of a noisy low loss: as large as physics allows, and no sharper than it holds."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_unmix.numerics.corrections.inelastic_transforms import inelastic_transforms
from hyperspy_unmix.numerics.corrections.plural_scattering import scattering
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss, analyse_low_loss
from hyperspy_unmix.numerics.low_loss.zero_loss import ZeroLossPeak
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.numerics.low_loss import low_loss_scenes as scenes

SCALE, SD = 0.05, 0.4
T = np.linspace(0.2, 0.9, 60)


def recorded(noise, end=60.0, seed=0):
    """A low loss of fine dispersion on a camera of this read noise, analysed."""
    energies = scenes.axis(SCALE, end=end)
    expected = 1e6 * scenes.low_loss(energies, T, SD, orders=8)
    generator = np.random.default_rng(seed)
    data = generator.poisson(np.maximum(expected, 0)) + generator.normal(0, noise, expected.shape)
    return analyse_low_loss(row_blocks(data.astype(np.float32)), energies)


def kernels(low_loss):
    """Every pixel's kernel, and what takes it out, as transforms."""
    n = 600
    k = scattering(low_loss, SCALE, np.arange(n), np.zeros(n, bool))
    weights, transforms = k.inverse
    return k.scores @ k.transforms, weights @ transforms


@pytest.mark.parametrize("noise", [10.0, 100.0, 300.0])
@pytest.mark.parametrize("end", [60.0, 28.0], ids=["whole", "cut among the plasmons"])
def test_kernels_stay_within_what_is_physical(noise, end):
    """Closed form: inelastic intensity is not negative, so no frequency exceeds frequency zero.

    Of exp(t p) with abs(p) up to one, the inverse is exp(-t p) - 1: e^t + 1 at most. A tenth more
    is left to the noise of t and to the common kernels.
    """
    forward, inverse = kernels(recorded(noise, end))
    greatest = np.abs(forward[:, 0])
    assert (np.abs(forward) < 1.1 * greatest[:, None]).all()
    assert np.abs(inverse).max() < 1.1 * (np.exp(T.max()) + 1)


@pytest.mark.parametrize("noise", [10.0, 100.0])
def test_what_the_low_loss_holds_is_kept(noise):
    """Truth: exp(t p) - 1 of a Gaussian plasmon, up to the frequencies at which it has died out.

    Five percent of frequency zero: half for the thickness of a pixel, whose noise is two percent.
    """
    low_loss = recorded(noise, end=120.0)
    forward, _ = kernels(low_loss)
    length = 2 * (forward.shape[1] - 1)
    frequency = np.arange(forward.shape[1]) / (length * SCALE)
    plasmon = np.exp(
        -2j * np.pi * frequency * scenes.PLASMON - 2 * (np.pi * frequency * scenes.WIDTH) ** 2
    )
    truth = np.exp(T[:, None] * plasmon) - 1
    low = frequency < 0.15
    error = np.abs(forward - truth)[:, low].max(1) / truth[:, 0].real
    assert np.median(error) < 0.05


def one_component(noise):
    """White noise in every channel, and nothing else, as the inelastic part of one pixel."""
    energies = SCALE * np.arange(-100, 1000)
    peak = np.exp(-0.5 * (energies / SD) ** 2)
    below = energies < 2
    generator = np.random.default_rng(1)
    inelastic = noise * generator.standard_normal((1, np.sum(~below)))
    zlp = ZeroLossPeak(
        0.0, 2.0, peak[below] / peak[below].sum(), np.zeros(np.sum(~below)), 2.3548 * SD
    )
    one = np.ones(1)
    return LowLoss(
        t_over_lambda=one,
        t_error=0 * one,
        zero_loss=one,
        scores=one[:, None],
        inelastic=inelastic,
        energies=energies[~below],
        peak=zlp,
        peak_energies=energies[below],
        shift=0 * one,
        shift_error=0 * one,
    )


def test_noise_alone_makes_no_kernel():
    """Truth: zero; where the noise is not known, it comes through and is amplified."""
    unknown = one_component(1e-3)
    n = unknown.inelastic.shape[1]
    known = replace(unknown, noise=np.array([n * 1e-6]))
    frequency = np.arange(2000) / (4000 * SCALE)
    low = frequency > 0.05
    with_noise = np.abs(inelastic_transforms(unknown, frequency))[:, low]
    without = np.abs(inelastic_transforms(known, frequency))[:, low]
    assert with_noise.max() > 0.03
    assert without.max() < 0.01 * with_noise.max()
