"""Counts beyond the greatest number of a type; truth: what was done to Poisson counts."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.cleaning.number_limits import Limit, number_limit
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

CHANNELS = np.arange(100)


def lines(height, seed=0, pixels=200, width=5.0):
    """Two lines, brighter from pixel to pixel."""
    shape = np.exp(-(((CHANNELS - 30) / width) ** 2)) + 0.5 * np.exp(-(((CHANNELS - 60) / 6) ** 2))
    bright = np.linspace(0.3, 1, pixels)[:, None]
    return np.random.default_rng(seed).poisson(height * bright * shape + 3)


def limit_of(values):
    return number_limit(summarise(row_blocks(np.asarray(values))))


@pytest.mark.parametrize("stored", [None, float, np.int64])
@pytest.mark.parametrize(
    ("dtype", "limit"),
    [("u1", 255), ("i1", 127), ("u2", 65535), ("i2", 32767)],
)
@pytest.mark.parametrize("beyond", [1.15, 1.4, 1.9, 3.3])
def test_wrapped_around(dtype, limit, beyond, stored):
    wrapped = lines(beyond * limit).astype(dtype)
    assert limit_of(wrapped if stored is None else wrapped.astype(stored)) == Limit(limit, True)


@pytest.mark.parametrize("limit", [255, 4095, 65535, 12345])
def test_cut_off(limit):
    assert limit_of(np.minimum(lines(1.3 * limit), limit)) == Limit(limit, False)


@pytest.mark.parametrize("height", [30, 200, 3000, 65000])
@pytest.mark.parametrize("width", [1.5, 5.0])
def test_counts_that_end_by_chance(height, width):
    """Truth: nothing is cut off; in the smallest type, as some readers choose it."""
    for seed in range(20):
        counts = lines(height, seed, width=width)
        assert limit_of(counts) is None
        # the same, brought to just below a limit by what is left out
        for limit in (255, 65535):
            left = counts[(counts <= limit).all(1)]
            assert len(left) == 0 or limit_of(left) is None
    # sharp lines of all the same height, in 8 bits
    scaled = np.rint(255 * lines(1e6) / lines(1e6).max())
    assert limit_of(scaled) is None
    assert limit_of(0.5 * lines(1e3)) is None
