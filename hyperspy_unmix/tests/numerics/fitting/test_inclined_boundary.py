"""Projected planes against numerical integration, and the fit against planes drawn with noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.fitting.inclined_boundary import SIGMA_PER_FWHM, fit_boundary, ramp


def drawn_ramp(x, width, sigma, pixel, fine):
    """The ramp by brute force: drawn finely, smoothed, averaged over pixels."""
    step = pixel / fine
    at = np.arange(x.min() - 8 * (sigma + pixel), x.max() + 8 * (sigma + pixel), step)
    line = np.clip((at + width / 2) / width, 0, 1)
    line = gaussian_filter1d(line, sigma / step, mode="nearest")
    line = np.convolve(line, np.ones(fine) / fine, "same")
    return np.interp(x, at, line)


@pytest.mark.parametrize("width", [0.05, 1.0, 7.0])
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_ramp_against_numerical_integration(width, sigma):
    x = np.linspace(-8, 8, 33)
    # four points across the pixel: exact to 1e-3 where the probe is a third of it
    found = ramp(x, np.full(x.shape, width), sigma, 1.0)
    np.testing.assert_allclose(found, drawn_ramp(x, width, sigma, 1.0, 201), atol=2e-3)


def scene(kind, degrees, direction=0.3, noise=0.02, seed=0):
    """A wedge with an inclined boundary: pixels of 1, thickness 20 to 30."""
    generator = np.random.default_rng(seed)
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(60), np.arange(40)))
    thickness = 20 + y / 4
    across = (x - 30) * np.cos(direction) + (y - 20) * np.sin(direction) - 1.5
    width = thickness * np.tan(np.radians(degrees))
    if kind == "phase":
        shape = ramp(across, width, 1.2 * SIGMA_PER_FWHM, 1.0)
    else:
        shape = ramp(across + 1, width, 1.2 * SIGMA_PER_FWHM, 1.0) - ramp(
            across - 1, width, 1.2 * SIGMA_PER_FWHM, 1.0
        )
    density = 0.1 + 0.8 * shape + generator.normal(0, noise, x.shape)
    return x, y, density, np.full(x.shape, 1.0), thickness


@pytest.mark.parametrize("kind", ["phase", "layer"])
@pytest.mark.parametrize("degrees", [8.0, 25.0, 45.0])
def test_fit_finds_slope_and_direction_within_its_error(kind, degrees):
    found = fit_boundary(*scene(kind, degrees), kind, 1.2, 1.0)
    error = np.sqrt(found.covariance[0, 0])
    true = np.tan(np.radians(degrees))
    # one in 370 would be farther by chance; seeds are fixed
    assert abs(found.slope - true) < 3 * error + 1e-3 * true
    assert error < 0.1 * true
    turned = abs((found.direction - 0.3 + np.pi / 2) % np.pi - np.pi / 2)
    assert turned < 3 * np.sqrt(found.covariance[2, 2]) + 1e-3
    assert found.scatter == pytest.approx(0.02, rel=0.1)


def test_error_covers():
    """Slopes of 20 noise draws scatter as the error says."""
    found = [fit_boundary(*scene("phase", 25.0, seed=s), "phase", 1.2, 1.0) for s in range(20)]
    slopes = np.array([f.slope for f in found])
    stated = np.mean([np.sqrt(f.covariance[0, 0]) for f in found])
    # the standard deviation of 20 draws is known to 16 %
    assert 0.6 < slopes.std(ddof=1) / stated < 1.5
    assert abs(slopes.mean() - np.tan(np.radians(25))) < 4 * stated / np.sqrt(20)


def test_probe_is_told_by_its_full_width():
    """Closed form: a Gaussian is half as high at half its full width; a boundary blurred by it.

    Half of what is seen of the boundary is the probe: 5 % more of it are 5 % less slope.
    """
    assert np.exp(-0.5 * (0.5 / SIGMA_PER_FWHM) ** 2) == pytest.approx(0.5, rel=1e-12)
    x, y, _, sd, thickness = scene("phase", 8.0)
    across = (x - 30) * np.cos(0.3) + (y - 20) * np.sin(0.3)
    slope, full = np.tan(np.radians(8.0)), 4.0
    density = ramp(across, thickness * slope, full / 2.354820045, 1.0)
    found = fit_boundary(x, y, density, sd, thickness, "phase", full, 1.0)
    assert found.slope == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("kind", ["phase", "layer"])
@pytest.mark.parametrize("known", ["nothing", "direction", "near"])
def test_all_that_is_fitted_is_that_drawn(kind, known):
    """Truth: place, densities and width as drawn, to four standard deviations of 2400 pixels.

    Either end may come first: the direction is turned by pi then, and the ramp falls.
    """
    x, y, density, sd, thickness = scene(kind, 20.0, direction=1.1, seed=3)
    given = {"direction": 1.0} if known == "direction" else {}
    found = fit_boundary(x, y, density, sd, thickness, kind, 1.2, 1.0, **given)
    if known == "near":
        again = fit_boundary(x, y, density, sd, thickness, kind, 1.2, 1.0, near=found)
        assert again.position == pytest.approx(found.position, abs=1e-3)
        assert again.slope == pytest.approx(found.slope, abs=1e-3)
        found = again
    turned = np.cos(found.direction - 1.1)
    error = np.sqrt(np.diag(found.covariance))
    # the origin is the corner; the angle turns the plane about the middle of the pixels
    place = turned * (30 * np.cos(1.1) + 20 * np.sin(1.1) + 1.5)
    arm = 30 * np.sin(1.1) - 20 * np.cos(1.1)
    assert found.position == pytest.approx(place, abs=4 * (error[1] + abs(arm) * error[2]))
    assert abs(turned) > 1 - 1e-3
    if kind == "phase":
        assert found.amplitude == pytest.approx(0.8 * np.sign(turned), abs=0.01)
        assert found.offset == pytest.approx(0.1 if turned > 0 else 0.9, abs=0.01)
        assert found.layer == error[3] == 0
    else:
        # a thin layer under a wide ramp: only its width times its density is known well
        assert found.amplitude * found.layer == pytest.approx(0.8 * 2, rel=0.05)
        assert found.layer == pytest.approx(2, abs=4 * error[3])
        assert found.offset == pytest.approx(0.1, abs=0.01)
    clean = scene(kind, 20.0, direction=1.1, noise=0)[2]
    assert np.sqrt(np.mean((found.fitted - clean) ** 2)) < 4 * 0.02 * np.sqrt(6 / len(x))
    # as an F test: what the free numbers took out, of which noise alone would take one each
    left = density - found.fitted
    free, spread = (4 if kind == "phase" else 5), np.sum((density - density.mean()) ** 2)
    scatter = np.sum(left**2) / (len(x) - free - 1)
    assert found.f_statistic == pytest.approx((spread - np.sum(left**2)) / free / scatter, rel=1e-3)


def test_seen_is_that_of_noise_where_there_is_no_boundary():
    """Truth: noise only, in which the fit may choose among places, so that F may be above 1."""
    x, y, density, sd, thickness = scene("phase", 20.0, seed=4)
    noise = np.random.default_rng(5).normal(0.5, 0.02, len(density))
    assert fit_boundary(x, y, noise, sd, thickness, "phase", 1.2, 1.0).f_statistic < 10
    assert fit_boundary(x, y, density, sd, thickness, "phase", 1.2, 1.0).f_statistic > 1000
