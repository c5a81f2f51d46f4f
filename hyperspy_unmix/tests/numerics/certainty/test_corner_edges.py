"""Where an edge ends, against the truth it was drawn from."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.certainty.corner_edges import end_of_edge

SD, PIXELS, DRAWS = 0.03, 400, 40


def _drawn(kind: str, generator: np.random.Generator) -> np.ndarray:
    """Shares without noise, of an edge that ends at zero."""
    if kind == "alone":
        return np.zeros(PIXELS)
    if kind == "decaying":
        return generator.exponential(SD, PIXELS)
    even = generator.uniform(0, 0.6, 2 * PIXELS)
    return even if kind == "ramp" else np.concatenate([np.zeros(PIXELS // 4), even])


@pytest.mark.parametrize("kind", ["alone", "decaying", "ramp", "alone and ramp"])
def test_distance_from_the_end_is_held(kind):
    """Truth: where the shares were drawn from. 95 % in two deviations, less chance of 40 draws."""
    generator = np.random.default_rng(1)
    held = []
    for _ in range(DRAWS):
        # the corner that was found is up to 1.5 deviations of the noise inside of the end
        end = generator.uniform(-1.5, 0.3) * SD
        shares = _drawn(kind, generator) + end
        shares = shares + SD * generator.standard_normal(len(shares))
        shares = shares[(shares > -6 * SD) & (shares < 8 * SD)]
        mean, spread = end_of_edge(shares, np.full(len(shares), SD))
        held.append(abs(end) < 2 * np.hypot(mean, spread))
    assert np.mean(held) >= 0.85


def test_pixels_that_hold_one_phase_alone_leave_little_open():
    """Closed form: a mean of n pixels is known to sd / sqrt(n); the choice of model costs more."""
    generator = np.random.default_rng(2)
    shares = SD * generator.standard_normal(PIXELS)
    mean, spread = end_of_edge(shares, np.full(PIXELS, SD))
    assert np.hypot(mean, spread) < 6 * SD / np.sqrt(PIXELS)


def test_a_ramp_leaves_more_open_than_pixels_that_are_alone():
    """Where a corner was put at the mean of mixtures, the end is farther off than the noise."""
    generator = np.random.default_rng(3)
    shares = generator.uniform(0, 0.6, 2 * PIXELS) - SD
    shares = shares + SD * generator.standard_normal(len(shares))
    shares = shares[shares < 8 * SD]
    mean, _ = end_of_edge(shares, np.full(len(shares), SD))
    assert -1.6 * SD < mean < -0.3 * SD
