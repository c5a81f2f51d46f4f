"""Where most of a map is, in maps made for it."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.separation.concentration import (
    FEWEST_PIXELS,
    LEAST_SHARE,
    in_one_place,
)


@pytest.mark.parametrize("sign", [1, -1])
def test_share_of_one_pixel(sign):
    """Truth: by hand, for either sign; half of the counts and of their squares is the limit."""
    values = np.full(100, 1.0)
    values[17] = 300
    found = in_one_place(sign * values, np.arange(100), FEWEST_PIXELS)
    assert found.place == 17
    assert found.share == pytest.approx(300 / 399)
    values[17] = 98
    assert LEAST_SHARE > 98 / 197
    assert in_one_place(sign * values, np.arange(100), FEWEST_PIXELS) is None


def test_noise_does_not_dilute_it_nor_make_it():
    """Truth: a tenth of the noise's absolute sum, and yet nearly all the counts; none in noise."""
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0, 1, 400)
        assert in_one_place(values, np.arange(400), FEWEST_PIXELS) is None
        values[3] += 150
        assert in_one_place(values, np.arange(400), FEWEST_PIXELS).place == 3


def test_sparse_maps_are_not_in_one_pixel():
    """Truth: twenty particles of one pixel each, of heights between one and five."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 0.1, 400)
        values[rng.choice(400, 20, replace=False)] += rng.uniform(1, 5, 20)
        assert in_one_place(values, np.arange(400), FEWEST_PIXELS) is None


def test_few_pixels_say_nothing():
    values = np.eye(1, FEWEST_PIXELS)[0]
    assert in_one_place(values, np.arange(FEWEST_PIXELS), FEWEST_PIXELS).share == 1
    assert in_one_place(values[:-1], np.arange(FEWEST_PIXELS - 1), FEWEST_PIXELS) is None


def test_lines_of_the_scan():
    """Truth: a line of the scan, of which no pixel has most."""
    values = np.random.default_rng(0).normal(0, 0.1, (12, 20))
    values[5] += 4
    values = values.ravel()
    assert in_one_place(values, np.arange(240), FEWEST_PIXELS) is None
    found = in_one_place(values, np.arange(240) // 20, 8)
    assert found.place == 5
    assert found.share > 0.9


def test_an_empty_map_is_nowhere():
    assert in_one_place(np.zeros(100), np.arange(100), FEWEST_PIXELS) is None
