"""Inclination of the boundary phantoms, everything from `unmix`; what is missing is said."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import hyperspy_unmix
from hyperspy_unmix import boundary_inclination, data


@pytest.fixture(scope="module")
def phase():
    """A phase boundary inclined by 30 degrees, 24 x 32 pixels, unmixed."""
    phantom = data.inclined_boundary(shape=(24, 40), inclination=30, field_of_view=60, seed=2)
    return phantom, hyperspy_unmix.unmix(phantom.signal, 2, low_loss=phantom.low_loss)


def test_phase_boundary(phase):
    _, result = phase
    found = boundary_inclination(result, 0, probe=1.0, mean_free_path=76.0)
    # the goal of the issue, and its own error; the phases' lambda are 74 and 78 nm
    assert abs(found.angle - 30) < 3
    assert abs(found.angle - 30) < found.error
    assert found.parts["mean free path"] == pytest.approx(
        np.degrees(0.2 * np.sin(np.radians(2 * found.angle)) / 2), rel=1e-3
    )
    # the boundary runs along y
    assert min(found.direction, 180 - found.direction) < 2
    assert "cannot be told" in repr(found)


def blurred(inclination, diffusion, counts=6e5, seed=1):
    """The same foil with a boundary that is diffuse along x by ``diffusion`` nm, and its noise.

    What is recorded there is a mean of what is recorded beside, for the foil is even along x; it is
    drawn with four columns for each pixel of 1.5 nm.
    """
    options = {"shape": (24, 160), "field_of_view": 60, "counts": counts, "noise": False}
    phantom = data.inclined_boundary(inclination=inclination, **options)
    generator = np.random.default_rng(seed)
    recorded = []
    for fine in (phantom.signal, phantom.low_loss):
        signal = fine.inav[:40, :]
        mixed = gaussian_filter1d(fine.data, 4 * diffusion / 1.5, axis=1, mode="nearest")
        means = mixed.reshape(24, 40, 4, -1).mean(2)
        signal.data = generator.poisson(np.maximum(means, 0)).astype("float32")
        for axis in signal.axes_manager.navigation_axes:
            axis.scale = 1.5
        recorded.append(signal)
    return hyperspy_unmix.unmix(recorded[0], 2, low_loss=recorded[1])


def test_diffusion_is_not_an_inclination():
    """A vertical boundary with 4 nm of interdiffusion was 13.7 degrees (issue 24)."""
    result = blurred(0.0, 4.0)
    for component in (0, 1):
        found = boundary_inclination(result, component, probe=1.0, mean_free_path=76.0)
        assert found.cause in ("diffusion", "cannot be told")
        assert found.angle_range[0] == 0
        # 4 nm within 5 %: t/lambda, which is smoothed, moves it by less
        assert found.diffusion_range[0] < 4 * 1.05
        assert found.diffusion_range[1] > 4 * 0.95
        text = repr(found)
        assert "diffus" in text
        assert "+-" not in text  # no angle is claimed
    without = boundary_inclination(result, 0, probe=1.0)
    assert without.angle_range is None
    assert "tan(angle)" in repr(without)
    plt.close(found.plot().figure)


def test_inclined_and_diffuse():
    found = boundary_inclination(blurred(20.0, 3.0), 0, probe=1.0, mean_free_path=76.0)
    assert found.angle_range[0] <= 20 <= found.angle_range[1]
    assert found.diffusion_range[0] <= 3 * 1.1
    assert found.diffusion_range[1] >= 3 * 0.9


def test_probe_of_the_metadata(phase):
    _, result = phase
    metadata = result.prepared.image.frame.metadata
    convergence = metadata.Acquisition_instrument.TEM.convergence_angle
    pixel = boundary_inclination(result, 0, mean_free_path=76.0).probe
    assert (pixel.source, pixel.width, pixel.error) == ("one pixel", 1.5, 1.5)
    metadata.set_item("Acquisition_instrument.TEM.probe_area", np.pi / 4 * 1.2**2)
    metadata.set_item("Acquisition_instrument.TEM.convergence_angle", 30.0)
    try:
        found = boundary_inclination(result, 0, mean_free_path=76.0).probe
        assert found.source == "metadata"
        # a disc of 1.2 nm; closed form of a cone of 30 mrad over the mean thickness
        assert found.width == pytest.approx(1.2)
        thickness = 76 * float(np.nanmean(result.thickness.data))
        assert found.added == pytest.approx((0.03 * thickness) ** 2 / 48, rel=0.01)
        given = boundary_inclination(result, 0, probe=0.8, beam_broadening=2.0).probe
        assert (given.source, given.width) == ("given", 0.8)
        assert given.added == pytest.approx((2.0 / 2.3548) ** 2, rel=1e-3)
    finally:
        del metadata.Acquisition_instrument.TEM.probe_area
        metadata.Acquisition_instrument.TEM.convergence_angle = convergence
    with pytest.raises(ValueError, match="probe=-1"):
        boundary_inclination(result, 0, probe=-1)


def test_both_phases_say_the_same(phase):
    _, result = phase
    first, second = (boundary_inclination(result, i, mean_free_path=76.0) for i in (0, 1))
    assert abs(first.angle - second.angle) < 2


def test_line_across_the_boundary(phase):
    import hyperspy.api as hs

    _, result = phase
    line = hs.roi.Line2DROI(2.0, 18.0, 57.0, 18.0, linewidth=20.0)
    found = boundary_inclination(result, 0, line, probe=1.0, mean_free_path=76.0)
    assert abs(found.angle - 30) < 3


def test_axes_in_micrometres():
    import hyperspy.api as hs

    phantom = data.inclined_boundary(shape=(24, 40), inclination=30, field_of_view=60, seed=2)
    for axis in phantom.signal.axes_manager.navigation_axes:
        axis.scale, axis.offset, axis.units = axis.scale / 1e3, axis.offset / 1e3, "µm"
    result = hyperspy_unmix.unmix(phantom.signal, 2, low_loss=phantom.low_loss)
    line = hs.roi.Line2DROI(2e-3, 18e-3, 57e-3, 18e-3, linewidth=20e-3)
    found = boundary_inclination(result, 0, line, probe=1.0, mean_free_path=76.0)
    assert abs(found.angle - 30) < 3


def test_without_mean_free_path_the_slope_is_in_units_of_it(phase):
    _, result = phase
    found = boundary_inclination(result, 0, probe=1.0)
    assert found.angle is None
    assert found.slope == pytest.approx(76 * np.tan(np.radians(30)), rel=0.05)
    assert "over the mean free path" in repr(found)


def test_mean_free_path_from_the_density(phase):
    _, result = phase
    found = boundary_inclination(result, 0, probe=1.0, density=5.2)
    in_nm = float(np.nanmedian(result.thickness_nm(density=5.2).data / result.thickness.data))
    expected = np.degrees(np.arctan(boundary_inclination(result, 0, probe=1.0).slope / in_nm))
    assert found.angle == pytest.approx(expected, abs=0.01)


def test_thickness_given_in_nm():
    phantom = data.inclined_boundary(shape=(24, 40), inclination=30, field_of_view=60, seed=2)
    nm = phantom.truth.parameters["phase_thickness"].sum(0)
    result = hyperspy_unmix.unmix(
        phantom.signal, 2, low_loss=phantom.low_loss, thickness=(nm, "nm")
    )
    found = boundary_inclination(result, 0, probe=1.0)
    assert abs(found.angle - 30) < 2
    assert found.parts["mean free path"] == 0


def test_grain_boundary():
    phantom = data.inclined_boundary(
        "grain", shape=(32, 48), inclination=20, field_of_view=40, seed=1
    )
    result = hyperspy_unmix.unmix(phantom.signal, 2, low_loss=phantom.low_loss)
    found = boundary_inclination(result, 1, kind="layer", probe=0.5, mean_free_path=77.0)
    assert abs(found.angle - 20) < 3
    assert abs(found.angle - 20) < found.error


def test_profile_and_plot(phase):
    _, result = phase
    found = boundary_inclination(result, 0, mean_free_path=76.0)
    measured, fitted = found.signals()
    assert measured.axes_manager[0].units == "nm"
    assert np.abs(measured.data - fitted.data).max() < 0.1 * np.ptp(fitted.data)
    ax = found.plot()
    assert "nm" in ax.get_xlabel()
    plt.close(ax.figure)


def test_what_is_missing_is_said(phase):
    import hyperspy.api as hs

    phantom, result = phase
    with pytest.raises(ValueError, match="kind='wall'"):
        boundary_inclination(result, 0, kind="wall")
    with pytest.raises(ValueError, match="no component"):
        boundary_inclination(result, 7)
    with pytest.raises(TypeError, match="Line2DROI"):
        boundary_inclination(result, 0, hs.roi.CircleROI(5, 5, 3))
    with pytest.raises(ValueError, match="longer line"):
        boundary_inclination(result, 0, hs.roi.Line2DROI(5, 5, 15, 5))
    with pytest.raises(ValueError, match="wider field"):
        boundary_inclination(result, 0, hs.roi.Line2DROI(22, 18, 38, 18, 20), mean_free_path=76)
    with pytest.raises(ValueError, match="positive number"):
        boundary_inclination(result, 0, mean_free_path=-1)
    alone = hyperspy_unmix.unmix(phantom.signal, 2, low_loss=None)
    with pytest.raises(ValueError, match="thickness"):
        boundary_inclination(alone, 0)


def test_a_map_without_a_boundary_is_refused():
    phantom = data.wedge(shape=(20, 20))
    result = hyperspy_unmix.unmix(phantom.signal, 1, low_loss=phantom.low_loss)
    with pytest.raises(ValueError, match="no boundary is seen"):
        boundary_inclination(result, 0)


def test_scan_without_a_unit_is_refused():
    phantom = data.inclined_boundary(shape=(16, 24), field_of_view=60)
    for axis in phantom.signal.axes_manager.navigation_axes:
        axis.units = ""
    result = hyperspy_unmix.unmix(phantom.signal, 2, low_loss=phantom.low_loss)
    with pytest.raises(ValueError, match="length is needed"):
        boundary_inclination(result, 0)
