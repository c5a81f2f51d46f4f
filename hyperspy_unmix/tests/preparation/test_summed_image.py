"""Sums of neighbouring pixels, and pixels that are not summed: every count is there, once."""

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.prepare import prepare
from hyperspy_unmix.preparation.spectrum_image import to_pixels
from hyperspy_unmix.preparation.summed_image import with_summed_channels, with_summed_pixels
from hyperspy_unmix.tests.scenes import calibrated

CHANNELS = 40


def prepared(shape, mask=None):
    values = np.random.default_rng(0).poisson(1.0, (*shape, CHANNELS)).astype(np.float32)
    return prepare(calibrated(values, "unmix"), Preprocessing(navigation_mask=mask)), values


@pytest.mark.parametrize(
    ("shape", "factors"),
    [((64,), (4,)), ((32, 48), (4, 4)), ((33, 50), (2, 4)), ((16, 17, 18), (2, 2, 2))],
)
@pytest.mark.parametrize("number", [0, 1, 13])
def test_every_count_is_there_once(shape, factors, number):
    """Closed form: sums by hand; those that stand alone as they were, after an empty line."""
    given, values = prepared(shape)
    spectra = values.reshape(-1, CHANNELS)
    alone = np.zeros(len(spectra), bool)
    alone[np.random.default_rng(1).choice(len(spectra), number, replace=False)] = True
    image = with_summed_pixels(given, factors, alone).image
    rows = to_pixels(image, image.blocks.rows(lambda block: block.spectra, stage="test"))
    lengths = [-(-n // of) for n, of in zip(shape, factors, strict=True)]
    summed = np.nan_to_num(rows[: lengths[0]])
    np.testing.assert_allclose(summed.sum((*range(len(shape)),)), spectra[~alone].sum(0))
    corner = tuple(slice(0, of) for of in factors)
    first = (values * ~alone.reshape(*shape, 1))[corner].reshape(-1, CHANNELS).sum(0)
    np.testing.assert_array_equal(np.ravel(summed)[:CHANNELS], first)
    if number:
        assert np.isnan(rows[lengths[0]]).all()
        single = rows[lengths[0] + 1 :].reshape(-1, CHANNELS)
        np.testing.assert_array_equal(single[:number], spectra[alone])
        assert np.isnan(single[number:]).all()
    assert image.frame.axes_manager.navigation_shape[::-1] == rows.shape[:-1]


def test_masked_pixels_are_in_no_sum():
    """Closed form: the sum of all others."""
    mask = np.zeros((32, 32), bool)
    mask[:, 20:] = True
    given, values = prepared((32, 32), mask)
    image = with_summed_pixels(given, (4, 4)).image
    total = image.blocks.rows(lambda block: block.spectra, stage="test").sum(0)
    np.testing.assert_allclose(total, values[~mask].sum(0))


def test_a_scan_whose_steps_are_not_even():
    """Closed form: middles of the positions; beyond them, where pixels are single, by number."""
    values = np.random.default_rng(0).poisson(1.0, (32, CHANNELS)).astype(np.float32)
    positions = np.arange(32.0) ** 1.5
    axes = [{"axis": positions, "navigate": True}, {"size": CHANNELS, "navigate": False}]
    given = prepare(hs.signals.Signal1D(values, axes=axes), Preprocessing())
    axis = with_summed_pixels(given, (4,)).image.frame.axes_manager[0].axis
    np.testing.assert_allclose(axis, positions.reshape(8, 4).mean(1))
    alone = np.arange(32) == 5
    frame = with_summed_pixels(given, (4,), alone).image.frame
    assert frame.axes_manager.navigation_shape == (10,)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("first", [0, 1])
def test_sums_of_channels(factor, first):
    """Closed form, where the channels left out end at a sum and where they do not."""
    values = np.random.default_rng(0).poisson(3.0, (16, 16, 64)).astype(np.float32)
    masked = np.arange(64) < first * factor + first
    options = Preprocessing(signal_mask=masked if first else None)
    image = with_summed_channels(prepare(hs.signals.Signal1D(values), options), factor).image
    found = image.blocks.rows(lambda block: block.spectra, stage="test")
    kept = np.where(masked, 0, values).reshape(256, -1, factor).sum(2)
    np.testing.assert_array_equal(found, kept[:, image.blocks.channels])
