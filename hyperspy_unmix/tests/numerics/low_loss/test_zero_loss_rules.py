"""Rules for zero-loss peaks against loops, and just within and just beyond each of their limits."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.zero_loss import (
    OFFSETS_IN_CHANNELS,
    ZeroLossPeak,
    _count_channels_above,
    centre_finder,
    find_zero_loss_peak,
    most_likely_offsets,
    position_scores,
    whole_channel_shifts,
    why_clipped,
)


def axis(scale=0.5, channels=200, zero=60):
    return scale * (np.arange(channels) - zero)


def gaussian(energies, centre=0.0, sd=1.0):
    return np.exp(-0.5 * ((energies - centre) / sd) ** 2)


# ------------------------------------------------------------------------------------ the peak


@pytest.mark.parametrize(
    ("scale", "at", "found"), [(0.5, 10, True), (0.5, 10.5, False), (3, 15, True), (3, 18, False)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_peaks_are_near_zero(scale, at, found, sign):
    """Definition: within 10 eV, or five channels."""
    energies = axis(scale, zero=80)
    mean = 1e4 * gaussian(energies, sign * at, 1.2 * scale) + 1
    if found:
        assert find_zero_loss_peak(energies, mean).centre == pytest.approx(sign * at, abs=0.05)
    else:
        with pytest.raises(ValueError, match="no zero-loss peak"):
            find_zero_loss_peak(energies, mean)


@pytest.mark.parametrize(("top", "found"), [(1, False), (2, True), (195, True), (196, False)])
def test_peaks_are_within_the_axis(top, found):
    """Definition: two channels before them and four behind."""
    energies = axis(zero=top)
    mean = 1e4 * gaussian(energies, sd=0.4) + 1e-3
    if found:
        assert find_zero_loss_peak(energies, mean).centre == pytest.approx(0, abs=0.5)
    else:
        with pytest.raises(ValueError, match="no zero-loss peak"):
            find_zero_loss_peak(energies, mean)


def test_peaks_are_three_times_what_is_before_them():
    """Definition: the median of the channels before."""
    energies = axis()
    for height, found in ((2.1, True), (1.9, False)):
        mean = 1 + height * gaussian(energies, sd=0.6)
        mean[-3:] = 0
        if found:
            assert find_zero_loss_peak(energies, mean).centre == pytest.approx(0, abs=0.1)
        else:
            with pytest.raises(ValueError, match="no zero-loss peak"):
                find_zero_loss_peak(energies, mean)


@pytest.mark.parametrize("fine", [1, 2])
def test_parts_of_a_peak(fine):
    """Closed form: a symmetric peak, alone: its shape, its tail and the share below sum to one."""
    energies = axis(0.5 / fine, 200 * fine, 60 * fine)
    mean = 1e5 * gaussian(energies, sd=0.8)
    mean[energies > 6] += 300 * (energies[energies > 6] - 6)
    peak = find_zero_loss_peak(energies, mean)
    split = len(peak.shape)
    assert peak.threshold == energies[split]
    assert 2 < peak.threshold < 8
    assert peak.centre == pytest.approx(0, abs=1e-6)
    # from the first channel below half to the first on the other side
    assert 0 <= peak.fwhm - 0.8 * np.sqrt(8 * np.log(2)) <= 2.01 * 0.5 / fine
    truth = gaussian(energies, sd=0.8)
    near = np.abs(energies[:split]) <= peak.threshold
    np.testing.assert_allclose(
        peak.shape, np.where(near, truth[:split], 0) / truth[:split].sum(), atol=1e-5
    )
    np.testing.assert_allclose(peak.tail, truth[split:] / truth[:split].sum(), atol=1e-6)
    assert peak.share_below_threshold == pytest.approx(truth[:split].sum() / truth.sum(), rel=1e-6)


# --------------------------------------------------------------------------------- clipped peaks


def peaks(greatest, scale=0.5, sd=1.0):
    """Spectra with these greatest values, on a line of losses; no two of them are the same."""
    energies = axis(scale)
    sample = np.outer(greatest, gaussian(energies, sd=sd)) + 1
    sample[:, 0] += 1e-3 * np.arange(len(sample))
    return sample, energies


@pytest.mark.parametrize(("at_ceiling", "is_clipped"), [(5, False), (6, True)])
def test_a_ceiling_is_that_of_a_twentieth(at_ceiling, is_clipped):
    """Definition: more than 5 % of 100 pixels, with the same greatest value."""
    greatest = np.linspace(500, 900, 100)
    greatest[:at_ceiling] = 1000
    assert bool(why_clipped(*peaks(greatest))) == is_clipped


def test_a_ceiling_of_few_pixels_is_that_of_several_channels():
    """Definition: more than five pixels, or two channels of one; then their share is told."""
    greatest = np.linspace(500, 900, 40)
    greatest[:4] = 1000
    sample, energies = peaks(greatest)
    assert why_clipped(sample, energies) == ""
    sample[0, 60:62] = sample.max()
    assert why_clipped(sample, energies) == "10 % of the peaks end at the same value, 1001"
    greatest[:6] = 1000
    assert why_clipped(*peaks(greatest)) == "15 % of the peaks end at the same value, 1001"


@pytest.mark.parametrize("unique", [1, 3, 20])
def test_copies_say_nothing_of_a_ceiling(unique):
    """Truth: spectra that were tiled over the scan have been clipped where the originals were."""
    sample, energies = peaks(np.linspace(500, 1000, unique))
    tiled = np.tile(sample, (100 // unique, 1))
    assert why_clipped(sample, energies) == why_clipped(tiled, energies) == ""
    cut = np.minimum(sample, 400.0)
    assert why_clipped(np.tile(cut, (100 // unique, 1)), energies) == why_clipped(cut, energies)
    assert "value" in why_clipped(cut, energies)


@pytest.mark.parametrize(("ceiling", "is_clipped"), [(198.5, False), (199.0, True)])
def test_ceilings_of_few_counts_are_chance(ceiling, is_clipped):
    """Definition: 200 counts, of which one is the background here."""
    greatest = np.linspace(100, 150, 100)
    greatest[:20] = ceiling
    sample, energies = peaks(greatest)
    assert bool(why_clipped(sample, energies)) == is_clipped
    single = sample[:1].copy()
    assert why_clipped(single, energies) == ""
    single[0, 62] = single.max()
    assert bool(why_clipped(single, energies)) == is_clipped


@pytest.mark.parametrize(
    ("flat", "half", "height", "is_flat"),
    [
        (6, 11, 1e5, True),
        (5, 11, 1e5, False),
        (4, 6, 1e5, True),
        (4, 5, 1e5, False),
        (6, 11, 1.1e4, True),
        (6, 11, 0.9e4, False),
    ],
)
@pytest.mark.parametrize("share", [0.45, 0.55])
def test_flat_tops(flat, half, height, is_flat, share):
    """Definition: more than half of the width, of six channels at least, in half of the pixels.

    Noise has to be below one percent: more than 10 000 counts.
    """
    sample, energies = peaks(np.linspace(0.8, 1.2, 100) * height / 2, sd=2.0)
    some = np.arange(100) < 100 * share
    top = height * np.linspace(1, 1.04, 100)[some, None]
    sample[some] = 0
    start = 50
    sample[some, start : start + half] = 0.7 * top
    inside = start + (half - flat) // 2
    # no two channels, and no two pixels, are exactly alike
    sample[some, inside : inside + flat] = top * np.linspace(1, 0.97, flat)
    assert (why_clipped(sample, energies) == "its top is flat") == (is_flat and share > 0.5)


def test_width_above_a_level_against_a_loop():
    """Truth: steps from the greatest value to either side."""
    sample = np.random.default_rng(0).random((60, 9))
    level = np.random.default_rng(1).uniform(0.2, 0.9, 60) * sample.max(1)
    for row, least, found in zip(sample, level, _count_channels_above(sample, level), strict=True):
        first = last = int(row.argmax())
        while first > 0 and row[first - 1] > least:
            first -= 1
        while last < 8 and row[last + 1] > least:
            last += 1
        assert found == last - first + 1


# ------------------------------------------------------------------------------- places of peaks


@pytest.mark.parametrize("fwhm", [0.4, 2.0, 6.0])
def test_centres_against_a_loop(fwhm):
    """Truth: the mean channel above half the maximum, about the first that reaches it."""
    energies = axis()
    peak = ZeroLossPeak(0.0, 5.0, np.ones(70), np.zeros(130), fwhm)
    rng = np.random.default_rng(2)
    shift = rng.uniform(-6, 6, 30)
    spectra = np.array([1e3 * gaussian(energies, s, fwhm / 2.355) for s in shift])
    spectra += 700 * gaussian(energies, 8, 1.5) + rng.normal(0, 5, spectra.shape)
    spectra += 5000 * gaussian(energies, 40, 2)
    spectra[3] = 0
    reach, width = max(10.0, 3 * fwhm), max(round(fwhm / 0.5), 1)
    found = centre_finder(energies, peak)(spectra)
    assert np.isnan(found[3])
    for row, centre in zip(np.delete(spectra, 3, 0), np.delete(found, 3), strict=True):
        inside = [k for k in range(200) if abs(energies[k]) <= reach]
        half = max(row[k] for k in inside) / 2
        first = min(k for k in inside if row[k] >= half)
        used = [k for k in inside if -width <= k - first <= 2 * width and row[k] > half]
        weights = [row[k] - half for k in used]
        assert centre == pytest.approx(np.average(used, weights=weights), rel=1e-9)
    # in other units of the counts
    np.testing.assert_allclose(centre_finder(energies, peak)(1e-9 * spectra), found, rtol=1e-9)


def test_whole_channels_to_the_median():
    """Definition: nothing is moved where one channel would do; unknown ones stay."""
    nan = np.nan
    assert whole_channel_shifts(np.array([10.0, 10, 12.2, 7.4, nan])).tolist() == [0, 0, -2, 3, 0]
    assert whole_channel_shifts(np.array([10.0, 10, 11.4, 9, nan])).tolist() == [0] * 5
    assert whole_channel_shifts(np.full(3, nan)).tolist() == [0] * 3


@pytest.mark.parametrize("zero", [-1.5, -0.31, 0.0, 0.7, 1.44, 1.5])
def test_positions_are_where_slopes_fall_through_zero(zero):
    """Closed form: straight slopes, any steepness."""
    slopes = np.outer([1.0, 40.0], zero - OFFSETS_IN_CHANNELS)
    assert most_likely_offsets(slopes) == pytest.approx([zero, zero], abs=1e-12)


def test_positions_end_where_the_slopes_do():
    """Definition: at the ends of the offsets; in the middle of a step that does not fall."""
    slopes = np.array(
        [
            5 - OFFSETS_IN_CHANNELS,
            -5 - OFFSETS_IN_CHANNELS,
            5 + OFFSETS_IN_CHANNELS,
            -5 + OFFSETS_IN_CHANNELS,
        ]
    )
    step = OFFSETS_IN_CHANNELS[1] - OFFSETS_IN_CHANNELS[0]
    ends = [
        OFFSETS_IN_CHANNELS[-1],
        OFFSETS_IN_CHANNELS[0],
        OFFSETS_IN_CHANNELS[-1] - step / 2,
        OFFSETS_IN_CHANNELS[0] + step / 2,
    ]
    assert most_likely_offsets(slopes) == pytest.approx(ends, abs=1e-12)


@pytest.mark.parametrize("sd", [3.0, 5.0])
def test_scores_of_a_gaussian(sd):
    """Closed form: (x - offset) / sd^2, less its mean over the counts in these channels.

    So is the information: the variance of that. A spline of a parabola is exact.
    """
    energies = axis(0.5)
    mean = gaussian(energies, 0.0, 0.5 * sd)
    peak = ZeroLossPeak(0.0, 5.0, mean[:70], np.zeros(130), 0.5 * sd * 2.355)
    near, scores, information = position_scores(energies, mean, peak)
    reach = int(sd * 2.355)
    assert near.tolist() == list(range(60 - reach - 1, 60 + reach + 2))
    for offset, row in zip(OFFSETS_IN_CHANNELS, scores, strict=True):
        x = near - 60 - offset
        weight = np.exp(-0.5 * (x / sd) ** 2)
        truth = x / sd**2 - np.average(x / sd**2, weights=weight)
        np.testing.assert_allclose(row, truth, atol=0.01 / sd)
    x = near - 60.0
    truth = np.average((x / sd**2) ** 2, weights=np.exp(-0.5 * (x / sd) ** 2))
    assert information == pytest.approx(truth, rel=0.01)
