"""Groups of pixels in either order of a scan: closed forms."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.drift.scan_groups import LEAST_LINES, ScanGroups, other_order


@pytest.mark.parametrize("shape", [(4, 6), (7, 5), (2, 4, 5)])
@pytest.mark.parametrize("masked", [False, True])
def test_other_order_is_that_of_swapped_axes(shape, masked):
    """Closed form: the pixels as they lie in the array with its last two axes swapped."""
    counts = np.ones(shape, bool)
    if masked:
        counts = np.random.default_rng(0).random(shape) > 0.3
    number = np.full(shape, -1)
    number[counts] = np.arange(counts.sum())
    swapped = np.swapaxes(number, -1, -2).ravel()
    order = other_order(counts.ravel(), shape)
    np.testing.assert_array_equal(order, swapped[swapped >= 0])


@pytest.mark.parametrize("shape", [(30,), (1, 30), (LEAST_LINES - 1, 30)])
def test_lines_have_one_order(shape):
    assert other_order(np.ones(30 * (len(shape) > 1) * shape[0] or 30, bool), shape) is None


def test_means_and_places_go_with_the_order():
    """Closed form: means of runs of the order; values in its order go back to their pixels."""
    order = np.array([4, 2, 0, 1, 3])
    scan = ScanGroups(np.zeros((2, 3)), np.array([2, 3]), order)
    values = np.array([10.0, 20, 30, 40, 50])
    np.testing.assert_allclose(scan.means(values), [(50 + 30) / 2, (10 + 20 + 40) / 3])
    np.testing.assert_array_equal(scan.to_pixels(values[order]), values)


def test_moved_back_by_the_mean_shift_of_each_group():
    """Truth: lines at known channels, moved to one; a twentieth of a channel for sampling."""
    x = np.arange(200.0)
    shift = np.repeat([-2.0, 0.5, 3.25], 4)
    lines = np.exp(-0.5 * ((x - 100 - shift[::4, None]) / 3) ** 2)
    scan = ScanGroups(lines, np.array([4, 4, 4]), np.arange(12)).moved_back(shift)
    centre = scan.groups @ x / scan.groups.sum(1)
    np.testing.assert_allclose(centre, 100, atol=0.05)
