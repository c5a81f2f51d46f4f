"""Low losses that lie beside their core loss, against offsets that are put in."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.numerics.low_loss.pixel_offset import pixel_offset

SHAPES = [(40,), (40, 36), (1, 40)]


def specimen(shape, seed=0, width=2.0):
    """t/lambda with grains, and the share of one of two phases."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal((2, *shape)), (0, *([width] * len(shape))))
    field /= field.std((*range(1, field.ndim),), keepdims=True)
    return 0.4 + 0.1 * field[0], 1 / (1 + np.exp(-2 * field[1]))


def scans(shape, offset, seed=0, counts=1e5):
    """Counts of the core loss, and maps of a low loss that lies beside it."""
    rng = np.random.default_rng(seed)
    t, phase = specimen([n + 4 * (n > 2) for n in shape], seed)

    def part(field, d):
        return field[
            tuple(
                slice(2 + x, 2 + x + n) if n > 2 else slice(None)
                for x, n in zip(d, shape, strict=True)
            )
        ]

    still = (0,) * len(shape)
    core = part(t * np.exp(-t) * (1 + 0.2 * phase), still)
    # what the core loss has at x the low loss has at x + offset
    t_low = part(t, tuple(-x for x in offset))
    zero = rng.poisson(counts * np.exp(-t_low))
    total = zero + rng.poisson(counts * -np.expm1(-t_low))
    log = np.log(total / zero)
    return rng.poisson(counts * core).astype(float), np.stack([total, zero, zero * log])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [-2, -1, 0, 1, 2])
def test_offsets_are_found(shape, pixels):
    """Truth: the offset that is put in; no other is said in five scenes each.

    A line of forty pixels may be too short to be sure of one, a map is not: of one pixel in most of
    the scenes, whose grains are two pixels wide (standard deviation), of two in all.
    """
    offset, found = (*(0,) * (len(shape) - 1), pixels), 0
    for seed in range(5):
        core, maps = scans(shape, offset, seed)
        result = pixel_offset(core, float(core.mean()), maps)
        assert result.offset in (offset, (0,) * len(shape))
        assert result.explained > 0.2
        found += result.offset == offset
    if shape[0] == 40 and len(shape) == 2:
        assert found >= (5 if abs(pixels) == 2 else 3)


def test_no_offset_is_made_up():
    """Truth: none. Wedges, noise, and a core loss that has nothing to do with the low loss."""
    rng = np.random.default_rng(0)
    wedge = np.broadcast_to(np.linspace(0.2, 1.2, 30), (30, 30))
    other = specimen((30, 30), seed=7)[0]
    for t, core in ((wedge, wedge * np.exp(-wedge)), (0 * wedge + 0.5, other), (other, wedge)):
        for _ in range(3):
            zero = rng.poisson(1e4 * np.exp(-t))
            total = zero + rng.poisson(-1e4 * np.expm1(-t))
            counts = rng.poisson(1e4 * core).astype(float)
            maps = np.stack([total, zero, zero * np.log(total / zero)])
            assert pixel_offset(counts, float(counts.mean()), maps).offset == (0, 0)


def test_another_scan_explains_nothing():
    """Truth: thickness and core loss of two fields that are independent."""
    t, other = specimen((30, 30), 1)[0], specimen((30, 30), 2)[0]
    rng = np.random.default_rng(0)
    zero = rng.poisson(1e5 * np.exp(-t))
    total = zero + rng.poisson(-1e5 * np.expm1(-t))
    core = rng.poisson(1e5 * other * np.exp(-other)).astype(float)
    maps = np.stack([total, zero, zero * np.log(total / zero)])
    assert pixel_offset(core, float(core.mean()), maps).explained < 0.2
    # without structure nothing can be said
    flat = rng.poisson(1e5, (30, 30)).astype(float)
    assert pixel_offset(flat, 1e5, maps).explained is None
