"""Comparison of groups of spectra by singular values and loops over the groups."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.drift.group_shifts import (
    SHARES_TRIED,
    _Comparison,
    group_shifts,
    merge_neighbours,
    shift_share_in_spectra,
    shift_spectra,
)
from hyperspy_unmix.tests.preparation.drift_scenes import drift_of, spectra


def scene(groups=24, size=100, seed=0, **options):
    """Mean spectra of unequal groups, as counts give them."""
    expected, _ = spectra("phases", groups, **options)
    counts = np.random.default_rng(seed).poisson(2e5 * expected).astype(float)
    return counts, np.where(np.arange(groups) % 3, size, size // 2)


def weighted(groups, size, reach, shift):
    """Spectra between two widths of smoothing, over their noise, without the channels at the ends.

    Counts have the variance of the mean spectrum, at least of 2 % of the mean level; groups have it
    by their pixels and their brightness, at least 5 % of the mean one.
    """
    n = groups.shape[1]
    mean = np.average(groups, axis=0, weights=size)
    noise = np.maximum(mean, 0.02 * np.abs(mean).mean())
    fine = gaussian_filter1d(groups, 1.5, axis=1) - gaussian_filter1d(groups, 12.0, axis=1)
    fine = shift_spectra(fine, shift)
    bright = np.abs(groups).mean(1)
    found = []
    for row, pixels, own in zip(fine, size, bright / bright.mean(), strict=True):
        found.append(row / np.sqrt(noise) * np.sqrt(pixels / max(own, 0.05)))
    return np.array(found)[:, reach + 4 : n - reach - 4]


def cost(groups, size, reach, shift, rank):
    """Squares of what is left beside the largest singular values."""
    values = np.linalg.svd(weighted(groups, size, reach, shift), compute_uv=False)
    return np.sum(values[rank:] ** 2)


@pytest.mark.parametrize("rank", [1, 2, 4])
@pytest.mark.parametrize("dark", [False, True])
def test_cost_is_what_the_largest_components_leave(rank, dark):
    """Independent: numpy's SVD; with a group and channels that are next to dark, too."""
    groups, size = scene()
    if dark:
        groups[3] *= 1e-3
        groups[:, 100:140] *= 1e-3
    shift = np.linspace(-2, 3, len(groups))
    data = _Comparison(groups, size, 6)
    assert data.squares_left(shift, rank)[0] == pytest.approx(
        cost(groups, size, 6, shift, rank), rel=1e-6
    )


def test_shifts_of_single_groups_against_a_fit_of_each():
    """Closed form: to first order, each group's own shift beside components that stay.

    What is left of a group is fitted by the slope of its model, less what the components take.
    """
    groups, size = scene(drift=0.2)
    data, none = _Comparison(groups, size, 6), np.zeros(len(groups))
    rank = 2
    white = weighted(groups, size, 6, none)
    left, values, right = np.linalg.svd(white, full_matrices=False)
    model = left[:, :rank] * values[:rank] @ right[:rank]
    mean = np.average(groups, axis=0, weights=size)
    noise = np.sqrt(np.maximum(mean, 0.02 * np.abs(mean).mean()))[10:-10]
    found, variance = data.shifts_left(none, rank)
    level = np.sum((white - model) ** 2) / (white.size - rank * sum(white.shape))
    for k in range(len(groups)):
        slope = np.gradient(model[k] * noise) / noise
        slope = slope - right[:rank].T @ (right[:rank] @ slope)
        fit = np.linalg.lstsq(slope[:, None], white[k] - model[k], rcond=None)[0][0]
        assert found[k] == pytest.approx(-fit, rel=1e-6, abs=1e-9)
        assert variance[k] == pytest.approx(level / (slope @ slope), rel=1e-6)


@pytest.mark.parametrize(("groups", "together"), [(128, 1), (129, 2), (300, 3)])
def test_merged_groups_against_a_loop(groups, together):
    """Truth: means over the pixels of as few neighbours as leave 128 groups at most."""
    rng = np.random.default_rng(1)
    means, size = rng.random((groups, 7)), rng.integers(1, 9, groups)
    found, pixels = merge_neighbours(means, size)
    for k, first in enumerate(range(0, groups, together)):
        part = slice(first, first + together)
        assert pixels[k] == size[part].sum()
        np.testing.assert_allclose(found[k], np.average(means[part], axis=0, weights=size[part]))
    assert len(found) == len(pixels) == -(-groups // together)


def test_time_is_that_of_the_middle_of_each_group():
    """Closed form: by the pixels of the scan; also of some of the groups."""
    groups, size = scene()
    ends = np.cumsum(size) / size.sum()
    starts = np.append(0, ends[:-1])
    for part in (slice(None), slice(1, None, 2)):
        np.testing.assert_allclose(
            group_shifts(groups, size, part).time, ((starts + ends) / 2)[part], rtol=1e-12
        )


def test_the_middle_channel_halves_the_information():
    """Phantom: edges of one height at two energies tell the same; the middle is between them."""
    channel = np.arange(400.0)
    lines = np.exp(-0.5 * ((channel - 100) / 3) ** 2) + np.exp(-0.5 * ((channel - 300) / 3) ** 2)
    groups = np.tile(1e4 * (1 + lines), (16, 1))
    rng = np.random.default_rng(2)
    groups = rng.normal(groups, np.sqrt(groups / 100))
    assert 100 < group_shifts(groups, np.full(16, 100)).middle < 310
    groups = np.tile(1e4 * (1 + np.exp(-0.5 * ((channel - 100) / 3) ** 2)), (16, 1))
    groups = rng.normal(groups, np.sqrt(groups / 100))
    assert group_shifts(groups, np.full(16, 100)).middle == pytest.approx(100, abs=5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_share_of_a_drift_that_is_followed(share):
    """Slow version: a parabola through the lowest of nine costs by SVD and its neighbours.

    The share itself is as near as it has to be where a half decides.
    """
    n, each = 24, 50
    known = drift_of("wave", 3.0, n * each)
    expected, _ = spectra("one phase", n, drift=3.0 * share, course="wave")
    groups = np.random.default_rng(3).poisson(2e5 * expected).astype(float)
    size = np.full(n, each)
    whole = known.reshape(n, each).mean(1)
    whole -= whole.mean()
    reach = int(np.ceil(1.5 * np.abs(whole).max())) + 1
    data = _Comparison(groups, size, reach)
    rank = min(data.count_components(whole), data.count_components(0 * whole))
    costs = np.array([cost(groups, size, reach, s * whole, rank) for s in SHARES_TRIED])
    least = min(max(int(costs.argmin()), 1), len(SHARES_TRIED) - 2)
    left, middle, right = costs[least - 1 : least + 2]
    step = SHARES_TRIED[1] - SHARES_TRIED[0]
    bend = (left - 2 * middle + right) / 2 / step**2
    top = SHARES_TRIED[least] - (right - left) / (4 * step * bend)
    free = groups.size - rank * (n + groups.shape[1])
    found, error = shift_share_in_spectra(groups, size, known, known)
    assert found == pytest.approx(top, abs=1e-4)
    assert error == pytest.approx(np.sqrt(costs.min() / free / bend), rel=1e-4)
    assert found == pytest.approx(share, abs=0.25)
