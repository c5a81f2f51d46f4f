"""The peak at 0 keV. Truth: Gaussians and continua in closed form, with the noise of counts."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.cleaning.zero_peak import find_zero_peak

SIGMA = 28.0  # eV


def axis(start=-470.0, width=10.0, end=5000.0):
    return np.arange(start, end, width)


def gaussian(energy, centre, sigma):
    return np.exp(-(((energy - centre) / sigma) ** 2) / 2)


def lines(energy, height=400.0):
    """C K, O K and Si K on a continuum that the window of the detector cuts off."""
    continuum = np.where(energy > 120, 30 * np.exp(-energy / 3000), 0)
    weights = {277.0: 0.5, 525.0: 1.0, 1740.0: 3.0}
    return continuum + height * sum(w * gaussian(energy, e, 45.0) for e, w in weights.items())


def found(energy, expected, seed=0):
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    return find_zero_peak(energy, counts, np.maximum(counts, 1))


@pytest.mark.parametrize("height", [30.0, 200.0, 1e5])
@pytest.mark.parametrize("width", [2.5, 5.0, 10.0, 20.0])
def test_peak_and_its_end(width, height):
    """Centre and width within a tenth of a width and chance; nothing of C K is lost.

    The end is beyond 2.3 standard deviations, where 1 count in 100 is left: less than chance moves
    the 200 counts of the faintest peak by.
    """
    energy = axis(width=width)
    peak = found(energy, lines(energy) + height * gaussian(energy, 0.0, SIGMA) * width / 10)
    chance = 4 * SIGMA / np.sqrt(7 * height)
    # The error of a mean of 7 counts for each of height; a bin widens the peak.
    assert abs(peak.centre) < 0.1 * SIGMA + width / 2 + chance
    assert abs(peak.sigma - SIGMA) < 0.15 * SIGMA + 2 * chance
    end = energy[peak.n_channels]
    # C K begins two of its own standard deviations below its centre.
    assert 2.3 * SIGMA < end < 277 - 2 * 45


@pytest.mark.parametrize("off_by", [-60.0, -30.0, -15.0, 15.0, 30.0, 40.0])
def test_axis_that_is_off(off_by):
    """The same spectrum at energies that are wrong: the end moves with the peak."""
    energy = axis()
    expected = lines(energy) + 500 * gaussian(energy, 0.0, SIGMA)
    peak = found(energy + off_by, expected)
    assert peak.is_whole and abs(peak.centre - off_by) < 0.1 * SIGMA + 5
    assert 3 * SIGMA < energy[peak.n_channels] < 277 - 2 * 45


@pytest.mark.parametrize("start", [0.0, 5.0, 10.0, 20.0])
def test_axis_that_begins_within_the_peak(start):
    """Its lower half is not there; the width is that of the flank that is left."""
    energy = axis(start)
    peak = found(energy, lines(energy) + 3000 * gaussian(energy, 0.0, SIGMA))
    assert not peak.is_whole
    assert abs(peak.sigma - SIGMA) < 0.25 * SIGMA
    assert 3 * SIGMA < energy[peak.n_channels] < 277 - 2 * 45


@pytest.mark.parametrize("threshold", [-20.0, 10.0, 20.0, 30.0])
def test_discriminator_cuts_the_lowest_channels(threshold):
    """Channels that are there and hold nothing, then the rest of the peak."""
    energy = axis()
    peak = found(
        energy, lines(energy) + 3000 * gaussian(energy, 0.0, SIGMA) * (energy >= threshold)
    )
    assert 2.5 * SIGMA < energy[peak.n_channels] < 277 - 2 * 45


def test_two_detectors_that_are_not_at_the_same_energy():
    """Two peaks with a dip between them: both are left out."""
    energy = axis()
    two = gaussian(energy, -40.0, 14.0) + 0.5 * gaussian(energy, 25.0, 14.0)
    peak = found(energy, lines(energy) + 500 * two)
    assert 25 + 3 * 14 < energy[peak.n_channels] < 277 - 2 * 45


def test_line_close_behind():
    """Be K at 108 eV stays from 1.5 standard deviations below its centre on."""
    energy = axis(width=5.0)
    expected = 400 * gaussian(energy, 0.0, 20.0) + 60 * gaussian(energy, 108.5, 22.0)
    peak = found(energy, lines(energy) + expected)
    assert 2 * 20 < energy[peak.n_channels] < 108.5 - 1.5 * 22


CONTINUA = {
    "nothing": lambda e: 0 * e,
    "flat": lambda e: 1 + 0 * e,
    "falls exponentially over 3 keV": lambda e: np.exp(-e / 3000),
    "falls exponentially over 50 eV": lambda e: np.exp(-e.clip(0) / 50) * (e >= 0),
    "1/E (Kramers)": lambda e: np.where(e > 0, 10 / e.clip(5), 0),
    "1/E from 20 eV on": lambda e: np.where(e > 20, 20 / e.clip(5), 0),
    "absorbed below": lambda e: np.exp(-e / 3000) * (1 - np.exp(-((e.clip(0) / 150) ** 3))),
    "Li K": lambda e: gaussian(e, 54.3, 20.0),
    "wide hump": lambda e: gaussian(e, 0.0, 200.0),
}


@pytest.mark.parametrize("start", [-470.0, -5.0, 0.0, 5.0])
@pytest.mark.parametrize("level", [0.3, 30.0, 3000.0])
@pytest.mark.parametrize("continuum", CONTINUA.values(), ids=CONTINUA)
def test_no_peak(continuum, level, start):
    """Nothing of electronics in it, at 40 seeds: nothing is found."""
    energy = axis(start, end=3000.0)
    expected = lines(energy, level) * (level / 30) + level * continuum(energy)
    assert not any(found(energy, expected, seed) for seed in range(40))


@pytest.mark.parametrize(
    "energy",
    [
        np.array([0.0]),
        axis(start=100.0),
        axis(end=-200.0),
        axis(width=100.0),
        axis()[::-1],
        np.array([-10.0, 0.0, 10.0]),
    ],
    ids=["one channel", "above 0", "below 0", "wide channels", "falling", "few channels"],
)
def test_axes_that_cannot_show_one(energy):
    """None is found, and nothing fails."""
    assert found(energy, 500 * gaussian(energy, 0.0, SIGMA)) is None


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-16])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_constant_values_without_scatter(value):
    """Nothing stands out."""
    energy = axis()
    assert find_zero_peak(energy, np.full(len(energy), value), np.zeros(len(energy))) is None


def test_values_of_any_size():
    """The same values in other units, with their variance: the same channels."""
    energy = axis()
    counts = np.random.default_rng(0).poisson(lines(energy) + 50 * gaussian(energy, 0.0, SIGMA))
    of_counts = find_zero_peak(energy, counts.astype(float), np.maximum(counts, 1.0))
    small = find_zero_peak(energy, 1e-16 * counts, 1e-32 * np.maximum(counts, 1.0))
    assert of_counts.n_channels == small.n_channels
