"""Profiles against numerical integration, and what explains boundaries that are drawn with noise.

Truth: boundaries drawn by integration over the depth of the foil, each depth an error function.
"""

import numpy as np
import pytest
from scipy.special import ndtr

from hyperspy_unmix.numerics.fitting import projected_profile
from hyperspy_unmix.numerics.fitting.boundary_profile import (
    PROBE,
    SLOPE,
    VARIANCE,
    Profile,
    profile_of,
)
from hyperspy_unmix.numerics.fitting.inclined_boundary import SIGMA_PER_FWHM, fit_boundary
from hyperspy_unmix.numerics.fitting.straightened import straighten
from hyperspy_unmix.numerics.fitting.tilt_or_diffusion import compare, starts_of

PIXEL, PROBE_WIDTH = 1.0, 1.0
DEPTHS = (np.arange(60) + 0.5) / 60 - 0.5
INSIDE = np.linspace(-0.5, 0.5, 9)[1::2]


def drawn(x, thickness, degrees, diffusion, bow=0.0):
    """Share beyond a plane at each depth, in the mean of depths and pixels."""
    sigma = np.hypot(PROBE_WIDTH * SIGMA_PER_FWHM, diffusion)
    share = np.zeros(len(x))
    for depth in DEPTHS:
        at = x - depth * thickness * np.tan(np.radians(degrees)) - bow * (2 * depth) ** 2
        for inside in INSIDE:
            share += ndtr((at + inside) / sigma)
    return share / (len(DEPTHS) * len(INSIDE))


def explained(
    degrees=0.0, diffusion=0.0, noise=0.02, wave=0.0, wedge=0.0, bow=0.0, kind="phase",
    thick=2.0, probe=(1.0, 0.2), seed=0,
):  # fmt: skip
    """What is said of a foil of 50 in 30 x 80 pixels."""
    generator = np.random.default_rng(seed)
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(80) - 40, np.arange(30)))
    thickness = 50 * (1 + wedge * (y - 15) / 30)
    across = x - wave * np.sqrt(2) * np.sin(2 * np.pi * y / 20)
    if kind == "phase":
        shape = drawn(across, thickness, degrees, diffusion, bow)
    else:
        first, last = (
            drawn(across + side * thick / 2, thickness, degrees, diffusion) for side in (1, -1)
        )
        shape = first - last
    density, sd = 0.1 + 0.8 * shape + generator.normal(0, noise, len(x)), np.full(len(x), noise)
    boundary = fit_boundary(x, y, density, sd, thickness, kind, probe[0], PIXEL, 0.0)
    return straighten(x, y, density, sd, thickness, boundary, kind, PIXEL, probe)


def holds(limits, value):
    """Whether a range of two standard deviations holds the truth, three allowed (fixed seeds)."""
    middle, half = np.mean(limits), np.ptp(limits) / 2
    return abs(value - middle) <= 1.5 * half + 1e-9


@pytest.mark.parametrize("kind", ["phase", "layer"])
def test_derivatives_against_differences(kind):
    x = np.linspace(-12, 12, 41)
    profile = Profile(
        x, np.full(41, 0.01), x, np.ones(41), np.linspace(20, 30, 41), kind, PIXEL, (1.0, 0.2), 0.1
    )
    at = np.array([0.8, 0.1, 0.3, 0.2, 2.5, 1.1, 1.7])
    derivatives = profile.shape(at)[1]
    for i in range(7):
        if kind == "phase" and i == 4:
            continue
        step = np.zeros(7)
        step[i] = 1e-5
        expected = (profile.shape(at + step)[0] - profile.shape(at - step)[0]) / 2e-5
        np.testing.assert_allclose(derivatives[:, i], expected, atol=1e-8)


def test_a_ramp_with_diffusion_is_the_mean_of_its_depths():
    x = np.linspace(-20, 20, 41)
    variance = (PROBE_WIDTH * SIGMA_PER_FWHM) ** 2 + 2.0**2
    width = np.full(41, 50 * np.tan(np.radians(15)))
    found = projected_profile.ramp(x, width, variance, PIXEL).value
    # 60 depths in place of all
    np.testing.assert_allclose(found, drawn(x, 50.0, 15.0, 2.0), atol=2e-3)


@pytest.mark.parametrize(
    ("degrees", "diffusion", "cause"),
    [(15.0, 0.0, "tilt"), (0.0, 4.0, "diffusion"), (15.0, 2.0, "both"), (0.0, 0.0, "sharp")],
)
@pytest.mark.parametrize("wedge", [0.0, 0.5])
def test_what_makes_the_boundary_wide(degrees, diffusion, cause, wedge):
    found = explained(degrees, diffusion, wedge=wedge).comparison
    assert found.cause == cause
    assert holds(found.slopes, np.tan(np.radians(degrees)))
    assert holds(found.diffusions, diffusion)
    assert found.chance > 1e-3


def test_diffusion_alone_is_not_called_a_tilt_at_any_dose():
    """Issue 24: 4 nm of interdiffusion in a vertical boundary were 13.7 degrees."""
    for noise in (0.01, 0.1, 0.4):
        found = explained(0.0, 4.0, noise=noise).comparison
        assert found.cause in ("diffusion", "cannot be told")
        assert found.slopes[0] == 0
        assert holds(found.diffusions, 4.0)


def test_where_noise_hides_the_shape_it_cannot_be_told():
    """The range goes from none to what a tilt alone would be, for both."""
    found = explained(10.0, 0.0, noise=0.3).comparison
    assert found.cause == "cannot be told"
    assert found.slopes[0] == found.diffusions[0] == 0
    assert found.slopes[1] > found.fits["tilt"].slope
    assert found.diffusions[1] > found.fits["diffusion"].diffusion
    assert found.lacks("tilt") < 3
    assert found.lacks("diffusion") < 3


def test_what_is_narrower_than_the_probe_hangs_on_its_shape():
    """A width of less than the probe's cannot be told from a probe that is no Gaussian."""
    found = explained(1.0, 0.0, noise=0.002, probe=(1.0, 1.0)).comparison
    assert found.slopes[0] == 0
    assert found.slopes[1] > np.tan(np.radians(1.0))
    assert found.cause not in ("tilt", "both")


def test_a_wavy_trace_is_followed():
    """Waves of 2 nm, which widened the mean profile to 13 degrees."""
    found = explained(8.0, 0.0, noise=0.01, wave=2.0)
    assert found.comparison.cause == "tilt"
    assert found.waviness == pytest.approx(2.0, rel=0.15)  # on 30 rows, one and a half waves
    low, high = found.comparison.slopes
    slack = found.turned * np.tan(np.radians(8.0))
    assert low - slack < np.tan(np.radians(8.0)) < high + slack
    assert explained(8.0, 0.0, noise=0.01).waviness == 0


def test_a_curved_boundary_is_neither():
    assert explained(10.0, 0.0, noise=0.01, bow=8.0).comparison.cause == "neither"


def test_a_layer_may_be_as_wide_as_it_is_thick():
    """In an even foil a thick layer on edge is what a thin inclined one is; a wedge tells."""
    even = explained(0.0, 0.0, kind="layer", thick=12.0).comparison
    assert even.cause == "cannot be told"
    assert even.slopes[0] == 0
    assert even.slopes[1] > 0.95 * 12 / 50
    tilted = explained(14.0, 0.0, kind="layer", wedge=0.7).comparison
    assert tilted.cause == "tilt"
    assert holds(tilted.slopes, np.tan(np.radians(14.0)))


def test_ranges_hold_the_truth():
    """Of 24 draws with both, two standard deviations hold at least 20 (chance of fewer: 0.4 %)."""
    slope, right = np.tan(np.radians(12.0)), 0
    x, generator = np.arange(-30, 30, 0.5), np.random.default_rng(0)
    shape, sd = drawn(x, 50.0, 12.0, 1.5), np.full(len(x), 0.01)
    for _ in range(24):
        density = shape + generator.normal(0, sd)
        thickness = np.full(len(x), 50.0)
        profile = profile_of(x, density, sd, thickness, "phase", PIXEL, (1.0, 0.2))
        found = compare(profile, starts_of(profile, slope, 0.0, 1.0))
        right += found.slopes[0] <= slope <= found.slopes[1]
    assert right >= 20


def test_a_probe_that_is_not_known_is_fitted():
    """Told 1 to within 1, drawn as 2.5: wider by the probe, and no wider by anything else."""
    sigma = 2.5 * SIGMA_PER_FWHM
    extra = float(np.sqrt(sigma**2 - (PROBE_WIDTH * SIGMA_PER_FWHM) ** 2))
    found = explained(0.0, extra, probe=(1.0, 1.0)).comparison
    assert found.cause == "sharp"
    sharp = found.fits["sharp"].parameters
    assert sharp[PROBE] == pytest.approx(2.5, rel=0.1)
    assert sharp[SLOPE] == sharp[VARIANCE] == 0
