"""Zero-loss peaks: their place, their end, clipping, and the error of a pixel's own position."""

import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
from hyperspy_unmix.numerics.low_loss.zero_loss import (
    centre_finder,
    find_zero_loss_peak,
    most_likely_offsets,
    position_scores,
    whole_channel_shifts,
    why_clipped,
)
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.numerics.low_loss.low_loss_scenes import (
    axis,
    cramer_rao,
    low_loss,
    per_channel,
)

# dispersion in eV, standard deviation of the peak in eV: from 1 to 30 channels at half height
PEAKS = [(0.02, 0.25), (0.05, 0.15), (0.1, 0.5), (0.25, 0.6), (0.5, 0.8), (1.0, 0.5), (2.0, 0.8)]
peaks = pytest.mark.parametrize(("scale", "sd"), PEAKS)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def held(data, lazy):
    return da.from_array(data, chunks=(len(data) // 3 + 1, -1)) if lazy else data


# -------------------------------------------------------------------------------- the mean peak


@peaks
@pytest.mark.parametrize("part", [0.0, 0.3, -0.45])
def test_place_width_and_end_of_a_gaussian(scale, sd, part):
    """Closed form. Place to a tenth of the width (a quarter of a channel where that is wider)."""
    energies = axis(scale)
    peak = find_zero_loss_peak(energies, 1e5 * low_loss(energies, 0.7, sd, part * scale)[0])
    fwhm = 2.3548 * sd
    assert peak.centre == pytest.approx(part * scale, abs=max(0.1 * fwhm, 0.25 * scale))
    assert peak.fwhm == pytest.approx(np.hypot(fwhm, scale), abs=2 * scale)
    # behind what is left of the peak, before what is there of the plasmon: four of their widths
    assert 2.5 * sd < peak.threshold < 22 - 4 * 2.5 + scale
    assert len(peak.shape) == np.searchsorted(energies, peak.threshold)
    assert peak.shape.sum() == pytest.approx(1)
    assert peak.share_below_threshold > 0.999


@pytest.mark.parametrize(
    ("scale", "sd", "tail"), [(0.1, 0.3, 0.2), (0.25, 0.6, 0.4), (0.5, 0.7, 1)]
)
def test_place_of_an_asymmetric_peak(scale, sd, tail):
    """Truth: between its mode and its mean (0), found on the finest axis."""
    fine = axis(0.001, -5, 5)
    mode = fine[np.argmax(per_channel(fine, 0.001, 0, sd, tail))]
    energies = axis(scale)
    peak = find_zero_loss_peak(energies, 1e5 * low_loss(energies, 0.5, sd, tail=tail)[0])
    assert mode - 0.1 * scale < peak.centre < 0.1 * scale


@pytest.mark.parametrize("scale", [0.1, 0.5])
def test_tail_of_a_symmetric_peak_is_that_of_its_other_side(scale):
    """Closed form: a Lorentzian of 1 eV, whose tail behind the threshold is ``1/2 - atan(2E)/pi``.

    The valley is what it is; the share below it is then known to a few percent of the tail.
    """
    energies = axis(scale, -60, 120)
    lorentzian = scale / np.pi * 0.5 / (energies**2 + 0.25)
    plasmon = per_channel(energies, scale, 22, 2.5)
    peak = find_zero_loss_peak(energies, 1e5 * (lorentzian + 0.5 * plasmon))
    start = peak.threshold - scale / 2
    behind = 0.5 - np.arctan(2 * start) / np.pi
    # the mirrored part ends as far behind zero as the axis begins before it, and at start cut
    beyond = 0.5 - np.arctan(2 * 60) / np.pi
    before = 1 - behind - (0.5 - np.arctan(2 * start) / np.pi)
    assert peak.tail.sum() == pytest.approx((behind - beyond) / before, rel=0.05)


# ------------------------------------------------------------------------------------- clipping


@peaks
@pytest.mark.parametrize("counts", [30, 300, 3e4, 1e7])
@pytest.mark.parametrize("pixels", [1, 10, 400])
def test_poisson_counts_are_not_clipped(scale, sd, counts, pixels):
    """Truth: nothing was clipped. Few counts hold many equal values, narrow peaks few channels."""
    rng = np.random.default_rng(0)
    energies = axis(scale, -8, 32)
    expected = counts * low_loss(energies, np.linspace(0.05, 1.5, pixels), sd, orders=4)
    for _ in range(2):
        assert why_clipped(rng.poisson(expected).astype(float), energies) == ""


def test_constant_specimen_is_not_clipped():
    """The same thickness everywhere: the maxima differ by noise only."""
    rng = np.random.default_rng(1)
    energies = axis(0.25)
    for counts in (1e3, 1e4, 1e6):
        data = rng.poisson(counts * low_loss(energies, np.full(500, 0.4), 0.3)).astype(float)
        assert why_clipped(data, energies) == ""


@peaks
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("pixels", [10, 400])
def test_a_detectors_ceiling_is_recognised(scale, sd, share, pixels):
    """Truth: every value above a share of the median maximum was cut off, one channel or many."""
    rng = np.random.default_rng(0)
    energies = axis(scale, -8, 32)
    expected = 1e6 * low_loss(energies, np.linspace(0.05, 1.0, pixels), sd, orders=4)
    data = rng.poisson(expected).astype(float)
    ceiling = np.floor(share * np.median(data.max(1)))
    assert "same value" in why_clipped(np.minimum(data, ceiling), energies)


def test_ceiling_of_a_single_spectrum():
    energies = axis(0.1, end=60)
    spectrum = np.floor(1e6 * low_loss(energies, 0.5, 0.5))
    assert why_clipped(spectrum, energies) == ""
    cut = np.minimum(spectrum, np.floor(0.8 * spectrum.max()))
    assert "several channels" in why_clipped(cut, energies)


def test_saturation_that_is_not_a_sharp_ceiling():
    """A detector that bends over: no value twice, but tops as flat as no peak has them."""
    rng = np.random.default_rng(0)
    energies = axis(0.1, end=60)
    data = rng.poisson(1e6 * low_loss(energies, np.linspace(0.1, 0.3, 100), 0.5)).astype(float)
    assert why_clipped(data, energies) == ""
    saturated = 1e5 * np.tanh(data / 1.2e4) * (1 + 1e-4 * rng.standard_normal((100, 1)))
    assert "flat" in why_clipped(saturated, energies)


# ------------------------------------------------------------------------------------ positions


@pytest.mark.parametrize("tail", [0.0, 0.4])
@pytest.mark.parametrize(("scale", "sd"), [p for p in PEAKS if p[1] / p[0] > 1])
def test_positions_reach_the_cramer_rao_bound(scale, sd, tail):
    """Closed form: the Fisher information of the channels used, of shifts within half a channel.

    1500 positions know their scatter to 1.8 %. The mean spectrum, which is the shape looked for,
    is broadened by the drift: its variance has (drift / width)^2 / 12 more, 2 % here at most.
    """
    rng = np.random.default_rng(2)
    tail = tail * sd
    energies = axis(scale, -8, 35)
    centres = rng.uniform(-0.3, 0.3, 1500) * scale
    data = rng.poisson(2e4 * low_loss(energies, 0.4, sd, centres, tail, orders=3)).astype(
        np.float32
    )
    mean = data.mean(0, dtype=float)
    peak = find_zero_loss_peak(energies, mean)
    near, slopes, information = position_scores(energies, mean, peak)
    error = scale * most_likely_offsets(data[:, near] @ slopes.T) - centres
    counts = 2e4 * np.exp(-0.4)
    bound = cramer_rao(energies, sd, counts, tail)
    assert np.std(error) < bound * (1.02 + 4 * 0.018)
    # and what is said of the error is so
    stated = scale / np.sqrt(data[:, near].sum(1).mean() * information)
    assert np.std(error) == pytest.approx(stated, rel=0.02 + 4 * 0.018)
    # no part of the shift is lost
    assert abs(np.polyfit(centres, error, 1)[0]) < 0.02 + 4 * bound / (0.17 * scale * 1500**0.5)


def test_positions_of_slopes_without_a_fall():
    """No counts at all: in the middle between no channel and the next, and finite."""
    assert np.isfinite(most_likely_offsets(np.zeros((3, 25)))).all()


# -------------------------------------------------------------------------------------- line-up

DRIFTS = {
    "ramp": lambda n, rng: np.linspace(-10, 10, n),
    "jitter": lambda n, rng: rng.uniform(-8, 8, n),
    "jump": lambda n, rng: np.where(np.arange(n) < 0.7 * n, -5.0, 5.0),
    "slow": lambda n, rng: 2.0 * np.sin(np.linspace(0, 6, n)),
}


@eager_and_lazy
@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize(("scale", "sd"), [(0.1, 0.3), (0.5, 0.8), (1.0, 0.9)])
def test_drift_of_several_electronvolts(drift, scale, sd, lazy):
    """Truth: the drift put in, up to a common place; 200 positions within five of their errors."""
    rng = np.random.default_rng(3)
    energies = axis(scale, -30)
    centres = DRIFTS[drift](200, rng)
    t = np.linspace(0.1, 1.0, 200)
    data = rng.poisson(1e5 * low_loss(energies, t, sd, centres)).astype(np.float32)
    found = analyse_low_loss(row_blocks(held(data, lazy)), energies)
    error = found.shift - centres
    error -= np.median(error)
    np.testing.assert_array_less(np.abs(error), 5.5 * found.shift_error)
    assert np.std(error / found.shift_error) < 1.25
    # the peak is as narrow as one, and so t is what it is without a drift
    assert found.peak.fwhm < 2.3548 * sd + 2.1 * scale
    np.testing.assert_allclose(found.t_over_lambda, t, atol=0.02)


@pytest.mark.parametrize("reach", [1.0, 2.0, 2.9])
def test_drift_of_a_wide_peak_by_some_channels(reach):
    """Truth: shifts of channels that are less than a quarter of the peak's width."""
    rng = np.random.default_rng(4)
    energies = axis(0.1, end=60)
    centres = 0.1 * rng.uniform(-reach, reach, 1000)
    data = rng.poisson(2e4 * low_loss(energies, 0.4, 0.5, centres, orders=3)).astype(np.float32)
    found = analyse_low_loss(row_blocks(data), energies)
    error = found.shift - centres
    bound = cramer_rao(energies, 0.5, 2e4 * np.exp(-0.4))
    assert np.std(error) < 1.15 * bound


def test_still_peaks_are_left_where_they_are():
    """No move: noise of a channel is not taken for a drift."""
    rng = np.random.default_rng(5)
    for scale, sd in PEAKS:
        energies = axis(scale, end=60)
        data = rng.poisson(1e4 * low_loss(energies, np.full(100, 0.5), sd)).astype(float)
        peak = find_zero_loss_peak(energies, data.mean(0))
        moved = whole_channel_shifts(centre_finder(energies, peak)(data))
        assert not moved.any()
