"""Maps that were smoothed, resampled or corrected for drift: neighbours share their noise."""

import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates, median_filter, zoom

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import array, calibrated

CHANNELS = 120
SUBJECT = "WARNING: neighbouring pixels"
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def three_phases(shape=(48, 48), dose=400.0, seed=0):
    """Closed form: three lines, mixed in fields of 3 pixels, and their Poisson noise."""
    rng, channel = np.random.default_rng(seed), np.arange(CHANNELS)
    spectra = np.exp(-(((channel - np.array([[24], [60], [96]])) / 5) ** 2)) + 0.05
    spectra /= spectra.sum(1, keepdims=True)
    fields = gaussian_filter(rng.normal(size=(*shape, 3)), (3,) * len(shape) + (0,))
    shares = np.exp(3 * fields / fields.std())
    shares /= shares.sum(-1, keepdims=True)
    return rng.poisson(dose * shares @ spectra).astype(float)


def corrected_for_distortion(data):
    """Lines and columns shifted by fractions of a pixel, interpolated linearly."""
    y, x = np.indices(data.shape[:2]).astype(float)
    y += 2 * np.sin(np.arange(48) / 9)[:, None]
    x += np.cumsum(np.random.default_rng(0).normal(0, 0.2, 48))[:, None]
    channels = np.moveaxis(data, -1, 0)
    moved = [map_coordinates(one, [y, x], order=1, mode="nearest") for one in channels]
    return np.stack(moved, -1)


def carried_over(data, share):
    """A detector that lags: each pixel holds a share of the one before."""
    data = data.copy()
    for k in range(1, data.shape[1]):
        data[:, k] = (1 - share) * data[:, k] + share * data[:, k - 1]
    return data


def every_second_line_averaged(data):
    data = data.copy()
    data[1:-1:2] = (data[:-2:2] + data[2::2]) / 2
    return data


def overlapping_sums(data):
    return data[:-1, :-1] + data[1:, :-1] + data[:-1, 1:] + data[1:, 1:]


WAYS = {
    "Gaussian of 0.5": lambda d: gaussian_filter(d, (0.5, 0.5, 0)),
    "Gaussian of 1": lambda d: gaussian_filter(d, (1, 1, 0)),
    "Gaussian of 2": lambda d: gaussian_filter(d, (2, 2, 0)),
    "Gaussian of 0.7, rounded": lambda d: np.rint(gaussian_filter(d, (0.7, 0.7, 0))),
    "median of 3 x 3": lambda d: median_filter(d, (3, 3, 1)),
    "interpolated to twice as many": lambda d: zoom(d[:32, :32], (2, 2, 1), order=1),
    "corrected for distortion": corrected_for_distortion,
    "along the lines only": lambda d: gaussian_filter1d(d, 1, axis=1),
    "a detector that lags": lambda d: carried_over(d, 0.3),
    "every second line averaged": every_second_line_averaged,
    "sums that overlap": overlapping_sums,
    "line scan": lambda d: gaussian_filter1d(three_phases((200,)), 1, axis=0),
}


@eager_and_lazy
@pytest.mark.parametrize("change", WAYS.values(), ids=WAYS)
def test_three_phases_are_three_and_the_advice_works(change, lazy):
    """Truth: three phases; and three where pixels are summed as advised, of which nothing is said.

    The noise edge of independent pixels gave up to 96.
    """
    data = change(three_phases())
    s = calibrated(data, lazy=lazy)
    pca = hyperspy_unmix.pca(s)
    assert pca.n_components == 3
    reason = pca.settings[SUBJECT].reason
    advised = re.search(r"(signal\..*\))\.unmix\(\)", reason)[1]
    summed = hyperspy_unmix.pca(eval(advised, {"signal": s}))
    assert summed.n_components == 3
    assert SUBJECT not in summed.settings


def test_said_along_the_axis_that_was_smoothed():
    """Truth: x, HyperSpy's first axis; and numbers are of neighbours along it."""
    data = gaussian_filter1d(three_phases(), 1, axis=1)
    reason = hyperspy_unmix.pca(calibrated(data)).settings[SUBJECT].reason
    assert " and 0 of it along the axes" in reason
    assert "sum 4 x 1 pixels: signal.rebin(scale=(4, 1, 1))" in reason


RECORDED = {
    "as recorded": lambda: three_phases(),
    "sum of frames": lambda: sum(three_phases(dose=100.0, seed=0) for _ in range(4)),
    "line scan": lambda: three_phases((200,)),
    "every pixel four times": lambda: three_phases((24, 24)).repeat(2, 0).repeat(2, 1),
    "no noise at all": lambda: (
        gaussian_filter(three_phases((24, 20)), (9, 9, 3))[:, :, :2]
        @ np.random.default_rng(0).uniform(1, 2, (2, CHANNELS))
    ),
}


@pytest.mark.parametrize("make", RECORDED.values(), ids=RECORDED)
def test_nothing_is_said_of_what_was_recorded(make):
    """Truth: pixels whose noise is their own, or that have none."""
    assert not [name for name in hyperspy_unmix.pca(calibrated(make())).settings if "neigh" in name]


def test_a_little_is_no_warning():
    """Truth: 0.1 / 0.9 of the noise, less the growth of its variance."""
    pca = hyperspy_unmix.pca(calibrated(carried_over(three_phases(), 0.1)))
    assert SUBJECT not in pca.settings
    assert pca.settings["neighbouring pixels"].value == pytest.approx(0.1, abs=0.02)


def test_logged_every_time(caplog):
    """The warning comes with every call, also where the steps of the last one are used again."""
    s = calibrated(gaussian_filter(three_phases((24, 20)), (1, 1, 0)))
    for _ in range(2):
        caplog.clear()
        u = hyperspy_unmix.unmix(s, 3, store=False)
        assert sum("share their noise" in message for message in caplog.messages) == 1
    assert SUBJECT in u.settings
    assert array(u.maps).shape == (3, 24, 20)
