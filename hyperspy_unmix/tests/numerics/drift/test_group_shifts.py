"""Energy drift from the spectra themselves, against drifts that were put in."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.drift.group_shifts import (
    group_shifts,
    shift_share_in_spectra,
    shift_spectra,
)
from hyperspy_unmix.tests.preparation.drift_scenes import CHANNELS, SCALE, drift_of, edge, spectra

GROUPS = 96


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


# ---------------------------------------------------------------------------------- shifting


@pytest.mark.parametrize("by", [0.3, -2.0, 7.6])
def test_shifted_is_the_closed_form(by):
    """Closed form: a Gaussian on a slope, moved to lower channels."""
    x = np.arange(300.0)

    def gaussian(centre):
        return np.exp(-0.5 * ((x - centre) / 4) ** 2)

    found = shift_spectra((gaussian(150) + 2 - 0.01 * x)[None], np.array([by]))[0]
    truth = gaussian(150 - by) + 2 - 0.01 * (x + by)
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_shifted_is_scipys_fourier_shift():
    """Truth: ``scipy.ndimage.fourier_shift`` of what begins and ends at zero."""
    rows = np.random.default_rng(0).standard_normal((5, 200))
    rows[:, 0] = rows[:, -1] = 0
    by = np.array([0.0, 0.5, -0.25, 3.0, -10.7])
    # the middle of an even number of frequencies has no sign
    truth = [
        np.fft.irfft(
            fourier_shift(np.fft.rfft(row), -s, n=200), 200
        ) for row, s in zip(rows, by, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(shift_spectra(rows, by), truth, atol=1e-12)


def test_whole_channels_are_whole_channels():
    """Exact where nothing comes round: a roll, and noise keeps its size."""
    rows = np.zeros((2, 300))
    rows[:, 50:250] = np.random.default_rng(1).standard_normal((2, 200))
    found = shift_spectra(rows, np.array([3.0, -8.0]))
    np.testing.assert_allclose(found[0], np.roll(rows[0], -3), atol=1e-10)
    np.testing.assert_allclose(found[1], np.roll(rows[1], 8), atol=1e-10)


# ------------------------------------------------------------------------------- group shifts


def grouped(kind, dose=2e5, seed=0, **options):
    """Means of 100 pixels' spectra each, as Poisson counts give them."""
    expected, drift = spectra(kind, GROUPS, **options)
    counts = np.random.default_rng(seed).poisson(dose * expected).astype(float)
    return counts, np.full(GROUPS, 100), drift


def centred(values):
    return values - values.mean()


@pytest.mark.parametrize("dose", [2e4, 2e6])
@pytest.mark.parametrize("course", ["ramp", "wave"])
@pytest.mark.parametrize("size", [0.3, 2.0, 8.0])
def test_drift_of_one_phase(size, course, dose):
    """Truth: the drift put in; the errors stated are those that are found (96 values: 7 %).

    Where they are a thousandth of a channel, a hundredth of the drift is lost to its curve.
    """
    groups, pixels, drift = grouped("one phase", dose, drift=size, course=course)
    found = group_shifts(groups, pixels)
    assert found.rank <= 2
    error = centred(found.free) - centred(drift)
    pull = error / np.sqrt(found.variance + (0.01 * size) ** 2)
    assert np.std(pull) < 1.5
    if dose < 1e5 and size < 1:
        assert np.std(pull) > 0.6
    assert np.std(error) < 0.05
    assert np.std(centred(found.fitted) - centred(drift)) < 0.03


@pytest.mark.parametrize("kind", ["elements", "thickness", "phases"])
def test_drift_beside_a_gradient_of_composition(kind):
    """Truth: the drift put in; a tenth of it may be lost to what changes with it."""
    groups, pixels, drift = grouped(kind, drift=2.0, course="wave")
    found = group_shifts(groups, pixels)
    assert np.std(centred(found.fitted) - centred(drift)) < 0.1 * np.std(drift)


@pytest.mark.parametrize("kind", ["one phase", "elements", "thickness"])
@pytest.mark.parametrize("dose", [2e4, 2e6])
def test_no_drift_is_found_where_there_is_none(kind, dose):
    """Truth: none; four errors of the smooth curve, whose 16 coefficients share 96 values."""
    groups, pixels, _ = grouped(kind, dose)
    found = group_shifts(groups, pixels)
    assert np.std(found.fitted) < 4 * np.sqrt(np.mean(found.variance) * 16 / 96)


def test_parts_of_the_groups():
    """Truth: every second group has the drift of all."""
    groups, pixels, drift = grouped("one phase", drift=2.0, course="wave")
    for part in (slice(0, None, 2), slice(1, None, 2)):
        found = group_shifts(groups, pixels, part)
        assert len(found.time) == GROUPS // 2
        assert np.std(centred(found.fitted) - centred(drift[part])) < 0.03


def test_negative_means():
    """A background was subtracted elsewhere: finite, and the drift is the same."""
    groups, pixels, drift = grouped("one phase", drift=2.0, course="wave")
    found = group_shifts(groups - 1.1 * groups.mean(), pixels)
    assert np.isfinite(found.free).all()
    assert np.std(centred(found.fitted) - centred(drift)) < 0.1


# ------------------------------------------------------------------ a drift known from elsewhere


@pytest.mark.parametrize("kind", ["one phase", "elements", "phases"])
@pytest.mark.parametrize("size", [0.5, 2.0, 8.0])
def test_spectra_that_follow_another_drift(kind, size):
    """Truth: all of the drift that the zero-loss peak has; a quarter, since a half decides."""
    known = drift_of("wave", size, 100 * GROUPS)
    groups, pixels, _ = grouped(kind, drift=size, course="wave")
    found, error = shift_share_in_spectra(groups, pixels, known, known)
    assert error < 0.05
    assert found == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("kind", ["one phase", "elements", "phases"])
@pytest.mark.parametrize("size", [0.5, 2.0, 8.0])
def test_spectra_that_stand_still(kind, size):
    """Truth: none of the drift that the zero-loss peak has; less than half, clearly."""
    known = drift_of("wave", size, 100 * GROUPS)
    groups, pixels, _ = grouped(kind)
    found, error = shift_share_in_spectra(groups, pixels, known, known)
    assert found + 2 * error < 0.5


def test_too_few_channels_tell_nothing():
    """40 channels: nothing is known, with an endless error."""
    groups, pixels, _ = grouped("one phase")
    known = drift_of("wave", 2.0, 100 * GROUPS)
    assert shift_share_in_spectra(groups[:, :40], pixels, known, known) == (1.0, np.inf)


def test_scene_is_what_it_says():
    """The phantom itself: its edges move with the drift, in channels of 0.5 eV."""
    assert SCALE == 0.5
    expected, drift = spectra("one phase", 3, drift=4.0)
    assert expected.shape == (3, CHANNELS)
    tops = expected[:, 150:200].argmax(1)
    assert np.diff(tops).tolist() == np.diff(drift).tolist() == [2, 2]
    assert edge(532, 1.5)[0] < 1e-3


@pytest.mark.parametrize("number", [8, 12, 15])
def test_few_groups_have_few_coefficients(number):
    """Closed form: one for every four groups, so that these lie on a line or on a parabola."""
    counts, size, _ = grouped("one phase", drift=8.0, course="wave")
    found = group_shifts(counts[:number], size[:number])
    degree = number // 4 - 1
    np.testing.assert_allclose(np.diff(found.fitted, degree + 1), 0, atol=1e-9)
    assert np.abs(np.diff(found.fitted, degree)).max() > 1e-6
