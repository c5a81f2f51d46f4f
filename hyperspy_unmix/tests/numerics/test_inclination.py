"""Projected planes against numerical integration, and the fit against planes drawn with noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.inclination import SIGMA, fit_boundary, ramp


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
        shape = ramp(across, width, 1.2 * SIGMA, 1.0)
    else:
        shape = ramp(across + 1, width, 1.2 * SIGMA, 1.0) - ramp(
            across - 1, width, 1.2 * SIGMA, 1.0
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
