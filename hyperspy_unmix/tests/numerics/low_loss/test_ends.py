"""What the low loss puts under its zero-loss peak and beyond its axis, against integrals."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.log_ratio import (
    FALL_POWER_LIMITS,
    RISE_POWER_LIMITS,
    inelastic_below,
    inelastic_beyond,
    log_ratio,
)
from hyperspy_unmix.numerics.low_loss.zero_loss import ZeroLossPeak
from hyperspy_unmix.numerics.noise.model import NoiseModel

SCALE = 0.5
ENERGIES = -10 + SCALE * np.arange(320)
SPLIT = 32  # the threshold is at 6 eV
EDGE = ENERGIES[SPLIT] - SCALE / 2


def peak(fwhm=1.0, tail=0.0):
    """A zero-loss peak in the channels below the threshold, with a tail above it."""
    shape = np.exp(-0.5 * (ENERGIES[:SPLIT] / 0.5) ** 2)
    above = tail * np.exp(-np.arange(len(ENERGIES) - SPLIT) / 3)
    return ZeroLossPeak(0.0, ENERGIES[SPLIT], shape / shape.sum(), above, fwhm)


def behind(spectrum):
    """A mean spectrum whose inelastic part is this, behind the threshold."""
    return np.concatenate([1000 * peak().shape, spectrum])


@pytest.mark.parametrize("fwhm", [0.6, 2.0, 4.0])
@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_below_the_threshold_is_the_integral_of_a_power(power, fwhm):
    """Closed form: of E^p from zero; means over a few channels are those of their middle for p = 1.

    For other powers they differ by p (p - 1) / 24 times the squared relative width of the few, and
    the power found by as much again.
    """
    factor, few = inelastic_below(ENERGIES, behind(ENERGIES[SPLIT:] ** power), peak(fwhm))
    assert few == max(4, round(fwhm / SCALE))
    some = ENERGIES[SPLIT : SPLIT + few]
    first = np.mean(some**power)
    within = power * (power - 1) / 12 * (few * SCALE / some.mean()) ** 2 + 1e-9
    assert factor * first == pytest.approx(EDGE ** (power + 1) / (power + 1) / SCALE, rel=within)


@pytest.mark.parametrize(
    ("power", "taken"), [(-2.0, RISE_POWER_LIMITS[0]), (40.0, RISE_POWER_LIMITS[1])]
)
def test_powers_below_the_threshold_have_limits(power, taken):
    """Closed form, as above, of the power that is taken in place of one out of bounds."""
    factor, few = inelastic_below(ENERGIES, behind(ENERGIES[SPLIT:] ** power), peak())
    middle = ENERGIES[SPLIT : SPLIT + few].mean()
    integral = EDGE ** (taken + 1) / (taken + 1) / SCALE
    assert factor == pytest.approx(integral / middle**taken, rel=1e-9)


def test_the_tail_of_the_peak_is_no_inelastic_part():
    """Truth: the same spectrum without a tail."""
    known = inelastic_below(ENERGIES, behind(ENERGIES[SPLIT:]), peak())
    tailed = peak(tail=0.02)
    mean = behind(ENERGIES[SPLIT:]) + np.append(np.zeros(SPLIT), 1000 * tailed.tail)
    assert inelastic_below(ENERGIES, mean, tailed) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("at", [0, 4])
def test_without_inelastic_electrons_there_are_none_below(at):
    """Closed form: no power passes through zero or less, in the first few channels or the next."""
    spectrum = np.ones(len(ENERGIES) - SPLIT)
    spectrum[at : at + 4] = 0
    assert inelastic_below(ENERGIES, behind(spectrum), peak()) == (0.0, 4)


@pytest.mark.parametrize("power", [2.5, 3.0, 5.0])
def test_beyond_the_axis_is_the_integral_of_a_power(power):
    """Closed form: of E^-p to infinity; the channels that tell are a fifteenth of the energy."""
    mean = behind(ENERGIES[SPLIT:] ** -power)
    factor, last = inelastic_beyond(ENERGIES, mean, peak())
    assert last == 20
    end = ENERGIES[-1] + SCALE / 2
    truth = end ** (1 - power) / (power - 1) / SCALE
    assert factor * mean[-last:].mean() == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize(
    ("power", "taken"), [(0.5, FALL_POWER_LIMITS[0]), (9.0, FALL_POWER_LIMITS[1])]
)
def test_powers_beyond_the_axis_have_limits(power, taken):
    """Closed form, as above, of the power that is taken in place of one out of bounds."""
    factor, last = inelastic_beyond(ENERGIES, behind(ENERGIES[SPLIT:] ** -power), peak())
    middle, end = ENERGIES[-last:].mean(), ENERGIES[-1] + SCALE / 2
    truth = end ** (1 - taken) / (taken - 1) / SCALE * middle**taken
    assert factor == pytest.approx(truth, rel=1e-9)


def test_without_electrons_at_the_end_there_are_none_beyond():
    """Closed form: no power passes through zero, nor is there one where the peak reaches it."""
    spectrum = np.ones(len(ENERGIES) - SPLIT)
    for part in (slice(-20, None), slice(-40, -20)):
        dark = spectrum.copy()
        dark[part] = 0
        assert inelastic_beyond(ENERGIES, behind(dark), peak()) == (0.0, 20)
    for channels, found in ((SPLIT + 8, True), (SPLIT + 7, False)):
        factor, last = inelastic_beyond(ENERGIES[:channels], behind(spectrum)[:channels], peak())
        assert last == 4
        assert (factor > 0) == found


def testlog_ratio_and_its_error():
    """Closed form: ln(total / zero loss), and the law of errors with slopes by differences.

    The zero-loss counts follow those below the threshold, over their share of the peak.
    """
    rng = np.random.default_rng(0)
    below, above = rng.uniform(1e3, 1e4, (2, 50))
    share, channels = 0.9, np.array([32, 288])
    zero_loss = below / share * rng.uniform(0.8, 1, 50)

    def t(b, a):
        return np.log((b + a) / (zero_loss + (b - below) / share))

    def error(noise):
        found, sd = log_ratio(below, above, zero_loss, share, noise, channels)
        np.testing.assert_allclose(found, np.log((below + above) / zero_loss), rtol=1e-12)
        return sd

    step = 1e-3
    slopes = [
        (t(below + step, above) - t(below - step, above)) / (2 * step),
        (t(below, above + step) - t(below, above - step)) / (2 * step),
    ]
    counts = np.array([below, above])
    for noise in (NoiseModel("poisson"), NoiseModel("gain", 3.0, read_variance=50.0)):
        variance = noise.gain * counts + noise.read_variance * channels[:, None]
        truth = np.sqrt(np.sum(np.square(slopes) * variance, 0))
        np.testing.assert_allclose(error(noise), truth, rtol=1e-5)
    # noise below zero is none
    odd = NoiseModel("gain", 1.0, read_variance=-5.0)
    np.testing.assert_allclose(error(odd), error(NoiseModel("poisson")), rtol=1e-12)
