"""Channels that are NaN in many spectra: which are left out, and that one pass finds them."""

import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.cleaning.nan_channels import channels_to_keep, without_nan_channels
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.gaps import find_gaps, merge_gaps
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

PIXELS, CHANNELS = 60, 25


def spectra(low, high, seed=0):
    """Spectra that are NaN in these numbers of channels at their ends."""
    values = np.random.default_rng(seed).poisson(20.0, (len(low), CHANNELS)).astype(float)
    for row, first, last in zip(values, low, high, strict=True):
        row[:first] = np.nan
        row[CHANNELS - last :] = np.nan
    return values


def most_values(values):
    """By trying all: the ends that leave the most values, the fewest channels among the best."""
    found = (-1, 0, 0)
    for low in range(CHANNELS - 1):
        for high in range(CHANNELS - 1 - low):
            inside = values[:, low : CHANNELS - high]
            left = int(np.isfinite(inside).all(1).sum()) * inside.shape[1]
            if left > found[0]:
                found = (left, low, high)
    return found[1:]


def kept(values, **how):
    """Which of the channels stay, by the gaps of the spectra."""
    bad = ~np.isfinite(values).all(1)
    gaps = find_gaps(values[bad])
    assert gaps is not None
    return channels_to_keep(gaps, int((~bad).sum()), **how)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_left_out_loses_the_fewest_values(seed):
    """Truth: by trying all. Shifts of all sizes; few spectra moved far; some spectra whole."""
    rng = np.random.default_rng(seed)
    shift = rng.integers(-4, 5, PIXELS) * (rng.random(PIXELS) < rng.choice([0.1, 0.5, 1]))
    shift[:2] = 15, -12
    values = spectra(np.maximum(shift, 0), np.maximum(-shift, 0))
    values[2] = np.nan
    low, high = most_values(values)
    truth = np.zeros(CHANNELS, bool)
    truth[low : CHANNELS - high] = True
    np.testing.assert_array_equal(kept(values), truth)


@pytest.mark.parametrize("pixels, channels_left_out", [(1, 0), (2, 0), (3, 1), (60, 1)])
def test_few_spectra_are_lost_instead_of_a_channel(pixels, channels_left_out):
    """Closed form: a channel of 60 values, or spectra of 25; even at 2.4 spectra."""
    low = (np.arange(PIXELS) < pixels).astype(int)
    assert (~kept(spectra(low, 0 * low))).sum() == channels_left_out


def test_channels_between_the_ends():
    """Definition: NaN in most spectra; where they must stay consecutive, never."""
    values = spectra([0] * PIXELS, [0] * PIXELS)
    values[: PIXELS // 2 + 1, 7] = np.nan
    values[: PIXELS // 2, 9] = np.nan
    np.testing.assert_array_equal(np.flatnonzero(~kept(values)), [7])
    assert kept(values, only_ends=True).all()


def test_infinity_is_no_gap():
    values = spectra([1] * 4, [0] * 4)
    values[:, 5] = np.inf
    assert find_gaps(values) is None
    assert find_gaps(np.full((3, CHANNELS), np.nan)) is None


def test_gaps_of_parts_are_those_of_the_whole():
    """Identity."""
    rng = np.random.default_rng(3)
    values = spectra(rng.integers(1, 4, PIXELS), rng.integers(0, 3, PIXELS))
    values[5:9, 12] = np.nan
    whole = find_gaps(values)
    parts = merge_gaps([find_gaps(part) for part in (values[:20], values[20:21], values[21:])])
    assert merge_gaps([None, None]) is None
    assert whole.spectra == parts.spectra == PIXELS
    for name in ("by_channel", "ends", "number"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("chunk", [None, 7])
def test_the_first_pass_is_that_of_the_channels_that_are_left(chunk):
    """Truth: the pass over the cropped spectra, without those that hold NaN beside the ends."""
    shift = np.arange(PIXELS) % 4
    values = spectra(shift, (np.arange(PIXELS) % 3 == 0).astype(int))
    values[10, 12], values[11] = np.nan, np.nan
    data = values if chunk is None else da.from_array(values, chunks=(chunk, -1))
    blocks, summary, left_out = without_nan_channels(row_blocks(data))
    np.testing.assert_array_equal(left_out, [0, 1, 2, CHANNELS - 1])
    truth = summarise(row_blocks(values[:, 3:-1]))
    np.testing.assert_array_equal(np.flatnonzero(~summary.finite), [10, 11])
    for name in ("finite", "groups", "group_size", "sample", "sampled"):
        np.testing.assert_array_equal(getattr(summary, name), getattr(truth, name))
    assert summary.gaps is None
    np.testing.assert_array_equal(blocks.channels, np.arange(3, CHANNELS - 1))


def test_no_second_pass_where_nothing_is_left_out(monkeypatch):
    """One pass over spectra without NaN, and over such as are NaN as a whole or in few pixels."""
    stages = []
    values = spectra([0] * PIXELS, [0] * PIXELS)
    values[3], values[4, 8] = np.nan, np.nan
    blocks = row_blocks(values)
    monkeypatch.setattr(
        "hyperspy_unmix.numerics.cleaning.nan_channels.summarise",
        lambda *args: stages.append(args[1]) or summarise(*args),
    )
    assert len(without_nan_channels(blocks)[2]) == 0
    assert stages == ["first pass"]
