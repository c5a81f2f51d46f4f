"""The low loss against Poisson series of known thickness and peaks of known place."""

from dataclasses import replace
from math import factorial

import dask.array as da
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.blocks import RowBlocks, row_blocks
from hyperspy_unmix.numerics.low_loss import analyse_low_loss, find_zero_loss_peak

SCALE = 0.5
ENERGIES = -20 + SCALE * np.arange(400)
PLASMON = 22.0


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def gaussian(centre, sd, energies=ENERGIES):
    return np.exp(-0.5 * ((energies - centre) / sd) ** 2) * SCALE / sd / np.sqrt(2 * np.pi)


def spectra(t, centre=0.0, counts=1e5, sd=0.8, energies=ENERGIES):
    """Truth: a Poisson series of plasmons; exp(-t) of all electrons are in the zero-loss peak.

    The plasmon is narrow enough for nothing of it to lie under the zero-loss peak.
    """
    t = np.atleast_1d(t)[:, None]
    total = np.exp(-t) * gaussian(centre, sd, energies)
    for k in range(1, 7):
        width = np.sqrt(sd**2 + k * 1.5**2)
        total = total + np.exp(-t) * t**k / factorial(k) * gaussian(
            centre + k * PLASMON, width, energies
        )
    return counts * total


T = np.linspace(0.2, 1.2, 60)


# --------------------------------------------------------------------------------- t/lambda


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("counts", [1.0, 1e6])
def test_thickness_is_the_log_ratio(lazy, counts):
    """Closed form: ln(total / zero loss) is t of the Poisson series.

    The seventh plasmon, left out, is 1.2^7/7! = 7e-4 of the zero loss; the rest is float32.
    """
    data = spectra(T, counts=counts).reshape(6, 10, -1)
    data = da.from_array(data, chunks=(2, 10, 100)) if lazy else data
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    np.testing.assert_allclose(found.t_over_lambda, T, atol=1e-3)
    np.testing.assert_allclose(found.zero_loss, counts * np.exp(-T), rtol=1e-3)
    assert not found.shifts.any()


def test_log_ratio_of_the_recorded_counts():
    """Truth: plain sums of noisy counts below the threshold and in all, in float64."""
    data = np.random.default_rng(0).poisson(spectra(T)).astype(float)
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    below = found.peak.threshold > ENERGIES
    truth = np.log(data.sum(1) / data[:, below].sum(1))
    np.testing.assert_allclose(found.t_over_lambda, truth, rtol=1e-5)
    np.testing.assert_allclose(found.zero_loss, data[:, below].sum(1), rtol=1e-6)
    # against the Poisson series: shot noise of 1e5 counts, five standard errors of the ratio
    np.testing.assert_allclose(found.t_over_lambda, T, atol=5 * np.sqrt(3e-5))


def test_pixels_without_zero_loss_have_no_thickness():
    """Empty, and inelastic only: not a number, and no scattering to take out."""
    data = spectra(T)
    data[3] = 0
    data[7, ENERGIES < 14] = 0
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    bad = np.isnan(found.t_over_lambda)
    assert np.flatnonzero(bad).tolist() == [3, 7]
    np.testing.assert_array_equal(np.isnan(found.zero_loss), bad)
    assert not found.scores[bad].any()
    assert np.isfinite(found.scores).all()


def test_single_spectrum():
    """One low loss for all pixels: its own counts, not denoised."""
    data = spectra(0.7)
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    np.testing.assert_allclose(found.t_over_lambda, [0.7], atol=1e-3)
    above = found.peak.threshold <= ENERGIES
    truth = data[:, above] / found.zero_loss
    np.testing.assert_allclose(found.scores @ found.inelastic, truth, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("masked", [False, True])
def test_inelastic_part_is_per_zero_loss_electron(masked):
    """Closed form: the Poisson series over exp(-t); energies from the peak's centre.

    The series is of rank 6, its last terms are below the edge of the noise that was added.
    """
    rng = np.random.default_rng(1)
    data = rng.poisson(spectra(T, centre=0.3, counts=1e6)).astype(np.float32)
    pixels = np.ones(60, bool)
    if masked:
        pixels[::3] = False
    found = analyse_low_loss(RowBlocks(data, pixels, np.arange(400)), ENERGIES)
    t = T[pixels]
    above = found.peak.threshold <= ENERGIES
    truth = (spectra(t, centre=0.3) / (1e5 * np.exp(-t)[:, None]))[:, above]
    inelastic = found.scores @ found.inelastic
    assert inelastic.shape == truth.shape
    np.testing.assert_allclose(found.energies, ENERGIES[above] - 0.3, atol=0.05)
    np.testing.assert_allclose(found.peak_energies, ENERGIES[~above] - 0.3, atol=0.05)
    # shot noise of the largest value, about 1e5 counts: 0.3 %; five of them
    np.testing.assert_allclose(inelastic, truth, atol=0.015 * truth.max())
    np.testing.assert_allclose(inelastic.sum(1), np.exp(t) - 1, rtol=0.01)


# ----------------------------------------------------------------------------- zero-loss peak


@pytest.mark.parametrize("centre", [-3.1, 0.0, 0.2, 0.25, 4.4])
@pytest.mark.parametrize("sd", [0.6, 0.8, 1.5])
def test_centre_and_width_of_the_peak(centre, sd):
    """Closed form: a Gaussian. Centre to a tenth of a channel, width to two channels."""
    peak = find_zero_loss_peak(ENERGIES, spectra(0.5, centre, sd=sd)[0])
    assert peak.centre == pytest.approx(centre, abs=0.1 * SCALE)
    assert peak.fwhm == pytest.approx(2.3548 * sd, abs=2 * SCALE)
    assert peak.shape.sum() == pytest.approx(1)
    assert len(peak.shape) == np.searchsorted(ENERGIES, peak.threshold)
    # its mean and variance are those of the Gaussian
    below = ENERGIES[: len(peak.shape)]
    mean = peak.shape @ below
    assert mean == pytest.approx(centre, abs=0.02)
    assert np.sqrt(peak.shape @ (below - mean) ** 2) == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize("plasmon_sd", [1.5, 3.0])
def test_threshold_is_in_the_valley(plasmon_sd):
    """Between the foot of the zero-loss peak and that of the plasmon."""
    mean = 1e5 * (gaussian(0, 0.8) + 0.5 * gaussian(PLASMON, plasmon_sd))
    threshold = find_zero_loss_peak(ENERGIES, mean).threshold
    assert 3 * 0.8 < threshold < PLASMON - 2.5 * plasmon_sd


def test_threshold_without_a_valley_is_bounded():
    """A tail that falls for ever: the peak ends all the same."""
    mean = 1e5 * gaussian(0, 0.8) + 100 * np.exp(-np.maximum(ENERGIES, 0) / 40)
    assert 3 < find_zero_loss_peak(ENERGIES, mean).threshold < 40


@pytest.mark.parametrize(
    "mean, energies",
    [
        (1e4 * (ENERGIES + 500) ** -2.0, ENERGIES + 500),
        (gaussian(PLASMON, 2) * 1e5, ENERGIES),
        (np.ones(400), ENERGIES),
        (gaussian(0, 0.8)[40:], ENERGIES[40:]),
        (gaussian(50, 0.8) * 1e5, ENERGIES),
    ],
    ids=["core loss", "plasmon", "flat", "axis begins in the peak", "peak at 50 eV"],
)
def test_no_zero_loss_peak_raises(mean, energies):
    """The message says where the largest value is and what is needed."""
    with pytest.raises(ValueError, match=r"no zero-loss peak.*at 0 eV"):
        find_zero_loss_peak(energies, mean)


def test_analyse_raises_without_a_zero_loss_peak():
    data = spectra(T)[:, 60:]
    with pytest.raises(ValueError, match="zero-loss peak"):
        analyse_low_loss(row_blocks(data), ENERGIES[60:])


# ----------------------------------------------------------------------------------- alignment


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "thickness, by", [(0.5 * T, 8), (T, 4), (T, 8)], ids=["thin", "thick", "thick, large"]
)
def test_drifting_peaks_are_lined_up(lazy, masked, thickness, by):
    """Truth: the channels by which each spectrum was rolled, up to one common shift."""
    rng = np.random.default_rng(2)
    drift = rng.integers(-by, by + 1, 60)
    still = rng.poisson(spectra(thickness)).astype(np.float32)
    moved = np.stack([np.roll(row, by) for row, by in zip(still, drift, strict=True)])
    pixels = np.ones(60, bool)
    if masked:
        pixels[5::4] = False
    held = da.from_array(moved, chunks=(17, 100)) if lazy else moved
    found = analyse_low_loss(RowBlocks(held, pixels, np.arange(400)), ENERGIES)
    assert found.shifts.shape == (pixels.sum(),)
    left = drift[pixels] + found.shifts
    assert np.ptp(left) <= 1  # a centre between two channels may be rounded either way
    np.testing.assert_allclose(found.t_over_lambda, thickness[pixels], atol=5 * np.sqrt(3e-5))
    assert found.peak.fwhm == pytest.approx(2.3548 * 0.8, abs=2 * SCALE)


@pytest.mark.parametrize("by", [-5, 7])
def test_common_displacement_is_no_drift(by):
    """A peak off zero in every pixel is the axis's offset: nothing moves, the centre tells."""
    data = np.roll(spectra(T), by, 1)
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    assert not found.shifts.any()
    assert found.peak.centre == pytest.approx(by * SCALE, abs=0.1 * SCALE)
    np.testing.assert_allclose(found.t_over_lambda, T, atol=2e-3)


def test_channels_of_the_blocks_are_those_of_the_axis():
    """Truth: the cropped array itself."""
    data = spectra(T)
    channels = np.arange(20, 350)
    blocks = replace(row_blocks(data), channels=channels)
    found = analyse_low_loss(blocks, ENERGIES[channels])
    truth = analyse_low_loss(row_blocks(data[:, 20:350].copy()), ENERGIES[channels])
    np.testing.assert_allclose(found.t_over_lambda, truth.t_over_lambda, rtol=1e-6)
    np.testing.assert_allclose(
        found.scores @ found.inelastic, truth.scores @ truth.inelastic, atol=1e-6
    )
