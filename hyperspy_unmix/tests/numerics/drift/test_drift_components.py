"""Energy drift against spectra that were shifted by a known amount, and against chemistry."""

import numpy as np
import pytest
from scipy.special import erf
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.cleaning.dead_channels import MOST_EMPTIED, emptied_channels
from hyperspy_unmix.numerics.compression.number_of_components import expected_squared_cosines
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.drift.drift_components import drift_components
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

PIXELS, CHANNELS = 600, 200
CHANNEL = np.arange(float(CHANNELS))
FAR = 10.0 * CHANNELS  # an edge there is not in the spectrum


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def spectrum(channel, edges=(60.0, 130.0), resolution=2.0):
    """Power law and edges with a white line, at any (shifted) channels; of order one."""
    total = (1 + channel / 120) ** -3
    for onset in edges:
        step = 0.5 * (1 + erf((channel - onset) / resolution / np.sqrt(2)))
        total += 0.6 * step * np.exp(-np.maximum(channel - onset, 0) / 90)
        total += 0.6 * np.exp(-0.5 * ((channel - onset - 4) / (resolution + 0.5)) ** 2)
    return total


def image(expected, counts, seed):
    """Poisson counts of pixels of different brightness: compressed, mean, visible part."""
    rng = np.random.default_rng([seed, 1])
    brightness = rng.uniform(0.7, 1.3, (len(expected), 1))
    blocks = row_blocks(rng.poisson(counts * brightness * expected).astype(float))
    summary = summarise(blocks)
    raw, scree = compress(blocks, summary, NoiseModel("poisson"))
    seen, _ = expected_squared_cosines(scree.values[: raw.rank], *scree.shape)
    return raw, summary.mean, seen


# ------------------------------------------------------------------------------ drift_components


@pytest.mark.parametrize("resolution", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("rms", [0.2, 0.5, 1.0])
def test_shift_of_one_phase_is_recovered(rms, resolution):
    """Phantom: every pixel's spectrum calculated on an axis that was shifted by a known amount.

    2000 counts a channel show 0.2 channels with a tenth of noise, so that the correlation is above
    0.97. The slope is 6 to 9 % too high: the derivative is that of the smoothed mean (a line whose
    square width 6 is smoothed to 7 has that of (14 / 13)^(3 / 2) = 1.12, wider ones less).
    """
    for seed in range(2):
        shift = np.random.default_rng(seed).normal(0, rms, PIXELS)
        expected = np.array([spectrum(CHANNEL - d, resolution=resolution) for d in shift])
        raw, mean, seen = image(expected, 2000, seed)
        is_drift, found = drift_components(raw, mean, seen)
        assert is_drift.shape == (raw.rank,)
        assert raw.rank >= 2
        assert is_drift[1]
        assert not is_drift[0]
        assert np.corrcoef(found, shift)[0, 1] > 0.95
        assert np.polyfit(shift, found, 1)[0] == pytest.approx(1, abs=0.1)
        # without the mean shift: that is the zero of the axis; its standard error is rms / 24
        assert abs(found.mean()) < 5 * rms / np.sqrt(PIXELS)


@pytest.mark.parametrize("rms", [0.2, 0.5, 1.0])
def test_shift_beside_a_second_phase(rms):
    """Phantom: two phases with an element of their own, and drift of both.

    The second component is the phases' (by far the strongest); the drift comes after it.
    """
    for seed in range(2):
        rng = np.random.default_rng(seed)
        share, shift = rng.uniform(0, 1, PIXELS), rng.normal(0, rms, PIXELS)
        expected = [
            s * spectrum(CHANNEL - d) + (1 - s) * spectrum(CHANNEL - d, (60.0, FAR))
            for s, d in zip(share, shift, strict=True)
        ]
        raw, mean, seen = image(np.array(expected), 2000, seed)
        is_drift, found = drift_components(raw, mean, seen)
        assert not is_drift[:2].any()
        assert is_drift[2]
        assert np.corrcoef(found, shift)[0, 1] > 0.95
        assert np.polyfit(shift, found, 1)[0] == pytest.approx(1, abs=0.1)


def test_shift_has_the_sign_of_the_axis():
    """Definition: positive to higher channels; one pixel in four by half a channel."""
    shift = np.where(np.arange(PIXELS) % 4 == 0, 0.5, 0.0)
    expected = np.array([spectrum(CHANNEL - d) for d in shift])
    _, found = drift_components(*image(expected, 5000, 0))
    assert np.median(found[shift > 0]) == pytest.approx(0.5, abs=0.1)
    # the median pixel is one that did not move; noise of one pixel, a few hundredths
    assert np.median(found[shift == 0]) == pytest.approx(0, abs=0.1)


def test_drift_hardly_above_the_noise_is_named():
    """Phantom: 100 counts show a drift of 0.2 channels just so.

    `expected_squared_cosines` allows for the noise.
    Half of that component is noise: compared with all of its length, it would not be named.
    """
    for seed in range(5):
        shift = np.random.default_rng(seed).normal(0, 0.2, PIXELS)
        expected = np.array([spectrum(CHANNEL - d) for d in shift])
        raw, mean, seen = image(expected, 100, seed)
        if raw.rank < 2:
            continue
        assert seen[1] < 0.85
        assert drift_components(raw, mean, seen)[0][1]


PHASES = {
    "an element each": ((60.0, FAR), (FAR, 130.0)),
    "one has an element more": ((60.0, 130.0), (60.0, FAR)),
    "chemical shift of 0.5": ((60.0, 130.0), (60.0, 130.5)),
    "chemical shift of 1": ((60.0, 130.0), (60.0, 131.0)),
    "chemical shift of 3": ((60.0, 130.0), (60.0, 133.0)),
    "opposite shifts": ((60.0, 130.0), (60.5, 129.5)),
}


@pytest.mark.parametrize("counts", [200, 20_000])
@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES)
def test_chemistry_is_not_drift(phases, counts):
    """Phantom: two phases on an axis that stays; one edge of two may move, which is chemistry."""
    one, other = (spectrum(CHANNEL, edges) for edges in phases)
    for seed in range(2):
        share = np.random.default_rng(seed).uniform(0, 1, (PIXELS, 1))
        raw, mean, seen = image(share * one + (1 - share) * other, counts, seed)
        is_drift, shift = drift_components(raw, mean, seen)
        assert not is_drift.any()
        np.testing.assert_array_equal(shift, 0)
    if counts > 1000:
        # there was something to name
        assert raw.rank >= 2


def test_a_single_phase_has_no_drift():
    """Phantom: only the brightness changes; further components are noise (kept on purpose)."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        expected = np.tile(spectrum(CHANNEL), (PIXELS, 1))
        blocks = row_blocks(rng.poisson(1000 * expected).astype(float))
        summary = summarise(blocks)
        raw, scree = compress(blocks, summary, NoiseModel("poisson"), least_rank=5)
        seen, _ = expected_squared_cosines(scree.values[:5], *scree.shape)
        assert not drift_components(raw, summary.mean, seen)[0].any()


def test_pixels_without_counts_have_no_shift():
    """Definition: a finite shift everywhere, numpy has nothing to complain of."""
    shift = np.random.default_rng(0).normal(0, 0.5, PIXELS)
    expected = np.array([spectrum(CHANNEL - d) for d in shift])
    expected[:20] = 0
    raw, mean, seen = image(expected, 2000, 0)
    with np.errstate(all="raise"):
        is_drift, found = drift_components(raw, mean, seen)
    assert is_drift[1]
    assert np.isfinite(found).all()
    assert np.corrcoef(found[20:], shift[20:])[0, 1] > 0.95


# ------------------------------------------------------------------------------ emptied_channels


def full(n=300, m=100, counts=200.0, seed=0):
    """Well filled spectra: 200 counts are never below half of that (7 standard deviations)."""
    return np.random.default_rng(seed).poisson(counts, (n, m)).astype(float)


def moved(sample, shifts):
    """Truth: spectra moved by whole channels, what enters is zero."""
    out = np.zeros_like(sample)
    m = sample.shape[1]
    for row, values, shift in zip(out, sample, shifts, strict=True):
        row[max(shift, 0) : m + min(shift, 0)] = values[max(-shift, 0) : m - max(shift, 0)]
    return out


@pytest.mark.parametrize("low, high", [(-3, 4), (0, 5), (-6, 0), (-1, 1), (-10, 10)])
def test_ends_that_an_alignment_emptied_are_found_exactly(low, high):
    """Truth: by construction; a move to higher channels empties the lower end."""
    shifts = np.random.default_rng(1).integers(low, high + 1, 300)
    shifts[:2] = low, high
    truth = np.zeros(100, bool)
    truth[:high] = True
    truth[100 + low :] = True
    np.testing.assert_array_equal(emptied_channels(moved(full(), shifts)), truth)


def test_more_than_a_tenth_of_the_channels_is_not_an_alignment():
    """Definition: the limit, and one channel more; the other end is judged by itself."""
    most = int(MOST_EMPTIED * 100)
    shifts = np.zeros(300, int)
    shifts[:2] = most + 1, -most
    truth = np.zeros(100, bool)
    truth[100 - most :] = True
    np.testing.assert_array_equal(emptied_channels(moved(full(), shifts)), truth)


def test_full_spectra_have_no_emptied_channels():
    """Definition."""
    assert not emptied_channels(full()).any()
    assert not emptied_channels(np.ones((5, 40))).any()


@pytest.mark.parametrize(
    "middle, end",
    [
        (0.1, 0.1),
        (50.0, 3.0),
        (50.0, 1.0),
        (50.0, 0.1),
    ],
)
def test_sparse_counts_are_not_emptied(middle, end):
    """Phantom: EDS, of few counts at its ends (and everywhere); zero by chance, not by alignment.

    Ends of 3 counts are zero in 5 % of the spectra only, as those of an alignment would be.
    """
    expected = np.full(100, middle)
    expected[:8] = expected[-8:] = end
    for seed in range(3):
        sample = np.random.default_rng(seed).poisson(expected, (300, 100)).astype(float)
        assert (sample[:, :8] == 0).any()
        assert not emptied_channels(sample).any()


def test_ends_are_found_whatever_the_brightness_of_the_pixels():
    """Truth: by construction; pixels differ by a factor of five, as with holes or a wedge."""
    shifts = np.random.default_rng(1).integers(-3, 5, 300)
    brightness = np.random.default_rng(2).uniform(0.3, 1.7, (300, 1))
    truth = np.zeros(100, bool)
    truth[:4] = truth[-3:] = True
    np.testing.assert_array_equal(
        emptied_channels(moved(full(counts=1000 * brightness), shifts)), truth
    )


def test_channels_that_are_always_zero_are_not_emptied_by_themselves():
    """Definition: zero in all spectra says nothing of an alignment; beside emptied ones it does."""
    sample = full()
    sample[:, :3] = 0
    assert not emptied_channels(sample).any()
    sample[:40, 3] = 0
    truth = np.zeros(100, bool)
    truth[:4] = True
    np.testing.assert_array_equal(emptied_channels(sample), truth)


def test_zeros_inside_the_spectrum_are_left_alone():
    """Definition: a dead channel inside, zero always or now and then, is not an end."""
    sample = full()
    sample[:, 40] = 0
    sample[::3, 60] = 0
    assert not emptied_channels(sample).any()


def test_values_that_are_negative_are_not_an_alignment():
    """Definition: noise about zero is no well filled channel."""
    sample = full()
    sample[:, 0] = np.random.default_rng(0).normal(0, 3, 300)
    sample[:50, 0] = 0
    assert not emptied_channels(sample).any()


def test_empty_images_do_not_break_it():
    """Definition: nothing is full, so nothing stands out."""
    assert not emptied_channels(np.zeros((5, 30))).any()
    assert not emptied_channels(np.array([[0.0, 1.0], [1.0, 0.0]])).any()
