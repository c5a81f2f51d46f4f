"""What speaks against the components that were counted: absorption, and what only sums show."""

from types import SimpleNamespace

import numpy as np
import pytest

from hyperspy_unmix import pca
from hyperspy_unmix.analysis.absorption_finding import find_absorption
from hyperspy_unmix.analysis.faint_components import find_faint, summed_spectra
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.tests.scenes import calibrated

SIDE, CHANNELS = 32, 160
ENERGY = 0.2 + 0.05 * np.arange(CHANNELS)  # keV
LINES = (  # keV and counts: two phases that share some, one film of a single line
    {0.52: 5, 1.74: 2, 3.7: 1, 6.4: 2},
    {0.52: 3, 1.25: 3, 2.3: 2, 6.4: 4},
    {0.28: 6},
)
Y, X = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)


def line(energy):
    return np.exp(-0.5 * ((ENERGY - energy) / 0.06) ** 2)


SPECTRA = [0.05 + sum(n * line(energy) for energy, n in lines.items()) for lines in LINES]
GRAINS = np.stack([(np.sin(9 * X) * np.cos(7 * Y) > 0) * 1.0, np.sin(9 * X) * np.cos(7 * Y) <= 0])


def eds(expected, counts=400.0, seed=0):
    expected = counts * expected / expected.sum(-1).mean()
    s = calibrated(np.random.default_rng(seed).poisson(expected).astype(float), "EDS_TEM_unmix")
    axis = s.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = ENERGY[0], ENERGY[1] - ENERGY[0], "keV"
    return s


def grains(absorbed=0.0, film=0.0):
    """Two phases in a wedge, ``absorbed`` at 1 keV where it is thickest; a film thicker along y."""
    thickness = 0.2 + 1.8 * X
    expected = np.einsum("pyx,pc->yxc", GRAINS * thickness, SPECTRA[:2])
    expected = expected * np.exp(-absorbed * thickness[..., None] / 4 * ENERGY**-2.8)
    return expected + film * (0.2 + Y)[..., None] * SPECTRA[2]


@pytest.mark.parametrize("seed", range(2))
def test_absorption_is_named_and_its_advice_works(seed):
    """Truth: two phases, whose low lines are weaker where it is thicker."""
    s = eds(grains(absorbed=0.4), seed=seed)
    result = pca(s)
    assert result.n_components > 2
    assert "WARNING: absorption" in result.settings
    low, high = find_absorption(result).signal_range
    again = pca(s, signal_range=(low, high))
    assert again.n_components == 2
    assert "WARNING: absorption" not in again.settings


@pytest.mark.parametrize("film", [0.0, 1.0])
def test_no_absorption_where_there_is_none(film):
    """Truth: phases of any thickness, a film of a low line that varies: chemistry."""
    assert "WARNING: absorption" not in pca(eds(grains(film=film))).settings


def faint(strength, seed=0, counts=4000.0):
    """Two phases, and a third in a broad field that single pixels do not show."""
    spectra = np.array([SPECTRA[0], SPECTRA[1], SPECTRA[1] + strength * line(4.6)])
    share = 0.5 + 0.5 * np.sin(5 * X)
    field = 0.5 * share * Y
    maps = np.stack([1 - share, share - field, field], -1)
    expected = maps @ spectra
    expected *= counts / expected.sum(-1).mean()
    data = np.random.default_rng(seed).poisson(expected).astype(float)
    return calibrated(data, "unmix")


@pytest.mark.parametrize("seed", range(2))
def test_what_only_sums_show_is_said_and_its_advice_works(seed):
    """Truth: three components, the third below the noise edge of single pixels."""
    s = faint(0.1, seed)
    result = pca(s)
    assert result.n_components == 2
    assert "WARNING: faint component" in result.settings
    found = find_faint(result)
    assert found.number == 1
    assert pca(s.rebin(scale=(*found.factors, 1))).n_components == 3


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_where_single_pixels_show_all(seed):
    """Truth: two components, and the third only in name."""
    assert "WARNING: faint component" not in pca(faint(0.0, seed)).settings


def test_sums_of_compressed_spectra():
    """Closed form: variances add up, the error of the physics is the same in every pixel."""
    rng = np.random.default_rng(0)
    scores, weights = rng.normal(size=(6, 2)), np.array([1.0, 2, 4, 1, 1, 2])
    error = np.diag([0.5, 0.1])
    spectra = LowRank(
        scores, np.eye(2, 5), weights, ChannelWhitening(np.ones(5)), np.eye(2), error,
        np.zeros((0, 5)),
    )  # fmt: skip
    sums = summed_spectra(spectra, np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_allclose(sums.scores, scores.reshape(3, 2, 2).sum(1))
    np.testing.assert_allclose(1 / sums.weights, [1.5, 1.25, 1.5])
    np.testing.assert_allclose(sums.model_error, 2 * error)


def test_not_where_the_noise_model_of_sums_is_another():
    """Closed form: sums of a camera's values have more read noise."""
    scree = SimpleNamespace(neighbours=None)
    prepared = SimpleNamespace(drift=None, noise=SimpleNamespace(kind="gain"))
    assert (
        find_faint(SimpleNamespace(prepared=prepared, summed=None, scree_of_pixels=scree)) is None
    )
