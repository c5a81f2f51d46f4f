"""Energy drift from the spectra themselves, against drifts that were put in."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift
from threadpoolctl import threadpool_limits

from hyperspy_unmix.numerics.energy_shift import followed, group_shifts, shifted
from hyperspy_unmix.tests.drift_scenes import CHANNELS, SCALE, drift_of, edge, spectra

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

    found = shifted((gaussian(150) + 2 - 0.01 * x)[None], np.array([by]))[0]
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
    np.testing.assert_allclose(shifted(rows, by), truth, atol=1e-12)


def test_whole_channels_are_whole_channels():
    """Exact where nothing comes round: a roll, and noise keeps its size."""
    rows = np.zeros((2, 300))
    rows[:, 50:250] = np.random.default_rng(1).standard_normal((2, 200))
    found = shifted(rows, np.array([3.0, -8.0]))
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
    """Truth: the drift put in; the errors stated are those that are found (96 values: 7 %)."""
    groups, pixels, drift = grouped("one phase", dose, drift=size, course=course)
    found = group_shifts(groups, pixels)
    assert found.rank == 1
    error = centred(found.free) - centred(drift)
    pull = error / np.sqrt(found.variance)
    assert 0.6 < np.std(pull) < 1.5
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


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_how_much_of_another_drift_the_spectra_have(share):
    """Truth: a share of the drift that the zero-loss peak is said to have; five errors."""
    known = drift_of("wave", 2.0, 100 * GROUPS)
    groups, pixels, _ = grouped("phases", drift=2.0 * share, course="wave")
    found, error = followed(groups, pixels, known * share, known)
    assert error < 0.05
    assert found - 1 == pytest.approx(0, abs=5 * error + 0.1)
    still, error = followed(grouped("phases")[0], pixels, known, known)
    assert still == pytest.approx(0, abs=5 * error + 0.1)


def test_too_few_channels_tell_nothing():
    """40 channels: nothing is known, with an endless error."""
    groups, pixels, _ = grouped("one phase")
    known = drift_of("wave", 2.0, 100 * GROUPS)
    assert followed(groups[:, :40], pixels, known, known) == (1.0, np.inf)


def test_scene_is_what_it_says():
    """The phantom itself: its edges move with the drift, in channels of 0.5 eV."""
    assert SCALE == 0.5
    expected, drift = spectra("one phase", 3, drift=4.0)
    half = [np.interp(0.3, row[150:170], np.arange(150, 170)) for row in expected - expected[1, :1]]
    assert len(expected[0]) == CHANNELS
    assert half[2] - half[0] == pytest.approx(drift[2] - drift[0], abs=0.3)
    assert edge(532, 1.5)[0] < 1e-3
