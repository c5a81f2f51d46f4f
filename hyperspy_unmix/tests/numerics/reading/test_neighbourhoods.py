"""Windows of single spectra, and of the pixels beside, against loops over pixels and channels."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_unmix.numerics.reading.neighbourhoods import cut_windows, read_around, read_windows
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks


def value(data, place, channel):
    """One value, or NaN where there is none."""
    inside = all(0 <= k < n for k, n in zip((*place, channel), data.shape, strict=True))
    return data[(*place, channel)] if inside else np.nan


def window(data, place, channel, half):
    return [value(data, place, channel + k) for k in range(-half, half + 1)]


@pytest.mark.parametrize("half", [0, 1, 4])
def test_windows_against_a_loop(half):
    """Truth: indexing, NaN beyond both ends."""
    rows = np.random.default_rng(0).integers(0, 99, (5, 9))
    row, position = np.array([0, 4, 4, 2, 1]), np.array([0, 8, 4, 7, 1])
    truth = [window(rows, (r,), p, half) for r, p in zip(row, position, strict=True)]
    np.testing.assert_array_equal(cut_windows(rows, row, position, half), truth)


@pytest.mark.parametrize("with_variance", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_read_windows_against_a_loop(masked, with_variance):
    """Truth: indexing; NaN beyond the ends and where a pixel does not count; any order, twice."""
    rng = np.random.default_rng(1)
    data = rng.integers(0, 999, (6, 7, 12))
    variance = rng.integers(1, 99, data.shape) if with_variance else None
    counts = rng.random(42) > 0.3 if masked else np.ones(42, bool)
    blocks = replace(row_blocks(data, variance), pixels=counts)
    pixels = np.append(rng.integers(0, 42, 30), [41, 41, 0])
    positions = rng.integers(0, 12, 33)
    found = read_windows(blocks, pixels, positions, 3)
    for values, known in zip(found, (data, variance), strict=True):
        if known is None:
            assert values is None
            continue
        truth = np.array(
            [
                window(known.reshape(42, 12), (p,), k, 3) if counts[p] else [np.nan] * 7
                for p, k in zip(pixels, positions, strict=True)
            ]
        )
        np.testing.assert_array_equal(values, truth)


@pytest.mark.parametrize("shape", [(6, 7), (9,), (2, 3, 4)])
@pytest.mark.parametrize("reach", [1, 2])
def test_read_around_against_a_loop(shape, reach):
    """Truth: indexing along every scan axis; NaN beyond it and for what does not count."""
    rng = np.random.default_rng(2)
    data, number = rng.integers(0, 999, (*shape, 10)), int(np.prod(shape))
    counts = rng.random(number) > 0.2
    pixels, positions = np.flatnonzero(counts)[::2], rng.integers(0, 10, -(-counts.sum() // 2))
    blocks = replace(row_blocks(data), pixels=counts)
    own, beside = read_around(blocks, pixels, positions, 1, reach)
    hidden = np.where(counts.reshape(shape)[..., None], data, np.nan)
    for k, (pixel, position) in enumerate(zip(pixels, positions, strict=True)):
        place = np.unravel_index(pixel, shape)
        np.testing.assert_array_equal(own[k], window(data, place, position, 1))
        truth = []
        for axis in range(len(shape)):
            for step in (*range(-reach, 0), *range(1, reach + 1)):
                moved = np.array(place)
                moved[axis] += step
                truth.append(window(hidden, tuple(moved), position, 1))
        np.testing.assert_array_equal(beside[k], truth)
