"""What a wrong background makes of spectra and maps, against backgrounds changed by hand."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.certainty.background_spread import BackgroundSpread

CHANNELS, PIXELS = 60, 80
SIZE = 1e-3  # of the errors; what is stated is linear in them


def scene(with_rest, modes=2, seed=0):
    """Two components, a background that goes with them (and one that does not), its errors."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, CHANNELS)
    spectra = np.stack([np.exp(-x), np.exp(-(((x - 0.6) / 0.1) ** 2)) + 0.1])
    spectra /= spectra.sum(1, keepdims=True)
    maps = rng.uniform(50, 100, (PIXELS, 2))
    height = maps @ [0.02, 0.005]
    if with_rest:
        rest = rng.standard_normal(PIXELS)
        rest -= maps @ np.linalg.lstsq(maps, rest)[0]
        height = height + 0.5 * rest
    shared = SIZE * np.stack([x**k for k in range(1, modes + 1)])
    of_noise = SIZE * np.stack([1 - x, np.sin(3 * x)])
    return BackgroundSpread(
        spectra=spectra,
        maps=maps,
        height=height,
        shared=shared,
        of_noise=of_noise,
        errors=np.array([0.5, 2.0]),
        sd=np.ones(CHANNELS),
        unit_integral=np.array([True, True]),
    )


def drawn(spread, draws=4000, seed=1):
    """Spectra and maps with another background left in the counts of the components."""
    rng, spectra, maps = np.random.default_rng(seed), [], []
    for _ in range(draws):
        z = rng.standard_normal(len(spread.shared))
        left = np.outer([0.02, 0.005], z @ spread.shared)
        own = rng.standard_normal((2, len(spread.of_noise)))
        changed = spread.spectra + left + np.sqrt(spread.errors)[:, None] * own @ spread.of_noise
        total = changed.sum(1)
        rest = spread.height - spread.maps @ np.array([0.02, 0.005])
        counts = spread.maps @ changed + np.outer(rest, z @ spread.shared)
        # Maps of the changed spectra, to first order those of the true ones.
        remainder = np.outer(rest, z @ spread.shared) @ np.linalg.pinv(spread.spectra)
        spectra.append(changed / total[:, None])
        maps.append(spread.maps * total + remainder)
        assert np.allclose(counts - np.outer(rest, z @ spread.shared), spread.maps @ changed)
    return np.array(spectra), np.array(maps)


@pytest.mark.parametrize("with_rest", [False, True])
def test_against_draws(with_rest):
    """Truth: the scatter of 4 000 draws, known to 1.1 % (a few times that in the worst value)."""
    spread = scene(with_rest)
    spectra, maps = drawn(spread)
    stated = np.sqrt(spread.spectra_variance())
    seen = stated > 0.1 * stated.max()
    np.testing.assert_allclose(spectra.std(0)[seen], stated[seen], rtol=0.06)
    np.testing.assert_allclose(maps.std(0), np.sqrt(spread.maps_variance()), rtol=0.06)
    counts = (spectra * maps.sum(1)[:, :, None]).std(0) / spread.maps.sum(0)[:, None]
    np.testing.assert_allclose(counts, np.sqrt(spread.totals_variance()), rtol=0.06)
    np.testing.assert_allclose(
        (maps.sum(1) / spread.maps.sum(0)).std(0), spread.relative, rtol=0.06
    )


def test_without_an_integral_only_the_shape_changes():
    """A spectrum of norm one keeps it whatever the background; its map has no relative error."""
    spread = scene(False)
    spread = BackgroundSpread(**{**vars(spread), "unit_integral": np.array([True, False])})
    assert spread.relative[1] == 0
    np.testing.assert_allclose(spread.spectra_variance()[1], spread.totals_variance()[1])
