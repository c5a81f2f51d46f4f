"""Sums of neighbouring pixels against numpy's own."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.numerics.reading.sums_of_pixels import cells_of_pixels, sum_pixels


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(
    ("shape", "factors"),
    [((12, 8), (4, 2)), ((13, 9), (4, 4)), ((30,), (8,)), ((4, 6, 5), (2, 3, 1))],
)
def test_sums(shape, factors, lazy):
    """Closed form: numpy's sum of each cell, of pixels that count; some cells hold fewer."""
    generator = np.random.default_rng(0)
    values = generator.poisson(3, (*shape, 7)).astype(np.uint8)
    pixels = generator.random(shape) < 0.8
    given = da.from_array(values, chunks=(3,) * len(shape) + (-1,)) if lazy else values
    blocks = replace(row_blocks(given), pixels=pixels.ravel(), channels=np.array([0, 2, 3, 6]))
    cells, scan = cells_of_pixels(shape, factors)
    filled, sums = sum_pixels(blocks, cells[pixels.ravel()])

    expected = np.zeros((*scan, 4))
    for place in zip(*np.nonzero(pixels), strict=True):
        cell = tuple(i // factor for i, factor in zip(place, factors, strict=True))
        expected[cell] += values[place][[0, 2, 3, 6]]
    whole = np.zeros((int(np.prod(scan)), 4))
    whole[filled] = sums
    assert np.array_equal(whole.reshape(expected.shape), expected)
    assert np.array_equal(filled, np.unique(cells[pixels.ravel()]))
