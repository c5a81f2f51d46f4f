"""Two maps against each other, and the pixels picked there."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.components.regions import is_inside
from hyperspy_unmix.tests.scenes import array


@pytest.fixture(scope="module")
def u():
    signal, *_ = data.eds_phases((16, 16), phases=3, counts=400)
    u = hyperspy_unmix.unmix(signal, 3, assume="pure")
    return u.rename(["a", "b", "c"])


def test_rectangles_and_polygons_pick_the_pixels_in_them(u):
    """Truth: the maps themselves."""
    a, b = array(u.maps)[:2]
    limits = (float(np.median(a)), float(a.max()) + 1, float(b.min()) - 1, float(b.max()) + 1)
    region = u.region_between("a", "b", limits)
    np.testing.assert_array_equal(region.mask.data, a > limits[0])
    left, right, bottom, top = limits
    polygon = [(left, bottom), (right, bottom), (right, top), (left, top)]
    np.testing.assert_array_equal(u.region_between(0, 1, polygon).picked, region.picked)
    assert region.pixels == region.mask.data.sum()
    share = u.region_between(0, 1, (0.9, 2, -1, 2), of="fractions")
    np.testing.assert_array_equal(share.mask.data, array(u.fractions)[0] > 0.9)


def test_points_in_polygons():
    """Truth: a triangle and a star, whose inner pentagon lies on neither side."""
    triangle = [(0, 0), (2, 0), (0, 2)]
    points = np.array([[0.5, 0.5], [1.5, 1.5], [-0.1, 0.5], [0.9, 0.9]])
    np.testing.assert_array_equal(is_inside(points, triangle), [True, False, False, True])
    angles = 4 * np.pi / 5 * np.arange(5)
    star = np.stack([np.sin(angles), np.cos(angles)], 1)
    np.testing.assert_array_equal(is_inside(np.array([[0, 0], [0, 0.8]]), star), [False, True])


def test_spectrum_and_mask_are_known_components(u):
    region = u.region_between("a", "b", (0.9, 2, -1, 2), of="fractions")
    scale = region.spectrum.axes_manager.signal_axes[0].scale
    assert region.spectrum.data.sum() * scale == pytest.approx(1)
    cosine = array(u.spectra)[0] @ region.spectrum.data
    cosine /= np.linalg.norm(array(u.spectra)[0]) * np.linalg.norm(region.spectrum.data)
    assert np.degrees(np.arccos(cosine)) < 5
    again = u.pca.ica(
        known={
            "picked": region.spectrum,
            "there": u.region_between("b", "a", (0.9, 2, -1, 2), of="fractions").mask,
        }
    )
    assert {"picked", "there"} < set(again.names)


def test_nothing_picked_is_said(u):
    none = u.region_between(0, 1, (1e8, 1e9, 0, 1))
    assert none.pixels == 0 and not none.mask.data.any()
    with pytest.raises(ValueError, match="no pixel was picked"):
        _ = none.spectrum


@pytest.mark.parametrize("limits", [(1, 2), (2, 1, 0, 1), "all", [(0, 0), (1, 1)], None])
def test_limits_that_are_none(u, limits):
    with pytest.raises((TypeError, ValueError), match="limits="):
        u.region_between(0, 1, limits)


def test_scatter_has_corners_and_names(u):
    ax = u.plot_scatter("a", "b", of="fractions")
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["100 % a", "100 % b", "other components"]
    assert ax.get_xlabel().startswith("a (share")
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[1, 0], [0, 1], [0, 0]])
    _, own = plt.subplots()
    assert u.plot_scatter(ax=own, cmap="magma", title="x") is own and own.get_title() == "x"
    for options in ({"of": "x"}, {"select": "x"}, {"select": True, "ax": own}):
        with pytest.raises(ValueError):
            u.plot_scatter(**options)
    with pytest.raises(ValueError, match="same"):
        u.plot_scatter(0, "a")
    plt.close("all")


@pytest.mark.parametrize("kind", [True, "rectangle"])
def test_pixels_are_picked_in_the_figure(u, kind):
    picker = u.plot_scatter(0, 1, of="fractions", select=kind)
    assert picker.region is None
    left, right, bottom, top = 0.9, 1.0, -0.1, 0.1
    if kind == "rectangle":
        picker._selector.extents = (left, right, bottom, top)
        picker._selector.onselect(None, None)
    else:
        drawn = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        picker._selector.onselect(drawn)
    a, b = array(u.fractions)[:2]
    inside = (a > left) & (a < right) & (b > bottom) & (b < top)
    assert inside.any()
    np.testing.assert_array_equal(picker.region.mask.data, inside)
    assert picker.place.get_title() == f"{picker.region.pixels} pixels"
    assert len(picker.spectrum.lines) == 1
    plt.close("all")
