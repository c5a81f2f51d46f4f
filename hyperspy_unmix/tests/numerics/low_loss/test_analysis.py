"""The low loss against Poisson series of known thickness and peaks of known place."""

from dataclasses import replace
from functools import lru_cache
from math import factorial

import dask.array as da
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
from hyperspy_unmix.numerics.low_loss.zero_loss import find_zero_loss_peak
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks
from hyperspy_unmix.tests.numerics.low_loss import low_loss_scenes as scenes

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
    np.testing.assert_allclose(found.shift, 0, atol=1e-6)


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


# ------------------------------------------------------------------- thin to thick, few to many

THIN_TO_THICK = np.linspace(0.1, 1.5, 900)


@lru_cache
def thin_to_thick(scale, sd, tail, counts):
    energies = scenes.axis(scale, -10, 210)
    expected = counts * scenes.low_loss(energies, THIN_TO_THICK, sd, tail=tail, orders=11)
    return energies, np.random.default_rng(0).poisson(expected).astype(np.float32)


@pytest.mark.parametrize("counts, lazy", [(300, False), (1e4, False), (1e4, True), (1e6, False)])
@pytest.mark.parametrize("scale, sd, tail", [(0.25, 0.4, 0.1), (0.5, 0.8, 0), (1.0, 0.7, 0)])
def test_thickness_and_its_error_from_thin_to_thick(lazy, counts, scale, sd, tail):
    """Truth: t of the Poisson series, 0.1 to 1.5. Deviations are those that are stated.

    300 of them know their scatter to 4 % and their mean to 0.06; the logarithm of few counts is
    higher by 1/(2 zero loss), the expansion's next term.
    """
    energies, data = thin_to_thick(scale, sd, tail, counts)
    data = da.from_array(data, chunks=(200, -1)) if lazy else data
    found = analyse_low_loss(row_blocks(data), energies)
    assert found.clipped == ""
    bias = (1 - np.exp(-THIN_TO_THICK)) / (2 * counts * np.exp(-THIN_TO_THICK))
    pull = (found.t_over_lambda - THIN_TO_THICK - bias) / found.t_error
    for part in pull.reshape(3, 300):
        assert abs(part.mean()) < 4 * 0.058
        assert part.std() == pytest.approx(1, abs=4 * 0.041)
    # closed form of the error: 1/zero loss - 1/total of the Poisson counts
    truth = np.sqrt(np.expm1(THIN_TO_THICK) / counts)
    np.testing.assert_allclose(np.median(found.t_error / truth), 1, atol=0.15)


@pytest.mark.parametrize("pixels", [20, 60, 200])
def test_error_of_thickness_with_few_pixels(pixels):
    """Closed form: Poisson counts, whatever the number of spectra the noise is found from."""
    energies = scenes.axis(0.5, end=230)
    t = np.full(pixels, 0.6)
    data = np.random.default_rng(1).poisson(1e4 * scenes.low_loss(energies, t, 0.8))
    found = analyse_low_loss(row_blocks(data.astype(np.float32)), energies)
    np.testing.assert_allclose(found.t_error, np.sqrt(np.expm1(0.6) / 1e4), rtol=0.1)
    position = 0.8 / np.sqrt(1e4 * np.exp(-0.6))
    np.testing.assert_allclose(found.shift_error, position, rtol=0.1)


@pytest.mark.parametrize(
    "phase, counts, detector",
    [
        ("Fe3O4", 1e6, "counting"),
        ("SiO2", 1e6, "counting"),
        ("Fe3O4", 1e3, "counting"),
        ("Fe3O4", 1e6, "ccd"),
        ("SiO2", 1e4, "ccd"),
        ("SiO2", 1e3, "ccd"),
    ],
)
def test_phantom_wedge_from_thin_to_thick(phase, counts, detector):
    """Truth: of the phantom. Rows of 24 pixels within half a percent, and what their error allows.

    The phantom's valence losses begin at its band gap, in part below the threshold; those that the
    power of the energy misses are half a percent of t at most.
    """
    from hyperspy_unmix import data

    low_loss, t = data.wedge(
        phase, (24, 24), t_over_lambda=(0.1, 1.5), low_loss_counts=counts, detector=detector,
        probe=0.0,
    ).low_loss, np.linspace(0.1, 1.5, 24)[:, None]  # fmt: skip
    found = analyse_low_loss(row_blocks(low_loss.data), low_loss.axes_manager[-1].axis)
    deviation = found.t_over_lambda.reshape(24, 24) - t
    error = found.t_error.reshape(24, 24)
    known = np.isfinite(deviation)
    assert known.mean() > 0.99
    pull = deviation[known] / np.hypot(error, 0.005 * t)[known]
    assert np.sqrt(np.mean(pull**2)) < 1.2
    if counts == 1e6 and detector == "counting":
        np.testing.assert_allclose(deviation.mean(1), 0, atol=0.005 * t.max())


def test_clipped_peak_with_and_without_a_thickness_from_elsewhere():
    """Truth: zero-loss counts before they were cut off, from t and the inelastic electrons.

    Within five standard deviations of the inelastic counts, and a third of a percent: what of them
    is under the clipped peak.
    """
    energies, data = thin_to_thick(0.25, 0.4, 0, 1e6)
    cut = np.minimum(data, 3e4).astype(np.float32)
    without = analyse_low_loss(row_blocks(cut), energies)
    assert "same value, 30000" in without.clipped
    found = analyse_low_loss(row_blocks(cut), energies, THIN_TO_THICK)
    assert found.clipped == without.clipped
    np.testing.assert_array_equal(found.t_over_lambda, THIN_TO_THICK)
    assert not found.t_error.any()
    inelastic = 1e6 * -np.expm1(-THIN_TO_THICK)
    ratio = found.zero_loss / (1e6 * np.exp(-THIN_TO_THICK)) - 1
    np.testing.assert_array_less(np.abs(ratio), 5 / np.sqrt(inelastic) + 0.0033)
    whole = (found.scores @ found.inelastic).sum(1)
    np.testing.assert_allclose(whole, np.expm1(THIN_TO_THICK), rtol=1e-3)


def test_useless_thickness_of_clipped_peaks_leaves_pixels_alone():
    energies, data = thin_to_thick(0.25, 0.4, 0, 1e6)
    t = THIN_TO_THICK.copy()
    t[:3] = 0, -1, np.nan
    found = analyse_low_loss(row_blocks(np.minimum(data, 3e4)), energies, t)
    assert np.flatnonzero(np.isnan(found.zero_loss)).tolist() == [0, 1, 2]
    assert np.isnan(found.t_over_lambda[:3]).all()
    assert not found.scores[:3].any()


def test_thickness_from_elsewhere_is_not_used_where_the_peak_is_whole():
    energies, data = thin_to_thick(0.5, 0.8, 0, 1e4)
    own = analyse_low_loss(row_blocks(data), energies)
    given = analyse_low_loss(row_blocks(data), energies, np.full(900, 3.0))
    np.testing.assert_array_equal(given.t_over_lambda, own.t_over_lambda)


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
    """Truth: the energy by which each spectrum was rolled, up to one common shift."""
    rng = np.random.default_rng(2)
    drift = rng.integers(-by, by + 1, 60)
    still = rng.poisson(spectra(thickness)).astype(np.float32)
    moved = np.stack([np.roll(row, by) for row, by in zip(still, drift, strict=True)])
    pixels = np.ones(60, bool)
    if masked:
        pixels[5::4] = False
    held = da.from_array(moved, chunks=(17, 100)) if lazy else moved
    found = analyse_low_loss(RowBlocks(held, pixels, np.arange(400)), ENERGIES)
    # position of a Gaussian peak of 3e4 counts: sd / sqrt(counts); five of them
    left = found.shift - SCALE * drift[pixels]
    np.testing.assert_allclose(left, left.mean(), atol=5 * 0.8 / np.sqrt(3e4))
    np.testing.assert_allclose(found.t_over_lambda, thickness[pixels], atol=5 * np.sqrt(3e-5))
    assert found.peak.fwhm == pytest.approx(2.3548 * 0.8, abs=2 * SCALE)


@pytest.mark.parametrize("by", [-5, 7])
def test_common_displacement_is_no_drift(by):
    """A peak off zero in every pixel is the axis's offset: nothing moves, the centre tells."""
    data = np.roll(spectra(T), by, 1)
    found = analyse_low_loss(row_blocks(data), ENERGIES)
    np.testing.assert_allclose(found.shift, 0, atol=1e-6)
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
